//! A graph becomes a program again, a shorter one.
//!
//! The passes make the graph small (`reduce.rs`, with `parameters.rs` and `reorder.rs` of its own), what later loads check
//! is found (`ahead.rs`), scratch words are planned for (`plan.rs`, `keep.rs`), and blocks become pieces of code in their
//! order (`writer.rs`, `evaluate.rs`), each knowing what the machine holds when it begins (`machine.rs`). Pieces are cleaned
//! up (`clean.rs`) and laid out (`layout.rs`).
//!
//! Invariants
//! - A value is read from a register or scratch word only if that holds it on every path: the machine is the meet over
//!   all edges, which are written before the block that they lead to.
//! - A check is left out only if every path to it, or from it before anything else can be observed, makes a load or a
//!   division that would fail as well.
//! - What cannot be written this way stays as it was: the program that comes out is verified, and shorter than what came
//!   in, or it is what came in.

mod anticipated_loads;
mod cleanup;
mod code;
mod evaluate;
mod layout;
mod machine_state;
mod parameter_elimination;
mod reduce;
mod slot_allocation;
mod slot_candidates;
mod test_reordering;
mod writer;

use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::bpf::verify::{Verified, VerifyError};
use crate::emit::anticipated_loads::Ahead;
use crate::emit::slot_allocation::Plan;

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

/// How many values are tried to be kept in scratch words, one after the other.
const TRIALS: usize = 6;

/// The program that a verified one becomes, if it can be written.
fn emit(verified: &Verified) -> Option<Program> {
    let graph = reduce::reduced(verified);
    let ahead = Ahead::of(&graph);
    let budget = 2 * verified.program().len() + 16;
    let write = |plan: &Plan| {
        let mut written = writer::write(&graph, &ahead, plan, verified.dialect().is_kernel(), budget).ok()?;
        written.code.clean();
        Some((written.code.assemble(), written.computed))
    };
    // Where a parameter is best depends on whether it is read at once; there is no middle way yet.
    let has_parameters = graph.blocks.iter().any(|block| !block.parameters.is_empty());
    let ways: &[bool] = if has_parameters { &[true, false] } else { &[true] };
    let plans = ways.iter().map(|&first_in_a| Plan::of(&graph, first_in_a));
    let written = plans.filter_map(|plan| write(&plan).map(|written| (plan, written)));
    let (mut plan, (mut best, computed)) = written.min_by_key(|(_, (program, _))| program.len())?;
    for value in slot_candidates::worth_trying(&graph, &computed).into_iter().take(TRIALS) {
        if let Some(other) = plan.keeping(value)
            && let Some((shorter, _)) = write(&other)
            && shorter.len() < best.len()
        {
            (plan, best) = (other, shorter);
        }
    }
    Some(Program::new(best))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a program becomes in a dialect, as assembler without its white space.
    fn optimized(text: &str, dialect: Dialect) -> String {
        let program: Program = text.parse().unwrap();
        let lines = program.optimize(dialect).unwrap().to_string();
        lines.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_load_for_its_check_stays_unless_another_makes_it() {
        for dialect in [Dialect::Linux, Dialect::Pcap] {
            assert_eq!(optimized("ldh [12]\n ret #1", dialect), "ldh [12]; ret #1");
            assert_eq!(optimized("ld [20]\n ldh [12]\n ret #1", dialect), "ld [20]; ret #1");
            assert_eq!(optimized("ldh [12]\n ld [20]\n ret a", dialect), "ld [20]; ret a");
            // The first load decides on its own that a short packet gets 0, and not 7.
            let kept = "ldb [9]; jne #0x1, L03; ret #7; L03: ldb [30]; ret a";
            assert_eq!(optimized("ldb [9]\n jeq #1, a, b\n a: ret #7\n b: ldb [30]\n ret a", dialect), kept);
        }
    }

    #[test]
    fn a_division_by_nothing_stays() {
        let kept = "ldxb 4*([0]&0xf); div x; ret #1";
        assert_eq!(optimized("ldxb 4*([0]&0xf)\n div x\n tax\n ret #1", Dialect::Linux), kept);
        let kept = "ldb [0]; jne #0x0, L03; ret #0; L03: ret #1";
        assert_eq!(optimized("ldb [0]\n tax\n ld #9\n div x\n ret #1", Dialect::Linux), kept);
        assert_eq!(optimized("ldx #4\n div x\n ret #1", Dialect::Linux), "ret #1");
        assert_eq!(optimized("ldx #0\n div x\n ret #1", Dialect::Linux), "ret #0");
    }

    #[test]
    fn a_missing_device_ends_the_program_with_the_same_verdict() {
        // The second load ends nothing, and the first one's check is not left to it.
        let text = "ld #7\n ld hatype\n ldb [3]\n ld hatype\n ret #1";
        assert_eq!(optimized(text, Dialect::Linux), "ld #0x7; ld hatype; ldb [3]; ret #1");
        let text = "ld #7\n ld ifidx\n ret #1";
        assert_eq!(optimized(text, Dialect::Linux), "ld #0x7; ld ifidx; ret #1");
        assert_eq!(optimized("ld #7\n ld ifidx\n ld hatype\n ret #1", Dialect::Linux).matches("ld ").count(), 3);
    }

    #[test]
    fn random_numbers_keep_their_places() {
        assert_eq!(optimized("ld rand\n ld rand\n ret a", Dialect::Linux), "ld rand; ld rand; ret a");
        assert_eq!(optimized("ld rand\n tax\n ld rand\n txa\n ret a", Dialect::Linux), "ld rand; ret a");
    }

    #[test]
    fn one_return_serves_the_jumps_that_reach_it() {
        let tests: String = (0..1000).map(|i| format!("ld [{}]\n jeq #{i}, drop\n", i % 2 * 4)).collect();
        let program: Program = format!("{tests}ret #1\n drop: ret #0").parse().unwrap();
        let shorter = program.optimize(Dialect::Pcap).unwrap();
        // Two loads, a test for each number, and a return for each 250 or so.
        assert!((1000..1010).contains(&shorter.len()), "{}", shorter.len());
    }

    #[test]
    fn what_is_computed_twice_is_stored() {
        let length = "ldb [0]\n lsh #8\n tax\n ldb [1]\n or x\n tax";
        let text = format!(
            "{length}\n ldb [x + 4]\n tax\n ldb [x + 9]\n jeq #1, a, b\n a: {length}\n ldb [x + 5]\n ret a\n b: ret #0"
        );
        let shorter = optimized(&text, Dialect::Linux);
        assert_eq!(shorter.matches("lsh").count(), 1, "{shorter}");
    }
}
