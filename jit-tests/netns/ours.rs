//! A program in our engines, and the comparison with the kernel.

use std::io;

use cbpf::{Context, Dialect, Filter, FilterConfig, Packet, Program, RawInstruction, Strategy, Verified};
use libtest_mimic::Failed;

use crate::kernel;

/// What a socket has received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub data: Vec<u8>,
    pub wire_len: u32,
    pub context: Context,
}

impl Seen {
    pub fn packet(&self) -> Packet<'_> {
        Packet::new(&self.data).with_wire_len(self.wire_len).with_context(&self.context)
    }
}

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

    /// A program that is written in assembler.
    pub fn parse(text: &str) -> Result<Ours, Failed> {
        Ours::new(&text.parse()?)
    }

    /// The verdict on which the interpreter and native code agree.
    pub fn verdict(&self, seen: &Seen) -> Result<u32, Failed> {
        let expected = self.verified.interpret(seen.packet());
        let differs = |filter: &&Filter| filter.run(seen.packet()) != expected;
        match self.filters.iter().find(differs) {
            None => Ok(expected),
            Some(filter) => {
                Err(self.disagreement(&format!("{:?}", filter.strategy()), filter.run(seen.packet()), expected, seen))
            }
        }
    }

    /// Whether the kernel agrees, too; `keeps` tells whether it keeps what is seen.
    pub fn agrees(&self, seen: &Seen, keeps: impl FnMut(&[RawInstruction]) -> io::Result<bool>) -> Result<(), Failed> {
        let expected = self.verdict(seen)?;
        let difference = kernel::differs(self.verified.program().instructions(), expected, keeps)?;
        difference.map_or(Ok(()), |verdict| Err(self.disagreement("kernel", verdict, expected, seen)))
    }

    fn disagreement(&self, who: &str, verdict: u32, expected: u32, seen: &Seen) -> Failed {
        format!("{who}: {verdict:#x}, interpreter: {expected:#x}\n{}on {seen:x?}", self.verified.program()).into()
    }
}
