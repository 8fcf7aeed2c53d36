//! Validation of the lowering: the IR that Cranelift gets has the verdicts of its graph, on all packets.
//!
//! The IR is executed symbolically (`evaluation.rs`), with the inputs of the symbolic execution of the graph: the packet
//! pointer is a base of addresses (`item.rs`), numbers have up to 64 bits (`number.rs`), and constant tables are what
//! follows the code. Besides equal verdicts, each load must lie inside of what it loads from, and each divisor must not
//! be 0. It is a test of the compiler, and not part of it.

mod evaluation;
mod instruction;
mod item;
mod memory;
mod number;
mod tests;

use crate::codegen::compile::with_ir;
use crate::codegen::prologue::CodeKind;
use crate::codegen::validation::evaluation::Evaluation;
use crate::ir::Graph;
use crate::prove::packets::{Lengths, Packets};
use crate::prove::preservation::decide;
use crate::prove::{Options, Proof};

/// Proves that the IR of a graph has its verdicts; an error if the IR has something that is not known here.
fn validate(graph: &Graph, options: &Options) -> Result<Proof, String> {
    let outcome = with_ir(graph, CodeKind::Single, |function, tables| {
        let mut packets = Packets::new(Lengths::Any, false, 1 << 22);
        let expected = packets.execute(graph);
        let evaluation = Evaluation::of(function, tables, graph, &mut packets)?;
        let (verdict, faults) = (evaluation.verdict, evaluation.faults);
        Ok(decide(options, &mut packets, [expected, verdict], &faults))
    });
    outcome.map_err(|error| error.to_string())?
}
