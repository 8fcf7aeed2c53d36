//! The instruction set: one row for each opcode, and the evaluation of arithmetic and of tests.
//!
//! [`TABLE`] is the only list of opcodes in the crate. The codec, the text forms, the verifier and the engines use it.
//! Mode: `chk_code_allowed` in the kernel's `net/core/filter.c` and `include/uapi/linux/bpf_common.h`; BSD's `bpf(4)`.

/// A register of the machine, 32 bits wide and 0 at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Register {
    /// The accumulator: packet loads, arithmetic and tests work on it.
    A,
    /// The index register: the second operand of arithmetic and tests, and the base of indirect loads.
    X,
}

/// The number of bytes that a packet load reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Width {
    /// One byte (`ldb`).
    Byte,
    /// Two bytes (`ldh`).
    Half,
    /// Four bytes (`ld`).
    Word,
}

impl Width {
    /// Returns the number of bytes: 1, 2 or 4.
    pub const fn bytes(self) -> u32 {
        match self {
            Width::Byte => 1,
            Width::Half => 2,
            Width::Word => 4,
        }
    }

    /// Returns the number that a load in the machine's byte order gives if one in network order gives `number`, and
    /// the other way round.
    pub(crate) const fn reorder(self, number: u32) -> u32 {
        match self {
            Width::Byte => number,
            Width::Half => (number as u16).to_be() as u32,
            Width::Word => number.to_be(),
        }
    }
}

/// An arithmetic operation on two 32-bit words; it wraps.
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
    /// `A >> b`, unsigned
    Rsh,
}

/// The operators of C and of expressions.
pub(crate) static ALU_SYMBOLS: [(&str, AluOp); 10] = [
    ("+", AluOp::Add),
    ("-", AluOp::Sub),
    ("*", AluOp::Mul),
    ("/", AluOp::Div),
    ("%", AluOp::Mod),
    ("&", AluOp::And),
    ("|", AluOp::Or),
    ("^", AluOp::Xor),
    ("<<", AluOp::Lsh),
    (">>", AluOp::Rsh),
];

impl AluOp {
    /// Returns the result, or `None` for a division by zero.
    ///
    /// A shift by 32 or more gives 0, as in libpcap. The kernel's dialects mask the count to five bits before.
    ///
    /// ```
    /// use cbpf::bpf::AluOp;
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

    /// Returns whether the second operand is a shift count.
    pub const fn is_shift(self) -> bool {
        matches!(self, AluOp::Lsh | AluOp::Rsh)
    }

    /// Returns whether a second operand of zero halts the program with verdict 0.
    pub const fn is_division(self) -> bool {
        matches!(self, AluOp::Div | AluOp::Mod)
    }

    /// Returns the operator of C, as in `<<`.
    pub(crate) fn symbol(self) -> &'static str {
        ALU_SYMBOLS.iter().find(|&&(_, op)| op == self).map_or("", |&(symbol, _)| symbol)
    }
}

/// A test of `A` against an operand; comparisons are unsigned.
///
/// `Equal`, `Greater`, `GreaterOrEqual` and `BitsSet` have opcodes. The other four are encoded as their inverse with
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
    /// Returns whether the test holds.
    ///
    /// ```
    /// use cbpf::bpf::Condition;
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

    /// Returns the test that holds exactly when this one does not.
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

    /// Returns the operator in C, of which tests of bits compare the result with 0.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Condition::Equal => "==",
            Condition::NotEqual => "!=",
            Condition::Greater => ">",
            Condition::LessOrEqual => "<=",
            Condition::GreaterOrEqual => ">=",
            Condition::Less => "<",
            Condition::BitsSet | Condition::BitsNotSet => "&",
        }
    }

    /// Returns whether an opcode encodes this test without exchanging the targets.
    pub(crate) fn has_opcode(self) -> bool {
        TABLE.iter().any(|row| row.operation == Operation::Branch(self, Input::K))
    }
}

/// The second operand of arithmetic or of a test, or the operand of a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    K,
    X,
    A,
}

/// The addressing mode of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Constant,
    Scratch,
    Length,
    Absolute(Width),
    Indirect(Width),
    MemShift,
}

/// The operation of an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Load(Register, Mode),
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
    /// Returns whether the operation reads `k`; otherwise machines ignore the field.
    pub(crate) fn uses_k(self) -> bool {
        match self {
            Operation::Load(_, mode) => mode != Mode::Length,
            Operation::Alu(_, input) | Operation::Branch(_, input) | Operation::Return(input) => input == Input::K,
            Operation::Store(_) | Operation::Jump => true,
            Operation::Negate | Operation::Transfer(_) => false,
        }
    }

    /// Returns whether the operation reads `jt` and `jf`.
    pub(crate) fn uses_targets(self) -> bool {
        matches!(self, Operation::Branch(..))
    }
}

/// The notation of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OperandForm {
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

/// The dialects that accept an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// Socket filters, libpcap and seccomp.
    Everywhere,
    /// Socket filters and libpcap, but not seccomp.
    Packets,
    /// None: assemblers have a name for it, and every verifier rejects it.
    Nowhere,
}

/// The facts about one opcode.
#[derive(Debug)]
pub(crate) struct Opcode {
    pub(crate) code: u16,
    pub(crate) mnemonic: &'static str,
    pub(crate) form: OperandForm,
    pub(crate) operation: Operation,
    pub(crate) accepted: Accepted,
}

const fn row(code: u16, mnemonic: &'static str, form: OperandForm, operation: Operation, accepted: Accepted) -> Opcode {
    Opcode { code, mnemonic, form, operation, accepted }
}

use Accepted::{Everywhere, Nowhere, Packets};
use Mode::{Absolute, Indirect};
use Operation::{Alu, Branch, Jump, Load, Negate, Return, Store, Transfer};
use Register::{A, X};

/// Every opcode, in the order of the codes.
#[rustfmt::skip]
pub(crate) static TABLE: [Opcode; 50] = [
    row(0x00, "ld",   OperandForm::Hex,      Load(A, Mode::Constant),                       Everywhere),
    row(0x01, "ldx",  OperandForm::Hex,      Load(X, Mode::Constant),                       Everywhere),
    row(0x02, "st",   OperandForm::Scratch,  Store(A),                                      Everywhere),
    row(0x03, "stx",  OperandForm::Scratch,  Store(X),                                      Everywhere),
    row(0x04, "add",  OperandForm::Decimal,  Alu(AluOp::Add, Input::K),                     Everywhere),
    row(0x05, "ja",   OperandForm::Target,   Jump,                                          Everywhere),
    row(0x06, "ret",  OperandForm::Decimal,  Return(Input::K),                              Everywhere),
    row(0x07, "tax",  OperandForm::Nothing,  Transfer(X),                                   Everywhere),
    row(0x0c, "add",  OperandForm::X,        Alu(AluOp::Add, Input::X),                     Everywhere),
    row(0x0e, "ret",  OperandForm::X,        Return(Input::X),                              Nowhere),
    row(0x14, "sub",  OperandForm::Decimal,  Alu(AluOp::Sub, Input::K),                     Everywhere),
    row(0x15, "jeq",  OperandForm::Hex,      Branch(Condition::Equal, Input::K),            Everywhere),
    row(0x16, "ret",  OperandForm::A,        Return(Input::A),                              Everywhere),
    row(0x1c, "sub",  OperandForm::X,        Alu(AluOp::Sub, Input::X),                     Everywhere),
    row(0x1d, "jeq",  OperandForm::X,        Branch(Condition::Equal, Input::X),            Everywhere),
    row(0x20, "ld",   OperandForm::Absolute, Load(A, Absolute(Width::Word)),                Everywhere),
    row(0x24, "mul",  OperandForm::Decimal,  Alu(AluOp::Mul, Input::K),                     Everywhere),
    row(0x25, "jgt",  OperandForm::Hex,      Branch(Condition::Greater, Input::K),          Everywhere),
    row(0x28, "ldh",  OperandForm::Absolute, Load(A, Absolute(Width::Half)),                Packets),
    row(0x2c, "mul",  OperandForm::X,        Alu(AluOp::Mul, Input::X),                     Everywhere),
    row(0x2d, "jgt",  OperandForm::X,        Branch(Condition::Greater, Input::X),          Everywhere),
    row(0x30, "ldb",  OperandForm::Absolute, Load(A, Absolute(Width::Byte)),                Packets),
    row(0x34, "div",  OperandForm::Decimal,  Alu(AluOp::Div, Input::K),                     Everywhere),
    row(0x35, "jge",  OperandForm::Hex,      Branch(Condition::GreaterOrEqual, Input::K),   Everywhere),
    row(0x3c, "div",  OperandForm::X,        Alu(AluOp::Div, Input::X),                     Everywhere),
    row(0x3d, "jge",  OperandForm::X,        Branch(Condition::GreaterOrEqual, Input::X),   Everywhere),
    row(0x40, "ld",   OperandForm::Indirect, Load(A, Indirect(Width::Word)),                Packets),
    row(0x44, "or",   OperandForm::Hex,      Alu(AluOp::Or, Input::K),                      Everywhere),
    row(0x45, "jset", OperandForm::Hex,      Branch(Condition::BitsSet, Input::K),          Everywhere),
    row(0x48, "ldh",  OperandForm::Indirect, Load(A, Indirect(Width::Half)),                Packets),
    row(0x4c, "or",   OperandForm::X,        Alu(AluOp::Or, Input::X),                      Everywhere),
    row(0x4d, "jset", OperandForm::X,        Branch(Condition::BitsSet, Input::X),          Everywhere),
    row(0x50, "ldb",  OperandForm::Indirect, Load(A, Indirect(Width::Byte)),                Packets),
    row(0x54, "and",  OperandForm::Hex,      Alu(AluOp::And, Input::K),                     Everywhere),
    row(0x5c, "and",  OperandForm::X,        Alu(AluOp::And, Input::X),                     Everywhere),
    row(0x60, "ld",   OperandForm::Scratch,  Load(A, Mode::Scratch),                        Everywhere),
    row(0x61, "ldx",  OperandForm::Scratch,  Load(X, Mode::Scratch),                        Everywhere),
    row(0x64, "lsh",  OperandForm::Decimal,  Alu(AluOp::Lsh, Input::K),                     Everywhere),
    row(0x6c, "lsh",  OperandForm::X,        Alu(AluOp::Lsh, Input::X),                     Everywhere),
    row(0x74, "rsh",  OperandForm::Decimal,  Alu(AluOp::Rsh, Input::K),                     Everywhere),
    row(0x7c, "rsh",  OperandForm::X,        Alu(AluOp::Rsh, Input::X),                     Everywhere),
    row(0x80, "ld",   OperandForm::Length,   Load(A, Mode::Length),                         Everywhere),
    row(0x81, "ldx",  OperandForm::Length,   Load(X, Mode::Length),                         Everywhere),
    row(0x84, "neg",  OperandForm::Nothing,  Negate,                                        Everywhere),
    row(0x87, "txa",  OperandForm::Nothing,  Transfer(A),                                   Everywhere),
    row(0x94, "mod",  OperandForm::Decimal,  Alu(AluOp::Mod, Input::K),                     Packets),
    row(0x9c, "mod",  OperandForm::X,        Alu(AluOp::Mod, Input::X),                     Packets),
    row(0xa4, "xor",  OperandForm::Hex,      Alu(AluOp::Xor, Input::K),                     Everywhere),
    row(0xac, "xor",  OperandForm::X,        Alu(AluOp::Xor, Input::X),                     Everywhere),
    row(0xb1, "ldxb", OperandForm::MemShift, Load(X, Mode::MemShift),                       Packets),
];

/// The index in [`TABLE`] for each code below 256, or a number beyond its end.
static INDEX: [u8; 256] = {
    let mut index = [u8::MAX; 256];
    let mut i = 0;
    while i < TABLE.len() {
        index[TABLE[i].code as usize] = i as u8;
        i += 1;
    }
    index
};

/// Returns the row of a code, or `None` if no opcode has it.
pub(crate) fn lookup(code: u16) -> Option<&'static Opcode> {
    TABLE.get(usize::from(*INDEX.get(usize::from(code))?))
}

/// Returns the code of an operation.
///
/// An operation without a row, which neither the codec nor the assembler creates, gets 0xffff, which no verifier
/// accepts.
pub(crate) fn code_of(operation: Operation) -> u16 {
    TABLE.iter().find(|row| row.operation == operation).map_or(u16::MAX, |row| row.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_rows_by_code_and_by_operation() {
        for row in &TABLE {
            assert!(std::ptr::eq(lookup(row.code).unwrap(), row), "{row:?}");
            assert_eq!(code_of(row.operation), row.code, "{row:?}");
        }
        assert!(TABLE.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn other_codes_have_no_row() {
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
