//! Binary decision diagrams: functions of bits as graphs in which equal functions are one node.
//!
//! Variables are tested in the order of their numbers. An edge may be complemented; the edge for 1 never is, so that
//! functions have one form. Work is bounded by the number of nodes, which includes those of intermediate results, and by
//! the number of steps.
//!
//! Source: R. Bryant, "Graph-Based Algorithms for Boolean Function Manipulation" (1986); K. Brace, R. Rudell and
//! R. Bryant, "Efficient Implementation of a BDD Package" (1990).

use alloc::vec::Vec;

use crate::ir::hash_map::{self, HashIndex};
use crate::prove::circuit::{Bit, Circuit, Gate};

/// A function: a node, or its complement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Function(u32);

impl Function {
    pub(crate) const ZERO: Function = Function(0);
    pub(crate) const ONE: Function = Function(1);

    pub(crate) fn not(self) -> Function {
        Function(self.0 ^ 1)
    }

    fn inverted_if(self, is_inverted: bool) -> Function {
        Function(self.0 ^ u32::from(is_inverted))
    }

    fn node(self) -> usize {
        (self.0 >> 1) as usize
    }

    fn is_inverted(self) -> bool {
        self.0 & 1 == 1
    }

    fn is_constant(self) -> bool {
        self.node() == 0
    }
}

/// A test of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Node {
    variable: u32,
    /// The function if the variable is 0.
    low: Function,
    /// The function if the variable is 1, never complemented.
    high: Function,
}

/// The key of a selection: `if test then first else second`.
type Selection = [Function; 3];

/// A step of the computation of a selection.
enum Task {
    Compute(Selection),
    /// Makes a node of the two last results, for a selection that is complemented or not.
    Combine {
        variable: u32,
        selection: Selection,
        is_inverted: bool,
    },
}

/// The nodes of some functions.
#[derive(Debug)]
pub(crate) struct DecisionDiagram {
    nodes: Vec<Node>,
    places: HashIndex,
    max_nodes: usize,
    /// The number of steps that are left.
    steps: u64,
    /// Results of earlier selections; later ones take the places of those with the same hash.
    results: Vec<(Selection, Function)>,
}

/// The most steps for each node that a diagram may have: large diagrams may meet often without a new node.
const STEPS: u64 = 32;

/// The error that a diagram needs more nodes or steps than it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl DecisionDiagram {
    pub(crate) fn new(max_nodes: usize) -> DecisionDiagram {
        // Node 0 stands for the constants, which are tested last.
        let constant = Node { variable: u32::MAX, low: Function::ZERO, high: Function::ZERO };
        let results = vec![([Function::ZERO; 3], Function::ZERO); 1 << 12];
        let steps = STEPS.saturating_mul(max_nodes as u64);
        DecisionDiagram { nodes: vec![constant], places: HashIndex::default(), max_nodes, steps, results }
    }

    /// Returns the function of a bit of a circuit, whose inputs are the variables.
    pub(crate) fn function(&mut self, circuit: &Circuit, bit: Bit) -> Result<Function, TooLarge> {
        let cone = circuit.cone(bit);
        let mut functions = vec![Function::ZERO; bit.gate() + 1];
        for gate in cone {
            let of = |bit: Bit| functions[bit.gate()].inverted_if(bit.is_inverted());
            functions[gate] = match circuit.gate(gate) {
                Gate::Zero => Function::ZERO,
                Gate::Input(number) => self.node(number, Function::ZERO, Function::ONE)?,
                Gate::And(a, b) => self.select(of(a), of(b), Function::ZERO)?,
                Gate::Xor(a, b) => self.select(of(a), of(b).not(), of(b))?,
                Gate::Select(test, then, otherwise) => self.select(of(test), of(then), of(otherwise))?,
            };
        }
        Ok(functions[bit.gate()].inverted_if(bit.is_inverted()))
    }

    /// Returns values of variables for which a function is 1, as few of them 1 as a walk along one path finds; `None`
    /// for the constant 0. Other variables may have any value.
    pub(crate) fn solution(&self, function: Function) -> Option<Vec<(u32, bool)>> {
        let (mut function, mut values) = (function, Vec::new());
        while !function.is_constant() {
            let node = self.nodes[function.node()];
            let [low, high] = [node.low, node.high].map(|next| next.inverted_if(function.is_inverted()));
            let value = low == Function::ZERO;
            values.push((node.variable, value));
            function = if value { high } else { low };
        }
        (function == Function::ONE).then_some(values)
    }

    fn node(&mut self, variable: u32, low: Function, high: Function) -> Result<Function, TooLarge> {
        if low == high {
            return Ok(low);
        }
        let is_inverted = high.is_inverted();
        let node = Node { variable, low: low.inverted_if(is_inverted), high: high.inverted_if(is_inverted) };
        let hash = hash_map::hash(&node);
        let place = match self.places.find(hash, |place| self.nodes[place] == node) {
            Some(place) => place,
            None if self.nodes.len() >= self.max_nodes => return Err(TooLarge),
            None => {
                self.nodes.push(node);
                self.places.insert(hash, self.nodes.len() - 1);
                if self.nodes.len() > 2 * self.results.len() {
                    self.enlarge_results();
                }
                self.nodes.len() - 1
            }
        };
        Ok(Function((place as u32) << 1).inverted_if(is_inverted))
    }

    fn enlarge_results(&mut self) {
        let before = core::mem::take(&mut self.results);
        self.results = vec![([Function::ZERO; 3], Function::ZERO); 4 * before.len()];
        for (selection, result) in before {
            let slot = self.slot(selection);
            self.results[slot] = (selection, result);
        }
    }

    fn slot(&self, selection: Selection) -> usize {
        hash_map::hash(&selection) as usize & (self.results.len() - 1)
    }

    /// Returns `if test then first else second`.
    ///
    /// The stack is explicit: diagrams may have thousands of variables.
    fn select(&mut self, test: Function, first: Function, second: Function) -> Result<Function, TooLarge> {
        let mut tasks = vec![Task::Compute([test, first, second])];
        let mut results: Vec<Function> = Vec::new();
        while let Some(task) = tasks.pop() {
            self.steps = self.steps.checked_sub(1).ok_or(TooLarge)?;
            match task {
                Task::Compute(selection) => match normalized(selection) {
                    Ok(result) => results.push(result),
                    Err((selection, is_inverted)) => {
                        let (known, result) = self.results[self.slot(selection)];
                        if known == selection {
                            results.push(result.inverted_if(is_inverted));
                            continue;
                        }
                        let variable = selection.map(|function| self.nodes[function.node()].variable);
                        let variable = variable.into_iter().fold(u32::MAX, u32::min);
                        tasks.push(Task::Combine { variable, selection, is_inverted });
                        for value in [true, false] {
                            let cofactors = selection.map(|function| self.cofactor(function, variable, value));
                            tasks.push(Task::Compute(cofactors));
                        }
                    }
                },
                Task::Combine { variable, selection, is_inverted } => {
                    // The result for 0 was computed first.
                    let high = results.pop().unwrap_or(Function::ZERO);
                    let low = results.pop().unwrap_or(Function::ZERO);
                    let result = self.node(variable, low, high)?;
                    let slot = self.slot(selection);
                    self.results[slot] = (selection, result);
                    results.push(result.inverted_if(is_inverted));
                }
            }
        }
        Ok(results.pop().unwrap_or(Function::ZERO))
    }

    /// Returns the function with a variable set, which it tests first or not at all.
    fn cofactor(&self, function: Function, variable: u32, value: bool) -> Function {
        let node = self.nodes[function.node()];
        if node.variable != variable {
            return function;
        }
        let next = if value { node.high } else { node.low };
        next.inverted_if(function.is_inverted())
    }
}

/// Returns the result of a simple selection, or a form that equal selections have, and whether the result of that is to
/// be complemented.
fn normalized([test, first, second]: Selection) -> Result<Function, (Selection, bool)> {
    // What the test decides about the operands.
    let first = match first {
        _ if first == test => Function::ONE,
        _ if first == test.not() => Function::ZERO,
        _ => first,
    };
    let second = match second {
        _ if second == test => Function::ZERO,
        _ if second == test.not() => Function::ONE,
        _ => second,
    };
    match (test, first, second) {
        (Function::ONE, ..) => return Ok(first),
        (Function::ZERO, ..) => return Ok(second),
        (_, Function::ONE, Function::ZERO) => return Ok(test),
        (_, Function::ZERO, Function::ONE) => return Ok(test.not()),
        _ if first == second => return Ok(first),
        _ => {}
    }
    // Symmetric forms: conjunctions, disjunctions and exclusive disjunctions begin with the operand of the lower number.
    let (test, first, second) = match (first, second) {
        (Function::ONE, other) if other.0 < test.0 => (other, Function::ONE, test),
        (other, Function::ZERO) if other.0 < test.0 => (other, test, Function::ZERO),
        (Function::ZERO, other) if other.0 < test.0 => (other.not(), Function::ZERO, test.not()),
        (other, Function::ONE) if other.0 < test.0 => (other.not(), test.not(), Function::ONE),
        (first, second) if first == second.not() && second.node() < test.node() => (second, test.not(), test),
        _ => (test, first, second),
    };
    let (test, first, second) = if test.is_inverted() { (test.not(), second, first) } else { (test, first, second) };
    let is_inverted = first.is_inverted();
    Err(([test, first.inverted_if(is_inverted), second.inverted_if(is_inverted)], is_inverted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_circuits() {
        let mut circuit = Circuit::new(1 << 16);
        let mut bits: Vec<Bit> = (0..6).map(|_| circuit.input()).collect();
        let mut number = 1_u32;
        for _ in 0..400 {
            let mut pick = || {
                number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let bit = bits[(number >> 8) as usize % bits.len()];
                bit.inverted_if(number >> 30 & 1 == 1)
            };
            let [a, b, c] = [pick(), pick(), pick()];
            let made = [circuit.and(a, b), circuit.xor(b, c), circuit.select(a, b, c)];
            bits.push(made[bits.len() % 3]);
        }
        let mut diagram = DecisionDiagram::new(1 << 16);
        let tables: Vec<Vec<bool>> = (0..64).map(|row| circuit.evaluate(|input| row >> input & 1 == 1)).collect();
        let table = |bit: Bit| -> Vec<bool> { tables.iter().map(|row| row[bit.gate()] != bit.is_inverted()).collect() };
        let functions: Vec<Function> =
            bits.iter().map(|&bit| diagram.function(&circuit, bit).expect("small")).collect();
        for (index, &bit) in bits.iter().enumerate() {
            for other in index..bits.len() {
                assert_eq!(functions[index] == functions[other], table(bit) == table(bits[other]));
            }
            let solution = diagram.solution(functions[index]);
            assert_eq!(solution.is_some(), table(bit).contains(&true));
            if let Some(values) = solution {
                let row = values.iter().fold(0, |row, &(variable, value)| row | usize::from(value) << variable);
                assert!(table(bit)[row]);
            }
        }
    }

    #[test]
    fn stays_within_its_bound() {
        let mut circuit = Circuit::new(1 << 16);
        let words = [0, 1].map(|_| crate::prove::word::Word(core::array::from_fn(|_| circuit.input())));
        let product = circuit.alu(crate::bpf::isa::AluOp::Mul, words[0], words[1]);
        assert_eq!(DecisionDiagram::new(1 << 14).function(&circuit, product.0[15]), Err(TooLarge));
    }
}
