//! Parameters that are not needed: those that nobody reads, and those that are always another value.

use std::collections::HashMap;

use crate::ir::Hashing;
use crate::ir::{Address, Block, Check, Edge, End, Graph, Test, Value, ValueId, Values};

/// Removes parameters; whether there were any to remove.
pub(crate) fn run(graph: &mut Graph) -> bool {
    let instead = replaced(graph);
    let dropped = drop_unread(graph, &instead);
    if !instead.is_empty() {
        replace(graph, &instead);
    }
    if dropped || !instead.is_empty() {
        graph.tidy();
        return true;
    }
    false
}

type Instead = HashMap<ValueId, ValueId, Hashing>;

/// The parameters that every edge brings the same value for, or the same as for another parameter of the block.
fn replaced(graph: &Graph) -> Instead {
    let mut incoming: Vec<Vec<&Edge>> = vec![Vec::new(); graph.blocks.len()];
    for edge in graph.blocks.iter().flat_map(|block| block.end.edges()) {
        incoming[edge.block.index()].push(edge);
    }
    let mut instead = Instead::default();
    for (block, edges) in graph.blocks.iter().zip(&incoming) {
        let mut known: HashMap<Vec<ValueId>, ValueId, Hashing> = HashMap::default();
        for (place, &parameter) in block.parameters.iter().enumerate() {
            let of_edge = |edge: &&Edge| {
                let argument = edge.arguments[place];
                instead.get(&argument).copied().unwrap_or(argument)
            };
            let arguments: Vec<ValueId> = edges.iter().map(of_edge).collect();
            let first = arguments[0];
            let is_built_before = first < parameter || graph.constant(first).is_some();
            if arguments.iter().all(|&argument| argument == first) && is_built_before {
                instead.insert(parameter, first);
            } else if let Some(&other) = known.get(&arguments) {
                instead.insert(parameter, other);
            } else {
                known.insert(arguments, parameter);
            }
        }
    }
    instead
}

/// Drops the parameters that nothing depends on, and those that are replaced.
fn drop_unread(graph: &mut Graph, instead: &Instead) -> bool {
    let is_read = read_values(graph, instead);
    let keep: Vec<Vec<bool>> = graph
        .blocks
        .iter()
        .map(|block| block.parameters.iter().map(|p| is_read[p.index()] && !instead.contains_key(p)).collect())
        .collect();
    if keep.iter().flatten().all(|&keep| keep) {
        return false;
    }
    let retain = |list: &mut Vec<ValueId>, keep: &[bool]| {
        let mut keep = keep.iter();
        list.retain(|_| keep.next().copied().unwrap_or(true));
    };
    for (block, keep_here) in graph.blocks.iter_mut().zip(&keep) {
        retain(&mut block.parameters, keep_here);
        block.end.edges_mut().for_each(|edge| retain(&mut edge.arguments, &keep[edge.block.index()]));
    }
    true
}

/// The values that something observable depends on; edges lead to later blocks, so one pass backward finds them.
fn read_values(graph: &Graph, instead: &Instead) -> Vec<bool> {
    let mut is_read = vec![false; graph.values.len()];
    let mut open = Vec::new();
    for block in graph.blocks.iter().rev() {
        match &block.end {
            End::Return(verdict) => open.push(*verdict),
            End::Branch { test, .. } => open.extend(test.values()),
            End::Jump(_) => {}
        }
        open.extend(block.checks.iter().flat_map(|check| check.values()));
        for edge in block.end.edges() {
            let parameters = &graph.block(edge.block).parameters;
            let read = parameters.iter().zip(&edge.arguments).filter(|(parameter, _)| is_read[parameter.index()]);
            open.extend(read.map(|(_, &argument)| argument));
        }
        while let Some(id) = open.pop() {
            if !std::mem::replace(&mut is_read[id.index()], true) {
                open.extend(graph.values.operands(id));
                open.extend(instead.get(&id));
            }
        }
    }
    is_read
}

/// Builds the graph anew with other values for some parameters; operands have smaller numbers than what is made of them.
fn replace(graph: &mut Graph, instead: &Instead) {
    let old = std::mem::take(&mut graph.values);
    let mut rebuilt = Rebuilt { values: Values::default(), ids: Vec::with_capacity(old.len()) };
    for (index, value) in old.iter().enumerate() {
        let id = match instead.get(&ValueId(index as u32)) {
            Some(&other) => match old.as_constant(other) {
                Some(k) => rebuilt.values.constant(k),
                None => rebuilt.ids[other.index()],
            },
            None if matches!(value, Value::Parameter(_)) => rebuilt.values.parameter(old.known(ValueId(index as u32))),
            None => rebuilt.value(value),
        };
        rebuilt.ids.push(id);
    }
    for block in &mut graph.blocks {
        *block = rebuilt.block(block);
    }
    graph.values = rebuilt.values;
}

struct Rebuilt {
    values: Values,
    /// What each of the old values is now.
    ids: Vec<ValueId>,
}

impl Rebuilt {
    fn id(&self, id: ValueId) -> ValueId {
        self.ids[id.index()]
    }

    fn address(&self, address: Address) -> Option<Address> {
        match address.base {
            Some(base) => self.values.address(self.id(base), address.offset),
            None => Some(address),
        }
    }

    fn value(&mut self, value: Value) -> ValueId {
        match value {
            Value::Load(address, width, order) => match self.address(address) {
                Some(address) => self.values.load(address, width, order),
                // The check before its use fails.
                None => self.values.constant(0),
            },
            Value::Alu(op, left, right) => self.values.alu(op, self.id(left), self.id(right)),
            Value::Negate(operand) => self.values.negate(self.id(operand)),
            Value::Random(count) => self.values.add(Value::Random(self.id(count))),
            Value::Find(extension, start, wanted) => {
                self.values.add(Value::Find(extension, self.id(start), self.id(wanted)))
            }
            Value::Position(offset) => self.values.position(self.id(offset)),
            Value::Constant(_) | Value::WireLen | Value::Ancillary(_) => self.values.add(value),
            Value::Parameter(_) => unreachable!("parameters stay what they are"),
            Value::Select(..) => unreachable!("only the passes for native code make selections"),
        }
    }

    fn block(&mut self, block: &Block) -> Block {
        let parameters = block.parameters.iter().map(|&parameter| self.id(parameter)).collect();
        let mut checks = Vec::with_capacity(block.checks.len());
        for &check in &block.checks {
            checks.push(match check {
                Check::InBounds(address, width) => match self.address(address) {
                    Some(address) => Check::InBounds(address, width),
                    None => {
                        let end = End::Return(self.values.constant(0));
                        return Block { parameters, checks, end, is_cold: block.is_cold };
                    }
                },
                Check::NonZero(divisor) => Check::NonZero(self.id(divisor)),
                Check::Present(extension, verdict) => Check::Present(extension, self.id(verdict)),
            });
        }
        Block { parameters, checks, end: self.end(&block.end), is_cold: block.is_cold }
    }

    fn end(&mut self, end: &End) -> End {
        match end {
            End::Return(verdict) => End::Return(self.id(*verdict)),
            End::Jump(edge) => End::Jump(self.edge(edge)),
            End::Branch { test, then, otherwise } => {
                let (then, otherwise) = (self.edge(then), self.edge(otherwise));
                match *test {
                    Test::Compare(condition, left, right) => {
                        self.values.compare(condition, self.id(left), self.id(right)).branch(then, otherwise)
                    }
                    Test::Member(..) | Test::InBounds(..) => End::Branch { test: *test, then, otherwise },
                }
            }
        }
    }

    fn edge(&self, edge: &Edge) -> Edge {
        Edge { block: edge.block, arguments: edge.arguments.iter().map(|&argument| self.id(argument)).collect() }
    }
}
