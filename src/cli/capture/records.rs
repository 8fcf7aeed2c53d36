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
    interface: usize,
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
        let stamp = Stamp { ticks: record.ticks, carried: record.carried, interface: record.interface.index };
        Found { address: record.data.as_ptr().addr(), captured: record.data.len(), wire_len: record.wire_len, stamp }
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
        spans.iter().zip(stamps).map(move |(span, stamp)| Record {
            data: &window[span.start..][..span.captured],
            wire_len: span.wire_len,
            ticks: stamp.ticks,
            carried: stamp.carried,
            interface: &interfaces[stamp.interface],
        })
    }

    /// The same records, as many at a time as follow each other with one link type.
    pub fn by_link_type(&self) -> impl Iterator<Item = (LinkType, Records<'a>)> + use<'a> {
        let Records { window, mut spans, stamps, interfaces } = *self;
        let link_type = |stamp: &Stamp| interfaces[stamp.interface].link_type;
        let is_same = move |a: &Stamp, b: &Stamp| a.interface == b.interface || link_type(a) == link_type(b);
        stamps.chunk_by(is_same).map(move |stamps| {
            let of_one;
            (of_one, spans) = spans.split_at(stamps.len());
            (LinkType::new(link_type(&stamps[0]).into()), Records { window, spans: of_one, stamps, interfaces })
        })
    }
}
