//! Contexts of the packets in captures.

use crate::packet::context::{Context, Device};
use crate::packet::protocols::{ETH_P_802_2, ETH_P_802_3, ETHERTYPE_IPV4, ETHERTYPE_IPV6};

/// A link type whose records contain a context.
struct LinkType {
    /// The LINKTYPE number, as on <https://www.tcpdump.org/linktypes.html>.
    number: u16,
    context: fn(&[u8]) -> Context,
}

#[rustfmt::skip]
static LINK_TYPES: [LinkType; 6] = [
    LinkType { number: 1,   context: Context::ethernet },
    LinkType { number: 101, context: Context::ip },
    LinkType { number: 113, context: Context::sll },
    LinkType { number: 228, context: Context::ip },
    LinkType { number: 229, context: Context::ip },
    LinkType { number: 276, context: Context::sll2 },
];

/// `PACKET_BROADCAST` and `PACKET_MULTICAST`.
const BROADCAST: u8 = 1;
const MULTICAST: u8 = 2;

/// The smallest EtherType; smaller numbers are lengths.
const FIRST_ETHER_TYPE: u16 = 0x600;

impl Context {
    /// Creates the context of a record of a capture with this LINKTYPE number (not libpcap's `DLT_` number): Ethernet
    /// (1), raw IP (101, 228, 229), Linux cooked captures (113, 276). Returns `None` for all others.
    ///
    /// ```
    /// use cbpf::Context;
    /// let packet = [0x45; 20];
    /// assert_eq!(Context::captured(101, &packet).map(|context| context.get_protocol()), Some(0x0800));
    /// assert_eq!(Context::captured(105, &packet), None);
    /// ```
    pub fn captured(link_type: u16, record: &[u8]) -> Option<Context> {
        let link_type = LINK_TYPES.iter().find(|known| known.number == link_type)?;
        Some((link_type.context)(record))
    }

    /// Creates the context of an Ethernet frame on a packet socket, from the frame alone.
    ///
    /// The link header is at 0 and the network header at 14. The protocol is the EtherType, or `ETH_P_802_3` (1) or
    /// `ETH_P_802_2` (4) for frames with a length in its place. The packet type is `PACKET_BROADCAST` (1),
    /// `PACKET_MULTICAST` (2) or `PACKET_HOST` (0), as if the device had the destination address. The device has the
    /// hardware type `ARPHRD_ETHER` (1) and the number 0, which no device has. Fields beyond the end of a short frame
    /// are 0.
    ///
    /// A VLAN tag stays in the frame, and the protocol is 0x8100. The kernel removes the first tag of received frames.
    /// To do the same, remove it from the frame, set it with [`vlan`](Context::vlan), and set
    /// [`protocol`](Context::protocol) to the EtherType after it.
    ///
    /// Source: `eth_type_trans` in `net/ethernet/eth.c`.
    ///
    /// ```
    /// use cbpf::{Context, Dialect, Packet, Program};
    /// let frame = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], &[0x08, 0x00], &[0x45; 20]].concat();
    /// let context = Context::ethernet(&frame);
    /// assert_eq!((context.get_protocol(), context.get_packet_type()), (0x0800, 1));
    /// // The first byte of the network header.
    /// let version: Program = "ldb [0xfff00000]\n ret a".parse()?;
    /// let packet = Packet::new(&frame).with_context(&context);
    /// assert_eq!(version.verify(Dialect::Linux)?.interpret(packet), 0x45);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn ethernet(frame: &[u8]) -> Context {
        let protocol = match half(frame, 12) {
            protocol @ FIRST_ETHER_TYPE.. => protocol,
            _ if frame.len() < 14 => 0,
            // NetWare's header begins with an unused checksum.
            _ if half(frame, 14) == 0xffff => ETH_P_802_3 as u16,
            _ => ETH_P_802_2 as u16,
        };
        let packet_type = match frame.first_chunk() {
            Some([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) => BROADCAST,
            Some([first, ..]) if first & 1 != 0 => MULTICAST,
            _ => 0,
        };
        Context {
            protocol,
            packet_type,
            device: Some(Device { index: 0, hardware_type: Device::ETHERNET }),
            network_header: Device::ETHERNET_HEADER,
            link_header: Some(0),
            ..Context::default()
        }
    }

    /// Creates the context of an IP packet without a link header.
    ///
    /// The protocol follows from the IP version, and is 0 if that is neither 4 nor 6. There is no device.
    pub fn ip(packet: &[u8]) -> Context {
        let protocol = match packet.first().map(|byte| byte >> 4) {
            Some(4) => ETHERTYPE_IPV4 as u16,
            Some(6) => ETHERTYPE_IPV6 as u16,
            _ => 0,
        };
        Context { protocol, ..Context::default() }
    }

    /// Creates the context of a record of a Linux cooked capture (LINKTYPE_LINUX_SLL).
    ///
    /// Protocol, packet type and hardware type are those in the record, the number of the device is 0, and the network
    /// header is at 16. There is no link header, since the capturing program wrote the bytes in its place. Fields
    /// beyond the end of a short record are 0.
    pub fn sll(record: &[u8]) -> Context {
        Context {
            protocol: half(record, 14),
            packet_type: half(record, 0) as u8,
            device: Some(Device { index: 0, hardware_type: half(record, 2) }),
            network_header: 16,
            ..Context::default()
        }
    }

    /// Creates the context of a record of a Linux cooked capture, version 2 (LINKTYPE_LINUX_SLL2), as [`Context::sll`].
    ///
    /// The record contains the number of the device, and the network header is at 20.
    pub fn sll2(record: &[u8]) -> Context {
        let index = u32::from(half(record, 4)) << 16 | u32::from(half(record, 6));
        Context {
            protocol: half(record, 0),
            packet_type: record.get(10).copied().unwrap_or(0),
            device: Some(Device { index, hardware_type: half(record, 8) }),
            network_header: 20,
            ..Context::default()
        }
    }
}

/// Reads a big-endian number of two bytes, or 0 beyond the end.
fn half(bytes: &[u8], offset: usize) -> u16 {
    bytes.get(offset..).and_then(|bytes| bytes.first_chunk()).map_or(0, |half| u16::from_be_bytes(*half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_frames_without_an_ether_type_to_linux_numbers() {
        let frame = |rest: &[u8]| [&[2; 12][..], rest].concat();
        for (rest, protocol) in [
            (&[0x86, 0xdd][..], 0x86dd),
            (&[0x06, 0x00], 0x0600),
            (&[0x05, 0xff, 0xff, 0xff], ETH_P_802_3 as u16),
            (&[0x05, 0xff, 0xaa, 0xaa], ETH_P_802_2 as u16),
            (&[0, 38], ETH_P_802_2 as u16),
            (&[0x08], 0),
        ] {
            assert_eq!(Context::ethernet(&frame(rest)).protocol, protocol, "{rest:x?}");
        }
    }

    #[test]
    fn packet_type_follows_from_the_address() {
        let to = |first, last| Context::ethernet(&[first, 0xff, 0xff, 0xff, 0xff, last]).packet_type;
        assert_eq!([to(0xff, 0xff), to(0xff, 0xfe), to(0x01, 0), to(0x02, 0)], [1, 2, 2, 0]);
    }

    #[test]
    fn reads_cooked_records() {
        let record = [0, 4, 3, 4, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x86, 0xdd, 0x60];
        let expected = Context {
            protocol: 0x86dd,
            packet_type: 4,
            device: Some(Device { index: 0, hardware_type: 0x0304 }),
            network_header: 16,
            ..Context::default()
        };
        assert_eq!(Context::captured(113, &record), Some(expected));
        let record = [0x08, 0x06, 0, 0, 0, 1, 0, 2, 0, 1, 3, 6, 1, 2, 3, 4, 5, 6, 0, 0];
        let expected = Context {
            protocol: 0x0806,
            packet_type: 3,
            device: Some(Device { index: 0x1_0002, hardware_type: 1 }),
            network_header: 20,
            ..Context::default()
        };
        assert_eq!(Context::captured(276, &record), Some(expected));
    }

    #[test]
    fn accepts_records_of_any_length() {
        for len in 0..30 {
            let record = vec![0xff; len];
            LINK_TYPES.iter().for_each(|known| _ = (known.context)(&record));
        }
    }
}
