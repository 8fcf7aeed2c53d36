//! What the machine holds at a point of the program that is being written.

use crate::bpf::isa::Register;
use crate::bpf::verify::SCRATCH_WORDS;
use crate::ir::{Check, Graph, ValueId};
use crate::opt::bounds_check_elimination::{Bytes, is_known};
use crate::packet::ancillary::Extension;

/// How many divisors are known not to be 0 at a time.
const DIVISORS: usize = 8;

/// What the registers and scratch words hold, and what has been found out on the way; both on every path.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) a: Option<ValueId>,
    pub(crate) x: Option<ValueId>,
    pub(crate) scratch: [Option<ValueId>; SCRATCH_WORDS],
    captured: Bytes,
    divisors: Vec<ValueId>,
    present: u16,
    /// How many random numbers the program has asked for, if that is the same on every path.
    pub(crate) random_loads: Option<u32>,
}

impl Machine {
    /// The machine before the first instruction. The kernel does not let a program read what it has not stored.
    pub(crate) fn start(zero: ValueId, has_scratch: bool) -> Machine {
        Machine {
            a: Some(zero),
            x: Some(zero),
            scratch: [has_scratch.then_some(zero); SCRATCH_WORDS],
            captured: Bytes::default(),
            divisors: Vec::new(),
            present: 0,
            random_loads: Some(0),
        }
    }

    /// What both machines have.
    pub(crate) fn meet(&mut self, other: &Machine) {
        let meet = |value: &mut Option<ValueId>, other: Option<ValueId>| *value = value.filter(|_| *value == other);
        meet(&mut self.a, other.a);
        meet(&mut self.x, other.x);
        self.scratch.iter_mut().zip(other.scratch).for_each(|(word, other)| meet(word, other));
        self.captured.meet(&other.captured);
        self.divisors.retain(|divisor| other.divisors.contains(divisor));
        self.present &= other.present;
        self.random_loads = self.random_loads.filter(|_| self.random_loads == other.random_loads);
    }

    pub(crate) fn register(&mut self, register: Register) -> &mut Option<ValueId> {
        match register {
            Register::A => &mut self.a,
            Register::X => &mut self.x,
        }
    }

    /// The scratch word that holds a value.
    pub(crate) fn slot(&self, value: ValueId) -> Option<usize> {
        self.scratch.iter().position(|&word| word == Some(value))
    }

    /// Whether a check is known to hold.
    pub(crate) fn knows(&self, graph: &Graph, check: Check) -> bool {
        match check {
            Check::InBounds(address, width) => is_known(graph, &self.captured, address, width),
            Check::NonZero(divisor) => graph.values.known(divisor).min > 0 || self.divisors.contains(&divisor),
            Check::Present(extension, _) => self.is_present(extension),
        }
    }

    pub(crate) fn is_present(&self, extension: Extension) -> bool {
        self.present & 1 << extension.index() != 0
    }

    /// A check has been made.
    pub(crate) fn learn(&mut self, check: Check) {
        match check {
            Check::InBounds(address, width) => self.captured.raise(address.base, address.end(width)),
            Check::NonZero(divisor) if self.divisors.contains(&divisor) => {}
            Check::NonZero(divisor) => {
                self.divisors.truncate(DIVISORS - 1);
                self.divisors.insert(0, divisor);
            }
            Check::Present(extension, _) => self.present |= 1 << extension.index(),
        }
    }
}
