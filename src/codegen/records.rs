//! Batches of packets as an array of records, which compiled loops read, and the prefetching of their packets.

use std::hint::black_box;
use std::mem::offset_of;
use std::ops::Range;
use std::ptr;
use std::time::{Duration, Instant};

use crate::ir::{Graph, Strategy, Value};
use crate::packet::Packet;
use crate::packet::batch::{Layout, Packets, Span};

/// Packets that lie as a [`BatchJob`] has them.
#[derive(Clone, Copy)]
pub(crate) struct PacketRecords<'p> {
    first: *const u8,
    count: usize,
    stride: usize,
    base: *const u8,
    wire_len_at: usize,
    packets: Packets<'p>,
}

impl<'p> PacketRecords<'p> {
    /// The packets, if this build of the program lays them out as is needed.
    pub(crate) fn of(packets: Packets<'p>) -> Option<PacketRecords<'p>> {
        let (none, whole) = (ptr::null(), 0);
        if size_of::<usize>() != 8 {
            // There is code for 64-bit machines only.
            return None;
        }
        Some(match packets.layout() {
            Layout::Slices(slices) if slices_are_records() => PacketRecords::new(packets, slices, none, whole),
            // Where it is an `iovec`: an address and a length.
            Layout::IoSlices(slices) if cfg!(unix) => PacketRecords::new(packets, slices, none, whole),
            Layout::Packets(records) if slices_are_records() && Packet::DATA_AT == 0 => {
                PacketRecords::new(packets, records, none, Packet::WIRE_LEN_AT)
            }
            Layout::Frames(frames) => {
                const { assert!(offset_of!(Span, start) == 0 && offset_of!(Span, captured) == size_of::<usize>()) };
                PacketRecords::new(packets, frames.spans(), frames.buffer().as_ptr(), offset_of!(Span, wire_len))
            }
            _ => return None,
        })
    }

    fn new<T>(packets: Packets<'p>, records: &[T], base: *const u8, wire_len_at: usize) -> PacketRecords<'p> {
        let (first, count) = (records.as_ptr().cast(), records.len());
        PacketRecords { first, count, stride: size_of::<T>(), base, wire_len_at, packets }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Returns the address that the addresses in records are relative to.
    pub(crate) fn base(&self) -> *const u8 {
        self.base
    }

    /// Returns the offset of the length on the wire in a record.
    pub(crate) fn wire_len_at(&self) -> usize {
        self.wire_len_at
    }

    /// The packets from a place on.
    pub(crate) fn packets(&self, from: usize) -> impl Iterator<Item = Packet<'p>> {
        let packets = self.packets;
        (from..self.count).map_while(move |place| packets.get(place))
    }

    /// Where a record stands; the one behind the last has a place, too.
    pub(crate) fn record(&self, place: usize) -> *const u8 {
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
        prefetched: Option<PrefetchRange>,
        mut run: impl FnMut(Range<usize>),
    ) {
        let stretches = |places: Range<usize>, len: usize| {
            let end = places.end;
            places.step_by(len).map(move |start| start..end.min(start + len))
        };
        for stretch in stretches(places, STRETCH) {
            let is_worth = |&at: &PrefetchRange| stretch.len() < WORTH_ASKING || self.are_cold(stretch.clone(), at);
            let Some(prefetched) = prefetched.filter(is_worth) else {
                run(stretch);
                continue;
            };
            self.prefetch(stretch.start..stretch.start + AHEAD, prefetched);
            for places in stretches(stretch, AHEAD) {
                self.prefetch(places.end..places.end + AHEAD, prefetched);
                run(places);
            }
        }
    }

    /// Whether these packets are outside of the cache: then a look at a few of them takes long.
    fn are_cold(&self, places: Range<usize>, prefetched: PrefetchRange) -> bool {
        let step = (places.len() / SAMPLES).max(1);
        let start = Instant::now();
        for packet in places.step_by(step).filter_map(|place| self.packets.get(place)) {
            black_box(packet.data().get(prefetched.first).copied());
        }
        start.elapsed() > LONG
    }

    /// Has the machine fetch what a program looks at.
    fn prefetch(&self, places: Range<usize>, prefetched: PrefetchRange) {
        for place in places.start..places.end.min(self.count) {
            let packet = self.packet(place);
            prefetch(packet.wrapping_add(prefetched.first));
            if let Some(last) = prefetched.last {
                prefetch(packet.wrapping_add(last));
            }
        }
    }
}

/// The bytes of a packet that a program may look at, as far as that is known before it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PrefetchRange {
    pub(crate) first: usize,
    /// The last, if it may lie in another line of the cache, and data flow looks at it whatever the first says. To fetch
    /// for branches what they seldom look at takes longer than it saves.
    pub(crate) last: Option<usize>,
}

impl PrefetchRange {
    /// What addresses that are computed mostly lead to: what follows an IPv6 header, or an IPv4 header and a few bytes.
    pub(crate) const COMPUTED: usize = 58;

    /// What a set looks at: the type of a frame, and of IPv4 or IPv6 the addresses and ports.
    pub(crate) const SETS: Option<PrefetchRange> =
        Some(PrefetchRange { first: 12, last: Some(PrefetchRange::COMPUTED) });

    /// What a graph looks at, unless that is nothing.
    pub(crate) fn of(graph: &Graph) -> Option<PrefetchRange> {
        let (mut first, mut last) = (usize::MAX, 0);
        for value in graph.values.iter() {
            if let Value::Load(address, ..) = value {
                let place = if address.base.is_some() { PrefetchRange::COMPUTED } else { address.offset as usize };
                (first, last) = (first.min(place), last.max(place));
            }
        }
        let is_worth = graph.strategy() != Strategy::Branches && last >= first.saturating_add(8);
        (first <= last).then_some(PrefetchRange { first, last: is_worth.then_some(last) })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, batches are still right, but run one by one.
    #[test]
    fn slices_have_the_layout_that_batches_hope_for() {
        assert!(slices_are_records());
        assert_eq!(Packet::DATA_AT, 0);
    }
}
