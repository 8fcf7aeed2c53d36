//! The module `graph` on machines without vectors: the same interface, with a type that has no values.

use crate::codegen::records::{PacketRecords, PrefetchRange};
use crate::ir::Graph;

pub(crate) enum VectorCode {}

impl VectorCode {
    pub(crate) fn new(_graph: &Graph) -> Option<VectorCode> {
        None
    }

    pub(crate) fn run(
        &self,
        _first: usize,
        _records: &PacketRecords,
        _prefetched: Option<PrefetchRange>,
        _verdicts: &mut [u32],
        _run_loop: impl Fn(usize, &mut [u32]),
    ) {
        match *self {}
    }
}
