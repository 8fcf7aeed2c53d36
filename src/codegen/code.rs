//! Compiled code, and the calls into it: with one packet, and with many.

use std::fmt;
use std::hint::black_box;
use std::marker::PhantomData;
use std::mem::offset_of;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::{Duration, Instant};

use crate::codegen::context_data::Facts;
use crate::codegen::memory::{Mapping, Place};
use crate::ir::{Graph, Strategy, Value};
use crate::packet::Packet;
use crate::packet::batch::{Layout, Packets, Span};

/// A whole function in memory, as `compile` leaves it there.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) place: Place,
    /// At which of its bytes it is entered.
    pub(crate) entry: usize,
    /// How long it is, with its tables, in bytes.
    pub(crate) size: usize,
}

impl Function {
    pub(crate) fn address(&self) -> *const u8 {
        self.place.address().wrapping_add(self.entry)
    }
}

/// The type of a compiled function: packet, captured length, length on the wire, facts.
type Entry = unsafe extern "C" fn(*const u8, u64, u32, *const Facts) -> u32;

/// A compiled program in executable memory, which lives as long as this or a clone of it.
#[derive(Clone)]
pub(crate) struct Code {
    entry: Entry,
    size: usize,
    _memory: Arc<Mapping>,
}

impl Code {
    /// The code of a function that was lowered as `Form::Single`.
    #[expect(unsafe_code, reason = "a function pointer is made of the address of compiled code")]
    pub(crate) fn new(function: Function) -> Code {
        // SAFETY: the function was lowered as `Form::Single`, whose signature is that of `Entry`; `_memory` keeps the code
        // mapped.
        let entry = unsafe { std::mem::transmute::<*const u8, Entry>(function.address()) };
        Code { entry, size: function.size, _memory: function.place.into_memory() }
    }

    /// Runs the code on a packet.
    #[inline]
    #[expect(unsafe_code, reason = "the call into compiled code")]
    pub(crate) fn call(&self, data: &[u8], wire_len: u32, facts: &Facts) -> u32 {
        // SAFETY: the code reads `data` behind bounds checks against its length, `facts` at the offsets of its entries
        // and the tables behind itself, gives
        // `data` and `facts` to the functions that those name, and writes nothing; the memory that it stands in is mapped while `self` is.
        unsafe { (self.entry)(data.as_ptr(), data.len() as u64, wire_len, facts) }
    }

    /// The size of the code and its tables, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

/// What the loop of a compiled function works through: `records` up to `end`, at least one, `stride` bytes apart.
///
/// A record has the address of a packet less `base` at [`Job::START`], the captured length at [`Job::CAPTURED`], both
/// 64 bits, and the length on the wire, 32 bits, at `wire_len_at`; if that is 0, the packet was captured whole.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Job<'f> {
    records: *const u8,
    end: *const u8,
    verdicts: *mut u32,
    base: *const u8,
    stride: usize,
    wire_len_at: usize,
    facts: *const Facts<'f>,
}

impl Job<'_> {
    pub(crate) const RECORDS: i32 = offset_of!(Job, records) as i32;
    pub(crate) const END: i32 = offset_of!(Job, end) as i32;
    pub(crate) const VERDICTS: i32 = offset_of!(Job, verdicts) as i32;
    pub(crate) const BASE: i32 = offset_of!(Job, base) as i32;
    pub(crate) const STRIDE: i32 = offset_of!(Job, stride) as i32;
    pub(crate) const WIRE_LEN_AT: i32 = offset_of!(Job, wire_len_at) as i32;
    pub(crate) const FACTS: i32 = offset_of!(Job, facts) as i32;

    /// Where a record has the start of its packet: 8 bytes.
    pub(crate) const START: i32 = 0;
    /// Where it has the captured length: 8 bytes.
    pub(crate) const CAPTURED: i32 = 8;
}

/// Packets that lie as a [`Job`] has them.
#[derive(Clone, Copy)]
pub(crate) struct Records<'p> {
    first: *const u8,
    count: usize,
    stride: usize,
    base: *const u8,
    wire_len_at: usize,
    packets: Packets<'p>,
}

impl<'p> Records<'p> {
    /// The packets, if this build of the program lays them out as is needed.
    pub(crate) fn of(packets: Packets<'p>) -> Option<Records<'p>> {
        let (none, whole) = (ptr::null(), 0);
        if size_of::<usize>() != 8 {
            // There is code for 64-bit machines only.
            return None;
        }
        Some(match packets.layout() {
            Layout::Slices(slices) if slices_are_records() => Records::new(packets, slices, none, whole),
            // Where it is an `iovec`: an address and a length.
            Layout::IoSlices(slices) if cfg!(unix) => Records::new(packets, slices, none, whole),
            Layout::Packets(records) if slices_are_records() && Packet::DATA_AT == 0 => {
                Records::new(packets, records, none, Packet::WIRE_LEN_AT)
            }
            Layout::Frames(frames) => {
                const { assert!(offset_of!(Span, start) == 0 && offset_of!(Span, captured) == size_of::<usize>()) };
                Records::new(packets, frames.spans(), frames.buffer().as_ptr(), offset_of!(Span, wire_len))
            }
            _ => return None,
        })
    }

    fn new<T>(packets: Packets<'p>, records: &[T], base: *const u8, wire_len_at: usize) -> Records<'p> {
        let (first, count) = (records.as_ptr().cast(), records.len());
        Records { first, count, stride: size_of::<T>(), base, wire_len_at, packets }
    }

    /// The packets from a place on.
    pub(crate) fn packets(&self, from: usize) -> impl Iterator<Item = Packet<'p>> {
        let packets = self.packets;
        (from..self.count).map_while(move |place| packets.get(place))
    }

    /// Where a record stands; the one behind the last has a place, too.
    fn record(&self, place: usize) -> *const u8 {
        self.first.wrapping_add(place * self.stride)
    }

    /// Where a packet begins.
    #[expect(unsafe_code, reason = "a record is read")]
    fn packet(&self, place: usize) -> *const u8 {
        assert!(place < self.count);
        // SAFETY: the record is one of the slice's, and begins with a pointer or a number of that size, both initialised.
        let start = unsafe { self.record(place).cast::<*const u8>().read() };
        self.base.wrapping_add(start.addr())
    }

    /// Goes through some places in order, stretch by stretch, while the packets of the next one are fetched if that pays.
    pub(crate) fn in_stretches(
        &self,
        places: Range<usize>,
        looked_at: Option<LookedAt>,
        mut run: impl FnMut(Range<usize>),
    ) {
        let stretches = |places: Range<usize>, len: usize| {
            let end = places.end;
            places.step_by(len).map(move |start| start..end.min(start + len))
        };
        for stretch in stretches(places, STRETCH) {
            let is_worth = |&at: &LookedAt| stretch.len() < WORTH_ASKING || self.are_cold(stretch.clone(), at);
            let Some(looked_at) = looked_at.filter(is_worth) else {
                run(stretch);
                continue;
            };
            self.prefetch(stretch.start..stretch.start + AHEAD, looked_at);
            for places in stretches(stretch, AHEAD) {
                self.prefetch(places.end..places.end + AHEAD, looked_at);
                run(places);
            }
        }
    }

    /// Whether these packets are outside of the cache: then a look at a few of them takes long.
    fn are_cold(&self, places: Range<usize>, looked_at: LookedAt) -> bool {
        let step = (places.len() / SAMPLES).max(1);
        let start = Instant::now();
        for packet in places.step_by(step).filter_map(|place| self.packets.get(place)) {
            black_box(packet.data().get(looked_at.first).copied());
        }
        start.elapsed() > LONG
    }

    /// Has the machine fetch what a program looks at.
    fn prefetch(&self, places: Range<usize>, looked_at: LookedAt) {
        for place in places.start..places.end.min(self.count) {
            let packet = self.packet(place);
            prefetch(packet.wrapping_add(looked_at.first));
            if let Some(last) = looked_at.last {
                prefetch(packet.wrapping_add(last));
            }
        }
    }
}

/// The bytes of a packet that a program may look at, as far as that is known before it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LookedAt {
    pub(crate) first: usize,
    /// The last, if it may lie in another line of the cache, and data flow looks at it whatever the first says. To fetch
    /// for branches what they seldom look at takes longer than it saves.
    pub(crate) last: Option<usize>,
}

impl LookedAt {
    /// What addresses that are computed mostly lead to: what follows an IPv6 header, or an IPv4 header and a few bytes.
    pub(crate) const COMPUTED: usize = 58;

    /// What a set looks at: the type of a frame, and of IPv4 or IPv6 the addresses and ports.
    pub(crate) const SETS: LookedAt = LookedAt { first: 12, last: Some(LookedAt::COMPUTED) };

    /// What a graph looks at, unless that is nothing.
    pub(crate) fn of(graph: &Graph) -> Option<LookedAt> {
        let (mut first, mut last) = (usize::MAX, 0);
        for value in graph.values.iter() {
            if let Value::Load(address, ..) = value {
                let place = if address.base.is_some() { LookedAt::COMPUTED } else { address.offset as usize };
                (first, last) = (first.min(place), last.max(place));
            }
        }
        let is_worth = graph.strategy() != Strategy::Branches && last >= first.saturating_add(8);
        (first <= last).then_some(LookedAt { first, last: is_worth.then_some(last) })
    }
}

/// How many packets are fetched ahead.
const AHEAD: usize = 16;

/// How many packets are run, ahead or not, until it is asked again whether that pays.
const STRETCH: usize = 1024;

/// How many of a stretch are looked at.
const SAMPLES: usize = 8;

/// The fewest packets that are worth asking; fewer are fetched ahead.
const WORTH_ASKING: usize = 128;

/// How long the look takes at least if memory must answer: it alone takes longer, and two looks at the clock and a cache
/// take some 30 ns. A slow clock makes all packets cold, which costs half a nanosecond a packet.
const LONG: Duration = Duration::from_nanos(80);

#[inline]
#[cfg_attr(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    expect(unsafe_code, reason = "an instruction of the machine")
)]
fn prefetch(address: *const u8) {
    // SAFETY: every x86-64 has SSE, and the instruction changes nothing and never faults.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    // SAFETY: the instruction changes nothing and never faults.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

/// Whether a slice is its address and its length, 64 bits each, in this order; Rust does not say.
#[expect(unsafe_code, reason = "looks at the layout of a slice")]
fn slices_are_records() -> bool {
    let slice: &[u8] = &[1, 2, 3];
    // SAFETY: a slice has a pointer and a length, both initialised; `transmute` compares the sizes.
    let [first, second] = unsafe { std::mem::transmute::<&[u8], [usize; 2]>(slice) };
    first == slice.as_ptr().addr() && second == slice.len()
}

/// A value that is made when it is first needed.
///
/// Unlike a `OnceLock` it has nobody wait: two threads may both make it, and the second one's is dropped. So it does not
/// hold up a process that was forked in the middle of that.
pub(crate) struct Lazily<T: Send + Sync> {
    /// Of a box that nobody else has, or null.
    value: AtomicPtr<T>,
    _owned: PhantomData<Box<T>>,
}

impl<T: Send + Sync> Lazily<T> {
    pub(crate) const fn new() -> Lazily<T> {
        Lazily { value: AtomicPtr::new(ptr::null_mut()), _owned: PhantomData }
    }

    #[inline]
    #[expect(unsafe_code, reason = "a pointer that other threads may set")]
    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: if it is not null, `get_or_set` made it of a box, which `drop` alone takes back, and nobody changes the value.
        unsafe { self.value.load(Ordering::Acquire).as_ref() }
    }

    /// Sets the value, unless there is one; returns the value that there is then, and whether it is this one.
    #[expect(unsafe_code, reason = "a pointer that came from a box")]
    pub(crate) fn get_or_set(&self, value: T) -> (&T, bool) {
        let new = Box::into_raw(Box::new(value));
        match self.value.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: as in `get`.
            Ok(_) => (unsafe { &*new }, true),
            Err(old) => {
                // SAFETY: it came from the box above, and nobody else has seen it.
                drop(unsafe { Box::from_raw(new) });
                // SAFETY: as in `get`.
                (unsafe { &*old }, false)
            }
        }
    }
}

impl<T: Send + Sync> Drop for Lazily<T> {
    #[expect(unsafe_code, reason = "a pointer that came from a box")]
    fn drop(&mut self) {
        let value = *self.value.get_mut();
        if !value.is_null() {
            // SAFETY: it came from a box in `get_or_set`, and nobody borrows it any more.
            drop(unsafe { Box::from_raw(value) });
        }
    }
}

impl<T: Send + Sync> fmt::Debug for Lazily<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lazily").field("is_set", &self.get().is_some()).finish()
    }
}

/// A compiled program with a loop around it, in executable memory, which lives as long as this.
pub(crate) struct BatchCode {
    entry: unsafe extern "C" fn(*const Job),
    /// What it is worth to fetch ahead.
    looked_at: Option<LookedAt>,
    _memory: Arc<Mapping>,
}

impl BatchCode {
    /// The code of a function that was lowered as `Form::Batch`.
    #[expect(unsafe_code, reason = "a function pointer is made of the address of compiled code")]
    pub(crate) fn new(function: Function, looked_at: Option<LookedAt>) -> BatchCode {
        // SAFETY: the function was lowered as `Form::Batch`, whose signature this is; `_memory` keeps the code mapped.
        let entry = unsafe { std::mem::transmute::<*const u8, unsafe extern "C" fn(*const Job)>(function.address()) };
        BatchCode { entry, looked_at, _memory: function.place.into_memory() }
    }

    /// Runs the code on all packets; there are as many verdicts.
    pub(crate) fn call(&self, records: &Records, verdicts: &mut [u32], facts: &Facts) {
        assert_eq!(records.count, verdicts.len());
        self.call_from(0, records, verdicts, facts);
    }

    /// Runs the code on the packets from `first` on, as many as there are verdicts.
    pub(crate) fn call_from(&self, first: usize, records: &Records, verdicts: &mut [u32], facts: &Facts) {
        records.in_stretches(first..first + verdicts.len(), self.looked_at, |places| {
            self.run(records, places.start, &mut verdicts[places.start - first..places.end - first], facts);
        });
    }

    /// Runs the code on the packets from `start` on, as many as there are verdicts.
    #[inline]
    #[expect(unsafe_code, reason = "the call into compiled code")]
    fn run(&self, records: &Records, start: usize, verdicts: &mut [u32], facts: &Facts) {
        let end = start + verdicts.len();
        assert!(start < end && end <= records.count);
        let job = Job {
            records: records.record(start),
            end: records.record(end),
            verdicts: verdicts.as_mut_ptr(),
            base: records.base,
            stride: records.stride,
            wire_len_at: records.wire_len_at,
            facts,
        };
        // SAFETY: the code reads the records from `start` to `end`, which exist and are not none, and their packets, which
        // `'p` keeps in place, behind bounds checks against their lengths; it stores a verdict for each. Else it reads
        // `facts` and its own tables, and gives packets and `facts` to the functions that those name. The memory that it stands in is mapped while `self` is.
        unsafe { (self.entry)(&raw const job) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_stays() {
        let (value, first) = (Lazily::new(), Arc::new(1));
        assert_eq!(value.get(), None);
        assert!(value.get_or_set(first.clone()).1);
        assert!(!value.get_or_set(Arc::new(2)).1);
        assert_eq!((value.get().map(|value| **value), Arc::strong_count(&first)), (Some(1), 2));
        drop(value);
        assert_eq!(Arc::strong_count(&first), 1);
    }

    /// If this fails, batches are still right, but run one by one.
    #[test]
    fn slices_have_the_layout_that_batches_hope_for() {
        assert!(slices_are_records());
        assert_eq!(Packet::DATA_AT, 0);
    }
}
