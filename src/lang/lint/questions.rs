//! Questions about parts of an expression: does any packet match them, or does every packet?
//!
//! A part is compiled with what stands before it, since `vlan` and others move the headers of what follows.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::AluOp;
use crate::bpf::program::Program;
use crate::bpf::verify::Verified;
use crate::lang::target::Target;
use crate::lang::tree::{Arithmetic, Expr, Node, Primitive, Relation, Step, postfix_starts};
use crate::lang::words::AtmName;
use crate::lang::{compile, link_type::LinkType};
use crate::prove;
use crate::text::ParseError;

/// The most nodes of all trees that are compiled for the warnings of one expression.
pub(super) const MAX_WORK: usize = 1 << 16;

/// What compiling a tree costs beside its nodes, in nodes.
const BASE_WORK: usize = 64;

/// The longest program with divisions of which a proof is tried, and the bounds of the proof.
const MAX_PROVEN: usize = 1 << 7;
const MAX_NODES: usize = 1 << 14;
const MAX_CONFLICTS: u64 = 200;

/// A part of the expression in a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// The last node of the part.
    pub(super) root: usize,
    pub(super) role: Role,
}

/// What a question assumes of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Holds,
    Fails,
    /// Only the headers move as if the part stood there.
    Aside,
}

impl Role {
    pub(super) fn of(holds: bool) -> Role {
        if holds { Role::Holds } else { Role::Fails }
    }
}

/// An expression, and the work that is left for questions about it.
pub(super) struct Questions<'e> {
    pub(super) expr: &'e Expr,
    /// The first node of each subtree.
    pub(super) starts: Vec<usize>,
    pub(super) target: &'e Target,
    /// The nodes that move headers.
    moving: Vec<usize>,
    work: usize,
}

impl<'e> Questions<'e> {
    pub(super) fn new(expr: &'e Expr, target: &'e Target) -> Questions<'e> {
        let starts = postfix_starts(expr.nodes.iter().map(Node::operands));
        let moving = (0..expr.nodes.len()).filter(|&node| mover(&expr.nodes[node]).is_some()).collect();
        Questions { expr, starts, target, moving, work: MAX_WORK }
    }

    /// Returns whether there was too much work. The answers since then are arbitrary.
    pub(super) fn are_exhausted(&self) -> bool {
        self.work == 0
    }

    /// Returns the nodes of a part.
    pub(super) fn nodes(&self, root: usize) -> &'e [Node] {
        &self.expr.nodes[self.starts[root]..=root]
    }

    /// Returns the first node of a part that moves headers.
    pub(super) fn moving(&self, root: usize) -> Option<usize> {
        let first = self.moving.partition_point(|&node| node < self.starts[root]);
        self.moving.get(first).copied().filter(|&node| node <= root)
    }

    /// Returns whether no packet satisfies these assumptions.
    pub(super) fn never(&mut self, items: impl IntoIterator<Item = Item>) -> bool {
        let program = self.program(items);
        program.is_some_and(|program| self.rejects_all(&program))
    }

    /// Returns whether every packet matches a part, behind others.
    pub(super) fn always(&mut self, before: impl IntoIterator<Item = Item>, root: usize) -> bool {
        let part = Item { root, role: Role::Holds };
        let program = self.program(before.into_iter().chain([part]));
        program.is_some_and(|program| self.accepts_all(&program))
    }

    /// Returns whether no packet matches a primitive with another link type.
    pub(super) fn never_with(&mut self, link_type: LinkType, root: usize, holds: bool) -> bool {
        let target = Target { link_type, ..self.target.clone() };
        let mut expr = Expr { nodes: self.nodes(root).to_vec() };
        if !holds {
            expr.nodes.push(Node::Not);
        }
        let program = compile(&expr, &target, |diagnostic| ParseError::at("", 0, diagnostic.message));
        program.is_ok_and(|compiled| self.rejects_all(&compiled.program))
    }

    /// Returns `false` for a program that rejects all packets, `true` for one that accepts all.
    pub(super) fn outcome(&self, program: &Program) -> Option<bool> {
        match self.rejects_all(program) {
            true => Some(false),
            false => self.accepts_all(program).then_some(true),
        }
    }

    /// Compiles the conjunction of assumptions; `None` if there are none, or too much work was done.
    fn program(&mut self, items: impl IntoIterator<Item = Item>) -> Option<Program> {
        let (mut nodes, mut count) = (Vec::new(), 0);
        for Item { root, role } in items {
            count += 1;
            let (part, is_first) = (self.nodes(root), nodes.is_empty());
            if role == Role::Aside && self.moving(root).is_none() {
                continue;
            }
            nodes.extend_from_slice(part);
            match role {
                Role::Holds => {}
                Role::Fails => nodes.push(Node::Not),
                // `not (part and 1 = 2)`
                Role::Aside => nodes.extend([Node::Primitive(never()), Node::And, Node::Not]),
            }
            if !is_first {
                nodes.push(Node::And);
            }
        }
        self.work = self.work.saturating_sub(nodes.len() + count + BASE_WORK);
        if nodes.is_empty() || self.are_exhausted() {
            return None;
        }
        let expr = Expr { nodes };
        compile(&expr, self.target, |diagnostic| ParseError::at("", 0, diagnostic.message)).ok().map(|it| it.program)
    }

    fn rejects_all(&self, program: &Program) -> bool {
        program.verify(self.target.dialect).is_ok_and(|verified| verified.rejects_all())
    }

    /// Returns whether a program accepts all packets that are long enough: with its verdicts inverted, it rejects all.
    fn accepts_all(&self, program: &Program) -> bool {
        if program.disassemble().any(may_halt) {
            return program.len() <= MAX_PROVEN && program.verify(self.target.dialect).is_ok_and(is_proven_full);
        }
        let inverted = program.disassemble().map(|instruction| match instruction {
            Instruction::ReturnConstant { verdict } => {
                Some(Instruction::ReturnConstant { verdict: u32::from(verdict == 0) })
            }
            Instruction::ReturnA => None,
            other => Some(other),
        });
        let inverted: Option<Program> = inverted.collect();
        inverted.is_some_and(|inverted| self.rejects_all(&inverted))
    }
}

fn is_proven_full(verified: Verified) -> bool {
    let options = prove::Options::new().max_nodes(MAX_NODES).max_conflicts(MAX_CONFLICTS);
    options.accepts_all(&verified).is_ok_and(|proof| proof.holds())
}

/// Returns whether an instruction may divide by zero, which rejects the packet.
fn may_halt(instruction: Instruction) -> bool {
    matches!(instruction, Instruction::Alu { op: AluOp::Div | AluOp::Mod, operand: Operand::X })
}

/// Returns the keyword of a primitive that moves the headers of what follows.
pub(super) fn mover(node: &Node) -> Option<&'static str> {
    let Node::Primitive(primitive) = node else { return None };
    Some(match primitive {
        Primitive::Vlan(_) => "vlan",
        Primitive::Mpls(_) => "mpls",
        Primitive::PppoeSession(_) => "pppoes",
        Primitive::Geneve(_) => "geneve",
        Primitive::Vxlan(_) => "vxlan",
        Primitive::Batadv { packet: Some(_), .. } => "batadv",
        Primitive::Atm(AtmName::Lane) => "lane",
        _ => return None,
    })
}

/// `1 = 2`
fn never() -> Primitive {
    let number = |number| Arithmetic { steps: Box::new([Step::Number(number)]) };
    Primitive::Relation(Box::new((number(1), Relation::Equal, number(2))))
}
