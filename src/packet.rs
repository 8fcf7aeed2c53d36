//! What a program runs on: the captured bytes, the original length, and what Linux knows beside the bytes.

#[cfg(feature = "jit")]
use std::mem::offset_of;

use crate::ancillary::Extension;
use crate::random;

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
    #[cfg(feature = "jit")]
    pub(crate) const DATA_AT: usize = offset_of!(Packet, data);
    #[cfg(feature = "jit")]
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

/// What Linux knows of a packet beside its bytes: the answers to the ancillary loads.
///
/// The default is a packet without a device: all numbers 0, `ifidx` and `hatype` end the program, and `rand` is random.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The EtherType, in host order (`skb->protocol`).
    pub protocol: u16,
    /// To whom the frame was addressed: `PACKET_HOST` (0) to `PACKET_OUTGOING` (4).
    pub packet_type: u8,
    /// The device on which the packet came in.
    pub device: Option<Device>,
    /// The firewall mark.
    pub mark: u32,
    /// The receive queue.
    pub queue: u16,
    /// The receive hash.
    pub receive_hash: u32,
    /// The processor that runs the filter.
    pub cpu: u32,
    /// The VLAN tag that was taken off the frame.
    pub vlan: Option<Vlan>,
    /// Where `rand` begins: the same seed gives the same numbers in every engine, `None` numbers that nobody foresees.
    pub seed: Option<u64>,
}

/// A network device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// The number of the interface.
    pub index: u32,
    /// Its `ARPHRD_*` type.
    pub hardware_type: u16,
}

/// A VLAN tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// Priority, drop eligibility and VLAN number, in host order.
    pub tci: u16,
    /// The tag's EtherType, in host order: 0x8100 or 0x88a8.
    pub tpid: u16,
}

impl Context {
    pub(crate) const DEFAULT: Context = Context {
        protocol: 0,
        packet_type: 0,
        device: None,
        mark: 0,
        queue: 0,
        receive_hash: 0,
        cpu: 0,
        vlan: None,
        seed: None,
    };

    /// What an ancillary load gives; `None` if the packet has no device to ask.
    ///
    /// Loads that need more than the context (`rand`, `A ^= X`, and those that read the packet) are not asked here.
    pub(crate) fn value(&self, extension: Extension) -> Option<u32> {
        Some(match extension {
            Extension::Protocol => self.protocol.into(),
            Extension::PacketType => self.packet_type.into(),
            Extension::InterfaceIndex => self.device?.index,
            Extension::HardwareType => self.device?.hardware_type.into(),
            Extension::Mark => self.mark,
            Extension::Queue => self.queue.into(),
            Extension::ReceiveHash => self.receive_hash,
            Extension::Cpu => self.cpu,
            Extension::VlanTci => self.vlan.map_or(0, |vlan| vlan.tci.into()),
            Extension::VlanTpid => self.vlan.map_or(0, |vlan| vlan.tpid.into()),
            Extension::VlanPresent => self.vlan.is_some().into(),
            Extension::Random
            | Extension::XorX
            | Extension::NetlinkAttribute
            | Extension::NestedNetlinkAttribute
            | Extension::PayloadOffset => return None,
        })
    }

    /// The seed of one run of a program.
    pub(crate) fn run_seed(&self) -> u64 {
        self.seed.unwrap_or_else(random::unforeseen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_context_is_the_constant() {
        assert_eq!(Context::default(), Context::DEFAULT);
    }
}
