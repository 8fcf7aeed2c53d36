//! Emission: a diagram becomes a program.
//!
//! Each word is decided once on a path, by a binary search among the ranges of its numbers. Equal remainders are shared.
//! The program is written from its end to its start.

use alloc::vec::Vec;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::bpf::program::Program;
use crate::bpf::relaxation::{Position, Relaxation};
use crate::bpf::verify::SCRATCH_WORDS;
use crate::ir::hash_map::HashMap;
use crate::seccomp::analysis::Analysis;
use crate::seccomp::analysis_error::AnalysisError;
use crate::seccomp::decision::{self, Decision};
use crate::seccomp::diagram::Node;
use crate::seccomp::expression::{ExpressionId, Term};
use crate::seccomp::symbols::{ARCH, NR, Opaque, WORD_OF_RANK};

/// The largest number of numbers that are compared one after the other.
const MAX_IN_TURN: usize = 2;
const MAX_ARCHES_IN_TURN: usize = 6;

/// Returns a program for a diagram of verdicts.
pub(super) fn emit(analysis: &mut Analysis, root: Node) -> Result<Program, AnalysisError> {
    let mut emission =
        Emission { analysis, program: Relaxation::copying_returns(), placed: HashMap::default(), branches: 0 };
    emission.place(root)?;
    Ok(Program::new(emission.program.finish()))
}

struct Emission<'a> {
    analysis: &'a mut Analysis,
    program: Relaxation,
    placed: HashMap<Node, Placed>,
    /// The number of conditional jumps.
    branches: usize,
}

/// The position of the code for a node.
#[derive(Clone, Copy)]
struct Placed {
    start: Position,
    /// The rank of its word, and the position behind the load of that word.
    loaded: Option<(u32, Position)>,
}

/// Numbers from `first` to `last`, and the code for them.
#[derive(Clone, Copy)]
struct Range {
    first: u64,
    last: u64,
    target: Position,
}

impl Range {
    fn is_single(&self) -> bool {
        self.first == self.last
    }
}

impl Emission<'_> {
    fn place(&mut self, node: Node) -> Result<Placed, AnalysisError> {
        if let Some(&placed) = self.placed.get(&node) {
            return Ok(placed);
        }
        let placed = match self.analysis.symbols.diagram.as_outcome(node) {
            Some(verdict) => {
                self.program.push(Instruction::ReturnConstant { verdict: verdict as u32 });
                Placed { start: self.program.position(), loaded: None }
            }
            None => self.place_decision(node)?,
        };
        self.placed.insert(node, placed);
        Ok(placed)
    }

    fn place_decision(&mut self, node: Node) -> Result<Placed, AnalysisError> {
        let field = self.analysis.word_of(node);
        let rank = field.first / 32;
        let diagram = &mut self.analysis.symbols.diagram;
        let plain = if rank <= NR { decision::plain(diagram, node, field) } else { None };
        let decision = plain.unwrap_or_else(|| decision::decide(diagram, node, field));
        let mut ranges: Vec<Range> = Vec::with_capacity(decision.cases.len());
        for (first, last, target) in decision.ranges() {
            let placed = self.place(target)?;
            // The word is still in A if it was not masked.
            let loaded = placed.loaded.filter(|&(other, _)| other == rank && decision.is_unmasked());
            ranges.push(Range { first, last, target: loaded.map_or(placed.start, |(_, position)| position) });
        }
        let opaque = self.analysis.symbols.opaque(rank);
        if let Some(Opaque::Test(condition, a, b)) = opaque {
            return self.place_test(condition, a, b, &ranges);
        }
        if is_test_of_bits(&decision) {
            self.branch(Condition::BitsSet, decision.mask, ranges[1].target, ranges[0].target)?;
        } else {
            self.search(&ranges, if rank == ARCH { MAX_ARCHES_IN_TURN } else { MAX_IN_TURN })?;
            if !decision.is_unmasked() {
                self.program.push(Instruction::Alu { op: AluOp::And, operand: (decision.mask as u32).into() });
            }
        }
        let loaded = Some((rank, self.program.position()));
        match (opaque, WORD_OF_RANK.get(rank as usize)) {
            (Some(Opaque::Value(value)), _) => self.value(value)?,
            (_, Some(&word)) => {
                self.program.push(Instruction::LoadAbsolute { offset: 4 * u32::from(word), width: Width::Word });
            }
            _ => return Err(AnalysisError::TooComplexTogether),
        }
        Ok(Placed { start: self.program.position(), loaded })
    }

    fn branch(
        &mut self,
        condition: Condition,
        k: u64,
        then: Position,
        otherwise: Position,
    ) -> Result<(), AnalysisError> {
        self.branches += 1;
        if self.branches > Dialect::Seccomp.max_len() {
            return Err(AnalysisError::TooLong { len: 0 });
        }
        self.program.branch(condition, Operand::Constant(k as u32), then, otherwise);
        Ok(())
    }

    /// Writes tests that lead to the code of the range of A, and returns their position.
    fn search(&mut self, ranges: &[Range], max_in_turn: usize) -> Result<Position, AnalysisError> {
        let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if last.target == range.target => last.last = range.last,
                _ => merged.push(*range),
            }
        }
        match merged[..] {
            [] => return Ok(self.program.position()),
            [only] => return Ok(only.target),
            _ => {}
        }
        if let Some((numbers, others)) = few_numbers(&merged, max_in_turn) {
            let mut otherwise = others;
            for number in numbers {
                self.branch(Condition::Equal, number.first, number.target, otherwise)?;
                otherwise = self.program.position();
            }
            return Ok(otherwise);
        }
        let (lower, upper) = merged.split_at(merged.len() / 2);
        let upper = self.search(upper, max_in_turn)?;
        let split = lower.last().map_or(0, |range| range.last);
        let lower = self.search(lower, max_in_turn)?;
        self.branch(Condition::Greater, split, upper, lower)?;
        Ok(self.program.position())
    }

    /// Writes a test that no diagram expresses.
    fn place_test(
        &mut self,
        condition: Condition,
        a: ExpressionId,
        b: ExpressionId,
        ranges: &[Range],
    ) -> Result<Placed, AnalysisError> {
        let [otherwise, then] = ranges else { return Err(AnalysisError::TooComplexTogether) };
        let mut code = Vec::new();
        let operand = match self.analysis.symbols.expressions.as_constant(b) {
            Some(k) => {
                self.compute(a, 0, &mut code)?;
                Operand::Constant(k)
            }
            None => {
                self.compute_both(a, b, 0, &mut code)?;
                Operand::X
            }
        };
        self.program.branch(condition, operand, then.target, otherwise.target);
        code.into_iter().rev().for_each(|instruction| self.program.push(instruction));
        Ok(Placed { start: self.program.position(), loaded: None })
    }

    /// Writes the computation of a value in A.
    fn value(&mut self, value: ExpressionId) -> Result<(), AnalysisError> {
        let mut code = Vec::new();
        self.compute(value, 0, &mut code)?;
        code.into_iter().rev().for_each(|instruction| self.program.push(instruction));
        Ok(())
    }

    /// Adds the computation of a value in A, which may use X and the scratch words from `slot` on.
    fn compute(&self, value: ExpressionId, slot: u32, code: &mut Vec<Instruction>) -> Result<(), AnalysisError> {
        let expressions = &self.analysis.symbols.expressions;
        let last = match expressions.term(value) {
            Term::Constant(value) => Instruction::LoadConstant { dst: Register::A, value },
            Term::Word(word) => Instruction::LoadAbsolute { offset: 4 * u32::from(word), width: Width::Word },
            Term::Negate(operand) => {
                self.compute(operand, slot, code)?;
                Instruction::Negate
            }
            Term::Alu(op, a, b) => match expressions.as_constant(b) {
                Some(k) => {
                    self.compute(a, slot, code)?;
                    Instruction::Alu { op, operand: k.into() }
                }
                None => {
                    self.compute_both(a, b, slot, code)?;
                    Instruction::Alu { op, operand: Operand::X }
                }
            },
        };
        code.push(last);
        Ok(())
    }

    /// Adds the computation of a value in A and of another one in X.
    fn compute_both(
        &self,
        a: ExpressionId,
        x: ExpressionId,
        slot: u32,
        code: &mut Vec<Instruction>,
    ) -> Result<(), AnalysisError> {
        if slot as usize == SCRATCH_WORDS {
            return Err(AnalysisError::TooComplexTogether);
        }
        self.compute(x, slot, code)?;
        match self.analysis.symbols.expressions.term(a) {
            Term::Constant(_) | Term::Word(_) => {
                code.push(Instruction::TransferAToX);
                self.compute(a, slot, code)
            }
            _ => {
                code.push(Instruction::StoreScratch { src: Register::A, slot });
                self.compute(a, slot + 1, code)?;
                code.push(Instruction::LoadScratch { dst: Register::X, slot });
                Ok(())
            }
        }
    }
}

/// Returns whether a decision is whether any bit of the mask is set.
fn is_test_of_bits(decision: &Decision) -> bool {
    !decision.is_unmasked() && decision.cases.len() == 2 && decision.cases[0].last == 0
}

/// Returns the single numbers and the code for all others, if there are few single numbers.
fn few_numbers(ranges: &[Range], max: usize) -> Option<(Vec<Range>, Position)> {
    let is_common = |target: Position| {
        let (common, others): (Vec<Range>, Vec<Range>) = ranges.iter().partition(|range| range.target == target);
        (!common.is_empty() && others.len() <= max && others.iter().all(Range::is_single)).then_some((others, target))
    };
    // One of the first ranges has the common target, since few ranges in a row have others.
    ranges.iter().take(max + 1).find_map(|range| is_common(range.target))
}
