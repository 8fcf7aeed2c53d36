//! Member sets: sets of numbers, each in the form that is fastest to test a number against.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::bpf::isa::Width;
use crate::ir::hash_map::HashMap;
use crate::ir::ranges;
use crate::ir::ranges::Range;

/// A set of numbers, in the form in which code tests for membership.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MemberSet {
    /// The numbers from the first to the last.
    Range(u32, u32),
    /// Up to [`MAX_FEW`] members, compared one by one.
    Few(Vec<u32>),
    /// A bit for each of the 64 numbers from the first on, in one register.
    Register(u32, u64),
    /// A byte for each number from 0 on: 1 for a member. The last byte is 0 and stands for all larger numbers.
    Bytes(Vec<u8>),
    /// A bit for each number from the first on, in memory.
    Bitmap(u32, Vec<u8>),
    /// Any members, in a hash table.
    Table(MemberTable),
}

/// The most members that are compared one by one.
const MAX_FEW: usize = 3;

/// The most numbers that have a byte each.
const MAX_BYTES: u32 = 1 << 10;

/// The largest bitmap, in bytes, whatever its density.
const MAX_SPARSE_BITMAP: u64 = 256;

/// The largest bitmap, in bytes: it has all numbers of 16 bits.
const MAX_BITMAP: u64 = 1 << 13;

/// The most members of a table.
const MAX_TABLE: u64 = 1 << 20;

impl MemberSet {
    /// Returns the set of these ranges, which are sorted and disjoint; `None` if a binary search is better.
    pub(crate) fn new(ranges: &[Range]) -> Option<MemberSet> {
        let (&(first, _), &(_, last)) = (ranges.first()?, ranges.last()?);
        let members: u64 = ranges.iter().map(|&(low, high)| u64::from(high - low) + 1).sum();
        let table_bytes = 4 * MemberTable::slots(members);
        if ranges.len() == 1 {
            Some(MemberSet::Range(first, last))
        } else if members <= MAX_FEW as u64 {
            Some(MemberSet::Few(numbers(ranges).collect()))
        } else if last - first < 64 {
            Some(MemberSet::Register(first, numbers(ranges).fold(0, |bits, number| bits | 1 << (number - first))))
        } else if last < MAX_BYTES {
            Some(MemberSet::Bytes(bytes(last, ranges)))
        } else if u64::from(last - first) / 8 < table_bytes.clamp(MAX_SPARSE_BITMAP, MAX_BITMAP) {
            Some(MemberSet::Bitmap(first, bitmap(first, last, ranges)))
        } else if members <= MAX_TABLE && members <= 4 * ranges.len() as u64 {
            MemberTable::new(&numbers(ranges).collect::<Vec<u32>>()).map(MemberSet::Table)
        } else {
            None
        }
    }

    /// Returns the set of the members with their bytes swapped, if that set has an equally fast form.
    fn swapped(&self, swap: impl Fn(u32) -> u32) -> Option<MemberSet> {
        match self {
            MemberSet::Few(members) => Some(MemberSet::Few(members.iter().map(|&member| swap(member)).collect())),
            MemberSet::Table(table) => {
                let members: Vec<u32> = table.members().map(swap).collect();
                MemberTable::new(&members).map(MemberSet::Table)
            }
            MemberSet::Range(..) | MemberSet::Register(..) | MemberSet::Bytes(_) | MemberSet::Bitmap(..) => None,
        }
    }

    /// Returns the members as ranges that are sorted and disjoint.
    fn ranges(&self) -> Vec<Range> {
        let single = |number| (number, number);
        let bits = |first: u32, bits: &mut dyn Iterator<Item = bool>| -> Vec<Range> {
            bits.enumerate().filter(|&(_, is_set)| is_set).map(|(bit, _)| single(first + bit as u32)).collect()
        };
        ranges::joined(match self {
            MemberSet::Range(first, last) => vec![(*first, *last)],
            MemberSet::Few(members) => members.iter().copied().map(single).collect(),
            MemberSet::Register(first, word) => bits(*first, &mut (0..64).map(|bit| word >> bit & 1 != 0)),
            MemberSet::Bytes(bytes) => bits(0, &mut bytes.iter().map(|&byte| byte != 0)),
            MemberSet::Bitmap(first, bytes) => {
                bits(*first, &mut bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 != 0)))
            }
            MemberSet::Table(table) => table.members().map(single).collect(),
        })
    }

    /// Returns whether a number is a member.
    #[cfg(test)]
    fn contains(&self, number: u32) -> bool {
        match self {
            MemberSet::Range(first, last) => (*first..=*last).contains(&number),
            MemberSet::Few(members) => members.contains(&number),
            MemberSet::Register(first, bits) => number.wrapping_sub(*first) < 64 && bits >> (number - first) & 1 != 0,
            MemberSet::Bytes(bytes) => bytes.get(number as usize) == Some(&1),
            MemberSet::Bitmap(first, bytes) => {
                let bit = number.wrapping_sub(*first) as usize;
                bytes.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 != 0)
            }
            MemberSet::Table(table) => (0..2).any(|probe| table.slots[table.slot(probe, number)] == number),
        }
    }
}

fn numbers(ranges: &[Range]) -> impl Iterator<Item = u32> {
    ranges.iter().flat_map(|&(low, high)| low..=high)
}

fn bytes(last: u32, ranges: &[Range]) -> Vec<u8> {
    let mut bytes = vec![0; last as usize + 2];
    numbers(ranges).for_each(|number| bytes[number as usize] = 1);
    bytes
}

/// Returns a bit for each number; the length in words of 8 bytes is a power of two.
fn bitmap(first: u32, last: u32, ranges: &[Range]) -> Vec<u8> {
    let mut bytes = vec![0; ((last - first) as usize / 64 + 1).next_power_of_two() * 8];
    for number in numbers(ranges) {
        let bit = (number - first) as usize;
        bytes[bit / 8] |= 1 << (bit % 8);
    }
    bytes
}

/// A hash table without probing: each member stands in one of two slots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MemberTable {
    /// The members; free slots repeat one of them. The length is a power of two.
    pub(crate) slots: Vec<u32>,
    free: u32,
    pub(crate) hash: TableHash,
}

/// The hash function: the slots of a number are the upper bits of its products with odd factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TableHash {
    /// One product gives a pair of adjacent slots.
    AdjacentSlots(u32),
    /// One product for each slot (cuckoo hashing, Pagh and Rodler 2001).
    Cuckoo([u32; 2]),
}

impl MemberTable {
    /// The number of hash functions that are tried before the table grows.
    const TRIALS: u32 = 32;

    /// The most members for which adjacent slots are tried.
    const MAX_ADJACENT: usize = 128;

    /// Returns the number of slots for a number of members, more than twice as many.
    fn slots(members: u64) -> u64 {
        (members * 9 / 4).next_power_of_two().max(8)
    }

    fn new(members: &[u32]) -> Option<MemberTable> {
        let mut slots = MemberTable::slots(members.len() as u64) as usize;
        if members.len() <= MemberTable::MAX_ADJACENT {
            let mut trials = (0..2 * MemberTable::TRIALS).map(|trial| TableHash::AdjacentSlots(factor(trial)));
            let found = trials.find_map(|hash| MemberTable::with_adjacent_slots(members, 2 * slots, hash));
            if found.is_some() {
                return found;
            }
        }
        loop {
            let mut trials =
                (0..MemberTable::TRIALS).map(|trial| TableHash::Cuckoo([2 * trial, 2 * trial + 1].map(factor)));
            let found = trials.find_map(|hash| MemberTable::with_cuckoo_hash(members, slots, hash));
            if found.is_some() || slots > 16 * members.len() + 64 {
                return found;
            }
            slots *= 2;
        }
    }

    /// Returns the table, if no three members share a pair of slots.
    fn with_adjacent_slots(members: &[u32], slots: usize, hash: TableHash) -> Option<MemberTable> {
        let free = *members.first()?;
        let mut table = MemberTable { slots: vec![free; slots], free, hash };
        let mut is_taken = vec![false; slots];
        for &member in members {
            let slot = [0, 1].map(|probe| table.slot(probe, member)).into_iter().find(|&slot| !is_taken[slot])?;
            is_taken[slot] = true;
            table.slots[slot] = member;
        }
        Some(table)
    }

    /// Returns the table, if there is a slot for each member.
    fn with_cuckoo_hash(members: &[u32], slots: usize, hash: TableHash) -> Option<MemberTable> {
        let free = *members.first()?;
        let mut table = MemberTable { slots: vec![free; slots], free, hash };
        let mut is_taken = vec![false; slots];
        for &member in members {
            let (mut number, mut probe) = (member, 0);
            let mut moves = 0;
            loop {
                let slot = table.slot(probe, number);
                if !core::mem::replace(&mut is_taken[slot], true) {
                    table.slots[slot] = number;
                    break;
                }
                core::mem::swap(&mut number, &mut table.slots[slot]);
                // The displaced member moves to its other slot.
                probe = if table.slot(0, number) == slot { 1 } else { 0 };
                moves += 1;
                if moves > 64 {
                    return None;
                }
            }
        }
        Some(table)
    }

    /// Returns the shift that turns a product into the index of a slot, or of a pair of slots.
    pub(crate) fn shift(&self) -> u32 {
        let bits = self.slots.len().trailing_zeros();
        match self.hash {
            TableHash::AdjacentSlots(_) => 33 - bits,
            TableHash::Cuckoo(_) => 32 - bits,
        }
    }

    fn slot(&self, probe: usize, number: u32) -> usize {
        let index = |factor: u32| (number.wrapping_mul(factor) >> self.shift()) as usize;
        match self.hash {
            TableHash::AdjacentSlots(factor) => 2 * index(factor) + probe,
            TableHash::Cuckoo(factors) => index(factors[probe]),
        }
    }

    fn members(&self) -> impl Iterator<Item = u32> {
        let others = self.slots.iter().copied().filter(|&slot| slot != self.free);
        core::iter::once(self.free).chain(others)
    }
}

/// Returns an odd random number, the same in every run.
fn factor(trial: u32) -> u32 {
    crate::packet::random::number(0, trial) | 1
}

/// The number of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct MemberSetId(pub(crate) u32);

/// The sets of a graph, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemberSets {
    /// The sets, each with its members as ranges, if they were built from ranges.
    list: Vec<(MemberSet, Option<Arc<[Range]>>)>,
    by_members: HashMap<Arc<[Range]>, MemberSetId>,
    swapped: HashMap<(MemberSetId, Width), Option<MemberSetId>>,
}

impl MemberSets {
    /// The set of these ranges, as [`MemberSet::new`] makes it.
    pub(crate) fn of(&mut self, ranges: &[Range]) -> Option<MemberSetId> {
        if let Some(&id) = self.by_members.get(ranges) {
            return Some(id);
        }
        let set = MemberSet::new(ranges)?;
        let ranges: Arc<[Range]> = ranges.into();
        let id = self.push(set, Some(ranges.clone()));
        self.by_members.insert(ranges, id);
        Some(id)
    }

    /// Returns the set of the members with their bytes swapped, if that set has an equally fast form.
    pub(crate) fn swapped(&mut self, id: MemberSetId, width: Width, swap: impl Fn(u32) -> u32) -> Option<MemberSetId> {
        if let Some(&known) = self.swapped.get(&(id, width)) {
            return known;
        }
        let swapped = self.get(id).swapped(swap).map(|set| self.push(set, None));
        self.swapped.insert((id, width), swapped);
        swapped
    }

    fn push(&mut self, set: MemberSet, ranges: Option<Arc<[Range]>>) -> MemberSetId {
        self.list.push((set, ranges));
        MemberSetId(self.list.len() as u32 - 1)
    }

    /// Returns the members as ranges that are sorted and disjoint.
    pub(crate) fn ranges(&self, id: MemberSetId) -> Cow<'_, [Range]> {
        let (set, ranges) = &self.list[id.0 as usize];
        ranges.as_deref().map_or_else(|| set.ranges().into(), Cow::Borrowed)
    }

    pub(crate) fn get(&self, id: MemberSetId) -> &MemberSet {
        &self.list[id.0 as usize].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ranges: &[(u32, u32)], expected: &str) {
        let set = MemberSet::new(ranges).expect("a set");
        assert_eq!(set.ranges(), ranges::joined(ranges.to_vec()));
        let form = format!("{set:?}");
        assert!(form.starts_with(expected), "{form}");
        let swapped = set.swapped(u32::swap_bytes);
        for &(low, high) in ranges {
            for number in [low.wrapping_sub(1), low, low / 2 + high / 2, high, high.wrapping_add(1), !low] {
                let is_member = ranges.iter().any(|range| (range.0..=range.1).contains(&number));
                assert_eq!(set.contains(number), is_member, "{number:#x} in {form}");
                let is_swapped_member =
                    swapped.as_ref().is_none_or(|set| set.contains(number.swap_bytes()) == is_member);
                assert!(is_swapped_member, "{number:#x}, swapped, in {form}");
            }
        }
    }

    #[test]
    fn all_forms_have_the_members() {
        check(&[(7, 7)], "Range");
        check(&[(0, u32::MAX)], "Range");
        check(&[(1, 1), (1000, 1000), (u32::MAX, u32::MAX)], "Few");
        check(&[(5, 9), (20, 20), (60, 68)], "Register");
        check(&[(5, 9), (20, 20), (60, 69)], "Bytes");
        check(&[(0, 9), (20, 20), (1_000, 1_023)], "Bytes");
        check(&[(5, 9), (1_000, 1_000), (2_000, 2_052)], "Bitmap");
        let odd: Vec<(u32, u32)> = (1_000..1_200).map(|k| (2 * k + 1, 2 * k + 1)).collect();
        check(&odd, "Bitmap");
        let far: Vec<(u32, u32)> = (0..1_000_u32).map(|k| (k * k * 4_000, k * k * 4_000 + k % 3)).collect();
        check(&far, "Table");
        check(&far[..100], "Table");
        assert_eq!(MemberSet::new(&[(0, 1 << 20), (1 << 30, 1 << 31)]), None);
        assert_eq!(MemberSet::new(&[]), None);
    }
}
