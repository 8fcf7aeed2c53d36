//! How compiled code is entered and left: with one packet, or with a batch of them, in a loop around the graph.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, AbiParam, Block, BlockArg, InstBuilder, MemFlagsData, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;

use crate::codegen::code::BatchJob;
use crate::packet::MAX_CAPTURED;

/// The type of an address; Cranelift makes code for 64-bit machines only.
pub(crate) const POINTER: ir::Type = types::I64;

/// What a compiled function takes and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One packet: (packet, captured, wire_len, facts) -> verdict, where `captured` is at most [`MAX_CAPTURED`].
    Single,
    /// The address of a [`BatchJob`] with at least one packet; it stores the verdicts.
    Batch,
}

impl Form {
    pub(crate) fn signature(self, call_conv: CallConv) -> Signature {
        let mut signature = Signature::new(call_conv);
        match self {
            Form::Single => {
                signature.params.extend([POINTER, types::I64, types::I32, POINTER].map(AbiParam::new));
                signature.returns.push(AbiParam::new(types::I32));
            }
            Form::Batch => signature.params.push(AbiParam::new(POINTER)),
        }
        signature
    }
}

/// What the code of a graph finds at its start, and what becomes of its verdict.
pub(crate) struct Entry {
    /// The address of the packet.
    pub(crate) packet: Value,
    /// How many bytes were captured; in a batch it may be more than programs see.
    pub(crate) captured: Value,
    frame: Frame,
}

enum Frame {
    Single { wire_len: Value, facts: Value },
    Batch(Loop),
}

/// The loop around the graph.
struct Loop {
    job: Value,
    stride: Value,
    end: Value,
    /// The record at hand, and where its verdict goes.
    record: Value,
    verdict: Value,
    /// Where a record begins: its parameters are those two.
    head: Block,
    /// Where the function ends.
    done: Block,
}

impl Entry {
    /// Makes what leads to `first`, the first block of the graph, which is not filled yet.
    pub(crate) fn begin(form: Form, builder: &mut FunctionBuilder, first: Block) -> Entry {
        match form {
            Form::Single => {
                builder.append_block_params_for_function_params(first);
                let [packet, captured, wire_len, facts] = *builder.block_params(first) else {
                    unreachable!("the signature has four parameters")
                };
                Entry { packet, captured, frame: Frame::Single { wire_len, facts } }
            }
            Form::Batch => Entry::begin_loop(builder, first),
        }
    }

    fn begin_loop(builder: &mut FunctionBuilder, first: Block) -> Entry {
        let [start, head, done] = [(); 3].map(|()| builder.create_block());
        builder.append_block_params_for_function_params(start);
        builder.switch_to_block(start);
        let job = builder.block_params(start)[0];
        let fields = [BatchJob::RECORDS, BatchJob::VERDICTS, BatchJob::END, BatchJob::STRIDE, BatchJob::BASE];
        let [records, verdicts, end, stride, base] = fields.map(|field| read(builder, types::I64, job, field));
        builder.ins().jump(head, &[records, verdicts].map(BlockArg::Value));

        let [record, verdict] = [(); 2].map(|()| builder.append_block_param(head, POINTER));
        builder.switch_to_block(head);
        let start = read(builder, types::I64, record, BatchJob::START);
        let captured = read(builder, types::I64, record, BatchJob::CAPTURED);
        let packet = builder.ins().iadd(base, start);
        builder.ins().jump(first, &[]);
        Entry { packet, captured, frame: Frame::Batch(Loop { job, stride, end, record, verdict, head, done }) }
    }

    /// How many bytes programs see.
    pub(crate) fn visible(&self, builder: &mut FunctionBuilder) -> Value {
        match self.frame {
            Frame::Single { .. } => self.captured,
            Frame::Batch(_) => {
                let most = builder.ins().iconst(types::I64, MAX_CAPTURED as i64);
                let is_more = builder.ins().icmp(IntCC::UnsignedGreaterThan, self.captured, most);
                builder.ins().select(is_more, most, self.captured)
            }
        }
    }

    /// The length on the wire.
    pub(crate) fn wire_len(&self, builder: &mut FunctionBuilder) -> Value {
        match &self.frame {
            Frame::Single { wire_len, .. } => *wire_len,
            Frame::Batch(batch) => {
                let offset = read(builder, types::I64, batch.job, BatchJob::WIRE_LEN_AT);
                let place = builder.ins().iadd(batch.record, offset);
                let wire_len = read(builder, types::I32, place, 0);
                let visible = self.visible(builder);
                let visible = builder.ins().ireduce(types::I32, visible);
                builder.ins().select(offset, wire_len, visible)
            }
        }
    }

    /// The address of the facts.
    pub(crate) fn facts(&self, builder: &mut FunctionBuilder) -> Value {
        match &self.frame {
            Frame::Single { facts, .. } => *facts,
            Frame::Batch(batch) => read(builder, POINTER, batch.job, BatchJob::CONTEXT),
        }
    }

    /// Ends the block at hand with a verdict.
    pub(crate) fn give(&self, builder: &mut FunctionBuilder, verdict: Value) {
        let Frame::Batch(batch) = &self.frame else {
            builder.ins().return_(&[verdict]);
            return;
        };
        builder.ins().store(MemFlagsData::trusted(), verdict, batch.verdict, 0);
        let record = builder.ins().iadd(batch.record, batch.stride);
        let next = builder.ins().iadd_imm_s(batch.verdict, size_of::<u32>() as i64);
        let is_end = builder.ins().icmp(IntCC::Equal, record, batch.end);
        builder.ins().brif(is_end, batch.done, &[], batch.head, &[record, next].map(BlockArg::Value));
    }

    /// Fills what the blocks of the graph leave open.
    pub(crate) fn finish(&self, builder: &mut FunctionBuilder) {
        if let Frame::Batch(batch) = &self.frame {
            builder.switch_to_block(batch.done);
            builder.ins().return_(&[]);
        }
    }
}

/// A field of a job, a record, or the facts.
pub(crate) fn read(builder: &mut FunctionBuilder, ty: ir::Type, address: Value, offset: i32) -> Value {
    builder.ins().load(ty, MemFlagsData::trusted().with_readonly(), address, offset)
}
