//! The flow dissector, which finds the payload offset that `poff` loads.
//!
//! It follows the headers from the network header on: VLAN tags, MPLS, PPPoE, IPv4, IPv6 and its extensions, tunnels in
//! GRE and IP, and a few more. It stops at the first unknown header, or after a transport header. If a header cannot be
//! followed, or is cut off before the number of the next one, the offset is 0.
//!
//! Source: `skb_get_poff`, `__skb_get_poff` and `__skb_flow_dissect` with the keys of `flow_keys_basic_dissector` and
//! no flags, in `net/core/flow_dissector.c` of Linux 6.18. Machine-specific parts are left out: a dissector in eBPF,
//! and the tags of DSA switches.

use crate::packet::Packet;
use crate::packet::protocol_numbers::{ether_type as ether, ip_protocol as protocol};

/// The largest number of headers that are followed: `MAX_FLOW_DISSECT_HDRS`.
const MOST_HEADERS: usize = 15;

/// Returns the offset of the payload, in bytes, or 0 if it is not found.
pub(crate) fn payload_offset(packet: &Packet) -> u32 {
    let mut dissector = Dissector::new(packet);
    if dissector.follow().is_none() {
        return 0;
    }
    // The kernel truncates both to 16 bits.
    let transport = (dissector.at as u16).min(packet.wire_len() as u16);
    let is_later_fragment = dissector.fragment == Fragment::Later;
    let header = if is_later_fragment { 0 } else { dissector.transport_header(transport) };
    u32::from(transport) + header
}

/// The next step after a header.
enum Next {
    /// A header whose number is an EtherType.
    Network,
    /// A header whose number is an IP protocol.
    Transport,
    /// The dissection is done.
    End,
}

/// The position of a packet among the fragments of another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fragment {
    No,
    First,
    Later,
}

struct Dissector<'p> {
    data: &'p [u8],
    /// The start of the current header; negative before the first byte.
    at: i64,
    /// The type of the current header, unless it is inside IP.
    ether_type: u16,
    /// The type of the header after that of IP; 0 before that.
    protocol: u8,
    fragment: Fragment,
    /// The EtherType after the tag that was removed from the packet, until the tag is reached.
    tagged: Option<u16>,
}

impl<'p> Dissector<'p> {
    fn new(packet: &Packet<'p>) -> Dissector<'p> {
        let context = packet.context();
        Dissector {
            data: packet.data(),
            at: context.network_header.into(),
            ether_type: context.vlan.map_or(context.protocol, |vlan| vlan.tpid),
            protocol: 0,
            fragment: Fragment::No,
            tagged: context.vlan.map(|_| context.protocol),
        }
    }

    /// Moves to the transport header; returns `None` if a header cannot be followed.
    fn follow(&mut self) -> Option<()> {
        let mut next = Next::Network;
        for _ in 0..=MOST_HEADERS {
            let is_ip = match next {
                Next::Network => {
                    next = self.network()?;
                    matches!(next, Next::Transport)
                }
                Next::Transport => true,
                Next::End => break,
            };
            if is_ip {
                next = self.transport()?;
            }
        }
        Some(())
    }

    /// Reads `N` bytes of the current header.
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.bytes_at(self.at + offset as i64)
    }

    fn bytes_at<const N: usize>(&self, offset: i64) -> Option<[u8; N]> {
        self.data.get(usize::try_from(offset).ok()?..)?.first_chunk().copied()
    }

    fn half(&self, offset: usize) -> Option<u16> {
        self.bytes(offset).map(u16::from_be_bytes)
    }

    /// Skips a header of this length; `ether_type` is the type of the next one.
    fn skip(&mut self, len: i64, ether_type: u16) -> Next {
        self.at += len;
        self.ether_type = ether_type;
        Next::Network
    }

    /// Passes a header whose number is an EtherType.
    fn network(&mut self) -> Option<Next> {
        Some(match self.ether_type {
            ether::IPV4 => return self.ipv4(),
            ether::IPV6 => {
                let header: [u8; 40] = self.bytes(0)?;
                self.protocol = header[6];
                self.at += 40;
                Next::Transport
            }
            ether::VLAN | ether::SERVICE_VLAN => match self.tagged.take() {
                Some(ether_type) => self.skip(0, ether_type),
                None => {
                    let ether_type = self.half(2)?;
                    self.skip(4, ether_type)
                }
            },
            ether::PPPOE => return self.pppoe(),
            ether::MPLS | ether::MPLS_MULTICAST => {
                // The first label ends the dissection, even if it is cut off.
                self.at += 4;
                Next::End
            }
            ether::PRP | ether::HSR => {
                let ether_type = self.half(4)?;
                self.skip(6, ether_type)
            }
            ether::BATMAN => return self.batman(),
            ether::FCOE => self.end_after::<38>()?,
            ether::PTP => self.end_after::<34>()?,
            ether::TIPC => self.bytes::<16>(0).map(|_| Next::End)?,
            ether::ARP | ether::RARP | ether::CFM => Next::End,
            _ => return None,
        })
    }

    /// Ends the dissection after a header of `N` bytes, which must not be cut off.
    fn end_after<const N: usize>(&mut self) -> Option<Next> {
        let _: [u8; N] = self.bytes(0)?;
        self.at += N as i64;
        Some(Next::End)
    }

    fn ipv4(&mut self) -> Option<Next> {
        let header: [u8; 20] = self.bytes(0)?;
        let words = header[0] & 0xf;
        if words < 5 {
            return None;
        }
        self.at += 4 * i64::from(words);
        self.protocol = header[9];
        let fragment = u16::from_be_bytes([header[6], header[7]]);
        self.fragment = match (fragment & 0x1fff, fragment & 0x2000) {
            (0, 0) => return Some(Next::Transport),
            (0, _) => Fragment::First,
            _ => Fragment::Later,
        };
        Some(Next::End)
    }

    /// Passes a PPPoE session header and the PPP protocol of two bytes.
    fn pppoe(&mut self) -> Option<Next> {
        let header: [u8; 8] = self.bytes(0)?;
        // Version 1, type 1, code 0 (session data).
        if header[..2] != [0x11, 0] {
            return None;
        }
        let ether_type = match u16::from_be_bytes([header[6], header[7]]) {
            0x0021 => ether::IPV4,
            0x0057 => ether::IPV6,
            0x0281 => ether::MPLS,
            0x0283 => ether::MPLS_MULTICAST,
            // Valid PPP protocols are odd, and their first byte is even.
            other if other & 0x0101 != 0x0001 => return None,
            _ => {
                self.at += 8;
                return Some(Next::End);
            }
        };
        Some(self.skip(8, ether_type))
    }

    /// Passes the header of a B.A.T.M.A.N. advanced unicast packet and its Ethernet header.
    fn batman(&mut self) -> Option<Next> {
        let header: [u8; 24] = self.bytes(0)?;
        let is_unicast = header[..2] == [0x40, 15];
        is_unicast.then(|| self.skip(24, u16::from_be_bytes([header[22], header[23]])))
    }

    /// Passes a header whose number is an IP protocol.
    fn transport(&mut self) -> Option<Next> {
        let is_ipv6 = self.ether_type == ether::IPV6;
        Some(match self.protocol {
            protocol::GRE => return self.gre(),
            protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION if is_ipv6 => {
                let [next, units] = self.bytes(0)?;
                self.protocol = next;
                self.at += 8 * (i64::from(units) + 1);
                Next::Transport
            }
            protocol::FRAGMENT if is_ipv6 => {
                let header: [u8; 8] = self.bytes(0)?;
                self.protocol = header[0];
                self.at += 8;
                let is_first = u16::from_be_bytes([header[2], header[3]]) & 0xfff8 == 0;
                self.fragment = if is_first { Fragment::First } else { Fragment::Later };
                Next::End
            }
            protocol::IPV4 => self.skip(0, ether::IPV4),
            protocol::IPV6 => self.skip(0, ether::IPV6),
            protocol::MPLS => self.skip(0, ether::MPLS),
            _ => Next::End,
        })
    }

    /// Passes a GRE header without routing, of version 0, or of version 1 as in PPTP.
    fn gre(&mut self) -> Option<Next> {
        const CHECKSUM: u16 = 0x8000;
        const ROUTING: u16 = 0x4000;
        const KEY: u16 = 0x2000;
        const SEQUENCE: u16 = 0x1000;
        const ACKNOWLEDGEMENT: u16 = 0x0080;
        let (flags, ether_type) = (self.half(0)?, self.half(2)?);
        let (has, version) = (|flag| flags & flag != 0, flags & 7);
        if has(ROUTING) || version > 1 {
            return Some(Next::End);
        }
        if version == 1 && !(ether_type == ether::PPP && has(KEY)) {
            return Some(Next::End);
        }
        let mut len = if has(CHECKSUM) { 8 } else { 4 };
        if has(KEY) {
            let _: [u8; 4] = self.bytes(len)?;
            len += 4;
        }
        len += if has(SEQUENCE) { 4 } else { 0 };
        let mut inner = ether_type;
        if version == 1 {
            len += if has(ACKNOWLEDGEMENT) { 4 } else { 0 };
            let ppp: [u8; 4] = self.bytes(len)?;
            inner = match u16::from_be_bytes([ppp[2], ppp[3]]) {
                0x0021 => ether::IPV4,
                0x0057 => ether::IPV6,
                _ => ether_type,
            };
            len += 4;
        } else if ether_type == ether::BRIDGED {
            let frame: [u8; 14] = self.bytes(len)?;
            inner = u16::from_be_bytes([frame[12], frame[13]]);
            len += 14;
        }
        Some(self.skip(len as i64, inner))
    }

    /// Returns the length of the transport header at an offset, or 0 if its protocol is unknown.
    fn transport_header(&self, offset: u16) -> u32 {
        match self.protocol {
            // The header has at least 20 bytes. If it is cut off before its length field, it counts as 0.
            protocol::TCP => {
                let byte = self.bytes_at(i64::from(offset) + 12);
                byte.map_or(0, |[byte]| u32::from(byte >> 4).max(5) * 4)
            }
            protocol::UDP | protocol::UDP_LITE | protocol::ICMP | protocol::ICMPV6 | protocol::IGMP => 8,
            protocol::DCCP | protocol::SCTP => 12,
            _ => 0,
        }
    }
}
