//! The maps of the program of a set.
//!
//! | map | content | changes |
//! |---|---|---|
//! | `tables` | the words of the tables, and constants | never |
//! | `state` | the version (32 bits), and the number of added terms (32 bits) | last, by one store |
//! | `removed` | for each rule of the tables the version that removed it; the largest number if it was not removed | before the state |
//! | `added` | the terms of added rules ([`added_terms`](crate::ebpf_set::added_terms)) | before the state |
//! | `counters` | for each counter the number of packets of which its rule was the first match | by the program |
//!
//! All but the counters are arrays with one element, whose value the program reads directly. A program reads the state
//! first. It ignores added terms beyond their number, and removals by later versions, so a packet meets the rules of one
//! moment.

use crate::classifier::bit_vectors::BitVectors;
use crate::classifier::table::{Lookup, Table, Tables};
use crate::ebpf::{Map, MapKind};
use crate::ebpf_set::{bit_vectors, lookup};

pub(crate) const TABLES: u32 = 0;
pub(crate) const STATE: u32 = 1;
pub(crate) const REMOVED: u32 = 2;
pub(crate) const ADDED: u32 = 3;
/// `BPF_F_RDONLY_PROG`: programs do not write to the map.
const READ_ONLY: u32 = 1 << 7;

/// The key of the only element of an array.
pub(crate) const ONLY: [u8; 4] = [0; 4];

/// The version of rules that were not removed.
pub(crate) const NEVER: u32 = u32::MAX;

/// The constants behind the words of the tables.
pub(crate) struct Layout {
    /// The bytes of the words.
    pub(crate) words: usize,
    /// The start of the numbers of bits.
    pub(crate) bit_numbers: usize,
    /// The start of the ids.
    pub(crate) ids: usize,
    /// The bytes of the value. Those at the end are only there for the verifier: it follows loops for all of their turns
    /// from the last place on where a chain may begin.
    pub(crate) size: usize,
}

impl Layout {
    pub(crate) fn new(tables: &Tables) -> Layout {
        let words = 4 * tables.words.len().next_multiple_of(2);
        let bit_numbers = words;
        let ids = bit_numbers + bit_vectors::bit_numbers().len();
        let padding = |table: &Table| match table.lookup {
            Lookup::BitVectors(BitVectors { .. }) => 2 * 8 * bit_vectors::bit_numbers().len(),
            _ => table.longest_chain.next_multiple_of(table.block()) * 4 * table.stride() + lookup::block_size(table),
        };
        let padding = tables.list.iter().map(padding).max().unwrap_or(0);
        let size = (ids + 4 * tables.none as usize).max(words + padding).next_multiple_of(8);
        Layout { words, bit_numbers, ids, size }
    }

    /// Returns the value of the map of tables.
    pub(crate) fn value(&self, tables: &Tables, ids: &[u32], is_big_endian: bool) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.size);
        tables.words.iter().for_each(|&word| value.extend(bytes(word, is_big_endian)));
        value.resize(self.bit_numbers, 0);
        value.extend(bit_vectors::bit_numbers());
        ids.iter().for_each(|&id| value.extend(bytes(id, is_big_endian)));
        value.resize(self.size, 0);
        value
    }
}

/// Returns a word as the machine stores it that runs the program.
pub(crate) fn bytes(word: u32, is_big_endian: bool) -> [u8; 4] {
    if is_big_endian { word.to_be_bytes() } else { word.to_le_bytes() }
}

/// Returns 64 bits as the machine stores them that runs the program.
pub(crate) fn long_bytes(long: u64, is_big_endian: bool) -> [u8; 8] {
    if is_big_endian { long.to_be_bytes() } else { long.to_le_bytes() }
}

/// Returns an array with one element that programs do not write to.
pub(crate) fn array(name: &str, value: Vec<u8>) -> Map {
    Map {
        name: name.to_owned(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: value.len() as u32,
        max_entries: 1,
        flags: READ_ONLY,
        elements: vec![(ONLY.to_vec(), value)],
    }
}

/// Returns the map of counters.
pub(crate) fn counters(count: usize) -> Map {
    Map {
        name: "counters".to_owned(),
        kind: MapKind::PerCpuArray,
        key_size: 4,
        value_size: 8,
        max_entries: count as u32,
        flags: 0,
        elements: Vec::new(),
    }
}

/// Returns the map of targets of a redirection.
pub(crate) fn targets(kind: MapKind) -> Map {
    Map {
        name: "targets".to_owned(),
        kind,
        key_size: 4,
        value_size: 4,
        max_entries: 64,
        flags: 0,
        elements: Vec::new(),
    }
}
