//! Numbers that are addresses, where a port may be meant: `dst 443` is `dst host 0.0.1.187`.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::lang::lint::{Cause, Effect, Warning};
use crate::lang::positions::{Positions, Site};
use crate::lang::tree::{Expr, Id, Kind, Node, Primitive, Qualifiers};
use crate::text::ParseError;

/// The most warnings about numbers in an expression.
const MAX_NUMBERS: usize = 8;

/// Returns warnings about numbers that may be ports, and are addresses.
pub(super) fn warnings(expr: &Expr, text: &str, positions: &Positions) -> Vec<Warning> {
    let numbers = expr.nodes.iter().enumerate().filter_map(|(index, node)| match node {
        Node::Primitive(Primitive::Address(qualifiers, Id::Number(number))) => {
            Some((index, *qualifiers, u16::try_from(*number).ok().filter(|number| *number > 0)?))
        }
        _ => None,
    });
    let is_address =
        |qualifiers: &Qualifiers| qualifiers.protocol.is_none() && matches!(qualifiers.kind, None | Some(Kind::Host));
    let warning = |(index, qualifiers, number): (usize, Qualifiers, u16)| {
        let written = |kind| {
            let qualifiers = Qualifiers { kind, ..qualifiers };
            let id = Id::Number(number.into());
            Expr { nodes: Vec::from([Node::Primitive(Primitive::Address(qualifiers, id))]) }
        };
        let address = Ipv4Addr::from(u32::from(number));
        let message = format!(
            "`{}` is the address {address}; for a port, write `{}`",
            written(qualifiers.kind),
            written(Some(Kind::Port))
        );
        let start = positions.of(index, Site::Operand(0));
        let width = text.get(start..).unwrap_or_default().bytes().take_while(u8::is_ascii_alphanumeric).count();
        let place = ParseError::at(text, start, message).spanning(width);
        Warning { effect: Effect::Address, cause: Cause::Number, span: start..start + width, place }
    };
    numbers.filter(|(_, qualifiers, _)| is_address(qualifiers)).take(MAX_NUMBERS).map(warning).collect()
}
