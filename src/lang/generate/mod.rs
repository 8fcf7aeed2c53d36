//! Generation of programs from trees.
//!
//! Every test in a tree has two branch targets, so `and`, `or` and `not` cost no instructions, only labels
//! (`code_builder.rs`). The tree is walked from left to right, which is also the order in which `vlan`, `mpls` and
//! other primitives move the headers for all later primitives (`packet_headers.rs`, `encapsulation.rs`).
//!
//! Consecutive tests of one kind, as in `port 80 or port 443 or ...`, are merged into one test with several values,
//! which tests the packet's protocol once. Each of the other files generates a family of primitives.

mod arithmetic;
mod arithmetic_costs;
mod code_builder;
mod encapsulation;
mod header_fields;
mod id_values;
mod link_layer;
mod link_protocol;
mod network_addresses;
mod packet_headers;
mod ports;
mod prologue;
mod protocol_chain;
mod protocol_primitives;
mod qualified_id;
mod wlan;

use alloc::string::String;
use alloc::vec::Vec;

use crate::bpf::assemble::{Label, Unresolved};
use crate::bpf::instruction::Instruction;
use crate::bpf::program::Program;
use crate::bpf::verify::SCRATCH_WORDS;
use crate::lang::generate::code_builder::{BranchTargets, CodeBuilder, Test};
use crate::lang::generate::packet_headers::{Headers, PAYLOAD_SLOT, PacketOffset};
use crate::lang::generate::qualified_id::MergeableTest;
use crate::lang::positions::Site;
use crate::lang::target::Target;
use crate::lang::tree::{Direction, Expr, Id, Node, Primitive, Qualifiers, postfix_starts};
use crate::lang::words::Protocol;
use crate::packet::protocols::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_PPPOE_DISCOVERY};

/// The result of generating a primitive.
type Result<T = (), E = PrimitiveError> = core::result::Result<T, E>;

/// An error in a primitive: a sentence about one of its parts.
#[derive(Debug)]
struct PrimitiveError {
    site: Site,
    message: String,
}

impl From<String> for PrimitiveError {
    fn from(message: String) -> PrimitiveError {
        Site::Start.error(message)
    }
}

impl From<&str> for PrimitiveError {
    fn from(message: &str) -> PrimitiveError {
        Site::Start.error(message)
    }
}

impl Site {
    /// Returns an error at this part of a primitive.
    fn error(self, message: impl Into<String>) -> PrimitiveError {
        PrimitiveError { site: self, message: message.into() }
    }
}

impl PrimitiveError {
    /// Returns the error as one of a primitive in a tree.
    fn in_part(self, part: usize) -> Diagnostic {
        Diagnostic { part, site: self.site, message: self.message }
    }
}

/// An error in a part of a tree.
#[derive(Debug)]
pub(super) struct Diagnostic {
    /// The index of the node.
    pub(super) part: usize,
    pub(super) site: Site,
    pub(super) message: String,
}

/// The reason why a tree has no program.
#[derive(Debug)]
pub(super) enum GenerateError {
    /// A part of the tree is invalid for the target.
    Invalid(Diagnostic),
    /// The generator has a bug: a jump of the program has no target.
    Internal,
}

impl From<Diagnostic> for GenerateError {
    fn from(diagnostic: Diagnostic) -> GenerateError {
        GenerateError::Invalid(diagnostic)
    }
}

impl From<Unresolved> for GenerateError {
    fn from(_: Unresolved) -> GenerateError {
        GenerateError::Internal
    }
}

/// A generated program.
pub(super) struct Generated {
    pub(super) program: Program,
    /// Set if the program walks a chain of headers for `protochain`.
    pub(super) has_chain: bool,
}

/// Generates the program of a tree.
///
/// `protochain` walks at most `chain_depth` headers.
pub(super) fn generate(expr: &Expr, target: &Target, chain_depth: u32) -> Result<Generated, GenerateError> {
    if expr.is_empty() {
        // The program tests nothing, not even what the link type needs for any other expression.
        let program = Program::new(vec![Instruction::ReturnConstant { verdict: target.snaplen }.into()]);
        return Ok(Generated { program, has_chain: false });
    }
    let (code, headers, next_slot) = (CodeBuilder::new(), Headers::of(target.link_type), PAYLOAD_SLOT + 1);
    let mut generator =
        Generator { code, headers, target, chain_depth, has_chain: false, next_slot, initialized_slots: 0 };
    let accept = generator.code.label();
    let drop = generator.code.label();
    generator.tree(expr, BranchTargets { yes: accept, no: drop })?;
    generator.code.bind(accept);
    generator.code.ret(target.snaplen);
    generator.code.bind(drop);
    generator.code.ret(0);
    Ok(Generated { has_chain: generator.has_chain, program: generator.finish()? })
}

/// The state of generation.
struct Generator<'a> {
    code: CodeBuilder,
    headers: Headers,
    target: &'a Target,
    /// The largest number of headers that `protochain` walks.
    chain_depth: u32,
    has_chain: bool,
    /// The first free scratch word.
    next_slot: u8,
    /// The scratch words that the prologue sets to 0 if they are read, one bit each.
    initialized_slots: u16,
}

/// A pending step of the walk over a tree; the last one is next.
enum TreeTask {
    /// Generates the subtree that ends with that part.
    Tree(usize, BranchTargets),
    /// Binds a label to the next instruction.
    Bind(Label),
    /// Generates mergeable primitives that are joined by `or`.
    Merged(Vec<usize>, BranchTargets),
}

/// The ends of a packet's way that a test of addresses or ports compares.
#[derive(Clone, Copy)]
enum Ends {
    Source,
    Destination,
    Either,
    Both,
}

impl Ends {
    /// Returns `None` for the directions that only 802.11 has.
    fn of(direction: Option<Direction>) -> Option<Ends> {
        match direction {
            None | Some(Direction::Either) => Some(Ends::Either),
            Some(Direction::Source) => Some(Ends::Source),
            Some(Direction::Destination) => Some(Ends::Destination),
            Some(Direction::Both) => Some(Ends::Both),
            Some(_) => None,
        }
    }

    /// Returns an error for the directions that only 802.11 has.
    fn without_wlan(direction: Option<Direction>, reason: &str) -> Result<Ends> {
        let ends = Ends::of(direction);
        ends.ok_or_else(|| Site::Direction.error(format!("expected `src` or `dst`: {reason}")))
    }
}

impl Generator<'_> {
    fn tree(&mut self, expr: &Expr, to: BranchTargets) -> Result<(), Diagnostic> {
        let starts = postfix_starts(expr.nodes.iter().map(Node::operands));
        let mut tasks = vec![TreeTask::Tree(expr.nodes.len() - 1, to)];
        while let Some(task) = tasks.pop() {
            match task {
                TreeTask::Bind(label) => self.code.bind(label),
                TreeTask::Merged(parts, to) => self.merged(expr, &parts, to)?,
                TreeTask::Tree(part, to) => match &expr.nodes[part] {
                    Node::Not => tasks.push(TreeTask::Tree(part - 1, to.swapped())),
                    Node::Primitive(primitive) => {
                        self.primitive(primitive, to).map_err(|error| error.in_part(part))?;
                    }
                    operator => {
                        let operands = operands(expr, &starts, part);
                        self.joined(expr, operator, &operands, to, &mut tasks);
                    }
                },
            }
        }
        Ok(())
    }

    /// Pushes the tasks for the operands of `and` or `or`, with one task for consecutive mergeable tests.
    fn joined(
        &mut self,
        expr: &Expr,
        operator: &Node,
        operands: &[usize],
        to: BranchTargets,
        tasks: &mut Vec<TreeTask>,
    ) {
        let first = tasks.len();
        let mut groups = operands.chunk_by(|&a, &b| are_mergeable(expr, operator, a, b)).peekable();
        while let Some(group) = groups.next() {
            let next = groups.peek().map(|_| self.code.label());
            let targets = match (operator, next) {
                (_, None) => to,
                (Node::And, Some(next)) => BranchTargets { yes: next, ..to },
                (_, Some(next)) => BranchTargets { no: next, ..to },
            };
            tasks.push(match *group {
                [part] => TreeTask::Tree(part, targets),
                // `not a and not b` is `not (a or b)`.
                _ if *operator == Node::And => {
                    TreeTask::Merged(group.iter().map(|part| part - 1).collect(), targets.swapped())
                }
                _ => TreeTask::Merged(group.to_vec(), targets),
            });
            tasks.extend(next.map(TreeTask::Bind));
        }
        tasks[first..].reverse();
    }

    fn merged(&mut self, expr: &Expr, parts: &[usize], to: BranchTargets) -> Result<(), Diagnostic> {
        let ids = parts.iter().filter_map(|&part| match &expr.nodes[part] {
            Node::Primitive(Primitive::Address(qualifiers, id)) => Some((part, *qualifiers, id)),
            _ => None,
        });
        self.qualified_ids(ids, to).map_err(|(part, error)| error.in_part(part))
    }

    fn primitive(&mut self, primitive: &Primitive, to: BranchTargets) -> Result {
        match primitive {
            Primitive::Address(qualifiers, id) => {
                self.qualified_ids(core::iter::once((0, *qualifiers, id)), to).map_err(|(_, error)| error)
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
            Primitive::PppoeDiscovery => self.link_protocol(ETHERTYPE_PPPOE_DISCOVERY, to),
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

    /// Continues with the next instruction if the test holds, else at `no`.
    fn require(&mut self, test: Test, no: Label) {
        self.code.require(test, no);
    }

    /// Continues with the next instruction if the link layer carries `protocol`, else at `no`.
    fn require_link_protocol(&mut self, protocol: u32, no: Label) -> Result {
        let yes = self.code.label();
        self.link_protocol(protocol, BranchTargets { yes, no })?;
        self.code.bind(yes);
        Ok(())
    }

    /// Tests for a primitive of IPv4, IPv6 or both (`None`): each closure generates the test in packets of its version.
    fn ip_versions(
        &mut self,
        version: Option<Protocol>,
        to: BranchTargets,
        ipv4: impl FnOnce(&mut Self, BranchTargets) -> Result,
        ipv6: impl FnOnce(&mut Self, BranchTargets) -> Result,
    ) -> Result {
        let other = self.code.label();
        if version != Some(Protocol::Ip6) {
            let is_only = version == Some(Protocol::Ip);
            self.require_link_protocol(ETHERTYPE_IPV4, if is_only { to.no } else { other })?;
            let no = if is_only || self.headers.distinguishes_protocols() { to.no } else { other };
            ipv4(self, BranchTargets { no, ..to })?;
        }
        self.code.bind(other);
        if version != Some(Protocol::Ip) {
            self.require_link_protocol(ETHERTYPE_IPV6, to.no)?;
            ipv6(self, to)?;
        }
        Ok(())
    }

    /// Returns the offset of the network header.
    fn network(&self) -> Result<PacketOffset> {
        Ok(self.payload()?.plus(self.headers.network))
    }

    /// Returns the offset of the link layer's payload.
    fn payload(&self) -> Result<PacketOffset> {
        self.headers.payload.ok_or_else(|| self.unsupported("the payload of the link layer cannot be located"))
    }

    fn unsupported(&self, what: &str) -> PrimitiveError {
        format!("expected another link type: {what} with {}", self.target.link_type.name().unwrap_or("an unknown one"))
            .into()
    }

    /// Reserves a scratch word for the whole program, which holds 0 at first.
    fn new_slot(&mut self) -> Result<u8> {
        let slot = self.next_slot;
        // One word stays free for `protochain`.
        if usize::from(slot) >= SCRATCH_WORDS - 1 {
            return Err(format!(
                "expected fewer headers of variable length, since the machine has {SCRATCH_WORDS} scratch words"
            )
            .into());
        }
        self.next_slot += 1;
        self.initialized_slots |= 1 << slot;
        Ok(slot)
    }
}

/// Returns the operands of an operator and of all equal operators directly below it, from left to right.
pub(super) fn operands(expr: &Expr, starts: &[usize], root: usize) -> Vec<usize> {
    let mut operands = Vec::new();
    let mut open = vec![root];
    while let Some(part) = open.pop() {
        if expr.nodes[part] == expr.nodes[root] && !matches!(expr.nodes[part], Node::Primitive(_)) {
            // The right operand is popped first, so the result is reversed at the end.
            open.extend([starts[part - 1] - 1, part - 1]);
        } else {
            operands.push(part);
        }
    }
    operands.reverse();
    operands
}

/// Returns whether one test can do both operands of `or`, or both negated operands of `and`.
fn are_mergeable(expr: &Expr, operator: &Node, a: usize, b: usize) -> bool {
    let qualified_id = |part: usize| {
        let node = match (operator, &expr.nodes[part]) {
            (Node::Or, node) => node,
            (Node::And, Node::Not) => &expr.nodes[part - 1],
            _ => return None,
        };
        if let Node::Primitive(Primitive::Address(qualifiers, id)) = node { Some((qualifiers, id)) } else { None }
    };
    let kind = |(qualifiers, id): (&Qualifiers, &Id)| MergeableTest::of(qualifiers, id);
    let (Some(a), Some(b)) = (qualified_id(a), qualified_id(b)) else { return false };
    a.0 == b.0 && kind(a).is_some_and(|of_a| kind(b) == Some(of_a))
}
