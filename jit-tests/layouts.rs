//! Batches in every layout: shared by the engine `jit-batch`, the random trials and the fuzz targets.

use std::io::IoSlice;

use cbpf::packet::{Frames, Span};
use cbpf::{Context, Filter, Packet, Packets};

/// The name of a layout, and the verdicts on its packets.
pub type Outcome = (&'static str, Vec<u32>);

/// Returns the verdicts on some packets in every layout that can express these packets.
pub fn verdicts(filter: &Filter, packets: &[Packet]) -> Vec<Outcome> {
    let is_bare = |packet: &Packet| packet.context() == &Context::default();
    let is_whole = |packet: &Packet| is_bare(packet) && packet.wire_len() as usize == packet.data().len();
    let mut outcomes = vec![run(filter, "packets", packets.into())];
    if packets.iter().all(is_bare) {
        outcomes.push(run_frames(filter, packets));
    }
    if packets.iter().all(is_whole) {
        let slices: Vec<&[u8]> = packets.iter().map(Packet::data).collect();
        let io_slices: Vec<IoSlice> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
        outcomes.extend([run(filter, "slices", (&slices).into()), run(filter, "I/O slices", (&io_slices).into())]);
    }
    outcomes
}

fn run_frames(filter: &Filter, packets: &[Packet]) -> Outcome {
    let mut buffer = vec![0xff; 7];
    let mut spans = Vec::new();
    for packet in packets {
        spans.push(Span { start: buffer.len(), captured: packet.data().len(), wire_len: packet.wire_len() });
        buffer.extend_from_slice(packet.data());
    }
    let frames = Frames::new(&buffer, &spans).expect("all were appended to the buffer");
    run(filter, "frames", frames.into())
}

fn run(filter: &Filter, layout: &'static str, packets: Packets) -> Outcome {
    /// A value that no program of the tests returns.
    const UNTOUCHED: u32 = 0xdead_beef;
    let mut verdicts = vec![UNTOUCHED; packets.len()];
    filter.run_batch(packets, &mut verdicts);
    (layout, verdicts)
}
