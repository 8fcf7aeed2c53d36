//! Compiled code, and the calls into it: with one packet, and with a batch.

use std::mem::offset_of;
use std::sync::Arc;

use crate::codegen::context_data::{AncillaryValues, ContextData};
use crate::codegen::memory::{MappedPages, PlacedCode};
use crate::codegen::records::{PacketRecords, PrefetchRange};
use crate::ir::ContextInputs;
use crate::packet::Packet;
use crate::packet::ancillary::Extension;
use crate::packet::batch::{Layout, Packets};
use crate::packet::context::Context;

/// A compiled function in memory.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) place: PlacedCode,
    /// The offset of the entry point, in bytes.
    pub(crate) entry: usize,
    /// The size with the constant tables, in bytes.
    pub(crate) size: usize,
}

impl Function {
    pub(crate) fn address(&self) -> *const u8 {
        self.place.address().wrapping_add(self.entry)
    }
}

/// The type of a compiled filter: packet, captured length, length on the wire, context data.
type Entry = unsafe extern "C" fn(*const u8, u64, u32, *const ContextData) -> u32;

/// A compiled filter, which keeps its code mapped.
#[derive(Clone)]
pub(crate) struct Code(Kind);

#[derive(Clone)]
enum Kind {
    /// Code without context inputs.
    Plain(Mapped),
    Contextual(Mapped, ContextInputs),
}

#[derive(Clone)]
struct Mapped {
    entry: Entry,
    size: usize,
    _memory: Arc<MappedPages>,
}

impl Code {
    /// Takes a function into use.
    ///
    /// # Safety
    /// The function was lowered as `Form::Single`, from a graph whose context inputs are `inputs`.
    #[expect(unsafe_code, reason = "a function pointer is made of the address of compiled code")]
    pub(crate) unsafe fn new(function: Function, inputs: ContextInputs) -> Code {
        // SAFETY: `Entry` is the signature of `Form::Single`, and `_memory` keeps the code mapped.
        let entry = unsafe { std::mem::transmute::<*const u8, Entry>(function.address()) };
        let mapped = Mapped { entry, size: function.size, _memory: function.place.into_pages() };
        Code(if inputs.is_empty() { Kind::Plain(mapped) } else { Kind::Contextual(mapped, inputs) })
    }

    /// Returns the verdict on a packet.
    #[inline]
    pub(crate) fn run(&self, packet: &Packet) -> u32 {
        match &self.0 {
            Kind::Plain(code) => code.call(packet, &ContextData::NONE),
            Kind::Contextual(code, inputs) => code.call_in_context(packet, *inputs),
        }
    }

    /// Returns the size of the code and its tables, in bytes.
    pub(crate) fn size(&self) -> usize {
        let (Kind::Plain(code) | Kind::Contextual(code, _)) = &self.0;
        code.size
    }
}

impl Mapped {
    fn call_in_context(&self, packet: &Packet, inputs: ContextInputs) -> u32 {
        let context = packet.context();
        if inputs.has_extensions() {
            self.call(packet, &ContextData::new(context, &AncillaryValues::new(context, inputs.extensions())))
        } else {
            self.call(packet, &ContextData::new(context, &AncillaryValues::NONE))
        }
    }

    #[inline]
    #[expect(unsafe_code, reason = "the call into compiled code")]
    fn call(&self, packet: &Packet, context: &ContextData) -> u32 {
        let data = packet.data();
        // SAFETY: `Code::new` vouches for the signature, and that the graph has no other context inputs than `context`
        // answers. The code reads `data` after bounds checks against its length, `context` at the offsets of its fields,
        // and its own constant tables; it passes `data` and `context` to the functions whose addresses `context` holds,
        // and writes nothing. `self` keeps it mapped.
        unsafe { (self.entry)(data.as_ptr(), data.len() as u64, packet.wire_len(), context) }
    }
}

/// The input of a compiled loop: at least one record from `records` up to `end`, `stride` bytes apart.
///
/// A record holds the address of a packet less `base` at [`BatchJob::START`] and the captured length at
/// [`BatchJob::CAPTURED`], 64 bits each, and the length on the wire, 32 bits, at `wire_len_at`. A length on the wire of 0
/// stands for a packet that was captured whole.
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

/// A compiled filter with a loop around it, which keeps its code mapped.
pub(crate) struct BatchCode {
    entry: unsafe extern "C" fn(*const BatchJob),
    inputs: ContextInputs,
    prefetched: Option<PrefetchRange>,
    _memory: Arc<MappedPages>,
}

impl BatchCode {
    /// Takes a function into use, and prefetches a range of each packet.
    ///
    /// # Safety
    /// The function was lowered as `Form::Batch`, from a graph whose context inputs are `inputs`.
    #[expect(unsafe_code, reason = "a function pointer is made of the address of compiled code")]
    pub(crate) unsafe fn new(
        function: Function,
        inputs: ContextInputs,
        prefetched: Option<PrefetchRange>,
    ) -> BatchCode {
        // SAFETY: this is the signature of `Form::Batch`, and `_memory` keeps the code mapped.
        let entry =
            unsafe { std::mem::transmute::<*const u8, unsafe extern "C" fn(*const BatchJob)>(function.address()) };
        BatchCode { entry, inputs, prefetched, _memory: function.place.into_pages() }
    }

    /// Writes the verdicts on all packets and returns `true`, or returns `false` if they must be run one by one: filters
    /// that draw random numbers, contexts that differ, and layouts that the loop cannot read.
    ///
    /// # Panics
    /// If there are not as many verdicts as packets.
    pub(crate) fn run(&self, packets: Packets, verdicts: &mut [u32]) -> bool {
        let have_contexts = matches!(packets.layout(), Layout::Packets(_));
        if self.inputs.contains_extension(Extension::Random) || have_contexts && self.inputs.need_context() {
            return false;
        }
        let Some(records) = PacketRecords::of(packets) else { return false };
        assert_eq!(records.len(), verdicts.len());
        self.run_from(0, &records, verdicts);
        true
    }

    /// Writes the verdicts on the packets from `first` on, as many as there is room for, in the default context.
    pub(crate) fn run_from(&self, first: usize, records: &PacketRecords, verdicts: &mut [u32]) {
        let values = AncillaryValues::new(&Context::DEFAULT, self.inputs.extensions());
        let context = ContextData::new(&Context::DEFAULT, &values);
        records.in_stretches(first..first + verdicts.len(), self.prefetched, |places| {
            let verdicts = &mut verdicts[places.start - first..places.end - first];
            self.call(records, places.start, verdicts, &context);
        });
    }

    #[inline]
    #[expect(unsafe_code, reason = "the call into compiled code")]
    fn call(&self, records: &PacketRecords, start: usize, verdicts: &mut [u32], context: &ContextData) {
        let end = start + verdicts.len();
        assert!(start < end && end <= records.len());
        let job = BatchJob {
            records: records.record(start),
            end: records.record(end),
            verdicts: verdicts.as_mut_ptr(),
            base: records.base(),
            stride: records.stride(),
            wire_len_at: records.wire_len_at(),
            context,
        };
        // SAFETY: `new` vouches for the signature and the inputs. The code reads the records from `start` to `end`, which
        // exist and are at least one, and their packets, which `records` borrows, after bounds checks against their
        // lengths; it stores a verdict for each. Else it reads `context` and its own tables, and passes packets and
        // `context` to the functions whose addresses `context` holds. `self` keeps it mapped.
        unsafe { (self.entry)(&raw const job) };
    }
}
