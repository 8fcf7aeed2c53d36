//! Packets: the captured bytes, the length on the wire, and a context.

pub(crate) mod ancillary;
pub(crate) mod batch;
pub(crate) mod context;
pub(crate) mod flow_dissector;
pub(crate) mod header;
pub(crate) mod netlink_attributes;
pub(crate) mod protocols;
pub(crate) mod random;

use alloc::vec::Vec;
use core::mem::offset_of;

pub use ancillary::Extension;
pub use batch::{Frames, OutOfBuffer, Packets, Span};
pub use context::{Context, Device, Vlan};

/// The largest number of bytes of a packet that programs can read; later bytes are out of bounds.
///
/// The kernel treats offsets as signed 32-bit numbers, so later bytes have no offset.
pub(crate) const MAX_CAPTURED: usize = i32::MAX as usize;

/// A packet: captured bytes, the length on the wire, and a context.
///
/// ```
/// use cbpf::{Context, Packet};
/// let context = Context::default().mark(7);
/// let packet = Packet::new(&[0; 60]).with_wire_len(1514).with_context(&context);
/// assert_eq!(packet.wire_len(), 1514);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Packet<'a> {
    data: &'a [u8],
    wire_len: u32,
    context: &'a Context,
}

impl<'a> Packet<'a> {
    /// The offsets of the captured bytes and of the length on the wire, for compiled loops over packets.
    pub(crate) const DATA_AT: usize = offset_of!(Packet, data);
    pub(crate) const WIRE_LEN_AT: usize = offset_of!(Packet, wire_len);

    /// Creates a packet that was captured whole, with the default context.
    ///
    /// Programs read at most the first 2^31 - 1 bytes.
    pub fn new(data: &'a [u8]) -> Packet<'a> {
        let data = &data[..data.len().min(MAX_CAPTURED)];
        Packet { data, wire_len: data.len() as u32, context: &Context::DEFAULT }
    }

    /// Sets the length on the wire, in bytes.
    pub fn with_wire_len(self, wire_len: u32) -> Packet<'a> {
        Packet { wire_len, ..self }
    }

    /// Sets the context.
    pub fn with_context(self, context: &'a Context) -> Packet<'a> {
        Packet { context, ..self }
    }

    /// Returns the captured bytes.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Returns the length on the wire, in bytes, which `ld #len` loads.
    pub fn wire_len(&self) -> u32 {
        self.wire_len
    }

    /// Returns the context.
    pub fn context(&self) -> &'a Context {
        self.context
    }
}

/// Creates a packet that was captured whole.
impl<'a> From<&'a [u8]> for Packet<'a> {
    fn from(data: &'a [u8]) -> Packet<'a> {
        Packet::new(data)
    }
}

/// Creates a packet that was captured whole.
impl<'a, const N: usize> From<&'a [u8; N]> for Packet<'a> {
    fn from(data: &'a [u8; N]) -> Packet<'a> {
        Packet::new(data)
    }
}

/// Creates a packet that was captured whole.
impl<'a> From<&'a Vec<u8>> for Packet<'a> {
    fn from(data: &'a Vec<u8>) -> Packet<'a> {
        Packet::new(data)
    }
}

impl<'a> From<&Packet<'a>> for Packet<'a> {
    fn from(packet: &Packet<'a>) -> Packet<'a> {
        *packet
    }
}
