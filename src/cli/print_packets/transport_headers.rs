//! The headers after those of IP: TCP, UDP, ICMP, and the ports of others.

use etherparse::err::tcp;
use etherparse::{IpNumber, TcpHeaderSlice, UdpHeaderSlice};

use crate::cli::print_packets::headers::{Damage, Headers, Rest};

/// The header after those of IP.
#[derive(Clone)]
pub enum Transport<'a> {
    /// It is unknown, not captured, or in another fragment.
    None,
    Tcp(Tcp<'a>),
    Udp {
        ports: (u16, u16),
        /// The length that the header states, without itself.
        length: Option<u16>,
    },
    /// A protocol that begins with ports, or the beginning of such a header.
    Ports(u16, u16),
    /// A message of ICMP or ICMPv6.
    Icmp(Rest<'a>),
}

/// A TCP header.
#[derive(Clone)]
pub struct Tcp<'a> {
    pub ports: (u16, u16),
    pub sequence: u32,
    pub acknowledgment: u32,
    pub flags: u8,
    pub window: u16,
    /// The captured options.
    pub options: &'a [u8],
    /// The length of the payload on the wire.
    pub length: usize,
}

impl<'a> Headers<'a> {
    /// Reads the header of a protocol of IP.
    pub fn transport(&mut self, protocol: IpNumber, is_ipv6: bool, rest: Rest<'a>) -> Transport<'a> {
        match protocol {
            IpNumber::TCP => self.tcp(rest),
            IpNumber::UDP => match UdpHeaderSlice::from_slice(rest.captured) {
                Ok(header) => Transport::Udp {
                    ports: (header.source_port(), header.destination_port()),
                    length: header.length().checked_sub(8),
                },
                Err(_) => self.truncated_ports("UDP", rest),
            },
            IpNumber::ICMP if !is_ipv6 => self.icmp("ICMP", rest),
            IpNumber::IPV6_ICMP if is_ipv6 => self.icmp("ICMPv6", rest),
            IpNumber::SCTP | IpNumber::DCCP | IpNumber::UDP_LITE => match ports(rest) {
                Some((source, destination)) => Transport::Ports(source, destination),
                None => self.truncated_ports("ports", rest),
            },
            _ => Transport::None,
        }
    }

    fn icmp(&mut self, name: &'static str, rest: Rest<'a>) -> Transport<'a> {
        if rest.captured.len() >= 2 {
            return Transport::Icmp(rest);
        }
        self.set_damage(Damage::Truncated(name));
        Transport::None
    }

    fn tcp(&mut self, rest: Rest<'a>) -> Transport<'a> {
        let mut fixed: [u8; 20];
        let header = match TcpHeaderSlice::from_slice(rest.captured) {
            Ok(header) => header,
            Err(error) => {
                let is_length = matches!(error, tcp::HeaderSliceError::Len(_));
                let Some(captured) = rest.captured.first_chunk() else { return self.truncated_ports("TCP", rest) };
                self.set_damage(match is_length {
                    true => Damage::Truncated("TCP options"),
                    false => Damage::Invalid("TCP header length"),
                });
                fixed = *captured;
                fixed[12] = 0x50;
                let Ok(header) = TcpHeaderSlice::from_slice(&fixed) else { return Transport::None };
                header
            }
        };
        let header_len = (usize::from(rest.captured[12] >> 4) * 4).max(20);
        Transport::Tcp(Tcp {
            ports: (header.source_port(), header.destination_port()),
            sequence: header.sequence_number(),
            acknowledgment: header.acknowledgment_number(),
            flags: header.slice()[13],
            window: header.window_size(),
            options: rest.limit(header_len).after(20).captured,
            length: rest.after(header_len).on_wire,
        })
    }

    /// Returns the ports of a header that is truncated, if they are captured.
    fn truncated_ports(&mut self, name: &'static str, rest: Rest<'a>) -> Transport<'a> {
        self.set_damage(Damage::Truncated(name));
        ports(rest).map_or(Transport::None, |(source, destination)| Transport::Ports(source, destination))
    }
}

fn ports(rest: Rest) -> Option<(u16, u16)> {
    Some((rest.u16(0)?, rest.u16(2)?))
}
