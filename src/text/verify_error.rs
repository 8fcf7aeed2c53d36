//! A verifier error as a sentence that shows the instruction.

use std::fmt;

use crate::bpf::verify::{Rule, VerifyError};
use crate::text::listing::Line;

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Rule::Empty | Rule::TooLong { .. } = self.rule {
            return write!(f, "{} ({} dialect)", self.rule, self.dialect);
        }
        let line = Line { pc: self.pc, raw: self.instruction }.to_string();
        let words: Vec<&str> = line.split_whitespace().collect();
        write!(f, "instruction {}, `{}`: {} ({} dialect)", self.pc, words.join(" "), self.rule, self.dialect)
    }
}
