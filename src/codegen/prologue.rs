//! The code before and after a graph: for one packet, or a loop over a batch of packets.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, AbiParam, Block, BlockArg, InstBuilder, MemFlagsData, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;

use crate::codegen::code::BatchJob;
use crate::codegen::words::{LoopWords, WordsAt};
use crate::packet::MAX_CAPTURED;

/// The type of an address: there is native code for 64-bit machines only.
pub(crate) const POINTER: ir::Type = types::I64;

/// Returns a 32-bit number as a parameter or a result. The calling conventions of riscv64 and s390x demand that it is
/// extended to a register: the former repeats the highest bit, of unsigned numbers, too. Others leave the upper half
/// open.
pub(crate) fn number() -> AbiParam {
    let number = AbiParam::new(types::I32);
    match () {
        () if cfg!(target_arch = "riscv64") => number.sext(),
        () if cfg!(target_arch = "s390x") => number.uext(),
        () => number,
    }
}

/// The two kinds of functions that a graph is compiled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeKind {
    /// One packet: (packet, captured, wire_len, context) -> verdict, where `captured` is at most [`MAX_CAPTURED`], and
    /// `context` is that of [`WordsAt`].
    Single,
    /// A loop: takes the address of a [`BatchJob`] with at least one packet, and stores the verdicts.
    Batch,
}

impl CodeKind {
    pub(crate) fn signature(self, call_conv: CallConv) -> Signature {
        let mut signature = Signature::new(call_conv);
        match self {
            CodeKind::Single => {
                let [pointer, wide] = [POINTER, types::I64].map(AbiParam::new);
                signature.params.extend([pointer, wide, number(), pointer]);
                signature.returns.push(number());
            }
            CodeKind::Batch => signature.params.push(AbiParam::new(POINTER)),
        }
        signature
    }
}

/// The inputs of a graph, and the way to return its verdict.
pub(crate) struct Prologue {
    /// The address of the packet.
    pub(crate) packet: Value,
    /// The number of captured bytes; in a batch it may be larger than [`MAX_CAPTURED`].
    pub(crate) captured: Value,
    kind: Kind,
}

enum Kind {
    Single { wire_len: Value, context: Value, words: WordsAt },
    Batch(BatchLoop),
}

/// The loop around a graph.
struct BatchLoop {
    job: Value,
    stride: Value,
    end: Value,
    /// The words of the filter, if there are any.
    words: Option<LoopWords>,
    /// The addresses of the current record and of its verdict: the parameters of `header`.
    record: Value,
    verdict: Value,
    header: Block,
    /// The block that returns.
    exit: Block,
}

impl Prologue {
    /// Emits the code that leads to `first`, the first block of the graph, which is still empty; `words` says where the
    /// words of the filter are, and how many.
    pub(crate) fn begin(
        kind: CodeKind,
        builder: &mut FunctionBuilder,
        first: Block,
        words: (WordsAt, usize),
    ) -> Prologue {
        match kind {
            CodeKind::Single => {
                builder.append_block_params_for_function_params(first);
                let [packet, captured, wire_len, context] = *builder.block_params(first) else {
                    unreachable!("the signature has four parameters")
                };
                Prologue { packet, captured, kind: Kind::Single { wire_len, context, words: words.0 } }
            }
            CodeKind::Batch => Prologue::begin_loop(builder, first, words.1),
        }
    }

    fn begin_loop(builder: &mut FunctionBuilder, first: Block, words: usize) -> Prologue {
        let [start, header, exit] = [(); 3].map(|()| builder.create_block());
        builder.append_block_params_for_function_params(start);
        builder.switch_to_block(start);
        let job = builder.block_params(start)[0];
        let fields = [BatchJob::RECORDS, BatchJob::VERDICTS, BatchJob::END, BatchJob::STRIDE, BatchJob::BASE];
        let [records, verdicts, end, stride, base] = fields.map(|field| read(builder, types::I64, job, field));
        let words = (words > 0).then(|| {
            let context = read(builder, POINTER, job, BatchJob::CONTEXT);
            LoopWords::begin(builder, context, words)
        });
        builder.ins().jump(header, &[records, verdicts].map(BlockArg::Value));

        let [record, verdict] = [(); 2].map(|()| builder.append_block_param(header, POINTER));
        builder.switch_to_block(header);
        let start = read(builder, types::I64, record, BatchJob::START);
        let captured = read(builder, types::I64, record, BatchJob::CAPTURED);
        let packet = builder.ins().iadd(base, start);
        builder.ins().jump(first, &[]);
        let batch = BatchLoop { job, stride, end, words, record, verdict, header, exit };
        Prologue { packet, captured, kind: Kind::Batch(batch) }
    }

    /// Emits the number of captured bytes, at most [`MAX_CAPTURED`].
    pub(crate) fn visible_len(&self, builder: &mut FunctionBuilder) -> Value {
        match self.kind {
            Kind::Single { .. } => self.captured,
            Kind::Batch(_) => {
                let most = builder.ins().iconst(types::I64, MAX_CAPTURED as i64);
                let is_more = builder.ins().icmp(IntCC::UnsignedGreaterThan, self.captured, most);
                builder.ins().select(is_more, most, self.captured)
            }
        }
    }

    /// Emits the length on the wire.
    pub(crate) fn wire_len(&self, builder: &mut FunctionBuilder) -> Value {
        match &self.kind {
            Kind::Single { wire_len, .. } => *wire_len,
            Kind::Batch(batch) => {
                let offset = read(builder, types::I64, batch.job, BatchJob::WIRE_LEN_AT);
                let address = builder.ins().iadd(batch.record, offset);
                let wire_len = read(builder, types::I32, address, 0);
                let visible = self.visible_len(builder);
                let visible = builder.ins().ireduce(types::I32, visible);
                builder.ins().select(offset, wire_len, visible)
            }
        }
    }

    /// Emits the address of the context data.
    pub(crate) fn context(&self, builder: &mut FunctionBuilder) -> Value {
        match &self.kind {
            Kind::Single { context, .. } => *context,
            Kind::Batch(batch) => read(builder, POINTER, batch.job, BatchJob::CONTEXT),
        }
    }

    /// Emits a word of the filter.
    pub(crate) fn word(&self, builder: &mut FunctionBuilder, index: usize) -> Value {
        match &self.kind {
            Kind::Single { context, words, .. } => words.read(builder, *context, index),
            Kind::Batch(batch) => batch.words.as_ref().expect("code has its words").read(builder, index),
        }
    }

    /// Returns the address of the verdict, in a batch.
    pub(crate) fn verdict_address(&self) -> Option<Value> {
        match &self.kind {
            Kind::Single { .. } => None,
            Kind::Batch(batch) => Some(batch.verdict),
        }
    }

    /// Ends the current block with a verdict.
    pub(crate) fn return_verdict(&self, builder: &mut FunctionBuilder, verdict: Value) {
        let Kind::Batch(batch) = &self.kind else {
            builder.ins().return_(&[verdict]);
            return;
        };
        builder.ins().store(MemFlagsData::trusted(), verdict, batch.verdict, 0);
        let record = builder.ins().iadd(batch.record, batch.stride);
        let next = builder.ins().iadd_imm_s(batch.verdict, size_of::<u32>() as i64);
        let is_end = builder.ins().icmp(IntCC::Equal, record, batch.end);
        builder.ins().brif(is_end, batch.exit, &[], batch.header, &[record, next].map(BlockArg::Value));
    }

    /// Fills the exit of a loop.
    pub(crate) fn finish(&self, builder: &mut FunctionBuilder) {
        if let Kind::Batch(batch) = &self.kind {
            builder.switch_to_block(batch.exit);
            builder.ins().return_(&[]);
        }
    }
}

/// Loads a field of a job, a record, or the context data.
pub(crate) fn read(builder: &mut FunctionBuilder, ty: ir::Type, address: Value, offset: i32) -> Value {
    builder.ins().load(ty, MemFlagsData::trusted().with_readonly(), address, offset)
}
