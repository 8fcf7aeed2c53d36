//! A packet as a line: number, time, addresses, protocol, what its headers say, lengths.

use std::net::{IpAddr, Ipv6Addr};

use etherparse::{ArpPacketSlice, IpNumber, TcpOptionElement, TcpOptionsIterator};

use crate::cli::print_packets::PrintedPacket;
use crate::cli::print_packets::colors::Colors;
use crate::cli::print_packets::headers::{Damage, Headers, Network, Rest, arp_address, quoted};
use crate::cli::print_packets::ip_headers::Ip;
use crate::cli::print_packets::protocol_names;
use crate::cli::print_packets::text::Text;
use crate::cli::print_packets::time_stamp::Times;
use crate::cli::print_packets::transport_headers::{Tcp, Transport};

/// The flags of TCP by bit, as tcpdump prints them.
const TCP_FLAGS: &[u8; 8] = b"FSRP.UEW";
const SYN: u8 = 2;
const ACK: u8 = 16;
/// FIN, SYN and RST, whose sequence numbers count even without data.
const CONTROL: u8 = 7;

/// Appends the line of a packet, without its end.
pub fn line(packet: &PrintedPacket, times: &mut Times, colors: &Colors, text: &mut Text) {
    let headers = &packet.headers;
    text.control(&colors.number).decimal(packet.number).byte(b' ');
    times.next(packet.time, text);
    text.control(&colors.end);
    origin(headers, text);
    tags(headers, text);
    text.control(&colors.address);
    addresses(headers, text);
    text.control(&colors.end);
    extensions(headers, text);
    text.control(colors.protocol(headers));
    protocol_names::protocol(headers, packet.record.interface.link_type(), text);
    text.control(&colors.end);
    info(headers, text);
    if let Some(damage) = headers.damage {
        text.byte(b' ').control(&colors.damage).byte(b'[');
        self::damage(damage, text);
        text.byte(b']').control(&colors.end);
    }
    lengths(packet, text);
}

fn lengths(packet: &PrintedPacket, text: &mut Text) {
    let (captured, on_wire) = (packet.record.data.len(), packet.record.wire_len);
    text.str(", ");
    if captured != on_wire as usize {
        text.decimal(captured as u64).str(" of ");
    }
    text.decimal(on_wire).str(if on_wire == 1 { " byte" } else { " bytes" });
}

/// Appends the interface and the direction of a cooked capture that has both, as tcpdump does: `if2 In`.
fn origin(headers: &Headers, text: &mut Text) {
    let Some(interface) = headers.interface else { return };
    text.str("if").decimal(interface).byte(b' ');
    if let Some(direction) = direction(headers) {
        text.str(direction).byte(b' ');
    }
}

/// Returns tcpdump's name of the packet type: received, broadcast, multicast, for another host, sent.
pub fn direction(headers: &Headers) -> Option<&'static str> {
    ["In", "B", "M", "P", "Out"].get(usize::from(headers.packet_type?)).copied()
}

fn tags(headers: &Headers, text: &mut Text) {
    if !headers.vlan_tags.is_empty() {
        text.str("vlan ");
        vlans(headers, text);
        text.byte(b' ');
    }
    if !headers.mpls.is_empty() {
        text.str("mpls ");
        labels(headers, text);
        text.byte(b' ');
    }
}

/// Appends the VLAN identifiers, from the outermost one, separated by commas.
pub fn vlans(headers: &Headers, text: &mut Text) {
    numbers(headers.vlan_tags.iter().map(|&[high, low, ..]| u64::from(high & 0xf) << 8 | u64::from(low)), text);
}

/// Appends the labels of MPLS, from the top of the stack, separated by commas.
pub fn labels(headers: &Headers, text: &mut Text) {
    numbers(headers.mpls.iter().map(|&label| u64::from(u32::from_be_bytes(label) >> 12)), text);
}

fn numbers(numbers: impl Iterator<Item = u64>, text: &mut Text) {
    for (place, number) in numbers.enumerate() {
        if place > 0 {
            text.byte(b',');
        }
        text.decimal(number);
    }
}

/// Appends source and destination with their ports and a space: addresses of IP, or else those of the link layer.
fn addresses(headers: &Headers, text: &mut Text) {
    if let Some(ip) = headers.ip() {
        let ports = headers.ports();
        endpoint(ip.source, ports.map(|ports| ports.0), text);
        text.str(" > ");
        endpoint(ip.destination, ports.map(|ports| ports.1), text);
        text.byte(b' ');
        return;
    }
    for (mark, address) in [("", &headers.link_source), ("> ", &headers.link_destination)] {
        if let Some(address) = address {
            text.str(mark).hardware_address(address).byte(b' ');
        }
    }
}

fn endpoint(address: IpAddr, port: Option<u16>, text: &mut Text) {
    match (address, port) {
        (_, None) => text.address(address),
        (IpAddr::V4(address), Some(port)) => text.ipv4(address).byte(b':').decimal(port),
        (IpAddr::V6(address), Some(port)) => text.byte(b'[').ipv6(address).str("]:").decimal(port),
    };
}

/// Appends the names of the extension headers, each with a space.
pub fn extensions(headers: &Headers, text: &mut Text) {
    let Some(ip) = headers.ip() else { return };
    for extension in ip.extensions.clone() {
        protocol_names::ip_protocol(extension.number, true, text);
        text.byte(b' ');
    }
}

/// Appends what the headers after the addresses say, each part after a space.
pub fn info(headers: &Headers, text: &mut Text) {
    match &headers.network {
        Network::Ip(ip) => ip_info(ip, text),
        Network::Arp(arp) => arp_info(arp, text),
        Network::Llc([destination, source]) => {
            text.str(" dsap ").hex_number(&[*destination]).str(" ssap ").hex_number(&[*source]);
        }
        Network::Snap(organisation, protocol) => {
            text.str(" organisation ").hardware_address(organisation);
            text.str(" protocol ").hex_number(&protocol.to_be_bytes());
        }
        Network::Ppp(protocol) => _ = text.str(" protocol ").hex_number(&protocol.to_be_bytes()),
        Network::EtherType => {
            if let Some(ether_type) = headers.ether_type {
                text.str(" ethertype ").hex_number(&ether_type.to_be_bytes());
            }
        }
        Network::Wireless(control) => match protocol_names::wireless(*control) {
            Some(name) => _ = text.byte(b' ').str(name),
            None => _ = text.str(" type ").decimal(*control >> 2 & 3).str(" subtype ").decimal(*control >> 4),
        },
        Network::Named(_) | Network::None => {}
    }
}

fn ip_info(ip: &Ip, text: &mut Text) {
    match &ip.transport {
        Transport::Tcp(tcp) => tcp_info(tcp, text),
        Transport::Udp { length: Some(length), .. } => _ = text.str(" len ").decimal(*length),
        Transport::Udp { length: None, .. } => _ = text.str(" bad length"),
        Transport::Icmp(message) => icmp_info(ip, *message, text),
        Transport::Ports(..) | Transport::None => {
            if matches!(ip.protocol, IpNumber::IPV4 | IpNumber::IPV6) && ip.fragment.is_none() {
                inner(ip.payload, text);
            }
            text.str(" len ").decimal(ip.payload.on_wire as u64);
        }
    }
    if let Some(fragment) = ip.fragment {
        text.str(" fragment ").decimal(fragment.id).str(" offset ").decimal(fragment.offset);
        text.str(if fragment.has_more { " more" } else { " last" });
    }
}

fn tcp_info(tcp: &Tcp, text: &mut Text) {
    text.str(" [");
    flags(tcp.flags, text);
    text.byte(b']');
    if tcp.length > 0 || tcp.flags & CONTROL != 0 {
        text.str(" seq ").decimal(tcp.sequence);
        if tcp.length > 0 {
            text.byte(b':').decimal(tcp.sequence.wrapping_add(tcp.length as u32));
        }
    }
    if tcp.flags & ACK != 0 {
        text.str(" ack ").decimal(tcp.acknowledgment);
    }
    text.str(" win ").decimal(tcp.window);
    tcp_options(tcp, text);
    text.str(" len ").decimal(tcp.length as u64);
}

/// Appends the flags of a TCP header.
pub fn flags(flags: u8, text: &mut Text) {
    if flags == 0 {
        text.str("none");
    }
    (0..8).filter(|bit| flags >> bit & 1 == 1).for_each(|bit| _ = text.byte(TCP_FLAGS[bit]));
}

/// Appends the options that say something about the connection: those of SYN, and selective acknowledgments.
fn tcp_options(tcp: &Tcp, text: &mut Text) {
    // Most packets have a time stamp only.
    const TIME_STAMP: [u8; 4] = [1, 1, 8, 10];
    if tcp.options.is_empty() || tcp.options.len() == 12 && tcp.options.starts_with(&TIME_STAMP) {
        return;
    }
    for option in TcpOptionsIterator::from_slice(tcp.options).map_while(Result::ok) {
        match option {
            TcpOptionElement::MaximumSegmentSize(size) => _ = text.str(" mss ").decimal(size),
            TcpOptionElement::WindowScale(scale) if tcp.flags & SYN != 0 => _ = text.str(" wscale ").decimal(scale),
            TcpOptionElement::SelectiveAcknowledgementPermitted => _ = text.str(" sackOK"),
            TcpOptionElement::SelectiveAcknowledgement(first, others) => {
                for (start, end) in [Some(first)].into_iter().chain(others).flatten() {
                    text.str(" sack ").decimal(start).byte(b':').decimal(end);
                }
            }
            _ => {}
        }
    }
}

fn arp_info(arp: &ArpPacketSlice, text: &mut Text) {
    let operation = arp.operation().0;
    let (sender, target) = (arp_address(arp.sender_protocol_addr()), arp_address(arp.target_protocol_addr()));
    match (operation, sender, target) {
        (1, Some(sender), Some(target)) => text.str(" who-has ").ipv4(target).str(" tell ").ipv4(sender),
        (2, Some(sender), _) => text.str(" reply ").ipv4(sender).str(" is-at ").hardware_address(arp.sender_hw_addr()),
        (3, ..) => text.str(" who-is ").hardware_address(arp.target_hw_addr()),
        (4, _, Some(target)) => text.str(" reply ").hardware_address(arp.target_hw_addr()).str(" at ").ipv4(target),
        _ => text.str(" operation ").decimal(operation),
    };
}

fn icmp_info(ip: &Ip, message: Rest, text: &mut Text) {
    let &[kind, code, ..] = message.captured else { return };
    let is_ipv6 = ip.source.is_ipv6();
    let (kind_name, code_name) = protocol_names::icmp(is_ipv6, kind, code);
    match kind_name {
        Some(name) => text.byte(b' ').str(name),
        None => text.str(" type ").decimal(kind),
    };
    match code_name {
        Some(name) => _ = text.str(", ").str(name),
        None if code > 0 || kind_name.is_none() => _ = text.str(" code ").decimal(code),
        None => {}
    }
    icmp_fields(is_ipv6, kind, code, message, text);
    text.str(" len ").decimal(message.on_wire.saturating_sub(8) as u64);
}

/// Appends the fields after type, code and checksum, as far as they are captured.
fn icmp_fields(is_ipv6: bool, kind: u8, code: u8, message: Rest, text: &mut Text) {
    let word = |at: usize| message.captured.get(at..).and_then(<[u8]>::first_chunk::<4>).copied();
    let Some(second) = word(4) else { return };
    match (is_ipv6, kind) {
        (false, 0 | 8) | (true, 128 | 129) => {
            let [id, sequence] = [0, 2].map(|at| u16::from_be_bytes([second[at], second[at + 1]]));
            text.str(" id ").decimal(id).str(" seq ").decimal(sequence);
        }
        (false, 3) if code == 4 => _ = text.str(" mtu ").decimal(u16::from_be_bytes([second[2], second[3]])),
        (false, 5) => _ = text.str(" to ").ipv4(second.into()),
        (true, 2) => _ = text.str(" mtu ").decimal(u32::from_be_bytes(second)),
        (true, 135..=137) => {
            if let Some(target) = message.captured.get(8..).and_then(<[u8]>::first_chunk::<16>) {
                text.byte(b' ').ipv6(Ipv6Addr::from(*target));
            }
        }
        _ => {}
    }
    if matches!((is_ipv6, kind), (false, 3..=5 | 11 | 12) | (true, 1..=4)) {
        inner(message.after(8), text);
    }
}

/// Appends addresses, ports and protocol of a packet inside the packet.
fn inner(rest: Rest, text: &mut Text) {
    let headers = quoted(rest);
    if let Some(ip) = headers.ip() {
        text.str(" (");
        addresses(&headers, text);
        protocol_names::ip_protocol(ip.protocol, ip.source.is_ipv6(), text);
        text.byte(b')');
    }
}

/// Appends what is wrong with a header.
pub fn damage(damage: Damage, text: &mut Text) {
    match damage {
        Damage::Truncated(header) => text.str("truncated ").str(header),
        Damage::Invalid(field) => text.str("invalid ").str(field),
    };
}
