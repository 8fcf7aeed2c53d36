//! The bits of the packet that values consist of, and regions that contradict themselves because of them.
//!
//! `ip[0] & 0xf`, `ip[0:2]` and `ip[1]` are three values of two bytes. Constraints on them are compared bit by bit here,
//! so a region that holds no packet is mostly found to be empty: first by the bits that follow from each constraint, and
//! for regions that are left to the end by choosing bits. Bytes at computed offsets are different from all
//! others, which only makes more regions possible.

use std::collections::HashMap;

use crate::bpf::isa::{AluOp, Width};
use crate::filter_set::analysis::area::Constraints;
use crate::filter_set::analysis::number_set::NumberSet;
use crate::ir::{Address, ByteOrder, Hashing, Value, ValueId, Values};

/// The most numbers of a set that are tried one by one.
const MAX_TRIED: u64 = 256;

/// The most rounds in which known bits are exchanged between values.
const MAX_ROUNDS: usize = 8;

/// The most bits that are chosen, one after the other, in a search.
const MAX_CHOICES: usize = 512;

/// The depth of expressions whose bits are traced.
const DEEPEST: usize = 8;

/// A bit of the packet: the base of its offset, and its number from there on.
pub(super) type PacketBit = (Option<ValueId>, u64);

/// Where a bit of a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Constant(bool),
    Packet(PacketBit),
}

/// The origins of the bits of values that share some.
#[derive(Debug, Default)]
pub(super) struct BitOrigins {
    /// The origin of each bit, the lowest first, of the values that share bits with others.
    shared: HashMap<ValueId, [Origin; 32], Hashing>,
}

impl BitOrigins {
    /// Finds the values that share bits of the packet.
    pub(super) fn new(values: &Values, tested: impl Iterator<Item = ValueId>) -> BitOrigins {
        let all: Vec<(ValueId, [Origin; 32])> =
            tested.filter_map(|value| Some((value, origins(values, value, DEEPEST)?))).collect();
        let mut users: HashMap<PacketBit, u32, Hashing> = HashMap::default();
        let packet_bits = |origins: &[Origin; 32]| {
            let bits = origins.iter().filter_map(|origin| match origin {
                Origin::Packet(bit) => Some(*bit),
                Origin::Constant(_) => None,
            });
            bits.collect::<Vec<PacketBit>>()
        };
        for (_, origins) in &all {
            packet_bits(origins).into_iter().for_each(|bit| *users.entry(bit).or_default() += 1);
        }
        let is_shared = |origins: &[Origin; 32]| packet_bits(origins).iter().any(|bit| users[bit] > 1);
        BitOrigins { shared: all.into_iter().filter(|(_, origins)| is_shared(origins)).collect() }
    }

    /// Returns `true` if a region is found at once to hold no packet.
    pub(super) fn contradict(&self, region: &Constraints) -> bool {
        let shared = self.shared_in(region);
        shared.len() > 1 && propagate(&shared, &mut KnownBits::default()).is_none()
    }

    /// Chooses bits of the packet so that all values that share some lie in their sets.
    pub(super) fn solve(&self, region: &Constraints) -> Solved {
        let shared = self.shared_in(region);
        let mut open = vec![KnownBits::default()];
        for _ in 0..MAX_CHOICES {
            let Some(mut known) = open.pop() else { return Solved::Empty };
            if propagate(&shared, &mut known).is_none() {
                continue;
            }
            let Some(bit) = shared.iter().find_map(|(set, origins)| undecided(set, origins, &known)) else {
                return Solved::Bits(known);
            };
            for choice in [true, false] {
                let mut next = known.clone();
                next.insert(bit, choice);
                open.push(next);
            }
        }
        Solved::Unknown
    }

    /// Returns the sets of the values in a region that share bits, and the origins of their bits.
    fn shared_in<'r>(&'r self, region: &'r Constraints) -> Vec<Shared<'r>> {
        region.iter().filter_map(|(value, set)| Some((set, self.shared.get(value)?))).collect()
    }
}

/// Bits of the packet that are known.
pub(super) type KnownBits = HashMap<PacketBit, bool, Hashing>;

/// The numbers that a value may be, and where its bits come from.
type Shared<'r> = (&'r NumberSet, &'r [Origin; 32]);

/// The result of a search for bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Solved {
    /// No packet lies in the region.
    Empty,
    /// With these bits, and any others, all values that share bits lie in their sets.
    Bits(KnownBits),
    /// The search has taken too many steps.
    Unknown,
}

/// Exchanges known bits between values; `None` if they contradict each other.
fn propagate(shared: &[Shared], known: &mut KnownBits) -> Option<()> {
    for _ in 0..MAX_ROUNDS {
        let before = known.len();
        for (set, origins) in shared {
            let (mask, bits) = known_bits(origins, known);
            let (ones, zeros) = common_bits(set, mask, bits)?;
            for (place, origin) in origins.iter().enumerate() {
                if let (Origin::Packet(bit), true) = (origin, (ones | zeros) >> place & 1 == 1) {
                    known.insert(*bit, ones >> place & 1 == 1);
                }
            }
        }
        if known.len() == before {
            break;
        }
    }
    Some(())
}

/// Returns the highest unknown bit of a value, unless the value lies in its set whatever the unknown bits are.
fn undecided(set: &NumberSet, origins: &[Origin; 32], known: &KnownBits) -> Option<PacketBit> {
    let (mask, bits) = known_bits(origins, known);
    let all = NumberSet::One([(bits, bits | !mask)]);
    if all.is_subset(set) {
        return None;
    }
    origins.iter().rev().find_map(|origin| match origin {
        Origin::Packet(bit) if !known.contains_key(bit) => Some(*bit),
        _ => None,
    })
}

/// Returns the mask of the known bits of a value, and these bits.
fn known_bits(origins: &[Origin; 32], known: &KnownBits) -> (u32, u32) {
    origins.iter().enumerate().fold((0, 0), |(mask, bits), (place, origin)| {
        let bit = match origin {
            Origin::Constant(bit) => Some(*bit),
            Origin::Packet(bit) => known.get(bit).copied(),
        };
        bit.map_or((mask, bits), |bit| (mask | 1 << place, bits | u32::from(bit) << place))
    })
}

/// Returns the bits that are 1, and those that are 0, in all numbers of a set with some known bits; `None` if there are
/// no such numbers.
fn common_bits(set: &NumberSet, mask: u32, bits: u32) -> Option<(u32, u32)> {
    let least = set.least_from(0, mask, bits)?;
    let greatest = set.greatest(mask, bits)?;
    let same = !u32::MAX.checked_shr((least ^ greatest).leading_zeros()).unwrap_or(0);
    let (mut ones, mut zeros) = (least & same, !least & same);
    let (mut number, mut tried) = (Some(least), 0);
    let (mut all_ones, mut all_zeros) = (u32::MAX, u32::MAX);
    while let Some(fit) = number {
        (all_ones, all_zeros) = (all_ones & fit, all_zeros & !fit);
        tried += 1;
        if tried > MAX_TRIED {
            return Some((ones, zeros));
        }
        number = fit.checked_add(1).and_then(|next| set.least_from(next, mask, bits));
    }
    (ones, zeros) = (ones | all_ones, zeros | all_zeros);
    Some((ones, zeros))
}

/// Returns the origins of the bits of a value; `None` if it is no selection of bits.
fn origins(values: &Values, id: ValueId, depth: usize) -> Option<[Origin; 32]> {
    let depth = depth.checked_sub(1)?;
    let constant = |k: u32| std::array::from_fn(|place| Origin::Constant(k >> place & 1 == 1));
    match values.value(id) {
        Value::Constant(k) => Some(constant(k)),
        Value::Load(address, width, order) => Some(loaded(address, width, order)),
        Value::Alu(op, left, right) => {
            let k = values.as_constant(right)?;
            let left = origins(values, left, depth)?;
            let zero = Origin::Constant(false);
            let at = |place: usize| left.get(place).copied().unwrap_or(zero);
            let shift = k.min(32) as usize;
            let bit = |place: usize| k >> place & 1 == 1;
            match op {
                AluOp::And => Some(std::array::from_fn(|place| if bit(place) { at(place) } else { zero })),
                AluOp::Or => {
                    Some(std::array::from_fn(|place| if bit(place) { Origin::Constant(true) } else { at(place) }))
                }
                AluOp::Lsh => Some(std::array::from_fn(|place| place.checked_sub(shift).map_or(zero, at))),
                AluOp::Rsh => Some(std::array::from_fn(|place| at(place + shift))),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Returns the origins of the bits of a load.
fn loaded(address: Address, width: Width, order: ByteOrder) -> [Origin; 32] {
    let bytes = u64::from(width.bytes());
    std::array::from_fn(|place| {
        let byte = place as u64 / 8;
        if byte >= bytes {
            return Origin::Constant(false);
        }
        let is_reversed = order == ByteOrder::Native && cfg!(target_endian = "little");
        let byte = if is_reversed { byte } else { bytes - 1 - byte };
        Origin::Packet((address.base, (u64::from(address.offset) + byte) * 8 + place as u64 % 8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_contradictions_between_values_of_the_same_bytes() {
        let mut values = Values::default();
        let at = |offset| Address { base: None, offset };
        let word = values.load(at(12), Width::Word, ByteOrder::Big);
        let byte = values.load(at(14), Width::Byte, ByteOrder::Big);
        let mask = values.constant(0x30);
        let masked = values.alu(AluOp::And, byte, mask);
        let other = values.load(at(20), Width::Byte, ByteOrder::Big);
        let origins = BitOrigins::new(&values, [word, byte, masked, other].into_iter());
        assert_eq!(origins.shared.len(), 3);
        let contradict = |region: &[(ValueId, Vec<(u32, u32)>)]| {
            origins.contradict(&region.iter().map(|(value, set)| (*value, NumberSet::from(set.clone()))).collect())
        };
        assert!(contradict(&[(word, vec![(0x0102_0304, 0x0102_0304)]), (byte, vec![(4, 255)])]));
        assert!(contradict(&[
            (word, vec![(0x0102_0000, 0x0102_ffff)]),
            (masked, vec![(0, 0x10), (0x30, 0x30)]),
            (byte, vec![(0x20, 0x2f)])
        ]));
        assert!(contradict(&[(byte, vec![(1, 1), (7, 7)]), (masked, vec![(0x10, 0x20)])]));
        assert!(!contradict(&[(word, vec![(0x0102_0304, 0x0102_0404)]), (byte, vec![(4, 255)])]));
        let region = vec![
            (word, NumberSet::from(vec![(0x0000_3000, 0x0000_4000)])),
            (byte, NumberSet::from(vec![(0x2f, 0x41)])),
            (masked, NumberSet::from(vec![(0x10, 0x20)])),
        ];
        assert!(!origins.contradict(&region));
        assert_eq!(origins.solve(&region), Solved::Empty);
        let Solved::Bits(bits) = origins.solve(&region[..2].to_vec()) else {
            panic!("word and byte have common numbers")
        };
        assert_eq!(bits.get(&(None, 12 * 8)), Some(&false));
        assert!(!contradict(&[(other, vec![(1, 1)]), (masked, vec![(0x10, 0x20)])]));
    }
}
