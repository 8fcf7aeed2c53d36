//! Lowers graphs to Cranelift IR: one IR block for each block, one after each check, and one for all failed checks.
//!
//! Loads are marked as not trapping but not as movable: each must stay after its bounds check.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, BlockArg, InstBuilder, types};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use crate::bpf::isa::{AluOp, Condition, Width};
use crate::codegen::constant_tables::ConstantTables;
use crate::codegen::context_data::AncillaryValues;
use crate::codegen::prologue::{CodeKind, Prologue};
use crate::codegen::words::WordsAt;
use crate::codegen::{member_sets, operations};
use crate::ir::{
    Address, BlockId, ByteOrder, Check, Edge, Graph, Hashing, MemberSetId, OpenConstant, Schedule, Step, Terminator,
    Test, Value, ValueId,
};
use crate::packet::MAX_CAPTURED;
use crate::packet::ancillary::Extension;

/// Fills `function`, which has the signature of `kind`, with the code of `graph`.
pub(crate) fn lower(
    graph: &Graph,
    kind: CodeKind,
    function: &mut ir::Function,
    context: &mut FunctionBuilderContext,
    config: TargetFrontendConfig,
    tables: &mut ConstantTables,
) {
    let mut lowering = Lowering::new(graph, kind, FunctionBuilder::new(function, context), tables);
    let schedule = Schedule::of(graph);
    for &block in &schedule.order {
        lowering.block(block, schedule.steps(block));
    }
    lowering.fail_block();
    lowering.prologue.finish(&mut lowering.builder);
    lowering.builder.seal_all_blocks();
    lowering.builder.finalize(config);
}

pub(crate) struct Lowering<'g, 'f> {
    pub(crate) graph: &'g Graph,
    pub(crate) builder: FunctionBuilder<'f>,
    pub(crate) tables: &'f mut ConstantTables,
    /// The tables that were added.
    pub(crate) table_symbols: HashMap<MemberSetId, ir::GlobalValue, Hashing>,
    /// The addresses of tables, by the block that computes them.
    pub(crate) table_addresses: HashMap<(MemberSetId, ir::Block), ir::Value, Hashing>,
    /// The address of the pair of slots that was probed last.
    pub(crate) pair: Option<ir::Value>,
    blocks: Vec<ir::Block>,
    /// The target of failed checks: a block of the graph, or one that the first check creates.
    fail: Option<ir::Block>,
    pub(crate) prologue: Prologue,
    /// The open constants, in the order of the words.
    open: Vec<OpenConstant>,
    /// The latest IR value of each value, in the order of the schedule; constants, open ones too, are emitted at each
    /// use.
    values: Vec<Option<ir::Value>>,
}

impl<'g, 'f> Lowering<'g, 'f> {
    fn new(
        graph: &'g Graph,
        kind: CodeKind,
        mut builder: FunctionBuilder<'f>,
        tables: &'f mut ConstantTables,
    ) -> Lowering<'g, 'f> {
        let blocks: Vec<ir::Block> = graph.blocks.iter().map(|_| builder.create_block()).collect();
        let mut values = vec![None; graph.values.len()];
        // The first block has no parameters of its own: no edge of the graph enters it.
        let open = graph.open_constants();
        let words = (WordsAt::of(graph, open.len()), open.len());
        let prologue = Prologue::begin(kind, &mut builder, blocks[0], words);
        for (block, &ir_block) in graph.blocks.iter().zip(&blocks) {
            for parameter in &block.parameters {
                values[parameter.index()] = Some(builder.append_block_param(ir_block, types::I32));
            }
        }
        let (table_symbols, table_addresses) = (HashMap::default(), HashMap::default());
        // Failed checks can share a cold block that returns 0.
        let drop = graph.blocks.iter().position(|block| block.is_cold && graph.drops(block));
        let fail = drop.map(|index| blocks[index]);
        let pair = None;
        Lowering { graph, builder, tables, table_symbols, table_addresses, pair, blocks, fail, prologue, open, values }
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

    /// Fills the block of failed checks, which returns 0.
    fn fail_block(&mut self) {
        if let Some(fail) = self.fail.filter(|fail| !self.blocks.contains(fail)) {
            self.return_from(fail, |lowering| lowering.builder.ins().iconst(types::I32, 0));
        }
    }

    /// Fills a cold block that returns a verdict.
    fn return_from(&mut self, block: ir::Block, verdict: impl FnOnce(&mut Self) -> ir::Value) {
        self.begin(block, true);
        let verdict = verdict(self);
        self.prologue.return_verdict(&mut self.builder, verdict);
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

    /// Continues in a block.
    pub(crate) fn begin(&mut self, block: ir::Block, is_cold: bool) {
        self.builder.switch_to_block(block);
        if is_cold {
            self.builder.set_cold_block(block);
        }
    }

    /// Emits whether a check holds: not zero if so.
    fn holds(&mut self, check: Check) -> ir::Value {
        match check {
            Check::InBounds(address, width) => self.in_bounds(address, width),
            Check::NonZero(value) => self.value(value),
            Check::Present(extension, _) => {
                let value = self.ancillary_value(extension);
                self.builder.ins().icmp_imm_s(IntCC::NotEqual, value, AncillaryValues::ABSENT.cast_signed())
            }
        }
    }

    fn in_bounds(&mut self, address: Address, width: Width) -> ir::Value {
        let end = address.end(width);
        // The captured length may exceed what programs see, but not change the outcome for a load that ends below.
        let captured = match address.base {
            Some(base) if u64::from(self.graph.values.known(base).max) + end > MAX_CAPTURED as u64 => {
                self.prologue.visible_len(&mut self.builder)
            }
            _ => self.prologue.captured,
        };
        let base = address.base.map(|base| self.value(base));
        operations::is_in_bounds(&mut self.builder, base, end, captured)
    }

    /// Emits a value, extended to 64 bits.
    pub(crate) fn wide(&mut self, id: ValueId) -> ir::Value {
        let value = self.value(id);
        self.builder.ins().uextend(types::I64, value)
    }

    pub(crate) fn value(&mut self, id: ValueId) -> ir::Value {
        match (self.graph.value(id), self.values[id.index()]) {
            (Value::Constant(k), _) => self.builder.ins().iconst(types::I32, i64::from(k)),
            (Value::Open(open), _) => {
                let index = self.open.iter().position(|&other| other == open);
                self.prologue.word(&mut self.builder, index.expect("the graph has listed its open constants"))
            }
            (_, Some(value)) => value,
            (_, None) => unreachable!("values are defined before they are used"),
        }
    }

    fn define(&mut self, value: Value, is_cold: bool) -> ir::Value {
        match value {
            Value::Constant(_) | Value::Open(_) | Value::Parameter(_) => {
                unreachable!("the schedule defines what is computed")
            }
            Value::WireLen => self.prologue.wire_len(&mut self.builder),
            Value::Load(address, width, order) => self.load(address, width, order),
            Value::Ancillary(extension @ Extension::PayloadOffset) => {
                let wire_len = self.prologue.wire_len(&mut self.builder);
                let context = self.prologue.context(&mut self.builder);
                self.call(extension, [wire_len, context])
            }
            Value::Ancillary(extension) => self.ancillary_number(extension),
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
        let base = base.map(|base| self.value(base));
        let mut address = operations::packet_address(&mut self.builder, self.prologue.packet, base);
        // A load whose offset does not fit is out of bounds and never reached, but needs a valid instruction.
        let offset = match i32::try_from(offset) {
            Ok(offset) => offset,
            Err(_) => {
                address = self.builder.ins().iadd_imm_s(address, i64::from(offset));
                0
            }
        };
        operations::load(&mut self.builder, address, offset, width, order)
    }

    fn alu(&mut self, op: AluOp, left: ValueId, right: ValueId) -> ir::Value {
        let (a, b) = (self.value(left), self.value(right));
        let may_overshift = self.graph.values.known(right).max >= 32;
        operations::arithmetic(&mut self.builder, op, a, b, may_overshift)
    }

    fn end(&mut self, end: &Terminator, is_cold: bool) {
        match end {
            Terminator::Return(verdict) => {
                let verdict = self.value(*verdict);
                self.prologue.return_verdict(&mut self.builder, verdict);
            }
            Terminator::Jump(edge) => {
                let (block, arguments) = self.edge(edge);
                self.builder.ins().jump(block, &arguments);
            }
            Terminator::Branch { test: Test::Member(value, set), then, otherwise } => {
                // A branch for each probe skips the later probes.
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

    /// Emits whether a test holds: not zero if so.
    fn test(&mut self, test: Test) -> ir::Value {
        match test {
            Test::Compare(condition, left, right) => self.compare(condition, left, right),
            Test::InBounds(address, width) => self.in_bounds(address, width),
            Test::Member(..) => unreachable!("membership is tested probe by probe"),
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
