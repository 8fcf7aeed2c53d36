//! Where the keys of a table stand: each has one place, and no other key has it, so that nothing is searched.
//!
//! The upper bits of a hash name a bucket, each bucket has an odd factor, and the upper bits of the hash times that
//! factor name the place. The factors are found bucket by bucket, the fullest first, while places are left (hash and
//! displace: Fox, Heath, Chen and Daoud, 1992; Belazzougui, Botelho and Dietzfelbinger, 2009). Few keys have more places
//! and no buckets.

use crate::packet::random;

/// Up to so many keys do without buckets: if they have so many places each, and so great a part of their square, one hash
/// in a dozen or better brings no two of them together.
pub(crate) const FEW: usize = 128;
const PLACES_OF_FEW: usize = 8;
const PART_OF_SQUARE: usize = 5;

/// How many keys a bucket has at most, on average.
const BUCKET: usize = 4;

/// The most of all places that are taken: the fewer places, the more of them are in the cache.
const FULL: f64 = 0.98;

/// How many factors are tried for a bucket.
const TRIALS: u32 = 1 << 14;

/// PerfectHash for some hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PerfectHash {
    /// A factor for each bucket, a power of two of them; none if the hashes name places themselves.
    pub(crate) factors: Vec<u32>,
    /// There are two to this power, at least two.
    pub(crate) bits: u32,
}

impl PerfectHash {
    /// PerfectHash that these hashes name themselves; `None` if two name one, so that others must be tried.
    pub(crate) fn direct(hashes: &[u64]) -> Option<PerfectHash> {
        let count = hashes.len();
        let places = PerfectHash {
            factors: Vec::new(),
            bits: bits((PLACES_OF_FEW * count).max(count * count / PART_OF_SQUARE)),
        };
        let mut taken = vec![false; places.count()];
        let are_apart = hashes.iter().all(|&hash| !std::mem::replace(&mut taken[places.of(hash)], true));
        are_apart.then_some(places)
    }

    /// PerfectHash for these hashes, no two of which are alike; `None` if none are found, so that others must be tried.
    pub(crate) fn new(hashes: &[u64]) -> Option<PerfectHash> {
        let mut sorted = hashes.to_vec();
        sorted.sort_unstable();
        let is_full = |bits: u32| hashes.len() as f64 > FULL * f64::from(1_u32 << bits);
        let least = bits(hashes.len());
        let mut sizes = (least..).skip_while(|&bits| is_full(bits)).take(2);
        sizes.find_map(|bits| PerfectHash::in_buckets(&sorted, bits))
    }

    /// Two to the power `bits` places for these hashes, which are sorted.
    fn in_buckets(sorted: &[u64], bits_of_place: u32) -> Option<PerfectHash> {
        let mut places = PerfectHash { factors: vec![1; 1 << bits(sorted.len() / BUCKET)], bits: bits_of_place };
        let mut of_buckets: Vec<&[u64]> = sorted.chunk_by(|&a, &b| places.bucket(a) == places.bucket(b)).collect();
        of_buckets.sort_by_key(|hashes| std::cmp::Reverse(hashes.len()));
        let mut taken = vec![false; places.count()];
        let mut new = Vec::new();
        for hashes in of_buckets {
            let bucket = places.bucket(hashes[0]);
            let mut factors = (0..TRIALS).map(|trial| random::number(bucket as u64, trial) | 1);
            places.factors[bucket] = factors.find(|&factor| {
                new.clear();
                hashes.iter().all(|&hash| {
                    let place = named(hash.wrapping_mul(factor.into()), places.bits);
                    let is_free = !taken[place] && !new.contains(&place);
                    new.push(place);
                    is_free
                })
            })?;
            new.iter().for_each(|&place| taken[place] = true);
        }
        Some(places)
    }

    /// How many places there are.
    pub(crate) fn count(&self) -> usize {
        1 << self.bits
    }

    /// How many bits of a hash name its bucket, at least one; `None` if there are no buckets.
    pub(crate) fn bucket_bits(&self) -> Option<u32> {
        (!self.factors.is_empty()).then(|| self.factors.len().trailing_zeros())
    }

    fn bucket(&self, hash: u64) -> usize {
        named(hash, self.factors.len().trailing_zeros())
    }

    /// The place of a hash: of one that [`PerfectHash::new`] was not given, some place.
    pub(crate) fn of(&self, hash: u64) -> usize {
        let factor = if self.factors.is_empty() { 1 } else { self.factors[self.bucket(hash)] };
        named(hash.wrapping_mul(factor.into()), self.bits)
    }
}

/// What so many upper bits name.
pub(crate) fn named(hash: u64, bits: u32) -> usize {
    (hash >> (64 - bits)) as usize
}

/// How many bits count so many, at least one.
fn bits(count: usize) -> u32 {
    count.next_power_of_two().trailing_zeros().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_share_a_place() {
        for count in [1, 2, 24, 100, 101, 1_000, 50_000] {
            // Neighbours, as addresses are, and a factor as tables have them; some factors bring a few keys together.
            let found = (0..64_u32).find_map(|seed| {
                let factor = u64::from(random::number(1, seed)) << 32 | u64::from(random::number(2, seed)) | 1;
                let hashes: Vec<u64> = (0..count).map(|key: u64| (key + 0x0a00_0000).wrapping_mul(factor)).collect();
                let places = if count <= 100 { PerfectHash::direct(&hashes) } else { PerfectHash::new(&hashes) };
                places.map(|places| (places, hashes))
            });
            let (places, hashes) = found.expect("some factor does");
            let mut taken = vec![false; places.count()];
            hashes.iter().for_each(|&hash| assert!(!std::mem::replace(&mut taken[places.of(hash)], true)));
            assert!(count <= 100 || taken.len() as u64 <= 3 * count);
        }
    }

    #[test]
    fn keys_that_are_hashed_alike_have_no_places() {
        assert_eq!(PerfectHash::direct(&[7, 7]), None);
        assert_eq!(PerfectHash::new(&[7, 7]), None);
        assert_eq!(
            PerfectHash::new(&[[9; 2].as_slice(), &(0..50).map(|key| key << 50).collect::<Vec<_>>()].concat()),
            None
        );
    }
}
