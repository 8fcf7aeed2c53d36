//! The tree of an expression, as it was written: names are not resolved, and nothing depends on a link type.
//!
//! Invariants
//! - A tree is a list in postfix order: each node comes after its operands. Building, walking, printing and dropping a
//!   tree does not recurse, so no nesting overflows the stack.
//! - The list is empty only for the empty expression, which every packet matches.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::ops;

use crate::bpf::isa::AluOp;
use crate::lang::words::{AtmField, AtmName, Mtp2, Mtp3Field, Protocol};

/// An expression of the filter language: `tcp port 443 and not host 10.0.0.1`.
///
/// An expression is parsed from a text or built with `&`, `|` and `!`. It prints as a text that parses to an equal
/// expression, with all qualifiers and parentheses.
///
/// ```
/// use cbpf::Expr;
/// let web: Expr = "tcp port 80 or 443".parse()?;
/// let mine: Expr = "host 10.0.0.1".parse()?;
/// assert_eq!((web & !mine).to_string(), "(tcp port 80 or tcp port 443) and not host 10.0.0.1");
/// # Ok::<(), cbpf::ExprError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Expr {
    pub(super) nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    Primitive(Primitive),
    Not,
    And,
    Or,
}

impl Expr {
    /// Returns the expression that every packet matches; it prints as an empty text.
    pub fn all() -> Expr {
        Expr::default()
    }

    /// Returns `true` if the expression has no tests, so that every packet matches.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Returns the expression that matches what at least one of these matches; [`Expr::all`] if there are none.
    ///
    /// ```
    /// use cbpf::Expr;
    /// let ports = [80, 443].map(|port| format!("port {port}").parse().unwrap());
    /// assert_eq!(Expr::any(ports).to_string(), "port 80 or port 443");
    /// ```
    pub fn any(expressions: impl IntoIterator<Item = Expr>) -> Expr {
        expressions.into_iter().reduce(|left, right| left | right).unwrap_or_default()
    }

    /// Returns whether the expression has a `protochain`.
    pub(super) fn has_chain(&self) -> bool {
        let is_chain = |node: &Node| match node {
            Node::Primitive(Primitive::Address(qualifiers, _)) => qualifiers.kind == Some(Kind::ProtocolChain),
            _ => false,
        };
        self.nodes.iter().any(is_chain)
    }

    fn joined(mut self, other: Expr, operator: Node) -> Expr {
        self.nodes.extend(other.nodes);
        self.nodes.push(operator);
        self
    }
}

/// Matches what both match; [`Expr::all`] adds nothing.
impl ops::BitAnd for Expr {
    type Output = Expr;

    fn bitand(self, other: Expr) -> Expr {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => other,
            (_, true) => self,
            _ => self.joined(other, Node::And),
        }
    }
}

/// Matches what at least one of both matches.
impl ops::BitOr for Expr {
    type Output = Expr;

    fn bitor(self, other: Expr) -> Expr {
        if self.is_empty() || other.is_empty() { Expr::all() } else { self.joined(other, Node::Or) }
    }
}

/// Matches what the operand does not match.
impl ops::Not for Expr {
    type Output = Expr;

    fn not(mut self) -> Expr {
        if self.is_empty() {
            // `len` is 0 or more.
            let never = Arithmetic { steps: Box::new([Step::Length]) };
            let zero = Arithmetic { steps: Box::new([Step::Number(0)]) };
            self.nodes.push(Node::Primitive(Primitive::Relation(Box::new((never, Relation::Less, zero)))));
            return self;
        }
        self.nodes.push(Node::Not);
        self
    }
}

/// One test of the language.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Primitive {
    /// Qualifiers and their id: `tcp src port 80`, `host 10.0.0.1`, `ip proto 6`.
    Address(Qualifiers, Id),
    /// `tcp`, `arp`, `isis`.
    Protocol(Protocol),
    /// `ip[8] < 5`
    Relation(Box<(Arithmetic, Relation, Arithmetic)>),
    Broadcast(Option<Protocol>),
    Multicast(Option<Protocol>),
    /// `less 60`: not longer.
    Less(u32),
    /// `greater 60`: not shorter.
    Greater(u32),
    /// `byte 8 > 5`
    Byte {
        at: u32,
        test: ByteTest,
        value: u32,
    },
    Inbound,
    Outbound,
    InterfaceIndex(u32),
    Vlan(Option<u32>),
    Mpls(Option<u32>),
    PppoeDiscovery,
    PppoeSession(Option<u32>),
    Geneve(Option<u32>),
    Vxlan(Option<u32>),
    Batadv {
        version: Option<u32>,
        packet: Option<u32>,
    },
    Pf(Pf),
    Wlan(Wlan),
    Llc(Llc),
    Atm(AtmName),
    AtmField(AtmField, Relation, u32),
    Mtp2(Mtp2),
    Mtp3Field(Mtp3Field, Relation, u32),
}

/// The qualifiers before an [`Id`], which a following id without qualifiers inherits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Qualifiers {
    pub(super) protocol: Option<Protocol>,
    pub(super) direction: Option<Direction>,
    pub(super) kind: Option<Kind>,
}

/// A selection of the addresses or ports of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    Source,
    Destination,
    Either,
    Both,
    /// 802.11: `addr1` to `addr4`.
    Address1,
    Address2,
    Address3,
    Address4,
    /// 802.11: `ra`.
    Receiver,
    /// 802.11: `ta`.
    Transmitter,
}

/// The kind of thing that an [`Id`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Host,
    Net,
    Port,
    PortRange,
    Protocol,
    ProtocolChain,
    Gateway,
}

/// The number, name or address after qualifiers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Id {
    Number(u32),
    Name(Box<str>),
    /// `10.1`, with a mask or without.
    Dotted(Dotted, Mask),
    Ipv6(Ipv6Addr, Option<u32>),
    Mac([u8; 6]),
    /// `$0e`: an address of one byte.
    Byte(u8),
}

/// Two to four numbers with dots between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Dotted {
    pub(super) parts: [u16; 4],
    /// The number of parts.
    pub(super) count: u8,
}

impl Dotted {
    /// Returns the parts that were written.
    pub(super) fn parts(&self) -> &[u16] {
        &self.parts[..self.count.into()]
    }

    /// Returns the IPv4 address and the number of bits that were written; `None` if a part is above 255.
    pub(super) fn ipv4(&self) -> Option<(u32, u32)> {
        let mut bytes = [0; 4];
        for (byte, &part) in bytes.iter_mut().zip(self.parts()) {
            *byte = u8::try_from(part).ok()?;
        }
        Some((Ipv4Addr::from(bytes).into(), 8 * u32::from(self.count)))
    }
}

/// The mask after a dotted address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mask {
    None,
    /// `/24`
    Length(u32),
    /// `mask 255.255.255.0`
    Dotted(Dotted),
}

/// A comparison of two unsigned numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Relation {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// The operator of `byte`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ByteTest {
    Equal,
    Less,
    Greater,
    /// One of the bits is set.
    And,
    /// One of the bits is set in the byte or in the value.
    Or,
}

/// An arithmetic expression, in postfix order like [`Expr`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Arithmetic {
    pub(super) steps: Box<[Step]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Number(u32),
    /// `len`
    Length,
    Negate,
    Binary(AluOp),
    /// `protocol[index : size]`; the index is the operand.
    Load(Protocol, u32),
}

/// A field of a pflog header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pf {
    InterfaceName(Box<str>),
    RuleSet(Box<str>),
    RuleNumber(u32),
    SubruleNumber(u32),
    Reason(u32),
    Action(u32),
}

/// A field of an 802.11 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wlan {
    Type(u32),
    Subtype { kind: u32, subtype: u32 },
    Direction(u32),
}

/// A kind of LLC frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Llc {
    Any,
    Information,
    Supervisory,
    Unnumbered,
    SupervisoryKind(u32),
    UnnumberedKind(u32),
}

/// Returns the index at which each part of a postfix list begins with its operands, given the number of operands of
/// each.
///
/// The right operand of a part ends right before it, and the left operand right before the right operand begins.
pub(super) fn postfix_starts(operands: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut starts: Vec<usize> = Vec::with_capacity(operands.size_hint().0);
    for (index, count) in operands.enumerate() {
        let start = (0..count).fold(index, |end, _| starts[end - 1]);
        starts.push(start);
    }
    starts
}

impl Node {
    /// Returns the number of operands.
    pub(super) fn operands(&self) -> usize {
        match self {
            Node::Primitive(_) => 0,
            Node::Not => 1,
            Node::And | Node::Or => 2,
        }
    }
}

impl Step {
    /// Returns the number of operands.
    pub(super) fn operands(self) -> usize {
        match self {
            Step::Number(_) | Step::Length => 0,
            Step::Negate | Step::Load(..) => 1,
            Step::Binary(_) => 2,
        }
    }
}
