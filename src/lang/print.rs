//! Printing of expressions as texts that parse to the same tree.

use alloc::vec::Vec;
use core::fmt::{self, Display, Formatter};

use crate::lang::keywords::spelling;
use crate::lang::names;
use crate::lang::names::name_of;
use crate::lang::token::{Lexer, Token};
use crate::lang::tree::{
    Arithmetic, ByteTest, Direction, Dotted, Expr, Id, Llc, Mask, Node, Pf, Primitive, Qualifiers, Relation, Step,
    Wlan, postfix_starts,
};
use crate::lang::words::{Protocol, Word};

/// A piece of text that is still to be written; the last one on the stack comes first.
enum Task {
    Text(&'static str),
    /// The node or step with this index.
    Part(usize),
    /// The same in parentheses.
    Group(usize),
}

/// Writes a node or step and its operands; `part` writes one, or adds its pieces to the stack.
fn write_postfix(
    f: &mut Formatter<'_>,
    root: Option<usize>,
    part: impl Fn(&mut Formatter<'_>, usize, &mut Vec<Task>) -> fmt::Result,
) -> fmt::Result {
    let mut tasks: Vec<Task> = root.map(Task::Part).into_iter().collect();
    while let Some(task) = tasks.pop() {
        match task {
            Task::Text(text) => f.write_str(text)?,
            Task::Group(group) => tasks.extend([Task::Text(")"), Task::Part(group), Task::Text("(")]),
            Task::Part(index) => part(f, index, &mut tasks)?,
        }
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let starts = postfix_starts(self.nodes.iter().map(Node::operands));
        let operand = |part: usize| match self.nodes[part] {
            Node::And | Node::Or => Task::Group(part),
            _ => Task::Part(part),
        };
        write_postfix(f, self.nodes.len().checked_sub(1), |f, part, tasks| {
            let joined_by = match &self.nodes[part] {
                Node::Primitive(primitive) => return primitive.fmt(f),
                Node::Not => {
                    tasks.extend([operand(part - 1), Task::Text("not ")]);
                    return Ok(());
                }
                Node::And => " and ",
                Node::Or => " or ",
            };
            let left = starts[part - 1] - 1;
            // Both operators have the same precedence; parentheses make that clear.
            let is_same = self.nodes[left] == self.nodes[part];
            let left = if is_same { Task::Part(left) } else { operand(left) };
            tasks.extend([operand(part - 1), Task::Text(joined_by), left]);
            Ok(())
        })
    }
}

impl Display for Primitive {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Primitive::Address(qualifiers, id) => write!(f, "{qualifiers}{id}"),
            Primitive::Protocol(protocol) => f.write_str(spelling(Word::Protocol(*protocol))),
            Primitive::Relation(relation) => {
                let (left, relation, right) = &**relation;
                write!(f, "{left} {relation} {right}")
            }
            Primitive::Broadcast(protocol) => write!(f, "{}broadcast", Qualifiers::of(*protocol)),
            Primitive::Multicast(protocol) => write!(f, "{}multicast", Qualifiers::of(*protocol)),
            Primitive::Less(length) => write!(f, "less {length}"),
            Primitive::Greater(length) => write!(f, "greater {length}"),
            Primitive::Byte { at, test, value } => write!(f, "byte {at} {test} {value}"),
            Primitive::Inbound => f.write_str("inbound"),
            Primitive::Outbound => f.write_str("outbound"),
            Primitive::InterfaceIndex(index) => write!(f, "ifindex {index}"),
            Primitive::Vlan(number) => numbered(f, "vlan", *number),
            Primitive::Mpls(number) => numbered(f, "mpls", *number),
            Primitive::PppoeDiscovery => f.write_str("pppoed"),
            Primitive::PppoeSession(number) => numbered(f, "pppoes", *number),
            Primitive::Geneve(number) => numbered(f, "geneve", *number),
            Primitive::Vxlan(number) => numbered(f, "vxlan", *number),
            Primitive::Batadv { version, packet } => {
                numbered(f, "batadv", *version)?;
                packet.map_or(Ok(()), |packet| write!(f, " {packet}"))
            }
            Primitive::Pf(pf) => pf.fmt(f),
            Primitive::Wlan(wlan) => wlan.fmt(f),
            Primitive::Llc(llc) => llc.fmt(f),
            Primitive::Atm(name) => f.write_str(spelling(Word::Atm(*name))),
            Primitive::AtmField(field, relation, value) => {
                write!(f, "{} {relation} {value}", spelling(Word::AtmField(*field)))
            }
            Primitive::Mtp2(kind) => f.write_str(spelling(Word::Mtp2(*kind))),
            Primitive::Mtp3Field(field, relation, value) => {
                write!(f, "{} {relation} {value}", spelling(Word::Mtp3Field(*field)))
            }
        }
    }
}

fn numbered(f: &mut Formatter<'_>, word: &str, number: Option<u32>) -> fmt::Result {
    f.write_str(word)?;
    number.map_or(Ok(()), |number| write!(f, " {number}"))
}

impl Qualifiers {
    fn of(protocol: Option<Protocol>) -> Qualifiers {
        Qualifiers { protocol, direction: None, kind: None }
    }
}

/// Prints the qualifiers, each with a space after it.
impl Display for Qualifiers {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(protocol) = self.protocol {
            write!(f, "{} ", spelling(Word::Protocol(protocol)))?;
        }
        match self.direction {
            None => {}
            Some(Direction::Either) => f.write_str("src or dst ")?,
            Some(Direction::Both) => f.write_str("src and dst ")?,
            Some(direction) => write!(f, "{} ", spelling(Word::Direction(direction)))?,
        }
        self.kind.map_or(Ok(()), |kind| write!(f, "{} ", spelling(Word::Kind(kind))))
    }
}

impl Display for Id {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Id::Number(number) => write!(f, "{number}"),
            Id::Name(name) => write_name(f, name),
            Id::Dotted(address, mask) => write!(f, "{address}{mask}"),
            Id::Ipv6(address, None) => write!(f, "{address}"),
            Id::Ipv6(address, Some(length)) => write!(f, "{address}/{length}"),
            Id::Mac([a, b, c, d, e, g]) => write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}"),
            Id::Byte(byte) => write!(f, "${byte:02x}"),
        }
    }
}

/// Writes a name, with a backslash before it if it would otherwise parse as another token.
fn write_name(f: &mut Formatter<'_>, name: &str) -> fmt::Result {
    let is_plain = matches!(Lexer::new(name).next(), Ok((Token::Name(read), _)) if read == name);
    write!(f, "{}{name}", if is_plain { "" } else { "\\" })
}

impl Display for Dotted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts().iter().enumerate() {
            write!(f, "{}{part}", if index == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

impl Display for Mask {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Mask::None => Ok(()),
            Mask::Length(length) => write!(f, "/{length}"),
            Mask::Dotted(mask) => write!(f, " mask {mask}"),
        }
    }
}

impl Display for Relation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&names::RELATIONS, *self).unwrap_or_default())
    }
}

impl Display for ByteTest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&names::BYTE_TESTS, *self).unwrap_or_default())
    }
}

impl Display for Arithmetic {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let starts = postfix_starts(self.steps.iter().map(|step| step.operands()));
        // All nested operators are in parentheses, since `%` and `^` have no precedence.
        let operand = |part: usize| match self.steps[part] {
            Step::Binary(_) | Step::Negate => Task::Group(part),
            _ => Task::Part(part),
        };
        write_postfix(f, self.steps.len().checked_sub(1), |f, part, tasks| {
            match self.steps[part] {
                Step::Number(number) => write!(f, "{number}")?,
                Step::Length => f.write_str("len")?,
                Step::Negate => tasks.extend([operand(part - 1), Task::Text("-")]),
                Step::Binary(op) => {
                    let symbol = op.symbol();
                    let symbol = [" ", symbol, " "].map(Task::Text);
                    tasks.push(operand(part - 1));
                    tasks.extend(symbol);
                    tasks.push(operand(starts[part - 1] - 1));
                }
                Step::Load(protocol, size) => {
                    let end = match size {
                        1 => "]",
                        2 => ":2]",
                        _ => ":4]",
                    };
                    let protocol = Task::Text(spelling(Word::Protocol(protocol)));
                    tasks.extend([Task::Text(end), Task::Part(part - 1), Task::Text("["), protocol]);
                }
            }
            Ok(())
        })
    }
}

impl Display for Pf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Pf::InterfaceName(name) => {
                f.write_str("on ")?;
                write_name(f, name)
            }
            Pf::RuleSet(name) => {
                f.write_str("ruleset ")?;
                write_name(f, name)
            }
            Pf::RuleNumber(number) => write!(f, "rulenum {number}"),
            Pf::SubruleNumber(number) => write!(f, "subrulenum {number}"),
            Pf::Reason(reason) => write!(f, "reason {reason}"),
            Pf::Action(action) => write!(f, "action {}", name_of(&names::PF_ACTIONS, *action).unwrap_or_default()),
        }
    }
}

impl Display for Wlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut named = |word: &str, table, value| match name_of(table, value) {
            Some(name) => write!(f, "{word} {name}"),
            None => write!(f, "{word} {value:#x}"),
        };
        match *self {
            Wlan::Type(kind) => named("type", &names::WLAN_TYPES, kind),
            Wlan::Subtype { kind, subtype } => {
                named("type", &names::WLAN_TYPES, kind)?;
                named(" subtype", names::wlan_subtypes(kind), subtype)
            }
            Wlan::Direction(direction) => named("dir", &names::WLAN_DIRECTIONS, direction),
        }
    }
}

impl Display for Llc {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Llc::Any => return f.write_str("llc"),
            Llc::Information => "i",
            Llc::Supervisory => "s",
            Llc::Unnumbered => "u",
            Llc::SupervisoryKind(kind) => name_of(&names::LLC_SUPERVISORY, kind).unwrap_or_default(),
            Llc::UnnumberedKind(kind) => name_of(&names::LLC_UNNUMBERED, kind).unwrap_or_default(),
        };
        write!(f, "llc {name}")
    }
}
