//! Sets of numbers, and the fastest way to ask whether a number is a member.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::bpf::isa::Width;
use crate::ir::Hashing;
use crate::ir::ranges;
use crate::ir::ranges::Range;

/// A set, in the form in which code asks for its members.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Set {
    /// All from the first to the last.
    Range(u32, u32),
    /// Up to [`FEW`] members, compared one by one.
    Few(Vec<u32>),
    /// The members among the 64 numbers from the first on, a bit each: one register.
    Register(u32, u64),
    /// The members among the numbers from 0 on, a byte each: 1 for a member. The last byte, 0, is for all numbers beyond.
    Bytes(Vec<u8>),
    /// The members among the numbers from the first on, a bit each, in memory.
    Bitmap(u32, Vec<u8>),
    /// Any members: each stands in one of two places of a table.
    Table(Table),
}

/// How many members are compared one by one.
const FEW: usize = 3;

/// The most numbers that have a byte each.
const LARGEST_BYTES: u32 = 1 << 10;

/// The most bytes of a bitmap whose members may be far apart.
const SPARSE_BITMAP: u64 = 256;

/// The most bytes of any bitmap: it has all numbers of 16 bits.
const LARGEST_BITMAP: u64 = 1 << 13;

/// The most members of a table.
const LARGEST_TABLE: u64 = 1 << 20;

impl Set {
    /// The set of these ranges, which are sorted and apart; `None` if a search is better.
    pub(crate) fn new(ranges: &[Range]) -> Option<Set> {
        let (&(first, _), &(_, last)) = (ranges.first()?, ranges.last()?);
        let members: u64 = ranges.iter().map(|&(low, high)| u64::from(high - low) + 1).sum();
        let table_bytes = 4 * Table::slots(members);
        if ranges.len() == 1 {
            Some(Set::Range(first, last))
        } else if members <= FEW as u64 {
            Some(Set::Few(numbers(ranges).collect()))
        } else if last - first < 64 {
            Some(Set::Register(first, numbers(ranges).fold(0, |bits, number| bits | 1 << (number - first))))
        } else if last < LARGEST_BYTES {
            Some(Set::Bytes(bytes(last, ranges)))
        } else if u64::from(last - first) / 8 < table_bytes.clamp(SPARSE_BITMAP, LARGEST_BITMAP) {
            Some(Set::Bitmap(first, bitmap(first, last, ranges)))
        } else if members <= LARGEST_TABLE && members <= 4 * ranges.len() as u64 {
            Table::new(&numbers(ranges).collect::<Vec<u32>>()).map(Set::Table)
        } else {
            None
        }
    }

    /// The set of the members with their bytes in the opposite order, if it can be asked for as this one.
    fn swapped(&self, swap: impl Fn(u32) -> u32) -> Option<Set> {
        match self {
            Set::Few(members) => Some(Set::Few(members.iter().map(|&member| swap(member)).collect())),
            Set::Table(table) => {
                let members: Vec<u32> = table.members().map(swap).collect();
                Table::new(&members).map(Set::Table)
            }
            Set::Range(..) | Set::Register(..) | Set::Bytes(_) | Set::Bitmap(..) => None,
        }
    }

    /// The members as ranges that are sorted and apart.
    fn ranges(&self) -> Vec<Range> {
        let single = |number| (number, number);
        let bits = |first: u32, bits: &mut dyn Iterator<Item = bool>| -> Vec<Range> {
            bits.enumerate().filter(|&(_, is_set)| is_set).map(|(bit, _)| single(first + bit as u32)).collect()
        };
        ranges::joined(match self {
            Set::Range(first, last) => vec![(*first, *last)],
            Set::Few(members) => members.iter().copied().map(single).collect(),
            Set::Register(first, word) => bits(*first, &mut (0..64).map(|bit| word >> bit & 1 != 0)),
            Set::Bytes(bytes) => bits(0, &mut bytes.iter().map(|&byte| byte != 0)),
            Set::Bitmap(first, bytes) => {
                bits(*first, &mut bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 != 0)))
            }
            Set::Table(table) => table.members().map(single).collect(),
        })
    }

    /// Whether a number is a member.
    #[cfg(test)]
    fn contains(&self, number: u32) -> bool {
        match self {
            Set::Range(first, last) => (*first..=*last).contains(&number),
            Set::Few(members) => members.contains(&number),
            Set::Register(first, bits) => number.wrapping_sub(*first) < 64 && bits >> (number - first) & 1 != 0,
            Set::Bytes(bytes) => bytes.get(number as usize) == Some(&1),
            Set::Bitmap(first, bytes) => {
                let bit = number.wrapping_sub(*first) as usize;
                bytes.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 != 0)
            }
            Set::Table(table) => (0..2).any(|probe| table.slots[table.place(probe, number)] == number),
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

/// As many words of 8 bytes as are a power of two.
fn bitmap(first: u32, last: u32, ranges: &[Range]) -> Vec<u8> {
    let mut bytes = vec![0; ((last - first) as usize / 64 + 1).next_power_of_two() * 8];
    for number in numbers(ranges) {
        let bit = (number - first) as usize;
        bytes[bit / 8] |= 1 << (bit % 8);
    }
    bytes
}

/// A hash table without searches: a member stands in one of two places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Table {
    /// A power of two of members; free places hold the same one.
    pub(crate) slots: Vec<u32>,
    free: u32,
    pub(crate) places: Places,
}

/// Which places a number has: the upper bits of a product name them. The factors are odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Places {
    /// Two neighbours: one product names a pair.
    Pair(u32),
    /// A product for each (Pagh and Rodler, cuckoo hashing).
    Apart([u32; 2]),
}

impl Table {
    /// How many factors are tried before the table grows.
    const TRIALS: u32 = 32;

    /// The most members for which a factor is looked for that brings no three of them to one pair.
    const MOST_IN_PAIRS: usize = 128;

    /// How many places there are for so many members: some more than twice as many.
    fn slots(members: u64) -> u64 {
        (members * 9 / 4).next_power_of_two().max(8)
    }

    fn new(members: &[u32]) -> Option<Table> {
        let mut slots = Table::slots(members.len() as u64) as usize;
        if members.len() <= Table::MOST_IN_PAIRS {
            let mut trials = (0..2 * Table::TRIALS).map(|trial| Places::Pair(factor(trial)));
            let found = trials.find_map(|places| Table::in_pairs(members, 2 * slots, places));
            if found.is_some() {
                return found;
            }
        }
        loop {
            let mut trials = (0..Table::TRIALS).map(|trial| Places::Apart([2 * trial, 2 * trial + 1].map(factor)));
            let found = trials.find_map(|places| Table::apart(members, slots, places));
            if found.is_some() || slots > 16 * members.len() + 64 {
                return found;
            }
            slots *= 2;
        }
    }

    /// The table, if no pair has to hold three members.
    fn in_pairs(members: &[u32], slots: usize, places: Places) -> Option<Table> {
        let free = *members.first()?;
        let mut table = Table { slots: vec![free; slots], free, places };
        let mut is_taken = vec![false; slots];
        for &member in members {
            let place = [0, 1].map(|probe| table.place(probe, member)).into_iter().find(|&place| !is_taken[place])?;
            is_taken[place] = true;
            table.slots[place] = member;
        }
        Some(table)
    }

    /// The table, if there is room for each member.
    fn apart(members: &[u32], slots: usize, places: Places) -> Option<Table> {
        let free = *members.first()?;
        let mut table = Table { slots: vec![free; slots], free, places };
        let mut is_taken = vec![false; slots];
        for &member in members {
            let (mut number, mut probe) = (member, 0);
            let mut moves = 0;
            loop {
                let place = table.place(probe, number);
                if !std::mem::replace(&mut is_taken[place], true) {
                    table.slots[place] = number;
                    break;
                }
                std::mem::swap(&mut number, &mut table.slots[place]);
                // Who was there goes to its other place.
                probe = if table.place(0, number) == place { 1 } else { 0 };
                moves += 1;
                if moves > 64 {
                    return None;
                }
            }
        }
        Some(table)
    }

    /// By how much a product is shifted to name a place, or a pair of them.
    pub(crate) fn shift(&self) -> u32 {
        let bits = self.slots.len().trailing_zeros();
        match self.places {
            Places::Pair(_) => 33 - bits,
            Places::Apart(_) => 32 - bits,
        }
    }

    fn place(&self, probe: usize, number: u32) -> usize {
        let named = |factor: u32| (number.wrapping_mul(factor) >> self.shift()) as usize;
        match self.places {
            Places::Pair(factor) => 2 * named(factor) + probe,
            Places::Apart(factors) => named(factors[probe]),
        }
    }

    fn members(&self) -> impl Iterator<Item = u32> {
        let others = self.slots.iter().copied().filter(|&slot| slot != self.free);
        std::iter::once(self.free).chain(others)
    }
}

/// Odd numbers without a pattern, the same ones at every run.
fn factor(trial: u32) -> u32 {
    crate::packet::random::number(0, trial) | 1
}

/// The number of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SetId(pub(crate) u32);

/// The sets of a graph, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sets {
    /// The sets, each with its members as ranges, if those are at hand.
    list: Vec<(Set, Option<Arc<[Range]>>)>,
    by_members: HashMap<Arc<[Range]>, SetId, Hashing>,
    swapped: HashMap<(SetId, Width), Option<SetId>, Hashing>,
}

impl Sets {
    /// The set of these ranges, as [`Set::new`] makes it.
    pub(crate) fn of(&mut self, ranges: &[Range]) -> Option<SetId> {
        if let Some(&id) = self.by_members.get(ranges) {
            return Some(id);
        }
        let set = Set::new(ranges)?;
        let ranges: Arc<[Range]> = ranges.into();
        let id = self.push(set, Some(ranges.clone()));
        self.by_members.insert(ranges, id);
        Some(id)
    }

    /// The set of the members with their bytes in the opposite order, if it can be asked for as this one.
    pub(crate) fn swapped(&mut self, id: SetId, width: Width, swap: impl Fn(u32) -> u32) -> Option<SetId> {
        if let Some(&known) = self.swapped.get(&(id, width)) {
            return known;
        }
        let swapped = self.get(id).swapped(swap).map(|set| self.push(set, None));
        self.swapped.insert((id, width), swapped);
        swapped
    }

    fn push(&mut self, set: Set, ranges: Option<Arc<[Range]>>) -> SetId {
        self.list.push((set, ranges));
        SetId(self.list.len() as u32 - 1)
    }

    /// The members as ranges that are sorted and apart.
    pub(crate) fn ranges(&self, id: SetId) -> Cow<'_, [Range]> {
        let (set, ranges) = &self.list[id.0 as usize];
        ranges.as_deref().map_or_else(|| set.ranges().into(), Cow::Borrowed)
    }

    pub(crate) fn get(&self, id: SetId) -> &Set {
        &self.list[id.0 as usize].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ranges: &[(u32, u32)], expected: &str) {
        let set = Set::new(ranges).expect("a set");
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
    fn each_form_has_the_members() {
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
        assert_eq!(Set::new(&[(0, 1 << 20), (1 << 30, 1 << 31)]), None);
        assert_eq!(Set::new(&[]), None);
    }
}
