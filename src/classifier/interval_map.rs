//! Maps from numbers to the contents of their intervals, in the form that native code reads, too.
//!
//! The upper bits of a number index an array of nodes, a node has the place of the next array and the bits that index
//! it, and the last array consists of buckets (a multibit trie: Srinivasan and Varghese, 1999). A bucket holds up to
//! eight intervals: the last numbers of all but the last, and the contents. The content of a number follows from how
//! many of these last numbers are less than it. All lookups take the same number of levels and no branch, so none is
//! mispredicted.

use std::collections::HashMap;

use crate::ir::Hashing;

/// The last numbers in a bucket, and its words: there is one more content, and one word is unused.
pub(crate) const LASTS: usize = 7;
pub(crate) const BUCKET: usize = 16;

/// The words of a node: the index of an array in the words of the map, and the bits that index it.
pub(crate) const NODE: usize = 2;

/// The most bits that index an array other than the root.
const MAX_STRIDE: u32 = 8;

/// The most bits that index a root of nodes.
const MAX_ROOT_BITS: u32 = 18;

/// The most levels of nodes. With these any map fits, since numbers have 32 bits.
const MAX_LEVELS: u32 = 3;

/// The most words of a map for each interval, and besides, while more levels might take fewer.
const WORDS_OF_INTERVAL: usize = 24;
const WORDS: usize = 1 << 14;

/// An interval, given by its last number: it begins after the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) last: u32,
    pub(crate) content: u32,
}

impl Interval {
    /// Appends an interval, or extends the last one if it has the same content.
    pub(crate) fn push(intervals: &mut Vec<Interval>, last: u32, content: u32) {
        match intervals.last_mut().filter(|end| end.content == content) {
            Some(end) => end.last = last,
            None => intervals.push(Interval { last, content }),
        }
    }
}

/// The most bits of numbers of which each has an element of its own.
const DIRECT_BITS: u32 = 8;

/// The shape of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct IntervalMap {
    /// The bits that index the root.
    pub(crate) root: Bits,
    /// The number of levels of nodes.
    pub(crate) levels: u32,
    /// `true` if the elements of the root are contents.
    pub(crate) is_direct: bool,
}

/// The bits of a number that index an array: it is shifted right, and masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bits {
    pub(crate) shift: u32,
    pub(crate) mask: u32,
}

impl Bits {
    /// Returns the upper `count` of `width` bits.
    fn upper(width: u32, count: u32) -> Bits {
        // No shift reaches 32: where there is nothing to index, the mask is 0.
        Bits { shift: (width - count).min(31), mask: ((1_u64 << count) - 1) as u32 }
    }

    fn of(self, number: u32) -> usize {
        (number >> self.shift & self.mask) as usize
    }

    /// The shift takes the lower eight bits of the word.
    fn into_word(self) -> u32 {
        self.shift | self.mask << 8
    }

    fn from_word(word: u32) -> Bits {
        Bits { shift: word & 31, mask: word >> 8 }
    }
}

impl IntervalMap {
    /// Returns a map of all numbers of `width` bits, and its words. The intervals are in order; the last one ends with
    /// the largest number.
    pub(crate) fn new(intervals: &[Interval], width: u32) -> (IntervalMap, Vec<u32>) {
        if width <= DIRECT_BITS {
            return IntervalMap::direct(intervals, width);
        }
        let needed = bits_to_resolve(intervals, width);
        let limit = WORDS + WORDS_OF_INTERVAL * intervals.len();
        let dense = (intervals.len() / 4 + 1).ilog2().min(width);
        let with = |levels: u32| {
            let root_bits = needed.saturating_sub(MAX_STRIDE * levels);
            let root_bits = if levels == 0 { root_bits } else { root_bits.max(dense.min(MAX_ROOT_BITS)) };
            let fits = levels == MAX_LEVELS || root_bits <= MAX_ROOT_BITS;
            let map = IntervalMap { root: Bits::upper(width, root_bits), levels, is_direct: false };
            let limit = if levels == MAX_LEVELS { usize::MAX } else { limit };
            let mut builder = Builder { words: Vec::new(), limit, shared: HashMap::default() };
            let block = Block { intervals, low: 0, bits: width };
            (fits && builder.array(&block, root_bits, levels).is_some()).then_some((map, builder.words))
        };
        (0..MAX_LEVELS).find_map(with).or_else(|| with(MAX_LEVELS)).expect("any map fits with the most levels")
    }

    fn direct(intervals: &[Interval], width: u32) -> (IntervalMap, Vec<u32>) {
        let root = Bits::upper(width, width);
        let mut words = Vec::with_capacity(1 << width);
        intervals.iter().for_each(|interval| words.resize(interval.last as usize + 1, interval.content));
        (IntervalMap { root, levels: 0, is_direct: true }, words)
    }

    /// Returns the intervals of a map that is one bucket.
    pub(crate) fn only_bucket(&self, words: &[u32]) -> Option<Vec<Interval>> {
        let is_only = self.levels == 0 && !self.is_direct && self.root.mask == 0;
        let bucket = words.get(..BUCKET).filter(|_| is_only)?;
        let mut intervals = Vec::new();
        for number in 0..=LASTS {
            let last = bucket.get(..LASTS)?.get(number).copied().unwrap_or(u32::MAX);
            Interval::push(&mut intervals, last, bucket[LASTS + number]);
        }
        Some(intervals)
    }

    /// Returns the content of the interval of a number.
    pub(crate) fn content(&self, words: &[u32], number: u32) -> u32 {
        if self.is_direct {
            return words[self.root.of(number)];
        }
        let (mut array, mut bits) = (0, self.root);
        for _ in 0..self.levels {
            let node = array + NODE * bits.of(number);
            (array, bits) = (words[node] as usize, Bits::from_word(words[node + 1]));
        }
        let bucket = &words[array + BUCKET * bits.of(number)..][..BUCKET];
        bucket[LASTS + bucket[..LASTS].iter().filter(|&&last| number > last).count()]
    }
}

/// Returns the number of upper bits that leave at most one bucket of intervals to each block of numbers.
fn bits_to_resolve(intervals: &[Interval], width: u32) -> u32 {
    // One interval too many overlaps a block if the first of them ends in it, and the last begins in it.
    let lower = intervals.windows(LASTS + 1).filter_map(|window| {
        let begin = window[LASTS].last.checked_add(1)?;
        Some((window[0].last ^ begin).ilog2())
    });
    // The window that ends with all intervals has nothing after it.
    let all = intervals.len().saturating_sub(1);
    let lower = lower.take(all.saturating_sub(LASTS));
    width - lower.min().unwrap_or(width).min(width)
}

/// A block of numbers that agree in all but their lower bits, and the intervals that overlap it.
struct Block<'i> {
    intervals: &'i [Interval],
    low: u32,
    bits: u32,
}

impl<'i> Block<'i> {
    /// Returns a part of the block, which numbers with the same `count` upper bits form.
    fn part(&self, number: u32, count: u32) -> Block<'i> {
        let bits = self.bits - count;
        let low = self.low + ((u64::from(number) << bits) as u32);
        let high = low + ((1_u64 << bits) - 1) as u32;
        let start = self.intervals.partition_point(|interval| interval.last < low);
        let end = self.intervals.partition_point(|interval| interval.last < high);
        Block { intervals: &self.intervals[start..=end], low, bits }
    }
}

struct Builder {
    words: Vec<u32>,
    /// The most words.
    limit: usize,
    /// Arrays of one element that lead to one interval, by the levels below and the content.
    shared: HashMap<(u32, u32), u32, Hashing>,
}

impl Builder {
    /// Adds the array of a block with `levels` levels of nodes, and returns its place; `None` if it does not fit.
    fn array(&mut self, block: &Block, index_bits: u32, levels: u32) -> Option<u32> {
        let size = if levels == 0 { BUCKET } else { NODE };
        let place = self.words.len();
        if place + (size << index_bits) > self.limit {
            return None;
        }
        self.words.resize(place + (size << index_bits), 0);
        for number in 0..1_u32 << index_bits {
            let part = block.part(number, index_bits);
            let element = place + size * number as usize;
            if levels == 0 {
                self.bucket(element, part.intervals)?;
                continue;
            }
            let below = levels - 1;
            let stride = bits_to_resolve(part.intervals, part.bits).saturating_sub(MAX_STRIDE * below);
            if stride > MAX_STRIDE {
                return None;
            }
            let array = match part.intervals {
                &[Interval { content, .. }] => self.shared_array(content, below)?,
                _ => self.array(&part, stride, below)?,
            };
            self.words[element..][..NODE].copy_from_slice(&[array, Bits::upper(part.bits, stride).into_word()]);
        }
        Some(place as u32)
    }

    /// Returns the array of one element for a block with one interval.
    fn shared_array(&mut self, content: u32, levels: u32) -> Option<u32> {
        if let Some(&known) = self.shared.get(&(levels, content)) {
            return Some(known);
        }
        let block = Block { intervals: &[Interval { last: u32::MAX, content }], low: 0, bits: 32 };
        let place = self.array(&block, 0, levels)?;
        self.shared.insert((levels, content), place);
        Some(place)
    }

    /// Writes a bucket; `None` if there are too many intervals.
    fn bucket(&mut self, place: usize, intervals: &[Interval]) -> Option<()> {
        let (end, others) = intervals.split_last()?;
        let bucket = &mut self.words[place..][..BUCKET];
        if others.len() > LASTS {
            return None;
        }
        bucket[..LASTS].fill(u32::MAX);
        bucket[LASTS..].fill(end.content);
        for (number, interval) in others.iter().enumerate() {
            (bucket[number], bucket[LASTS + number]) = (interval.last, interval.content);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Interval, IntervalMap, MAX_LEVELS};

    /// Numbers around all bounds have the content of their interval, and random maps of all sizes take little memory.
    #[test]
    fn finds_intervals() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        let mut levels_seen = [false; MAX_LEVELS as usize + 1];
        for (width, count, spread) in [
            (1, 1, 1),
            (8, 20, 8),
            (16, 3, 16),
            (16, 5_000, 16),
            (32, 9, 32),
            (32, 10_000, 32),
            (32, 3_000, 14),
            (32, 40, 4),
            (32, 20_000, 20),
            (32, 100_000, 29),
        ] {
            let max = ((1_u64 << width) - 1) as u32;
            let base = random();
            let lasts =
                (0..count).map(|_| (if random() % 4 == 0 { random() } else { base }) ^ (random() >> (32 - spread)));
            let mut lasts: Vec<u32> = lasts.map(|last| last & max).chain([max]).collect();
            lasts.sort_unstable();
            lasts.dedup();
            let intervals: Vec<Interval> =
                lasts.iter().zip(0..).map(|(&last, content)| Interval { last, content: content % 1_000 }).collect();
            let (map, words) = IntervalMap::new(&intervals, width);
            levels_seen[map.levels as usize] = true;
            let near = |last: u32| [last.wrapping_sub(1), last, last.wrapping_add(1)].map(|number| number & max);
            for number in lasts.iter().flat_map(|&last| near(last)).chain((0..1_000).map(|_| random() & max)) {
                let expected = intervals[lasts.partition_point(|&last| last < number)].content;
                assert_eq!(map.content(&words, number), expected, "{number:#x} of {count} intervals of {width} bits");
            }
            println!("{width} {spread}: {} intervals, {map:?}, {} words", lasts.len(), words.len());
        }
        assert!(levels_seen[..3].iter().all(|&is_seen| is_seen), "{levels_seen:?}");
    }
}
