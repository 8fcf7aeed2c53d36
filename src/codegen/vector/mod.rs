//! Vectors over packets: runs a graph on 64 packets at a time.
mod avx512;
mod program;
mod translate;

use crate::codegen::records::PacketRecords;
use crate::ir::Graph;
use program::VectorProgram;

/// The vector program of a graph.
#[derive(Clone, Debug)]
pub(crate) struct VectorCode(VectorProgram);

impl VectorCode {
    pub(crate) fn new(graph: &Graph) -> Option<VectorCode> {
        if !avx512::is_available() {
            return None;
        }
        translate::translate(graph).map(VectorCode)
    }

    #[expect(unsafe_code, reason = "a function for some processors is called")]
    pub(crate) fn run(&self, records: &PacketRecords, first: usize, verdicts: &mut [u32], run_alone: impl FnMut(usize, &mut u32)) {
        // SAFETY: `new` has found that the processor has the instructions.
        unsafe { avx512::run(&self.0, records, first, verdicts, run_alone) }
    }
}
