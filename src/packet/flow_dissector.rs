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
use crate::packet::protocols::*;

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

/// Returns a number of two bytes in network order.
fn half(bytes: [u8; 2]) -> u32 {
    u16::from_be_bytes(bytes).into()
}

struct Dissector<'p> {
    data: &'p [u8],
    /// The start of the current header; negative before the first byte.
    at: i64,
    /// The type of the current header, unless it is inside IP.
    ether_type: u32,
    /// The type of the header after that of IP; 0 before that.
    protocol: u32,
    fragment: Fragment,
    /// The EtherType after the tag that was removed from the packet, until the tag is reached.
    tagged: Option<u32>,
}

impl<'p> Dissector<'p> {
    fn new(packet: &Packet<'p>) -> Dissector<'p> {
        let context = packet.context();
        Dissector {
            data: packet.data(),
            at: context.network_header.into(),
            ether_type: context.vlan.map_or(context.protocol, |vlan| vlan.tpid).into(),
            protocol: 0,
            fragment: Fragment::No,
            tagged: context.vlan.map(|_| context.protocol.into()),
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

    fn half(&self, offset: usize) -> Option<u32> {
        self.bytes(offset).map(half)
    }

    /// Skips a header of this length; `ether_type` is the type of the next one.
    fn skip(&mut self, len: i64, ether_type: u32) -> Next {
        self.at += len;
        self.ether_type = ether_type;
        Next::Network
    }

    /// Passes a header whose number is an EtherType.
    fn network(&mut self) -> Option<Next> {
        Some(match self.ether_type {
            ETHERTYPE_IPV4 => return self.ipv4(),
            ETHERTYPE_IPV6 => {
                let header: [u8; 40] = self.bytes(0)?;
                self.protocol = header[6].into();
                self.at += 40;
                Next::Transport
            }
            ETHERTYPE_VLAN | ETHERTYPE_QINQ => match self.tagged.take() {
                Some(ether_type) => self.skip(0, ether_type),
                None => {
                    let ether_type = self.half(2)?;
                    self.skip(4, ether_type)
                }
            },
            ETHERTYPE_PPPOE_SESSION => return self.pppoe(),
            ETHERTYPE_MPLS | ETHERTYPE_MPLS_MULTICAST => {
                // The first label ends the dissection, even if it is cut off.
                self.at += 4;
                Next::End
            }
            ETHERTYPE_PRP | ETHERTYPE_HSR => {
                let ether_type = self.half(4)?;
                self.skip(6, ether_type)
            }
            ETHERTYPE_BATADV => return self.batman(),
            ETHERTYPE_FCOE => self.end_after::<38>()?,
            ETHERTYPE_PTP => self.end_after::<34>()?,
            ETHERTYPE_TIPC => self.bytes::<16>(0).map(|_| Next::End)?,
            ETHERTYPE_ARP | ETHERTYPE_RARP | ETHERTYPE_CFM => Next::End,
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
        self.protocol = header[9].into();
        let fragment = half([header[6], header[7]]);
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
        let ether_type = match half([header[6], header[7]]) {
            PPP_IPV4 => ETHERTYPE_IPV4,
            PPP_IPV6 => ETHERTYPE_IPV6,
            PPP_MPLS => ETHERTYPE_MPLS,
            PPP_MPLS_MULTICAST => ETHERTYPE_MPLS_MULTICAST,
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
        is_unicast.then(|| self.skip(24, half([header[22], header[23]])))
    }

    /// Passes a header whose number is an IP protocol.
    fn transport(&mut self) -> Option<Next> {
        let is_ipv6 = self.ether_type == ETHERTYPE_IPV6;
        Some(match self.protocol {
            IPPROTO_GRE => return self.gre(),
            IPPROTO_HOPOPTS | IPPROTO_ROUTING | IPPROTO_DSTOPTS if is_ipv6 => {
                let [next, units] = self.bytes(0)?;
                self.protocol = next.into();
                self.at += 8 * (i64::from(units) + 1);
                Next::Transport
            }
            IPPROTO_FRAGMENT if is_ipv6 => {
                let header: [u8; 8] = self.bytes(0)?;
                self.protocol = header[0].into();
                self.at += 8;
                let is_first = half([header[2], header[3]]) & 0xfff8 == 0;
                self.fragment = if is_first { Fragment::First } else { Fragment::Later };
                Next::End
            }
            IPPROTO_IPV4 => self.skip(0, ETHERTYPE_IPV4),
            IPPROTO_IPV6 => self.skip(0, ETHERTYPE_IPV6),
            IPPROTO_MPLS => self.skip(0, ETHERTYPE_MPLS),
            _ => Next::End,
        })
    }

    /// Passes a GRE header without routing, of version 0, or of version 1 as in PPTP.
    fn gre(&mut self) -> Option<Next> {
        const CHECKSUM: u32 = 0x8000;
        const ROUTING: u32 = 0x4000;
        const KEY: u32 = 0x2000;
        const SEQUENCE: u32 = 0x1000;
        const ACKNOWLEDGEMENT: u32 = 0x0080;
        let (flags, ether_type) = (self.half(0)?, self.half(2)?);
        let (has, version) = (|flag| flags & flag != 0, flags & 7);
        if has(ROUTING) || version > 1 {
            return Some(Next::End);
        }
        if version == 1 && !(ether_type == ETHERTYPE_PPP && has(KEY)) {
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
            inner = match half([ppp[2], ppp[3]]) {
                PPP_IPV4 => ETHERTYPE_IPV4,
                PPP_IPV6 => ETHERTYPE_IPV6,
                _ => ether_type,
            };
            len += 4;
        } else if ether_type == ETHERTYPE_TRANSPARENT_BRIDGING {
            let frame: [u8; 14] = self.bytes(len)?;
            inner = half([frame[12], frame[13]]);
            len += 14;
        }
        Some(self.skip(len as i64, inner))
    }

    /// Returns the length of the transport header at an offset, or 0 if its protocol is unknown.
    fn transport_header(&self, offset: u16) -> u32 {
        match self.protocol {
            // The header has at least 20 bytes. If it is cut off before its length field, it counts as 0.
            IPPROTO_TCP => {
                let byte = self.bytes_at(i64::from(offset) + 12);
                byte.map_or(0, |[byte]| u32::from(byte >> 4).max(5) * 4)
            }
            IPPROTO_UDP | IPPROTO_UDPLITE | IPPROTO_ICMP | IPPROTO_ICMPV6 | IPPROTO_IGMP => 8,
            IPPROTO_DCCP | IPPROTO_SCTP => 12,
            _ => 0,
        }
    }
}
