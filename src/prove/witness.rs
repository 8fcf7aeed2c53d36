//! Witnesses: packets that show that a claim fails, as small and as plain as possible.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::bpf::dialect::Dialect;
use crate::bpf::isa::Width;
use crate::bpf::verify::{SCRATCH_WORDS, SECCOMP_DATA, Step, Verified};
use crate::interpret::halt_reason::HaltReason;
use crate::interpret::observer::{Observer, Registers};
use crate::ir::hash_map::HashMap;
use crate::packet::ancillary::Extension;
use crate::packet::context::{Context, Device, Vlan};
use crate::packet::header::Header;
use crate::packet::{MAX_CAPTURED, Packet};
use crate::prove::inputs::Input;
use crate::prove::packets::{Lengths, Packets};

/// The longest packet that is built, in bytes.
const MAX_LEN: usize = 1 << 24;

/// The most bytes that are tried one by one.
const MAX_TRIED: usize = 1 << 11;

/// The starts of the network and the link header, where nothing decides them: behind what programs mostly read.
const NETWORK_HEADER: u32 = 512;
const LINK_HEADER: u32 = 256;

/// A packet on which a claim fails, and why.
///
/// It is the shortest packet that has all bytes that the programs load, and all its bits are 0 but those that must be 1
/// given the others. Lengths and checksums in headers are not made consistent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    data: Vec<u8>,
    wire_len: u32,
    context: Context,
    deciding: Vec<usize>,
    verdicts: Vec<u32>,
}

impl Witness {
    /// Returns the packet, with its context.
    pub fn packet(&self) -> Packet<'_> {
        Packet::new(&self.data).with_wire_len(self.wire_len).with_context(&self.context)
    }

    /// Returns the captured bytes.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Returns the length on the wire, in bytes.
    pub fn wire_len(&self) -> u32 {
        self.wire_len
    }

    /// Returns the data that Linux keeps beside the packet.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Returns the offsets of the bytes that matter, in order: with one bit of them changed, the claim does not fail
    /// any more. If no single byte matters, these are all bytes that the programs load.
    pub fn deciding_bytes(&self) -> &[usize] {
        &self.deciding
    }

    /// Returns the verdicts of the programs, in the order of the question.
    pub fn verdicts(&self) -> &[u32] {
        &self.verdicts
    }

    /// Creates a witness that no interpreter confirms.
    pub(super) fn unconfirmed(candidate: Candidate) -> Witness {
        let Candidate { data, wire_len, context, .. } = candidate;
        let wire_len = wire_len.unwrap_or(data.len() as u32);
        Witness { data, wire_len, context, deciding: Vec::new(), verdicts: Vec::new() }
    }
}

/// A packet of a solution.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    data: Vec<u8>,
    /// The length on the wire, if it matters.
    wire_len: Option<u32>,
    context: Context,
    reads_random: bool,
}

/// What the programs do with a packet.
#[derive(Default)]
struct Runs {
    verdicts: Vec<u32>,
    loads: Vec<(usize, Width)>,
    /// The end of a load that was out of bounds, and that a longer packet would have.
    missing: Option<u64>,
    /// The last instruction.
    pc: usize,
}

impl Observer for Runs {
    fn step(&mut self, pc: usize, _: Registers, _: &[u32; SCRATCH_WORDS]) {
        self.pc = pc;
    }

    fn load(&mut self, offset: usize, width: Width) {
        self.loads.push((offset, width));
    }
}

impl Runs {
    fn of(programs: &[&Verified], packet: &Packet) -> Runs {
        let mut runs = Runs::default();
        for program in programs {
            let end = program.run(packet, &mut runs);
            if let Err(HaltReason::OutOfBounds { offset, width, .. }) = end {
                let end = offset + u64::from(width.bytes());
                // A load from a fixed offset beyond the longest packet rejects all packets.
                let is_computed = matches!(program.steps()[runs.pc], Step::LoadIndirect(..));
                if is_computed || end <= MAX_CAPTURED as u64 {
                    runs.missing = Some(end);
                }
            }
            runs.verdicts.push(end.unwrap_or_else(HaltReason::verdict));
        }
        runs
    }

    /// Returns the offsets of the bytes that were loaded, in order, each once.
    fn bytes(&self, len: usize) -> Vec<usize> {
        let bytes = self.loads.iter().flat_map(|&(offset, width)| offset..offset + width.bytes() as usize);
        bytes.filter(|&offset| offset < len).collect::<BTreeSet<usize>>().into_iter().collect()
    }
}

impl Candidate {
    /// Builds the packet of a solution; `None` if it would be too long.
    pub(super) fn new(packets: &Packets, solution: &[(u32, bool)], dialect: Dialect) -> Option<Candidate> {
        let mut values: HashMap<Input, u32> = HashMap::default();
        for &(number, value) in solution {
            let (input, bit) = packets.inputs.origin(number);
            *values.get_or_insert(input, 0) |= u32::from(value) << bit;
        }
        for (header, start) in [(Header::Network, NETWORK_HEADER), (Header::Link, LINK_HEADER)] {
            values.get_or_insert(Input::Start(header), start);
        }
        let inputs: Vec<Input> = packets.inputs.iter().collect();
        let value = |input: Input| values.get(&input).copied().unwrap_or(0);
        // The values of all gates, for the bases of addresses.
        let is_set = |number: u32| {
            let (input, bit) = packets.inputs.origin(number);
            value(input) >> bit & 1 == 1
        };
        let needs_bases = inputs.iter().any(|input| matches!(input, Input::ByteFrom(..)));
        let gates = if needs_bases { packets.circuit.evaluate(is_set) } else { Vec::new() };
        let mut bytes: Vec<(u64, u8)> = Vec::new();
        for &input in inputs.iter().filter(|&input| values.contains_key(input)) {
            match input {
                Input::Byte(offset) => bytes.push((offset.into(), value(input) as u8)),
                Input::ByteFrom(base, offset) => {
                    let bits = packets.inputs.word_of_base(base).0;
                    let of = |place: usize| u32::from(gates[bits[place].gate()] != bits[place].is_inverted());
                    let base = (0..32).fold(0, |base, place| base | of(place) << place);
                    bytes.push((base.wrapping_add(offset).into(), value(input) as u8));
                }
                _ => {}
            }
        }
        let captured = values.contains_key(&Input::Captured).then(|| value(Input::Captured) as usize);
        let end = bytes.iter().map(|&(offset, _)| offset as usize + 1).max().unwrap_or(0);
        let len = if dialect == Dialect::Seccomp { SECCOMP_DATA as usize } else { captured.unwrap_or(end) };
        if len > MAX_LEN {
            return None;
        }
        let mut data = vec![0; len];
        for (offset, byte) in bytes {
            // Bytes beyond the captured ones are read by nobody.
            if let Some(place) = data.get_mut(offset as usize) {
                *place = byte;
            }
        }
        let wire_len = values.contains_key(&Input::WireLen).then(|| value(Input::WireLen));
        let reads_random = inputs.iter().any(|input| matches!(input, Input::Random(_)));
        Some(Candidate { data, wire_len, context: context(&inputs, value), reads_random })
    }

    fn wire_len(&self) -> u32 {
        self.wire_len.unwrap_or(0).max(self.data.len() as u32)
    }

    fn runs(&self, programs: &[&Verified]) -> Runs {
        let packet = Packet::new(&self.data).with_wire_len(self.wire_len()).with_context(&self.context);
        Runs::of(programs, &packet)
    }

    /// Returns the witness, if the claim fails on the packet, as the verdicts of all programs show.
    pub(super) fn confirmed(
        mut self,
        programs: &[&Verified],
        lengths: Lengths,
        fails: &dyn Fn(&[u32]) -> bool,
    ) -> Option<Witness> {
        let fails = |runs: &Runs| (lengths == Lengths::Any || runs.missing.is_none()) && fails(&runs.verdicts);
        if lengths == Lengths::Enough {
            self.fit(programs);
        }
        if self.reads_random {
            // Numbers cannot be chosen; a few seeds may do.
            let seeds = (0..256).map(|seed| Context { seed: Some(seed), ..self.context.clone() });
            self.context = seeds
                .map(|context| Candidate { context, ..self.clone() })
                .find_map(|candidate| fails(&candidate.runs(programs)).then_some(candidate.context))?;
        }
        if !fails(&self.runs(programs)) {
            return None;
        }
        self.clear_bits(programs, &fails);
        let runs = self.runs(programs);
        let loaded = runs.bytes(self.data.len());
        let deciding = self.deciding(programs, &loaded, &fails);
        let wire_len = self.wire_len();
        let deciding = if deciding.is_empty() { loaded } else { deciding };
        Some(Witness { wire_len, data: self.data, context: self.context, deciding, verdicts: runs.verdicts })
    }

    /// Makes the packet as long as the programs need it, but not longer.
    fn fit(&mut self, programs: &[&Verified]) {
        // A longer packet may lead to further loads, at most once for each instruction.
        let most: usize = programs.iter().map(|program| program.steps().len()).sum();
        for _ in 0..=most {
            let runs = self.runs(programs);
            match runs.missing.and_then(|end| usize::try_from(end).ok()).filter(|&end| end <= MAX_LEN) {
                Some(end) if end > self.data.len() => self.data.resize(end, 0),
                _ => break,
            }
        }
        let is_seccomp = programs.iter().any(|program| program.dialect() == Dialect::Seccomp);
        let runs = self.runs(programs);
        if runs.missing.is_none() && !is_seccomp {
            self.data.truncate(runs.bytes(MAX_CAPTURED).last().map_or(0, |last| last + 1));
        }
    }

    /// Sets bits to 0 where the claim still fails then.
    fn clear_bits(&mut self, programs: &[&Verified], fails: &dyn Fn(&Runs) -> bool) {
        let set: Vec<usize> = (0..self.data.len()).filter(|&offset| self.data[offset] != 0).take(MAX_TRIED).collect();
        for offset in set {
            let masks = core::iter::once(0).chain((0..8).rev().map(|bit| !(1_u8 << bit)));
            for mask in masks {
                let before = self.data[offset];
                self.data[offset] &= mask;
                if self.data[offset] != before && !fails(&self.runs(programs)) {
                    self.data[offset] = before;
                }
            }
        }
    }

    /// Returns the bytes of which a bit matters.
    fn deciding(&mut self, programs: &[&Verified], loaded: &[usize], fails: &dyn Fn(&Runs) -> bool) -> Vec<usize> {
        let mut matters = |offset: usize| {
            (0..8).any(|bit| {
                self.data[offset] ^= 1 << bit;
                let does_fail = fails(&self.runs(programs));
                self.data[offset] ^= 1 << bit;
                !does_fail
            })
        };
        loaded.iter().copied().take(MAX_TRIED).filter(|&offset| matters(offset)).collect()
    }
}

/// Returns the context of a solution.
fn context(inputs: &[Input], value: impl Fn(Input) -> u32) -> Context {
    let of = |extension: Extension| value(Input::Ancillary(extension));
    let has_device = value(Input::HasDevice) == 1;
    let is_tagged = of(Extension::VlanPresent) == 1;
    let vlan = Vlan::new(of(Extension::VlanTci) as u16, of(Extension::VlanTpid) as u16);
    let device = Device::new(of(Extension::InterfaceIndex), of(Extension::HardwareType) as u16);
    let has_link_header = value(Input::HasLinkHeader) == 1;
    let reads_headers = inputs.contains(&Input::Start(Header::Network));
    Context {
        protocol: of(Extension::Protocol) as u16,
        packet_type: of(Extension::PacketType) as u8,
        device: has_device.then_some(device),
        mark: of(Extension::Mark),
        queue: of(Extension::Queue) as u16,
        receive_hash: of(Extension::ReceiveHash),
        cpu: of(Extension::Cpu),
        vlan: is_tagged.then_some(vlan),
        network_header: if reads_headers { value(Input::Start(Header::Network)) as i32 } else { 0 },
        link_header: has_link_header.then_some(value(Input::Start(Header::Link)) as i32),
        seed: None,
    }
}
