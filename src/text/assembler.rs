//! The assembler: the grammar of the kernel's `bpf_asm`, which netsniff-ng's `bpfc` shares.
//!
//! Source: `tools/bpf/bpf_exp.l` and `bpf_exp.y`. Instructions may share a line, as there. Jumps may have numbers in
//! place of labels, as Go's `x/net/bpf` prints them: `jeq #2048,0,8` continues, or skips 8 instructions. Extensions of
//! this crate: `raw CODE, JT, JF, K` for an instruction without a notation, `; unused k 0x5` for fields that an opcode
//! does not use, conditional jumps over more than 255 instructions, and `[x+14]` without blanks.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::bpf::assemble::{Assembler, Label, Target, Unresolved};
use crate::bpf::instruction::{Instruction, RawInstruction};
use crate::bpf::isa;
use crate::bpf::isa::Operation;
use crate::text::cursor::{Cursor, Range, Space};
use crate::text::error::ParseError;
use crate::text::operand;
use crate::text::operand::{Notation, Operand};

/// The mnemonic of an instruction without a notation.
const RAW: &str = "raw";

/// Another name of a mnemonic.
struct Alias {
    name: &'static str,
    mnemonic: &'static str,
    kind: Kind,
}

/// The difference between an alias and its mnemonic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// None.
    Same,
    /// The test is inverted: `jne` is `jeq` with the targets exchanged.
    Inverse,
    /// The operand is a constant, with or without `#`.
    Immediate,
}

const fn alias(name: &'static str, mnemonic: &'static str, kind: Kind) -> Alias {
    Alias { name, mnemonic, kind }
}

/// The aliases. The first inverse of a mnemonic is printed.
static ALIASES: [Alias; 8] = [
    alias("jmp", "ja", Kind::Same),
    alias("jne", "jeq", Kind::Inverse),
    alias("jneq", "jeq", Kind::Inverse),
    alias("jle", "jgt", Kind::Inverse),
    alias("jlt", "jge", Kind::Inverse),
    alias("ldi", "ld", Kind::Immediate),
    alias("ldxi", "ldx", Kind::Immediate),
    alias("ldx", "ldxb", Kind::Same),
];

pub(super) fn parse(text: &str) -> Result<Vec<RawInstruction>, ParseError> {
    let mut parser = Parser::new(text);
    parser.cursor.next_statement()?;
    // Go prints slices in brackets.
    let is_slice = parser.cursor.eat("[");
    parser.cursor.next_statement()?;
    while !(parser.cursor.is_at_end() || is_slice && parser.cursor.rest().starts_with(']')) {
        parser.statement()?;
        parser.cursor.next_statement()?;
    }
    if is_slice {
        parser.cursor.expect("]")?;
        parser.cursor.next_statement()?;
    }
    if !parser.cursor.is_at_end() {
        return Err(parser.cursor.error("expected the end of the text"));
    }
    parser.finish()
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    assembler: Assembler,
    /// Each label, and the position of its first use or definition.
    labels: BTreeMap<&'a str, (Label, usize)>,
    /// For each item that a number is the target of: its label, and the position of the first such number.
    skips: BTreeMap<usize, (Label, usize)>,
    /// The position of each item of the assembler.
    positions: Vec<usize>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Parser<'a> {
        Parser {
            cursor: Cursor::new(text, Space::Assembler),
            assembler: Assembler::default(),
            labels: BTreeMap::new(),
            skips: BTreeMap::new(),
            positions: Vec::new(),
        }
    }

    /// Reads a label or an instruction.
    fn statement(&mut self) -> Result<(), ParseError> {
        let start = self.cursor.at();
        let word = self.cursor.word();
        if !word.is_empty() && self.cursor.eat_next(":") {
            return self.define(word, start);
        }
        self.cursor.limit(self.positions.len())?;
        if let Some((label, _)) = self.skips.remove(&self.positions.len()) {
            self.assembler.place(label);
        }
        self.positions.push(start);
        let mnemonic = word.to_ascii_lowercase();
        if mnemonic == RAW {
            let raw = operand::parse_raw(&mut self.cursor)?;
            self.assembler.push(raw);
            return Ok(());
        }
        let alias = ALIASES.iter().find(|alias| alias.name == mnemonic);
        let names = [Some(mnemonic.as_str()), alias.map(|alias| alias.mnemonic)].map(Option::unwrap_or_default);
        if !names.iter().any(|name| operand::is_mnemonic(name)) {
            return Err(self.cursor.error_at(start, "expected an instruction or a label"));
        }
        self.instruction(names, alias.map_or(Kind::Same, |alias| alias.kind))?;
        self.assembler.set_unused(operand::parse_unused(&mut self.cursor));
        Ok(())
    }

    fn define(&mut self, name: &'a str, at: usize) -> Result<(), ParseError> {
        let label = self.label(name, at);
        if self.assembler.place(label) {
            return Ok(());
        }
        Err(self.cursor.error_at(at, format!("label `{name}` is defined twice")))
    }

    fn label(&mut self, name: &'a str, at: usize) -> Label {
        self.labels.entry(name).or_insert_with(|| (self.assembler.new_label(), at)).0
    }

    fn instruction(&mut self, names: [&str; 2], kind: Kind) -> Result<(), ParseError> {
        if names.contains(&"ja") {
            let target = self.target()?;
            self.assembler.jump(target);
            return Ok(());
        }
        let raw = self.without_targets(names, kind)?;
        let Instruction::JumpIf { condition, operand, .. } = raw.into() else {
            self.assembler.push(raw);
            return Ok(());
        };
        let condition = if kind == Kind::Inverse { condition.inverse() } else { condition };
        self.cursor.expect(",")?;
        let then = Target::Label(self.target()?);
        let has_second = kind != Kind::Inverse && self.cursor.eat_next(",");
        let otherwise = if has_second { Target::Label(self.target()?) } else { Target::Next };
        self.assembler.branch(condition, operand, then, otherwise);
        Ok(())
    }

    /// Reads the operand of an instruction with one of these names, without jump targets.
    fn without_targets(&mut self, names: [&str; 2], kind: Kind) -> Result<RawInstruction, ParseError> {
        let mut ahead = self.cursor.clone();
        ahead.skip_space();
        let start = ahead.at();
        let operand = match operand::takes_nothing(names) {
            true => Operand::Nothing,
            false => Operand::parse(&mut self.cursor)?,
        };
        let operand = match (kind, operand) {
            (Kind::Immediate, Operand::Number(k) | Operand::Immediate(k)) => Operand::Immediate(k),
            (Kind::Immediate, _) => {
                return Err(self.cursor.error_at(start, format!("expected `{}` with `#k`", names[0])));
            }
            (_, operand) => operand,
        };
        operand::instruction(names, operand, Notation::Assembler, start, &self.cursor)
    }

    fn target(&mut self) -> Result<Label, ParseError> {
        self.cursor.skip_space();
        let start = self.cursor.at();
        if self.cursor.rest().starts_with(|c: char| c.is_ascii_digit()) {
            let item = self.positions.len().saturating_add(self.cursor.decimal(Range::U32)? as usize);
            return Ok(self.skips.entry(item).or_insert_with(|| (self.assembler.new_label(), start)).0);
        }
        match self.cursor.word() {
            "" => Err(self.cursor.error("expected a label, or a number of instructions to skip")),
            name => Ok(self.label(name, start)),
        }
    }

    fn finish(self) -> Result<Vec<RawInstruction>, ParseError> {
        let Parser { cursor, assembler, labels, skips, positions } = self;
        if let Some(at) = skips.values().map(|(_, at)| *at).min() {
            return Err(cursor.error_at(at, "expected a number of instructions to skip inside the program"));
        }
        assembler.finish().map_err(|unresolved| match unresolved {
            Unresolved::Undefined { label } => {
                let used = labels.iter().find(|(_, (named, _))| *named == label);
                let (name, at) = used.map_or(("", 0), |(name, (_, at))| (*name, *at));
                cursor.error_at(at, format!("label `{name}` is not defined"))
            }
            Unresolved::Backward { item, .. } => {
                cursor.error_at(positions[item], "a conditional jump goes forward only")
            }
        })
    }
}

pub(super) fn print(program: &[RawInstruction]) -> String {
    let targets = targets(program);
    let mut text = String::new();
    for (pc, &raw) in program.iter().enumerate() {
        let label = if targets[pc] { format!("{}:", label(pc)) } else { String::new() };
        text.push_str(&format!("{label:<7} {}\n", statement(program, pc, raw)));
    }
    text
}

fn label(pc: usize) -> String {
    format!("L{pc:02}")
}

/// Returns the target of a jump at `pc`, if it is inside the program.
fn jump_target(program: &[RawInstruction], pc: usize, skip: u32) -> Option<usize> {
    let target = (pc as u32).wrapping_add(1).wrapping_add(skip) as usize;
    (target < program.len()).then_some(target)
}

/// Returns for each instruction whether a printed jump has it as a target.
fn targets(program: &[RawInstruction]) -> Vec<bool> {
    let mut targets = vec![false; program.len()];
    for (pc, &raw) in program.iter().enumerate() {
        for target in jump(program, pc, raw).into_iter().flat_map(|jump| jump.targets).flatten() {
            targets[target] = true;
        }
    }
    targets
}

/// The notation of a jump: its mnemonic and one or two targets.
struct Jump {
    mnemonic: &'static str,
    targets: [Option<usize>; 2],
}

/// Returns the notation of a jump, or `None` for other instructions and for jumps that leave the program.
fn jump(program: &[RawInstruction], pc: usize, raw: RawInstruction) -> Option<Jump> {
    let row = isa::lookup(raw.code)?;
    let to = |skip: u8| jump_target(program, pc, u32::from(skip));
    match row.operation {
        Operation::Jump => Some(Jump { mnemonic: "jmp", targets: [Some(jump_target(program, pc, raw.k)?), None] }),
        Operation::Branch(..) => {
            let (then, otherwise) = (to(raw.jt)?, to(raw.jf)?);
            Some(match inverse_name(row.mnemonic) {
                _ if raw.jf == 0 => Jump { mnemonic: row.mnemonic, targets: [Some(then), None] },
                Some(mnemonic) if raw.jt == 0 => Jump { mnemonic, targets: [Some(otherwise), None] },
                _ => Jump { mnemonic: row.mnemonic, targets: [Some(then), Some(otherwise)] },
            })
        }
        _ => None,
    }
}

/// Returns the mnemonic of the inverse test, which `jset` lacks.
fn inverse_name(mnemonic: &str) -> Option<&'static str> {
    ALIASES.iter().find(|alias| alias.kind == Kind::Inverse && alias.mnemonic == mnemonic).map(|alias| alias.name)
}

fn statement(program: &[RawInstruction], pc: usize, raw: RawInstruction) -> String {
    let Some(row) = isa::lookup(raw.code) else { return format!("{RAW} {}", operand::print_raw(raw)) };
    let operand = operand::print(row, raw.k, Notation::Assembler);
    let text = match (row.operation, jump(program, pc, raw)) {
        (Operation::Jump | Operation::Branch(..), None) => return format!("{RAW} {}", operand::print_raw(raw)),
        (_, Some(jump)) => {
            let labels = jump.targets.into_iter().flatten().map(label);
            let operands: Vec<String> = Some(operand).filter(|o| !o.is_empty()).into_iter().chain(labels).collect();
            format!("{} {}", jump.mnemonic, operands.join(", "))
        }
        (_, None) if operand.is_empty() => row.mnemonic.to_owned(),
        (_, None) => format!("{} {operand}", row.mnemonic),
    };
    text + &operand::print_unused(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> (usize, usize, String) {
        let error = parse(text).unwrap_err();
        (error.line(), error.column(), error.message().to_owned())
    }

    #[test]
    fn reads_the_grammar_of_bpf_asm() {
        let same = |a: &str, b: &str| assert_eq!(parse(a).unwrap(), parse(b).unwrap(), "{a} / {b}");
        same("LDH [12]\nRET A", "ldh [ 12 ] ret %a");
        same("ldx 4*([14]&0xf)", "ldxb 4 * ( [0xe] & 15 )");
        same("st M [ 3 ]\nldh /* x */ [12]", "st m[3]\nldh\n[12]");
        same("jeq #1,\n aa, ; first\n bb aa: tax bb: ret a", "jeq #1, aa, bb\naa: tax\nbb: ret a");
        same("ldi 7\nldxi #7", "ld #7\nldx #0b111");
        same("ldb [x+14]", "ldb [%x + 016]");
        same("ld vlan_avail\nld #len", "ld #vlan_pr\nld len");
        same("jneq %x, l1 l1: ret #0", "jne x, l1\nl1:\n  ret #0");
        same("jgt #1, aa, bb aa: tax bb: ret #-1", "jle #1, bb\ntax\nbb: ret #0xffffffff");
        same("# head\n/* a\nb */ ret #0 ; tail", "ret #0");
    }

    #[test]
    fn reads_the_notation_of_go() {
        let same = |a: &str, b: &str| assert_eq!(parse(a).unwrap(), parse(b).unwrap(), "{a} / {b}");
        same(
            "ldh [12]\njeq #2048,0,4\njset #1,1\njneq x,2\nja 0\nret #262144\nret a",
            "ldh [12]\njeq #0x800, on, out\non: jset #1, ja\njne x, out\nja: jmp ret\nret: ret #262144\nout: ret a",
        );
        same("ld [4]\njeq #0xc000003e,0,1\nret #1\nret #0", "ld [4]\njne #0xc000003e, no\nret #1\nno: ret #0");
        same("ld #vlan_tci\nldx 4*([14]&0xf)\nld #len\nret a", "ld vlan_tci\nldxb 4*([14]&0xf)\nld len\nret a");
        same("[ld [4] jeq #1,1 ret a ret #0]", "ld [4]\njeq #1,1\nret a\nret #0");
        let far = format!("jgt #1,400\n{}ret #0", "tax\n".repeat(400));
        assert_eq!(parse(&far).unwrap().len(), 403);
    }

    #[test]
    fn reads_the_short_names_of_bpfc() {
        let same = |a: &str, b: &str| assert_eq!(parse(a).unwrap(), parse(b).unwrap(), "{a} / {b}");
        same("ld #hat\nld #que\nld #rxh\nld #ifx\nldh #pto", "ld hatype\nld queue\nld rxhash\nld ifidx\nldh proto");
        same("ld #vlant\nld vlana\nld #vlan_acc\nld #vlanp", "ld vlan_tci\nld vlan_avail\nld vlan_pr\nld vlan_avail");
        same("ld #pktlen\nldx pktlen\nld #Q\nld #TYPE", "ld #len\nldx #len\nld #queue\nld #type");
    }

    #[test]
    fn locates_errors() {
        assert_eq!(message("ldh [12]\n  foo #1"), (2, 3, "expected an instruction or a label".to_owned()));
        let outside = "expected a number of instructions to skip inside the program";
        assert_eq!(message("jeq #1, 0, 1\nret a"), (1, 12, outside.to_owned()));
        assert_eq!(message("ja 4294967295"), (1, 4, outside.to_owned()));
        assert_eq!(message("jmp #1").2, "expected a label, or a number of instructions to skip");
        assert_eq!(message("jmp out"), (1, 5, "label `out` is not defined".to_owned()));
        assert_eq!(message("ab: tax\nab: tax"), (2, 1, "label `ab` is defined twice".to_owned()));
        assert_eq!(message("ab: tax\njeq #1, ab"), (2, 1, "a conditional jump goes forward only".to_owned()));
        assert_eq!(message("ld 4*([1]&0xe)"), (1, 4, "expected `4*([k]&0xf)`: no other factor or mask".to_owned()));
        assert_eq!(message("st #1"), (1, 4, "expected `st` with `M[k]`".to_owned()));
        assert_eq!(message("ld #4294967296").2, "expected a number from -2147483648 to 4294967295");
        assert_eq!(message("ret\nret #0").2, "expected `ret` with `#k` or `x` or `a`");
        assert_eq!(message("ldi [12]"), (1, 5, "expected `ldi` with `#k`".to_owned()));
        assert_eq!(message("ld %proto"), (1, 5, "expected `x` or `a`".to_owned()));
        assert_eq!(message("add 5"), (1, 5, "expected `add` with `#k` or `x`".to_owned()));
        assert_eq!(message("/* a"), (1, 1, "expected `*/` to end this comment".to_owned()));
    }

    #[test]
    fn relaxes_far_jumps() {
        let text = format!("jeq #1, far\n{}far: ret #0", "tax\n".repeat(300));
        assert_eq!(parse(&text).unwrap().len(), 303);
    }

    #[test]
    fn prints_jumps_with_the_shortest_notation() {
        let text = "        jne #0x806, L02\n        jset #0x1, L02, L03\nL02:    jmp L03\nL03:    ret a\n";
        assert_eq!(print(&parse(text).unwrap()), text);
        let outside = [RawInstruction::new(0x15, 1, 0, 0)];
        assert_eq!(print(&outside), "        raw 0x15, 1, 0, 0x0\n");
    }
}
