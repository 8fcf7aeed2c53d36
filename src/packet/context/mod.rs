//! What Linux knows of a packet beside its bytes, and where that comes from.

mod capture;
mod socket;

use crate::packet::ancillary::Extension;
use crate::packet::header::Header;
use crate::packet::random;

/// What Linux knows of a packet beside its bytes: the answers to the ancillary loads.
///
/// The default is a packet without a device, as a Unix socket has them: all numbers 0, `ifidx` and `hatype` end the
/// program, the network header is where the packet begins, there is no link header, and `rand` is random.
///
/// A fitting one is made of what a capture or a socket gives: [`Context::captured`] for a record of a capture file,
/// [`Context::ethernet`] for an Ethernet frame, [`Context::packet_socket`] for what `recvmsg` said.
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
    /// Where the network header begins, counted from the first captured byte; negative if it lies before that.
    ///
    /// Offsets relative to it that lie outside of the captured bytes are out of bounds, wherever the header is. (The
    /// kernel can read what it keeps before the packet. Nobody captures that.)
    pub network_header: i32,
    /// Where the link header begins, counted like that; without one, offsets relative to it are out of bounds.
    pub link_header: Option<i32>,
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

impl Device {
    /// The length of an Ethernet header, in bytes.
    pub(crate) const ETHERNET_HEADER: i32 = 14;

    /// `ARPHRD_ETHER`.
    pub(crate) const ETHERNET: u16 = 1;

    /// `ARPHRD_LOOPBACK`.
    const LOOPBACK: u16 = 772;

    /// Whether frames on it begin with an Ethernet header.
    pub(crate) fn has_ethernet_header(self) -> bool {
        [Device::ETHERNET, Device::LOOPBACK].contains(&self.hardware_type)
    }
}

/// A VLAN tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// Priority, drop eligibility and VLAN number, in host order.
    pub tci: u16,
    /// The tag's EtherType, in host order: 0x8100 or 0x88a8.
    pub tpid: u16,
}

/// Where a header begins that is not there: no offset from it, which is below 2^20, leads back into a packet.
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

    /// What turns an offset relative to a header into a place in the packet, added to it; the sum wraps. What lies
    /// before the packet, or behind a header that is not there, comes out as 2^31 or more, where no packet has bytes.
    #[inline]
    pub(crate) fn shift(&self, header: Header) -> u32 {
        let start = match header {
            Header::Network => Some(self.network_header),
            Header::Link => self.link_header,
        };
        start.map_or(NOWHERE, i32::cast_unsigned).wrapping_sub(header.base())
    }

    /// The place in the packet that an offset of the Linux dialect names.
    pub(crate) fn position(&self, offset: u32) -> u32 {
        match Header::of(offset) {
            Some(header) => offset.wrapping_add(self.shift(header)),
            None => offset,
        }
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

    #[test]
    fn places_outside_of_a_packet_are_beyond_all_packets() {
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
