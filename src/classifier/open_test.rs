//! Tests against open constants, which programs of one shape differ in.
//!
//! To the passes and to symbolic execution, an open constant is an unknown number, so what they find holds for all
//! numbers. A path with open tests becomes the path of a program when its constants are known.

use crate::bpf::isa::{AluOp, Condition};
use crate::classifier::path::Path;
use crate::classifier::path::simplify;
use crate::classifier::path_joining;
use crate::ir::{KnownBits, Range, Value, ValueId, Values, complement, equal};

/// The outcome of a comparison of a value with an open constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OpenTest {
    pub(crate) value: ValueId,
    /// `Equal`, `Greater` or `GreaterOrEqual`.
    pub(crate) condition: Condition,
    /// The number of the open constant.
    pub(crate) open: usize,
    pub(crate) holds: bool,
}

/// A comparison with a number.
enum Outcome {
    Known(bool),
    /// The comparison holds if a value lies in a range.
    Range(ValueId, Range),
}

impl OpenTest {
    /// Adds the condition to a path, given the number; `false` if that is a contradiction.
    fn assume(&self, path: &mut Path, k: u32, values: &Values) -> bool {
        match outcome(values, self.condition, self.value, k) {
            Outcome::Known(outcome) => outcome == self.holds,
            Outcome::Range(value, range) if self.holds => path.require(value, &[range], values.known(value)),
            Outcome::Range(value, range) => path.require(value, &complement([range].into_iter()), values.known(value)),
        }
    }
}

/// Returns the outcome of a comparison in the form that [`Values::compare`] and
/// [`Graph::as_ranges`](crate::ir::Graph::as_ranges) give to comparisons with constants.
fn outcome(values: &Values, condition: Condition, value: ValueId, k: u32) -> Outcome {
    if let Some(outcome) = KnownBits::test(condition, values.known(value), KnownBits::constant(k)) {
        return Outcome::Known(outcome);
    }
    match (condition, values.value(value)) {
        (Condition::Greater, _) => Outcome::Range(value, (k + 1, u32::MAX)),
        (Condition::GreaterOrEqual, _) => Outcome::Range(value, (k, u32::MAX)),
        (_, Value::Alu(AluOp::Add, inner, addend)) if values.is_constant(addend) => {
            let addend = values.as_constant(addend).unwrap_or_default();
            outcome(values, Condition::Equal, inner, k.wrapping_sub(addend))
        }
        (_, Value::Alu(AluOp::And, inner, mask)) if k == 0 && values.is_constant(mask) => {
            let mask = values.as_constant(mask).unwrap_or_default();
            let lowest = 1 << mask.trailing_zeros();
            let is_prefix = values.known(inner).max & !mask < lowest;
            if is_prefix { Outcome::Range(inner, (0, lowest - 1)) } else { Outcome::Range(value, (0, 0)) }
        }
        _ => {
            let (value, range) = equal(values, value, k);
            Outcome::Range(value, range)
        }
    }
}

/// Returns the paths of a program, given those of its shape and its numbers for the open constants.
pub(crate) fn with_constants(paths: &[Path], constants: &[u32], values: &Values) -> Vec<Path> {
    let mut of_program = Vec::with_capacity(paths.len());
    for path in paths {
        let mut literals = Vec::with_capacity(path.literals.len() + path.open.len());
        literals.extend(path.literals.iter().cloned());
        let mut of_path = Path { literals, open: Vec::new(), checks: path.checks.clone(), ..*path };
        if path.open.iter().all(|test| test.assume(&mut of_path, constants[test.open], values)) {
            of_program.push(of_path);
        }
    }
    if of_program.len() > 1 {
        // Tests of one value against several open constants are not yet one test for membership.
        path_joining::unite(&mut of_program, values, |_| true);
        simplify(&mut of_program);
    }
    of_program
}
