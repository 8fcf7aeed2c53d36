//! Labels become distances, and a conditional jump that does not reach gets a `ja` to help it.
//!
//! Conditional jumps go forward only, so the distance from an item to the end of the program depends on later items
//! alone: one pass from the end backwards places everything, in linear time and with the fewest helpers that items in
//! this order can have.

use crate::bpf::instruction::{Instruction, Operand, RawInstruction};
use crate::bpf::isa::Condition;

/// A place in the program that jumps can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

impl Label {
    /// Which one it is, in the order in which they were made.
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// Where a jump goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// To the next instruction.
    Next,
    /// To a label.
    Label(Label),
}

#[derive(Debug)]
enum Item {
    Plain(RawInstruction),
    Jump(Label),
    Branch { condition: Condition, operand: Operand, then: Target, otherwise: Target },
}

/// Why a list of items is not a program; `item` counts the items in the order in which they were pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unresolved {
    /// A jump names a label that was never placed.
    Undefined { label: Label },
    /// A conditional jump goes backwards.
    Backward { item: usize, label: Label },
}

/// Collects instructions and labels.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    items: Vec<Item>,
    /// What stands in the fields that the instruction of an item does not use, in the order of the items.
    unused: Vec<(usize, RawInstruction)>,
    /// For each label the item that it stands before.
    labels: Vec<Option<usize>>,
}

impl Assembler {
    /// A label that is not placed yet.
    pub(crate) fn new_label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// How many instructions and jumps were pushed.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Places `label` before the next instruction; `false` if it was placed before.
    pub(crate) fn place(&mut self, label: Label) -> bool {
        self.labels[label.0].replace(self.items.len()).is_none()
    }

    /// Sets the fields that the last instruction does not use.
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

    /// Puts what another one collected behind this; its labels get other numbers.
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

    /// The program, all labels resolved.
    pub(crate) fn finish(self) -> Result<Vec<RawInstruction>, Unresolved> {
        let layout = self.layout()?;
        let mut program = Vec::with_capacity(layout.from_end[0]);
        let mut unused = self.unused.iter().peekable();
        for (index, item) in self.items.iter().enumerate() {
            let start = program.len();
            match *item {
                Item::Plain(raw) => program.push(raw),
                Item::Jump(label) => program.push(layout.jump(program.len(), self.resolve(label)?)),
                Item::Branch { condition, operand, then, otherwise } => {
                    let then = layout.distance(index, self.item_of(then, index)?);
                    let otherwise = layout.distance(index, self.item_of(otherwise, index)?);
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

    /// The item that a conditional jump at `item` goes to.
    fn item_of(&self, target: Target, item: usize) -> Result<usize, Unresolved> {
        match target {
            Target::Next => Ok(item + 1),
            Target::Label(label) => match self.resolve(label)? {
                place if place <= item => Err(Unresolved::Backward { item, label }),
                place => Ok(place),
            },
        }
    }

    fn layout(&self) -> Result<Layout, Unresolved> {
        let mut layout = Layout { from_end: vec![0; self.items.len() + 1] };
        for (index, item) in self.items.iter().enumerate().rev() {
            let size = match *item {
                Item::Plain(_) | Item::Jump(_) => 1,
                Item::Branch { then, otherwise, .. } => {
                    let then = layout.distance(index, self.item_of(then, index)?);
                    let otherwise = layout.distance(index, self.item_of(otherwise, index)?);
                    1 + helpers(then, otherwise)
                }
            };
            layout.from_end[index] = layout.from_end[index + 1] + size;
        }
        Ok(layout)
    }
}

/// How many instructions stand from each item to the end of the program.
struct Layout {
    from_end: Vec<usize>,
}

impl Layout {
    /// How many instructions lie between the last one of `item` and the first one of `target`.
    fn distance(&self, item: usize, target: usize) -> usize {
        self.from_end[item + 1] - self.from_end[target]
    }

    /// A `ja` at `pc` to `target`; a backward one wraps, as in libpcap.
    fn jump(&self, pc: usize, target: usize) -> RawInstruction {
        let place = self.from_end[0] - self.from_end[target];
        Instruction::Jump { skip: (place as u32).wrapping_sub(pc as u32 + 1) }.into()
    }
}

const REACH: usize = u8::MAX as usize;

/// How many `ja` a conditional jump needs, when its targets are so far behind them.
fn helpers(then: usize, otherwise: usize) -> usize {
    let (near, far) = (then.min(otherwise), then.max(otherwise));
    if far <= REACH {
        0
    } else if near < REACH {
        1
    } else {
        2
    }
}

/// Pushes a conditional jump and its helpers: `then` and `otherwise` are distances from behind the last of them.
fn push_branch(
    program: &mut Vec<RawInstruction>,
    condition: Condition,
    operand: Operand,
    then: usize,
    otherwise: usize,
) {
    let helpers = helpers(then, otherwise);
    let mut placed = 0;
    let mut jumps = [0; 2];
    let mut skip = |distance: usize, is_far: bool| {
        if !is_far {
            return (distance + helpers) as u8;
        }
        jumps[placed] = distance;
        placed += 1;
        placed as u8 - 1
    };
    let skip_true = skip(then, helpers == 2 || helpers == 1 && then >= otherwise);
    let skip_false = skip(otherwise, helpers == 2 || helpers == 1 && then < otherwise);
    program.push(Instruction::JumpIf { condition, operand, skip_true, skip_false }.into());
    for (index, distance) in jumps[..helpers].iter().enumerate() {
        let skip = (distance + helpers - 1 - index) as u32;
        program.push(Instruction::Jump { skip }.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a conditional jump at `pc` ends up, through its helpers.
    fn landing(program: &[RawInstruction], pc: usize, skip: u8) -> usize {
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
    fn every_distance_lands_where_its_label_stands() {
        let around = [0, 1, 2, 253, 254, 255, 256, 257, 258, 600];
        for then in around {
            for otherwise in around {
                let program = assemble(then, otherwise);
                let branch = program[0];
                let verdict = |skip| program[landing(&program, 0, skip)].k as usize;
                assert_eq!((verdict(branch.jt), verdict(branch.jf)), (then, otherwise));
            }
        }
    }

    #[test]
    fn a_helper_comes_only_when_it_must() {
        assert_eq!(assemble(255, 255).len(), 1 + 256);
        assert_eq!(assemble(256, 254).len(), 2 + 257);
        assert_eq!(assemble(256, 255).len(), 3 + 257);
        assert_eq!(assemble(300, 300).len(), 3 + 301);
    }

    #[test]
    fn a_backward_ja_wraps_and_a_backward_branch_is_refused() {
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
