//! Where the payload of a packet begins: what `poff` loads.
//!
//! Headers are followed from the network header on: VLAN tags, MPLS, PPPoE, IPv4 and IPv6 and its extensions, tunnels in
//! GRE and IP, and a few more, to the first that is not known, and behind that if it is a transport header. What cannot
//! be followed, or is cut off before it says what comes next, makes the answer 0.
//!
//! Source: `skb_get_poff`, `__skb_get_poff` and `__skb_flow_dissect` with the keys of `flow_keys_basic_dissector` and no
//! flags, in `net/core/flow_dissector.c` of Linux 6.18. Left out is what a machine is set up for: a dissector in eBPF,
//! and the tags of DSA switches.

use crate::packet::Packet;

/// The most headers that lead to another: `MAX_FLOW_DISSECT_HDRS`.
const MOST_HEADERS: usize = 15;

/// EtherTypes, and the numbers that Linux uses as such: `include/uapi/linux/if_ether.h`.
mod ether {
    pub(crate) const IPV4: u16 = 0x0800;
    pub(crate) const ARP: u16 = 0x0806;
    pub(crate) const BATMAN: u16 = 0x4305;
    /// An Ethernet frame inside GRE.
    pub(crate) const BRIDGED: u16 = 0x6558;
    pub(crate) const RARP: u16 = 0x8035;
    pub(crate) const VLAN: u16 = 0x8100;
    pub(crate) const IPV6: u16 = 0x86dd;
    /// PPP inside GRE.
    pub(crate) const PPP: u16 = 0x880b;
    pub(crate) const MPLS: u16 = 0x8847;
    pub(crate) const MPLS_MULTICAST: u16 = 0x8848;
    pub(crate) const PPPOE: u16 = 0x8864;
    pub(crate) const SERVICE_VLAN: u16 = 0x88a8;
    pub(crate) const TIPC: u16 = 0x88ca;
    pub(crate) const PTP: u16 = 0x88f7;
    pub(crate) const PRP: u16 = 0x88fb;
    pub(crate) const CFM: u16 = 0x8902;
    pub(crate) const FCOE: u16 = 0x8906;
    pub(crate) const HSR: u16 = 0x892f;
}

/// Protocols inside IP: `include/uapi/linux/in.h`.
mod protocol {
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const IGMP: u8 = 2;
    pub(crate) const IPV4: u8 = 4;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const DCCP: u8 = 33;
    pub(crate) const IPV6: u8 = 41;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const GRE: u8 = 47;
    pub(crate) const ICMPV6: u8 = 58;
    pub(crate) const DESTINATION: u8 = 60;
    pub(crate) const SCTP: u8 = 132;
    pub(crate) const UDP_LITE: u8 = 136;
    pub(crate) const MPLS: u8 = 137;
}

/// The offset of the payload, in bytes; 0 if it is not found.
pub(crate) fn payload_offset(packet: &Packet) -> u32 {
    let mut dissector = Dissector::new(packet);
    if dissector.follow().is_none() {
        return 0;
    }
    // Both are 16 bits wide in the kernel, which cuts what is larger.
    let transport = (dissector.at as u16).min(packet.wire_len() as u16);
    let is_later_fragment = dissector.fragment == Fragment::Later;
    let header = if is_later_fragment { 0 } else { dissector.transport_header(transport) };
    u32::from(transport) + header
}

/// What comes behind a header.
enum Next {
    /// A header that the EtherType names.
    Network,
    /// A header that the protocol of IP names.
    Transport,
    /// What is searched for.
    End,
}

/// Whether the packet is a part of another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fragment {
    No,
    First,
    Later,
}

struct Dissector<'p> {
    data: &'p [u8],
    /// Where the header at hand begins; before the first byte if it is negative.
    at: i64,
    /// What the header at hand is, if it is not one of IP's.
    ether_type: u16,
    /// What the header behind IP's is, 0 before that.
    protocol: u8,
    fragment: Fragment,
    /// What stands in the place of the tag that was taken off, until it is met.
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

    /// Goes to the transport header; `None` if there is no way.
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

    /// `N` bytes of the header at hand.
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.bytes_at(self.at + offset as i64)
    }

    fn bytes_at<const N: usize>(&self, place: i64) -> Option<[u8; N]> {
        self.data.get(usize::try_from(place).ok()?..)?.first_chunk().copied()
    }

    fn half(&self, offset: usize) -> Option<u16> {
        self.bytes(offset).map(u16::from_be_bytes)
    }

    /// Behind a header of that length, an EtherType says what comes.
    fn skip(&mut self, len: i64, ether_type: u16) -> Next {
        self.at += len;
        self.ether_type = ether_type;
        Next::Network
    }

    /// The header that the EtherType names.
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
                // The first label ends it, there or not.
                self.at += 4;
                Next::End
            }
            ether::PRP | ether::HSR => {
                let ether_type = self.half(4)?;
                self.skip(6, ether_type)
            }
            ether::BATMAN => return self.batman(),
            ether::FCOE => self.end_behind::<38>()?,
            ether::PTP => self.end_behind::<34>()?,
            ether::TIPC => self.bytes::<16>(0).map(|_| Next::End)?,
            ether::ARP | ether::RARP | ether::CFM => Next::End,
            _ => return None,
        })
    }

    /// The payload comes behind a header of that length, which must be there.
    fn end_behind<const N: usize>(&mut self) -> Option<Next> {
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

    /// A session's frame, behind which comes PPP with a protocol field of two bytes.
    fn pppoe(&mut self) -> Option<Next> {
        let header: [u8; 8] = self.bytes(0)?;
        // Version 1, type 1, and the code of data.
        if header[..2] != [0x11, 0] {
            return None;
        }
        let ether_type = match u16::from_be_bytes([header[6], header[7]]) {
            0x0021 => ether::IPV4,
            0x0057 => ether::IPV6,
            0x0281 => ether::MPLS,
            0x0283 => ether::MPLS_MULTICAST,
            // Any other must be one that can exist: odd, and its first byte even.
            other if other & 0x0101 != 0x0001 => return None,
            _ => {
                self.at += 8;
                return Some(Next::End);
            }
        };
        Some(self.skip(8, ether_type))
    }

    /// A unicast packet of B.A.T.M.A.N. advanced, which holds an Ethernet frame.
    fn batman(&mut self) -> Option<Next> {
        let header: [u8; 24] = self.bytes(0)?;
        let is_unicast = header[..2] == [0x40, 15];
        is_unicast.then(|| self.skip(24, u16::from_be_bytes([header[22], header[23]])))
    }

    /// The header that the protocol of IP names.
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

    /// A GRE header without routing, of version 0, or of version 1 as PPTP has it.
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

    /// The length of the transport header at that place, 0 for one that is not known.
    fn transport_header(&self, place: u16) -> u32 {
        match self.protocol {
            // At least 20 bytes, whatever it says; nothing if it is cut off before it says anything.
            protocol::TCP => {
                let byte = self.bytes_at(i64::from(place) + 12);
                byte.map_or(0, |[byte]| u32::from(byte >> 4).max(5) * 4)
            }
            protocol::UDP | protocol::UDP_LITE | protocol::ICMP | protocol::ICMPV6 | protocol::IGMP => 8,
            protocol::DCCP | protocol::SCTP => 12,
            _ => 0,
        }
    }
}
