//! Many programs as one table lookup, as data. The tables are interpreted here and compiled in `codegen`.
//!
//! The cost of a lookup depends on the packet rather than on the number of programs.
//!
//! # How a classifier is built
//!
//! 1. **Paths** ([`path_extraction`], [`path`], [`path_joining`]). Each program is executed symbolically. Each way
//!    through its graph to a verdict other than 0 becomes a [`Path`](path::Path): a conjunction of values in ranges,
//!    of loads in bounds, and of a least length. Loads count even if their values are unused, because a program rejects
//!    packets that are too short for them. Values are hash-consed over all programs, so that equal conditions are one
//!    condition. A condition is left out if the packets that fail it take another path with the same verdict.
//!    Conditions that cannot be expressed (context data, random numbers, large expressions) are left out, too; the path
//!    is then inexact, and the program decides. If a program has too many paths, those that meet in one block are
//!    joined to their common conditions. Every program has the same share of the work, so no program makes another one
//!    inexact.
//!
//!    Most rules of a large set have one shape: they are one program with other constants ([`program_list`]). Such
//!    programs are executed once, with constants that are open in the graph and in the paths ([`open_literal`]). Passes
//!    and execution treat an open constant as an unknown number, so what they find holds for all programs of the shape.
//!    The paths of each program are those of the shape with its constants. Shapes are found in the order of the rules,
//!    and paths of ranges of rules are made by several threads, so tables do not depend on the number of threads.
//! 2. **Fields** ([`packet_fields`]). At most 64 values and checks, those that most rules test, are computed for every
//!    packet; other conditions are left out as above. A test for several ranges that many rules share, as
//!    `{6, 17, 132}`, is a field of its own. Fields that are only compared for equality stay in the byte order of the
//!    packet.
//! 3. **Terms** ([`term`]). A path whose fields lie in several ranges becomes several [`Term`](term::Term)s, in each of
//!    which a field lies in one range. Terms that rule out too few packets are replaced by a [`fallback`] program.
//! 4. **Interval tables** ([`interval_table`], [`interval_map`]). Terms that are alike but for the range of one field,
//!    such as prefixes of any length or ranges of ports, share a table: a multibit trie finds the interval of a number
//!    in one to four memory accesses. For the first match, an interval has the least rank around it, so rules that
//!    earlier ones cover take no space. For all matches, it has a chain of all terms around it.
//! 5. **Hash tables** ([`table_choice`], [`table_key`], [`entry_conditions`], [`perfect_hash`], [`table`]). A key
//!    consists of some fields, long ones perhaps cut to a prefix. Terms that differ in the key share a hash table; at
//!    most 8 or 4 terms have one key while there are other keys. Keys are chosen greedily by how much a table saves
//!    over looking at its terms one by one, as TupleMerge (Daly et al., 2019) merges the tuples of Tuple Space Search.
//!    A perfect hash finds each key with one memory access. An entry repeats all conditions that are not decided
//!    otherwise, so collisions do no harm.
//! 6. **Bit vectors** ([`bit_vectors`], [`planned_tables`]). For terms that no key tells apart well, such as wildcards
//!    and ranges in several fields, each field has an interval map of its own, whose contents are rows of bits: one bit
//!    for each term. The bits that are set in the rows of all fields are the terms that hold. The time depends on the
//!    number of fields and, by a few instructions for 64 terms, on the terms. The tables that cost the most for each of
//!    their terms become bit vectors if that takes less time by the estimates of [`table_cost`]. Memory is bounded by
//!    several tables in place of a large one.
//! 7. **Linear prefix** ([`linear_prefix`]). Broad rules at the start, or all rules of a small set, run one by one
//!    before the lookup if that is faster by the same estimate. Since the estimate may be wrong, a prefix takes at most
//!    four times as long as a lookup.
//!
//! [`Classifier::new`](build::Classifier::new) runs these stages.
//!
//! # Native code
//!
//! `codegen` compiles the tables into three functions: for the first match, for all matches, and for the first match of
//! many packets. The tables in which a packet has an entry are as random as packets are, and a mispredicted branch
//! costs about 100 instructions. So each table is looked up whether or not its guards hold, and all conditions flow
//! into the selection of the rank; only long chains have a branch around them, and their entries are compared four at a
//! time. About six packets are then executed at
//! once, so the processor itself overlaps their cache misses: a separate prefetching pass, as batches of filters have,
//! took twice as long for tables in the cache, and saved a tenth for 300,000 five-tuples outside of it. The terms of a
//! short list are compiled inline. Packets that are too short for the fields of most packets have code of their own.
//!
//! Where the processor has AVX-512, the first matches of many packets are found another way if that takes less time: a
//! loop stores the fields of 64 packets in columns, and vectors look these up in the same tables, 16 packets at a time.
//!
//! [`FilterSet`](crate::FilterSet) lists the limits of time and memory.

pub(crate) mod assumed_lengths;
pub(crate) mod bit_vectors;
pub(crate) mod build;
mod constraints;
pub(crate) mod entry_conditions;
pub(crate) mod fallback;
pub(crate) mod interval_map;
mod interval_table;
mod linear_prefix;
mod open_literal;
pub(crate) mod packet_fields;
pub(crate) mod path;
pub(crate) mod path_extraction;
mod path_joining;
pub(crate) mod path_list;
mod perfect_hash;
mod planned_tables;
pub(crate) mod program_list;
pub(crate) mod table;
mod table_choice;
mod table_cost;
pub(crate) mod table_entry;
mod table_key;
mod table_words;
pub(crate) mod term;
pub(crate) mod work_counter;

#[cfg(test)]
mod shape_tests;
