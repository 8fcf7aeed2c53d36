//! Compiled code, and the calls into it: with one packet, and with a batch.

use std::ffi::c_void;
use std::mem::offset_of;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

use crate::codegen::context_data::ContextData;
use crate::codegen::memory::{MappedPages, PlacedCode};
use crate::codegen::records::{PacketRecords, PrefetchRange};
use crate::codegen::vector::VectorCode;
use crate::codegen::words::Words;
use crate::ir::{ContextInputs, OpenConstant};
use crate::packet::Packet;
use crate::packet::ancillary::Extension;
use crate::packet::batch::{Layout, Packets};
use crate::packet::context::Context;

/// A compiled function in executable memory.
#[derive(Debug)]
pub(crate) struct CompiledFunction {
    pub(crate) code: PlacedCode,
    /// The offset of the entry point, in bytes.
    pub(crate) entry: usize,
    /// The size with the constant tables, in bytes.
    pub(crate) size: usize,
}

impl CompiledFunction {
    /// Returns the address of the entry point.
    pub(crate) fn address(&self) -> *const u8 {
        self.code.address().wrapping_add(self.entry)
    }
}

/// The signature of `CodeKind::Single`: packet, captured length, length on the wire, and context data, or, if the code
/// reads no context, [`Words::argument`].
type FilterFn = unsafe extern "C" fn(*const u8, u64, u32, *const c_void) -> u32;

/// The code of all filters of a shape for one packet, without their constants.
pub(crate) struct FilterTemplate {
    function: FilterFn,
    size: usize,
    inputs: ContextInputs,
    open: Vec<OpenConstant>,
    pages: Arc<MappedPages>,
}

/// The code of a filter for one packet. Clones share it, and so do filters of one [`FilterTemplate`].
#[derive(Clone)]
pub(crate) struct FilterCode(Kind);

#[derive(Clone)]
enum Kind {
    /// Code without context inputs.
    Plain(OwnedFilterFn),
    Contextual(OwnedFilterFn, ContextInputs),
}

#[derive(Clone)]
struct OwnedFilterFn {
    function: FilterFn,
    size: usize,
    /// As many as the code reads.
    words: Words,
    /// Keeps the code mapped.
    _pages: Arc<MappedPages>,
}

impl FilterTemplate {
    /// Makes a compiled function callable.
    ///
    /// # Safety
    /// The function was lowered as `CodeKind::Single`, from a graph with these context inputs and open constants.
    #[expect(unsafe_code, reason = "a function pointer is made of the address of compiled code")]
    pub(crate) unsafe fn new(
        function: CompiledFunction,
        inputs: ContextInputs,
        open: Vec<OpenConstant>,
    ) -> FilterTemplate {
        // SAFETY: `FilterFn` is the signature of `CodeKind::Single`, and `pages` keeps the code mapped.
        let entry = unsafe { std::mem::transmute::<*const u8, FilterFn>(function.address()) };
        FilterTemplate { function: entry, size: function.size, inputs, open, pages: function.code.into_pages() }
    }

    /// Returns the code of the filter with these constants.
    pub(crate) fn filter(&self, constants: &[u32]) -> FilterCode {
        let &FilterTemplate { function, size, inputs, .. } = self;
        let words = Words::new(&self.open, constants);
        let owned = OwnedFilterFn { function, size, words, _pages: self.pages.clone() };
        FilterCode(if inputs.is_empty() { Kind::Plain(owned) } else { Kind::Contextual(owned, inputs) })
    }
}

impl FilterCode {
    /// Returns the verdict on a packet.
    #[inline]
    pub(crate) fn run(&self, packet: Packet) -> u32 {
        match &self.0 {
            Kind::Plain(code) => code.call(packet, code.words.argument()),
            Kind::Contextual(code, inputs) => {
                ContextData::with(*inputs, packet.context(), code.words.as_slice(), |context| {
                    code.call(packet, ptr::from_ref(context).cast())
                })
            }
        }
    }

    /// Returns the values of the open constants.
    pub(crate) fn words(&self) -> &Words {
        let (Kind::Plain(code) | Kind::Contextual(code, _)) = &self.0;
        &code.words
    }

    /// Returns whether the code reads no context.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.0, Kind::Plain(_))
    }

    /// Returns the size of the code and its tables, in bytes.
    pub(crate) fn size(&self) -> usize {
        let (Kind::Plain(code) | Kind::Contextual(code, _)) = &self.0;
        code.size
    }
}

impl OwnedFilterFn {
    #[inline]
    #[expect(unsafe_code, reason = "the call into compiled code")]
    fn call(&self, packet: Packet, context: *const c_void) -> u32 {
        let data = packet.data();
        // SAFETY: the caller of `FilterTemplate::new` vouches for the signature, the context inputs and the open
        // constants. `context` points to context data that holds these inputs and the words, or, if there are no
        // inputs, is or points to the words. The code reads `data` after bounds checks against its length, context data
        // at the offsets of its fields, as many words as there are, and its own constant tables; it passes `data` and
        // `context` to the functions whose addresses `context` holds, and writes nothing. `self` keeps it mapped.
        unsafe { (self.function)(data.as_ptr(), data.len() as u64, packet.wire_len(), context) }
    }
}

/// The input of a compiled loop: at least one record from `records` up to `end`, `stride` bytes apart.
///
/// A record holds the address of a packet less `base` at [`BatchJob::START`] and the captured length at
/// [`BatchJob::CAPTURED`], 64 bits each, and the length on the wire, 32 bits, at `wire_len_at`. If `wire_len_at` is 0,
/// all packets were captured whole.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct BatchJob<'f> {
    records: *const u8,
    end: *const u8,
    verdicts: *mut u32,
    base: *const u8,
    stride: usize,
    wire_len_at: usize,
    context: *const ContextData<'f>,
}

impl BatchJob<'_> {
    pub(crate) const RECORDS: i32 = offset_of!(BatchJob, records) as i32;
    pub(crate) const END: i32 = offset_of!(BatchJob, end) as i32;
    pub(crate) const VERDICTS: i32 = offset_of!(BatchJob, verdicts) as i32;
    pub(crate) const BASE: i32 = offset_of!(BatchJob, base) as i32;
    pub(crate) const STRIDE: i32 = offset_of!(BatchJob, stride) as i32;
    pub(crate) const WIRE_LEN_AT: i32 = offset_of!(BatchJob, wire_len_at) as i32;
    pub(crate) const CONTEXT: i32 = offset_of!(BatchJob, context) as i32;

    /// The offset of the address of a packet in its record: 8 bytes.
    pub(crate) const START: i32 = 0;
    /// The offset of the captured length in a record: 8 bytes.
    pub(crate) const CAPTURED: i32 = 8;
}

/// The signature of `CodeKind::Batch`.
type BatchFn = unsafe extern "C" fn(*const BatchJob);

/// The code of a loop over packets.
pub(crate) struct BatchCode {
    function: BatchFn,
    inputs: ContextInputs,
    prefetched: Option<PrefetchRange>,
    /// The number of words that the code reads.
    words: usize,
    /// Keeps the code mapped.
    _pages: Arc<MappedPages>,
}

impl BatchCode {
    /// Makes a compiled loop callable; `prefetched` is the range of each packet to prefetch.
    ///
    /// # Safety
    /// The function was lowered as `CodeKind::Batch`, from a graph with these context inputs and `words` open
    /// constants.
    #[expect(unsafe_code, reason = "a function pointer is made of the address of compiled code")]
    pub(crate) unsafe fn new(
        function: CompiledFunction,
        inputs: ContextInputs,
        prefetched: Option<PrefetchRange>,
        words: usize,
    ) -> BatchCode {
        // SAFETY: `BatchFn` is the signature of `CodeKind::Batch`, and `_pages` keeps the code mapped.
        let entry = unsafe { std::mem::transmute::<*const u8, BatchFn>(function.address()) };
        BatchCode { function: entry, inputs, prefetched, words, _pages: function.code.into_pages() }
    }

    /// Writes the verdicts on all packets and returns `true`, or returns `false` if they must be run one by one:
    /// filters that draw random numbers, contexts that differ, and layouts that the loop cannot read. `words` are those
    /// of the same graph, and `vectors`, which run where they are faster, have the same verdicts.
    ///
    /// # Panics
    /// If there are not as many verdicts as packets.
    pub(crate) fn run(
        &self,
        packets: Packets,
        words: &Words,
        vectors: Option<&VectorCode>,
        verdicts: &mut [u32],
    ) -> bool {
        let have_contexts = matches!(packets.layout(), Layout::Packets(_));
        if self.inputs.contains_extension(Extension::Random) || have_contexts && self.inputs.need_context() {
            return false;
        }
        let Some(records) = PacketRecords::of(packets) else { return false };
        assert_eq!(records.len(), verdicts.len());
        self.run_words(0, &records, words.as_slice(), vectors, verdicts);
        true
    }

    /// Writes the verdicts on the packets from `first` on, one for each element of `verdicts`, in the default context.
    pub(crate) fn run_from(&self, first: usize, records: &PacketRecords, verdicts: &mut [u32]) {
        self.run_words(first, records, &[], None, verdicts);
    }

    fn run_words(
        &self,
        first: usize,
        records: &PacketRecords,
        words: &[u32],
        vectors: Option<&VectorCode>,
        verdicts: &mut [u32],
    ) {
        assert!(words.len() >= self.words, "the words are those of another graph");
        ContextData::with(self.inputs, &Context::DEFAULT, words, |context| {
            let run_loop = |start: usize, verdicts: &mut [u32]| self.call(records, start, verdicts, context);
            if let Some(vectors) = vectors {
                return vectors.run(first, records, self.prefetched, verdicts, run_loop);
            }
            records.in_chunks(first..first + verdicts.len(), self.prefetched, PacketRecords::DISTANCE, |chunk| {
                run_loop(chunk.start, &mut verdicts[chunk.start - first..chunk.end - first]);
            });
        });
    }

    #[inline]
    #[expect(unsafe_code, reason = "a call that passes what is wanted")]
    fn call(&self, records: &PacketRecords, start: usize, verdicts: &mut [u32], context: &ContextData) {
        // SAFETY: the code stores a verdict for each record, and there are as many.
        unsafe { self.call_with(records, start..start + verdicts.len(), verdicts.as_mut_ptr(), context) };
    }

    /// Calls the code, which has no context inputs and no words, for the packets in a range.
    ///
    /// # Safety
    /// The code may write what it writes for as many packets at `output`.
    #[inline]
    #[expect(unsafe_code, reason = "trusts its caller")]
    pub(crate) unsafe fn call_for(&self, records: &PacketRecords, range: Range<usize>, output: *mut u32) {
        assert!(self.inputs.is_empty() && self.words == 0);
        // SAFETY: as the caller vouches.
        unsafe { self.call_with(records, range, output, &ContextData::NONE) };
    }

    /// # Safety
    /// The code may write what it writes for as many packets at `output`.
    #[inline]
    #[expect(unsafe_code, reason = "the call into compiled code")]
    unsafe fn call_with(&self, records: &PacketRecords, range: Range<usize>, output: *mut u32, context: &ContextData) {
        assert!(range.start < range.end && range.end <= records.len());
        let job = BatchJob {
            records: records.record(range.start),
            end: records.record(range.end),
            verdicts: output,
            base: records.base(),
            stride: records.stride(),
            wire_len_at: records.wire_len_at(),
            context,
        };
        // SAFETY: the caller of `new` vouches for the signature, the inputs and the number of words, all of which
        // `context` holds. The code reads the records from `start` to `end`, which exist and are at least one, and
        // their packets, which `records` borrows, after bounds checks against their lengths; it stores at `output` what
        // the caller vouches for. It also reads `context`, its words and its own tables, and passes packets and
        // `context` to the functions whose addresses `context` holds. `self` keeps it mapped.
        unsafe { (self.function)(&raw const job) };
    }
}
