//! The headers of the link layer, up to the one of the network.
//!
//! - Read are Ethernet with VLAN tags, MPLS and PPPoE, Linux cooked captures, NFLOG, raw IP, loopback, PPP, frame
//!   relay, IEEE 802.11, and the headers of IEEE 802.2. Of other link types only the name and the lengths are printed.

use cbpf::LinkType;
use etherparse::{EtherType, Ethernet2HeaderSlice};

use crate::cli::capture::Record;
use crate::cli::print_packets::headers::{Damage, Headers, Network, Rest};

/// EtherTypes of VLAN tags.
const VLAN_TAGS: [u16; 5] = [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300];
const MPLS: [u16; 2] = [0x8847, 0x8848];
const REVERSE_ARP: u16 = 0x8035;
/// Cisco's protocol in HDLC that has the EtherType of RARP.
const SLARP: u16 = 0x8035;
const PPPOE_SESSION: u16 = 0x8864;
/// Smaller values are the length of a frame of IEEE 802.3.
const FIRST_ETHER_TYPE: u16 = 0x600;
/// The EtherType of Linux for frames of IEEE 802.2.
const LINUX_802_2: u16 = 4;
/// The organisation whose protocols are EtherTypes, and Apple's, which uses them for bridges.
const ETHERNET_ORGANISATIONS: [[u8; 3]; 2] = [[0, 0, 0], [0, 0, 0xf8]];
/// ARP hardware types whose packets in cooked captures are not Ethernet-like: netlink.
const NETLINK: u16 = 824;

// Link types without a constant in the library.
const RAW_OPENBSD: u32 = 14;
const PPP_HDLC: u32 = 50;
const PPP_ETHER: u32 = 51;
const C_HDLC: u32 = 104;
const ENC: u32 = 109;
const FRAME_RELAY: u32 = 107;
const PPP_WITH_DIRECTION: u32 = 204;
const NFLOG: u32 = 239;

impl<'a> Headers<'a> {
    /// Reads the headers of a record.
    #[inline]
    pub fn of(record: &Record<'a>) -> Headers<'a> {
        let mut headers = Headers::default();
        let rest = Rest { captured: record.data, on_wire: (record.wire_len as usize).max(record.data.len()) };
        headers.read_link(record.interface.link_type(), rest);
        headers
    }

    fn read_link(&mut self, link_type: LinkType, rest: Rest<'a>) {
        match link_type {
            LinkType::ETHERNET => self.read_ethernet(rest),
            LinkType::RAW => self.read_ip(rest),
            LinkType::IPV4 => self.read_ipv4(rest),
            LinkType::IPV6 => self.read_ipv6(rest),
            LinkType::LINUX_SLL => {
                self.packet_type = rest.u16(0).and_then(|kind| kind.try_into().ok());
                self.read_cooked(rest, 16, 14, 2, 4, 6);
            }
            LinkType::LINUX_SLL2 => {
                self.interface = rest.captured.get(4..).and_then(<[u8]>::first_chunk).copied().map(u32::from_be_bytes);
                self.packet_type = rest.captured.get(10).copied();
                self.read_cooked(rest, 20, 0, 8, 10, 12);
            }
            LinkType::NULL | LinkType::LOOP => self.read_loopback(rest, 4),
            LinkType::PPP => self.read_ppp_in_hdlc(rest),
            LinkType::IEEE802_11 => self.read_wireless(rest),
            LinkType::IEEE802_11_RADIOTAP => self.read_radiotap(rest),
            _ => match link_type.number() {
                RAW_OPENBSD => self.read_ip(rest),
                ENC => self.read_loopback(rest, 12),
                PPP_HDLC => self.read_ppp_in_hdlc(rest),
                PPP_WITH_DIRECTION => self.read_ppp_in_hdlc(rest.after(1)),
                PPP_ETHER => self.read_ppp_over_ethernet(rest),
                C_HDLC => self.read_cisco_hdlc(rest),
                FRAME_RELAY => self.read_frame_relay(rest),
                NFLOG => self.read_nflog(rest),
                _ => {}
            },
        }
    }

    fn read_ethernet(&mut self, rest: Rest<'a>) {
        let Ok(header) = Ethernet2HeaderSlice::from_slice(rest.captured) else {
            return self.set_damage(Damage::Truncated("Ethernet"));
        };
        self.link_source = Some(header.source());
        self.link_destination = Some(header.destination());
        self.read_ether_type(header.ether_type().0, rest.after(header.slice().len()));
    }

    /// Reads an EtherType after the address and the control byte of Cisco's HDLC.
    fn read_cisco_hdlc(&mut self, rest: Rest<'a>) {
        match rest.u16(2) {
            Some(SLARP) => self.network = Network::Named("SLARP"),
            Some(ether_type) => self.read_ether_type(ether_type, rest.after(4)),
            None => self.set_damage(Damage::Truncated("C-HDLC")),
        }
    }

    /// Reads a Linux cooked capture with the offsets of its protocol, hardware type, address length and address. The
    /// length is in the last byte of its field.
    fn read_cooked(
        &mut self,
        rest: Rest<'a>,
        header_len: usize,
        protocol_at: usize,
        hardware_at: usize,
        length_at: usize,
        address_at: usize,
    ) {
        let Some(header) = rest.captured.get(..header_len) else {
            return self.set_damage(Damage::Truncated("cooked header"));
        };
        let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        // Version 1 has a length of two bytes, version 2 one of a byte after the packet type.
        let address_len = field(length_at).to_be_bytes()[1];
        if address_len == 6 {
            self.link_source = header[address_at..].first_chunk().copied();
        }
        let (protocol, rest) = (field(protocol_at), rest.after(header_len));
        match protocol {
            _ if field(hardware_at) == NETLINK => self.network = Network::Named("netlink"),
            LINUX_802_2 => self.read_llc(rest),
            0..FIRST_ETHER_TYPE => (self.ether_type, self.network) = (Some(protocol), Network::EtherType),
            _ => self.read_ether_type(protocol, rest),
        }
    }

    /// Reads an address family of BSD in either byte order, at the beginning of a header.
    fn read_loopback(&mut self, rest: Rest<'a>, header_len: usize) {
        let Some(&family) = rest.captured.first_chunk::<4>() else {
            return self.set_damage(Damage::Truncated("loopback"));
        };
        let rest = rest.after(header_len);
        match u32::from_le_bytes(family).min(u32::from_be_bytes(family)) {
            2 => self.read_ipv4(rest),
            // Linux, NetBSD and OpenBSD, FreeBSD, Darwin.
            10 | 24 | 28 | 30 => self.read_ipv6(rest),
            _ => {}
        }
    }

    /// Reads the packet among the attributes of a message of Linux's netfilter. The lengths and types of attributes are
    /// little-endian, as the capture reader leaves them.
    fn read_nflog(&mut self, rest: Rest<'a>) {
        const PAYLOAD: u16 = 9;
        const HEADER_LEN: usize = 4;
        let mut attributes = rest.after(HEADER_LEN);
        while let (Some(length), Some(kind)) = (attributes.u16(0), attributes.u16(2)) {
            let (length, kind) = (usize::from(length.swap_bytes()), kind.swap_bytes());
            let payload = attributes.limit(length).after(HEADER_LEN);
            match (kind, rest.captured[0]) {
                (PAYLOAD, 2) => return self.read_ipv4(payload),
                (PAYLOAD, 10) => return self.read_ipv6(payload),
                (PAYLOAD, _) => return,
                _ if length < HEADER_LEN => break,
                _ => attributes = attributes.after(length.next_multiple_of(4)),
            }
        }
        self.set_damage(Damage::Truncated("NFLOG"));
    }

    /// Reads the header of frame relay: an address whose last byte is odd, then the protocol as in RFC 2427, or an
    /// EtherType.
    fn read_frame_relay(&mut self, rest: Rest<'a>) {
        const LONGEST_ADDRESS: usize = 4;
        let last = rest.captured.iter().take(LONGEST_ADDRESS).position(|byte| byte & 1 == 1);
        let rest = rest.after(last.map_or(0, |last| last + 1));
        match *rest.captured {
            _ if last.is_none() => self.set_damage(Damage::Truncated("frame relay")),
            [3, 0xcc, ..] => self.read_ipv4(rest.after(2)),
            [3, 0x8e, ..] => self.read_ipv6(rest.after(2)),
            [3, 0, 0x80, ..] => self.read_snap(rest.after(3)),
            [3, ..] => {}
            [high, low, ..] if high >= 6 => self.read_ether_type(u16::from_be_bytes([high, low]), rest.after(2)),
            _ => {}
        }
    }

    #[inline]
    fn read_ether_type(&mut self, ether_type: u16, mut rest: Rest<'a>) {
        let mut ether_type = ether_type;
        let words = rest.captured.as_chunks().0;
        let mut tags = 0;
        while VLAN_TAGS.contains(&ether_type) {
            let Some(&[_, _, high, low]) = words.get(tags) else {
                self.set_damage(Damage::Truncated("VLAN tag"));
                break;
            };
            ether_type = u16::from_be_bytes([high, low]);
            tags += 1;
        }
        self.vlan_tags = &words[..tags];
        rest = rest.after(4 * tags);
        if ether_type < FIRST_ETHER_TYPE {
            return self.read_llc(rest.limit(ether_type.into()));
        }
        self.ether_type = Some(ether_type);
        self.network = Network::EtherType;
        match EtherType(ether_type) {
            EtherType::IPV4 => self.read_ipv4(rest),
            EtherType::IPV6 => self.read_ipv6(rest),
            EtherType::ARP | EtherType(REVERSE_ARP) => self.read_arp(rest),
            EtherType(PPPOE_SESSION) => self.read_ppp_over_ethernet(rest),
            EtherType(mpls) if MPLS.contains(&mpls) => self.read_mpls(rest),
            _ => {}
        }
    }

    /// Reads a label stack. The protocol after it is not stated; the version of an IP packet is recognised.
    fn read_mpls(&mut self, rest: Rest<'a>) {
        let words: &[[u8; 4]] = rest.captured.as_chunks().0;
        let Some(bottom) = words.iter().position(|label| label[2] & 1 == 1) else {
            self.mpls = words;
            return self.set_damage(Damage::Truncated("MPLS"));
        };
        self.mpls = &words[..=bottom];
        let rest = rest.after(4 * self.mpls.len());
        if let Some(4 | 6) = rest.captured.first().map(|first| first >> 4) {
            self.read_ip(rest);
        }
    }

    /// Reads the header of IEEE 802.2.
    pub fn read_llc(&mut self, rest: Rest<'a>) {
        let Some(&[destination, source, control]) = rest.captured.first_chunk() else {
            return self.set_damage(Damage::Truncated("LLC"));
        };
        self.network = Network::Llc([destination, source]);
        if [destination, source, control] == [0xaa, 0xaa, 3] {
            self.read_snap(rest.after(3));
        }
    }

    /// Reads an organisation and a protocol of it.
    fn read_snap(&mut self, rest: Rest<'a>) {
        let (Some(&organisation), Some(protocol)) = (rest.captured.first_chunk(), rest.u16(3)) else {
            return self.set_damage(Damage::Truncated("SNAP"));
        };
        if ETHERNET_ORGANISATIONS.contains(&organisation) && protocol >= FIRST_ETHER_TYPE {
            return self.read_ether_type(protocol, rest.after(5));
        }
        self.network = Network::Snap(organisation, protocol);
    }

    /// Reads PPP after the address and the control byte of HDLC, or an EtherType after those of Cisco.
    fn read_ppp_in_hdlc(&mut self, rest: Rest<'a>) {
        match rest.captured {
            [0xff, 0x03, ..] => self.read_ppp(rest.after(2)),
            [0x0f | 0x8f, 0, ..] => self.read_cisco_hdlc(rest),
            _ => self.read_ppp(rest),
        }
    }

    /// Reads PPP after a header with the length of what follows.
    fn read_ppp_over_ethernet(&mut self, rest: Rest<'a>) {
        match rest.u16(4) {
            Some(length) => self.read_ppp(rest.after(6).limit(length.into())),
            None => self.set_damage(Damage::Truncated("PPPoE")),
        }
    }

    /// Reads a protocol of PPP, which is odd in its last byte, so that one of a single byte can be told.
    fn read_ppp(&mut self, rest: Rest<'a>) {
        let (protocol, rest) = match *rest.captured {
            [protocol, ..] if protocol & 1 == 1 => (u16::from(protocol), rest.after(1)),
            [high, low, ..] => (u16::from_be_bytes([high, low]), rest.after(2)),
            _ => return self.set_damage(Damage::Truncated("PPP")),
        };
        self.network = Network::Ppp(protocol);
        match protocol {
            0x0021 => self.read_ipv4(rest),
            0x0057 => self.read_ipv6(rest),
            0x0281 | 0x0283 => self.read_mpls(rest),
            _ => {}
        }
    }
}
