//! Many programs as one table look-up, as data: paths, fields, terms and tables, which are interpreted here and compiled
//! in `codegen`.

pub(crate) mod build;
pub(crate) mod entry_conditions;
pub(crate) mod fallback;
pub(crate) mod linear_prefix;
pub(crate) mod packet_fields;
mod path;
pub(crate) mod path_extraction;
mod path_joining;
mod perfect_hash;
pub(crate) mod table;
pub(crate) mod table_choice;
pub(crate) mod table_cost;
pub(crate) mod table_entry;
pub(crate) mod table_key;
pub(crate) mod term;
pub(crate) mod work_counter;
