//! Vector programs: the operations of a graph on a step of packets at a time.

use crate::bpf::isa::{AluOp, Condition};

/// The index of a column: a number for each packet of a step.
pub(super) type Column = u8;

/// The index of a mask: a bit for each packet of a step.
pub(super) type Mask = u8;

/// The most columns of a program.
pub(super) const MAX_COLUMNS: usize = 48;

/// The most masks of a program.
pub(super) const MAX_MASKS: usize = 32;

/// A graph as operations on columns and masks, in an order in which each comes after what it needs.
///
/// Every block of the graph has a mask of the packets that reach it. At the start of a step, the first mask has all
/// packets of the step, the others have none, and all verdicts are 0.
#[derive(Clone, Debug, Default)]
pub(super) struct VectorProgram {
    pub(super) operations: Vec<Operation>,
    pub(super) columns: usize,
    pub(super) masks: usize,
    /// The tables of tests for membership.
    pub(super) tables: Vec<Vec<u32>>,
}

#[rustfmt::skip]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Skips operations if a mask has no packets.
    Skip { lanes: Mask, count: u16 },
    /// Removes the packets from a mask for which a place is not in bounds.
    Check { lanes: Mask, place: Place },
    /// Loads four bytes, in the byte order of the machine. Packets for which they are not in bounds are removed from the
    /// mask by a checked load, and become odd by another: the program has no verdicts on odd packets.
    Load { lanes: Mask, to: Column, place: Place, is_checked: bool },
    /// The length on the wire.
    WireLen { to: Column },
    Constant { to: Column, k: u32 },
    /// Swaps the bytes of each number.
    Swap { to: Column, from: Column },
    /// Shifts to the right, or to the left if the shift is negative, and masks.
    Bits { to: Column, from: Column, right: i8, mask: u32 },
    /// Arithmetic other than divisions; shifts by 32 and more give 0.
    Alu { op: AluOp, to: Column, left: Column, right: Column },
    AluConstant { op: AluOp, to: Column, left: Column, right: u32 },
    /// Copies the numbers of some packets.
    Copy { lanes: Mask, to: Column, from: Column },
    /// Tests whether bits are these.
    Equal { fork: Fork, bits: Bits, k: u32 },
    /// A load whose numbers are used for one such test only.
    LoadEqual { fork: Fork, place: Place, is_checked: bool, mask: u32, k: u32 },
    /// Any other test.
    Branch { fork: Fork, test: VectorTest },
    /// Adds the packets of a mask to another.
    Jump { lanes: Mask, to: Mask },
    /// Sets the verdict on the packets of a mask.
    Return { lanes: Mask, verdict: u32 },
    ReturnColumn { lanes: Mask, verdict: Column },
}

impl Operation {
    /// Returns one operation for this and the next: for a check and the load that it allows, and for a load and the only
    /// test of its numbers. `uses` has the number of operations that read each column.
    pub(super) fn merged(self, next: Operation, uses: &[u32]) -> Option<Operation> {
        match (self, next) {
            (Operation::Check { lanes: checked, place: checked_place }, Operation::Load { lanes, to, place, .. })
                if checked == lanes && checked_place == place =>
            {
                Some(Operation::Load { lanes, to, place, is_checked: true })
            }
            (
                Operation::Load { lanes, to, place, is_checked },
                Operation::Equal { fork, bits: Bits { column, mask }, k },
            ) if column == to && lanes == fork.lanes && uses[to as usize] == 1 => {
                Some(Operation::LoadEqual { fork, place, is_checked, mask, k })
            }
            _ => None,
        }
    }

    /// Returns whether the operation loads from the packet.
    pub(super) fn loads(&self) -> bool {
        matches!(self, Operation::Load { .. } | Operation::LoadEqual { .. })
    }

    /// Returns the columns that the operation reads.
    pub(super) fn columns(&self) -> impl Iterator<Item = Column> + use<> {
        let (first, second) = match *self {
            Operation::Check { place, .. } | Operation::Load { place, .. } | Operation::LoadEqual { place, .. } => {
                (place.base, None)
            }
            Operation::Swap { from, .. } | Operation::Bits { from, .. } | Operation::Copy { from, .. } => {
                (Some(from), None)
            }
            Operation::Alu { left, right, .. } => (Some(left), Some(right)),
            Operation::AluConstant { left, .. } => (Some(left), None),
            Operation::Equal { bits, .. } => (Some(bits.column), None),
            Operation::Branch { test, .. } => test.columns(),
            Operation::ReturnColumn { verdict, .. } => (Some(verdict), None),
            Operation::Skip { .. }
            | Operation::WireLen { .. }
            | Operation::Constant { .. }
            | Operation::Jump { .. }
            | Operation::Return { .. } => (None, None),
        };
        first.into_iter().chain(second)
    }
}

impl VectorTest {
    fn columns(self) -> (Option<Column>, Option<Column>) {
        match self {
            VectorTest::Few { bits, .. } | VectorTest::Greater { bits, .. } | VectorTest::Any { bits } => {
                (Some(bits.column), None)
            }
            VectorTest::Range { column, .. } | VectorTest::Bitmap { column, .. } | VectorTest::Slots { column, .. } => {
                (Some(column), None)
            }
            VectorTest::Compare { left, right, .. } => (Some(left), Some(right)),
            VectorTest::InBounds { place } => (place.base, None),
        }
    }
}

/// Where a test leads: the packets of a mask for which it holds are added to a second mask, the others to a third.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fork {
    pub(super) lanes: Mask,
    pub(super) then: Mask,
    pub(super) otherwise: Mask,
}

/// A place in the packet, as its end: a constant, or a column plus a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) base: Option<Column>,
    /// At most `MAX_CAPTURED`.
    pub(super) end: u32,
}

/// A test of each packet.
#[rustfmt::skip]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VectorTest {
    /// Bits are some of these.
    Few { bits: Bits, members: [u32; 3] },
    /// They are a greater number.
    Greater { bits: Bits, k: u32 },
    /// They are not 0.
    Any { bits: Bits },
    /// A number is from `first` on, at most `distance` larger.
    Range { column: Column, first: u32, distance: u32 },
    /// A comparison of two numbers by `Equal`, `Greater`, `GreaterOrEqual` or `BitsSet`.
    Compare { condition: Condition, left: Column, right: Column },
    /// The place is in bounds.
    InBounds { place: Place },
    /// The bit of a number, less `first`, is set in a table.
    Bitmap { column: Column, first: u32, table: u16 },
    /// One of the two slots of a number in a table has this number.
    Slots { column: Column, slots: Slots, table: u16 },
}

/// The numbers of a column under a mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) column: Column,
    pub(super) mask: u32,
}

/// The two slots of a number: the upper bits of its products with two factors, or of one and the slot beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slots {
    pub(super) factors: [u32; 2],
    pub(super) shift: u8,
    pub(super) are_adjacent: bool,
}
