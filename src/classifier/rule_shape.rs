//! Shapes: programs that are equal but for constants of their tests, as most rules of a large set are.
//!
//! The constants in which programs of a shape differ are open. One symbolic execution with open constants then gives
//! the paths of all of them ([`open_test`](crate::classifier::open_test)). Constants that are equal in every program of
//! the shape are one open constant, or none if all programs have the same number there.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::Operand;
use crate::bpf::isa::Condition;
use crate::bpf::verify::{Step, Verified};
use crate::ir::Hashing;

/// The fewest programs for which a shape is worth an execution of its own.
const MIN_PROGRAMS: usize = 4;

/// The most open constants of a shape. Programs with more, such as lists, are executed one by one.
pub(crate) const MAX_OPEN: usize = 16;

/// The shapes of some programs.
pub(crate) struct Shapes {
    /// The number of the shape of each program.
    pub(crate) of: Vec<u32>,
    pub(crate) list: Vec<Shape>,
}

/// What programs of one shape have in common.
pub(crate) struct Shape {
    pub(crate) count: usize,
    /// The constants of the first program, in the order of its tests.
    first: Vec<u32>,
    /// For each of them, the first one that is equal in all programs.
    class: Vec<usize>,
    /// For the first constant of each class, `true` if programs differ in it.
    is_open: Vec<bool>,
}

impl Shapes {
    /// Groups programs by their shapes, which are numbered in the order of their first programs.
    pub(crate) fn of(programs: &[Verified]) -> Shapes {
        let mut numbers: HashMap<Outline, u32, Hashing> = HashMap::default();
        let mut list: Vec<Shape> = Vec::new();
        let mut buffer = Vec::new();
        let of = programs.iter().map(|program| {
            buffer.clear();
            buffer.extend(constants(program).map(|(_, k)| k));
            let number = *numbers.entry(Outline(program.dialect(), program.steps())).or_insert(list.len() as u32);
            match list.get_mut(number as usize) {
                Some(shape) => shape.add(&buffer),
                None => list.push(Shape::new(&buffer)),
            }
            number
        });
        Shapes { of: of.collect(), list }
    }
}

impl Shape {
    fn new(constants: &[u32]) -> Shape {
        let class = constants.iter().map(|k| constants.iter().position(|other| other == k).unwrap_or(0));
        Shape { count: 1, class: class.collect(), is_open: vec![false; constants.len()], first: constants.to_vec() }
    }

    /// Adds the constants of another program.
    fn add(&mut self, constants: &[u32]) {
        self.count += 1;
        for place in 0..constants.len() {
            let class = self.class[place];
            if constants[class] != constants[place] {
                for other in place..constants.len() {
                    let is_alike = self.class[other] == class && constants[other] == constants[place];
                    self.class[other] = if is_alike { place } else { self.class[other] };
                }
            }
            if self.class[place] == place {
                // A class that was split off is open if the other one is.
                self.is_open[place] |= self.is_open[class] || constants[place] != self.first[place];
            }
        }
    }

    /// Returns the number of the open constant at the place of each constant, and the first place of each open
    /// constant; `None` if the shape is not worth an execution.
    pub(crate) fn open(&self) -> Option<(Vec<Option<usize>>, Vec<usize>)> {
        let places: Vec<usize> =
            (0..self.first.len()).filter(|&place| self.class[place] == place && self.is_open[place]).collect();
        if self.count < MIN_PROGRAMS || places.len() > MAX_OPEN {
            return None;
        }
        let numbers = self.class.iter().map(|class| places.binary_search(class).ok());
        Some((numbers.collect(), places))
    }
}

/// Returns the constants of a program that are left out of its shape, each with the number of its step.
pub(crate) fn constants(program: &Verified) -> impl Iterator<Item = (usize, u32)> {
    program.steps().iter().enumerate().filter_map(|(pc, step)| Some((pc, constant(step)?)))
}

/// Returns the constant of a comparison. Bits that are tested are part of the shape, since they make values.
fn constant(step: &Step) -> Option<u32> {
    match *step {
        Step::Branch { condition, operand: Operand::Constant(k), .. } if condition != Condition::BitsSet => Some(k),
        _ => None,
    }
}

/// The steps of a program, which compares equal to others of the same shape.
struct Outline<'p>(Dialect, &'p [Step]);

/// Returns a step with 0 in place of the constant of a comparison.
fn outlined(step: &Step) -> Step {
    match *step {
        Step::Branch { condition, then, otherwise, .. } if constant(step).is_some() => {
            Step::Branch { condition, operand: Operand::Constant(0), then, otherwise }
        }
        _ => *step,
    }
}

impl PartialEq for Outline<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 && self.1.iter().map(outlined).eq(other.1.iter().map(outlined))
    }
}

impl Eq for Outline<'_> {}

impl Hash for Outline<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.1.iter().for_each(|step| outlined(step).hash(state));
    }
}
