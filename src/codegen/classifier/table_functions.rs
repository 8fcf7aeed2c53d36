//! Compiled functions that read the tables of a classifier.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use cranelift_codegen::ir::{AbiParam, Signature, Value, types};
use cranelift_frontend::FunctionBuilder;

use crate::codegen::code::BatchCode;
use crate::codegen::compile::compile_function;
use crate::codegen::error::CompileError;
use crate::codegen::memory::MappedPages;
use crate::codegen::prologue::{CodeKind, POINTER, Prologue, number};
use crate::codegen::records::{PacketRecords, PrefetchRange};
use crate::codegen::vector::{Columns, LANES};
use crate::codegen::words::WordsAt;
use crate::ir::ContextInputs;

/// The inputs of the code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arguments {
    /// The address of the packet.
    pub(crate) packet: Value,
    /// The number of captured bytes, 64 bits.
    pub(crate) captured: Value,
    /// The length on the wire, 32 bits.
    pub(crate) wire_len: Value,
    /// The address of the output; in a loop that of the packet's answer.
    pub(crate) output: Value,
}

/// The signature of a function: packet, captured length, length on the wire, output; the answer.
type TableFn = unsafe extern "C" fn(*const u8, u64, u32, *mut u64) -> u64;

/// A compiled function for one packet, with the tables that it reads.
pub(crate) struct TableFunction {
    function: TableFn,
    output_len: usize,
    /// The memory that the code has addresses of.
    _tables: Arc<dyn Any + Send + Sync>,
    /// Keeps the code mapped.
    _pages: Arc<MappedPages>,
}

/// Compiles a function for one packet.
///
/// # Safety
/// The code that `fill` emits, including its returns, reads only the packet within its bounds, constants, and memory
/// that lives as long as `tables`, and writes only the first `output_len` elements of [`Arguments::output`].
#[expect(unsafe_code, reason = "trusts its caller")]
pub(crate) unsafe fn compile_table_function(
    tables: Arc<dyn Any + Send + Sync>,
    output_len: usize,
    fill: impl FnOnce(&mut FunctionBuilder, Arguments) + Send,
) -> Result<TableFunction, CompileError> {
    let signature = |call_conv| {
        let mut signature = Signature::new(call_conv);
        let [pointer, wide] = [POINTER, types::I64].map(AbiParam::new);
        signature.params.extend([pointer, wide, number(), pointer]);
        signature.returns.push(AbiParam::new(types::I64));
        signature
    };
    let function = compile_function(signature, |builder| {
        let start = builder.create_block();
        builder.append_block_params_for_function_params(start);
        builder.switch_to_block(start);
        let [packet, captured, wire_len, output] = *builder.block_params(start) else {
            unreachable!("the signature has four parameters")
        };
        fill(builder, Arguments { packet, captured, wire_len, output });
    })?;
    // SAFETY: `TableFn` is the signature above; `_pages` keeps the code mapped.
    let entry = unsafe { std::mem::transmute::<*const u8, TableFn>(function.address()) };
    Ok(TableFunction { function: entry, output_len, _tables: tables, _pages: function.code.into_pages() })
}

/// A compiled loop over packets, with the tables that it reads.
pub(crate) struct TableLoop {
    code: BatchCode,
    /// The memory that the code has addresses of.
    _tables: Arc<dyn Any + Send + Sync>,
}

/// Compiles a loop over packets.
///
/// # Safety
/// The code that `fill` emits for a packet reads only the packet within its bounds, constants, and memory that lives as
/// long as `tables`, and writes nothing, or what [`TableLoop::run_columns`] says after [`Arguments::output`]. Each
/// of its paths ends with a call of the function that `fill` is given, with an answer of 32 bits.
#[expect(unsafe_code, reason = "trusts its caller")]
pub(crate) unsafe fn compile_table_loop(
    tables: Arc<dyn Any + Send + Sync>,
    fill: impl FnOnce(&mut FunctionBuilder, Arguments, &dyn Fn(&mut FunctionBuilder, Value)) + Send,
) -> Result<TableLoop, CompileError> {
    let function = compile_function(
        |call_conv| CodeKind::Batch.signature(call_conv),
        |builder| {
            let first = builder.create_block();
            let prologue = Prologue::begin(CodeKind::Batch, builder, first, (WordsAt::Argument, 0));
            builder.switch_to_block(first);
            let (captured, wire_len) = (prologue.visible_len(builder), prologue.wire_len(builder));
            let output = prologue.verdict_address().expect("a loop stores verdicts");
            let arguments = Arguments { packet: prologue.packet, captured, wire_len, output };
            fill(builder, arguments, &|builder, answer| prologue.return_verdict(builder, answer));
            prologue.finish(builder);
        },
    )?;
    // SAFETY: the signature and the prologue are those of `CodeKind::Batch`, and the caller vouches that the code reads
    // no context data.
    let code = unsafe { BatchCode::new(function, ContextInputs::default(), PrefetchRange::CLASSIFIER, 0) };
    Ok(TableLoop { code, _tables: tables })
}

impl TableLoop {
    /// Writes the answers for the packets from `first` on, one for each element of `answers`.
    pub(crate) fn run_from(&self, first: usize, records: &PacketRecords, answers: &mut [u32]) {
        self.code.run_from(first, records, answers);
    }

    /// Writes the columns of the packets in a range, at most [`LANES`]: the answers and what follows them, column by
    /// column.
    ///
    /// # Safety
    /// The code writes only a number of 32 bits to each of the first `columns` columns, at the place of the packet.
    #[expect(unsafe_code, reason = "trusts its caller")]
    pub(crate) unsafe fn run_columns(&self, records: &PacketRecords, range: Range<usize>, columns: &mut Columns) {
        assert!(range.len() <= LANES);
        // SAFETY: there is a place for each packet in each column, and the caller vouches for the number of columns.
        unsafe { self.code.call_for(records, range, columns.as_mut_ptr().cast()) };
    }
}

impl fmt::Debug for TableLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableLoop").finish_non_exhaustive()
    }
}

impl TableFunction {
    /// Returns the length of the output, in entries, that a call needs.
    pub(crate) fn output_len(&self) -> usize {
        self.output_len
    }

    /// Returns the answer for a packet.
    ///
    /// # Panics
    /// If the output is too short.
    #[inline]
    #[expect(unsafe_code, reason = "the call into compiled code")]
    pub(crate) fn call(&self, data: &[u8], wire_len: u32, output: &mut [u64]) -> u64 {
        assert!(output.len() >= self.output_len);
        // SAFETY: the caller of `compile_table_function` vouches that the code reads `data` within its length and
        // tables that `_tables` owns, and writes at most `output_len` elements. `_pages` keeps the code mapped.
        unsafe { (self.function)(data.as_ptr(), data.len() as u64, wire_len, output.as_mut_ptr()) }
    }
}

impl fmt::Debug for TableFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableFunction").field("output_len", &self.output_len).finish_non_exhaustive()
    }
}
