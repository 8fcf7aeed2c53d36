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
//! first. It ignores added terms beyond their number, and removals by later versions, so a packet meets the rules of
//! one moment.

use crate::classifier::table::{Lookup, Table, Tables};
use crate::ebpf::{Map, MapKind, Register, Size};
use crate::ebpf_set::assembler::Assembler;
use crate::ebpf_set::{bit_vectors, lookup};

pub(crate) const TABLES: u32 = 0;
pub(crate) const STATE: u32 = 1;
pub(crate) const REMOVED: u32 = 2;
pub(crate) const ADDED: u32 = 3;
/// The key of the only element of an array.
pub(crate) const ONLY: [u8; 4] = [0; 4];

/// The version of rules that were not removed.
pub(crate) const NEVER: u32 = u32::MAX;

/// The value of the map of tables: words, and constants.
pub(crate) struct TablesValue {
    /// The bytes of the words.
    pub(crate) words: usize,
    /// The start of the numbers of bits.
    pub(crate) bit_numbers: usize,
    /// The start of the ids.
    pub(crate) ids: usize,
    bytes: Vec<u8>,
    is_big_endian: bool,
}

impl TablesValue {
    pub(crate) fn new(tables: &Tables, ids: &[u32], is_big_endian: bool) -> TablesValue {
        let words = 4 * tables.words.len().next_multiple_of(2);
        let numbers = bit_vectors::bit_numbers();
        let mut bytes_of_value = Vec::with_capacity(words + numbers.len() + 4 * ids.len());
        tables.words.iter().for_each(|&word| bytes_of_value.extend(bytes(word, is_big_endian)));
        bytes_of_value.resize(words, 0);
        bytes_of_value.extend(numbers);
        ids.iter().for_each(|&id| bytes_of_value.extend(bytes(id, is_big_endian)));
        let (bit_numbers, ids) = (words, words + numbers.len());
        TablesValue { words, bit_numbers, ids, bytes: bytes_of_value, is_big_endian }
    }

    /// Adds a constant, and returns its place.
    fn add(&mut self, constant: u32) -> usize {
        self.bytes.extend(bytes(constant, self.is_big_endian));
        self.bytes.len() - 4
    }

    /// Emits a constant that the verifier does not know, so that it follows later code once for all such constants.
    pub(crate) fn unknown_constant(&mut self, asm: &mut Assembler, dst: Register, k: u32) {
        let place = self.add(k);
        asm.map_value(dst, TABLES, place);
        asm.load(Size::U32, dst, dst, 0);
    }

    /// Returns all bytes. Those at the end are only there for the verifier: it follows loops for all of their turns
    /// from the last place on where a chain may begin.
    pub(crate) fn finish(mut self, tables: &Tables) -> Vec<u8> {
        let padding = |table: &Table| match table.lookup {
            Lookup::BitVectors(_) => 2 * 8 * bit_vectors::bit_numbers().len(),
            _ => table.longest_chain.next_multiple_of(table.block()) * 4 * table.stride() + lookup::block_size(table),
        };
        let padding = tables.list.iter().map(padding).max().unwrap_or(0);
        let size = self.bytes.len().max(self.words + padding).next_multiple_of(8);
        self.bytes.resize(size, 0);
        self.bytes
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

/// Returns an array with one element. It is not read-only for programs: the verifier would know the constants in it,
/// and follow the code after them for each of these.
pub(crate) fn array(name: &str, value: Vec<u8>) -> Map {
    Map {
        name: name.to_owned(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: value.len() as u32,
        max_entries: 1,
        flags: 0,
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
