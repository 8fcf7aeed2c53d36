//! Trees become texts that mean the same.

use std::fmt::{self, Display, Formatter, Write};

use crate::bpf::isa::AluOp;
use crate::lang::keywords::spelling;
use crate::lang::names;
use crate::lang::names::name_of;
use crate::lang::token::{Lexer, Token};
use crate::lang::tree::{
    Arithmetic, ByteTest, Direction, Dotted, Expr, Id, Kind, Llc, Mask, Node, Pf, Primitive, Qualifiers, Relation,
    Step, Wlan, beginnings,
};
use crate::lang::words::{Protocol, Word};

/// What is still to be written; the last comes first.
enum Task {
    Text(&'static str),
    /// The part with that index.
    Part(usize),
    /// The same in parentheses.
    Group(usize),
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_to(f, |_, _| {})
    }
}

impl Expr {
    /// Writes the expression; `is_at` learns of each part that is about to be written.
    fn write_to<W: Write>(&self, out: &mut W, mut is_at: impl FnMut(&W, usize)) -> fmt::Result {
        let beginnings = beginnings(self.nodes.iter().map(Node::operands));
        let is_operator = |part: usize| matches!(self.nodes[part], Node::And | Node::Or);
        let operand = |part| if is_operator(part) { Task::Group(part) } else { Task::Part(part) };
        let mut tasks: Vec<Task> = self.nodes.len().checked_sub(1).map(Task::Part).into_iter().collect();
        while let Some(task) = tasks.pop() {
            let part = match task {
                Task::Text(text) => {
                    out.write_str(text)?;
                    continue;
                }
                Task::Group(part) => {
                    tasks.extend([Task::Text(")"), Task::Part(part), Task::Text("(")]);
                    continue;
                }
                Task::Part(part) => part,
            };
            is_at(out, part);
            let joined_by = match &self.nodes[part] {
                Node::Primitive(primitive) => {
                    write!(out, "{primitive}")?;
                    continue;
                }
                Node::Not => {
                    tasks.extend([operand(part - 1), Task::Text("not ")]);
                    continue;
                }
                Node::And => " and ",
                Node::Or => " or ",
            };
            let left = beginnings[part - 1] - 1;
            // Both operators have one precedence, and nobody expects that.
            let is_same = self.nodes[left] == self.nodes[part];
            let left = if is_same { Task::Part(left) } else { operand(left) };
            tasks.extend([operand(part - 1), Task::Text(joined_by), left]);
        }
        Ok(())
    }

    /// The text of the expression, and where in it a part begins.
    pub(super) fn text_with(&self, part: usize) -> (String, usize) {
        let (mut text, mut place) = (String::new(), 0);
        // Writing to a string does not fail.
        let _ = self.write_to(&mut text, |text: &String, at| {
            if at == part {
                place = text.len();
            }
        });
        (text, place)
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

/// The qualifiers, each with a space behind it.
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
        f.write_str(match self.kind {
            None => "",
            Some(Kind::Host) => "host ",
            Some(Kind::Net) => "net ",
            Some(Kind::Port) => "port ",
            Some(Kind::PortRange) => "portrange ",
            Some(Kind::Protocol) => "proto ",
            Some(Kind::ProtocolChain) => "protochain ",
            Some(Kind::Gateway) => "gateway ",
        })
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

/// A name, behind a backslash if it would be read as something else without.
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
        f.write_str(match self {
            Relation::Equal => "=",
            Relation::NotEqual => "!=",
            Relation::Greater => ">",
            Relation::GreaterOrEqual => ">=",
            Relation::Less => "<",
            Relation::LessOrEqual => "<=",
        })
    }
}

impl Display for ByteTest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ByteTest::Equal => "=",
            ByteTest::Less => "<",
            ByteTest::Greater => ">",
            ByteTest::And => "&",
            ByteTest::Or => "|",
        })
    }
}

impl Display for Arithmetic {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let beginnings = beginnings(self.steps.iter().map(|step| step.operands()));
        // All but the precedence of the outermost operator is spelt out, since `%` and `^` have none.
        let operand = |part: usize| match self.steps[part] {
            Step::Binary(_) | Step::Negate => Task::Group(part),
            _ => Task::Part(part),
        };
        let mut tasks = vec![Task::Part(self.steps.len() - 1)];
        while let Some(task) = tasks.pop() {
            match task {
                Task::Text(text) => f.write_str(text)?,
                Task::Group(part) => tasks.extend([Task::Text(")"), Task::Part(part), Task::Text("(")]),
                Task::Part(part) => match self.steps[part] {
                    Step::Number(number) => write!(f, "{number}")?,
                    Step::Length => f.write_str("len")?,
                    Step::Negate => tasks.extend([operand(part - 1), Task::Text("-")]),
                    Step::Binary(op) => {
                        let left = beginnings[part - 1] - 1;
                        tasks.extend([operand(part - 1), Task::Text(symbol(op)), operand(left)]);
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
                },
            }
        }
        Ok(())
    }
}

fn symbol(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => " + ",
        AluOp::Sub => " - ",
        AluOp::Mul => " * ",
        AluOp::Div => " / ",
        AluOp::Mod => " % ",
        AluOp::And => " & ",
        AluOp::Or => " | ",
        AluOp::Xor => " ^ ",
        AluOp::Lsh => " << ",
        AluOp::Rsh => " >> ",
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
