//! The packets of a page: a few of many, with what the program did with them.
//!
//! The first packet on each path is kept, up to a number of paths, and the first packets at all. Their bytes and steps
//! are cut, so the sample of any capture is small.

use std::collections::HashMap;

use cbpf::debug::{Executed, Trace};
use cbpf::{Packet, Verified};
use serde_json::{Value, json};

/// The most paths of which a packet is kept, and the number of further packets, which are the first ones.
const MOST_PATHS: usize = 40;
const FIRST: usize = 16;

/// The most bytes of a packet that are kept, and the number of those that are kept even if no instruction read them.
const MOST_BYTES: usize = 2048;
const FEW_BYTES: usize = 192;

/// The most steps of a packet.
const MOST_STEPS: usize = 1500;

/// The sample of the packets on which a program ran.
#[derive(Default)]
pub(super) struct Sample {
    /// The first packet on each path, by the number of the path.
    paths: HashMap<u64, usize>,
    packets: Vec<SampledPacket>,
    /// The number of packets beside those of the paths.
    others: usize,
}

pub(super) struct SampledPacket {
    /// The number, from 1 through all captures.
    pub(super) number: u64,
    pub(super) verdict: u32,
    /// Its line in the output of `cbpf print`, and its time.
    pub(super) line: String,
    time: String,
    /// The number of packets on the same path; 0 if the path has another packet in the sample, or if it was not
    /// counted.
    pub(super) on_path: u64,
    captured: usize,
    data: Vec<u8>,
    /// How the program ended.
    end: String,
    steps: Vec<Value>,
    /// The number of all steps, which may be more.
    executed: usize,
    /// The executed instructions of the other program of the page.
    other_path: Vec<usize>,
}

impl Sample {
    /// Counts a packet on this path, and keeps what `make` returns if it is the first one there, or one of the first at
    /// all.
    pub(super) fn add(&mut self, path: u64, make: impl FnOnce() -> SampledPacket) {
        match self.paths.get(&path) {
            Some(&place) => {
                self.packets[place].on_path += 1;
                if self.others < FIRST {
                    self.others += 1;
                    self.packets.push(make());
                }
            }
            None if self.paths.len() < MOST_PATHS => {
                self.paths.insert(path, self.packets.len());
                self.packets.push(SampledPacket { on_path: 1, ..make() });
            }
            None => {}
        }
    }

    /// Returns the packets, those that are the first on their path first.
    pub(super) fn into_packets(self) -> Vec<SampledPacket> {
        let (mut firsts, others): (Vec<_>, Vec<_>) = self.packets.into_iter().partition(|packet| packet.on_path > 0);
        firsts.extend(others);
        firsts
    }
}

impl SampledPacket {
    /// Runs a program on a packet, and another one of which only the path is kept. The packet has a line and a time.
    pub(super) fn new(
        number: u64,
        [line, time]: [String; 2],
        packet: Packet,
        program: &Verified,
        other: &Verified,
    ) -> SampledPacket {
        let trace = program.trace(packet);
        let read_end = |executed: &Executed| executed.read.map_or(0, |read| read.offset + read.bytes.len());
        let most = trace.iter().map(read_end).max().unwrap_or(0).clamp(FEW_BYTES, MOST_BYTES);
        let other_path = match program == other {
            true => Vec::new(),
            false => other.trace(packet).iter().take(MOST_STEPS).map(|executed| executed.pc).collect(),
        };
        SampledPacket {
            number,
            verdict: trace.verdict(),
            line,
            time,
            on_path: 0,
            captured: packet.data().len(),
            data: packet.data()[..packet.data().len().min(most)].to_vec(),
            end: end(&trace),
            steps: trace.iter().take(MOST_STEPS).map(step).collect(),
            executed: trace.iter().count(),
            other_path,
        }
    }

    /// Returns the executed instructions that are kept.
    pub(super) fn executed(&self) -> impl Iterator<Item = usize> {
        self.steps.iter().filter_map(|step| Some(step.get(0)?.as_u64()? as usize))
    }

    /// Returns the packet for the script of the page.
    pub(super) fn json(&self) -> Value {
        let hex: String = self.data.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({
            "number": self.number,
            "line": self.line,
            "time": self.time,
            "captured": self.captured,
            "hex": hex,
            "end": self.end,
            "steps": self.steps,
            "executed": self.executed,
            "other": self.other_path,
        })
    }
}

/// Returns a step as `[pc, A, X]`, after it; then `0, offset, length` if it read bytes, or `1, slot, value` if it
/// stored a word. A step that changed neither register has only the first number.
fn step(executed: &Executed) -> Value {
    let Executed { pc, before, after, .. } = *executed;
    match (executed.read, executed.stored) {
        (Some(read), _) => json!([pc, after.a, after.x, 0, read.offset, read.bytes.len()]),
        (None, Some((slot, value))) => json!([pc, after.a, after.x, 1, slot, value]),
        (None, None) if before == after => json!([pc]),
        (None, None) => json!([pc, after.a, after.x]),
    }
}

fn end(trace: &Trace) -> String {
    match trace.end() {
        Ok(0) => "dropped".to_owned(),
        Ok(verdict) => format!("kept, verdict {verdict}"),
        Err(reason) => format!("{}: {reason}", if trace.verdict() == 0 { "dropped" } else { "kept" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbpf::debug::Profile;
    use cbpf::{Dialect, Program};

    /// Returns the number of each packet of a sample, and of the packets on its path.
    fn sampled(packets: impl Iterator<Item = Vec<u8>>) -> Vec<(u64, u64)> {
        let program: Program = "ldb [0]\n jgt #9, far\n ldb [1]\n far: ret a".parse().unwrap();
        let verified = program.verify(Dialect::Linux).unwrap();
        let (mut profile, mut sample) = (Profile::new(&verified), Sample::default());
        for (number, packet) in (1..).zip(packets) {
            profile.run(&packet[..]);
            let make = || SampledPacket::new(number, Default::default(), Packet::new(&packet), &verified, &verified);
            sample.add(profile.last_path(), make);
        }
        sample.into_packets().iter().map(|packet| (packet.number, packet.on_path)).collect()
    }

    #[test]
    fn keeps_one_packet_of_each_path_and_the_first_ones() {
        let packets = sampled((0..200).map(|number: u8| if number < 100 { vec![1, 2] } else { vec![number] }));
        assert_eq!(packets[..3], [(1, 100), (101, 100), (2, 0)]);
        assert_eq!(packets.len(), 2 + FIRST);
        assert_eq!(sampled(std::iter::empty()), []);
    }

    #[test]
    fn cuts_bytes_and_steps() {
        let program: Program = format!("{}ret a", "add #1\n".repeat(4000)).parse().unwrap();
        let verified = program.verify(Dialect::Linux).unwrap();
        let packet = SampledPacket::new(1, Default::default(), Packet::new(&[7; 65_536]), &verified, &verified);
        let json = packet.json();
        assert_eq!(json["hex"].as_str().unwrap().len(), 2 * FEW_BYTES);
        assert_eq!(json["steps"].as_array().unwrap().len(), MOST_STEPS);
        assert_eq!((json["executed"].as_u64(), packet.executed().last()), (Some(4001), Some(MOST_STEPS - 1)));
        assert_eq!((json["captured"].as_u64(), json["end"].as_str()), (Some(65_536), Some("kept, verdict 4000")));
    }
}
