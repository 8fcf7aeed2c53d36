//! What is sure to be loaded later.
//!
//! A load checks its own bounds. So a check is not needed at a point from which every path either gives verdict 0, or
//! makes a load that would fail, too, before anything else can be observed.

use crate::bpf::isa::{AluOp, Width};
use crate::ir::{Address, Block, Check, Edge, End, Graph, Value, ValueId};
use crate::opt::bounds_check_elimination::Bytes;

/// How many divisors are followed at a time.
const DIVISORS: usize = 8;

/// What is loaded, and divided by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uses {
    bytes: Bytes,
    divisors: Vec<ValueId>,
}

impl Uses {
    /// Whether what these uses do makes a check superfluous.
    pub(crate) fn cover(&self, check: Check) -> bool {
        match check {
            Check::InBounds(address, width) => self.bytes.get(address.base) >= address.end(width),
            Check::NonZero(divisor) => self.divisors.contains(&divisor),
            Check::Present(..) => false,
        }
    }

    fn load(&mut self, address: Address, width: Width) {
        self.bytes.raise(address.base, address.end(width));
    }

    fn divide(&mut self, divisor: ValueId) {
        if !self.divisors.contains(&divisor) && self.divisors.len() < DIVISORS {
            self.divisors.push(divisor);
        }
    }

    fn join(&mut self, other: &Uses) {
        self.bytes.join(&other.bytes);
        other.divisors.iter().for_each(|&divisor| self.divide(divisor));
    }

    fn meet(&mut self, other: &Uses) {
        self.bytes.meet(&other.bytes);
        self.divisors.retain(|divisor| other.divisors.contains(divisor));
    }
}

/// What is sure to be used from each point on; `None` where the verdict is 0 in any case.
#[derive(Debug)]
pub(crate) struct Ahead {
    of_values: Vec<Uses>,
    starts: Vec<Option<Uses>>,
}

impl Ahead {
    pub(crate) fn of(graph: &Graph) -> Ahead {
        let mut ahead = Ahead { of_values: of_values(graph), starts: vec![None; graph.blocks.len()] };
        for (index, block) in graph.blocks.iter().enumerate().rev() {
            ahead.starts[index] = ahead.points(graph, block).swap_remove(0);
        }
        ahead
    }

    /// What is used from before each check of a block on, in order, and from behind the last.
    pub(crate) fn points(&self, graph: &Graph, block: &Block) -> Vec<Option<Uses>> {
        let mut uses = self.end(graph, &block.end);
        let mut points = vec![uses.clone()];
        for &check in block.checks.iter().rev() {
            if let Check::Present(_, verdict) = check
                && graph.constant(verdict) != Some(0)
            {
                // Its verdict is computed only if it is not known by then that there is a device.
                uses = Some(Uses::default());
            }
            points.push(uses.clone());
        }
        points.reverse();
        points
    }

    fn end(&self, graph: &Graph, end: &End) -> Option<Uses> {
        match end {
            End::Return(verdict) if graph.constant(*verdict) == Some(0) => None,
            End::Return(verdict) => Some(self.of_values[verdict.index()].clone()),
            End::Jump(edge) => self.edge(edge),
            End::Branch { test, then, otherwise } => {
                let mut uses = match (self.edge(then), self.edge(otherwise)) {
                    (Some(mut uses), Some(other)) => {
                        uses.meet(&other);
                        uses
                    }
                    (uses, other) => uses.or(other)?,
                };
                test.values().for_each(|value| uses.join(&self.of_values[value.index()]));
                Some(uses)
            }
        }
    }

    fn edge(&self, edge: &Edge) -> Option<Uses> {
        let mut uses = self.starts[edge.block.index()].clone()?;
        edge.arguments.iter().for_each(|argument| uses.join(&self.of_values[argument.index()]));
        Some(uses)
    }
}

/// What it takes to compute each value.
fn of_values(graph: &Graph) -> Vec<Uses> {
    let mut all: Vec<Uses> = Vec::with_capacity(graph.values.len());
    for value in graph.values.iter() {
        let mut uses = Uses::default();
        match value {
            Value::Load(address, width, _) => {
                if let Some(base) = address.base {
                    uses = all[base.index()].clone();
                }
                uses.load(address, width);
            }
            Value::Find(_, left, right) => {
                uses = all[left.index()].clone();
                uses.join(&all[right.index()]);
            }
            Value::Alu(op, left, right) => {
                uses = all[left.index()].clone();
                uses.join(&all[right.index()]);
                if matches!(op, AluOp::Div | AluOp::Mod) && graph.values.known(right).min == 0 {
                    uses.divide(right);
                }
            }
            Value::Negate(operand) | Value::Position(operand) => uses = all[operand.index()].clone(),
            Value::Constant(_) | Value::Parameter(_) | Value::WireLen | Value::Ancillary(_) | Value::Random(_) => {}
            // Only the passes for native code make selections.
            Value::Select(..) => {}
        }
        all.push(uses);
    }
    all
}
