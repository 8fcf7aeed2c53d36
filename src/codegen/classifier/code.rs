//! The code of a set of filters, which looks things up in tables that others made.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, Value, types};
use cranelift_frontend::FunctionBuilder;

use crate::codegen::code::BatchCode;
use crate::codegen::compile::compile_function;
use crate::codegen::entry::{Entry, Form, POINTER};
use crate::codegen::error::CompileError;
use crate::codegen::memory::MappedPages;
use crate::codegen::records::{PacketRecords, PrefetchRange};
use crate::ir::ContextInputs;

/// What the code of a set finds at its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arguments {
    /// The address of the packet.
    pub(crate) packet: Value,
    /// How many bytes of it were captured, 64 bits.
    pub(crate) captured: Value,
    /// Its length on the wire, 32 bits.
    pub(crate) wire_len: Value,
    /// Where what is found may be written.
    pub(crate) found: Value,
}

/// The type of a compiled function: packet, captured length, length on the wire, where to write; the answer.
type Function = unsafe extern "C" fn(*const u8, u64, u32, *mut u64) -> u64;

/// Compiled code with the tables that it reads, in executable memory, which lives as long as this.
pub(crate) struct SetCode {
    entry: Function,
    room: usize,
    /// What the code has addresses of.
    _tables: Arc<dyn Any + Send + Sync>,
    _memory: Arc<MappedPages>,
}

/// Compiles a function.
///
/// # Safety
/// `fill` builds all of it. The function may read the packet within its bounds, what `tables` holds until it is dropped, and
/// constants, and it writes at most `room` numbers to [`Arguments::found`].
#[expect(unsafe_code, reason = "trusts its caller")]
pub(crate) unsafe fn compile_set(
    tables: Arc<dyn Any + Send + Sync>,
    room: usize,
    fill: impl FnOnce(&mut FunctionBuilder, Arguments) + Send,
) -> Result<SetCode, CompileError> {
    let signature = |call_conv| {
        let mut signature = Signature::new(call_conv);
        signature.params.extend([POINTER, types::I64, types::I32, POINTER].map(AbiParam::new));
        signature.returns.push(AbiParam::new(types::I64));
        signature
    };
    let function = compile_function(signature, |builder| {
        let start = builder.create_block();
        builder.append_block_params_for_function_params(start);
        builder.switch_to_block(start);
        let [packet, captured, wire_len, found] = *builder.block_params(start) else {
            unreachable!("the signature has four parameters")
        };
        fill(builder, Arguments { packet, captured, wire_len, found });
    })?;
    // SAFETY: the function has the signature above, which is that of `Function`; `_memory` keeps the code mapped.
    let entry = unsafe { std::mem::transmute::<*const u8, Function>(function.address()) };
    Ok(SetCode { entry, room, _tables: tables, _memory: function.place.into_pages() })
}

/// Compiled code for many packets, with the tables that it reads.
pub(crate) struct SetBatchCode {
    code: BatchCode,
    /// What the code has addresses of.
    _tables: Arc<dyn Any + Send + Sync>,
}

/// Compiles a loop over packets.
///
/// # Safety
/// `fill` builds the code for one of them. It may read the packet within its bounds, what `tables` holds until it is
/// dropped, and constants; it writes nothing, and each of its paths ends with the function that it is given and an
/// answer, 32 bits.
#[expect(unsafe_code, reason = "trusts its caller")]
pub(crate) unsafe fn compile_set_batch(
    tables: Arc<dyn Any + Send + Sync>,
    fill: impl FnOnce(&mut FunctionBuilder, Arguments, &dyn Fn(&mut FunctionBuilder, Value)) + Send,
) -> Result<SetBatchCode, CompileError> {
    let function = compile_function(
        |call_conv| Form::Batch.signature(call_conv),
        |builder| {
            let first = builder.create_block();
            let entry = Entry::begin(Form::Batch, builder, first);
            builder.switch_to_block(first);
            let (captured, wire_len) = (entry.visible(builder), entry.wire_len(builder));
            let found = builder.ins().iconst(types::I64, 0);
            let arguments = Arguments { packet: entry.packet, captured, wire_len, found };
            fill(builder, arguments, &|builder, answer| entry.give(builder, answer));
            entry.finish(builder);
        },
    )?;
    // SAFETY: `Entry::begin` and the signature are those of `Form::Batch`, and the code reads no context data.
    let code = unsafe { BatchCode::new(function, ContextInputs::default(), PrefetchRange::SETS) };
    Ok(SetBatchCode { code, _tables: tables })
}

impl SetBatchCode {
    /// Runs the code on the packets from `first` on, as many as there are answers.
    pub(crate) fn call_from(&self, first: usize, records: &PacketRecords, answers: &mut [u32]) {
        self.code.run_from(first, records, answers);
    }
}

impl fmt::Debug for SetBatchCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetBatchCode").finish_non_exhaustive()
    }
}

impl SetCode {
    /// How many numbers the code may write.
    pub(crate) fn room(&self) -> usize {
        self.room
    }

    /// Runs the code on a packet.
    ///
    /// # Panics
    /// If there is not enough room.
    #[inline]
    #[expect(unsafe_code, reason = "the call into compiled code")]
    pub(crate) fn call(&self, data: &[u8], wire_len: u32, found: &mut [u64]) -> u64 {
        assert!(found.len() >= self.room);
        // SAFETY: the code reads `data` behind bounds checks against its length, and the tables, which `self` keeps; it
        // writes no more numbers than there is room for. The memory that it stands in is mapped while `self` is.
        unsafe { (self.entry)(data.as_ptr(), data.len() as u64, wire_len, found.as_mut_ptr()) }
    }
}

impl fmt::Debug for SetCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetCode").field("room", &self.room).finish()
    }
}
