//! A builder of programs with named labels.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt;

use crate::bpf::assemble::{Assembler, Label, Target, Unresolved};
use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::bpf::program::Program;
use crate::packet::ancillary::Extension;

/// Builds a [`Program`] instruction by instruction. Jumps go to labels at any distance.
///
/// A filter that keeps ARP:
///
/// ```
/// use cbpf::Program;
/// let arp = Program::builder()
///     .load_half(12)
///     .jump_if_ne(0x806, "drop")
///     .ret(u32::MAX)
///     .label("drop")
///     .ret(0)
///     .build()?;
/// assert_eq!(arp, "ldh [12]\n jne #0x806, drop\n ret #-1\n drop: ret #0".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    assembler: Assembler,
    names: BTreeMap<String, Label>,
    duplicate: Option<BuildError>,
}

/// The error of building a program with a [`Builder`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BuildError {
    /// A jump goes to a label that is not defined.
    UndefinedLabel {
        /// The name of the label.
        label: String,
    },
    /// A label is defined twice.
    DuplicateLabel {
        /// The name of the label.
        label: String,
    },
    /// A conditional jump goes to a label before it.
    BackwardJump {
        /// The index of the jump among the pushed instructions.
        instruction: usize,
        /// The name of the label.
        label: String,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::UndefinedLabel { label } => write!(f, "label `{label}` is not defined"),
            BuildError::DuplicateLabel { label } => write!(f, "label `{label}` is defined twice"),
            BuildError::BackwardJump { instruction, label } => {
                write!(f, "instruction {instruction}: a conditional jump cannot go backward, to label `{label}`")
            }
        }
    }
}

impl core::error::Error for BuildError {}

impl Program {
    /// Creates a builder without instructions.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Adds an instruction.
    pub fn push(mut self, instruction: impl Into<Instruction>) -> Builder {
        self.assembler.push(instruction.into().into());
        self
    }

    /// Defines a label before the next instruction. Each label is defined once.
    pub fn label(mut self, name: &str) -> Builder {
        let label = self.named(name);
        if !self.assembler.place(label) {
            self.duplicate.get_or_insert(BuildError::DuplicateLabel { label: name.to_owned() });
        }
        self
    }

    fn named(&mut self, name: &str) -> Label {
        if let Some(&label) = self.names.get(name) {
            return label;
        }
        let label = self.assembler.new_label();
        self.names.insert(name.to_owned(), label);
        label
    }

    /// `ldb [offset]`: A = the byte at `offset`.
    pub fn load_byte(self, offset: u32) -> Builder {
        self.push(Instruction::LoadAbsolute { offset, width: Width::Byte })
    }

    /// `ldh [offset]`: A = the two bytes at `offset`, big-endian.
    pub fn load_half(self, offset: u32) -> Builder {
        self.push(Instruction::LoadAbsolute { offset, width: Width::Half })
    }

    /// `ld [offset]`: A = the four bytes at `offset`, big-endian.
    pub fn load_word(self, offset: u32) -> Builder {
        self.push(Instruction::LoadAbsolute { offset, width: Width::Word })
    }

    /// `ld [x + offset]`, `ldh`, `ldb`: A = the number at X + offset.
    pub fn load_indirect(self, width: Width, offset: u32) -> Builder {
        self.push(Instruction::LoadIndirect { offset, width })
    }

    /// `ldxb 4*([offset]&0xf)`: X = the length of the IPv4 header at `offset`.
    pub fn load_header_length(self, offset: u32) -> Builder {
        self.push(Instruction::LoadMemShift { offset })
    }

    /// `ld #value`, `ldx #value`.
    pub fn load_constant(self, dst: Register, value: u32) -> Builder {
        self.push(Instruction::LoadConstant { dst, value })
    }

    /// `ld #len`, `ldx #len`: the length on the wire.
    pub fn load_length(self, dst: Register) -> Builder {
        self.push(Instruction::LoadLength { dst })
    }

    /// `ld M[slot]`, `ldx M[slot]`.
    pub fn load_scratch(self, dst: Register, slot: u32) -> Builder {
        self.push(Instruction::LoadScratch { dst, slot })
    }

    /// `ld proto`, `ld vlan_tci`, ...: an ancillary load (Linux).
    pub fn load_extension(self, extension: Extension) -> Builder {
        self.push(Instruction::LoadExtension(extension))
    }

    /// `st M[slot]`, `stx M[slot]`.
    pub fn store_scratch(self, src: Register, slot: u32) -> Builder {
        self.push(Instruction::StoreScratch { src, slot })
    }

    /// `add`, `sub`, ...: A = A op operand.
    pub fn alu(self, op: AluOp, operand: impl Into<Operand>) -> Builder {
        self.push(Instruction::Alu { op, operand: operand.into() })
    }

    /// `neg`: A = -A.
    pub fn negate(self) -> Builder {
        self.push(Instruction::Negate)
    }

    /// `tax`: X = A.
    pub fn tax(self) -> Builder {
        self.push(Instruction::TransferAToX)
    }

    /// `txa`: A = X.
    pub fn txa(self) -> Builder {
        self.push(Instruction::TransferXToA)
    }

    /// `jmp label`
    pub fn jump(mut self, label: &str) -> Builder {
        let label = self.named(label);
        self.assembler.jump(label);
        self
    }

    /// Jumps to `label` if the test holds, else continues with the next instruction.
    pub fn jump_if(mut self, condition: Condition, operand: impl Into<Operand>, label: &str) -> Builder {
        let then = Target::Label(self.named(label));
        self.assembler.branch(condition, operand.into(), then, Target::Next);
        self
    }

    /// Jumps to `then` if the test holds, else to `otherwise`.
    pub fn branch(mut self, condition: Condition, operand: impl Into<Operand>, then: &str, otherwise: &str) -> Builder {
        let (then, otherwise) = (Target::Label(self.named(then)), Target::Label(self.named(otherwise)));
        self.assembler.branch(condition, operand.into(), then, otherwise);
        self
    }

    /// `jeq #value, label`
    pub fn jump_if_eq(self, value: impl Into<Operand>, label: &str) -> Builder {
        self.jump_if(Condition::Equal, value, label)
    }

    /// `jne #value, label`
    pub fn jump_if_ne(self, value: impl Into<Operand>, label: &str) -> Builder {
        self.jump_if(Condition::NotEqual, value, label)
    }

    /// `jgt #value, label`
    pub fn jump_if_gt(self, value: impl Into<Operand>, label: &str) -> Builder {
        self.jump_if(Condition::Greater, value, label)
    }

    /// `jle #value, label`
    pub fn jump_if_le(self, value: impl Into<Operand>, label: &str) -> Builder {
        self.jump_if(Condition::LessOrEqual, value, label)
    }

    /// `jge #value, label`
    pub fn jump_if_ge(self, value: impl Into<Operand>, label: &str) -> Builder {
        self.jump_if(Condition::GreaterOrEqual, value, label)
    }

    /// `jlt #value, label`
    pub fn jump_if_lt(self, value: impl Into<Operand>, label: &str) -> Builder {
        self.jump_if(Condition::Less, value, label)
    }

    /// `jset #mask, label`: jumps if any of the bits is set.
    pub fn jump_if_set(self, mask: impl Into<Operand>, label: &str) -> Builder {
        self.jump_if(Condition::BitsSet, mask, label)
    }

    /// Jumps if none of the bits is set.
    pub fn jump_if_not_set(self, mask: impl Into<Operand>, label: &str) -> Builder {
        self.jump_if(Condition::BitsNotSet, mask, label)
    }

    /// `ret #verdict`: keeps `verdict` bytes; 0 drops the packet.
    pub fn ret(self, verdict: u32) -> Builder {
        self.push(Instruction::ReturnConstant { verdict })
    }

    /// `ret a`
    pub fn ret_a(self) -> Builder {
        self.push(Instruction::ReturnA)
    }

    /// Resolves the labels and returns the program. A conditional jump over more than 255 instructions goes through a
    /// `ja`.
    ///
    /// # Errors
    /// Returns an error for a label that is not defined or defined twice, and for a conditional jump backward.
    pub fn build(self) -> Result<Program, BuildError> {
        let Builder { assembler, names, duplicate } = self;
        if let Some(error) = duplicate {
            return Err(error);
        }
        assembler.finish().map(Program::new).map_err(|unresolved| build_error(unresolved, &names))
    }
}

fn build_error(unresolved: Unresolved, names: &BTreeMap<String, Label>) -> BuildError {
    let name_of = |label| names.iter().find(|&(_, &named)| named == label).map_or_else(String::new, |n| n.0.clone());
    match unresolved {
        Unresolved::Undefined { label } => BuildError::UndefinedLabel { label: name_of(label) },
        Unresolved::Backward { item, label } => BuildError::BackwardJump { instruction: item, label: name_of(label) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reaches_far_labels() {
        let mut builder = Program::builder().jump_if_ne(1, "far");
        for _ in 0..300 {
            builder = builder.txa();
        }
        let program = builder.label("far").ret(0).build().unwrap();
        assert_eq!(program.len(), 303);
        assert_eq!(program.disassemble().nth(1), Some(Instruction::Jump { skip: 300 }));
    }

    #[test]
    fn rejects_wrong_labels() {
        let label = || "lost".to_owned();
        let undefined = Program::builder().jump("lost").build();
        assert_eq!(undefined, Err(BuildError::UndefinedLabel { label: label() }));
        let twice = Program::builder().label("lost").ret(0).label("lost").ret(0).build();
        assert_eq!(twice, Err(BuildError::DuplicateLabel { label: label() }));
        let backward = Program::builder().txa().label("lost").txa().jump_if_eq(1, "lost").build();
        assert_eq!(backward, Err(BuildError::BackwardJump { instruction: 2, label: label() }));
    }
}
