//! Example packets: built in a region, and confirmed by running the rules.

use std::fmt;

use crate::bpf::dialect::Dialect;
use crate::filter_set::FilterSet;
use crate::filter_set::analysis::area::{Area, Constraints};
use crate::filter_set::analysis::bit_origins::Solved;
use crate::filter_set::analysis::packet_builder::{Built, Choice, PacketBuilder};
use crate::filter_set::analysis::rule_areas::RuleAreas;
use crate::packet::{Context, Packet};
use crate::prove::Witness;

/// The least length of a packet, unless packets may end anywhere: that of a frame of Ethernet.
const MIN_LEN: u64 = 60;

/// The length of the data of a system call.
const SECCOMP_LEN: usize = 64;

/// A packet on which rules behave as an [`Analysis`](crate::filter_set::Analysis) reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExamplePacket {
    data: Box<[u8]>,
    wire_len: u32,
    context: Context,
}

impl ExamplePacket {
    /// Returns the captured bytes.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Returns the length on the wire, in bytes.
    pub fn wire_len(&self) -> u32 {
        self.wire_len
    }

    /// Returns the context, which is the default one unless rules test it.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Returns the packet.
    pub fn packet(&self) -> Packet<'_> {
        Packet::new(&self.data).with_wire_len(self.wire_len).with_context(&self.context)
    }
}

/// Writes the bytes as hexadecimal digits.
impl fmt::Display for ExamplePacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.data.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The lengths of packets that are assumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lengths {
    /// Packets are long enough for all loads of all rules.
    Enough,
    /// Packets may end anywhere.
    Any,
}

/// The maker of examples for a set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Examples<'s> {
    pub(super) set: &'s FilterSet,
    pub(super) rules: &'s RuleAreas,
}

impl Examples<'_> {
    /// Returns a packet in a region that `is_wanted`, if one of some attempts finds it. The packet is long enough for
    /// all loads.
    pub(super) fn find(
        &self,
        region: &Constraints,
        choices: impl IntoIterator<Item = Choice>,
        mut is_wanted: impl FnMut(&Packet) -> bool,
    ) -> Option<ExamplePacket> {
        choices
            .into_iter()
            .find_map(|choice| self.build(region, None, choice).filter(|found| is_wanted(&found.packet())))
    }

    /// Returns a packet in a region of an area, as [`Examples::find`] does. If packets may end anywhere, it may end
    /// behind the bytes that the area needs.
    pub(super) fn find_in(
        &self,
        area: &Area,
        region: &Constraints,
        lengths: Lengths,
        choices: impl IntoIterator<Item = Choice>,
        mut is_wanted: impl FnMut(&Packet) -> bool,
    ) -> Option<ExamplePacket> {
        choices.into_iter().find_map(|choice| {
            let whole = self.build(region, None, choice).filter(|found| is_wanted(&found.packet()));
            let may_cut = whole.is_none() && lengths == Lengths::Any;
            let mut cut = || self.build(region, Some(area), choice).filter(|found| is_wanted(&found.packet()));
            if may_cut { cut() } else { whole }
        })
    }

    /// Returns the packet of a proof, made long enough for all loads unless packets may end anywhere.
    pub(super) fn of_witness(&self, witness: &Witness, lengths: Lengths) -> Option<ExamplePacket> {
        let RuleAreas { values, min_len, checks, .. } = self.rules;
        let mut built = Built { bytes: witness.data().to_vec(), wire_len: Some(witness.wire_len()) };
        let is_whole = lengths == Lengths::Any || built.extend(values, (*min_len).max(MIN_LEN), checks);
        let (wire_len, context) = (witness.wire_len(), witness.context().clone());
        is_whole.then(|| ExamplePacket { data: built.bytes.into(), wire_len, context })
    }

    /// Returns a packet in a region that is long enough for all loads, or for those of an area, if an attempt finds it.
    fn build(&self, region: &Constraints, cut: Option<&Area>, choice: Choice) -> Option<ExamplePacket> {
        let RuleAreas { values, min_len, checks, .. } = self.rules;
        let context = Context::default();
        let builder = PacketBuilder::new(values, choice);
        let solved = if choice == Choice::Greatest { self.rules.origins.solve(region) } else { Solved::Unknown };
        let mut built = match solved {
            Solved::Empty => return None,
            Solved::Bits(bits) => builder.with_bits(&bits).build(region)?,
            Solved::Unknown => builder.build(region)?,
        };
        if self.set.dialect() == Some(Dialect::Seccomp) {
            let mut bytes = built.bytes;
            bytes.resize(SECCOMP_LEN, 0);
            return Some(ExamplePacket { data: bytes.into(), wire_len: SECCOMP_LEN as u32, context });
        }
        let is_whole = match cut {
            Some(area) => built.extend(values, area.min_len.into(), &area.checks),
            None => built.extend(values, (*min_len).max(MIN_LEN), checks),
        };
        let wire_len = built.wire_len.unwrap_or(built.bytes.len() as u32);
        is_whole.then(|| ExamplePacket { data: built.bytes.into(), wire_len, context })
    }
}

/// Returns ways to choose numbers, plausible ones first.
pub(super) fn choices(attempts: u64) -> impl Iterator<Item = Choice> {
    [Choice::Least, Choice::Greatest].into_iter().chain((2..).map(Choice::Random)).take(attempts as usize)
}
