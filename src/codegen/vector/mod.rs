//! Vectors over packets: columns with the numbers of many packets, looked up in the tables of a classifier.

#[cfg(target_arch = "x86_64")]
mod table_lookup;
mod table_program;

pub(crate) use table_program::{Columns, LANES, MAX_COLUMNS, TableProgram};

/// Machines without such vectors.
#[cfg(not(target_arch = "x86_64"))]
mod table_lookup {
    use super::table_program::{Columns, TableProgram};
    use crate::classifier::term::Rank;

    pub(super) fn is_available() -> bool {
        false
    }

    /// # Safety
    /// [`is_available`] returned `true`.
    #[expect(unsafe_code, reason = "as for other processors")]
    pub(super) unsafe fn run(_program: &TableProgram, _columns: &Columns, _ranks: &mut [Rank]) {}
}
