//! Perfect hashes: each key of a table has a slot of its own, so that one memory access finds it.
//!
//! The upper bits of a hash are the number of a bucket. Each bucket has an odd factor, and the upper bits of the hash
//! times that factor are the number of the slot. The factors are found bucket by bucket, the fullest first (hash and
//! displace: Fox, Heath, Chen and Daoud, 1992; Belazzougui, Botelho and Dietzfelbinger, 2009). Small tables have more
//! slots and no buckets.

use crate::packet::random;

/// The most keys of a small table, the slots for each of its keys, and the divisor of the square of its keys that is
/// the least number of slots. At least one hash in a dozen then has no collisions.
pub(crate) const MAX_DIRECT_KEYS: usize = 128;
const SLOTS_OF_DIRECT_KEY: usize = 8;
const SQUARE_DIVISOR: usize = 5;

/// The most keys of a bucket, on average.
const BUCKET: usize = 4;

/// The largest share of slots that are taken. The fewer slots, the more of them are in the cache.
const MAX_LOAD: f64 = 0.98;

/// The number of factors that are tried for a bucket.
const TRIALS: u32 = 1 << 14;

/// A perfect hash of some hashes of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PerfectHash {
    /// A factor for each bucket. Their number is a power of two, or 0 if hashes number slots themselves.
    pub(crate) factors: Vec<u32>,
    /// The binary logarithm of the number of slots, at least 1.
    pub(crate) bits: u32,
}

impl PerfectHash {
    /// Returns a perfect hash without buckets; `None` if there are collisions, so that other hashes must be tried.
    pub(crate) fn direct(hashes: &[u64]) -> Option<PerfectHash> {
        let count = hashes.len();
        let slots = (SLOTS_OF_DIRECT_KEY * count).max(count * count / SQUARE_DIVISOR);
        let perfect = PerfectHash { factors: Vec::new(), bits: bits(slots) };
        let mut taken = vec![false; perfect.slots()];
        let are_apart = hashes.iter().all(|&hash| !std::mem::replace(&mut taken[perfect.slot_of(hash)], true));
        are_apart.then_some(perfect)
    }

    /// Returns a perfect hash of distinct hashes; `None` if none is found, so that other hashes must be tried.
    pub(crate) fn new(hashes: &[u64]) -> Option<PerfectHash> {
        let mut sorted = hashes.to_vec();
        sorted.sort_unstable();
        let is_full = |bits: u32| hashes.len() as f64 > MAX_LOAD * f64::from(1_u32 << bits);
        let least = bits(hashes.len());
        let mut sizes = (least..).skip_while(|&bits| is_full(bits)).take(2);
        sizes.find_map(|bits| PerfectHash::in_buckets(&sorted, bits))
    }

    /// Returns a perfect hash of sorted hashes with 2 to the power `slot_bits` slots.
    fn in_buckets(sorted: &[u64], slot_bits: u32) -> Option<PerfectHash> {
        let mut perfect = PerfectHash { factors: vec![1; 1 << bits(sorted.len() / BUCKET)], bits: slot_bits };
        let mut buckets: Vec<&[u64]> = sorted.chunk_by(|&a, &b| perfect.bucket(a) == perfect.bucket(b)).collect();
        buckets.sort_by_key(|hashes| std::cmp::Reverse(hashes.len()));
        let mut taken = vec![false; perfect.slots()];
        let mut new = Vec::new();
        for hashes in buckets {
            let bucket = perfect.bucket(hashes[0]);
            let mut factors = (0..TRIALS).map(|trial| random::number(bucket as u64, trial) | 1);
            perfect.factors[bucket] = factors.find(|&factor| {
                new.clear();
                hashes.iter().all(|&hash| {
                    let slot = upper_bits(hash.wrapping_mul(factor.into()), perfect.bits);
                    let is_free = !taken[slot] && !new.contains(&slot);
                    new.push(slot);
                    is_free
                })
            })?;
            new.iter().for_each(|&slot| taken[slot] = true);
        }
        Some(perfect)
    }

    /// Returns the number of slots.
    pub(crate) fn slots(&self) -> usize {
        1 << self.bits
    }

    /// Returns the number of bits of a hash that number its bucket, at least one; `None` if there are no buckets.
    pub(crate) fn bucket_bits(&self) -> Option<u32> {
        (!self.factors.is_empty()).then(|| self.factors.len().trailing_zeros())
    }

    fn bucket(&self, hash: u64) -> usize {
        upper_bits(hash, self.factors.len().trailing_zeros())
    }

    /// Returns the slot of a hash. A hash that is not one of the keys' has any slot.
    pub(crate) fn slot_of(&self, hash: u64) -> usize {
        let factor = if self.factors.is_empty() { 1 } else { self.factors[self.bucket(hash)] };
        upper_bits(hash.wrapping_mul(factor.into()), self.bits)
    }
}

/// Returns the number that the upper `bits` bits of a hash form.
pub(crate) fn upper_bits(hash: u64, bits: u32) -> usize {
    (hash >> (64 - bits)) as usize
}

/// Returns the number of bits that count to `count`, at least one.
fn bits(count: usize) -> u32 {
    count.next_power_of_two().trailing_zeros().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_share_a_slot() {
        for count in [1, 2, 24, 100, 101, 1_000, 50_000] {
            // Consecutive keys, as addresses are, and a random factor as tables have. Some factors make a few keys
            // collide.
            let found = (0..64_u32).find_map(|seed| {
                let factor = u64::from(random::number(1, seed)) << 32 | u64::from(random::number(2, seed)) | 1;
                let hashes: Vec<u64> = (0..count).map(|key: u64| (key + 0x0a00_0000).wrapping_mul(factor)).collect();
                let perfect = if count <= 100 { PerfectHash::direct(&hashes) } else { PerfectHash::new(&hashes) };
                perfect.map(|perfect| (perfect, hashes))
            });
            let (perfect, hashes) = found.expect("some factor has no collisions");
            let mut taken = vec![false; perfect.slots()];
            hashes.iter().for_each(|&hash| assert!(!std::mem::replace(&mut taken[perfect.slot_of(hash)], true)));
            assert!(count <= 100 || taken.len() as u64 <= 3 * count);
        }
    }

    #[test]
    fn equal_hashes_have_no_perfect_hash() {
        assert_eq!(PerfectHash::direct(&[7, 7]), None);
        assert_eq!(PerfectHash::new(&[7, 7]), None);
        assert_eq!(
            PerfectHash::new(&[[9; 2].as_slice(), &(0..50).map(|key| key << 50).collect::<Vec<_>>()].concat()),
            None
        );
    }
}
