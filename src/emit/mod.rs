//! Emission: a decision graph becomes a shorter classic program.
//!
//! The passes make the graph small (`reduce`). Then the loads that follow each point are found (`anticipated_loads`),
//! scratch words are allocated (`slot_allocation`, `spill_candidates`), and the blocks are written as instructions in
//! topological order (`emitter`, `instruction_selection`). The code is cleaned up and laid out.
//!
//! Invariants
//! - A value is read from a register or scratch word only if that holds it on every path. The state of the machine at
//!   the start of a block is the meet over all edges into it, which are written before.
//! - A check is left out only if every path to it, or from it before anything else can be observed, makes a load or a
//!   division that would fail as well.
//! - The optimised program is verified, and shorter than the original; otherwise the original is the result.

mod anticipated_loads;
mod check_set;
mod cleanup;
mod emitted_code;
mod emitter;
mod instruction_selection;
mod layout;
mod machine_state;
mod parameter_elimination;
mod reduce;
mod slot_allocation;
mod spill_candidates;

use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::bpf::verify::{Verified, VerifyError};
use crate::emit::anticipated_loads::AnticipatedLoads;
use crate::emit::emitter::emit_graph;
use crate::emit::slot_allocation::SlotAllocation;
use crate::emit::spill_candidates::spill_candidates;

impl Program {
    /// Returns a program with the same verdicts that is never longer, and mostly shorter.
    ///
    /// All 32 bits of the verdict stay the same, on truncated packets as well: unlike libpcap's optimiser, this keeps a
    /// load whose only effect is that it may end the program, unless another load ends it in the same cases.
    ///
    /// # Errors
    /// The same as [`Program::verify`], since the dialect defines the meaning of the program. The result is valid in
    /// that dialect; in another it may be invalid or mean something else.
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

/// The largest number of spill candidates to try.
const MAX_SPILL_TRIALS: usize = 6;

/// Returns the program that a verified one becomes; `None` if the graph cannot be emitted.
fn emit(verified: &Verified) -> Option<Program> {
    let graph = reduce::reduced(verified);
    let anticipated = AnticipatedLoads::of(&graph);
    let budget = 2 * verified.program().len() + 16;
    let write = |slots: &SlotAllocation| {
        let (mut code, times_computed) =
            emit_graph(&graph, &anticipated, slots, verified.dialect().is_kernel(), budget).ok()?;
        code.clean();
        Some((code.assemble(), times_computed))
    };
    // The first parameter is better in A if the block reads it at once.
    let has_parameters = graph.blocks.iter().any(|block| !block.parameters.is_empty());
    let ways: &[bool] = if has_parameters { &[true, false] } else { &[true] };
    let written = ways.iter().filter_map(|&is_first_in_a| {
        let slots = SlotAllocation::of(&graph, is_first_in_a);
        write(&slots).map(|written| (slots, written))
    });
    let (mut slots, (mut best, times_computed)) = written.min_by_key(|(_, (program, _))| program.len())?;
    for value in spill_candidates(&graph, &times_computed).into_iter().take(MAX_SPILL_TRIALS) {
        if let Some(other) = slots.with_spilled(value) {
            if let Some((shorter, _)) = write(&other) {
                if shorter.len() < best.len() {
                    (slots, best) = (other, shorter);
                }
            }
        }
    }
    Some(Program::new(best))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the optimised program as assembler on one line.
    fn optimized(text: &str, dialect: Dialect) -> String {
        let program: Program = text.parse().unwrap();
        let lines = program.optimize(dialect).unwrap().to_string();
        lines.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn keeps_a_load_for_its_check_unless_another_makes_it() {
        for dialect in [Dialect::Linux, Dialect::Pcap] {
            assert_eq!(optimized("ldh [12]\n ret #1", dialect), "ldh [12]; ret #1");
            assert_eq!(optimized("ld [20]\n ldh [12]\n ret #1", dialect), "ld [20]; ret #1");
            assert_eq!(optimized("ldh [12]\n ld [20]\n ret a", dialect), "ld [20]; ret a");
            // Without the first load, a short packet would get 7 instead of 0.
            let kept = "ldb [9]; jne #0x1, L03; ret #7; L03: ldb [30]; ret a";
            assert_eq!(optimized("ldb [9]\n jeq #1, a, b\n a: ret #7\n b: ldb [30]\n ret a", dialect), kept);
        }
    }

    #[test]
    fn keeps_a_division_by_zero() {
        let kept = "ldxb 4*([0]&0xf); div x; ret #1";
        assert_eq!(optimized("ldxb 4*([0]&0xf)\n div x\n tax\n ret #1", Dialect::Linux), kept);
        let kept = "ldb [0]; jne #0x0, L03; ret #0; L03: ret #1";
        assert_eq!(optimized("ldb [0]\n tax\n ld #9\n div x\n ret #1", Dialect::Linux), kept);
        assert_eq!(optimized("ldx #4\n div x\n ret #1", Dialect::Linux), "ret #1");
        assert_eq!(optimized("ldx #0\n div x\n ret #1", Dialect::Linux), "ret #0");
    }

    #[test]
    fn keeps_the_verdict_for_a_missing_device() {
        // The first load of `hatype` makes the check; the second cannot fail any more.
        let text = "ld #7\n ld hatype\n ldb [3]\n ld hatype\n ret #1";
        assert_eq!(optimized(text, Dialect::Linux), "ld #0x7; ld hatype; ldb [3]; ret #1");
        let text = "ld #7\n ld ifidx\n ret #1";
        assert_eq!(optimized(text, Dialect::Linux), "ld #0x7; ld ifidx; ret #1");
        assert_eq!(optimized("ld #7\n ld ifidx\n ld hatype\n ret #1", Dialect::Linux).matches("ld ").count(), 3);
    }

    #[test]
    fn keeps_the_order_of_random_numbers() {
        assert_eq!(optimized("ld rand\n ld rand\n ret a", Dialect::Linux), "ld rand; ld rand; ret a");
        assert_eq!(optimized("ld rand\n tax\n ld rand\n txa\n ret a", Dialect::Linux), "ld rand; ret a");
    }

    #[test]
    fn shares_returns_among_distant_jumps() {
        let tests: String = (0..1000).map(|i| format!("ld [{}]\n jeq #{i}, drop\n", i % 2 * 4)).collect();
        let program: Program = format!("{tests}ret #1\n drop: ret #0").parse().unwrap();
        let shorter = program.optimize(Dialect::Pcap).unwrap();
        // Two loads, 1000 tests, and a return for about every 250 of them.
        assert!((1000..1010).contains(&shorter.len()), "{}", shorter.len());
    }

    #[test]
    fn loads_once_for_tests_of_one_value() {
        // `ip host A or ip host B or ip host C`, without the test of the protocol.
        let tests: String =
            ["1", "2", "3"].map(|host| format!("ld [26]\n jeq #{host}, keep\n ld [30]\n jeq #{host}, keep\n")).concat();
        assert_eq!(optimized(&format!("{tests} ret #0\n keep: ret #1"), Dialect::Pcap).matches("ld ").count(), 3);
    }

    #[test]
    fn keeps_the_guard_of_a_division_before_it() {
        let text = "ld [0]\n tax\n jeq #0, out\n ld [4]\n div x\n jeq #5, out\n ld [0]\n jeq #7, out\n ld [4]\n div x
                    jeq #6, out\n ret #1\n out: ret #2";
        let program: Program = text.parse().unwrap();
        let shorter = program.optimize(Dialect::Pcap).unwrap();
        assert!(shorter.len() < program.len(), "{shorter}");
        let [before, after] = [program, shorter].map(|program| program.verify(Dialect::Pcap).unwrap());
        for packet in [[0, 9], [7, 9], [1, 5], [1, 6], [2, 9]] {
            let packet = packet.map(u32::to_be_bytes).concat();
            assert_eq!(before.interpret(&packet[..]), after.interpret(&packet[..]), "{packet:?}");
        }
    }

    #[test]
    fn spills_a_value_that_is_computed_twice() {
        let length = "ldb [0]\n lsh #8\n tax\n ldb [1]\n or x\n tax";
        let text = format!(
            "{length}\n ldb [x + 4]\n tax\n ldb [x + 9]\n jeq #1, a, b\n a: {length}\n ldb [x + 5]\n ret a\n b: ret #0"
        );
        let shorter = optimized(&text, Dialect::Linux);
        assert_eq!(shorter.matches("lsh").count(), 1, "{shorter}");
    }
}
