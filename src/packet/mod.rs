//! What a program runs on: the captured bytes, the original length, and a context.

pub(crate) mod ancillary;
pub(crate) mod batch;
pub(crate) mod context;
pub(crate) mod flow_dissector;
pub(crate) mod header;
pub(crate) mod netlink_attributes;
pub(crate) mod random;

use std::mem::offset_of;

use crate::packet::context::Context;

/// The most bytes of a packet that programs can see; what lies beyond is out of bounds.
///
/// Offsets are signed 32-bit numbers to the kernel, so no byte behind this one has an offset.
pub(crate) const MAX_CAPTURED: usize = i32::MAX as usize;

/// A packet: captured bytes, the length it had on the wire, and a context.
///
/// ```
/// use cbpf::{Context, Packet};
/// let context = Context { mark: 7, ..Context::default() };
/// let packet = Packet::new(&[0; 60]).with_wire_len(1514).with_context(&context);
/// assert_eq!(packet.wire_len(), 1514);
/// ```
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Packet<'a> {
    data: &'a [u8],
    wire_len: u32,
    context: &'a Context,
}

impl<'a> Packet<'a> {
    /// Where the captured bytes and the length on the wire stand, for compiled loops over packets.
    pub(crate) const DATA_AT: usize = offset_of!(Packet, data);
    pub(crate) const WIRE_LEN_AT: usize = offset_of!(Packet, wire_len);

    /// A packet that was captured whole, with the default context.
    ///
    /// Programs see at most the first 2^31 - 1 bytes.
    pub fn new(data: &'a [u8]) -> Packet<'a> {
        let data = &data[..data.len().min(MAX_CAPTURED)];
        Packet { data, wire_len: data.len() as u32, context: &Context::DEFAULT }
    }

    /// The same packet with another original length, in bytes.
    pub fn with_wire_len(self, wire_len: u32) -> Packet<'a> {
        Packet { wire_len, ..self }
    }

    /// The same packet with another context.
    pub fn with_context(self, context: &'a Context) -> Packet<'a> {
        Packet { context, ..self }
    }

    /// The captured bytes.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The length on the wire, in bytes: what `ld #len` loads.
    pub fn wire_len(&self) -> u32 {
        self.wire_len
    }

    /// What Linux knows beside the bytes.
    pub fn context(&self) -> &'a Context {
        self.context
    }
}

/// Bytes are a packet that was captured whole.
impl<'a> From<&'a [u8]> for Packet<'a> {
    fn from(data: &'a [u8]) -> Packet<'a> {
        Packet::new(data)
    }
}

/// Bytes are a packet that was captured whole.
impl<'a, const N: usize> From<&'a [u8; N]> for Packet<'a> {
    fn from(data: &'a [u8; N]) -> Packet<'a> {
        Packet::new(data)
    }
}

/// Bytes are a packet that was captured whole.
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
