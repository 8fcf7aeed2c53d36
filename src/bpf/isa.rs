//! The instruction set: one row for each opcode, and what its arithmetic and its tests mean.
//!
//! [`TABLE`] is the only list of opcodes in the crate: the codec, the texts, the verifier and the engines all read it.
//! Source: `chk_code_allowed` in the kernel's `net/core/filter.c` and `include/uapi/linux/bpf_common.h`; BSD's `bpf(4)`.

/// One of the two registers of the machine, each 32 bits wide and 0 at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Register {
    /// The accumulator: packet loads, arithmetic and tests work on it.
    A,
    /// The index register: the second operand of arithmetic and tests, and the base of indirect loads.
    X,
}

/// How many bytes of the packet a load reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Width {
    /// One byte (`ldb`).
    Byte,
    /// Two bytes (`ldh`).
    Half,
    /// Four bytes (`ld`).
    Word,
}

impl Width {
    /// The number of bytes: 1, 2 or 4.
    pub const fn bytes(self) -> u32 {
        match self {
            Width::Byte => 1,
            Width::Half => 2,
            Width::Word => 4,
        }
    }
}

/// Arithmetic on two 32-bit words, wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AluOp {
    /// `A + b`
    Add,
    /// `A - b`
    Sub,
    /// `A * b`
    Mul,
    /// `A / b`, unsigned
    Div,
    /// `A % b`, unsigned
    Mod,
    /// `A & b`
    And,
    /// `A | b`
    Or,
    /// `A ^ b`
    Xor,
    /// `A << b`
    Lsh,
    /// `A >> b`, zeros come in
    Rsh,
}

impl AluOp {
    /// The result, or `None` for a division by zero.
    ///
    /// A shift by 32 or more is 0 here, as in libpcap; the kernel's dialects mask the count to five bits first.
    ///
    /// ```
    /// use cbpf::AluOp;
    /// assert_eq!(AluOp::Sub.eval(1, 2), Some(u32::MAX));
    /// assert_eq!(AluOp::Lsh.eval(1, 32), Some(0));
    /// assert_eq!(AluOp::Mod.eval(1, 0), None);
    /// ```
    pub const fn eval(self, a: u32, b: u32) -> Option<u32> {
        Some(match self {
            AluOp::Add => a.wrapping_add(b),
            AluOp::Sub => a.wrapping_sub(b),
            AluOp::Mul => a.wrapping_mul(b),
            AluOp::Div => return a.checked_div(b),
            AluOp::Mod => return a.checked_rem(b),
            AluOp::And => a & b,
            AluOp::Or => a | b,
            AluOp::Xor => a ^ b,
            AluOp::Lsh if b < 32 => a << b,
            AluOp::Rsh if b < 32 => a >> b,
            AluOp::Lsh | AluOp::Rsh => 0,
        })
    }

    /// Whether the second operand is a shift count.
    pub const fn is_shift(self) -> bool {
        matches!(self, AluOp::Lsh | AluOp::Rsh)
    }

    /// Whether a second operand of zero ends the program with verdict 0.
    pub const fn is_division(self) -> bool {
        matches!(self, AluOp::Div | AluOp::Mod)
    }
}

/// A test of `A` against an operand; comparisons are unsigned.
///
/// An opcode exists for `Equal`, `Greater`, `GreaterOrEqual` and `BitsSet`; the other four are encoded as those with
/// the two targets exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// `A == b` (`jeq`)
    Equal,
    /// `A != b` (`jne`)
    NotEqual,
    /// `A > b` (`jgt`)
    Greater,
    /// `A <= b` (`jle`)
    LessOrEqual,
    /// `A >= b` (`jge`)
    GreaterOrEqual,
    /// `A < b` (`jlt`)
    Less,
    /// `A & b != 0` (`jset`)
    BitsSet,
    /// `A & b == 0`
    BitsNotSet,
}

impl Condition {
    /// Whether the test holds.
    ///
    /// ```
    /// use cbpf::Condition;
    /// assert!(Condition::BitsSet.eval(0b110, 0b100));
    /// assert!(Condition::Greater.eval(u32::MAX, 1));
    /// ```
    pub const fn eval(self, a: u32, b: u32) -> bool {
        match self {
            Condition::Equal => a == b,
            Condition::NotEqual => a != b,
            Condition::Greater => a > b,
            Condition::LessOrEqual => a <= b,
            Condition::GreaterOrEqual => a >= b,
            Condition::Less => a < b,
            Condition::BitsSet => a & b != 0,
            Condition::BitsNotSet => a & b == 0,
        }
    }

    /// The test that holds exactly when this one does not.
    pub const fn inverse(self) -> Condition {
        match self {
            Condition::Equal => Condition::NotEqual,
            Condition::NotEqual => Condition::Equal,
            Condition::Greater => Condition::LessOrEqual,
            Condition::LessOrEqual => Condition::Greater,
            Condition::GreaterOrEqual => Condition::Less,
            Condition::Less => Condition::GreaterOrEqual,
            Condition::BitsSet => Condition::BitsNotSet,
            Condition::BitsNotSet => Condition::BitsSet,
        }
    }

    /// Whether an opcode encodes this test without exchanging the targets.
    pub(crate) fn has_opcode(self) -> bool {
        TABLE.iter().any(|row| row.operation == Operation::Branch(self, Input::K))
    }
}

/// Where the second operand of arithmetic, a test or a return comes from, as the opcode says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    K,
    X,
    A,
}

/// Where a load takes its value from, as the opcode says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Constant,
    Scratch,
    Length,
    Absolute(Width),
    Indirect(Width),
    MemShift,
}

/// What an opcode does: the dozen shapes that the rest of the crate matches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Load(Register, Source),
    Store(Register),
    Alu(AluOp, Input),
    Negate,
    Jump,
    Branch(Condition, Input),
    Return(Input),
    /// Copies the other register into this one.
    Transfer(Register),
}

impl Operation {
    /// Whether the operation reads `k`; otherwise machines ignore the field.
    pub(crate) fn uses_k(self) -> bool {
        match self {
            Operation::Load(_, source) => source != Source::Length,
            Operation::Alu(_, input) | Operation::Branch(_, input) | Operation::Return(input) => input == Input::K,
            Operation::Store(_) | Operation::Jump => true,
            Operation::Negate | Operation::Transfer(_) => false,
        }
    }

    /// Whether the operation reads `jt` and `jf`.
    pub(crate) fn uses_targets(self) -> bool {
        matches!(self, Operation::Branch(..))
    }
}

/// How the operand of an opcode is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing.
    Nothing,
    /// `#0x800`
    Hex,
    /// `#-1`
    Decimal,
    /// `x`
    X,
    /// `a`, or nothing in a listing
    A,
    /// `[12]`, or the name of an ancillary load
    Absolute,
    /// `[x + 14]`
    Indirect,
    /// `4*([14]&0xf)`
    MemShift,
    /// `M[3]`
    Scratch,
    /// `#pktlen`, `#len`
    Length,
    /// a jump target
    Target,
}

/// Who accepts an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// Socket filters, libpcap and seccomp.
    Everywhere,
    /// Socket filters and libpcap, but not seccomp.
    Packets,
    /// Assemblers only: it has a name, and every verifier refuses it.
    Nowhere,
}

/// One opcode.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) code: u16,
    pub(crate) mnemonic: &'static str,
    pub(crate) form: Form,
    pub(crate) operation: Operation,
    pub(crate) accepted: Accepted,
}

const fn row(code: u16, mnemonic: &'static str, form: Form, operation: Operation, accepted: Accepted) -> Row {
    Row { code, mnemonic, form, operation, accepted }
}

use Accepted::{Everywhere, Nowhere, Packets};
use Operation::{Alu, Branch, Jump, Load, Negate, Return, Store, Transfer};
use Register::{A, X};
use Source::{Absolute, Indirect};

/// Every opcode, in the order of the code.
#[rustfmt::skip]
pub(crate) static TABLE: [Row; 50] = [
    row(0x00, "ld",   Form::Hex,      Load(A, Source::Constant),               Everywhere),
    row(0x01, "ldx",  Form::Hex,      Load(X, Source::Constant),               Everywhere),
    row(0x02, "st",   Form::Scratch,  Store(A),                                Everywhere),
    row(0x03, "stx",  Form::Scratch,  Store(X),                                Everywhere),
    row(0x04, "add",  Form::Decimal,  Alu(AluOp::Add, Input::K),                Everywhere),
    row(0x05, "ja",   Form::Target,   Jump,                                    Everywhere),
    row(0x06, "ret",  Form::Decimal,  Return(Input::K),                         Everywhere),
    row(0x07, "tax",  Form::Nothing,  Transfer(X),                             Everywhere),
    row(0x0c, "add",  Form::X,        Alu(AluOp::Add, Input::X),                Everywhere),
    row(0x0e, "ret",  Form::X,        Return(Input::X),                         Nowhere),
    row(0x14, "sub",  Form::Decimal,  Alu(AluOp::Sub, Input::K),                Everywhere),
    row(0x15, "jeq",  Form::Hex,      Branch(Condition::Equal, Input::K),       Everywhere),
    row(0x16, "ret",  Form::A,        Return(Input::A),                         Everywhere),
    row(0x1c, "sub",  Form::X,        Alu(AluOp::Sub, Input::X),                Everywhere),
    row(0x1d, "jeq",  Form::X,        Branch(Condition::Equal, Input::X),       Everywhere),
    row(0x20, "ld",   Form::Absolute, Load(A, Absolute(Width::Word)),          Everywhere),
    row(0x24, "mul",  Form::Decimal,  Alu(AluOp::Mul, Input::K),                Everywhere),
    row(0x25, "jgt",  Form::Hex,      Branch(Condition::Greater, Input::K),     Everywhere),
    row(0x28, "ldh",  Form::Absolute, Load(A, Absolute(Width::Half)),          Packets),
    row(0x2c, "mul",  Form::X,        Alu(AluOp::Mul, Input::X),                Everywhere),
    row(0x2d, "jgt",  Form::X,        Branch(Condition::Greater, Input::X),     Everywhere),
    row(0x30, "ldb",  Form::Absolute, Load(A, Absolute(Width::Byte)),          Packets),
    row(0x34, "div",  Form::Decimal,  Alu(AluOp::Div, Input::K),                Everywhere),
    row(0x35, "jge",  Form::Hex,      Branch(Condition::GreaterOrEqual, Input::K), Everywhere),
    row(0x3c, "div",  Form::X,        Alu(AluOp::Div, Input::X),                Everywhere),
    row(0x3d, "jge",  Form::X,        Branch(Condition::GreaterOrEqual, Input::X), Everywhere),
    row(0x40, "ld",   Form::Indirect, Load(A, Indirect(Width::Word)),          Packets),
    row(0x44, "or",   Form::Hex,      Alu(AluOp::Or, Input::K),                 Everywhere),
    row(0x45, "jset", Form::Hex,      Branch(Condition::BitsSet, Input::K),     Everywhere),
    row(0x48, "ldh",  Form::Indirect, Load(A, Indirect(Width::Half)),          Packets),
    row(0x4c, "or",   Form::X,        Alu(AluOp::Or, Input::X),                 Everywhere),
    row(0x4d, "jset", Form::X,        Branch(Condition::BitsSet, Input::X),     Everywhere),
    row(0x50, "ldb",  Form::Indirect, Load(A, Indirect(Width::Byte)),          Packets),
    row(0x54, "and",  Form::Hex,      Alu(AluOp::And, Input::K),                Everywhere),
    row(0x5c, "and",  Form::X,        Alu(AluOp::And, Input::X),                Everywhere),
    row(0x60, "ld",   Form::Scratch,  Load(A, Source::Scratch),                Everywhere),
    row(0x61, "ldx",  Form::Scratch,  Load(X, Source::Scratch),                Everywhere),
    row(0x64, "lsh",  Form::Decimal,  Alu(AluOp::Lsh, Input::K),                Everywhere),
    row(0x6c, "lsh",  Form::X,        Alu(AluOp::Lsh, Input::X),                Everywhere),
    row(0x74, "rsh",  Form::Decimal,  Alu(AluOp::Rsh, Input::K),                Everywhere),
    row(0x7c, "rsh",  Form::X,        Alu(AluOp::Rsh, Input::X),                Everywhere),
    row(0x80, "ld",   Form::Length,   Load(A, Source::Length),                 Everywhere),
    row(0x81, "ldx",  Form::Length,   Load(X, Source::Length),                 Everywhere),
    row(0x84, "neg",  Form::Nothing,  Negate,                                  Everywhere),
    row(0x87, "txa",  Form::Nothing,  Transfer(A),                             Everywhere),
    row(0x94, "mod",  Form::Decimal,  Alu(AluOp::Mod, Input::K),                Packets),
    row(0x9c, "mod",  Form::X,        Alu(AluOp::Mod, Input::X),                Packets),
    row(0xa4, "xor",  Form::Hex,      Alu(AluOp::Xor, Input::K),                Everywhere),
    row(0xac, "xor",  Form::X,        Alu(AluOp::Xor, Input::X),                Everywhere),
    row(0xb1, "ldxb", Form::MemShift, Load(X, Source::MemShift),               Packets),
];

/// For each code below 256 the place of its row in [`TABLE`], or a number beyond its end.
static INDEX: [u8; 256] = {
    let mut index = [u8::MAX; 256];
    let mut i = 0;
    while i < TABLE.len() {
        index[TABLE[i].code as usize] = i as u8;
        i += 1;
    }
    index
};

/// The row of an opcode, `None` for a code that has no name.
pub(crate) fn lookup(code: u16) -> Option<&'static Row> {
    TABLE.get(usize::from(*INDEX.get(usize::from(code))?))
}

/// The code that does `operation`.
///
/// Every value of [`Operation`] that the codec and the assembler make has a row; another would get the code 0xffff,
/// which no verifier accepts.
pub(crate) fn code_of(operation: Operation) -> u16 {
    TABLE.iter().find(|row| row.operation == operation).map_or(u16::MAX, |row| row.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_code_and_by_its_operation() {
        for row in &TABLE {
            assert!(std::ptr::eq(lookup(row.code).unwrap(), row), "{row:?}");
            assert_eq!(code_of(row.operation), row.code, "{row:?}");
        }
        assert!(TABLE.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn codes_without_a_row_have_none() {
        let named = (0..=u16::MAX).filter(|&code| lookup(code).is_some()).count();
        assert_eq!(named, TABLE.len());
    }

    #[test]
    fn inverse_is_the_complement() {
        use Condition::*;
        for condition in [Equal, NotEqual, Greater, LessOrEqual, GreaterOrEqual, Less, BitsSet, BitsNotSet] {
            for (a, b) in [(0, 0), (1, 2), (2, 1), (3, 5), (u32::MAX, 1)] {
                assert_ne!(condition.eval(a, b), condition.inverse().eval(a, b), "{condition:?} {a} {b}");
            }
        }
    }
}
