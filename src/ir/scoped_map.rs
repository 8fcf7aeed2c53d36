//! A map whose changes can be undone, for walks over trees.

use alloc::vec::Vec;
use core::hash::Hash;

use crate::ir::hash_map::HashMap;

/// A map with a log of its changes.
pub(crate) struct Scoped<K, V> {
    /// The value of each key; `None` after an insertion was undone.
    map: HashMap<K, Option<V>>,
    log: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Scoped<K, V> {
    fn default() -> Scoped<K, V> {
        Scoped { map: HashMap::default(), log: Vec::new() }
    }
}

impl<K: Copy + Eq + Hash, V> Scoped<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)?.as_ref()
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        let before = self.map.insert(key, Some(value)).flatten();
        self.log.push((key, before));
    }

    /// Returns the mark to which [`Scoped::forget`] can return.
    pub(crate) fn mark(&self) -> usize {
        self.log.len()
    }

    /// Undoes the insertions since a mark.
    pub(crate) fn forget(&mut self, mark: usize) {
        for (key, before) in self.log.drain(mark..).rev() {
            self.map.insert(key, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undoes_insertions() {
        let mut facts = Scoped::<u32, u32>::default();
        facts.insert(1, 10);
        let mark = facts.mark();
        facts.insert(1, 11);
        facts.insert(2, 20);
        facts.insert(1, 12);
        facts.forget(mark);
        assert_eq!((facts.get(&1), facts.get(&2)), (Some(&10), None));
    }
}
