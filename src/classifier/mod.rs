//! Many programs as one table look-up, as data: paths, fields, terms and tables, which are interpreted here and compiled
//! in `codegen`.

pub(crate) mod cost;
pub(crate) mod entry;
pub(crate) mod entry_conditions;
pub(crate) mod fallback;
pub(crate) mod field;
pub(crate) mod key;
pub(crate) mod linear_prefix;
mod path;
pub(crate) mod path_extraction;
mod path_joining;
mod perfect_hash;
pub(crate) mod table;
pub(crate) mod table_choice;
pub(crate) mod term;
pub(crate) mod work_counter;
