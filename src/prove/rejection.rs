//! Decides whether a program rejects all packets, for warnings: in less time than a proof may take, and not for all
//! programs.
//!
//! A packet that the program accepts is mostly found at once (`walk.rs`).

use crate::bpf::dialect::Dialect;
use crate::bpf::verify::Verified;
use crate::prove::{Options, Proof};

/// The bounds of the proof: most take less than a hundredth of them.
const MAX_NODES: usize = 1 << 14;
const MAX_CONFLICTS: u64 = 200;
const MAX_GATES: usize = 1 << 20;

impl Verified {
    /// Returns whether the verdict is 0 on every packet, as for `tcp and udp`.
    ///
    /// The work is bounded: `true` is proven, but `false` may also mean that no proof was found;
    /// [`prove::example`](crate::prove::example) tells the two apart. Returns `false` for programs of
    /// [`Dialect::Seccomp`], whose verdicts are actions.
    ///
    /// ```
    /// use cbpf::{Dialect, Program};
    /// let program: Program = "ldb [9]\n jeq #6, next, drop\n next: jeq #17, keep, drop
    ///                         keep: ret #-1\n drop: ret #0".parse()?;
    /// assert!(program.verify(Dialect::Pcap)?.rejects_all());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rejects_all(&self) -> bool {
        if self.dialect() == Dialect::Seccomp || self.has_witness() {
            return false;
        }
        let bounds = Options {
            is_wire_longest: false,
            max_gates: MAX_GATES,
            max_nodes: MAX_NODES,
            max_conflicts: MAX_CONFLICTS,
            ..Options::new()
        };
        matches!(bounds.example(self), Ok(Proof::Holds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::program::Program;

    fn answer(text: &str, dialect: Dialect) -> bool {
        let program: Program = text.parse().expect("a program");
        program.verify(dialect).expect("a valid program").rejects_all()
    }

    /// Returns the answer for a program that keeps packets on which all tests hold.
    fn all(tests: &[&str]) -> bool {
        let tests: String =
            tests.iter().enumerate().map(|(index, test)| format!("{test}, t{index}, drop\n t{index}: ")).collect();
        answer(&format!("{tests} ret #1\n drop: ret #0"), Dialect::Pcap)
    }

    #[test]
    fn finds_contradictions() {
        for tests in [
            &["ldb [9]\n jeq #6", "jeq #17"][..],
            &["ldb [9]\n jeq #6", "ldh [8]\n jset #0x10"],
            &["ldb [9]\n jgt #5", "jset #7", "ldb [9]\n and #0xf8\n jeq #0", "ldb [9]\n jset #1", "ldb [9]\n jset #8"],
            &["ld [12]\n jeq #0x01020304", "ldb [14]\n jgt #3"],
            &["ldb [14]\n jgt #3", "ld [12]\n jeq #0x01020304"],
            &["ldxb 4*([14]&0xf)\n ldh [x + 14]\n jeq #80", "ldb [x + 15]\n jeq #81"],
            &["ldb [0]\n rsh #4\n jeq #4", "ldb [0]\n and #0xf0\n jeq #0x60"],
            &["ldb [0]\n jgt #255"],
            &["ld #len\n jgt #20", "jge #30", "ldx #len\n txa\n jeq #25"],
            &["ld [0]\n tax\n sub x\n jeq #1"],
            &["ldb [0]\n mul #4\n jset #3"],
            &["ld #1\n jeq #2"],
        ] {
            assert!(all(tests), "{tests:?}");
        }
    }

    #[test]
    fn accepts_consistent_tests() {
        for tests in [
            &["ldb [9]\n jeq #6", "ldb [10]\n jeq #17"][..],
            &["ldb [9]\n jset #6", "jset #9", "jset #1"],
            &["ldb [9]\n jgt #254", "jset #1"],
            &["ldxb 4*([14]&0xf)\n ldh [x + 14]\n jeq #80", "ldh [34]\n jeq #81"],
            &["ld #len\n jgt #20", "jge #30"],
            &["ldh [0]\n mod #8\n jeq #7"],
        ] {
            assert!(!all(tests), "{tests:?}");
        }
    }

    #[test]
    fn finds_that_all_values_are_excluded() {
        let neither = |count: u32| {
            let tests = (0..count).fold(String::new(), |tests, k| format!("{tests} jeq #{k}, drop\n"));
            answer(&format!("ldb [0]\n and #7\n {tests} ret #1\n drop: ret #0"), Dialect::Pcap)
        };
        assert_eq!([7, 8].map(neither), [false, true]);
    }

    #[test]
    fn follows_arithmetic() {
        assert!(!all(&["ldb [0]\n mul #3\n jeq #3"]));
        assert!(all(&["ldb [0]\n mul #3\n jeq #1"]));
        let twice =
            "ldb [0]\n tax\n ldb [1]\n jeq x, next, drop\n next: jeq x, drop, keep\n keep: ret #1\n drop: ret #0";
        assert!(answer(twice, Dialect::Pcap));
        assert!(answer("ldh [0]\n add #1\n jge #1, drop, keep\n keep: ret #1\n drop: ret #0", Dialect::Pcap));
    }

    #[test]
    fn judges_computed_verdicts() {
        assert!(answer("ldb [0]\n and #0\n ret a", Dialect::Pcap));
        assert!(!answer("ldb [0]\n ret a", Dialect::Pcap));
        // A packet without a device gets the verdict 1.
        assert!(!answer("ld #1\n ld #ifidx\n ret #0", Dialect::Linux));
        assert!(answer("ld #ifidx\n ret #0", Dialect::Linux));
        // libpcap shifts everything out, the kernel by 1.
        assert!(answer("ldx #33\n ldb [0]\n lsh x\n ret a", Dialect::Pcap));
        assert!(!answer("ldx #33\n ldb [0]\n lsh x\n ret a", Dialect::Linux));
    }

    #[test]
    fn does_not_follow_all_paths() {
        // 2^40 paths, none of which accepts.
        let diamonds: String = (0..40).fold(String::new(), |text, k| {
            format!("{text} ldb [{k}]\n jeq #1, d{k}\n ldb [{}]\n jeq #2, d{k}, drop\n d{k}: ", k + 100)
        });
        let text = format!("{diamonds} ldb [200]\n jgt #255, keep\n drop: ret #0\n keep: ret #1");
        assert!(answer(&text, Dialect::Pcap));
    }
}
