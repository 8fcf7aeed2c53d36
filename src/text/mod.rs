//! The texts in which people and tools exchange programs, one file a form.
//!
//! Every form can be read and printed, and loses nothing: printing a program and reading it back gives the same
//! instructions, for invalid programs too. The form of an input is detected.

mod assembler;
mod bytecode;
mod c_array;
mod c_constant;
mod cursor;
mod decimal;
mod detect;
mod error;
mod listing;
mod operand;
mod raw;
mod seccomp;
mod verify_error;

use std::fmt;
use std::str::FromStr;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::RawInstruction;
use crate::bpf::program::Program;
use crate::seccomp::Arch;
use cursor::Cursor;
pub use error::ParseError;
pub(crate) use listing::Line;
use raw::ByteOrder;

/// A text or binary form of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// What `tcpdump -d` prints: `(000) ldh      [12]`.
    Listing,
    /// What `tcpdump -dd` prints: `{ 0x28, 0, 0, 0x0000000c },`.
    ///
    /// Arrays in sources are read, too: with the macros `BPF_STMT` and `BPF_JUMP`, with constant expressions, with
    /// fields by name, of C, Go, Rust and Python.
    C,
    /// What `tcpdump -ddd` prints: the number of instructions, then `40 0 0 12` a line.
    Decimal,
    /// What `iptables -m bpf --bytecode` and `tc` read: `1,6 0 0 0`; what `tc filter show` and `ss -0bf` print is read,
    /// too.
    Bytecode,
    /// What the kernel's `bpf_asm` reads: `ldh [12]`, `jne #0x806, drop`.
    ///
    /// Go's notation is read, too, where numbers say how many instructions a jump skips: `jeq #2048,0,8`. An
    /// instruction that has no notation is printed as `raw CODE, JT, JF, K`, which `bpf_asm` does not know.
    Assembler,
    /// What `seccomp-tools disasm` prints and `seccomp-tools asm` reads, for filters of system calls:
    /// ` 0000: 0x20 0x00 0x00 0x00000004  A = arch`, or just `A = arch`. Listings of libseccomp's `scmp_bpf_disasm` and
    /// of firejail are read, too.
    ///
    /// System calls have names, those of x86-64 where the program tests for no other architecture;
    /// [`Program::print_seccomp`] takes another one. They are printed and read with the feature `syscall-names`.
    Seccomp,
    /// `struct sock_filter`, 8 bytes an instruction, little-endian.
    Raw,
    /// The same, big-endian: what the kernel of s390x reads, and what libseccomp and seccomp-tools write for it.
    RawBigEndian,
}

impl Form {
    /// All forms.
    #[rustfmt::skip]
    pub const ALL: &'static [Form] = &[
        Form::Listing, Form::C, Form::Decimal, Form::Bytecode, Form::Assembler, Form::Seccomp, Form::Raw,
        Form::RawBigEndian,
    ];

    /// Its name: `listing`, `c`, `decimal`, `bytecode`, `asm`, `seccomp`, `raw` or `raw-be`.
    pub const fn name(self) -> &'static str {
        match self {
            Form::Listing => "listing",
            Form::C => "c",
            Form::Decimal => "decimal",
            Form::Bytecode => "bytecode",
            Form::Assembler => "asm",
            Form::Seccomp => "seccomp",
            Form::Raw => "raw",
            Form::RawBigEndian => "raw-be",
        }
    }

    /// The form that `input` seems to have.
    ///
    /// Bytes with a NUL are raw, since every valid program has one and no text does; their byte order is the one in
    /// which more instructions have an opcode, little-endian if both have as many. A text is judged by how it begins,
    /// messages of tcpdump aside, and is assembler if it begins like nothing else.
    ///
    /// ```
    /// use cbpf::Form;
    /// assert_eq!(Form::detect(b"1,6 0 0 0"), Form::Bytecode);
    /// assert_eq!(Form::detect(b"6\0\0\0\0\0\0\0"), Form::Raw);
    /// assert_eq!(Form::detect(b"ret #0"), Form::Assembler);
    /// ```
    pub fn detect(input: &[u8]) -> Form {
        match std::str::from_utf8(input) {
            _ if input.contains(&0) => match raw::byte_order(input) {
                ByteOrder::Little => Form::Raw,
                ByteOrder::Big => Form::RawBigEndian,
            },
            Ok(text) => detect::form(without_mark(text)),
            Err(_) => Form::Assembler,
        }
    }
}

impl Program {
    /// Reads a program in whatever form it is.
    ///
    /// # Errors
    /// Says the line, the column and what was expected there.
    ///
    /// ```
    /// use cbpf::Program;
    /// let from_tcpdump = Program::parse(b"2\n40 0 0 12\n6 0 0 262144\n")?;
    /// let from_people = Program::parse(b"ldh [12]\nret #262144")?;
    /// assert_eq!(from_tcpdump, from_people);
    /// # Ok::<(), cbpf::ParseError>(())
    /// ```
    pub fn parse(input: &[u8]) -> Result<Program, ParseError> {
        Program::parse_as(Form::detect(input), input)
    }

    /// Reads a program in a form that is known.
    ///
    /// # Errors
    /// Says the line, the column and what was expected there.
    pub fn parse_as(form: Form, input: &[u8]) -> Result<Program, ParseError> {
        let parse_text: fn(&str) -> Result<Vec<RawInstruction>, ParseError> = match form {
            Form::Raw => return raw::parse(input, ByteOrder::Little).map(Program::new),
            Form::RawBigEndian => return raw::parse(input, ByteOrder::Big).map(Program::new),
            Form::Listing => listing::parse,
            Form::C => c_array::parse,
            Form::Decimal => decimal::parse,
            Form::Bytecode => bytecode::parse,
            Form::Assembler => assembler::parse,
            Form::Seccomp => |text| seccomp::parse(text, seccomp::PRESUMED),
        };
        let text = text(input)?;
        parse_text(text).map(Program::new).map_err(|error| detect::explain(text, error))
    }

    /// Prints the program in a form; all but the raw ones give a text that ends with a line end.
    pub fn print(&self, form: Form) -> Vec<u8> {
        match form {
            Form::Raw => raw::print(self.instructions(), ByteOrder::Little),
            Form::RawBigEndian => raw::print(self.instructions(), ByteOrder::Big),
            Form::Listing => listing::print(self.instructions()).into(),
            Form::C => c_array::print(self.instructions()).into(),
            Form::Decimal => decimal::print(self.instructions()).into(),
            Form::Bytecode => bytecode::print(self.instructions()).into(),
            Form::Assembler => assembler::print(self.instructions()).into(),
            Form::Seccomp => self.print_seccomp(seccomp::PRESUMED).into(),
        }
    }

    /// Reads a program in [`Form::Seccomp`], where names of system calls are those of this architecture, unless another
    /// is named.
    ///
    /// # Errors
    /// Says the line, the column and what was expected there.
    ///
    #[cfg_attr(feature = "syscall-names", doc = "```")]
    #[cfg_attr(not(feature = "syscall-names"), doc = "```ignore")]
    /// use cbpf::{Arch, Program};
    /// let text = "A = sys_number\n if (A == write) goto 1\n return ALLOW\n return ERRNO(1)";
    /// let program = Program::parse_seccomp(text, Arch::AARCH64)?;
    /// assert_eq!(program.instructions()[1].k, 64);
    /// # Ok::<(), cbpf::ParseError>(())
    /// ```
    pub fn parse_seccomp(text: &str, presumed: Arch) -> Result<Program, ParseError> {
        let text = without_mark(text);
        seccomp::parse(text, presumed).map(Program::new).map_err(|error| detect::explain(text, error))
    }

    /// Prints the program in [`Form::Seccomp`], where system calls without an architecture are those of this one: it is
    /// named only where the program tests for another.
    pub fn print_seccomp(&self, presumed: Arch) -> String {
        seccomp::print(self.instructions(), presumed)
    }

    /// The lines of [`Program::print_seccomp`] behind its head, one for each instruction.
    pub fn seccomp_lines(&self, presumed: Arch) -> Vec<String> {
        seccomp::lines(self.instructions(), presumed)
    }
}

fn text(input: &[u8]) -> Result<&str, ParseError> {
    let text = std::str::from_utf8(input);
    text.map(without_mark).map_err(|e| ParseError::at_byte(e.valid_up_to(), "expected a text in UTF-8"))
}

/// The text behind the byte-order mark that some editors put first.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

impl FromStr for Program {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Program, ParseError> {
        Program::parse(text.as_bytes())
    }
}

/// Prints assembler, as [`Form::Assembler`].
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&assembler::print(self.instructions()))
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The most instructions that are read: no dialect takes more.
const LONGEST: usize = Dialect::Pcap.max_len();

fn too_long() -> String {
    format!("expected the end of the program: no dialect takes more than {LONGEST} instructions")
}

/// Four decimal numbers, as the decimal and the bytecode form have them: `40 0 0 12`.
fn quadruple(cursor: &mut Cursor) -> Result<RawInstruction, ParseError> {
    use cursor::Range::{U8, U16, U32};
    let mut field = |range| {
        cursor.skip_space();
        cursor.decimal(range)
    };
    let (code, jt, jf, k) = (field(U16)?, field(U8)?, field(U8)?, field(U32)?);
    Ok(RawInstruction::new(code as u16, jt as u8, jf as u8, k))
}

/// The program, if it has as many instructions as the number at `place` says.
fn counted(
    program: Vec<RawInstruction>,
    count: u32,
    cursor: &Cursor,
    place: usize,
) -> Result<Vec<RawInstruction>, ParseError> {
    match program.len() {
        found if found == count as usize => Ok(program),
        found => Err(cursor.error_at(place, format!("expected {count} instructions, as this says, found {found}"))),
    }
}

/// The reverse of [`quadruple`].
fn print_quadruple(RawInstruction { code, jt, jf, k }: &RawInstruction) -> String {
    format!("{code} {jt} {jf} {k}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One instruction of each code below 512, and some with junk in fields that they do not use.
    fn everything() -> Program {
        let codes = (0..512).chain([0x7fff, 0xffff]);
        let fields = [(0, 0, 0), (1, 0, 2), (0, 1, 0xffff_f024), (200, 255, u32::MAX), (0, 0, 0xffff_f028)];
        codes.flat_map(|code| fields.map(|(jt, jf, k)| RawInstruction::new(code, jt, jf, k))).collect()
    }

    #[test]
    fn printing_and_reading_gives_the_same_program() {
        for program in [everything(), Program::default()] {
            for &form in Form::ALL {
                let printed = program.print(form);
                let context = || format!("{form:?}: {}", String::from_utf8_lossy(&printed[..printed.len().min(400)]));
                assert_eq!(Program::parse_as(form, &printed).unwrap(), program, "{}", context());
                if !program.is_empty() {
                    assert_eq!(Form::detect(&printed), form, "{}", context());
                }
            }
        }
    }

    #[test]
    fn every_prefix_of_every_form_is_read_or_refused() {
        let program: Program = "ldh [12]\njne #0x806, drop\nldx 4*([14]&0xf)\nret #-1\ndrop: ret #0".parse().unwrap();
        for &form in Form::ALL {
            let printed = program.print(form);
            for end in 0..printed.len() {
                let _ = Program::parse_as(form, &printed[..end]);
                let _ = Program::parse(&printed[..end]);
            }
        }
    }
}
