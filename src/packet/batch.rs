//! Batches of packets, in the layouts that capture code uses.

use alloc::vec::Vec;
use core::fmt;
#[cfg(feature = "std")]
use std::io::IoSlice;

use crate::packet::Packet;

/// A batch of packets, for [`Filter::run_batch`](crate::Filter::run_batch) and the batches of
/// [`FilterSet`](crate::FilterSet).
///
/// It is a view of a slice: of `&[u8]`s or `IoSlice`s, which are packets that were captured whole, of [`Packet`]s, or
/// of spans of one buffer ([`Frames`]).
///
/// ```
/// use cbpf::Packets;
/// let packets = [&b"first"[..], &b"second"[..]];
/// assert_eq!(Packets::from(&packets).get(1).map(|packet| packet.wire_len()), Some(6));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Packets<'a>(Layout<'a>);

/// The memory layout of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layout<'a> {
    Slices(&'a [&'a [u8]]),
    #[cfg(feature = "std")]
    IoSlices(&'a [IoSlice<'a>]),
    Packets(&'a [Packet<'a>]),
    Frames(Frames<'a>),
}

impl<'a> Packets<'a> {
    /// Returns the number of packets.
    pub fn len(&self) -> usize {
        match self.0 {
            Layout::Slices(slices) => slices.len(),
            #[cfg(feature = "std")]
            Layout::IoSlices(slices) => slices.len(),
            Layout::Packets(packets) => packets.len(),
            Layout::Frames(frames) => frames.spans.len(),
        }
    }

    /// Returns `true` if the batch has no packets.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the packet at an index.
    pub fn get(&self, index: usize) -> Option<Packet<'a>> {
        Some(match self.0 {
            Layout::Slices(slices) => Packet::new(slices.get(index)?),
            #[cfg(feature = "std")]
            Layout::IoSlices(slices) => Packet::new(slices.get(index)?),
            Layout::Packets(packets) => *packets.get(index)?,
            Layout::Frames(frames) => {
                let span = frames.spans.get(index)?;
                Packet::new(&frames.buffer[span.start..][..span.captured]).with_wire_len(span.wire_len)
            }
        })
    }

    /// Returns all packets in order.
    pub fn iter(&self) -> impl Iterator<Item = Packet<'a>> + use<'a> {
        let packets = *self;
        (0..packets.len()).map_while(move |index| packets.get(index))
    }

    pub(crate) fn layout(&self) -> Layout<'a> {
        self.0
    }
}

/// Creates a batch of packets that were captured whole.
impl<'a> From<&'a [&'a [u8]]> for Packets<'a> {
    fn from(slices: &'a [&'a [u8]]) -> Packets<'a> {
        Packets(Layout::Slices(slices))
    }
}

/// Creates a batch of packets that were captured whole.
#[cfg(feature = "std")]
impl<'a> From<&'a [IoSlice<'a>]> for Packets<'a> {
    fn from(slices: &'a [IoSlice<'a>]) -> Packets<'a> {
        Packets(Layout::IoSlices(slices))
    }
}

impl<'a> From<&'a [Packet<'a>]> for Packets<'a> {
    fn from(packets: &'a [Packet<'a>]) -> Packets<'a> {
        Packets(Layout::Packets(packets))
    }
}

impl<'a> From<Frames<'a>> for Packets<'a> {
    fn from(frames: Frames<'a>) -> Packets<'a> {
        Packets(Layout::Frames(frames))
    }
}

impl<'a, T, const N: usize> From<&'a [T; N]> for Packets<'a>
where
    Packets<'a>: From<&'a [T]>,
{
    fn from(packets: &'a [T; N]) -> Packets<'a> {
        packets.as_slice().into()
    }
}

impl<'a, T> From<&'a Vec<T>> for Packets<'a>
where
    Packets<'a>: From<&'a [T]>,
{
    fn from(packets: &'a Vec<T>) -> Packets<'a> {
        packets.as_slice().into()
    }
}

/// Packets in one buffer, as in a capture file or a ring.
///
/// ```
/// use cbpf::packet::{Frames, Span};
/// use cbpf::Packets;
/// let spans = [Span { start: 2, captured: 4, wire_len: 60 }, Span { start: 6, captured: 1, wire_len: 1 }];
/// let packets = Packets::from(Frames::new(&[9, 9, 0, 1, 2, 3, 4], &spans)?);
/// assert_eq!(packets.iter().map(|packet| packet.data()).collect::<Vec<_>>(), [&[0, 1, 2, 3][..], &[4]]);
/// # Ok::<(), cbpf::packet::OutOfBuffer>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    buffer: &'a [u8],
    /// Each lies inside the buffer.
    spans: &'a [Span],
}

/// The position of a packet in a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The number of captured bytes.
    pub captured: usize,
    /// The length on the wire, in bytes.
    pub wire_len: u32,
}

impl<'a> Frames<'a> {
    /// Creates a batch of the packets at these spans of `buffer`. They may overlap.
    ///
    /// # Errors
    /// Returns an error if one of the spans reaches beyond the buffer.
    pub fn new(buffer: &'a [u8], spans: &'a [Span]) -> Result<Frames<'a>, OutOfBuffer> {
        let lies_inside = |span: &Span| span.captured <= buffer.len() && span.start <= buffer.len() - span.captured;
        match spans.iter().position(|span| !lies_inside(span)) {
            None => Ok(Frames { buffer, spans }),
            Some(index) => Err(OutOfBuffer { index, span: spans[index], len: buffer.len() }),
        }
    }

    pub(crate) fn buffer(&self) -> &'a [u8] {
        self.buffer
    }

    pub(crate) fn spans(&self) -> &'a [Span] {
        self.spans
    }
}

/// The error of a span that reaches beyond its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OutOfBuffer {
    /// The index of the span.
    pub index: usize,
    /// The span.
    pub span: Span,
    /// The length of the buffer, in bytes.
    pub len: usize,
}

impl fmt::Display for OutOfBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutOfBuffer { index, span: Span { start, captured, .. }, len } = self;
        write!(f, "packet {index} ({captured} bytes at offset {start}) reaches beyond the buffer of {len} bytes")
    }
}

impl core::error::Error for OutOfBuffer {}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, captured: usize) -> Span {
        Span { start, captured, wire_len: 0 }
    }

    #[test]
    fn rejects_spans_outside_the_buffer() {
        let buffer = [0; 10];
        for inside in [span(0, 10), span(10, 0), span(0, 0), span(9, 1)] {
            assert!(Frames::new(&buffer, &[inside]).is_ok(), "{inside:?}");
        }
        for outside in [span(0, 11), span(11, 0), span(9, 2), span(usize::MAX, 1), span(1, usize::MAX)] {
            let error = Frames::new(&buffer, &[span(0, 1), outside]).unwrap_err();
            assert_eq!(error, OutOfBuffer { index: 1, span: outside, len: 10 });
        }
    }
}
