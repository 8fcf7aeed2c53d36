//! A batch of records, located in the read buffer.

use std::ops::Range;
use std::sync::Arc;

use cbpf::LinkType;
use cbpf::packet::{Frames, Span};

use super::error::Stop;
use super::read_buffer::ReadBuffer;
use super::{ByteOrder, Captured, Interface, Record};

/// The locations and metadata of records in a buffer.
#[derive(Default)]
pub(super) struct RecordBatch {
    spans: Vec<Span>,
    metadata: Vec<Metadata>,
}

#[derive(Clone, Copy)]
pub(super) struct Metadata {
    ticks: u64,
    carried: u32,
    /// The interface's position in [`Reader::interfaces`](super::Reader::interfaces).
    interface: u32,
    /// The number of bytes of its block before the packet; 0 in pcap.
    fields: u32,
}

impl Metadata {
    /// Returns the metadata of a packet of the only interface of its input.
    #[inline]
    pub(super) fn of_interface(ticks: u64, carried: u32) -> Metadata {
        Metadata { ticks, carried, interface: 0, fields: 0 }
    }
}

/// A record by the address of its data. It does not borrow the buffer, as a [`Record`] does.
pub(super) struct RecordLocation {
    address: usize,
    captured: usize,
    wire_len: u32,
    metadata: Metadata,
}

impl RecordLocation {
    pub(super) fn of(record: &Record) -> RecordLocation {
        let address = record.data.as_ptr().addr();
        let fields = if record.block.is_empty() { 0 } else { address - record.block.as_ptr().addr() } as u32;
        let Record { ticks, carried, interface, .. } = *record;
        let metadata = Metadata { ticks, carried, interface: interface.index as u32, fields };
        RecordLocation { address, captured: record.data.len(), wire_len: record.wire_len, metadata }
    }
}

impl RecordBatch {
    /// Returns the records, in their buffer.
    pub(super) fn records<'a>(&'a self, buffer: &'a [u8], interfaces: &'a [Interface]) -> Records<'a> {
        Records { buffer, spans: &self.spans, metadata: &self.metadata, interfaces, captured: &[] }
    }

    /// Begins a new batch with one record of `buffer`.
    pub(super) fn start(&mut self, buffer: &[u8], first: RecordLocation) {
        self.clear();
        self.push(buffer, first);
    }

    fn clear(&mut self) {
        self.spans.clear();
        self.metadata.clear();
    }

    /// Adds the records that `next` reads from `buffer`, which is pinned, until there are `most`.
    ///
    /// # Errors
    /// The error of `next`.
    #[inline]
    pub(super) fn fill(
        &mut self,
        buffer: &mut ReadBuffer,
        most: usize,
        mut next: impl FnMut(&mut ReadBuffer) -> Result<Option<RecordLocation>, Stop>,
    ) -> Result<(), Stop> {
        while self.spans.len() < most
            && let Some(location) = next(buffer)?
        {
            self.push(buffer.bytes(), location);
        }
        Ok(())
    }

    /// Adds a record of `buffer`, whose bytes have not moved since the record was read.
    #[inline]
    fn push(&mut self, buffer: &[u8], location: RecordLocation) {
        let RecordLocation { address, captured, wire_len, metadata } = location;
        self.push_span(Span { start: address - buffer.as_ptr().addr(), captured, wire_len }, metadata);
    }

    #[inline]
    pub(super) fn push_span(&mut self, span: Span, metadata: Metadata) {
        self.spans.push(span);
        self.metadata.push(metadata);
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }
}

/// Records that were copied from their buffer.
#[derive(Default)]
pub struct OwnedRecords {
    bytes: Vec<u8>,
    batch: RecordBatch,
    interfaces: Arc<[Interface]>,
}

impl OwnedRecords {
    /// Removes all records, and sets the interfaces of those that follow.
    pub fn restart(&mut self, interfaces: Arc<[Interface]>) {
        self.bytes.clear();
        self.batch.clear();
        self.interfaces = interfaces;
    }

    /// Adds a record of one of the interfaces.
    pub fn push(&mut self, record: &Record) {
        let RecordLocation { address, captured, wire_len, metadata } = RecordLocation::of(record);
        let start = self.bytes.len() + metadata.fields as usize;
        self.bytes.extend_from_slice(if record.block.is_empty() { record.data } else { record.block });
        debug_assert!(record.block.is_empty() || address == record.block.as_ptr().addr() + metadata.fields as usize);
        self.batch.push_span(Span { start, captured, wire_len }, metadata);
    }

    pub fn interfaces(&self) -> Arc<[Interface]> {
        Arc::clone(&self.interfaces)
    }

    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Returns the number of bytes that the records take.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    pub fn records(&self) -> Records<'_> {
        self.batch.records(&self.bytes, &self.interfaces)
    }
}

/// Returns the block that begins at `start`. It cannot panic, so the compiler removes it where the block is not used.
#[inline]
fn block_at(buffer: &[u8], start: usize, order: ByteOrder) -> &[u8] {
    let len = buffer.get(start + 4..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    buffer.get(start..start + order.u32(len) as usize).unwrap_or_default()
}

#[inline]
fn record<'a>(
    buffer: &'a [u8],
    span: &Span,
    metadata: &Metadata,
    interfaces: &'a [Interface],
    captured: Option<&'a Captured>,
) -> Record<'a> {
    let interface = &interfaces[metadata.interface as usize];
    let block = || block_at(buffer, span.start - metadata.fields as usize, interface.order);
    Record {
        data: &buffer[span.start..][..span.captured],
        wire_len: span.wire_len,
        ticks: metadata.ticks,
        carried: metadata.carried,
        interface,
        block: if metadata.fields > 0 { block() } else { &[] },
        captured,
    }
}

/// Consecutive records of one input.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    buffer: &'a [u8],
    spans: &'a [Span],
    metadata: &'a [Metadata],
    interfaces: &'a [Interface],
    /// What the kernel reported about each packet of an interface; empty for those of files.
    captured: &'a [Captured],
}

impl<'a> Records<'a> {
    /// Returns packets of an interface, in their buffer.
    #[cfg(target_os = "linux")]
    pub(super) fn captured(
        buffer: &'a [u8],
        spans: &'a [Span],
        metadata: &'a [Metadata],
        interfaces: &'a [Interface],
        captured: &'a [Captured],
    ) -> Records<'a> {
        Records { buffer, spans, metadata, interfaces, captured }
    }

    /// Returns whether the bytes of some record are not those that a filter sees, as [`Record::as_filtered`] says.
    pub fn differ_for_filters(&self) -> bool {
        #[cfg(target_os = "linux")]
        return self.captured.iter().any(|packet| packet.is_tag_restored);
        #[cfg(not(target_os = "linux"))]
        false
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Returns the number of bytes of each packet.
    #[inline]
    pub fn captured_lens(&self) -> impl Iterator<Item = usize> + use<'a> {
        self.spans.iter().map(|span| span.captured)
    }

    /// Returns the packets in the form that [`Filter::run_batch`](cbpf::Filter::run_batch) takes.
    pub fn packets(&self) -> Frames<'a> {
        Frames::new(self.buffer, self.spans).expect("records lie in their buffer")
    }

    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let Records { buffer, spans, metadata, interfaces, captured } = *self;
        let records = spans.iter().zip(metadata).enumerate();
        records.map(move |(at, (span, metadata))| record(buffer, span, metadata, interfaces, captured.get(at)))
    }

    /// Returns the record at a position.
    #[inline]
    pub fn get(&self, position: usize) -> Record<'a> {
        record(
            self.buffer,
            &self.spans[position],
            &self.metadata[position],
            self.interfaces,
            self.captured.get(position),
        )
    }

    /// Returns the records at these positions.
    pub fn part(&self, positions: Range<usize>) -> Records<'a> {
        let Records { buffer, spans, metadata, interfaces, captured } = *self;
        let captured = captured.get(positions.clone()).unwrap_or_default();
        Records { buffer, spans: &spans[positions.clone()], metadata: &metadata[positions], interfaces, captured }
    }

    /// Splits the records into runs of one link type.
    pub fn by_link_type(&self) -> impl Iterator<Item = (LinkType, Records<'a>)> + use<'a> {
        let Records { buffer, mut spans, metadata, interfaces, mut captured } = *self;
        let interface = |metadata: &Metadata| &interfaces[metadata.interface as usize];
        let is_same = move |a: &Metadata, b: &Metadata| {
            a.interface == b.interface || interface(a).link_type_number == interface(b).link_type_number
        };
        metadata.chunk_by(is_same).map(move |metadata| {
            let (run, of_run);
            (run, spans) = spans.split_at(metadata.len());
            (of_run, captured) = captured.split_at(metadata.len().min(captured.len()));
            let records = Records { buffer, spans: run, metadata, interfaces, captured: of_run };
            (interface(&metadata[0]).link_type(), records)
        })
    }
}
