//! The context of a packet: the data that Linux keeps beside its bytes.

mod capture;
mod socket;

use crate::packet::ancillary::Extension;
use crate::packet::header::Header;
use crate::packet::random;

/// The data that Linux keeps beside the bytes of a packet. Ancillary loads read it.
///
/// The default describes a packet without a device, as Unix sockets receive: all numbers are 0, `ifidx` and `hatype`
/// halt the program, the network header is at the first byte, there is no link header, and `rand` is random.
///
/// [`Context::captured`] makes the context of a record of a capture file, [`Context::ethernet`] that of an Ethernet
/// frame, and [`Context::packet_socket`] that of a packet from a packet socket. The setters take the context by value:
///
/// ```
/// use cbpf::Context;
/// use cbpf::packet::Device;
/// let context = Context::default().protocol(0x0800).device(Device::new(2, 1)).network_header(14);
/// assert_eq!(context.get_protocol(), 0x0800);
/// assert_eq!(context.get_mark(), 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Context {
    pub(crate) protocol: u16,
    pub(crate) packet_type: u8,
    pub(crate) device: Option<Device>,
    pub(crate) mark: u32,
    pub(crate) queue: u16,
    pub(crate) receive_hash: u32,
    pub(crate) cpu: u32,
    pub(crate) vlan: Option<Vlan>,
    pub(crate) network_header: i32,
    pub(crate) link_header: Option<i32>,
    pub(crate) seed: Option<u64>,
}

/// A network device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Device {
    /// The number of the interface.
    pub index: u32,
    /// The `ARPHRD_*` type.
    pub hardware_type: u16,
}

impl Device {
    /// The length of an Ethernet header, in bytes.
    pub(crate) const ETHERNET_HEADER: i32 = 14;

    /// `ARPHRD_ETHER`.
    pub(crate) const ETHERNET: u16 = 1;

    /// `ARPHRD_LOOPBACK`.
    const LOOPBACK: u16 = 772;

    /// Creates a device with this interface number and `ARPHRD_*` type.
    pub const fn new(index: u32, hardware_type: u16) -> Device {
        Device { index, hardware_type }
    }

    /// Returns whether frames on the device begin with an Ethernet header.
    pub(crate) fn has_ethernet_header(self) -> bool {
        [Device::ETHERNET, Device::LOOPBACK].contains(&self.hardware_type)
    }
}

/// A VLAN tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Vlan {
    /// Priority, drop eligibility and VLAN number, in host order.
    pub tci: u16,
    /// The EtherType of the tag, in host order: 0x8100 or 0x88a8.
    pub tpid: u16,
}

impl Vlan {
    /// Creates a tag with this control information and EtherType.
    pub const fn new(tci: u16, tpid: u16) -> Vlan {
        Vlan { tci, tpid }
    }
}

/// The start of a missing header. Offsets from it stay below 2^20, so none leads back into a packet.
const NOWHERE: u32 = 1 << 31;

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
        network_header: 0,
        link_header: None,
        seed: None,
    };

    /// Sets the EtherType, in host order (`skb->protocol`).
    pub fn protocol(self, protocol: u16) -> Context {
        Context { protocol, ..self }
    }

    /// Returns the EtherType, in host order.
    pub fn get_protocol(&self) -> u16 {
        self.protocol
    }

    /// Sets the packet type: `PACKET_HOST` (0) to `PACKET_OUTGOING` (4).
    pub fn packet_type(self, packet_type: u8) -> Context {
        Context { packet_type, ..self }
    }

    /// Returns the packet type.
    pub fn get_packet_type(&self) -> u8 {
        self.packet_type
    }

    /// Sets the device that received the packet.
    pub fn device(self, device: impl Into<Option<Device>>) -> Context {
        Context { device: device.into(), ..self }
    }

    /// Returns the device that received the packet.
    pub fn get_device(&self) -> Option<Device> {
        self.device
    }

    /// Sets the firewall mark.
    pub fn mark(self, mark: u32) -> Context {
        Context { mark, ..self }
    }

    /// Returns the firewall mark.
    pub fn get_mark(&self) -> u32 {
        self.mark
    }

    /// Sets the receive queue.
    pub fn queue(self, queue: u16) -> Context {
        Context { queue, ..self }
    }

    /// Returns the receive queue.
    pub fn get_queue(&self) -> u16 {
        self.queue
    }

    /// Sets the receive hash.
    pub fn receive_hash(self, receive_hash: u32) -> Context {
        Context { receive_hash, ..self }
    }

    /// Returns the receive hash.
    pub fn get_receive_hash(&self) -> u32 {
        self.receive_hash
    }

    /// Sets the number of the processor that runs the filter.
    pub fn cpu(self, cpu: u32) -> Context {
        Context { cpu, ..self }
    }

    /// Returns the number of the processor that runs the filter.
    pub fn get_cpu(&self) -> u32 {
        self.cpu
    }

    /// Sets the VLAN tag that the kernel or the network card removed from the frame.
    pub fn vlan(self, vlan: impl Into<Option<Vlan>>) -> Context {
        Context { vlan: vlan.into(), ..self }
    }

    /// Returns the VLAN tag that was removed from the frame.
    pub fn get_vlan(&self) -> Option<Vlan> {
        self.vlan
    }

    /// Sets the start of the network header, in bytes from the first captured one; negative if it lies before that.
    ///
    /// Loads relative to it that reach outside of the captured bytes are out of bounds, wherever the header is. (The
    /// kernel can also read the headroom before a packet, which captures do not contain.)
    pub fn network_header(self, network_header: i32) -> Context {
        Context { network_header, ..self }
    }

    /// Returns the start of the network header.
    pub fn get_network_header(&self) -> i32 {
        self.network_header
    }

    /// Sets the start of the link header, counted like that of the network header.
    ///
    /// Without a link header, offsets relative to it are out of bounds.
    pub fn link_header(self, link_header: impl Into<Option<i32>>) -> Context {
        Context { link_header: link_header.into(), ..self }
    }

    /// Returns the start of the link header.
    pub fn get_link_header(&self) -> Option<i32> {
        self.link_header
    }

    /// Sets the seed of `rand`. A seed gives the same numbers in every engine, `None` unpredictable ones.
    ///
    /// Without the feature `std` there is no source of randomness: `None` then counts up from the same seed in every
    /// process, so a kernel sets a seed of its own.
    pub fn seed(self, seed: impl Into<Option<u64>>) -> Context {
        Context { seed: seed.into(), ..self }
    }

    /// Returns the seed of `rand`.
    pub fn get_seed(&self) -> Option<u64> {
        self.seed
    }

    /// Returns the value of an ancillary load, or `None` if it needs a device and the packet has none.
    ///
    /// Also returns `None` for loads that need more than the context: `rand`, `A ^= X`, and those that read the packet.
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

    /// Returns the number to add to an offset that is relative to `header` to get a position in the packet.
    ///
    /// The sum wraps. Positions before the packet, and those relative to a missing header, come out as 2^31 or more,
    /// where no packet has bytes.
    #[inline]
    pub(crate) fn shift(&self, header: Header) -> u32 {
        let start = match header {
            Header::Network => Some(self.network_header),
            Header::Link => self.link_header,
        };
        start.map_or(NOWHERE, |start| start as u32).wrapping_sub(header.base())
    }

    /// Returns the position in the packet of an offset in the Linux dialect.
    pub(crate) fn position(&self, offset: u32) -> u32 {
        match Header::of(offset) {
            Some(header) => offset.wrapping_add(self.shift(header)),
            None => offset,
        }
    }

    /// Returns the seed for one run of a program.
    pub(crate) fn run_seed(&self) -> u64 {
        self.seed.unwrap_or_else(random::entropy_seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_is_the_constant() {
        assert_eq!(Context::default(), Context::DEFAULT);
    }

    #[test]
    fn maps_positions_outside_the_packet_beyond_its_largest_length() {
        let at = |network_header, link_header| Context { network_header, link_header, ..Context::default() };
        for (context, offset, position) in [
            (at(14, None), 0x7fff_ffff, 0x7fff_ffff),
            (at(14, None), 0xfff0_0000, 14),
            (at(14, None), 0xffff_ffff, 14 + 0xf_ffff),
            (at(-20, None), 0xfff0_0014, 0),
            (at(-20, None), 0xfff0_0013, u32::MAX),
            (at(i32::MAX, None), 0xffff_ffff, 0x7fff_ffff + 0xf_ffff),
            (at(i32::MIN, Some(i32::MIN)), 0xffff_ffff, 0x8000_0000 + 0xf_ffff),
            (at(14, Some(2)), 0xffef_ffff, 2 + 0xf_ffff),
            (at(14, Some(2)), 0xffe0_0000, 2),
            (at(14, Some(2)), 0xffdf_ffff, 0xffdf_ffff),
            (at(14, None), 0xffe0_0000, NOWHERE),
        ] {
            assert_eq!(context.position(offset), position, "{context:?} {offset:#x}");
        }
    }
}
