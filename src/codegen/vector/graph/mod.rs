//! Graphs in vectors: runs a filter on 64 packets at a time.
//!
//! `translate` turns a graph with branches into a vector program (`program`), and `avx512` runs it. `graph_absent` replaces this module on other machines.
//!
//! A step is 64 packets. Each value of the graph is a column of 64 numbers, each block a mask of the packets that reach
//! it, so a test of 64 packets ends in one `u64`, and an operation is dispatched once a step. No test is a branch, so
//! the order of packets does not matter.
//!
//! Invariants
//! - The verdicts are those of the compiled loop; debug builds run both ways, and compare.
//! - A vector program is data, and the evaluator checks the bounds of each load itself: no program, however it is made,
//!   reads outside of packets.
//! - Packets for which four bytes are not in bounds where the graph loads fewer are left to the compiled loop.

mod avx512;
mod program;
#[cfg(test)]
mod tests;
mod translate;
mod view;

use crate::codegen::records::{PacketRecords, PrefetchRange};
use crate::codegen::vector::choice::Choice;
use crate::codegen::vector::graph::program::VectorProgram;
use crate::codegen::vector::{LANES, is_available};
use crate::ir::Graph;

/// The most packets that run one way before the next choice.
const TURN: usize = 4096;

/// A vector program, and the choice between it and a compiled loop.
pub(crate) struct VectorCode {
    program: VectorProgram,
    choice: Choice,
}

impl VectorCode {
    /// Translates a graph with branches; `None` if the processor has no vectors, or the graph is not fit for them.
    pub(crate) fn new(graph: &Graph) -> Option<VectorCode> {
        let program = is_available().then(|| translate::translate(graph))??;
        Some(VectorCode { program, choice: Choice::default() })
    }

    /// Writes the verdicts on the packets from `first` on. The compiled loop is `run_loop`: it writes the verdicts on
    /// the packets from an index on.
    pub(crate) fn run(
        &self,
        first: usize,
        records: &PacketRecords,
        prefetched: Option<PrefetchRange>,
        verdicts: &mut [u32],
        run_loop: impl Fn(usize, &mut [u32]),
    ) {
        for (turn, verdicts) in verdicts.chunks_mut(TURN).enumerate() {
            let (first, len) = (first + turn * TURN, verdicts.len());
            let turn = self.choice.begin(len);
            let fewest = if cfg!(debug_assertions) { 1 } else { turn.fewest };
            let piece = if fewest <= LANES { LANES } else { PacketRecords::DISTANCE };
            records.in_chunks(first..first + len, prefetched, piece, |chunk| {
                let verdicts = &mut verdicts[chunk.start - first..chunk.end - first];
                match verdicts.len() >= fewest {
                    true => self.run_vectors(chunk.start, records, verdicts, &run_loop),
                    false => run_loop(chunk.start, verdicts),
                }
            });
            self.choice.end(&turn, len);
            if cfg!(debug_assertions) {
                let mut expected = vec![0; len];
                run_loop(first, &mut expected);
                assert_eq!(verdicts, expected, "vectors and the compiled loop differ");
            }
        }
    }

    #[expect(unsafe_code, reason = "calls code for some processors")]
    fn run_vectors(
        &self,
        first: usize,
        records: &PacketRecords,
        verdicts: &mut [u32],
        run_loop: impl Fn(usize, &mut [u32]),
    ) {
        let run_alone = |index: usize, verdict: &mut u32| run_loop(index, std::slice::from_mut(verdict));
        // SAFETY: `new` has found that the processor has the instructions.
        unsafe { avx512::run(&self.program, records, first, verdicts, run_alone) };
    }
}
