//! Contexts of packets from packet sockets.
//!
//! Source: `struct sockaddr_ll` and `struct tpacket_auxdata` in `include/uapi/linux/if_packet.h`.

use crate::packet::context::{Context, Device, Vlan};
use crate::packet::protocols::ETHERTYPE_VLAN;

/// `AF_PACKET`.
const AF_PACKET: u16 = 17;

/// `TP_STATUS_VLAN_VALID`: the packet had a tag.
const HAS_VLAN: u32 = 1 << 4;

/// `TP_STATUS_VLAN_TPID_VALID`: the EtherType of the tag is set.
const HAS_TPID: u32 = 1 << 6;

impl Context {
    /// Creates the context of a packet from a packet socket (`AF_PACKET`, `SOCK_RAW`).
    ///
    /// `address` is the `struct sockaddr_ll` from `recvmsg`, or the one after the header of a frame in a ring; its
    /// first 11 bytes suffice. `auxdata` is the `struct tpacket_auxdata` (20 bytes) of the control message
    /// `PACKET_AUXDATA`, which contains the VLAN tag and the start of the network header. Without it there is no tag,
    /// and the network header follows the Ethernet header, or is at 0 if the device has none.
    ///
    /// The length on the wire is the `tp_len` of `auxdata`; pass it to
    /// [`Packet::with_wire_len`](crate::Packet::with_wire_len). Neither structure contains the mark, the queue and the
    /// receive hash. Returns `None` if `address` or `auxdata` is too short, or the family is not `AF_PACKET`.
    ///
    /// ```
    /// use cbpf::Context;
    /// use cbpf::packet::Device;
    /// // IPv4 on device 2 (Ethernet), to this host. All fields but the protocol are in the machine's byte order.
    /// let mut address = [0; 20];
    /// address[..2].copy_from_slice(&17_u16.to_ne_bytes());
    /// address[2..4].copy_from_slice(&[0x08, 0x00]);
    /// address[4..8].copy_from_slice(&2_u32.to_ne_bytes());
    /// address[8..10].copy_from_slice(&1_u16.to_ne_bytes());
    /// let context = Context::packet_socket(&address, None).ok_or("the address is too short")?;
    /// assert_eq!(context.get_protocol(), 0x0800);
    /// assert_eq!(context.get_device(), Some(Device::new(2, 1)));
    /// assert_eq!(context.get_network_header(), 14);
    /// # Ok::<(), &str>(())
    /// ```
    pub fn packet_socket(address: &[u8], auxdata: Option<&[u8]>) -> Option<Context> {
        let (family, protocol) = (half(address, 0)?, half(address, 2)?);
        if family != AF_PACKET {
            return None;
        }
        let device = Device { index: word(address, 4)?, hardware_type: half(address, 8)? };
        let mut context = Context {
            protocol: u16::from_be(protocol),
            packet_type: *address.get(10)?,
            device: Some(device),
            network_header: if device.has_ethernet_header() { Device::ETHERNET_HEADER } else { 0 },
            link_header: Some(0),
            ..Context::default()
        };
        if let Some(auxdata) = auxdata {
            context.add(auxdata)?;
        }
        Some(context)
    }

    /// Adds the fields of a `struct tpacket_auxdata`.
    fn add(&mut self, auxdata: &[u8]) -> Option<()> {
        let status = word(auxdata, 0)?;
        let [link, network, tci, tpid] = [12, 14, 16, 18].map(|offset| half(auxdata, offset));
        let (tci, tpid) = (tci?, tpid?);
        // Offset 0 of the packet is the link header.
        self.network_header = i32::from(network?) - i32::from(link?);
        let tpid = if status & HAS_TPID != 0 { tpid } else { ETHERTYPE_VLAN as u16 };
        self.vlan = (status & HAS_VLAN != 0).then_some(Vlan { tci, tpid });
        Some(())
    }
}

fn half(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `struct sockaddr_ll` of IPv6 on the loopback device.
    fn address() -> Vec<u8> {
        let (family, protocol) = (AF_PACKET.to_ne_bytes(), 0x86dd_u16.to_be_bytes());
        let (index, hardware_type) = (1_u32.to_ne_bytes(), 772_u16.to_ne_bytes());
        [&family[..], &protocol, &index, &hardware_type, &[4, 6], &[0; 8]].concat()
    }

    fn auxdata(status: u32, offsets: [u16; 2]) -> Vec<u8> {
        let lengths = [status, 60, 60].map(u32::to_ne_bytes).concat();
        let rest = [offsets[0], offsets[1], 0x2005, 0x88a8].map(u16::to_ne_bytes).concat();
        [lengths, rest].concat()
    }

    #[test]
    fn status_bits_select_the_tag() {
        let vlan = |status| Context::packet_socket(&address(), Some(&auxdata(status, [0, 14]))).unwrap().vlan;
        assert_eq!(vlan(1), None);
        assert_eq!(vlan(HAS_VLAN), Some(Vlan { tci: 0x2005, tpid: 0x8100 }));
        assert_eq!(vlan(HAS_VLAN | HAS_TPID), Some(Vlan { tci: 0x2005, tpid: 0x88a8 }));
    }

    #[test]
    fn headers_are_relative_to_the_packet() {
        let context = Context::packet_socket(&address(), None).unwrap();
        assert_eq!((context.network_header, context.link_header, context.packet_type), (14, Some(0), 4));
        let in_ring = Context::packet_socket(&address(), Some(&auxdata(0, [82, 96]))).unwrap();
        assert_eq!(in_ring, context);
        let none = Context::packet_socket(&address(), Some(&auxdata(0, [0, 0]))).unwrap();
        assert_eq!(none.network_header, 0);
    }

    #[test]
    fn rejects_short_data_and_other_families() {
        let (address, auxdata) = (address(), auxdata(0, [0, 14]));
        assert!((0..11).all(|len| Context::packet_socket(&address[..len], None).is_none()));
        assert!((0..20).all(|len| Context::packet_socket(&address, Some(&auxdata[..len])).is_none()));
        assert!(Context::packet_socket(&[0; 20], None).is_none());
    }
}
