//! The text and binary forms of programs, one file a form.
//!
//! Every form is read and printed without loss: reading a printed program gives the same instructions, for invalid
//! programs too. The form of an input is detected.
//!
//! To add a form, write its file with `begins`, `parse` and `print`, and add a variant and a row here.

mod assembler;
mod bytecode;
mod c_array;
mod c_constant;
mod cursor;
mod decimal;
mod error;
mod listing;
mod not_a_program;
mod operand;
mod raw;
mod seccomp;
mod verify_error;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::RawInstruction;
use crate::bpf::program::Program;
use crate::bpf::unknown_name::UnknownName;
use crate::syscall::Arch;
use cursor::Cursor;
pub use error::ParseError;
pub(crate) use listing::Line;
use raw::ByteOrder;

/// A text or binary form of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// The output of `tcpdump -d`: `(000) ldh [12]`.
    Listing,
    /// The output of `seccomp-tools disasm` and the input of `seccomp-tools asm`, for filters of system calls:
    /// ` 0000: 0x20 0x00 0x00 0x00000004 A = arch`, or just `A = arch`. Listings of libseccomp's `scmp_bpf_disasm` and
    /// of firejail are also read.
    ///
    /// Names of system calls are those of x86-64 where the program tests for no other architecture;
    /// [`Program::print_seccomp`] takes another default. Names are printed and read with the feature `syscall-names`.
    Seccomp,
    /// The output of `tcpdump -dd`: `{ 0x28, 0, 0, 0x0000000c },`.
    ///
    /// Arrays in C, Go, Rust and Python sources are also read: with the macros `BPF_STMT` and `BPF_JUMP`, with constant
    /// expressions, and with named fields.
    C,
    /// The input of `iptables -m bpf --bytecode` and `tc`: `1,6 0 0 0`. The output of `tc filter show` and `ss -0bf` is
    /// also read.
    Bytecode,
    /// The output of `tcpdump -ddd`: the number of instructions, then `40 0 0 12` on each line.
    Decimal,
    /// `struct sock_filter`, 8 bytes an instruction, little-endian.
    Raw,
    /// `struct sock_filter`, 8 bytes an instruction, big-endian, as on s390x.
    RawBigEndian,
    /// The input of the kernel's `bpf_asm`: `ldh [12]`, `jne #0x806, drop`.
    ///
    /// Go's notation, with numbers of instructions to skip in place of labels (`jeq #2048,0,8`), is also read. An
    /// instruction without a notation is printed as `raw CODE, JT, JF, K`, which `bpf_asm` does not read.
    Assembler,
}

/// The reader and the printer of a form.
enum Codec {
    Raw(ByteOrder),
    Text {
        /// Returns whether a text has this form, by its beginning.
        begins: fn(&str) -> bool,
        parse: fn(&str) -> Result<Vec<RawInstruction>, ParseError>,
        print: fn(&[RawInstruction]) -> String,
    },
}

/// The facts about a form.
struct FormRow {
    form: Form,
    name: &'static str,
    description: &'static str,
    codec: Codec,
}

const fn text(
    form: Form,
    name: &'static str,
    description: &'static str,
    begins: fn(&str) -> bool,
    parse: fn(&str) -> Result<Vec<RawInstruction>, ParseError>,
    print: fn(&[RawInstruction]) -> String,
) -> FormRow {
    FormRow { form, name, description, codec: Codec::Text { begins, parse, print } }
}

const fn raw(form: Form, name: &'static str, description: &'static str, order: ByteOrder) -> FormRow {
    FormRow { form, name, description, codec: Codec::Raw(order) }
}

/// Every form, in the order of the enum. Detection takes the first whose `begins` holds for the text.
#[rustfmt::skip]
const TABLE: &[FormRow] = &[
    text(Form::Listing, "listing", "the output of tcpdump -d", listing::begins, listing::parse, listing::print),
    text(Form::Seccomp, "seccomp", "the output of seccomp-tools", seccomp::begins, seccomp::parse, seccomp::print),
    text(Form::C, "c", "the output of tcpdump -dd", c_array::begins, c_array::parse, c_array::print),
    text(Form::Bytecode, "bytecode", "the input of iptables", bytecode::begins, bytecode::parse, bytecode::print),
    text(Form::Decimal, "decimal", "the output of tcpdump -ddd", decimal::begins, decimal::parse, decimal::print),
    raw(Form::Raw, "raw", "8 bytes an instruction, little-endian", ByteOrder::Little),
    raw(Form::RawBigEndian, "raw-be", "8 bytes an instruction, big-endian", ByteOrder::Big),
    text(Form::Assembler, "asm", "the input of bpf_asm", |_| true, assembler::parse, assembler::print),
];

impl Form {
    /// All forms.
    pub const ALL: &'static [Form] = &{
        let mut all = [Form::Listing; TABLE.len()];
        let mut index = 0;
        while index < TABLE.len() {
            all[index] = TABLE[index].form;
            assert!(all[index] as usize == index, "the rows are in the order of the enum");
            index += 1;
        }
        all
    };

    const fn row(self) -> &'static FormRow {
        &TABLE[self as usize]
    }

    /// Returns the name: `listing`, `seccomp`, `c`, `bytecode`, `decimal`, `raw`, `raw-be` or `asm`.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns a short description, for help texts: `the output of tcpdump -d`.
    pub const fn description(self) -> &'static str {
        self.row().description
    }

    /// Detects the form of `input`.
    ///
    /// Bytes with a NUL are raw, since every valid raw program contains one and no text does. Their byte order is the
    /// one in which more instructions have an opcode, little-endian if both have as many. The form of a text follows
    /// from its beginning, after messages of tcpdump, and is assembler if no other form fits.
    ///
    /// ```
    /// use cbpf::text::Form;
    /// assert_eq!(Form::detect(b"1,6 0 0 0"), Form::Bytecode);
    /// assert_eq!(Form::detect(b"6\0\0\0\0\0\0\0"), Form::Raw);
    /// assert_eq!(Form::detect(b"ret #0"), Form::Assembler);
    /// ```
    pub fn detect(input: &[u8]) -> Form {
        match core::str::from_utf8(input) {
            _ if input.contains(&0) => match raw::byte_order(input) {
                ByteOrder::Little => Form::Raw,
                ByteOrder::Big => Form::RawBigEndian,
            },
            Ok(text) => {
                let text = without_byte_order_mark(text);
                let is_form = |row: &&FormRow| matches!(row.codec, Codec::Text { begins, .. } if begins(text));
                TABLE.iter().find(is_form).map_or(Form::Assembler, |row| row.form)
            }
            Err(_) => Form::Assembler,
        }
    }
}

impl Program {
    /// Reads a program in any form, which is detected.
    ///
    /// # Errors
    /// Returns the line, the column and the expected text.
    ///
    /// ```
    /// use cbpf::Program;
    /// let from_tcpdump = Program::parse(b"2\n40 0 0 12\n6 0 0 262144\n")?;
    /// let from_people = Program::parse(b"ldh [12]\nret #262144")?;
    /// assert_eq!(from_tcpdump, from_people);
    /// # Ok::<(), cbpf::text::ParseError>(())
    /// ```
    pub fn parse(input: &[u8]) -> Result<Program, ParseError> {
        Program::parse_as(Form::detect(input), input)
    }

    /// Reads a program in a given form.
    ///
    /// # Errors
    /// Returns the line, the column and the expected text.
    pub fn parse_as(form: Form, input: &[u8]) -> Result<Program, ParseError> {
        let parse = match form.row().codec {
            Codec::Raw(order) => return raw::parse(input, order).map(Program::new),
            Codec::Text { parse, .. } => parse,
        };
        let text = core::str::from_utf8(input)
            .map_err(|error| ParseError::at_byte(error.valid_up_to(), "expected a text in UTF-8"))?;
        read(text, parse)
    }

    /// Prints the program in a form. All but the raw forms are texts that end with a line end.
    pub fn print(&self, form: Form) -> Vec<u8> {
        match form.row().codec {
            Codec::Raw(order) => raw::print(self.instructions(), order),
            Codec::Text { print, .. } => print(self.instructions()).into(),
        }
    }

    /// Reads a program in [`Form::Seccomp`]; names of system calls without an architecture are those of `presumed`.
    ///
    /// # Errors
    /// Returns the line, the column and the expected text.
    ///
    #[cfg_attr(feature = "syscall-names", doc = "```")]
    #[cfg_attr(not(feature = "syscall-names"), doc = "```ignore")]
    /// use cbpf::seccomp::Arch;
    /// use cbpf::Program;
    /// let text = "A = sys_number\n if (A == write) goto 1\n return ALLOW\n return ERRNO(1)";
    /// let program = Program::parse_seccomp(text, Arch::AARCH64)?;
    /// assert_eq!(program.instructions()[1].k, 64);
    /// # Ok::<(), cbpf::text::ParseError>(())
    /// ```
    pub fn parse_seccomp(text: &str, presumed: Arch) -> Result<Program, ParseError> {
        read(text, |text| seccomp::parse_presuming(text, presumed))
    }

    /// Prints the program in [`Form::Seccomp`]; names of system calls without an architecture are those of `presumed`.
    ///
    /// A name has an architecture only where the program tests for another one.
    pub fn print_seccomp(&self, presumed: Arch) -> String {
        seccomp::print_presuming(self.instructions(), presumed)
    }

    /// Returns the lines of [`Program::print_seccomp`] after the head, one for each instruction.
    pub fn seccomp_lines(&self, presumed: Arch) -> Vec<String> {
        seccomp::lines(self.instructions(), presumed)
    }
}

/// Reads a text; an error names the form of the text if it is known not to be a program.
fn read(text: &str, parse: impl Fn(&str) -> Result<Vec<RawInstruction>, ParseError>) -> Result<Program, ParseError> {
    let text = without_byte_order_mark(text);
    parse(text).map(Program::new).map_err(|error| not_a_program::explain(text, error))
}

/// Removes the byte-order mark that some editors insert.
fn without_byte_order_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

impl FromStr for Program {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Program, ParseError> {
        Program::parse(text.as_bytes())
    }
}

/// Prints the program as [`Form::Assembler`].
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&assembler::print(self.instructions()))
    }
}

/// Prints the name.
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Parses the name.
impl FromStr for Form {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Form, UnknownName> {
        UnknownName::find("form", name, Form::ALL, Form::name)
    }
}

/// The largest number of instructions that is read: no dialect accepts more.
const LONGEST: usize = Dialect::Pcap.max_len();

fn too_long() -> String {
    format!("expected the end of the program: no dialect accepts more than {LONGEST} instructions")
}

/// Reads an instruction of four decimal numbers: `40 0 0 12`.
fn quadruple(cursor: &mut Cursor) -> Result<RawInstruction, ParseError> {
    use cursor::Range::{U8, U16, U32};
    let mut field = |range| {
        cursor.skip_space();
        cursor.decimal(range)
    };
    let (code, jt, jf, k) = (field(U16)?, field(U8)?, field(U8)?, field(U32)?);
    Ok(RawInstruction::new(code as u16, jt as u8, jf as u8, k))
}

/// Returns the program if it has `count` instructions; `at` is the position of that number.
fn counted(
    program: Vec<RawInstruction>,
    count: u32,
    cursor: &Cursor,
    at: usize,
) -> Result<Vec<RawInstruction>, ParseError> {
    match program.len() {
        found if found == count as usize => Ok(program),
        found => Err(cursor.error_at(at, format!("expected {count} instructions, found {found}"))),
    }
}

/// Prints an instruction for [`quadruple`].
fn print_quadruple(RawInstruction { code, jt, jf, k }: &RawInstruction) -> String {
    format!("{code} {jt} {jf} {k}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Instructions with each code below 512, some with values in unused fields.
    fn all_instructions() -> Program {
        let codes = (0..512).chain([0x7fff, 0xffff]);
        let fields = [(0, 0, 0), (1, 0, 2), (0, 1, 0xffff_f024), (200, 255, u32::MAX), (0, 0, 0xffff_f028)];
        codes.flat_map(|code| fields.map(|(jt, jf, k)| RawInstruction::new(code, jt, jf, k))).collect()
    }

    #[test]
    fn printed_programs_read_back() {
        for program in [all_instructions(), Program::default()] {
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
    fn prefixes_of_printed_programs_do_not_panic() {
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
