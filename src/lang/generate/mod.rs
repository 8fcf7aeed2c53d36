//! Trees become programs.
//!
//! Every test of a tree is told where to go if it holds and where if not, so `and`, `or` and `not` are no instructions, only
//! labels (`code.rs`). The tree is walked from left to right, which is also the order in which `vlan`, `mpls` and the like
//! move the headers for everything behind them (`layers.rs`, `tunnel.rs`).
//!
//! Tests of the same kind in a row, `port 80 or port 443 or ...`, become one test with many values: the packet's protocol is
//! looked at once. All other files are a family of primitives each.

mod address;
mod arithmetic;
mod carries;
mod code;
mod fields;
mod layers;
mod link;
mod network;
mod plan;
mod prologue;
mod protocol;
mod transport;
mod tunnel;
mod wlan;

use crate::bpf::assemble::Label;
use crate::bpf::instruction::Instruction;
use crate::bpf::program::Program;
use crate::lang::generate::address::Kindred;
use crate::lang::generate::code::{Code, Exits, Test};
use crate::lang::generate::layers::{Layers, PAYLOAD_SLOT, Place};
use crate::lang::target::Target;
use crate::lang::tree::{Expr, Node, Primitive, beginnings};

/// What is wrong with a primitive.
type Message = String;

/// What is wrong with a part of a tree.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) part: usize,
    pub(super) message: Message,
}

/// What a tree becomes.
pub(super) struct Generated {
    pub(super) program: Program,
    /// Whether the program goes from header to header for `protochain`.
    pub(super) has_chain: bool,
}

/// Generates the program of a tree.
///
/// `protochain` goes through at most `chain_depth` headers.
pub(super) fn generate(expr: &Expr, target: &Target, chain_depth: u32) -> Result<Generated, Wrong> {
    if expr.is_empty() {
        // Nothing is tested, not even what a link type needs for any test.
        let program = Program::new(vec![Instruction::ReturnConstant { verdict: target.snaplen }.into()]);
        return Ok(Generated { program, has_chain: false });
    }
    let (code, layers, next_slot) = (Code::new(), Layers::of(target.link_type), PAYLOAD_SLOT + 1);
    let mut generator = Generator { code, layers, target, chain_depth, has_chain: false, next_slot, zeroed: 0 };
    let accept = generator.code.label();
    let drop = generator.code.label();
    generator.tree(expr, Exits { yes: accept, no: drop })?;
    generator.code.place(accept);
    generator.code.ret(target.snaplen);
    generator.code.place(drop);
    generator.code.ret(0);
    Ok(Generated { has_chain: generator.has_chain, program: generator.finish() })
}

/// What is known while a tree is walked.
struct Generator<'a> {
    code: Code,
    layers: Layers,
    target: &'a Target,
    /// How many headers `protochain` goes through at most.
    chain_depth: u32,
    /// Whether one went through headers.
    has_chain: bool,
    /// The first scratch word that holds nothing that is still needed.
    next_slot: u8,
    /// The scratch words that hold 0 unless something is stored, a bit each.
    zeroed: u16,
}

/// What is still to be done, the last first.
enum Task {
    /// The subtree that ends with that part.
    Tree(usize, Exits),
    /// The label of what comes next, if something still comes to it.
    Place(Label),
    /// Kindred primitives, of those that are joined by `or`; negated if by `and`.
    Row(Vec<usize>, Exits),
}

impl Generator<'_> {
    fn tree(&mut self, expr: &Expr, to: Exits) -> Result<(), Wrong> {
        let beginnings = beginnings(expr.nodes.iter().map(Node::operands));
        let mut tasks = vec![Task::Tree(expr.nodes.len() - 1, to)];
        while let Some(task) = tasks.pop() {
            match task {
                Task::Place(label) => self.code.place(label),
                Task::Row(parts, to) => self.row(expr, &parts, to)?,
                Task::Tree(part, to) => match &expr.nodes[part] {
                    Node::Not => tasks.push(Task::Tree(part - 1, Exits { yes: to.no, no: to.yes })),
                    Node::Primitive(primitive) => {
                        self.primitive(primitive, to).map_err(|message| Wrong { part, message })?;
                    }
                    operator => {
                        let operands = operands(expr, &beginnings, part);
                        self.joined(expr, operator, &operands, to, &mut tasks);
                    }
                },
            }
        }
        Ok(())
    }

    /// The tasks of what an operator joins, kindred ones in one.
    fn joined(&mut self, expr: &Expr, operator: &Node, operands: &[usize], to: Exits, tasks: &mut Vec<Task>) {
        let first = tasks.len();
        let rows: Vec<&[usize]> = operands.chunk_by(|&a, &b| is_kindred(expr, operator, a, b)).collect();
        for (index, row) in rows.iter().enumerate() {
            let is_last = index + 1 == rows.len();
            let next = if is_last { None } else { Some(self.code.label()) };
            let exits = match (operator, next) {
                (_, None) => to,
                (Node::And, Some(next)) => Exits { yes: next, no: to.no },
                (_, Some(next)) => Exits { yes: to.yes, no: next },
            };
            tasks.push(match **row {
                [part] => Task::Tree(part, exits),
                // `not a and not b` is neither of them.
                _ if *operator == Node::And => {
                    Task::Row(row.iter().map(|part| part - 1).collect(), Exits { yes: exits.no, no: exits.yes })
                }
                _ => Task::Row(row.to_vec(), exits),
            });
            tasks.extend(next.map(Task::Place));
        }
        tasks[first..].reverse();
    }

    fn row(&mut self, expr: &Expr, parts: &[usize], to: Exits) -> Result<(), Wrong> {
        let addresses = parts.iter().filter_map(|&part| match &expr.nodes[part] {
            Node::Primitive(Primitive::Address(qualifiers, id)) => Some((part, *qualifiers, id)),
            _ => None,
        });
        self.address_row(addresses, to).map_err(|(part, message)| Wrong { part, message })
    }

    fn primitive(&mut self, primitive: &Primitive, to: Exits) -> Result<(), Message> {
        match primitive {
            Primitive::Address(qualifiers, id) => {
                self.address_row(std::iter::once((0, *qualifiers, id)), to).map_err(|(_, message)| message)
            }
            Primitive::Protocol(protocol) => self.protocol(*protocol, to),
            Primitive::Relation(relation) => {
                let (left, relation, right) = &**relation;
                self.relation(left, *relation, right, to)
            }
            Primitive::Broadcast(protocol) => self.broadcast(*protocol, to),
            Primitive::Multicast(protocol) => self.multicast(*protocol, to),
            Primitive::Less(length) => self.length(*length, true, to),
            Primitive::Greater(length) => self.length(*length, false, to),
            Primitive::Byte { at, test, value } => self.byte(*at, *test, *value, to),
            Primitive::Inbound => self.direction(false, to),
            Primitive::Outbound => self.direction(true, to),
            Primitive::InterfaceIndex(index) => self.interface(*index, to),
            Primitive::Vlan(tag) => self.vlan(*tag, to),
            Primitive::Mpls(label) => self.mpls(*label, to),
            Primitive::PppoeDiscovery => self.link_type(0x8863, to),
            Primitive::PppoeSession(session) => self.pppoe_session(*session, to),
            Primitive::Geneve(network) => self.geneve(*network, to),
            Primitive::Vxlan(network) => self.vxlan(*network, to),
            Primitive::Batadv { version, packet } => self.batadv(*version, *packet, to),
            Primitive::Pf(pf) => self.pf(pf, to),
            Primitive::Wlan(wlan) => self.wlan_field(*wlan, to),
            Primitive::Llc(llc) => self.llc(*llc, to),
            Primitive::Atm(name) => self.atm(*name, to),
            Primitive::AtmField(field, relation, value) => self.atm_field(*field, *relation, *value, to),
            Primitive::Mtp2(kind) => self.mtp2(*kind, to),
            Primitive::Mtp3Field(field, relation, value) => self.mtp3_field(*field, *relation, *value, to),
        }
    }

    /// Goes to `no` unless the test holds.
    fn require(&mut self, test: Test, no: Label) {
        self.code.require(test, no);
    }

    /// Where the network header is.
    fn network(&self) -> Result<Place, Message> {
        Ok(self.payload()?.plus(self.layers.network))
    }

    /// Where what the link layer carries begins.
    fn payload(&self) -> Result<Place, Message> {
        self.layers.payload.ok_or_else(|| self.unsupported("what the link layer carries cannot be found"))
    }

    fn unsupported(&self, what: &str) -> Message {
        format!("expected another link type: {what} with {}", self.target.link_type.name().unwrap_or("an unknown one"))
    }

    /// A scratch word for as long as the program runs, and which holds 0 at first.
    fn new_slot(&mut self) -> Result<u8, Message> {
        let slot = self.next_slot;
        if slot >= 15 {
            return Err("expected fewer headers of variable length, since the machine has 16 scratch words".to_owned());
        }
        self.next_slot += 1;
        self.zeroed |= 1 << slot;
        Ok(slot)
    }
}

/// The operands of an operator and of all equal ones right below it, from left to right.
fn operands(expr: &Expr, beginnings: &[usize], root: usize) -> Vec<usize> {
    let mut operands = Vec::new();
    let mut open = vec![root];
    while let Some(part) = open.pop() {
        if expr.nodes[part] == expr.nodes[root] && !matches!(expr.nodes[part], Node::Primitive(_)) {
            // The right one is the first out; the order is turned round at the end.
            open.extend([beginnings[part - 1] - 1, part - 1]);
        } else {
            operands.push(part);
        }
    }
    operands.reverse();
    operands
}

/// Whether two operands are tests of the same kind that an operator lets one test do: `or`, or `and` between negations.
fn is_kindred(expr: &Expr, operator: &Node, a: usize, b: usize) -> bool {
    let primitive = |part: usize| match (operator, &expr.nodes[part]) {
        (Node::Or, Node::Primitive(Primitive::Address(qualifiers, id))) => Some((qualifiers, id)),
        (Node::And, Node::Not) => match &expr.nodes[part - 1] {
            Node::Primitive(Primitive::Address(qualifiers, id)) => Some((qualifiers, id)),
            _ => None,
        },
        _ => None,
    };
    let (Some((a, a_id)), Some((b, b_id))) = (primitive(a), primitive(b)) else { return false };
    a == b && Kindred::of(a, a_id).is_some_and(|kindred| Kindred::of(b, b_id) == Some(kindred))
}
