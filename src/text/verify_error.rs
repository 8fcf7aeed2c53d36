//! A verifier error as a sentence with the instruction as in a listing; `bpf` does not depend on the text forms.

use core::fmt;

use crate::bpf::verify::{Rule, VerifyError};
use crate::text::listing::Line;

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Rule::Empty | Rule::TooLong { .. } = self.rule {
            return write!(f, "{} ({} dialect)", self.rule, self.dialect);
        }
        let line = Line { pc: self.pc, raw: self.instruction }.compact();
        write!(f, "instruction {}, `{line}`: {} ({} dialect)", self.pc, self.rule, self.dialect)
    }
}
