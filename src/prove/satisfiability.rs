//! The satisfiability of circuits by clause learning (`clause_learning.rs`), for multiplication, division and the like,
//! whose decision diagrams are too large. Gates become clauses as in G. Tseitin, "On the Complexity of Derivation in
//! Propositional Calculus" (1968).

use alloc::vec::Vec;

use crate::prove::circuit::{Bit, Circuit, Gate};
use crate::prove::clause_learning::{Literal, Solver};

/// The answer of a solver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The values of the inputs of the circuit, of those that the bit depends on.
    Satisfiable(Vec<(u32, bool)>),
    Unsatisfiable,
    /// The bounds were reached.
    Unknown,
}

/// Returns an assignment of the inputs with which a bit is 1.
pub(crate) fn satisfy(circuit: &Circuit, bit: Bit, max_conflicts: u64) -> Answer {
    match bit.as_constant() {
        Some(true) => return Answer::Satisfiable(Vec::new()),
        Some(false) => return Answer::Unsatisfiable,
        None => {}
    }
    let cone = circuit.cone(bit);
    // Variables of the solver are gates of the cone, in order.
    let mut variables = vec![0; bit.gate() + 1];
    for (variable, &gate) in cone.iter().enumerate() {
        variables[gate] = variable as u32;
    }
    let mut solver = Solver::new(cone.len());
    let literal = |bit: Bit| 2 * variables[bit.gate()] + u32::from(bit.is_inverted());
    let mut is_possible = true;
    for &gate in &cone {
        let output = 2 * variables[gate];
        for clause in clauses(circuit.gate(gate), output, literal) {
            is_possible &= solver.add(clause);
        }
    }
    if !(is_possible && solver.add(vec![literal(bit)])) {
        return Answer::Unsatisfiable;
    }
    match solver.solve(max_conflicts) {
        Some(true) => {
            let inputs = cone.iter().filter_map(|&gate| match circuit.gate(gate) {
                Gate::Input(number) => Some((number, solver.is_true(2 * variables[gate]))),
                _ => None,
            });
            Answer::Satisfiable(inputs.collect())
        }
        Some(false) => Answer::Unsatisfiable,
        None => Answer::Unknown,
    }
}

/// Returns the clauses that define a gate.
fn clauses(gate: Gate, output: Literal, literal: impl Fn(Bit) -> Literal) -> Vec<Vec<Literal>> {
    let not = |literal: Literal| literal ^ 1;
    match gate {
        Gate::Zero => vec![vec![not(output)]],
        Gate::Input(_) => Vec::new(),
        Gate::And(a, b) => {
            let (a, b) = (literal(a), literal(b));
            vec![vec![not(output), a], vec![not(output), b], vec![output, not(a), not(b)]]
        }
        Gate::Xor(a, b) => {
            let (a, b) = (literal(a), literal(b));
            vec![
                vec![not(output), a, b],
                vec![not(output), not(a), not(b)],
                vec![output, not(a), b],
                vec![output, a, not(b)],
            ]
        }
        Gate::Select(test, then, otherwise) => {
            let (test, then, otherwise) = (literal(test), literal(then), literal(otherwise));
            vec![
                vec![not(output), not(test), then],
                vec![output, not(test), not(then)],
                vec![not(output), test, otherwise],
                vec![output, test, not(otherwise)],
                // These follow, and let equal operands decide the output.
                vec![not(output), then, otherwise],
                vec![output, not(then), not(otherwise)],
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::isa::{AluOp, Condition};
    use crate::prove::word::Word;

    fn inputs(circuit: &mut Circuit, bits: usize) -> Word {
        let mut word = Word::ZERO;
        word.0[..bits].iter_mut().for_each(|bit| *bit = circuit.input());
        word
    }

    /// Returns numbers of 8 bits whose product is this one.
    fn factors(product: u32) -> Option<(u32, u32)> {
        let mut circuit = Circuit::new(1 << 20);
        let (a, b) = (inputs(&mut circuit, 8), inputs(&mut circuit, 8));
        let made = circuit.alu(AluOp::Mul, a, b);
        let is_product = circuit.equal(made, Word::constant(product));
        let one = Word::constant(1);
        let [a, b] = [a, b].map(|factor| circuit.compare(Condition::Greater, factor, one));
        let bits = [is_product, a, b].into_iter().reduce(|all, bit| circuit.and(all, bit)).unwrap_or(Bit::ONE);
        match satisfy(&circuit, bits, 100_000) {
            Answer::Satisfiable(inputs) => {
                let number = inputs.iter().fold(0, |number, &(input, value)| number | u32::from(value) << input);
                Some((number & 0xff, number >> 8))
            }
            Answer::Unsatisfiable => None,
            Answer::Unknown => panic!("{product} is undecided"),
        }
    }

    #[test]
    fn factors_products_and_no_primes() {
        for product in [6, 77, 221, 15_251, 65_025] {
            let (a, b) = factors(product).expect("factors");
            assert!(a * b == product && a > 1 && b > 1, "{a} * {b}");
        }
        for prime in [7, 251, 15_259, 65_027] {
            assert_eq!(factors(prime), None);
        }
    }

    #[test]
    fn gives_up_at_the_bound() {
        let mut circuit = Circuit::new(1 << 20);
        let (a, b) = (inputs(&mut circuit, 32), inputs(&mut circuit, 32));
        let [left, right] = [(a, b), (b, a)].map(|(a, b)| {
            let sum = circuit.alu(AluOp::Add, a, b);
            circuit.alu(AluOp::Mul, sum, a)
        });
        let square = circuit.alu(AluOp::Mul, a, a);
        let product = circuit.alu(AluOp::Mul, a, b);
        let sum = circuit.alu(AluOp::Add, square, product);
        let is_equal = circuit.equal(left, sum);
        assert_eq!(satisfy(&circuit, is_equal.not(), 20), Answer::Unknown);
        let is_equal = circuit.equal(left, right);
        assert!(matches!(satisfy(&circuit, is_equal.not(), 20_000), Answer::Satisfiable(_)));
    }
}
