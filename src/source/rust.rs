//! Expressions in Rust.

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::bpf::isa::{AluOp, Width};
use crate::ir::{ByteOrder, MemberSetId, ValueId};
use crate::packet::ancillary::Extension;
use crate::source::context::{self, Field, Kind};
use crate::source::expression::{Expression, Overshift, Syntax, bytes_from};
use crate::source::numbers;

/// The syntax of Rust.
pub(super) struct Rust;

impl Syntax for Rust {
    fn number(&self, k: u32) -> String {
        numbers::number(k.into())
    }

    fn wide_number(&self, number: u64) -> String {
        format!("{}_u64", numbers::number(number))
    }

    fn load(&self, base: Option<ValueId>, offset: u32, width: Width, order: ByteOrder) -> Expression {
        let from = base.map_or_else(|| "packet".to_owned(), bytes_from);
        let function = match (width, order) {
            (Width::Byte, _) => "byte",
            (Width::Half, _) => "be16",
            (Width::Word, ByteOrder::Big) => "be32",
            (Width::Word, ByteOrder::Native) => "ne32",
        };
        Expression::atom(format!("{function}({from}, {offset})"))
    }

    fn in_bounds(&self, base: Option<(ValueId, String)>, end: u64) -> String {
        let end = visible(end);
        match base {
            None if end == 1 => "!packet.is_empty()".to_owned(),
            None => format!("packet.len() >= {end}"),
            Some((_, name)) => format!("bytes_from(packet, {name}, {end}).is_some()"),
        }
    }

    fn alu(&self, op: AluOp, left: &Expression, right: &Expression, overshift: Overshift) -> Expression {
        // The type of a number that is shifted, or whose method is called, has to be known.
        let receiver = typed(left);
        let method = |name: &str| Expression::atom(format!("{receiver}.{name}({})", right.text));
        let checked = |name: &str| Expression::atom(format!("{receiver}.{name}({}).unwrap_or(0)", right.text));
        let plain = || Expression::compound(format!("{receiver} {} {}", op.symbol(), right.operand()));
        match (op, overshift) {
            (AluOp::Add, _) => method("wrapping_add"),
            (AluOp::Sub, _) => method("wrapping_sub"),
            (AluOp::Mul, _) => method("wrapping_mul"),
            (AluOp::Div | AluOp::Mod, _) if right.is_number() => plain(),
            (AluOp::Div, _) => checked("checked_div"),
            (AluOp::Mod, _) => checked("checked_rem"),
            (AluOp::Lsh, Overshift::Possible) => checked("checked_shl"),
            (AluOp::Rsh, Overshift::Possible) => checked("checked_shr"),
            (AluOp::And | AluOp::Or | AluOp::Xor | AluOp::Lsh | AluOp::Rsh, _) => plain(),
        }
    }

    fn negate(&self, operand: &Expression) -> Expression {
        Expression::atom(format!("{}.wrapping_neg()", typed(operand)))
    }

    fn select(&self, test: &str, yes: &Expression, no: &Expression) -> Expression {
        Expression::compound(format!("if {test} {{ {} }} else {{ {} }}", typed(yes), typed(no)))
    }

    fn ancillary(&self, extension: Extension) -> Expression {
        let Some(Field { name, kind, .. }) = context::field(extension) else {
            unreachable!("programs with other loads have no source")
        };
        Expression::atom(match kind {
            Kind::Unsigned(32) => format!("context.{name}"),
            Kind::Optional(Kind::Unsigned(32)) => format!("context.{name}.unwrap_or(0)"),
            Kind::Optional(_) => format!("context.{name}.map_or(0, u32::from)"),
            Kind::Unsigned(_) | Kind::Flag | Kind::Offset => format!("u32::from(context.{name})"),
        })
    }

    fn is_absent(&self, extension: Extension) -> String {
        format!("context.{}.is_none()", context::field(extension).map_or("", |field| field.name))
    }

    fn position(&self, offset: &Expression) -> Expression {
        Expression::atom(format!("position({}, context.network_header, context.link_header)", offset.text))
    }

    fn random(&self, index: &Expression) -> Expression {
        Expression::atom(format!("random(context.seed, {})", index.text))
    }

    fn find(&self, extension: Extension, start: &Expression, wanted: &Expression) -> Expression {
        let function = if extension == Extension::NestedNetlinkAttribute { "find_nested" } else { "find" };
        Expression::atom(format!("{function}(packet, {}, {})", start.text, wanted.text))
    }

    fn in_range(&self, value: &str, first: u32, last: u32) -> String {
        let (low, high) = (self.number(first), self.number(last));
        match (first, last) {
            (0, _) => format!("{value} <= {high}"),
            (_, u32::MAX) => format!("{value} >= {low}"),
            _ => format!("({low}..={high}).contains(&{value})"),
        }
    }

    fn element(&self, set: MemberSetId, index: &str) -> String {
        match index.contains(' ') {
            true => format!("{}[({index}) as usize]", table_name(set)),
            false => format!("{}[{index} as usize]", table_name(set)),
        }
    }
}

/// Returns an operand whose type is known without the rest of the expression.
fn typed(operand: &Expression) -> String {
    if operand.is_number() { format!("{}_u32", operand.text) } else { operand.operand() }
}

/// Returns the end of a load, or one that no packet reaches.
pub(super) fn visible(end: u64) -> u64 {
    end.min(1 << 31)
}

/// Returns the name of the table of a set.
pub(super) fn table_name(set: MemberSetId) -> String {
    format!("SET_{}", set.0)
}

/// Returns the type of a field.
pub(super) fn kind_name(kind: Kind) -> String {
    match kind {
        Kind::Unsigned(bits) => format!("u{bits}"),
        Kind::Offset => "i32".to_owned(),
        Kind::Flag => "bool".to_owned(),
        Kind::Optional(kind) => format!("Option<{}>", kind_name(*kind)),
    }
}
