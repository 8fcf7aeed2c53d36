//! Hash tables that are the same with and without the standard library. Keys cannot be removed.

use alloc::vec::Vec;
use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};

use crate::ir::Hashing;

/// A map that keeps its entries in the order of their insertion.
#[derive(Clone, Debug)]
pub(crate) struct HashMap<K, V> {
    entries: Vec<(K, V)>,
    index: HashIndex,
}

impl<K, V> Default for HashMap<K, V> {
    fn default() -> HashMap<K, V> {
        HashMap { entries: Vec::new(), index: HashIndex::default() }
    }
}

impl<K: Eq + Hash, V> HashMap<K, V> {
    pub(crate) fn with_capacity(count: usize) -> HashMap<K, V> {
        HashMap { entries: Vec::with_capacity(count), index: HashIndex::with_capacity(count) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let entry = self.index.find(hash(key), |entry| self.entries[entry].0.borrow() == key)?;
        Some(&self.entries[entry].1)
    }

    /// Returns the entries, in the order in which they were added.
    #[cfg(all(test, feature = "jit"))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Sets the value of a key, and returns the value before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = hash(&key);
        match self.index.find(hash, |entry| self.entries[entry].0 == key) {
            Some(entry) => Some(core::mem::replace(&mut self.entries[entry].1, value)),
            None => {
                self.index.insert(hash, self.entries.len());
                self.entries.push((key, value));
                None
            }
        }
    }

    /// Returns the value of a key, after setting it to `default` if there was none.
    pub(crate) fn get_or_insert(&mut self, key: K, default: V) -> &mut V {
        let hash = hash(&key);
        let entry = self.index.find(hash, |entry| self.entries[entry].0 == key).unwrap_or_else(|| {
            self.index.insert(hash, self.entries.len());
            self.entries.push((key, default));
            self.entries.len() - 1
        });
        &mut self.entries[entry].1
    }
}

/// Returns the hash of a key: the better half of its bits.
#[inline]
pub(crate) fn hash<Q: Hash + ?Sized>(key: &Q) -> u32 {
    (Hashing::default().hash_one(key) >> 32) as u32
}

/// The places of keys in a list that the caller keeps: a hash table with linear probing.
#[derive(Clone, Debug, Default)]
pub(crate) struct HashIndex {
    /// None, or a power of two of slots, of which at most three quarters are taken.
    slots: Vec<Slot>,
    taken: usize,
}

/// The hash of a key and its place in the list.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    place: u32,
}

impl Slot {
    const FREE: Slot = Slot { hash: 0, place: u32::MAX };
}

impl HashIndex {
    /// The smallest number of slots.
    const FEWEST: usize = 8;

    /// Returns an index with room for `count` keys.
    pub(crate) fn with_capacity(count: usize) -> HashIndex {
        let slots = (count + count / 2).next_power_of_two().max(HashIndex::FEWEST);
        HashIndex { slots: vec![Slot::FREE; slots], taken: 0 }
    }

    /// Returns the place of a key with this hash for which `is_equal` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u32, is_equal: impl Fn(usize) -> bool) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mut at = self.first(hash);
        loop {
            let slot = self.slots[at];
            if slot.place == u32::MAX {
                return None;
            }
            if slot.hash == hash && is_equal(slot.place as usize) {
                return Some(slot.place as usize);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Adds a key that is not in the index.
    pub(crate) fn insert(&mut self, hash: u32, place: usize) {
        if 4 * (self.taken + 1) > 3 * self.slots.len() {
            let slots = (2 * self.slots.len()).max(HashIndex::FEWEST);
            let before = core::mem::replace(&mut self.slots, vec![Slot::FREE; slots]);
            before.into_iter().filter(|slot| slot.place != u32::MAX).for_each(|slot| self.put(slot));
        }
        self.put(Slot { hash, place: place as u32 });
        self.taken += 1;
    }

    fn put(&mut self, slot: Slot) {
        let mut at = self.first(slot.hash);
        while self.slots[at].place != u32::MAX {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = slot;
    }

    /// Returns the slot where the search for a hash begins. There are at least two slots.
    #[inline]
    fn first(&self, hash: u32) -> usize {
        (hash >> (32 - self.slots.len().trailing_zeros())) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_an_ordered_map() {
        let mut map = HashMap::default();
        let mut expected = std::collections::BTreeMap::new();
        let mut number = 1_u32;
        for step in 0..10_000 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = number >> 19;
            assert_eq!(map.get(&key), expected.get(&key));
            match step % 2 {
                0 => assert_eq!(map.insert(key, step), expected.insert(key, step)),
                _ => assert_eq!(map.get_or_insert(key, step), expected.entry(key).or_insert(step)),
            }
        }
        assert!((0..1 << 13).all(|key| map.get(&key) == expected.get(&key)));
    }
}
