//! Translates graphs with branches to vector programs.
//!
//! A packet is in the mask of each block that it reaches, and the operations of a block run for all packets of a step.
//! Operations follow the dominator tree, as the schedule of the graph does, so that a value is computed before its
//! uses, and every block comes after those that lead to it.
//!
//! Numbers of the packet are views: bits of four loaded bytes, which serve all loads that they cover. Only arithmetic
//! needs a column for a view. What a view needs is computed in the block where the value is defined, never where it is
//! used, as one of several uses may be skipped.

use super::program::{Column, Fork, MAX_COLUMNS, MAX_MASKS, Mask, Operation, Place, Slots, VectorProgram, VectorTest};
use crate::bpf::isa::{AluOp, Width};
use crate::codegen::vector::graph::view::{View, compared};
use crate::ir::dominators::{Dominators, Visit};
use crate::ir::{
    Address, BlockId, ByteOrder, Check, Edge, Graph, MemberSet, MemberSetId, Schedule, Step, TableHash, Terminator,
    Test, Value, ValueId,
};
use crate::opt::bounds_check_elimination::{self, Bytes};
use crate::packet::MAX_CAPTURED;

/// Translates a graph; `None` if it is too large, or has values or checks of which vectors know nothing: divisions,
/// contexts, random numbers, and selections.
pub(super) fn translate(graph: &Graph) -> Option<VectorProgram> {
    if graph.blocks.len() > MAX_MASKS {
        return None;
    }
    let schedule = Schedule::of(graph);
    let mut translation = Translation::new(graph, &schedule);
    for (block, parameter) in
        graph.blocks.iter().enumerate().flat_map(|(i, b)| b.parameters.iter().map(move |p| (i, p)))
    {
        let column = translation.column()?;
        translation.define(*parameter, BlockId::new(block), View::of(column));
    }
    for &block in &schedule.order {
        translation.block(block, schedule.steps(block))?;
    }
    Some(translation.finish(&schedule.order))
}

/// Four loaded bytes.
struct Window {
    base: Option<ValueId>,
    end: u64,
    home: BlockId,
    column: Column,
    swapped: Option<Column>,
}

/// The operations of a block, before its terminator and of it.
#[derive(Clone, Default)]
struct Operations {
    steps: Vec<Operation>,
    end: Vec<Operation>,
}

struct Translation<'g> {
    graph: &'g Graph,
    program: VectorProgram,
    blocks: Vec<Operations>,
    /// The immediate dominator of each block, and when a walk over their tree enters and leaves it.
    parents: Vec<BlockId>,
    times: Vec<(usize, usize)>,
    /// The bytes that are known to be captured at the end of each block.
    captured: Vec<Bytes>,
    /// All loads that are computed, with their blocks.
    loads: Vec<(BlockId, Address, Width)>,
    windows: Vec<Window>,
    /// The latest definition of each value: the block, and the number.
    values: Vec<Option<(BlockId, View)>>,
}

impl<'g> Translation<'g> {
    fn new(graph: &'g Graph, schedule: &Schedule) -> Translation<'g> {
        let count = graph.blocks.len();
        let (mut parents, mut times) = (vec![BlockId(0); count], vec![(0, 0); count]);
        let mut open: Vec<BlockId> = Vec::new();
        for (time, visit) in Dominators::of(graph).walk().into_iter().enumerate() {
            match visit {
                Visit::Enter(block) => {
                    parents[block.index()] = open.last().copied().unwrap_or(block);
                    times[block.index()].0 = time;
                    open.push(block);
                }
                Visit::Leave(block) => {
                    times[block.index()].1 = time;
                    open.pop();
                }
            }
        }
        let steps =
            schedule.order.iter().flat_map(|&block| schedule.steps(block).iter().map(move |step| (block, step)));
        let loads = steps.filter_map(|(block, step)| match *step {
            Step::Define(id) => match graph.value(id) {
                Value::Load(address, width, _) => Some((block, address, width)),
                _ => None,
            },
            Step::Check(_) => None,
        });
        Translation {
            graph,
            program: VectorProgram { masks: count, ..VectorProgram::default() },
            blocks: vec![Operations::default(); count],
            parents,
            times,
            captured: bounds_check_elimination::captured(graph),
            loads: loads.collect(),
            windows: Vec::new(),
            values: vec![None; graph.values.len()],
        }
    }

    fn dominates(&self, above: BlockId, below: BlockId) -> bool {
        let (above, below) = (self.times[above.index()], self.times[below.index()]);
        above.0 <= below.0 && below.1 <= above.1
    }

    fn column(&mut self) -> Option<Column> {
        let column = self.program.columns;
        self.program.columns += 1;
        (column < MAX_COLUMNS).then_some(column as Column)
    }

    fn define(&mut self, id: ValueId, home: BlockId, view: View) {
        self.values[id.index()] = Some((home, view));
    }

    /// Appends an operation with a new column to a block.
    fn computed(&mut self, home: BlockId, operation: impl FnOnce(Column) -> Operation) -> Option<Column> {
        let to = self.column()?;
        self.blocks[home.index()].steps.push(operation(to));
        Some(to)
    }

    fn block(&mut self, block: BlockId, steps: &[Step]) -> Option<()> {
        let lanes = mask(block);
        for step in steps {
            match *step {
                Step::Check(Check::InBounds(address, width)) => {
                    let place = self.place(address, width)?;
                    self.blocks[block.index()].steps.push(Operation::Check { lanes, place });
                }
                Step::Check(_) => return None,
                Step::Define(id) => {
                    let view = self.value(block, id)?;
                    self.define(id, block, view);
                }
            }
        }
        let graph = self.graph;
        match &graph.block(block).terminator {
            Terminator::Return(verdict) => match graph.constant(*verdict) {
                Some(0) => {}
                Some(verdict) => self.blocks[block.index()].end.push(Operation::Return { lanes, verdict }),
                None => {
                    let verdict = self.column_of(block, *verdict)?;
                    self.blocks[block.index()].end.push(Operation::ReturnColumn { lanes, verdict });
                }
            },
            Terminator::Jump(edge) => {
                self.edge(block, edge, lanes)?;
            }
            Terminator::Branch { test, then, otherwise } => {
                let [first, second] = [then, otherwise].map(|edge| self.mask_of_edge(edge));
                let fork = Fork { lanes, then: first?, otherwise: second? };
                let test = self.test(block, *test, fork)?;
                self.blocks[block.index()].end.push(test);
                for (edge, lanes) in [(then, first?), (otherwise, second?)] {
                    self.edge(block, edge, lanes)?;
                }
            }
        }
        Some(())
    }

    /// Returns the mask of the packets that take an edge: that of the target, unless parameters must be copied first.
    fn mask_of_edge(&mut self, edge: &Edge) -> Option<Mask> {
        if edge.arguments.is_empty() {
            return Some(mask(edge.block));
        }
        self.program.masks += 1;
        (self.program.masks <= MAX_MASKS).then_some(self.program.masks as Mask - 1)
    }

    /// Leads packets along an edge.
    fn edge(&mut self, from: BlockId, edge: &Edge, lanes: Mask) -> Option<()> {
        for (&parameter, &argument) in self.graph.block(edge.block).parameters.iter().zip(&edge.arguments) {
            let argument = self.column_of(from, argument)?;
            let (_, View { column: to, .. }) = self.values[parameter.index()]?;
            self.blocks[from.index()].end.push(Operation::Copy { lanes, to, from: argument });
        }
        let to = mask(edge.block);
        if lanes != to {
            self.blocks[from.index()].end.push(Operation::Jump { lanes, to });
        }
        Some(())
    }

    fn place(&mut self, address: Address, width: Width) -> Option<Place> {
        self.place_at(address.base, address.end(width))
    }

    fn place_at(&mut self, base: Option<ValueId>, end: u64) -> Option<Place> {
        let end = u32::try_from(end).ok().filter(|&end| end <= MAX_CAPTURED as u32)?;
        let base = match base {
            Some(base) => Some(self.column_of(BlockId(0), base)?),
            None => None,
        };
        Some(Place { base, end })
    }

    fn value(&mut self, block: BlockId, id: ValueId) -> Option<View> {
        match self.graph.value(id) {
            Value::Load(address, width, order) => self.load(block, address, width, order),
            Value::WireLen => self.computed(block, |to| Operation::WireLen { to }).map(View::of),
            Value::Alu(op, left, right) => self.alu(block, op, left, right),
            Value::Negate(value) => {
                let left = self.column_of(block, value)?;
                let negated = |to| Operation::AluConstant { op: AluOp::Mul, to, left, right: u32::MAX };
                self.computed(block, negated).map(View::of)
            }
            Value::Constant(_)
            | Value::Open(_)
            | Value::Parameter(_)
            | Value::Ancillary(_)
            | Value::FindAttribute(..)
            | Value::ResolvedOffset(_)
            | Value::Random(_)
            | Value::Select(..) => None,
        }
    }

    fn alu(&mut self, block: BlockId, op: AluOp, left: ValueId, right: ValueId) -> Option<View> {
        if let (Some(k), Some((_, view))) = (self.graph.constant(right), self.values[left.index()]) {
            let view = match op {
                AluOp::And => Some(view.and(k)),
                AluOp::Lsh => view.shifted_left(k),
                AluOp::Rsh => view.shifted_right(k),
                _ => None,
            };
            if view.is_some() {
                return view;
            }
        }
        if matches!(op, AluOp::Div | AluOp::Mod) {
            return None;
        }
        let left = self.column_of(block, left)?;
        let column = match self.graph.constant(right) {
            Some(right) => self.computed(block, |to| Operation::AluConstant { op, to, left, right }),
            None => {
                let right = self.column_of(block, right)?;
                self.computed(block, |to| Operation::Alu { op, to, left, right })
            }
        };
        column.map(View::of)
    }

    /// Returns the column of a value, which is computed where the value is; a constant is computed in `block`.
    fn column_of(&mut self, block: BlockId, id: ValueId) -> Option<Column> {
        if let Some(k) = self.graph.constant(id) {
            return self.computed(block, |to| Operation::Constant { to, k });
        }
        let (home, view) = self.values[id.index()]?;
        let View { column: from, right, mask, left } = view;
        if (right, mask, left) == (0, u32::MAX, 0) {
            return Some(from);
        }
        let right = right as i8 - left as i8;
        let column = self.computed(home, |to| Operation::Bits { to, from, right, mask: mask << left })?;
        self.define(id, home, View::of(column));
        Some(column)
    }

    fn load(&mut self, block: BlockId, address: Address, width: Width, order: ByteOrder) -> Option<View> {
        let window =
            match self.windows.iter().position(|window| {
                self.dominates(window.home, block) && covers(window.base, window.end, address, width)
            }) {
                Some(window) => window,
                None => self.window(block, address, width)?,
            };
        let Window { end, home, column, swapped, .. } = self.windows[window];
        let is_swapped = order == ByteOrder::Big && width != Width::Byte && cfg!(target_endian = "little");
        let column = match swapped {
            _ if !is_swapped => column,
            Some(swapped) => swapped,
            None => {
                let swapped = self.computed(home, |to| Operation::Swap { to, from: column })?;
                self.windows[window].swapped = Some(swapped);
                swapped
            }
        };
        let after = (end - address.end(width)) as u32;
        let before = 4 - width.bytes() - after;
        let right = 8 * if is_swapped { after } else { before };
        Some(View { column, right, mask: u32::MAX >> (32 - 8 * width.bytes()), left: 0 })
    }

    /// Loads four bytes that cover a load, and as many others as possible. Returns the index of the window.
    fn window(&mut self, block: BlockId, address: Address, width: Width) -> Option<usize> {
        let end = address.end(width);
        let ends = end.max(4)..=u64::from(address.offset) + 4;
        let covered =
            |end: u64| self.loads.iter().filter(move |&&(_, other, width)| covers(address.base, end, other, width));
        let end = ends.max_by_key(|&end| (covered(end).count(), std::cmp::Reverse(end)))?;
        // A window that other blocks need, too, is loaded before the branch between them, if it is captured there.
        let mut home = block;
        while address.base.is_none() && home.index() > 0 {
            let parent = self.parents[home.index()];
            let is_shared = covered(end).any(|&(other, ..)| !self.dominates(home, other));
            if !is_shared || self.captured[parent.index()].get(None) < end {
                break;
            }
            home = parent;
        }
        let place = self.place_at(address.base, end)?;
        let column = self.computed(home, |to| Operation::Load { lanes: mask(home), to, place, is_checked: false })?;
        self.windows.push(Window { base: address.base, end, home, column, swapped: None });
        Some(self.windows.len() - 1)
    }

    fn test(&mut self, block: BlockId, test: Test, fork: Fork) -> Option<Operation> {
        let test = match test {
            Test::InBounds(address, width) => VectorTest::InBounds { place: self.place(address, width)? },
            Test::Member(value, set) => self.member(value, set)?,
            Test::Compare(condition, left, right) => {
                let constant = self.graph.constant(right).zip(self.values[left.index()]);
                if let Some(test) = constant.and_then(|(k, (_, view))| compared(condition, view, k, fork)) {
                    return Some(test);
                }
                let (left, right) = (self.column_of(block, left)?, self.column_of(block, right)?);
                VectorTest::Compare { condition, left, right }
            }
        };
        Some(Operation::Branch { fork, test })
    }

    fn member(&mut self, value: ValueId, set: MemberSetId) -> Option<VectorTest> {
        let set = self.graph.sets.get(set);
        if let (MemberSet::Few(members), Some((_, view))) = (set, self.values[value.index()]) {
            let members: Vec<u32> = members.iter().filter_map(|&member| view.bits_of(member)).collect();
            let last = *members.last()?;
            let member = |index: usize| members.get(index).copied().unwrap_or(last);
            return Some(VectorTest::Few { bits: view.bits(), members: [0, 1, 2].map(member) });
        }
        let column = self.column_of(BlockId(0), value)?;
        let words = |bytes: &[u8]| -> Vec<u32> {
            bytes.chunks(4).map(|four| four.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))).collect()
        };
        let (words, slots) = match set {
            MemberSet::Few(_) => return None,
            &MemberSet::Range(first, last) => {
                return Some(VectorTest::Range { column, first, distance: last - first });
            }
            &MemberSet::Register(first, bits) => (vec![bits as u32, (bits >> 32) as u32], Err(first)),
            MemberSet::Bytes(bytes) => {
                let bits = |of: &[u8]| of.iter().rev().fold(0, |word, &byte| word << 1 | u32::from(byte));
                (bytes.chunks(32).map(bits).collect(), Err(0))
            }
            MemberSet::Bitmap(first, bytes) => (words(bytes), Err(*first)),
            MemberSet::Table(table) => {
                let (factors, are_adjacent) = match table.hash {
                    TableHash::AdjacentSlots(factor) => ([factor; 2], true),
                    TableHash::Cuckoo(factors) => (factors, false),
                };
                (table.slots.clone(), Ok(Slots { factors, shift: table.shift() as u8, are_adjacent }))
            }
        };
        let table = self.program.tables.iter().position(|table| *table == words).unwrap_or(self.program.tables.len());
        if table == self.program.tables.len() {
            self.program.tables.push(words);
        }
        let table = u16::try_from(table).ok()?;
        Some(match slots {
            Ok(slots) => VectorTest::Slots { column, slots, table },
            Err(first) => VectorTest::Bitmap { column, first, table },
        })
    }

    /// Joins the operations of all blocks.
    fn finish(mut self, order: &[BlockId]) -> VectorProgram {
        let mut uses = vec![0_u32; self.program.columns];
        for operation in self.blocks.iter().flat_map(|block| block.steps.iter().chain(&block.end)) {
            operation.columns().for_each(|column| uses[column as usize] += 1);
        }
        for &block in order {
            let Operations { steps, end } = std::mem::take(&mut self.blocks[block.index()]);
            let mut operations: Vec<Operation> = Vec::with_capacity(steps.len() + end.len());
            for operation in steps.into_iter().chain(end) {
                match operations.last_mut().and_then(|last| last.merged(operation, &uses).map(|merged| (last, merged)))
                {
                    Some((last, merged)) => *last = merged,
                    None => operations.push(operation),
                }
            }
            // A misprediction costs as much as some operations.
            let is_worth = operations.len() > 3 || operations.iter().any(|operation| operation.loads());
            match u16::try_from(operations.len()) {
                Ok(count) if block.index() > 0 && is_worth => {
                    self.program.operations.push(Operation::Skip { lanes: mask(block), count });
                }
                _ => {}
            }
            self.program.operations.extend(operations);
        }
        self.program
    }
}

/// Returns whether the four bytes before `end` cover a load.
fn covers(base: Option<ValueId>, end: u64, address: Address, width: Width) -> bool {
    address.base == base && u64::from(address.offset) + 4 >= end && address.end(width) <= end
}

/// Returns the mask of the packets that reach a block.
fn mask(block: BlockId) -> Mask {
    block.index() as Mask
}
