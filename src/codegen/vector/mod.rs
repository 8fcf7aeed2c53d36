//! Vectors over packets, with AVX-512: 64 packets at a time run the graph of a filter, or have their numbers looked up in
//! the tables of a classifier. `choice` decides between vectors and compiled code by timing both.

#[cfg(target_arch = "x86_64")]
mod bit_lookup;
#[cfg(target_arch = "x86_64")]
mod block_lookup;
mod choice;
#[cfg_attr(not(target_arch = "x86_64"), path = "graph_absent.rs")]
mod graph;
#[cfg(target_arch = "x86_64")]
mod table_lookup;
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only vectors read these programs"))]
mod table_program;

pub(crate) use choice::Choice;
pub(crate) use graph::VectorCode;
pub(crate) use table_program::{Columns, MAX_COLUMNS, TableProgram};

/// The number of packets of a step, which is that of the numbers in a column.
pub(crate) const LANES: usize = 64;

/// Returns whether this processor has the instructions of vectors: AVX-512 F, BW, DQ and VL.
#[cfg(target_arch = "x86_64")]
fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

/// Returns whether this processor has vectors.
#[cfg(not(target_arch = "x86_64"))]
fn is_available() -> bool {
    false
}

/// Machines without such vectors.
#[cfg(not(target_arch = "x86_64"))]
mod table_lookup {
    use super::table_program::{Columns, TableProgram};
    use crate::classifier::term::Rank;

    /// # Safety
    /// [`is_available`](super::is_available) returned `true`.
    #[expect(unsafe_code, reason = "as for other processors")]
    pub(super) unsafe fn run(_program: &TableProgram, _columns: &Columns, _ranks: &mut [Rank]) {}
}
