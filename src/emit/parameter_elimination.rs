//! Parameter elimination: block parameters that nothing reads, or that always equal another value, are removed.

use alloc::vec::Vec;

use crate::ir::hash_map::HashMap;
use crate::ir::test::Comparison;
use crate::ir::{Address, Block, Check, Edge, Graph, Terminator, Test, Value, ValueId, Values};

/// Removes such parameters. Returns whether there were any.
pub(crate) fn run(graph: &mut Graph) -> bool {
    let replacements = replacements(graph);
    let has_dropped = drop_unread(graph, &replacements);
    if !replacements.is_empty() {
        replace(graph, &replacements);
    }
    let has_changed = has_dropped || !replacements.is_empty();
    if has_changed {
        graph.simplify_cfg();
    }
    has_changed
}

type Replacements = HashMap<ValueId, ValueId>;

/// Finds the parameters for which every edge passes the same value, or the same as for another parameter of the block.
fn replacements(graph: &Graph) -> Replacements {
    let mut incoming: Vec<Vec<&Edge>> = vec![Vec::new(); graph.blocks.len()];
    for edge in graph.blocks.iter().flat_map(|block| block.terminator.edges()) {
        incoming[edge.block.index()].push(edge);
    }
    let mut replacements = Replacements::default();
    for (block, edges) in graph.blocks.iter().zip(&incoming) {
        let mut known: HashMap<Vec<ValueId>, ValueId> = HashMap::default();
        for (place, &parameter) in block.parameters.iter().enumerate() {
            let argument_of = |edge: &&Edge| {
                let argument = edge.arguments[place];
                replacements.get(&argument).copied().unwrap_or(argument)
            };
            let arguments: Vec<ValueId> = edges.iter().map(argument_of).collect();
            let is_rewritten_before = |value: ValueId| value < parameter || graph.constant(value).is_some();
            match arguments.first() {
                Some(&first) if arguments.iter().all(|&other| other == first) && is_rewritten_before(first) => {
                    replacements.insert(parameter, first);
                }
                _ => {
                    let first = *known.get_or_insert(arguments, parameter);
                    if first != parameter {
                        replacements.insert(parameter, first);
                    }
                }
            }
        }
    }
    replacements
}

/// Drops the parameters that nothing depends on, and those that are replaced.
fn drop_unread(graph: &mut Graph, replacements: &Replacements) -> bool {
    let is_read = read_values(graph, replacements);
    let is_kept = |parameter: &ValueId| is_read[parameter.index()] && !replacements.contains_key(parameter);
    let kept: Vec<Vec<bool>> =
        graph.blocks.iter().map(|block| block.parameters.iter().map(is_kept).collect()).collect();
    if kept.iter().flatten().all(|&is_kept| is_kept) {
        return false;
    }
    let retain = |list: &mut Vec<ValueId>, kept: &[bool]| {
        let mut kept = kept.iter();
        list.retain(|_| kept.next() == Some(&true));
    };
    for (block, kept_here) in graph.blocks.iter_mut().zip(&kept) {
        retain(&mut block.parameters, kept_here);
        block.terminator.edges_mut().for_each(|edge| retain(&mut edge.arguments, &kept[edge.block.index()]));
    }
    true
}

/// Finds the values that something observable depends on, in one pass backward.
fn read_values(graph: &Graph, replacements: &Replacements) -> Vec<bool> {
    let mut is_read = vec![false; graph.values.len()];
    let mut open = Vec::new();
    for block in graph.blocks.iter().rev() {
        match &block.terminator {
            Terminator::Return(verdict) => open.push(*verdict),
            Terminator::Branch { test, .. } => open.extend(test.values()),
            Terminator::Jump(_) => {}
        }
        open.extend(block.checks.iter().flat_map(|check| check.values()));
        for edge in block.terminator.edges() {
            let parameters = &graph.block(edge.block).parameters;
            let read = parameters.iter().zip(&edge.arguments).filter(|(parameter, _)| is_read[parameter.index()]);
            open.extend(read.map(|(_, &argument)| argument));
        }
        while let Some(id) = open.pop() {
            if !core::mem::replace(&mut is_read[id.index()], true) {
                open.extend(graph.values.operands(id));
                open.extend(replacements.get(&id));
            }
        }
    }
    is_read
}

/// Rewrites the graph with other values for some parameters. Operands have smaller numbers than the values that use
/// them.
fn replace(graph: &mut Graph, replacements: &Replacements) {
    let old = core::mem::take(&mut graph.values);
    let mut rewriter = ValueRewriter { values: Values::default(), ids: Vec::with_capacity(old.len()) };
    for id in old.ids() {
        let rewritten = match replacements.get(&id) {
            Some(&other) => match old.as_constant(other) {
                Some(k) => rewriter.values.constant(k),
                None => rewriter.id(other),
            },
            None => rewriter.value(&old, id),
        };
        rewriter.ids.push(rewritten);
    }
    graph.blocks.iter_mut().for_each(|block| rewriter.block(block));
    graph.values = rewriter.values;
}

/// Builds the values of a graph anew.
struct ValueRewriter {
    values: Values,
    /// The new value for each of the old ones.
    ids: Vec<ValueId>,
}

impl ValueRewriter {
    fn id(&self, id: ValueId) -> ValueId {
        self.ids[id.index()]
    }

    /// Rewrites an address; `None` if nothing can be there.
    fn address(&self, address: Address) -> Option<Address> {
        match address.base {
            Some(base) => self.values.address(self.id(base), address.offset),
            None => Some(address),
        }
    }

    fn value(&mut self, old: &Values, id: ValueId) -> ValueId {
        match old.value(id) {
            Value::Load(address, width, order) => match self.address(address) {
                Some(address) => self.values.load(address, width, order),
                // The check before its use fails.
                None => self.values.constant(0),
            },
            Value::Alu(op, left, right) => self.values.alu(op, self.id(left), self.id(right)),
            Value::Negate(operand) => self.values.negate(self.id(operand)),
            Value::Random(count) => self.values.add(Value::Random(self.id(count))),
            Value::FindAttribute(extension, start, wanted) => {
                self.values.add(Value::FindAttribute(extension, self.id(start), self.id(wanted)))
            }
            Value::ResolvedOffset(offset) => self.values.resolved_offset(self.id(offset)),
            Value::Select(test, yes, no) => match self.test(test) {
                Comparison::Constant(holds) => self.id(if holds { yes } else { no }),
                Comparison::Test(test, true) => self.values.select(test, self.id(yes), self.id(no)),
                Comparison::Test(test, false) => self.values.select(test, self.id(no), self.id(yes)),
            },
            Value::Parameter(_) => self.values.parameter(old.known(id)),
            value @ (Value::Constant(_) | Value::Open(_) | Value::WireLen | Value::Ancillary(_)) => {
                self.values.add(value)
            }
        }
    }

    fn test(&mut self, test: Test) -> Comparison {
        match test {
            Test::Compare(condition, left, right) => self.values.compare(condition, self.id(left), self.id(right)),
            Test::Member(value, set) => Comparison::Test(Test::Member(self.id(value), set), true),
            Test::InBounds(address, width) => match self.address(address) {
                Some(address) => Comparison::Test(Test::InBounds(address, width), true),
                None => Comparison::Constant(false),
            },
        }
    }

    fn check(&self, check: Check) -> Option<Check> {
        Some(match check {
            Check::InBounds(address, width) => Check::InBounds(self.address(address)?, width),
            Check::NonZero(divisor) => Check::NonZero(self.id(divisor)),
            Check::Present(extension, verdict) => Check::Present(extension, self.id(verdict)),
        })
    }

    fn block(&mut self, block: &mut Block) {
        block.parameters.iter_mut().for_each(|parameter| *parameter = self.id(*parameter));
        let checks: Vec<Check> = block.checks.iter().map_while(|&check| self.check(check)).collect();
        let has_impossible_check = checks.len() < block.checks.len();
        block.checks = checks;
        block.terminator = match &block.terminator {
            _ if has_impossible_check => Terminator::Return(self.values.constant(0)),
            Terminator::Return(verdict) => Terminator::Return(self.id(*verdict)),
            Terminator::Jump(edge) => Terminator::Jump(self.edge(edge)),
            Terminator::Branch { test, then, otherwise } => {
                self.test(*test).branch(self.edge(then), self.edge(otherwise))
            }
        };
    }

    fn edge(&self, edge: &Edge) -> Edge {
        Edge { block: edge.block, arguments: edge.arguments.iter().map(|&argument| self.id(argument)).collect() }
    }
}
