//! The named fields of a packet: the columns of `--fields`, and the members of JSON objects.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::cli::print_packets::PrintedPacket;
use crate::cli::print_packets::headers::{Network, arp_address};
use crate::cli::print_packets::ip_headers::{Fragment, Ip};
use crate::cli::print_packets::text::Text;
use crate::cli::print_packets::transport_headers::{Tcp, Transport};
use crate::cli::print_packets::{line, protocol_names};

/// The form of a field's value in JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Number,
    /// Numbers separated by commas.
    Numbers,
    /// Text that is escaped for JSON.
    Text,
    Boolean,
}

/// A field: how it is written, and how to get it.
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub description: &'static str,
    /// Appends the value, if the packet has the field; returns whether it does.
    pub write: Write,
}

type Write = fn(&PrintedPacket, &mut Text) -> Option<()>;

#[rustfmt::skip]
pub static FIELDS: [Field; 43] = [
    field("number", Kind::Number, "the number of the packet, counted from 1 through all captures", |packet, text| {
        number(packet.number, text)
    }),
    field("time", Kind::Text, "the time of capture, in UTC: 2026-11-29T12:34:56.789012Z", |packet, text| {
        packet.time.rfc3339(text);
        Some(())
    }),
    field("epoch", Kind::Text, "the time of capture, in seconds since 1970", |packet, text| {
        packet.time.epoch(text);
        Some(())
    }),
    field("interface", Kind::Number, "the number of the capturing interface in its section, from 0", |packet, text| {
        number(packet.record.interface.index as u64, text)
    }),
    field("link_type", Kind::Text, "the link type: EN10MB, RAW, ...", link_type),
    field("captured", Kind::Number, "the number of captured bytes", |packet, text| {
        number(packet.record.data.len() as u64, text)
    }),
    field("length", Kind::Number, "the length on the wire, in bytes", |packet, text| {
        number(packet.record.wire_len, text)
    }),
    field("eth_src", Kind::Text, "the source address of the link layer", |packet, text| {
        hardware(packet.headers.link_source, text)
    }),
    field("eth_dst", Kind::Text, "the destination address of the link layer", |packet, text| {
        hardware(packet.headers.link_destination, text)
    }),
    field("ifindex", Kind::Number, "the index of the interface in a capture of LINUX_SLL2", |packet, text| {
        number(packet.headers.interface?, text)
    }),
    field("direction", Kind::Text, "the packet type of a cooked capture: In, B, M, P, Out", |packet, text| {
        text.str(line::direction(&packet.headers)?);
        Some(())
    }),
    field("vlan", Kind::Numbers, "the VLAN identifiers, from the outermost one", |packet, text| {
        let is_tagged = !packet.headers.vlan_tags.is_empty();
        is_tagged.then(|| line::vlans(&packet.headers, text))
    }),
    field("mpls", Kind::Numbers, "the labels of MPLS, from the top of the stack", |packet, text| {
        let is_labelled = !packet.headers.mpls.is_empty();
        is_labelled.then(|| line::labels(&packet.headers, text))
    }),
    field("ether_type", Kind::Text, "the EtherType after VLAN tags: 0x0800", |packet, text| {
        text.hex_number(&packet.headers.ether_type?.to_be_bytes());
        Some(())
    }),
    field("proto", Kind::Text, "the name of the innermost protocol that is read: TCP, ARP, LLDP, ...", |packet, text| {
        protocol_names::protocol(&packet.headers, packet.record.interface.link_type(), text);
        Some(())
    }),
    field("src", Kind::Text, "the source address of IP, or else of the link layer", |packet, text| {
        match packet.headers.ip() {
            Some(ip) => text.address(ip.source),
            None => return hardware(packet.headers.link_source, text),
        };
        Some(())
    }),
    field("dst", Kind::Text, "the destination address of IP, or else of the link layer", |packet, text| {
        match packet.headers.ip() {
            Some(ip) => text.address(ip.destination),
            None => return hardware(packet.headers.link_destination, text),
        };
        Some(())
    }),
    field("sport", Kind::Number, "the source port", |packet, text| number(packet.headers.ports()?.0, text)),
    field("dport", Kind::Number, "the destination port", |packet, text| number(packet.headers.ports()?.1, text)),
    field("ip_version", Kind::Number, "4 or 6", |packet, text| {
        number(if packet.headers.ip()?.source.is_ipv6() { 6_u8 } else { 4 }, text)
    }),
    field("ip_proto", Kind::Number, "the protocol of IP after extension headers", |packet, text| {
        number(packet.headers.ip()?.protocol.0, text)
    }),
    field("ttl", Kind::Number, "the time to live, or hop limit", |packet, text| {
        number(packet.headers.ip()?.hop_limit, text)
    }),
    field("extensions", Kind::Text, "the names of extension headers of IP", extensions),
    field("fragment_id", Kind::Number, "the identification of a fragment", |packet, text| {
        number(fragment(packet)?.id, text)
    }),
    field("fragment_offset", Kind::Number, "the offset of a fragment, in bytes", |packet, text| {
        number(fragment(packet)?.offset, text)
    }),
    field("more_fragments", Kind::Boolean, "whether more fragments follow", |packet, text| {
        text.str(if fragment(packet)?.has_more { "true" } else { "false" });
        Some(())
    }),
    field("payload", Kind::Number, "the number of bytes after the headers of IP, TCP, UDP or ICMP", payload),
    field("tcp_flags", Kind::Text, "the flags of TCP as letters: FSRP.UEW", |packet, text| {
        line::flags(tcp(packet)?.flags, text);
        Some(())
    }),
    field("tcp_seq", Kind::Number, "the sequence number", |packet, text| number(tcp(packet)?.sequence, text)),
    field("tcp_ack", Kind::Number, "the acknowledged sequence number", |packet, text| {
        number(tcp(packet)?.acknowledgment, text)
    }),
    field("tcp_window", Kind::Number, "the window, without its scale", |packet, text| number(tcp(packet)?.window, text)),
    field("icmp_type", Kind::Number, "the type of an ICMP or ICMPv6 message", |packet, text| {
        number(icmp(packet)?[0], text)
    }),
    field("icmp_code", Kind::Number, "the code of an ICMP or ICMPv6 message", |packet, text| {
        number(icmp(packet)?[1], text)
    }),
    field("arp_operation", Kind::Number, "the operation of ARP: 1 is a request, 2 a reply", |packet, text| {
        let Network::Arp(arp) = &packet.headers.network else { return None };
        number(arp.operation().0, text)
    }),
    field("arp_sender", Kind::Text, "the IPv4 address of the sender", |packet, text| {
        let Network::Arp(arp) = &packet.headers.network else { return None };
        text.ipv4(arp_address(arp.sender_protocol_addr())?);
        Some(())
    }),
    field("arp_target", Kind::Text, "the IPv4 address that is looked for", |packet, text| {
        let Network::Arp(arp) = &packet.headers.network else { return None };
        text.ipv4(arp_address(arp.target_protocol_addr())?);
        Some(())
    }),
    field("arp_sender_hw", Kind::Text, "the hardware address of the sender", |packet, text| {
        let Network::Arp(arp) = &packet.headers.network else { return None };
        text.hardware_address(arp.sender_hw_addr());
        Some(())
    }),
    field("dsap", Kind::Number, "the service access point of the destination, in IEEE 802.2", |packet, text| {
        let Network::Llc([destination, _]) = packet.headers.network else { return None };
        number(destination, text)
    }),
    field("ssap", Kind::Number, "the service access point of the source, in IEEE 802.2", |packet, text| {
        let Network::Llc([_, source]) = packet.headers.network else { return None };
        number(source, text)
    }),
    field("ppp_protocol", Kind::Text, "the protocol of PPP", |packet, text| {
        let Network::Ppp(protocol) = packet.headers.network else { return None };
        text.hex_number(&protocol.to_be_bytes());
        Some(())
    }),
    field("info", Kind::Text, "what a line says after the protocol", |packet, text| {
        let start = text.bytes.len();
        line::info(&packet.headers, text);
        // Each part of it begins with a space.
        (text.bytes.len() > start).then(|| _ = text.bytes.remove(start))
    }),
    field("damage", Kind::Text, "what is wrong with the headers", |packet, text| {
        line::damage(packet.headers.damage?, text);
        Some(())
    }),
    field("comment", Kind::Text, "the comments in pcapng, separated by \\n", |packet, text| {
        let start = text.bytes.len();
        for comment in packet.record.comments() {
            if text.bytes.len() > start {
                text.str("\\n");
            }
            text.escaped(&String::from_utf8_lossy(comment));
        }
        (text.bytes.len() > start).then_some(())
    }),
];

const fn field(name: &'static str, kind: Kind, description: &'static str, write: Write) -> Field {
    Field { name, kind, description, write }
}

fn number(number: impl Into<u64>, text: &mut Text) -> Option<()> {
    text.decimal(number);
    Some(())
}

fn hardware(address: Option<[u8; 6]>, text: &mut Text) -> Option<()> {
    text.hardware_address(&address?);
    Some(())
}

fn link_type(packet: &PrintedPacket, text: &mut Text) -> Option<()> {
    let link_type = packet.record.interface.link_type();
    match link_type.name() {
        Some(name) => text.str(name),
        None => text.decimal(link_type.number()),
    };
    Some(())
}

fn extensions(packet: &PrintedPacket, text: &mut Text) -> Option<()> {
    let start = text.bytes.len();
    line::extensions(&packet.headers, text);
    // Each name is followed by a space.
    (text.bytes.len() > start).then(|| _ = text.bytes.pop())
}

fn ip_with<'a, T>(packet: &'a PrintedPacket, part: impl FnOnce(&'a Ip<'a>) -> Option<T>) -> Option<T> {
    packet.headers.ip().and_then(part)
}

fn fragment(packet: &PrintedPacket) -> Option<Fragment> {
    ip_with(packet, |ip| ip.fragment)
}

fn tcp<'a>(packet: &'a PrintedPacket) -> Option<&'a Tcp<'a>> {
    ip_with(packet, |ip| if let Transport::Tcp(tcp) = &ip.transport { Some(tcp) } else { None })
}

/// Returns type and code of a message.
fn icmp(packet: &PrintedPacket) -> Option<[u8; 2]> {
    ip_with(packet, |ip| if let Transport::Icmp(message) = ip.transport { Some(message) } else { None })?
        .captured
        .first_chunk()
        .copied()
}

fn payload(packet: &PrintedPacket, text: &mut Text) -> Option<()> {
    let ip = packet.headers.ip()?;
    let length = match &ip.transport {
        Transport::Tcp(tcp) => tcp.length,
        Transport::Udp { length, .. } => usize::from((*length)?),
        Transport::Icmp(message) => message.on_wire.saturating_sub(8),
        Transport::Ports(..) | Transport::None => ip.payload.on_wire,
    };
    number(length as u64, text)
}

/// Returns an argument parser that takes the name of a field. `--help` describes each field.
pub fn field_name() -> impl TypedValueParser<Value = &'static Field> {
    let names = FIELDS.iter().map(|field| PossibleValue::new(field.name).help(field.description));
    PossibleValuesParser::new(names)
        .try_map(|name| FIELDS.iter().find(|field| field.name == name).ok_or("there is no such field"))
}

/// Appends the columns of a packet, separated by tabs.
pub fn columns(fields: &[&Field], packet: &PrintedPacket, text: &mut Text) {
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            text.byte(b'\t');
        }
        let _ = (field.write)(packet, text);
    }
}

/// Appends a JSON object with all fields that a packet has.
pub fn json(packet: &PrintedPacket, text: &mut Text) {
    let start = text.bytes.len();
    for field in &FIELDS {
        let before = text.bytes.len();
        text.byte(if before == start { b'{' } else { b',' }).byte(b'"').str(field.name).str("\":");
        let (opening, closing) = match field.kind {
            Kind::Number | Kind::Boolean => ("", ""),
            Kind::Numbers => ("[", "]"),
            Kind::Text => ("\"", "\""),
        };
        text.str(opening);
        match (field.write)(packet, text) {
            Some(()) => _ = text.str(closing),
            None => text.bytes.truncate(before),
        }
    }
    text.byte(b'}');
}
