//! From the graph to Cranelift IR: one IR block for each block, one behind each check, and one for all that give 0.
//!
//! The function takes one packet or a batch of them (`entry`). Loads neither trap nor move: each stands behind its bounds
//! check, and must stay there, or it would read outside the packet.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, BlockArg, Endianness, InstBuilder, MemFlagsData, types};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use crate::bpf::isa::{AluOp, Condition, Width};
use crate::codegen::constant_tables::Tables;
use crate::codegen::context_data::AncillaryValues;
use crate::codegen::entry::{Entry, Form};
use crate::codegen::member_sets;
use crate::ir::{
    Address, BlockId, ByteOrder, Check, Edge, Graph, Hashing, MemberSetId, Schedule, Step, Terminator, Test, Value,
    ValueId,
};
use crate::packet::MAX_CAPTURED;
use crate::packet::ancillary::Extension;

/// Fills `function`, which has the signature of the form, with the code of `graph`.
pub(crate) fn lower(
    graph: &Graph,
    form: Form,
    function: &mut ir::Function,
    context: &mut FunctionBuilderContext,
    config: TargetFrontendConfig,
    tables: &mut Tables,
) {
    let mut lowering = Lowering::new(graph, form, FunctionBuilder::new(function, context), tables);
    let schedule = Schedule::of(graph);
    for &block in &schedule.order {
        lowering.block(block, schedule.steps(block));
    }
    lowering.fail_block();
    lowering.entry.finish(&mut lowering.builder);
    lowering.builder.seal_all_blocks();
    lowering.builder.finalize(config);
}

pub(crate) struct Lowering<'g, 'f> {
    pub(crate) graph: &'g Graph,
    pub(crate) builder: FunctionBuilder<'f>,
    pub(crate) tables: &'f mut Tables,
    /// The tables that are there already.
    pub(crate) addresses: HashMap<MemberSetId, ir::GlobalValue, Hashing>,
    /// Where a table was found to stand, in the block that is being filled.
    pub(crate) found: HashMap<(MemberSetId, ir::Block), ir::Value, Hashing>,
    /// Where the pair of entries stands that was looked at last.
    pub(crate) pair: Option<ir::Value>,
    blocks: Vec<ir::Block>,
    /// Where failed checks go; if no block of the graph will do, it is made when the first is met.
    fail: Option<ir::Block>,
    pub(crate) entry: Entry,
    /// The IR value of each value where it was last computed, as the schedule has it; constants are made where they are
    /// used.
    values: Vec<Option<ir::Value>>,
}

impl<'g, 'f> Lowering<'g, 'f> {
    fn new(graph: &'g Graph, form: Form, mut builder: FunctionBuilder<'f>, tables: &'f mut Tables) -> Lowering<'g, 'f> {
        let blocks: Vec<ir::Block> = graph.blocks.iter().map(|_| builder.create_block()).collect();
        let mut values = vec![None; graph.values.len()];
        // The first block has no parameters of its own: no edge of the graph enters it.
        let entry = Entry::begin(form, &mut builder, blocks[0]);
        for (block, &ir_block) in graph.blocks.iter().zip(&blocks) {
            for parameter in &block.parameters {
                values[parameter.index()] = Some(builder.append_block_param(ir_block, types::I32));
            }
        }
        let (addresses, found) = (HashMap::default(), HashMap::default());
        // A cold block that drops will do for failed checks.
        let drop = graph.blocks.iter().position(|block| block.is_cold && graph.drops(block));
        let fail = drop.map(|index| blocks[index]);
        Lowering { graph, builder, tables, addresses, found, pair: None, blocks, fail, entry, values }
    }

    fn block(&mut self, id: BlockId, steps: &[Step]) {
        let block = self.graph.block(id);
        self.begin(self.blocks[id.index()], block.is_cold);
        for step in steps {
            match *step {
                Step::Check(check) => self.check(check, block.is_cold),
                Step::Define(id) => self.values[id.index()] = Some(self.define(self.graph.value(id), block.is_cold)),
            }
        }
        self.end(&block.terminator, block.is_cold);
    }

    /// The block that returns 0 for failed checks, out of the way of those that hold.
    fn fail_block(&mut self) {
        if let Some(fail) = self.fail.filter(|fail| !self.blocks.contains(fail)) {
            self.return_from(fail, |lowering| lowering.builder.ins().iconst(types::I32, 0));
        }
    }

    /// Fills a block that is seldom reached, and returns from it.
    fn return_from(&mut self, block: ir::Block, verdict: impl FnOnce(&mut Self) -> ir::Value) {
        self.begin(block, true);
        let verdict = verdict(self);
        self.entry.give(&mut self.builder, verdict);
    }

    fn check(&mut self, check: Check, is_cold: bool) {
        let holds = self.holds(check);
        let next = self.builder.create_block();
        let fail = match check {
            Check::Present(..) => self.builder.create_block(),
            Check::InBounds(..) | Check::NonZero(_) => *self.fail.get_or_insert_with(|| self.builder.create_block()),
        };
        self.builder.ins().brif(holds, next, &[], fail, &[]);
        if let Check::Present(_, verdict) = check {
            self.return_from(fail, |lowering| lowering.value(verdict));
        }
        self.begin(next, is_cold);
    }

    /// Goes on in this block.
    pub(crate) fn begin(&mut self, block: ir::Block, is_cold: bool) {
        self.builder.switch_to_block(block);
        if is_cold {
            self.builder.set_cold_block(block);
        }
    }

    /// Whether a check holds: zero if not.
    fn holds(&mut self, check: Check) -> ir::Value {
        match check {
            Check::InBounds(address, width) => self.in_bounds(address, width),
            Check::NonZero(value) => self.value(value),
            Check::Present(extension, _) => {
                let entry = self.entry_of(extension);
                self.builder.ins().icmp_imm_s(IntCC::NotEqual, entry, AncillaryValues::ABSENT.cast_signed())
            }
        }
    }

    fn in_bounds(&mut self, address: Address, width: Width) -> ir::Value {
        let end = address.end(width);
        match address.base {
            None => {
                let captured = self.entry.captured;
                let end = self.builder.ins().iconst(types::I64, end.cast_signed());
                self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, captured, end)
            }
            Some(base) => {
                // What ends below that is inside of what programs see if it is inside of what was captured.
                let ends_visibly = u64::from(self.graph.values.known(base).max) + end <= MAX_CAPTURED as u64;
                let captured = match ends_visibly {
                    true => self.entry.captured,
                    false => self.entry.visible(&mut self.builder),
                };
                let base = self.wide(base);
                let end = self.builder.ins().iadd_imm_s(base, end.cast_signed());
                self.builder.ins().icmp(IntCC::UnsignedLessThanOrEqual, end, captured)
            }
        }
    }

    /// A value, as an address is: 64 bits, the upper half 0.
    pub(crate) fn wide(&mut self, id: ValueId) -> ir::Value {
        let value = self.value(id);
        self.builder.ins().uextend(types::I64, value)
    }

    pub(crate) fn value(&mut self, id: ValueId) -> ir::Value {
        match (self.graph.value(id), self.values[id.index()]) {
            (Value::Constant(k), _) => self.builder.ins().iconst(types::I32, i64::from(k)),
            (_, Some(value)) => value,
            (_, None) => unreachable!("values are defined before they are used"),
        }
    }

    fn define(&mut self, value: Value, is_cold: bool) -> ir::Value {
        match value {
            Value::Constant(_) | Value::Parameter(_) => unreachable!("the schedule defines what is computed"),
            Value::WireLen => self.entry.wire_len(&mut self.builder),
            Value::Load(address, width, order) => self.load(address, width, order),
            Value::Ancillary(extension @ Extension::PayloadOffset) => {
                let wire_len = self.entry.wire_len(&mut self.builder);
                let facts = self.entry.facts(&mut self.builder);
                self.call(extension, [wire_len, facts])
            }
            Value::Ancillary(extension) => self.number(extension),
            Value::FindAttribute(extension, start, wanted) => {
                let arguments = [start, wanted].map(|id| self.value(id));
                self.call(extension, arguments)
            }
            Value::ResolvedOffset(offset) => self.position(offset, is_cold),
            Value::Random(count) => self.random(count),
            Value::Alu(op, left, right) => self.alu(op, left, right),
            Value::Negate(value) => {
                let value = self.value(value);
                self.builder.ins().ineg(value)
            }
            Value::Select(Test::Member(value, set), yes, no) => self.select_member(value, set, yes, no),
            Value::Select(test, yes, no) => {
                let holds = self.test(test);
                let (yes, no) = (self.value(yes), self.value(no));
                self.builder.ins().select(holds, yes, no)
            }
        }
    }

    fn load(&mut self, Address { base, offset }: Address, width: Width, order: ByteOrder) -> ir::Value {
        let mut address = self.entry.packet;
        if let Some(base) = base {
            let base = self.wide(base);
            address = self.builder.ins().iadd(address, base);
        }
        // An offset that does not fit is out of bounds, so its load is never reached; but it must have some address.
        let offset = match i32::try_from(offset) {
            Ok(offset) => offset,
            Err(_) => {
                address = self.builder.ins().iadd_imm_s(address, i64::from(offset));
                0
            }
        };
        load(&mut self.builder, address, offset, width, order)
    }

    fn alu(&mut self, op: AluOp, left: ValueId, right: ValueId) -> ir::Value {
        let (a, b) = (self.value(left), self.value(right));
        let may_be_long = self.graph.values.known(right).max >= 32;
        arithmetic(&mut self.builder, op, a, b, may_be_long)
    }

    fn end(&mut self, end: &Terminator, is_cold: bool) {
        match end {
            Terminator::Return(verdict) => {
                let verdict = self.value(*verdict);
                self.entry.give(&mut self.builder, verdict);
            }
            Terminator::Jump(edge) => {
                let (block, arguments) = self.edge(edge);
                self.builder.ins().jump(block, &arguments);
            }
            Terminator::Branch { test: Test::Member(value, set), then, otherwise } => {
                // What is found early need not be looked for longer.
                for probe in member_sets::probes(self.graph.sets.get(*set)) {
                    let (then, arguments) = self.edge(then);
                    let holds = self.probe(*value, *set, probe);
                    let next = self.builder.create_block();
                    self.builder.ins().brif(holds, then, &arguments, next, &[]);
                    self.begin(next, is_cold);
                }
                let (block, arguments) = self.edge(otherwise);
                self.builder.ins().jump(block, &arguments);
            }
            Terminator::Branch { test, then, otherwise } => {
                let holds = self.test(*test);
                let (then, then_arguments) = self.edge(then);
                let (otherwise, otherwise_arguments) = self.edge(otherwise);
                self.builder.ins().brif(holds, then, &then_arguments, otherwise, &otherwise_arguments);
            }
        }
    }

    fn edge(&mut self, edge: &Edge) -> (ir::Block, Vec<BlockArg>) {
        let arguments = edge.arguments.iter().map(|&argument| BlockArg::Value(self.value(argument))).collect();
        (self.blocks[edge.block.index()], arguments)
    }

    /// Whether a test holds: zero if not.
    fn test(&mut self, test: Test) -> ir::Value {
        match test {
            Test::Compare(condition, left, right) => self.compare(condition, left, right),
            Test::InBounds(address, width) => self.in_bounds(address, width),
            Test::Member(..) => unreachable!("a member is looked for probe by probe"),
        }
    }

    fn compare(&mut self, condition: Condition, left: ValueId, right: ValueId) -> ir::Value {
        let (a, b) = (self.value(left), self.value(right));
        let ins = self.builder.ins();
        match condition {
            Condition::Equal => ins.icmp(IntCC::Equal, a, b),
            Condition::NotEqual => ins.icmp(IntCC::NotEqual, a, b),
            Condition::Greater => ins.icmp(IntCC::UnsignedGreaterThan, a, b),
            Condition::LessOrEqual => ins.icmp(IntCC::UnsignedLessThanOrEqual, a, b),
            Condition::GreaterOrEqual => ins.icmp(IntCC::UnsignedGreaterThanOrEqual, a, b),
            Condition::Less => ins.icmp(IntCC::UnsignedLessThan, a, b),
            Condition::BitsSet => {
                let common = ins.band(a, b);
                self.builder.ins().icmp_imm_s(IntCC::NotEqual, common, 0)
            }
            Condition::BitsNotSet => {
                let common = ins.band(a, b);
                self.builder.ins().icmp_imm_s(IntCC::Equal, common, 0)
            }
        }
    }
}

/// A number of the packet; that it is in bounds has been found out before.
pub(crate) fn load(
    builder: &mut FunctionBuilder,
    address: ir::Value,
    offset: i32,
    width: Width,
    order: ByteOrder,
) -> ir::Value {
    let flags = MemFlagsData::new().with_notrap().with_readonly();
    let flags = if order == ByteOrder::Big { flags.with_endianness(Endianness::Little) } else { flags };
    let is_turned = order == ByteOrder::Big;
    let ins = builder.ins();
    match width {
        Width::Byte => ins.uload8(types::I32, flags, address, offset),
        Width::Half if is_turned => {
            let number = ins.load(types::I16, flags, address, offset);
            let number = builder.ins().bswap(number);
            builder.ins().uextend(types::I32, number)
        }
        Width::Half => ins.uload16(types::I32, flags, address, offset),
        Width::Word => {
            let number = ins.load(types::I32, flags, address, offset);
            if is_turned { builder.ins().bswap(number) } else { number }
        }
    }
}

/// The result of arithmetic; a divisor has been found not to be zero. If a shift may be by 32 or more, that gives 0, where
/// the machine would shift by the lower five bits of the count.
pub(crate) fn arithmetic(
    builder: &mut FunctionBuilder,
    op: AluOp,
    a: ir::Value,
    b: ir::Value,
    may_be_long: bool,
) -> ir::Value {
    let ins = builder.ins();
    let result = match op {
        AluOp::Add => ins.iadd(a, b),
        AluOp::Sub => ins.isub(a, b),
        AluOp::Mul => ins.imul(a, b),
        AluOp::Div => ins.udiv(a, b),
        AluOp::Mod => ins.urem(a, b),
        AluOp::And => ins.band(a, b),
        AluOp::Or => ins.bor(a, b),
        AluOp::Xor => ins.bxor(a, b),
        AluOp::Lsh => ins.ishl(a, b),
        AluOp::Rsh => ins.ushr(a, b),
    };
    if !op.is_shift() || !may_be_long {
        return result;
    }
    let is_short = builder.ins().icmp_imm_s(IntCC::UnsignedLessThan, b, 32);
    let zero = builder.ins().iconst(types::I32, 0);
    builder.ins().select(is_short, result, zero)
}
