//! The assembler core: resolves labels, and relaxes conditional jumps that are too far with extra `ja` instructions.
//!
//! Conditional jumps go forward only, so the distance from an item to the end of the program depends on later items
//! alone. One pass from the end computes all distances, in linear time and with the fewest extra jumps for this order
//! of items.

use crate::bpf::instruction::{Instruction, Operand, RawInstruction};
use crate::bpf::isa::Condition;

/// A label for a position in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

impl Label {
    /// Returns the number of the label, in the order of creation.
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// The target of a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The next instruction.
    Next,
    /// A label.
    Label(Label),
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Plain(RawInstruction),
    Jump(Label),
    Branch { condition: Condition, operand: Operand, then: Target, otherwise: Target },
}

/// The error of resolving labels; `item` is the index of a pushed item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unresolved {
    /// A jump goes to a label that was never placed.
    Undefined { label: Label },
    /// A conditional jump goes backward.
    Backward { item: usize, label: Label },
}

/// Instructions and labels, to be resolved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assembler {
    items: Vec<Item>,
    /// The unused fields of the instructions of items, in the order of the items.
    unused: Vec<(usize, RawInstruction)>,
    /// The item after each label.
    labels: Vec<Option<usize>>,
}

impl Assembler {
    /// Creates a label that is not placed yet.
    pub(crate) fn new_label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Returns the number of pushed items.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Places `label` before the next instruction; returns `false` if it was placed already.
    pub(crate) fn place(&mut self, label: Label) -> bool {
        self.labels[label.0].replace(self.items.len()).is_none()
    }

    /// Sets the unused fields of the last instruction.
    pub(crate) fn set_unused(&mut self, fields: RawInstruction) {
        if let Some(last) = self.items.len().checked_sub(1)
            && fields != RawInstruction::default()
        {
            self.unused.push((last, fields));
        }
    }

    pub(crate) fn push(&mut self, instruction: RawInstruction) {
        self.items.push(Item::Plain(instruction));
    }

    pub(crate) fn jump(&mut self, label: Label) {
        self.items.push(Item::Jump(label));
    }

    pub(crate) fn branch(&mut self, condition: Condition, operand: Operand, then: Target, otherwise: Target) {
        self.items.push(Item::Branch { condition, operand, then, otherwise });
    }

    /// Appends the items of another assembler, and renumbers its labels.
    pub(crate) fn append(&mut self, other: Assembler) {
        let (items, labels) = (self.items.len(), self.labels.len());
        let moved = |label: Label| Label(label.0 + labels);
        let target = |target| match target {
            Target::Next => Target::Next,
            Target::Label(label) => Target::Label(moved(label)),
        };
        self.items.extend(other.items.into_iter().map(|item| match item {
            Item::Plain(raw) => Item::Plain(raw),
            Item::Jump(label) => Item::Jump(moved(label)),
            Item::Branch { condition, operand, then, otherwise } => {
                Item::Branch { condition, operand, then: target(then), otherwise: target(otherwise) }
            }
        }));
        self.unused.extend(other.unused.into_iter().map(|(item, fields)| (item + items, fields)));
        self.labels.extend(other.labels.into_iter().map(|place| place.map(|item| item + items)));
    }

    /// Resolves all labels and returns the program.
    pub(crate) fn finish(self) -> Result<Vec<RawInstruction>, Unresolved> {
        let distances = self.distances()?;
        let mut program = Vec::with_capacity(distances.from_end[0]);
        let mut unused = self.unused.iter().peekable();
        for (index, item) in self.items.iter().enumerate() {
            let start = program.len();
            match *item {
                Item::Plain(raw) => program.push(raw),
                Item::Jump(label) => program.push(distances.jump(program.len(), self.resolve(label)?)),
                Item::Branch { condition, operand, then, otherwise } => {
                    let then = distances.distance(index, self.item_of(then, index)?);
                    let otherwise = distances.distance(index, self.item_of(otherwise, index)?);
                    push_branch(&mut program, condition, operand, then, otherwise);
                }
            }
            if let Some((_, fields)) = unused.next_if(|(item, _)| *item == index) {
                program[start] = program[start].with_unused(*fields);
            }
        }
        Ok(program)
    }

    fn resolve(&self, label: Label) -> Result<usize, Unresolved> {
        self.labels[label.0].ok_or(Unresolved::Undefined { label })
    }

    /// Returns the item at the target of a conditional jump at `item`.
    fn item_of(&self, target: Target, item: usize) -> Result<usize, Unresolved> {
        match target {
            Target::Next => Ok(item + 1),
            Target::Label(label) => match self.resolve(label)? {
                place if place <= item => Err(Unresolved::Backward { item, label }),
                place => Ok(place),
            },
        }
    }

    fn distances(&self) -> Result<Distances, Unresolved> {
        let mut distances = Distances { from_end: vec![0; self.items.len() + 1] };
        for (index, item) in self.items.iter().enumerate().rev() {
            let size = match *item {
                Item::Plain(_) | Item::Jump(_) => 1,
                Item::Branch { then, otherwise, .. } => {
                    let then = distances.distance(index, self.item_of(then, index)?);
                    let otherwise = distances.distance(index, self.item_of(otherwise, index)?);
                    1 + extra_jumps(then, otherwise)
                }
            };
            distances.from_end[index] = distances.from_end[index + 1] + size;
        }
        Ok(distances)
    }
}

/// The number of instructions from each item to the end of the program.
struct Distances {
    from_end: Vec<usize>,
}

impl Distances {
    /// Returns the number of instructions between the last one of `item` and the first one of `target`.
    fn distance(&self, item: usize, target: usize) -> usize {
        self.from_end[item + 1] - self.from_end[target]
    }

    /// Returns a `ja` at `pc` to the item `target`; a backward one wraps, as in libpcap.
    fn jump(&self, pc: usize, target: usize) -> RawInstruction {
        let target_pc = self.from_end[0] - self.from_end[target];
        Instruction::Jump { skip: (target_pc as u32).wrapping_sub(pc as u32 + 1) }.into()
    }
}

/// The largest distance of a conditional jump.
const REACH: usize = u8::MAX as usize;

/// Returns the number of extra `ja` that a conditional jump needs for targets at these distances after them.
fn extra_jumps(then: usize, otherwise: usize) -> usize {
    let (near, far) = (then.min(otherwise), then.max(otherwise));
    if far <= REACH {
        0
    } else if near < REACH {
        1
    } else {
        2
    }
}

/// Pushes a conditional jump and its extra jumps; `then` and `otherwise` are distances from the last of them.
fn push_branch(
    program: &mut Vec<RawInstruction>,
    condition: Condition,
    operand: Operand,
    then: usize,
    otherwise: usize,
) {
    let count = extra_jumps(then, otherwise);
    let mut placed = 0;
    let mut jumps = [0; 2];
    let mut skip = |distance: usize, is_far: bool| {
        if !is_far {
            return (distance + count) as u8;
        }
        jumps[placed] = distance;
        placed += 1;
        placed as u8 - 1
    };
    let skip_true = skip(then, count == 2 || count == 1 && then >= otherwise);
    let skip_false = skip(otherwise, count == 2 || count == 1 && then < otherwise);
    program.push(Instruction::JumpIf { condition, operand, skip_true, skip_false }.into());
    for (index, distance) in jumps[..count].iter().enumerate() {
        let skip = (distance + count - 1 - index) as u32;
        program.push(Instruction::Jump { skip }.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the final target of a conditional jump at `pc`, through its extra jumps.
    fn final_target(program: &[RawInstruction], pc: usize, skip: u8) -> usize {
        let mut at = pc + 1 + usize::from(skip);
        while let Some(Instruction::Jump { skip }) = program.get(at).map(|&raw| raw.into()) {
            at += 1 + skip as usize;
        }
        at
    }

    fn assemble(then: usize, otherwise: usize) -> Vec<RawInstruction> {
        let mut assembler = Assembler::default();
        let (yes, no) = (assembler.new_label(), assembler.new_label());
        assembler.branch(Condition::Equal, Operand::X, Target::Label(yes), Target::Label(no));
        for place in 0..=then.max(otherwise) {
            for (label, distance) in [(yes, then), (no, otherwise)] {
                if place == distance {
                    assembler.place(label);
                }
            }
            assembler.push(Instruction::ReturnConstant { verdict: place as u32 }.into());
        }
        assembler.finish().unwrap()
    }

    #[test]
    fn reaches_labels_at_every_distance() {
        let around = [0, 1, 2, 253, 254, 255, 256, 257, 258, 600];
        for then in around {
            for otherwise in around {
                let program = assemble(then, otherwise);
                let branch = program[0];
                let verdict = |skip| program[final_target(&program, 0, skip)].k as usize;
                assert_eq!((verdict(branch.jt), verdict(branch.jf)), (then, otherwise));
            }
        }
    }

    #[test]
    fn adds_as_few_jumps_as_possible() {
        assert_eq!(assemble(255, 255).len(), 1 + 256);
        assert_eq!(assemble(256, 254).len(), 2 + 257);
        assert_eq!(assemble(256, 255).len(), 3 + 257);
        assert_eq!(assemble(300, 300).len(), 3 + 301);
    }

    #[test]
    fn wraps_backward_ja_and_rejects_backward_branches() {
        let mut assembler = Assembler::default();
        let start = assembler.new_label();
        assert!(assembler.place(start));
        assembler.jump(start);
        assert_eq!(assembler.finish().unwrap()[0].k, u32::MAX);

        let mut assembler = Assembler::default();
        let start = assembler.new_label();
        assembler.place(start);
        assembler.branch(Condition::Equal, Operand::X, Target::Label(start), Target::Next);
        assert_eq!(assembler.finish(), Err(Unresolved::Backward { item: 0, label: start }));
    }
}
