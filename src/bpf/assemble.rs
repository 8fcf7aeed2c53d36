//! An assembler: instructions and labels become a program, with jumps of any distance.

use alloc::vec::Vec;

use crate::bpf::instruction::{Operand, RawInstruction};
use crate::bpf::isa::Condition;
use crate::bpf::relaxation::{Position, Relaxation};

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
        if let Some(last) = self.items.len().checked_sub(1) {
            if fields != RawInstruction::default() {
                self.unused.push((last, fields));
            }
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

    /// Returns the program, with all labels resolved.
    pub(crate) fn finish(mut self) -> Result<Vec<RawInstruction>, Unresolved> {
        let mut program = Relaxation::default();
        let mut positions = vec![Position::default(); self.items.len() + 1];
        let mut jumps = Vec::new();
        for (index, item) in self.items.iter().enumerate().rev() {
            match *item {
                Item::Plain(raw) => program.push(raw),
                Item::Jump(label) => {
                    program.jump(Position::default());
                    jumps.push((program.position(), self.resolve(label)?));
                }
                Item::Branch { condition, operand, then, otherwise } => {
                    let [then, otherwise] = [self.item_of(then, index)?, self.item_of(otherwise, index)?];
                    program.branch(condition, operand, positions[then], positions[otherwise]);
                }
            }
            positions[index] = program.position();
            if let Some(&(_, fields)) = self.unused.last().filter(|(item, _)| *item == index) {
                self.unused.pop();
                program.set_unused(fields);
            }
        }
        jumps.into_iter().for_each(|(jump, target)| program.redirect(jump, positions[target]));
        Ok(program.finish())
    }

    fn resolve(&self, label: Label) -> Result<usize, Unresolved> {
        self.labels[label.0].ok_or(Unresolved::Undefined { label })
    }

    /// Returns the item that a conditional jump at `item` goes to.
    fn item_of(&self, target: Target, item: usize) -> Result<usize, Unresolved> {
        match target {
            Target::Next => Ok(item + 1),
            Target::Label(label) => match self.resolve(label)? {
                place if place <= item => Err(Unresolved::Backward { item, label }),
                place => Ok(place),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_backward_ja_and_rejects_backward_branch() {
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
