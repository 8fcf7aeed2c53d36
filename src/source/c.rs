//! Expressions in C.

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::bpf::isa::{AluOp, Width};
use crate::ir::{ByteOrder, MemberSetId, ValueId};
use crate::packet::ancillary::Extension;
use crate::source::context::{self, Field, Kind};
use crate::source::expression::{Expression, Overshift, Syntax, bytes_from};
use crate::source::numbers;

/// The syntax of C.
pub(super) struct C;

impl Syntax for C {
    fn number(&self, k: u32) -> String {
        numbers::number(k.into())
    }

    fn wide_number(&self, number: u64) -> String {
        format!("{}ull", numbers::number(number))
    }

    fn load(&self, base: Option<ValueId>, offset: u32, width: Width, order: ByteOrder) -> Expression {
        let from = base.map_or_else(|| "packet".to_owned(), bytes_from);
        let place = if offset == 0 { from.clone() } else { format!("{from} + {offset}") };
        Expression::atom(match (width, order) {
            (Width::Byte, _) => format!("cbpf_load8({place})"),
            (Width::Half, ByteOrder::Big) => format!("cbpf_load16({place})"),
            (Width::Half, ByteOrder::Native) => format!("cbpf_native16({place})"),
            (Width::Word, ByteOrder::Big) => format!("cbpf_load32({place})"),
            (Width::Word, ByteOrder::Native) => format!("cbpf_native32({place})"),
        })
    }

    fn in_bounds(&self, base: Option<(ValueId, String)>, end: u64) -> String {
        // No packet has a byte at that offset.
        let end = end.min(1 << 31);
        match base {
            None => format!("cbpf_has(packet, packet_end, {end})"),
            Some((base, name)) => {
                format!("cbpf_has_from(packet, packet_end, {name}, {end}, &{})", bytes_from(base))
            }
        }
    }

    fn alu(&self, op: AluOp, left: &Expression, right: &Expression, overshift: Overshift) -> Expression {
        let (left, right) = (typed(left), right.operand());
        let result = format!("{left} {} {right}", op.symbol());
        Expression::compound(match overshift {
            Overshift::Possible => format!("{right} < 32 ? {result} : 0"),
            Overshift::Impossible => result,
        })
    }

    fn negate(&self, operand: &Expression) -> Expression {
        Expression::compound(format!("0 - {}", operand.operand()))
    }

    fn select(&self, test: &str, yes: &Expression, no: &Expression) -> Expression {
        Expression::compound(format!("({test}) ? {} : {}", typed(yes), typed(no)))
    }

    fn ancillary(&self, extension: Extension) -> Expression {
        match context::field(extension) {
            Some(Field { name, kind: Kind::Flag, .. }) => Expression::compound(format!("context->{name} ? 1u : 0u")),
            Some(Field { name, .. }) => Expression::compound(format!("(unsigned int)context->{name}")),
            None => unreachable!("programs with other loads have no source"),
        }
    }

    fn is_absent(&self, extension: Extension) -> String {
        format!("!context->has_{}", context::field(extension).map_or("", |field| field.name))
    }

    fn position(&self, offset: &Expression) -> Expression {
        let headers = ["network_header", "has_link_header", "link_header"].map(|field| format!("context->{field}"));
        Expression::atom(format!("cbpf_position({}, {})", offset.text, headers.join(", ")))
    }

    fn random(&self, index: &Expression) -> Expression {
        Expression::atom(format!("cbpf_random(context->seed, {})", index.text))
    }

    fn find(&self, extension: Extension, start: &Expression, wanted: &Expression) -> Expression {
        let function = if extension == Extension::NestedNetlinkAttribute { "cbpf_find_nested" } else { "cbpf_find" };
        Expression::atom(format!("{function}(packet, packet_end, {}, {})", start.text, wanted.text))
    }

    fn in_range(&self, value: &str, first: u32, last: u32) -> String {
        let (low, high) = (self.number(first), self.number(last));
        match (first, last) {
            (0, _) => format!("{value} <= {high}"),
            (_, u32::MAX) => format!("{value} >= {low}"),
            _ => format!("{value} >= {low} && {value} <= {high}"),
        }
    }

    fn element(&self, set: MemberSetId, index: &str) -> String {
        format!("{}[{index}]", table_name(set))
    }
}

/// Returns an operand, which is never a signed number: those of 32 bits overflow.
fn typed(operand: &Expression) -> String {
    if operand.is_number() { format!("{}u", operand.text) } else { operand.operand() }
}

/// Returns the name of the table of a set.
pub(super) fn table_name(set: MemberSetId) -> String {
    format!("set_{}", set.0)
}

/// Returns the type of a field.
pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Unsigned(8) | Kind::Flag => "unsigned char",
        Kind::Unsigned(16) => "unsigned short",
        Kind::Unsigned(64) => "unsigned long long",
        Kind::Unsigned(_) => "unsigned int",
        Kind::Offset => "int",
        Kind::Optional(kind) => kind_name(*kind),
    }
}
