//! A graph becomes a program again, a shorter one.

mod ahead;
mod clean;
mod code;
mod evaluate;
mod layout;
mod machine;
mod parameters;
mod plan;
mod reduce;
mod reorder;
mod writer;

use crate::dialect::Dialect;
use crate::graph::emit::ahead::Ahead;
use crate::graph::emit::plan::Plan;
use crate::program::Program;
use crate::verify::{Verified, VerifyError};

impl Program {
    /// A program with the same verdicts that is never longer, and mostly shorter.
    ///
    /// The verdict on every packet is the same, all 32 bits of it, and on truncated packets, too: what libpcap's
    /// optimiser drops, a load whose only effect is that it ends the program, stays unless an earlier or a later load
    /// ends it as well.
    ///
    /// # Errors
    /// As [`Program::verify`]: the rules of the dialect say what the program means. What comes out is valid in that
    /// dialect, and may mean something else in another.
    ///
    /// ```
    /// use cbpf::{Dialect, Program};
    /// let program: Program = "ld #len\n st M[0]\n ld #100\n st M[1]\n ldx M[1]\n ld M[0]\n jge x, keep, drop
    ///                         keep: ret #-1\n drop: ret #0".parse()?;
    /// let optimized: Program = "ld #len\n jgt #99, keep, drop\n keep: ret #-1\n drop: ret #0".parse()?;
    /// assert_eq!(program.optimize(Dialect::Linux)?, optimized);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn optimize(&self, dialect: Dialect) -> Result<Program, VerifyError> {
        let verified = self.verify(dialect)?;
        let is_better = |other: &Program| other.len() < self.len() && other.verify(dialect).is_ok();
        Ok(emit(&verified).filter(is_better).unwrap_or_else(|| self.clone()))
    }
}

/// The program that a verified one becomes, if it can be written.
fn emit(verified: &Verified) -> Option<Program> {
    let graph = reduce::reduced(verified);
    let ahead = Ahead::of(&graph);
    let plan = Plan::of(&graph);
    let budget = 2 * verified.program().len() + 16;
    let mut code = writer::write(&graph, &ahead, &plan, verified.dialect().is_kernel(), budget).ok()?;
    code.clean();
    Some(Program::new(code.assemble()))
}
