//! Many records of a capture at once, where they lie in the window.

use cbpf::{Frames, LinkType, Span};

use super::error::Fault;
use super::window::Window;
use super::{Interface, Record};

/// What is known of records of a window: where each lies, and what it is beside its bytes.
#[derive(Default)]
pub(super) struct Gathered {
    spans: Vec<Span>,
    stamps: Vec<Stamp>,
}

#[derive(Clone, Copy)]
pub(super) struct Stamp {
    ticks: u64,
    carried: u32,
    /// The interface's position in [`Reader::interfaces`](super::Reader::interfaces).
    interface: u32,
    /// How many bytes of its block lie before the packet; 0 in pcap.
    fields: u32,
}

/// The address of a window's first byte, and of what a record of it has: a record itself would hold the window.
pub(super) struct Found {
    address: usize,
    captured: usize,
    wire_len: u32,
    stamp: Stamp,
}

impl Found {
    pub(super) fn of(record: &Record) -> Found {
        let address = record.data.as_ptr().addr();
        let fields = if record.block.is_empty() { 0 } else { address - record.block.as_ptr().addr() } as u32;
        let Record { ticks, carried, interface, .. } = *record;
        let stamp = Stamp { ticks, carried, interface: interface.index as u32, fields };
        Found { address, captured: record.data.len(), wire_len: record.wire_len, stamp }
    }
}

impl Gathered {
    /// The records, in their window.
    pub(super) fn records<'a>(&'a self, window: &'a [u8], interfaces: &'a [Interface]) -> Records<'a> {
        Records { window, spans: &self.spans, stamps: &self.stamps, interfaces }
    }

    pub(super) fn clear(&mut self) {
        self.spans.clear();
        self.stamps.clear();
    }

    /// Adds what `next` finds in `window`, which is held, until there are `most` records.
    ///
    /// # Errors
    /// That of `next`.
    #[inline]
    pub(super) fn fill(
        &mut self,
        window: &mut Window,
        most: usize,
        mut next: impl FnMut(&mut Window) -> Result<Option<Found>, Fault>,
    ) -> Result<(), Fault> {
        while self.spans.len() < most
            && let Some(found) = next(window)?
        {
            self.push(window.bytes(), found);
        }
        Ok(())
    }

    /// Adds a record of `window`, whose bytes have not moved since it was found.
    #[inline]
    pub(super) fn push(&mut self, window: &[u8], found: Found) {
        let Found { address, captured, wire_len, stamp } = found;
        self.spans.push(Span { start: address - window.as_ptr().addr(), captured, wire_len });
        self.stamps.push(stamp);
    }
}

/// The block that begins there. Since nothing here can panic, it costs nothing where no one looks at the block.
#[inline]
fn block_at(window: &[u8], start: usize, big_endian: bool) -> &[u8] {
    let len = window.get(start + 4..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    let len = if big_endian { u32::from_be_bytes(len) } else { u32::from_le_bytes(len) };
    window.get(start..start + len as usize).unwrap_or_default()
}

/// Records of one input, in order.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    window: &'a [u8],
    spans: &'a [Span],
    stamps: &'a [Stamp],
    interfaces: &'a [Interface],
}

impl<'a> Records<'a> {
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The packets, as [`Filter::run_batch`](cbpf::Filter::run_batch) takes them.
    pub fn packets(&self) -> Frames<'a> {
        Frames::new(self.window, self.spans).expect("records lie in their window")
    }

    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let Records { window, spans, stamps, interfaces } = *self;
        spans.iter().zip(stamps).map(move |(span, stamp)| {
            let interface = &interfaces[stamp.interface as usize];
            let block = || block_at(window, span.start - stamp.fields as usize, interface.big_endian);
            Record {
                data: &window[span.start..][..span.captured],
                wire_len: span.wire_len,
                ticks: stamp.ticks,
                carried: stamp.carried,
                interface,
                block: if stamp.fields > 0 { block() } else { &[] },
            }
        })
    }

    /// The same records, as many at a time as follow each other with one link type.
    pub fn by_link_type(&self) -> impl Iterator<Item = (LinkType, Records<'a>)> + use<'a> {
        let Records { window, mut spans, stamps, interfaces } = *self;
        let link_type = |stamp: &Stamp| interfaces[stamp.interface as usize].link_type;
        let is_same = move |a: &Stamp, b: &Stamp| a.interface == b.interface || link_type(a) == link_type(b);
        stamps.chunk_by(is_same).map(move |stamps| {
            let of_one;
            (of_one, spans) = spans.split_at(stamps.len());
            (LinkType::new(link_type(&stamps[0]).into()), Records { window, spans: of_one, stamps, interfaces })
        })
    }
}
