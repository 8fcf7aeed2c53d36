//! The graph as text, and as DOT for Graphviz.

use std::fmt::{self, Display};

use crate::graph::{Address, Block, ByteOrder, Check, Edge, End, Graph, Statement, Value, ValueId};
use crate::isa::{AluOp, Condition, Width};

impl Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, block) in self.blocks.iter().enumerate() {
            writeln!(f, "block{index}{}:", list(block.parameters.iter().map(|&value| self.name(value))))?;
            for line in self.lines(block) {
                writeln!(f, "    {line}")?;
            }
        }
        Ok(())
    }
}

impl Graph {
    /// The graph in the DOT language: `dot -Tsvg` draws it.
    pub fn dot(&self) -> String {
        let mut dot = "digraph program {\n    node [shape=box, fontname=monospace];\n".to_owned();
        for (index, block) in self.blocks.iter().enumerate() {
            let label: String = self.lines(block).map(|line| line + "\\l").collect();
            dot.push_str(&format!("    block{index} [label=\"block{index}:\\l{label}\"];\n"));
            for (edge, name) in edges(&block.end) {
                dot.push_str(&format!("    block{index} -> block{} [label=\"{name}\"];\n", edge.block.0));
            }
        }
        dot + "}\n"
    }

    fn lines(&self, block: &Block) -> impl Iterator<Item = String> {
        let end = self.end(&block.end);
        block.body.iter().map(|statement| self.statement(*statement)).chain(std::iter::once(end))
    }

    fn statement(&self, statement: Statement) -> String {
        match statement {
            Statement::Check(Check::InBounds(address, width)) => {
                let end = u64::from(address.offset) + u64::from(width.bytes());
                match address.base {
                    Some(base) => format!("check {} + {end} <= captured", self.name(base)),
                    None => format!("check {end} <= captured"),
                }
            }
            Statement::Check(Check::NonZero(value)) => format!("check {} != 0", self.name(value)),
            Statement::Check(Check::Present(extension, verdict)) => {
                format!("check {} is present, or return {}", extension.name(), self.name(verdict))
            }
            Statement::Define(id) => format!("{} = {}", self.name(id), self.definition(self.value(id))),
        }
    }

    fn definition(&self, value: Value) -> String {
        match value {
            Value::Constant(k) => format!("{k:#x}"),
            Value::Parameter => "parameter".to_owned(),
            Value::WireLen => "wire_len".to_owned(),
            Value::Load(address, width, order) => {
                let order = if order == ByteOrder::Native { ".native" } else { "" };
                format!("load.{}{order} {}", width_name(width), self.address(address))
            }
            Value::Ancillary(extension) => extension.name().to_owned(),
            Value::Random(count) => format!("rand {}", self.name(count)),
            Value::Alu(op, left, right) => format!("{} {} {}", self.name(left), operator(op), self.name(right)),
            Value::Negate(value) => format!("-{}", self.name(value)),
        }
    }

    fn address(&self, Address { base, offset }: Address) -> String {
        match base {
            Some(base) => format!("[{} + {offset}]", self.name(base)),
            None => format!("[{offset}]"),
        }
    }

    fn end(&self, end: &End) -> String {
        match end {
            End::Return(value) => format!("return {}", self.name(*value)),
            End::Jump(edge) => format!("jump {}", self.edge(edge)),
            End::Branch { condition, left, right, then, otherwise } => {
                let (left, right) = (self.name(*left), self.name(*right));
                let test = match condition {
                    Condition::BitsSet => format!("{left} & {right} != 0"),
                    Condition::BitsNotSet => format!("{left} & {right} == 0"),
                    _ => format!("{left} {} {right}", comparison(*condition)),
                };
                format!("if {test} then {} else {}", self.edge(then), self.edge(otherwise))
            }
        }
    }

    fn edge(&self, edge: &Edge) -> String {
        format!("block{}{}", edge.block.0, list(edge.arguments.iter().map(|&value| self.name(value))))
    }

    /// Constants by their value, others by their number.
    fn name(&self, id: ValueId) -> String {
        match self.constant(id) {
            Some(k) => format!("{k:#x}"),
            None => format!("v{}", id.0),
        }
    }
}

/// `(a, b)`, or nothing.
fn list(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() { String::new() } else { format!("({})", names.join(", ")) }
}

fn edges(end: &End) -> Vec<(&Edge, &'static str)> {
    match end {
        End::Return(_) => vec![],
        End::Jump(edge) => vec![(edge, "")],
        End::Branch { then, otherwise, .. } => vec![(then, "yes"), (otherwise, "no")],
    }
}

fn width_name(width: Width) -> &'static str {
    match width {
        Width::Byte => "byte",
        Width::Half => "half",
        Width::Word => "word",
    }
}

fn operator(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "+",
        AluOp::Sub => "-",
        AluOp::Mul => "*",
        AluOp::Div => "/",
        AluOp::Mod => "%",
        AluOp::And => "&",
        AluOp::Or => "|",
        AluOp::Xor => "^",
        AluOp::Lsh => "<<",
        AluOp::Rsh => ">>",
    }
}

fn comparison(condition: Condition) -> &'static str {
    match condition {
        Condition::Equal => "==",
        Condition::NotEqual => "!=",
        Condition::Greater => ">",
        Condition::LessOrEqual => "<=",
        Condition::GreaterOrEqual => ">=",
        Condition::Less => "<",
        Condition::BitsSet | Condition::BitsNotSet => "&",
    }
}
