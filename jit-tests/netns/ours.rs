//! A program in the engines of this crate, and the comparison with the kernel.

use std::io;

use cbpf::bpf::RawInstruction;
use cbpf::filter::Strategy;
use cbpf::{Dialect, Filter, FilterConfig, Program, Verified};
use libtest_mimic::Failed;

use crate::case::Sample;
use crate::kernel;

/// A program, verified and compiled to both shapes of native code.
pub struct Ours {
    verified: Verified,
    filters: Vec<Filter>,
}

impl Ours {
    pub fn new(program: &Program) -> Result<Ours, Failed> {
        let verified = program.verify(Dialect::Linux)?;
        let filters = Strategy::ALL
            .iter()
            .map(|&strategy| FilterConfig::new().strategy(strategy).require_native(true).compile(&verified))
            .collect::<Result<_, _>>()?;
        Ok(Ours { verified, filters })
    }

    /// Parses a program in assembler.
    pub fn parse(text: &str) -> Result<Ours, Failed> {
        Ours::new(&text.parse()?)
    }

    /// Returns the verdict on which the interpreter and native code agree.
    pub fn verdict(&self, seen: &Sample) -> Result<u32, Failed> {
        let expected = self.verified.interpret(seen.packet());
        let differs = |filter: &&Filter| filter.run(seen.packet()) != expected;
        match self.filters.iter().find(differs) {
            None => Ok(expected),
            Some(filter) => {
                Err(self.disagreement(&format!("{:?}", filter.strategy()), filter.run(seen.packet()), expected, seen))
            }
        }
    }

    /// Checks that the kernel agrees, too. `keeps` returns `true` if the kernel's program keeps the packet.
    pub fn agrees(
        &self,
        seen: &Sample,
        keeps: impl FnMut(&[RawInstruction]) -> io::Result<bool>,
    ) -> Result<(), Failed> {
        let expected = self.verdict(seen)?;
        let difference = kernel::differs(self.verified.program().instructions(), expected, keeps)?;
        difference.map_or(Ok(()), |verdict| Err(self.disagreement("kernel", verdict, expected, seen)))
    }

    fn disagreement(&self, who: &str, verdict: u32, expected: u32, seen: &Sample) -> Failed {
        format!("{who}: {verdict:#x}, interpreter: {expected:#x}\n{}on {seen:x?}", self.verified.program()).into()
    }
}
