//! Constant expressions of C, with the names that programs of `BPF_STMT` and `BPF_JUMP` are written in.
//!
//! Source: `linux/bpf_common.h`, `linux/filter.h`, `linux/seccomp.h`, `linux/audit.h`, `linux/if_ether.h`,
//! `asm/unistd.h` and `errno.h`; BSD's `bpf(4)`.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use crate::seccomp::{Action, Arch};
use crate::text::cursor::{Cursor, Range, Space};
use crate::text::error::ParseError;
use crate::text::seccomp::PRESUMED;

/// Names and what they stand for.
#[rustfmt::skip]
static NAMES: [(&str, i64); 119] = [
    // Classes, widths, modes, operations, tests and operands of an opcode.
    ("BPF_LD", 0), ("BPF_LDX", 1), ("BPF_ST", 2), ("BPF_STX", 3), ("BPF_ALU", 4), ("BPF_JMP", 5), ("BPF_RET", 6),
    ("BPF_MISC", 7), ("BPF_W", 0), ("BPF_H", 8), ("BPF_B", 0x10), ("BPF_IMM", 0), ("BPF_ABS", 0x20), ("BPF_IND", 0x40),
    ("BPF_MEM", 0x60), ("BPF_LEN", 0x80), ("BPF_MSH", 0xa0), ("BPF_ADD", 0), ("BPF_SUB", 0x10), ("BPF_MUL", 0x20),
    ("BPF_DIV", 0x30), ("BPF_OR", 0x40), ("BPF_AND", 0x50), ("BPF_LSH", 0x60), ("BPF_RSH", 0x70), ("BPF_NEG", 0x80),
    ("BPF_MOD", 0x90), ("BPF_XOR", 0xa0), ("BPF_JA", 0), ("BPF_JEQ", 0x10), ("BPF_JGT", 0x20), ("BPF_JGE", 0x30),
    ("BPF_JSET", 0x40), ("BPF_K", 0), ("BPF_X", 8), ("BPF_A", 0x10), ("BPF_TAX", 0), ("BPF_TXA", 0x80),
    // Offsets of loads that have a meaning in Linux.
    ("SKF_AD_OFF", -0x1000), ("SKF_NET_OFF", -0x10_0000), ("SKF_LL_OFF", -0x20_0000),
    ("SKF_AD_PROTOCOL", 0), ("SKF_AD_PKTTYPE", 4), ("SKF_AD_IFINDEX", 8), ("SKF_AD_NLATTR", 12),
    ("SKF_AD_NLATTR_NEST", 16), ("SKF_AD_MARK", 20), ("SKF_AD_QUEUE", 24), ("SKF_AD_HATYPE", 28), ("SKF_AD_RXHASH", 32),
    ("SKF_AD_CPU", 36), ("SKF_AD_ALU_XOR_X", 40), ("SKF_AD_VLAN_TAG", 44), ("SKF_AD_VLAN_TAG_PRESENT", 48),
    ("SKF_AD_PAY_OFFSET", 52), ("SKF_AD_RANDOM", 56), ("SKF_AD_VLAN_TPID", 60),
    // Verdicts of seccomp filters, beside the actions, and what else they look at.
    ("SECCOMP_RET_DATA", 0xffff), ("SECCOMP_RET_ACTION", 0x7fff_0000), ("SECCOMP_RET_ACTION_FULL", 0xffff_0000),
    ("__X32_SYSCALL_BIT", 0x4000_0000), ("X32_SYSCALL_BIT", 0x4000_0000), ("syscall_nr", 0), ("arch_nr", 4),
    // Protocols.
    ("ETH_P_IP", 0x0800), ("ETH_P_ARP", 0x0806), ("ETH_P_RARP", 0x8035), ("ETH_P_IPV6", 0x86dd),
    ("ETH_P_8021Q", 0x8100), ("ETH_P_8021AD", 0x88a8), ("ETH_P_PAE", 0x888e), ("ETH_P_LLDP", 0x88cc),
    ("ETH_P_1588", 0x88f7), ("ETH_P_ALL", 3),
    ("ETHERTYPE_IP", 0x0800), ("ETHERTYPE_ARP", 0x0806), ("ETHERTYPE_REVARP", 0x8035), ("ETHERTYPE_IPV6", 0x86dd),
    ("ETHERTYPE_VLAN", 0x8100), ("ETHERTYPE_PAE", 0x888e), ("ARPOP_REQUEST", 1), ("ARPOP_REPLY", 2),
    ("ARPOP_REVREQUEST", 3), ("ARPOP_REVREPLY", 4), ("ETH_HLEN", 14), ("ETH_ALEN", 6),
    ("IPPROTO_ICMP", 1), ("IPPROTO_IGMP", 2), ("IPPROTO_TCP", 6), ("IPPROTO_UDP", 17), ("IPPROTO_IPV6", 41),
    ("IPPROTO_GRE", 47), ("IPPROTO_ESP", 50), ("IPPROTO_AH", 51), ("IPPROTO_ICMPV6", 58), ("IPPROTO_SCTP", 132),
    // Errors, which have other numbers on alpha, mips, parisc and sparc from 35 on.
    ("EPERM", 1), ("ENOENT", 2), ("ESRCH", 3), ("EINTR", 4), ("EIO", 5), ("ENXIO", 6), ("E2BIG", 7), ("ENOEXEC", 8),
    ("EBADF", 9), ("ECHILD", 10), ("EAGAIN", 11), ("ENOMEM", 12), ("EACCES", 13), ("EFAULT", 14), ("EBUSY", 16),
    ("EEXIST", 17), ("ENODEV", 19), ("EINVAL", 22), ("ENOTTY", 25), ("ENOSYS", 38), ("EOPNOTSUPP", 95), ("ENOTSUP", 95),
    ("EAFNOSUPPORT", 97),
];

/// Types that a cast may name, and their sizes.
#[rustfmt::skip]
static SIZES: [(&str, i64); 17] = [
    ("__u32", 4), ("uint32_t", 4), ("u_int32_t", 4), ("u_int", 4), ("u32", 4), ("unsigned int", 4), ("unsigned", 4),
    ("int", 4), ("int32_t", 4), ("__u64", 8), ("uint64_t", 8), ("__u16", 2), ("uint16_t", 2), ("uint8_t", 1),
    ("unsigned char", 1), ("struct ethhdr", 14), ("struct ether_header", 14),
];

/// What an operator does, if the result has 64 bits.
type Operate = fn(i64, i64) -> Option<i64>;

/// Binary operators, those that bind the least first.
#[rustfmt::skip]
static OPERATORS: [&[(&str, Operate)]; 6] = [
    &[("|", |a, b| Some(a | b))],
    &[("^", |a, b| Some(a ^ b))],
    &[("&", |a, b| Some(a & b))],
    &[("<<", |a, b| a.checked_shl(b.try_into().ok()?)), (">>", |a, b| a.checked_shr(b.try_into().ok()?))],
    &[("+", i64::checked_add), ("-", i64::checked_sub)],
    &[("*", i64::checked_mul), ("/", i64::checked_div)],
];

/// How deep parentheses may be nested.
const DEEPEST: usize = 32;

/// Letters behind a number that say its type.
const SUFFIX: [char; 4] = ['u', 'U', 'l', 'L'];

/// Reads constant expressions of one text.
pub(super) struct Constants<'a> {
    text: &'a str,
    /// What `#define` gives a value.
    defined: HashMap<&'a str, i64>,
    /// Whose system calls have names here, `None` if the text names many architectures.
    arch: OnceCell<Option<Arch>>,
}

impl<'a> Constants<'a> {
    pub(super) fn new(text: &'a str) -> Constants<'a> {
        Constants { text, defined: HashMap::new(), arch: OnceCell::new() }
    }

    /// Takes in `NAME EXPRESSION`, which stands behind `#define`; what is no constant is passed over.
    pub(super) fn define(&mut self, definition: &'a str) {
        // A text of its own, since the place of an error is of no interest.
        let mut line = Cursor::new(definition, Space::C);
        line.skip_space();
        let name = line.word();
        if let Ok(value) = self.binary(&mut line, 0, 0)
            && line.end_of_line().is_ok()
        {
            self.defined.insert(name, value);
        }
    }

    /// A constant expression, of whose value a field takes a part.
    pub(super) fn field(&self, cursor: &mut Cursor<'a>, range: Range) -> Result<u32, ParseError> {
        cursor.skip_space();
        let start = cursor.at();
        let value = self.binary(cursor, 0, 0)?;
        let (low, high) = range.bounds();
        match (low..=high).contains(&value) {
            true => Ok(value as u32),
            false => Err(cursor.error_at(start, format!("expected a number from {low} to {high}"))),
        }
    }

    /// Operands and the operators between them, of this level and those that bind more.
    fn binary(&self, cursor: &mut Cursor<'a>, level: usize, depth: usize) -> Result<i64, ParseError> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary(cursor, depth) };
        let mut left = self.binary(cursor, level + 1, depth)?;
        loop {
            cursor.skip_space();
            let start = cursor.at();
            let Some((_, operate)) = operators.iter().find(|(sign, _)| cursor.eat(sign)) else { return Ok(left) };
            let right = self.binary(cursor, level + 1, depth)?;
            left = operate(left, right).ok_or_else(|| cursor.error_at(start, "expected a value of 64 bits"))?;
        }
    }

    fn unary(&self, cursor: &mut Cursor<'a>, depth: usize) -> Result<i64, ParseError> {
        cursor.skip_space();
        if depth == DEEPEST {
            return Err(cursor.error(format!("expected at most {DEEPEST} levels of parentheses and signs")));
        }
        if cursor.eat("~") {
            // Fields are unsigned numbers of 32 bits.
            return Ok(!self.unary(cursor, depth + 1)? & 0xffff_ffff);
        }
        if cursor.rest().starts_with(['-', '+']) && !cursor.is_at_number() {
            let negative = !cursor.eat("+") && cursor.eat("-");
            let value = self.unary(cursor, depth + 1)?;
            return Ok(if negative { value.wrapping_neg() } else { value });
        }
        if cursor.is_at_number() {
            return cursor.long_number(&SUFFIX);
        }
        if cursor.eat("(") {
            if cast(cursor) {
                return self.unary(cursor, depth + 1);
            }
            let value = self.binary(cursor, 0, depth + 1)?;
            return cursor.expect(")").map(|()| value);
        }
        self.name(cursor)
    }

    fn name(&self, cursor: &mut Cursor<'a>) -> Result<i64, ParseError> {
        let start = cursor.at();
        let word = cursor.word();
        if matches!(word, "offsetof" | "__builtin_offsetof") {
            return seccomp_field(cursor);
        }
        if word == "sizeof" {
            cursor.expect("(")?;
            return size(cursor).ok_or_else(|| cursor.error("expected the name of an integer type"));
        }
        let call = ["__NR_", "SYS_"].iter().find_map(|prefix| word.strip_prefix(prefix));
        match (self.defined.get(word), call) {
            (Some(value), _) => Ok(*value),
            (None, Some(call)) => self.call(call).map_err(|message| cursor.error_at(start, message)),
            (None, None) => constant(word).ok_or_else(|| {
                let what = if word.is_empty() { "a number" } else { "a number: this name is not known here" };
                cursor.error_at(start, format!("expected {what}"))
            }),
        }
    }

    /// The number of a system call, of the architecture that the text names.
    fn call(&self, name: &str) -> Result<i64, String> {
        let many = || "expected a number: names of system calls have one on each architecture tested for".to_owned();
        let arch = self.arch.get_or_init(|| only_arch(self.text)).ok_or_else(many)?;
        let number =
            arch.syscall_number(name).ok_or_else(|| format!("expected the name of a system call of {arch}"))?;
        Ok(number.cast_unsigned().into())
    }
}

/// The architecture that a text names, the presumed one if it names none, and nothing if it names many.
fn only_arch(text: &str) -> Option<Arch> {
    let named = text.match_indices(AUDIT_ARCH).filter_map(|(at, _)| arch(word_at(&text[at..])));
    let mut arches = named.collect::<HashSet<Arch>>().into_iter();
    let first = arches.next().unwrap_or(PRESUMED);
    arches.next().is_none().then_some(first)
}

/// What the names of architectures begin with.
const AUDIT_ARCH: &str = "AUDIT_ARCH_";

fn word_at(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("")
}

fn constant(word: &str) -> Option<i64> {
    if let Some((_, value)) = NAMES.iter().find(|(name, _)| *name == word) {
        return Some(*value);
    }
    let action = word.strip_prefix("SECCOMP_RET_").and_then(Action::named).map(u32::from);
    action.or_else(|| Some(arch(word)?.0)).map(i64::from)
}

/// The architecture of `AUDIT_ARCH_X86_64`.
fn arch(word: &str) -> Option<Arch> {
    word.strip_prefix(AUDIT_ARCH)?.to_ascii_lowercase().parse().ok()
}

/// Passes the rest of a cast, behind its parenthesis.
fn cast(cursor: &mut Cursor) -> bool {
    size(cursor).is_some()
}

/// Passes the name of a type and `)`, and gives its size.
fn size(cursor: &mut Cursor) -> Option<i64> {
    let mut ahead = cursor.clone();
    let mut words = Vec::new();
    loop {
        ahead.skip_space();
        match ahead.word() {
            "" => break,
            word => words.push(word),
        }
        if words.len() > 2 {
            return None;
        }
    }
    let name = words.join(" ");
    let (_, size) = SIZES.iter().find(|(listed, _)| *listed == name)?;
    ahead.eat(")").then(|| *cursor = ahead)?;
    Some(*size)
}

/// Behind `offsetof`: a field of `struct seccomp_data`.
fn seccomp_field(cursor: &mut Cursor) -> Result<i64, ParseError> {
    for token in ["(", "struct", "seccomp_data", ","] {
        cursor.expect(token)?;
    }
    cursor.skip_space();
    let start = cursor.at();
    let offset = match cursor.word() {
        "nr" => 0,
        "arch" => 4,
        "instruction_pointer" => 8,
        "args" => {
            let mut argument = 0;
            if cursor.eat_next("[") {
                cursor.skip_space();
                argument = cursor.number(Range::U8)?;
                cursor.expect("]")?;
            }
            if argument > 5 {
                return Err(cursor.error_at(start, "expected `args[0]` to `args[5]`"));
            }
            16 + 8 * i64::from(argument)
        }
        _ => return Err(cursor.error_at(start, "expected `nr`, `arch`, `instruction_pointer` or `args[0]`")),
    };
    cursor.expect(")").map(|()| offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::ancillary;

    fn value(text: &str) -> Result<u32, ParseError> {
        let mut cursor = Cursor::new(text, Space::C);
        let value = Constants::new(text).field(&mut cursor, Range::U32)?;
        cursor.skip_space();
        if cursor.is_at_end() { Ok(value) } else { Err(cursor.error("expected the end")) }
    }

    #[test]
    fn expressions_are_those_of_c() {
        let equal = |text, expected| assert_eq!(value(text).unwrap(), expected, "{text}");
        equal("BPF_LD+BPF_W | BPF_ABS", 0x20);
        equal("SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA)", 0x0005_0001);
        equal("SECCOMP_RET_KILL", 0);
        equal("offsetof(struct seccomp_data, args[2]) + sizeof(__u32)", 36);
        equal("SKF_AD_OFF+SKF_AD_CPU", 0xffff_f024);
        equal("(u_int)-1", 0xffff_ffff);
        equal("-(1 << 4) + 0x10UL - -1", 1);
        equal("~0", 0xffff_ffff);
        equal("1 + 2 * 3 | 8", 15);
        equal("AUDIT_ARCH_S390X", 0x8000_0016);
        equal("(unsigned int) 7 ^ 2 /* five */", 5);
        equal("__X32_SYSCALL_BIT", 0x4000_0000);
    }

    #[cfg(feature = "syscall-names")]
    #[test]
    fn calls_are_those_of_the_architecture_that_the_text_names() {
        assert_eq!(value("__NR_write").unwrap(), 1);
        let other = "(SYS_write) + 0 /* behind a test for AUDIT_ARCH_AARCH64 */";
        assert_eq!(value(other).unwrap(), 64);
        let both = "__NR_write /* AUDIT_ARCH_AARCH64, AUDIT_ARCH_X86_64 */";
        assert!(value(both).unwrap_err().message().contains("each architecture"));
    }

    #[test]
    fn what_is_no_constant_is_located() {
        let place = |text| value(text).map_err(|e| (e.column(), e.message().to_owned())).unwrap_err();
        assert_eq!(place("BPF_LD+SOMETHING"), (8, "expected a number: this name is not known here".to_owned()));
        assert_eq!(place("1 << 64"), (3, "expected a value of 64 bits".to_owned()));
        assert_eq!(place("1 / 0").0, 3);
        assert_eq!(place("0x1ffffffff").1, "expected a number from -2147483648 to 4294967295");
        assert_eq!(place("offsetof(struct sk_buff, len)"), (17, "expected `seccomp_data`".to_owned()));
        assert!(place(&"(".repeat(10_000)).1.contains("levels"));
    }

    #[test]
    fn ancillary_loads_have_the_numbers_of_the_kernel() {
        let numbers: Vec<i64> =
            NAMES.iter().filter(|(name, _)| name.starts_with("SKF_AD_")).map(|(_, number)| *number).collect();
        let offsets = ancillary::Extension::all().map(|extension| i64::from(extension.offset() - ancillary::BASE));
        assert_eq!(numbers[1..], offsets.collect::<Vec<i64>>());
    }
}
