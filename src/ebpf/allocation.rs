//! Register allocation: linear scan (Poletto and Sarkar, 1999) over one interval for each virtual register.
//!
//! An interval reaches from the write of a virtual register to its last read, in the order of the blocks; what is live
//! into a loop is live to its end. What is live across a call gets one of `r6` to `r9`. If registers run out, the
//! interval that ends last goes to the stack for all of its life, and two registers are kept to move such values.

use alloc::vec::Vec;

use crate::ebpf::code::{Argument, Code, End, Label, Operand, Operation, Virtual};
use crate::ebpf::error::EbpfError;
use crate::ebpf::instruction::Register;

/// The place of a virtual register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    Register(Register),
    /// Eight bytes of the stack frame, counted from its end.
    Stack(i16),
}

/// The locations of all virtual registers.
#[derive(Debug)]
pub(crate) struct Allocation {
    pub(crate) locations: Vec<Location>,
    /// The bytes of the stack frame in use.
    pub(crate) stack: u16,
}

/// The registers that move values from and to the stack, if any value is there.
pub(crate) const SCRATCH: [Register; 2] = [Register::R0, Register::R5];

/// The size of a stack frame (`MAX_BPF_STACK`), less 8 bytes for parallel moves.
const STACK: usize = 512 - 8;

/// The registers that keep their values across calls.
const CALLEE_SAVED: [Register; 4] = [Register::R6, Register::R7, Register::R8, Register::R9];

/// The order in which registers are taken.
const ORDER: [Register; 10] = [
    Register::R1,
    Register::R2,
    Register::R3,
    Register::R4,
    Register::R5,
    Register::R0,
    Register::R6,
    Register::R7,
    Register::R8,
    Register::R9,
];

/// Allocates registers for code whose blocks are in this order.
pub(crate) fn allocate(code: &Code, order: &[Label]) -> Result<Allocation, EbpfError> {
    let intervals = Intervals::of(code, order);
    let without_spills = LinearScan::new(code, &intervals, &[]).run();
    let scan = if without_spills.is_spilled.contains(&true) {
        LinearScan::new(code, &intervals, &SCRATCH).run()
    } else {
        without_spills
    };
    scan.finish()
}

/// The life of a virtual register: the positions of its write and of its last read. The reads of an operation have even
/// positions, its write the odd one after.
#[derive(Clone, Copy, Debug)]
struct Interval {
    start: u32,
    end: u32,
}

impl Interval {
    const NONE: Interval = Interval { start: u32::MAX, end: 0 };

    fn is_none(self) -> bool {
        self.start == u32::MAX
    }
}

/// A register that would save a move.
#[derive(Clone, Copy, Debug)]
enum Hint {
    Fixed(Register),
    Same(Virtual),
}

struct Intervals {
    list: Vec<Interval>,
    hints: Vec<Vec<Hint>>,
    /// The positions of calls, in order.
    calls: Vec<u32>,
}

impl Intervals {
    fn of(code: &Code, order: &[Label]) -> Intervals {
        let count = code.virtuals as usize;
        let mut intervals =
            Intervals { list: vec![Interval::NONE; count], hints: vec![Vec::new(); count], calls: Vec::new() };
        for (&argument, register) in code.arguments.iter().zip(&Register::ALL[1..]) {
            intervals.write(argument, 0);
            intervals.hints[argument.index()].push(Hint::Fixed(*register));
        }
        let mut starts = vec![u32::MAX; code.blocks.len()];
        let mut loops = Vec::new();
        let mut position = 2;
        for &label in order {
            let block = &code.blocks[label.index()];
            starts[label.index()] = position;
            block.parameters.iter().for_each(|&parameter| intervals.write(parameter, position));
            for operation in &block.operations {
                position += 2;
                intervals.operation(code, operation, position);
            }
            position += 2;
            let Some(end) = &block.end else { continue };
            intervals.end(code, end, position);
            loops.extend(
                end.targets().map(|target| (starts[target.index()], position)).filter(|&(at, _)| at != u32::MAX),
            );
            position += 2;
        }
        intervals.extend_over_loops(&loops);
        intervals
    }

    fn operation(&mut self, code: &Code, operation: &Operation, position: u32) {
        operation.reads(&mut |register, is_late| self.read(register, position + u32::from(is_late)));
        if operation.is_call() {
            self.calls.push(position);
        }
        let dst = operation.dst();
        self.write(dst, position + 1);
        match *operation {
            Operation::Move { src: Operand::Virtual(src), .. }
            | Operation::Alu { left: Operand::Virtual(src), .. }
            | Operation::Negate { src, .. }
            | Operation::NetworkOrder { src, .. } => {
                self.hints[dst.index()].push(Hint::Same(src));
                self.hints[src.index()].push(Hint::Same(dst));
            }
            Operation::Call { ref arguments, .. } => {
                for (argument, register) in arguments.iter().zip(&Register::ALL[1..]) {
                    if let Argument::Operand(Operand::Virtual(argument)) = argument {
                        self.hints[argument.index()].push(Hint::Fixed(*register));
                    }
                }
                self.hints[dst.index()].push(Hint::Fixed(Register::RESULT));
            }
            Operation::LoadPacket { .. } | Operation::LoadPacketIndirect { .. } => {
                code.context.into_iter().for_each(|context| self.read(context, position));
                self.hints[dst.index()].push(Hint::Fixed(Register::RESULT));
            }
            _ => {}
        }
    }

    fn end(&mut self, code: &Code, end: &End, position: u32) {
        end.reads(&mut |register| self.read(register, position));
        match end {
            End::Exit(Operand::Virtual(result)) => self.hints[result.index()].push(Hint::Fixed(Register::RESULT)),
            End::Jump(target, arguments) => {
                for (&parameter, argument) in code.blocks[target.index()].parameters.iter().zip(arguments) {
                    self.write(parameter, position + 1);
                    if let Operand::Virtual(argument) = *argument {
                        self.hints[parameter.index()].push(Hint::Same(argument));
                        self.hints[argument.index()].push(Hint::Same(parameter));
                    }
                }
            }
            End::Exit(Operand::Immediate(_)) | End::Branch { .. } => {}
        }
    }

    fn write(&mut self, register: Virtual, position: u32) {
        let interval = &mut self.list[register.index()];
        interval.start = interval.start.min(position);
        interval.end = interval.end.max(position);
    }

    fn read(&mut self, register: Virtual, position: u32) {
        let interval = &mut self.list[register.index()];
        interval.end = interval.end.max(position);
    }

    /// Extends what is live at the start of a loop to its end, inner loops first.
    fn extend_over_loops(&mut self, loops: &[(u32, u32)]) {
        let mut has_changed = !loops.is_empty();
        while has_changed {
            has_changed = false;
            for &(start, end) in loops {
                for interval in self.list.iter_mut().filter(|interval| !interval.is_none()) {
                    // A parameter of the first block of the loop is written again at the end of the loop.
                    if interval.start <= start && interval.end >= start && interval.end < end + 1 {
                        interval.end = end + 1;
                        has_changed = true;
                    }
                }
            }
        }
    }

    /// Returns whether an interval contains a call.
    fn crosses_call(&self, interval: Interval) -> bool {
        let next = self.calls.partition_point(|&call| call <= interval.start);
        self.calls.get(next).is_some_and(|&call| call < interval.end)
    }
}

struct LinearScan<'c> {
    code: &'c Code,
    intervals: &'c Intervals,
    reserved: &'static [Register],
    /// The registers in use, with what is in them.
    active: Vec<(Register, Virtual)>,
    registers: Vec<Option<Register>>,
    is_spilled: Vec<bool>,
}

impl<'c> LinearScan<'c> {
    fn new(code: &'c Code, intervals: &'c Intervals, reserved: &'static [Register]) -> LinearScan<'c> {
        let count = intervals.list.len();
        let (registers, is_spilled) = (vec![None; count], vec![false; count]);
        LinearScan { code, intervals, reserved, active: Vec::new(), registers, is_spilled }
    }

    fn run(mut self) -> LinearScan<'c> {
        let mut by_start: Vec<Virtual> = (0..self.code.virtuals).map(Virtual).collect();
        by_start.retain(|&register| !self.interval(register).is_none());
        by_start.sort_by_key(|&register| self.interval(register).start);
        for register in by_start {
            let start = self.interval(register).start;
            let intervals = self.intervals;
            self.active.retain(|&(_, active)| intervals.list[active.index()].end >= start);
            self.place(register);
        }
        self
    }

    fn interval(&self, register: Virtual) -> Interval {
        self.intervals.list[register.index()]
    }

    /// Finds a register for `register`, or spills it or another one.
    fn place(&mut self, register: Virtual) {
        if self.code.context == Some(register) {
            // The first argument comes before all others, so `r6` is free.
            return self.take(register, Register::R6);
        }
        let interval = self.interval(register);
        let must_be_saved = self.intervals.crosses_call(interval);
        let is_allowed = |physical: &Register| {
            !self.reserved.contains(physical) && (!must_be_saved || CALLEE_SAVED.contains(physical))
        };
        let is_free = |physical: &Register| !self.active.iter().any(|(taken, _)| taken == physical);
        let hinted = self.intervals.hints[register.index()].iter().filter_map(|hint| match *hint {
            Hint::Fixed(physical) => Some(physical),
            Hint::Same(other) => self.registers[other.index()],
        });
        let mut candidates = hinted.chain(ORDER).filter(is_allowed);
        if let Some(free) = candidates.find(is_free) {
            return self.take(register, free);
        }
        // Packet pointers must stay where the context is needed, and everything else may go.
        let ends = |active: Virtual| self.interval(active).end;
        let last = (0..self.active.len())
            .filter(|&index| is_allowed(&self.active[index].0) && self.code.context != Some(self.active[index].1))
            .max_by_key(|&index| ends(self.active[index].1));
        match last {
            Some(index) if ends(self.active[index].1) > interval.end => {
                let (physical, other) = self.active.swap_remove(index);
                self.is_spilled[other.index()] = true;
                self.registers[other.index()] = None;
                self.take(register, physical);
            }
            _ => self.is_spilled[register.index()] = true,
        }
    }

    fn take(&mut self, register: Virtual, physical: Register) {
        self.registers[register.index()] = Some(physical);
        self.active.push((physical, register));
    }

    /// Gives each spilled value a place in the stack frame that no value has at the same time.
    fn finish(self) -> Result<Allocation, EbpfError> {
        let mut spilled: Vec<Virtual> = (0..self.code.virtuals).map(Virtual).collect();
        spilled.retain(|register| self.is_spilled[register.index()]);
        spilled.sort_by_key(|&register| self.interval(register).start);
        // The end of the last value in each place.
        let mut places: Vec<u32> = Vec::new();
        let mut locations = vec![Location::Register(Register::R0); self.code.virtuals as usize];
        for (register, physical) in self.registers.iter().enumerate() {
            if let Some(physical) = *physical {
                locations[register] = Location::Register(physical);
            }
        }
        let below = usize::from(self.code.stack);
        for register in spilled {
            let Interval { start, end } = self.interval(register);
            let place = places.iter().position(|&last| last < start).unwrap_or_else(|| {
                places.push(0);
                places.len() - 1
            });
            places[place] = end;
            locations[register.index()] = Location::Stack(-((below + 8 * place + 8) as i16));
        }
        let stack = below + 8 * places.len();
        if stack > STACK {
            return Err(EbpfError::TooManyValues { places: places.len() });
        }
        Ok(Allocation { locations, stack: stack as u16 })
    }
}
