//! Batches of packets as arrays of records, which compiled loops read, and the prefetching of packets.

use std::hint::black_box;
use std::mem::offset_of;
use std::ops::Range;
use std::ptr;
use std::time::{Duration, Instant};

use crate::ir::{Graph, Strategy, Value};
use crate::packet::Packet;
use crate::packet::batch::{Layout, Packets, Span};

/// Packets in the layout of a [`BatchJob`](crate::codegen::code::BatchJob).
#[derive(Clone, Copy)]
pub(crate) struct PacketRecords<'p> {
    first: *const u8,
    count: usize,
    stride: usize,
    base: *const u8,
    wire_len_at: usize,
    packets: Packets<'p>,
}

impl<'p> PacketRecords<'p> {
    /// Returns the records of packets, if they have the layout that compiled loops read.
    pub(crate) fn of(packets: Packets<'p>) -> Option<PacketRecords<'p>> {
        let (none, whole) = (ptr::null(), 0);
        Some(match packets.layout() {
            Layout::Slices(slices) if slices_are_records() => PacketRecords::new(packets, slices, none, whole),
            // An `iovec`: an address and a length. Windows has them in the opposite order.
            Layout::IoSlices(slices) if cfg!(unix) => PacketRecords::new(packets, slices, none, whole),
            Layout::Packets(records) if slices_are_records() && Packet::DATA_AT == 0 => {
                PacketRecords::new(packets, records, none, Packet::WIRE_LEN_AT)
            }
            Layout::Frames(frames) => {
                const { assert!(offset_of!(Span, start) == 0 && offset_of!(Span, captured) == size_of::<usize>()) };
                PacketRecords::new(packets, frames.spans(), frames.buffer().as_ptr(), offset_of!(Span, wire_len))
            }
            _ => return None,
        })
    }

    fn new<T>(packets: Packets<'p>, records: &[T], base: *const u8, wire_len_at: usize) -> PacketRecords<'p> {
        let (first, count) = (records.as_ptr().cast(), records.len());
        PacketRecords { first, count, stride: size_of::<T>(), base, wire_len_at, packets }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Returns the address that the addresses in records are relative to.
    pub(crate) fn base(&self) -> *const u8 {
        self.base
    }

    /// Returns the offset of the length on the wire in a record.
    pub(crate) fn wire_len_at(&self) -> usize {
        self.wire_len_at
    }

    /// Returns the packets from an index on.
    pub(crate) fn packets(&self, from: usize) -> impl Iterator<Item = Packet<'p>> {
        let packets = self.packets;
        (from..self.count).map_while(move |index| packets.get(index))
    }

    /// Returns the address of a record, or the end of the records.
    pub(crate) fn record(&self, index: usize) -> *const u8 {
        self.first.wrapping_add(index * self.stride)
    }

    /// Returns the address of a packet.
    #[expect(unsafe_code, reason = "a record is read")]
    pub(crate) fn packet(&self, index: usize) -> *const u8 {
        assert!(index < self.count);
        // SAFETY: the record is an element of the slice given to `new`, and begins with a pointer or a `usize`.
        let start = unsafe { self.record(index).cast::<*const u8>().read() };
        self.base.wrapping_add(start.addr())
    }

    /// The number of packets to prefetch ahead of a loop that runs one after the other.
    pub(crate) const DISTANCE: usize = 16;

    /// Calls `run` with consecutive ranges of `indices`. If packets are not cached, the ranges are of `piece` packets,
    /// and those of the next range are prefetched.
    pub(crate) fn in_chunks(
        &self,
        indices: Range<usize>,
        prefetched: Option<PrefetchRange>,
        piece: usize,
        mut run: impl FnMut(Range<usize>),
    ) {
        let chunks = |indices: Range<usize>, len: usize| {
            let end = indices.end;
            indices.step_by(len).map(move |start| start..end.min(start + len))
        };
        for chunk in chunks(indices, CHUNK) {
            let is_worth = |&at: &PrefetchRange| chunk.len() < ALWAYS_PREFETCHED || self.are_cold(chunk.clone(), at);
            let Some(prefetched) = prefetched.filter(is_worth) else {
                run(chunk);
                continue;
            };
            self.prefetch(chunk.start..chunk.start + piece, prefetched);
            for indices in chunks(chunk, piece) {
                self.prefetch(indices.end..indices.end + piece, prefetched);
                run(indices);
            }
        }
    }

    /// Returns whether packets are outside of the cache: then reads of a few of them take long.
    fn are_cold(&self, indices: Range<usize>, prefetched: PrefetchRange) -> bool {
        let step = (indices.len() / SAMPLES).max(1);
        let start = Instant::now();
        for packet in indices.step_by(step).filter_map(|index| self.packets.get(index)) {
            black_box(packet.data().get(prefetched.first).copied());
        }
        start.elapsed() > COLD_TIME
    }

    /// Prefetches a range of each packet.
    fn prefetch(&self, indices: Range<usize>, prefetched: PrefetchRange) {
        for index in indices.start..indices.end.min(self.count) {
            let packet = self.packet(index);
            prefetch(packet.wrapping_add(prefetched.first));
            if let Some(last) = prefetched.last {
                prefetch(packet.wrapping_add(last));
            }
        }
    }
}

/// The bytes of a packet that a program is likely to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PrefetchRange {
    pub(crate) first: usize,
    /// The last one, if it may lie in another cache line and branchless code reads it in any case. To prefetch for
    /// branches what they seldom read takes longer than it saves.
    pub(crate) last: Option<usize>,
}

impl PrefetchRange {
    /// The usual offset of loads at computed addresses: after an IPv6 header, or an IPv4 header and a few bytes.
    pub(crate) const COMPUTED: usize = 58;

    /// The range that classifiers read: the type of a frame, and the addresses and ports of IPv4 and IPv6.
    pub(crate) const CLASSIFIER: Option<PrefetchRange> =
        Some(PrefetchRange { first: 12, last: Some(PrefetchRange::COMPUTED) });

    /// Returns the range that a graph reads, if it reads the packet.
    pub(crate) fn of(graph: &Graph) -> Option<PrefetchRange> {
        let (mut first, mut last) = (usize::MAX, 0);
        for value in graph.values.iter() {
            if let Value::Load(address, ..) = value {
                let offset = if address.base.is_some() { PrefetchRange::COMPUTED } else { address.offset as usize };
                (first, last) = (first.min(offset), last.max(offset));
            }
        }
        let is_worth = graph.strategy() != Strategy::Branches && last >= first.saturating_add(8);
        (first <= last).then_some(PrefetchRange { first, last: is_worth.then_some(last) })
    }
}

/// The number of packets after which samples decide again about prefetching.
const CHUNK: usize = 1024;

/// The number of packets that are sampled from a chunk.
const SAMPLES: usize = 8;

/// The smallest chunk that is sampled; smaller ones are always prefetched.
const ALWAYS_PREFETCHED: usize = 128;

/// The time of sampling above which packets are not cached: one access to memory takes longer, and two readings of the
/// clock and cached samples take about 30 ns. With a slow clock all packets are prefetched, which costs 0.5 ns a
/// packet.
const COLD_TIME: Duration = Duration::from_nanos(80);

#[inline]
#[expect(unsafe_code, reason = "an instruction of the machine")]
fn prefetch(address: *const u8) {
    // SAFETY: every x86-64 has SSE; the instruction changes no memory and never faults.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    // SAFETY: the instruction changes no memory and never faults.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    // SAFETY: the instruction changes no memory and never faults. It is `prefetch.r` of the extension Zicbop, and does
    // nothing on processors without it.
    #[cfg(target_arch = "riscv64")]
    unsafe {
        std::arch::asm!("ori x0, {}, 1", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    // SAFETY: the instruction changes no memory and never faults. `reg_addr` excludes r0, which stands for no address.
    #[cfg(target_arch = "s390x")]
    unsafe {
        std::arch::asm!("pfd 1, 0({})", in(reg_addr) address, options(nostack, preserves_flags, readonly));
    }
}

/// Returns whether a slice consists of its address and its length, in this order: Rust does not guarantee it.
#[expect(unsafe_code, reason = "reads the layout of a slice")]
fn slices_are_records() -> bool {
    let slice: &[u8] = &[1, 2, 3];
    // SAFETY: a slice reference is a pointer and a length, both initialised; `transmute` checks the sizes.
    let [first, second] = unsafe { std::mem::transmute::<&[u8], [usize; 2]>(slice) };
    first == slice.as_ptr().addr() && second == slice.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, batches are still right, but run packet by packet.
    #[test]
    fn slices_have_the_layout_of_records() {
        assert!(slices_are_records());
        assert_eq!(Packet::DATA_AT, 0);
    }
}
