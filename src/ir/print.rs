//! The graph as text, and as DOT for Graphviz.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Display};

use crate::bpf::isa::{Condition, Width};
use crate::ir::{
    Address, BlockId, ByteOrder, Check, Edge, Graph, MemberSet, Schedule, Step, Terminator, Test, Value, ValueId,
};

impl Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schedule = Schedule::of(self);
        for (index, block) in self.blocks.iter().enumerate() {
            let parameters = list(block.parameters.iter().map(|&value| self.name(value)));
            writeln!(f, "block{index}{parameters}{}:", if block.is_cold { " cold" } else { "" })?;
            for line in self.lines(&schedule, BlockId::new(index)) {
                writeln!(f, "    {line}")?;
            }
        }
        Ok(())
    }
}

impl Graph {
    /// Returns the graph in the DOT language; `dot -Tsvg` draws it.
    pub fn dot(&self) -> String {
        let mut dot = "digraph program {\n    node [shape=box, fontname=monospace];\n".to_owned();
        let schedule = Schedule::of(self);
        for (index, block) in self.blocks.iter().enumerate() {
            let label: String = self.lines(&schedule, BlockId::new(index)).map(|line| line + "\\l").collect();
            dot.push_str(&format!("    block{index} [label=\"block{index}:\\l{label}\"];\n"));
            for (edge, name) in block.terminator.edges().zip(names(&block.terminator)) {
                dot.push_str(&format!("    block{index} -> block{} [label=\"{name}\"];\n", edge.block.0));
            }
        }
        dot + "}\n"
    }

    fn lines<'a>(&'a self, schedule: &'a Schedule, id: BlockId) -> impl Iterator<Item = String> + 'a {
        let steps = schedule.steps(id).iter().map(|step| self.step(*step));
        steps.chain(core::iter::once(self.terminator(&self.block(id).terminator)))
    }

    fn step(&self, step: Step) -> String {
        match step {
            Step::Check(Check::InBounds(address, width)) => format!("check {}", self.in_bounds(address, width)),
            Step::Check(Check::NonZero(value)) => format!("check {} != 0", self.name(value)),
            Step::Check(Check::Present(extension, verdict)) => {
                format!("check {} is present, or return {}", extension.name(), self.name(verdict))
            }
            Step::Define(id) => format!("{} = {}", self.name(id), self.definition(self.value(id))),
        }
    }

    fn definition(&self, value: Value) -> String {
        match value {
            Value::Constant(k) => format!("{k:#x}"),
            Value::Parameter(_) => "parameter".to_owned(),
            Value::Open(open) => format!("{open:?}"),
            Value::WireLen => "wire_len".to_owned(),
            Value::Load(address, width, order) => {
                let order = if order == ByteOrder::Native { ".native" } else { "" };
                format!("load.{}{order} {}", width_name(width), self.address(address))
            }
            Value::Ancillary(extension) => extension.name().to_owned(),
            Value::FindAttribute(extension, start, wanted) => {
                format!("{} {} from {}", extension.name(), self.name(wanted), self.name(start))
            }
            Value::ResolvedOffset(offset) => format!("resolve {}", self.name(offset)),
            Value::Random(count) => format!("rand {}", self.name(count)),
            Value::Alu(op, left, right) => format!("{} {} {}", self.name(left), op.symbol(), self.name(right)),
            Value::Negate(value) => format!("-{}", self.name(value)),
            Value::Select(test, yes, no) => {
                format!("if {} then {} else {}", self.test(test), self.name(yes), self.name(no))
            }
        }
    }

    fn in_bounds(&self, address: Address, width: Width) -> String {
        let end = address.end(width);
        match address.base {
            Some(base) => format!("{} + {end} <= captured", self.name(base)),
            None => format!("{end} <= captured"),
        }
    }

    fn address(&self, Address { base, offset }: Address) -> String {
        match base {
            Some(base) => format!("[{} + {offset}]", self.name(base)),
            None => format!("[{offset}]"),
        }
    }

    fn terminator(&self, terminator: &Terminator) -> String {
        match terminator {
            Terminator::Return(value) => format!("return {}", self.name(*value)),
            Terminator::Jump(edge) => format!("jump {}", self.edge(edge)),
            Terminator::Branch { test, then, otherwise } => {
                format!("if {} then {} else {}", self.test(*test), self.edge(then), self.edge(otherwise))
            }
        }
    }

    fn test(&self, test: Test) -> String {
        match test {
            Test::Compare(condition, left, right) => {
                let (left, right) = (self.name(left), self.name(right));
                match condition {
                    Condition::BitsSet => format!("{left} & {right} != 0"),
                    Condition::BitsNotSet => format!("{left} & {right} == 0"),
                    _ => format!("{left} {} {right}", condition.symbol()),
                }
            }
            Test::Member(value, set) => format!("{} in {}", self.name(value), self.sets.get(set)),
            Test::InBounds(address, width) => self.in_bounds(address, width),
        }
    }

    fn edge(&self, edge: &Edge) -> String {
        format!("block{}{}", edge.block.0, list(edge.arguments.iter().map(|&value| self.name(value))))
    }

    /// Returns a constant, or the number of another value.
    fn name(&self, id: ValueId) -> String {
        match self.constant(id) {
            Some(k) => format!("{k:#x}"),
            None => format!("v{}", id.0),
        }
    }
}

/// Returns `(a, b)`, or nothing.
fn list(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() { String::new() } else { format!("({})", names.join(", ")) }
}

/// Returns the names of the edges out of a block.
fn names(terminator: &Terminator) -> &'static [&'static str] {
    match terminator {
        Terminator::Branch { .. } => &["yes", "no"],
        Terminator::Return(_) | Terminator::Jump(_) => &[""],
    }
}

fn width_name(width: Width) -> &'static str {
    match width {
        Width::Byte => "byte",
        Width::Half => "half",
        Width::Word => "word",
    }
}

impl Display for MemberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MemberSet::Range(first, last) => write!(f, "{first:#x}..={last:#x}"),
            MemberSet::Few(members) => write!(f, "{{{}}}", hex(members)),
            MemberSet::Register(first, bits) => write!(f, "{first:#x} + bits {bits:#x}"),
            MemberSet::Bytes(bytes) => write!(f, "a table of {} bytes", bytes.len()),
            MemberSet::Bitmap(first, bytes) => write!(f, "{first:#x} + bitmap of {} bytes", bytes.len()),
            MemberSet::Table(table) => write!(f, "a table of {} slots", table.slots.len()),
        }
    }
}

fn hex(numbers: &[u32]) -> String {
    numbers.iter().map(|number| format!("{number:#x}")).collect::<Vec<String>>().join(", ")
}
