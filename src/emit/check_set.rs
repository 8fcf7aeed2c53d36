//! Sets of checks: those that hold at a point of the program, or those that are made on every path from there.

use alloc::vec::Vec;

use crate::ir::{Check, Graph, ValueId};
use crate::opt::bounds_check_elimination::{Bytes, is_known};
use crate::packet::ancillary::Extension;

/// The largest number of divisors in a set; a new one replaces the oldest.
const MAX_DIVISORS: usize = 8;

/// A set of checks; it may lack some, which costs an instruction.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckSet {
    captured: Bytes,
    divisors: Vec<ValueId>,
    is_present: [bool; Extension::COUNT],
}

impl CheckSet {
    pub(crate) fn insert(&mut self, check: Check) {
        match check {
            Check::InBounds(address, width) => self.captured.raise(address.base, address.end(width)),
            Check::NonZero(divisor) if self.divisors.contains(&divisor) => {}
            Check::NonZero(divisor) => {
                self.divisors.truncate(MAX_DIVISORS - 1);
                self.divisors.insert(0, divisor);
            }
            Check::Present(extension, _) => self.is_present[extension.index()] = true,
        }
    }

    /// Returns whether a check holds where all checks of the set hold.
    pub(crate) fn implies(&self, graph: &Graph, check: Check) -> bool {
        match check {
            Check::InBounds(address, width) => is_known(graph, &self.captured, address, width),
            Check::NonZero(divisor) => graph.values.known(divisor).min > 0 || self.divisors.contains(&divisor),
            Check::Present(extension, _) => self.is_present(extension),
        }
    }

    pub(crate) fn is_present(&self, extension: Extension) -> bool {
        self.is_present[extension.index()]
    }

    /// Adds the checks of another set.
    pub(crate) fn join(&mut self, other: &CheckSet) {
        self.captured.join(&other.captured);
        other.divisors.iter().rev().for_each(|&divisor| self.insert(Check::NonZero(divisor)));
        self.is_present.iter_mut().zip(other.is_present).for_each(|(is_present, other)| *is_present |= other);
    }

    /// Removes the checks that another set lacks.
    pub(crate) fn meet(&mut self, other: &CheckSet) {
        self.captured.meet(&other.captured);
        self.divisors.retain(|divisor| other.divisors.contains(divisor));
        self.is_present.iter_mut().zip(other.is_present).for_each(|(is_present, other)| *is_present &= other);
    }
}
