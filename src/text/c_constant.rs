//! Constant expressions of C, with the names that programs of `BPF_STMT` and `BPF_JUMP` use.
//!
//! Source: `linux/bpf_common.h`, `linux/filter.h`, `linux/seccomp.h`, `linux/audit.h`, `linux/if_ether.h`,
//! `asm/unistd.h` and `errno.h`; BSD's `bpf(4)`.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::OnceCell;

use crate::packet::ancillary::{self, Extension};
use crate::packet::header::Header;
use crate::packet::protocols::*;
use crate::syscall::{Action, Arch, SeccompData};
use crate::text::cursor::{Cursor, Range, Space};
use crate::text::error::ParseError;
use crate::text::seccomp::PRESUMED;

/// Names and their values.
#[rustfmt::skip]
static NAMES: &[(&str, i64)] = &[
    // Classes, widths, modes, operations, tests and operands of an opcode.
    ("BPF_LD", 0), ("BPF_LDX", 1), ("BPF_ST", 2), ("BPF_STX", 3), ("BPF_ALU", 4), ("BPF_JMP", 5), ("BPF_RET", 6),
    ("BPF_MISC", 7), ("BPF_W", 0), ("BPF_H", 8), ("BPF_B", 0x10), ("BPF_IMM", 0), ("BPF_ABS", 0x20), ("BPF_IND", 0x40),
    ("BPF_MEM", 0x60), ("BPF_LEN", 0x80), ("BPF_MSH", 0xa0), ("BPF_ADD", 0), ("BPF_SUB", 0x10), ("BPF_MUL", 0x20),
    ("BPF_DIV", 0x30), ("BPF_OR", 0x40), ("BPF_AND", 0x50), ("BPF_LSH", 0x60), ("BPF_RSH", 0x70), ("BPF_NEG", 0x80),
    ("BPF_MOD", 0x90), ("BPF_XOR", 0xa0), ("BPF_JA", 0), ("BPF_JEQ", 0x10), ("BPF_JGT", 0x20), ("BPF_JGE", 0x30),
    ("BPF_JSET", 0x40), ("BPF_K", 0), ("BPF_X", 8), ("BPF_A", 0x10), ("BPF_TAX", 0), ("BPF_TXA", 0x80),
    // Offsets of ancillary loads and headers in Linux.
    ("SKF_AD_OFF", ancillary::BASE as i32 as i64), ("SKF_NET_OFF", Header::Network.base() as i32 as i64),
    ("SKF_LL_OFF", Header::Link.base() as i32 as i64),
    // Masks of seccomp verdicts, and names in seccomp filters.
    ("SECCOMP_RET_DATA", 0xffff), ("SECCOMP_RET_ACTION", 0x7fff_0000), ("SECCOMP_RET_ACTION_FULL", 0xffff_0000),
    ("__X32_SYSCALL_BIT", 0x4000_0000), ("X32_SYSCALL_BIT", 0x4000_0000), ("syscall_nr", SeccompData::NR as i64),
    ("arch_nr", SeccompData::ARCH as i64),
    // Protocols.
    ("ETH_P_IP", ETHERTYPE_IPV4 as i64), ("ETH_P_ARP", ETHERTYPE_ARP as i64),
    ("ETH_P_RARP", ETHERTYPE_RARP as i64),
    ("ETH_P_IPV6", ETHERTYPE_IPV6 as i64), ("ETH_P_8021Q", ETHERTYPE_VLAN as i64),
    ("ETH_P_8021AD", ETHERTYPE_QINQ as i64), ("ETH_P_PAE", ETHERTYPE_EAPOL as i64),
    ("ETH_P_LLDP", ETHERTYPE_LLDP as i64), ("ETH_P_1588", ETHERTYPE_PTP as i64), ("ETH_P_ALL", 3),
    ("ETHERTYPE_IP", ETHERTYPE_IPV4 as i64), ("ETHERTYPE_ARP", ETHERTYPE_ARP as i64),
    ("ETHERTYPE_REVARP", ETHERTYPE_RARP as i64), ("ETHERTYPE_IPV6", ETHERTYPE_IPV6 as i64),
    ("ETHERTYPE_VLAN", ETHERTYPE_VLAN as i64), ("ETHERTYPE_PAE", ETHERTYPE_EAPOL as i64), ("ARPOP_REQUEST", 1),
    ("ARPOP_REPLY", 2), ("ARPOP_REVREQUEST", 3), ("ARPOP_REVREPLY", 4), ("ETH_HLEN", 14), ("ETH_ALEN", 6),
    ("IPPROTO_ICMP", IPPROTO_ICMP as i64), ("IPPROTO_IGMP", IPPROTO_IGMP as i64),
    ("IPPROTO_TCP", IPPROTO_TCP as i64), ("IPPROTO_UDP", IPPROTO_UDP as i64),
    ("IPPROTO_IPV6", IPPROTO_IPV6 as i64), ("IPPROTO_GRE", IPPROTO_GRE as i64),
    ("IPPROTO_ESP", IPPROTO_ESP as i64), ("IPPROTO_AH", IPPROTO_AH as i64),
    ("IPPROTO_ICMPV6", IPPROTO_ICMPV6 as i64), ("IPPROTO_SCTP", IPPROTO_SCTP as i64),
    // Errors, which have other numbers on alpha, mips, parisc and sparc from 35 on.
    ("EPERM", 1), ("ENOENT", 2), ("ESRCH", 3), ("EINTR", 4), ("EIO", 5), ("ENXIO", 6), ("E2BIG", 7), ("ENOEXEC", 8),
    ("EBADF", 9), ("ECHILD", 10), ("EAGAIN", 11), ("ENOMEM", 12), ("EACCES", 13), ("EFAULT", 14), ("EBUSY", 16),
    ("EEXIST", 17), ("ENODEV", 19), ("EINVAL", 22), ("ENOTTY", 25), ("ENOSYS", 38), ("EOPNOTSUPP", 95), ("ENOTSUP", 95),
    ("EAFNOSUPPORT", 97),
];

/// Types of casts and `sizeof`, and their sizes.
#[rustfmt::skip]
static SIZES: [(&str, i64); 17] = [
    ("__u32", 4), ("uint32_t", 4), ("u_int32_t", 4), ("u_int", 4), ("u32", 4), ("unsigned int", 4), ("unsigned", 4),
    ("int", 4), ("int32_t", 4), ("__u64", 8), ("uint64_t", 8), ("__u16", 2), ("uint16_t", 2), ("uint8_t", 1),
    ("unsigned char", 1), ("struct ethhdr", 14), ("struct ether_header", 14),
];

/// The evaluation of an operator; `None` if the result overflows 64 bits.
type Operate = fn(i64, i64) -> Option<i64>;

/// Binary operators in ascending order of precedence.
#[rustfmt::skip]
static OPERATORS: [&[(&str, Operate)]; 6] = [
    &[("|", |a, b| Some(a | b))],
    &[("^", |a, b| Some(a ^ b))],
    &[("&", |a, b| Some(a & b))],
    &[("<<", |a, b| a.checked_shl(b.try_into().ok()?)), (">>", |a, b| a.checked_shr(b.try_into().ok()?))],
    &[("+", i64::checked_add), ("-", i64::checked_sub)],
    &[("*", i64::checked_mul), ("/", i64::checked_div)],
];

/// The largest depth of parentheses.
const DEEPEST: usize = 32;

/// Letters after a number that are its type.
const SUFFIX: [char; 4] = ['u', 'U', 'l', 'L'];

/// The reader of the constant expressions of one text.
pub(super) struct Constants<'a> {
    text: &'a str,
    /// Names that `#define` gives a value.
    defined: BTreeMap<&'a str, i64>,
    /// The architecture of the names of system calls, `None` if the text names many.
    arch: OnceCell<Option<Arch>>,
}

impl<'a> Constants<'a> {
    pub(super) fn new(text: &'a str) -> Constants<'a> {
        Constants { text, defined: BTreeMap::new(), arch: OnceCell::new() }
    }

    /// Adds `NAME EXPRESSION` of a `#define`, unless it is not a constant.
    pub(super) fn define(&mut self, definition: &'a str) {
        // A cursor of its own, since errors are dropped.
        let mut line = Cursor::new(definition, Space::C);
        line.skip_space();
        let name = line.word();
        if let Ok(value) = self.binary(&mut line, 0, 0) {
            if line.end_of_line().is_ok() {
                self.defined.insert(name, value);
            }
        }
    }

    /// Reads the constant expression of a field.
    pub(super) fn field(&self, cursor: &mut Cursor<'a>, range: Range) -> Result<u32, ParseError> {
        cursor.skip_space();
        let start = cursor.at();
        let value = self.binary(cursor, 0, 0)?;
        cursor.in_range(start, value, range)
    }

    /// Reads operands and the operators between them, of this level of precedence and above.
    fn binary(&self, cursor: &mut Cursor<'a>, level: usize, depth: usize) -> Result<i64, ParseError> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary(cursor, depth) };
        let mut left = self.binary(cursor, level + 1, depth)?;
        loop {
            cursor.skip_space();
            let start = cursor.at();
            let Some((_, operate)) = operators.iter().find(|(sign, _)| cursor.eat(sign)) else { return Ok(left) };
            let right = self.binary(cursor, level + 1, depth)?;
            left =
                operate(left, right).ok_or_else(|| cursor.error_at(start, "expected a value that fits in 64 bits"))?;
        }
    }

    fn unary(&self, cursor: &mut Cursor<'a>, depth: usize) -> Result<i64, ParseError> {
        cursor.skip_space();
        if depth == DEEPEST {
            return Err(cursor.error(format!("expected at most {DEEPEST} levels of parentheses and signs")));
        }
        if cursor.eat("~") {
            // Fields have 32 bits and no sign.
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
            if size(cursor).is_some() {
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

    /// Returns the number of a system call on the architecture that the text names.
    fn call(&self, name: &str) -> Result<i64, String> {
        let many = || {
            "expected a number: the text names several architectures, and system calls differ between them".to_owned()
        };
        let arch = self.arch.get_or_init(|| only_arch(self.text)).ok_or_else(many)?;
        let number =
            arch.syscall_number(name).ok_or_else(|| format!("expected the name of a system call of {arch}"))?;
        Ok((number as u32).into())
    }
}

/// Returns the architecture that a text names, the presumed one if it names none, and `None` if it names many.
fn only_arch(text: &str) -> Option<Arch> {
    let mut named = text.match_indices(AUDIT_ARCH).filter_map(|(at, _)| arch(word_at(&text[at..])));
    let first = named.next().unwrap_or(PRESUMED);
    named.all(|other| other == first).then_some(first)
}

/// The prefix of the names of architectures.
const AUDIT_ARCH: &str = "AUDIT_ARCH_";

fn word_at(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("")
}

fn constant(word: &str) -> Option<i64> {
    if let Some((_, value)) = NAMES.iter().find(|(name, _)| *name == word) {
        return Some(*value);
    }
    let action = word.strip_prefix("SECCOMP_RET_").and_then(Action::named).map(u32::from);
    let load = || word.strip_prefix("SKF_AD_").and_then(Extension::number_of_c_name);
    action.or_else(load).or_else(|| Some(arch(word)?.0)).map(i64::from)
}

/// Returns the architecture of a name such as `AUDIT_ARCH_X86_64`.
fn arch(word: &str) -> Option<Arch> {
    word.strip_prefix(AUDIT_ARCH)?.to_ascii_lowercase().parse().ok()
}

/// Skips the name of a type and `)`, and returns its size.
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

/// Reads the arguments of `offsetof`, and returns the offset of the field in `struct seccomp_data`.
fn seccomp_field(cursor: &mut Cursor) -> Result<i64, ParseError> {
    for token in ["(", "struct", "seccomp_data", ","] {
        cursor.expect(token)?;
    }
    cursor.skip_space();
    let start = cursor.at();
    let offset = match cursor.word() {
        "nr" => SeccompData::NR,
        "arch" => SeccompData::ARCH,
        "instruction_pointer" => SeccompData::INSTRUCTION_POINTER,
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
            SeccompData::ARGS + 8 * argument
        }
        _ => return Err(cursor.error_at(start, "expected `nr`, `arch`, `instruction_pointer` or `args[0]`")),
    };
    cursor.expect(")").map(|()| offset.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<u32, ParseError> {
        let mut cursor = Cursor::new(text, Space::C);
        let value = Constants::new(text).field(&mut cursor, Range::U32)?;
        cursor.skip_space();
        if cursor.is_at_end() { Ok(value) } else { Err(cursor.error("expected the end")) }
    }

    #[test]
    fn evaluates_expressions_of_c() {
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
    fn numbers_calls_for_the_architecture_of_the_text() {
        assert_eq!(value("__NR_write").unwrap(), 1);
        let other = "(SYS_write) + 0 /* after a test for AUDIT_ARCH_AARCH64 */";
        assert_eq!(value(other).unwrap(), 64);
        let both = "__NR_write /* AUDIT_ARCH_AARCH64, AUDIT_ARCH_X86_64 */";
        assert!(value(both).unwrap_err().message().contains("several architectures"));
    }

    #[test]
    fn locates_errors() {
        let place = |text| value(text).map_err(|e| (e.column(), e.message().to_owned())).unwrap_err();
        assert_eq!(place("BPF_LD+SOMETHING"), (8, "expected a number: this name is not known here".to_owned()));
        assert_eq!(place("1 << 64"), (3, "expected a value that fits in 64 bits".to_owned()));
        assert_eq!(place("1 / 0").0, 3);
        assert_eq!(place("0x1ffffffff").1, "expected a number from -2147483648 to 4294967295");
        assert_eq!(place("offsetof(struct sk_buff, len)"), (17, "expected `seccomp_data`".to_owned()));
        assert!(place(&"(".repeat(10_000)).1.contains("levels"));
    }
}
