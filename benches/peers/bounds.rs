//! Merged bounds checks of a program: a check moves up as long as every path from there makes it too or drops the
//! packet, and it covers all later checks.

use cbpf::Instruction;

/// Ends of loads, in bytes: from the start of the packet, and from X.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    pub absolute: u64,
    pub from_x: u64,
}

impl Ends {
    const NONE: Ends = Ends { absolute: 0, from_x: 0 };
    /// More than any packet has, for code that only drops packets.
    const ALL: Ends = Ends { absolute: u64::MAX, from_x: u64::MAX };

    fn min(self, other: Ends) -> Ends {
        Ends { absolute: self.absolute.min(other.absolute), from_x: self.from_x.min(other.from_x) }
    }

    fn max(self, other: Ends) -> Ends {
        Ends { absolute: self.absolute.max(other.absolute), from_x: self.from_x.max(other.from_x) }
    }
}

/// Returns the check before each instruction, or 0 for none.
pub fn merged(instructions: &[Instruction]) -> Vec<Ends> {
    let wanted = wanted(instructions);
    let mut known = vec![Ends::ALL; instructions.len()];
    known[0] = Ends::NONE;
    let mut checks = Vec::with_capacity(instructions.len());
    for (pc, instruction) in instructions.iter().enumerate() {
        let before = known[pc];
        let check = |wanted, known| if wanted > known && wanted != u64::MAX { wanted } else { 0 };
        let made = Ends {
            absolute: check(wanted[pc].absolute, before.absolute),
            from_x: check(wanted[pc].from_x, before.from_x),
        };
        checks.push(made);
        let mut after = before.max(made);
        if sets_x(instruction) {
            after.from_x = 0;
        }
        for next in successors(pc, instruction) {
            known[next] = known[next].min(after);
        }
    }
    checks
}

/// Returns for each instruction the largest ends such that all shorter packets are dropped from there on.
fn wanted(instructions: &[Instruction]) -> Vec<Ends> {
    let mut wanted = vec![Ends::ALL; instructions.len()];
    for (pc, instruction) in instructions.iter().enumerate().rev() {
        let after = successors(pc, instruction).map(|next| wanted[next]).fold(Ends::ALL, Ends::min);
        wanted[pc] = match *instruction {
            Instruction::ReturnConstant { verdict: 0 } => Ends::ALL,
            Instruction::ReturnConstant { .. } | Instruction::ReturnA => Ends::NONE,
            _ => after,
        };
        if sets_x(instruction) && after.from_x != u64::MAX {
            wanted[pc].from_x = 0;
        }
        wanted[pc] = wanted[pc].max(end(instruction));
    }
    wanted
}

/// Returns the end of the instruction's own load.
fn end(instruction: &Instruction) -> Ends {
    match *instruction {
        Instruction::LoadAbsolute { offset, width } => {
            Ends { absolute: u64::from(offset) + u64::from(width.bytes()), ..Ends::NONE }
        }
        Instruction::LoadMemShift { offset } => Ends { absolute: u64::from(offset) + 1, ..Ends::NONE },
        Instruction::LoadIndirect { offset, width } => {
            Ends { from_x: u64::from(offset) + u64::from(width.bytes()), ..Ends::NONE }
        }
        _ => Ends::NONE,
    }
}

fn sets_x(instruction: &Instruction) -> bool {
    use cbpf::bpf::Register::X;
    matches!(
        instruction,
        Instruction::LoadConstant { dst: X, .. }
            | Instruction::LoadScratch { dst: X, .. }
            | Instruction::LoadLength { dst: X }
            | Instruction::LoadMemShift { .. }
            | Instruction::TransferAToX
    )
}

/// Returns the instructions that may follow.
fn successors(pc: usize, instruction: &Instruction) -> impl Iterator<Item = usize> + use<> {
    let next = pc + 1;
    let skips = match *instruction {
        Instruction::ReturnConstant { .. } | Instruction::ReturnA => [None, None],
        Instruction::Jump { skip } => [Some(skip as usize), None],
        Instruction::JumpIf { skip_true, skip_false, .. } => {
            [Some(usize::from(skip_true)), Some(usize::from(skip_false))]
        }
        _ => [Some(0), None],
    };
    skips.into_iter().flatten().map(move |skip| next + skip)
}
