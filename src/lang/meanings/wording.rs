//! The words for contents and tests.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::bpf::isa::Condition;
use crate::lang::keywords;
use crate::lang::link_layout::LinkFamily;
use crate::lang::meanings::content::{Bytes, Content, Fields, Part, Place, width_mask};
use crate::lang::meanings::fields::Notation;
use crate::lang::meanings::state::{State, ether_type};
use crate::lang::names;
use crate::packet::ancillary::Extension;
use crate::packet::protocols::*;

/// The most parts of a number that are described.
const MOST_PARTS: usize = 4;

/// Names of protocols that the language does not have, or spells in another way.
static PROTOCOL_NAMES: [(u32, &str); 11] = [
    (ETHERTYPE_IPV4, "IPv4"),
    (ETHERTYPE_IPV6, "IPv6"),
    (ETHERTYPE_VLAN, "VLAN"),
    (ETHERTYPE_QINQ, "QinQ"),
    (ETHERTYPE_QINQ_OLD, "QinQ (old)"),
    (ETHERTYPE_MPLS, "MPLS"),
    (ETHERTYPE_MPLS_MULTICAST, "MPLS multicast"),
    (ETHERTYPE_PPPOE_DISCOVERY, "PPPoE discovery"),
    (ETHERTYPE_PPPOE_SESSION, "PPPoE session"),
    (ETHERTYPE_BATADV, "batman-adv"),
    (ETHERTYPE_EAPOL, "EAPOL"),
];

/// The words, with the names of ports.
pub(super) struct Wording {
    /// Ports with the names of their services, sorted by port.
    services: Vec<(u16, &'static str)>,
}

impl Wording {
    pub(super) fn new() -> Wording {
        let mut services: Vec<(u16, &str)> = names::service_ports().collect();
        services.sort_by_key(|&(port, _)| port);
        services.dedup_by_key(|&mut (port, _)| port);
        Wording { services }
    }

    /// Describes what a register holds.
    pub(super) fn content(&self, state: &State, content: Content) -> Option<String> {
        match content {
            Content::Bytes(bytes) => {
                let Some(parts) = state.parts(&bytes) else { return raw(state, &bytes) };
                let names: Vec<String> = parts.iter().take(MOST_PARTS).map(name).collect();
                let more = if parts.len() > MOST_PARTS { ", ..." } else { "" };
                Some(names.join(", ") + more)
            }
            Content::Fields(fields) => Some(fields_name(&fields)),
            Content::WireLen => Some("length".to_string()),
            Content::Ancillary(extension) => Some(metadata(extension).to_string()),
            Content::Distance(Place { extensions: 0, .. }) => Some("ip header length".to_string()),
            Content::Distance(_) => Some("start of the next header".to_string()),
            Content::ExtensionBytes(_) => Some("length of the extension in bytes".to_string()),
            Content::ExtensionUnits(_) => None,
            Content::Constant(_) | Content::Unknown => None,
        }
    }

    /// Describes a test of A against a constant.
    pub(super) fn test(&self, state: &State, condition: Condition, k: u32) -> Option<String> {
        match state.a {
            Content::Bytes(bytes) => {
                let number = k.checked_shl(bytes.shift).filter(|number| number >> bytes.shift == k)?;
                match state.parts(&bytes) {
                    Some(parts) => self.test_of_parts(state, &parts, bytes.mask, condition, number),
                    None => test_of_raw(state, &bytes, condition, number),
                }
            }
            Content::Fields(fields) => {
                let part = fields.part();
                let test = self.test_of_parts(state, &[part], part.mask, condition, k)?;
                let [one, other] = fields.names;
                Some(if one == other { test } else { format!("{other} or {test}") })
            }
            Content::Ancillary(extension) => {
                let value = match extension {
                    Extension::Protocol | Extension::VlanTpid => self.link_protocol(state, k, false),
                    _ => k.to_string(),
                };
                Some(format!("{} {} {value}", metadata(extension), symbol(condition)?))
            }
            content => Some(format!("{} {} {k}", self.content(state, content)?, symbol(condition)?)),
        }
    }

    /// Describes a test of the bits of these parts that are in `mask` against a number.
    fn test_of_parts(
        &self,
        state: &State,
        parts: &[Part],
        mask: u32,
        condition: Condition,
        number: u32,
    ) -> Option<String> {
        match condition {
            Condition::Equal | Condition::NotEqual if number & !mask != 0 => {
                Some(if condition == Condition::Equal { "never" } else { "always" }.to_string())
            }
            Condition::Equal | Condition::NotEqual => {
                let operator = if condition == Condition::Equal { " = " } else { " != " };
                let tests: Vec<String> =
                    parts.iter().map(|part| self.comparison(state, part, operator, number)).collect();
                Some(tests.join(if condition == Condition::Equal { ", " } else { " or " }))
            }
            Condition::BitsSet | Condition::BitsNotSet => {
                let is_set = condition == Condition::BitsSet;
                let tested = |part: &Part| Part { mask: part.mask & number >> part.below, ..*part };
                let parts = parts.iter().map(tested).filter(|part| part.mask != 0);
                let tests: Vec<String> = parts.map(|part| bits(&part, is_set)).collect();
                match tests.is_empty() {
                    true => Some(if is_set { "never" } else { "always" }.to_string()),
                    false => Some(tests.join(if is_set { " or " } else { ", " })),
                }
            }
            // The order of numbers is that of a field if nothing else is beside it.
            _ => match parts {
                [part] if number & !(mask & part.mask << part.below) == 0 => {
                    Some(self.comparison(state, part, &format!(" {} ", symbol(condition)?), number))
                }
                _ => None,
            },
        }
    }

    /// Compares a part with its bits in a number.
    fn comparison(&self, state: &State, part: &Part, operator: &str, number: u32) -> String {
        let value = part.value(number);
        let bytes = number >> part.below & part.field_mask;
        let text = match part.field.notation {
            Notation::Ipv4Address => return format!("{}{operator}{}", part.field.name, ipv4(part, bytes)),
            Notation::Ipv6Address | Notation::MacAddress => {
                return format!("{}{operator}{}", name(part), long_address(part, bytes));
            }
            Notation::Bits(prefix) if part.len == part.field.len => flags(prefix, value),
            _ if !part.is_whole() => format!("{value:#x}"),
            Notation::Hexadecimal => format!("{value:#x}"),
            Notation::LinkProtocol => self.link_protocol(state, value, true),
            Notation::IpProtocol => ip_protocol(value),
            Notation::PppProtocol => match ether_type(LinkFamily::Ppp, value) {
                other if other == value => format!("{value:#x}"),
                ether_type => self.link_protocol(state, ether_type, false),
            },
            Notation::ServiceAccessPoint => numbered(&SERVICE_ACCESS_POINTS, value),
            Notation::OsiProtocol => numbered(&OSI_PROTOCOLS, value),
            Notation::Port => self.port(value),
            Notation::Bits(prefix) => flags(prefix, value),
            Notation::Named(prefix) => named(prefix, value),
            Notation::Decimal => value.to_string(),
        };
        format!("{}{operator}{text}", name(part))
    }

    fn port(&self, port: u32) -> String {
        let service = self.services.binary_search_by_key(&port, |&(other, _)| other.into());
        service.map_or_else(|_| port.to_string(), |place| format!("{port} ({})", self.services[place].1))
    }

    /// Names the protocol of a payload of the link layer; `is_native` if its number is that of the link type.
    fn link_protocol(&self, state: &State, value: u32, is_native: bool) -> String {
        let ether_type = if is_native { ether_type(state.family(), value) } else { value };
        let known = PROTOCOL_NAMES.iter().find(|(number, _)| *number == ether_type).map(|&(_, name)| name.to_string());
        let of_language = || names::name_of(&names::LINK_PROTOCOLS, ether_type).map(str::to_uppercase);
        match known.or_else(of_language) {
            Some(name) => name,
            None => format!("{value:#x}"),
        }
    }
}

/// Names of service access points of LLC, and of protocols of OSI.
static SERVICE_ACCESS_POINTS: [(u32, &str); 6] =
    [(SAP_IP, "IP"), (SAP_STP, "STP"), (0xaa, "SNAP"), (SAP_IPX, "IPX"), (SAP_NETBEUI, "NetBEUI"), (SAP_OSI, "OSI")];
static OSI_PROTOCOLS: [(u32, &str); 3] = [(OSI_CLNP, "CLNP"), (OSI_ESIS, "ES-IS"), (OSI_ISIS, "IS-IS")];

/// Formats a number with its name, if it has one: `0x42 (STP)`.
fn numbered(names: &[(u32, &str)], value: u32) -> String {
    match names.iter().find(|(number, _)| *number == value) {
        Some((_, name)) => format!("{value:#x} ({name})"),
        None => format!("{value:#x}"),
    }
}

/// Describes bytes of a known header that are no known fields, as the language does: `sctp[12:4]`.
fn raw(state: &State, bytes: &Bytes) -> Option<String> {
    let (header, offset) = state.place_in_header(bytes)?;
    let place = if bytes.len == 1 { offset.to_string() } else { format!("{offset}:{}", bytes.len) };
    let mask = if bytes.mask == width_mask(bytes.len) { String::new() } else { format!(" & {:#x}", bytes.mask) };
    (bytes.shift == 0).then(|| format!("{header}[{place}]{mask}"))
}

/// Describes a test of such bytes.
fn test_of_raw(state: &State, bytes: &Bytes, condition: Condition, number: u32) -> Option<String> {
    let is_set = condition == Condition::BitsSet;
    match condition {
        Condition::BitsSet | Condition::BitsNotSet => {
            let bits = Bytes { mask: bytes.mask & number, ..*bytes };
            let name = raw(state, &bits).filter(|_| bits.mask != 0)?;
            Some(format!("{name} {} 0", if is_set { "!=" } else { "=" }))
        }
        _ => {
            let value = if number > 9 { format!("{number:#x}") } else { number.to_string() };
            Some(format!("{} {} {value}", raw(state, bytes)?, symbol(condition)?))
        }
    }
}

/// Returns the names of fields.
fn fields_name(fields: &Fields) -> String {
    let [one, other] = fields.names;
    if one == other { one.to_string() } else { format!("{one} or {other}") }
}

/// Returns the name of a part: that of the field, and which of its bytes or bits.
fn name(part: &Part) -> String {
    let name = part.field.name;
    if part.len < part.field.len {
        let last = part.first + part.len - 1;
        let bytes = if part.len == 1 { format!("byte {last}") } else { format!("bytes {}-{last}", part.first) };
        let mask = if part.mask == part.field_mask { String::new() } else { format!(" & {:#x}", part.mask) };
        return format!("{name} {bytes}{mask}");
    }
    if part.mask == part.field_mask {
        return name.to_string();
    }
    match part.field.notation {
        Notation::Ipv4Address => format!("{name} & {}", Ipv4Addr::from(part.mask)),
        Notation::Bits(prefix) => format!("{name} & {}", flags(prefix, part.value(part.mask))),
        _ => format!("{name} & {:#x}", part.value(part.mask)),
    }
}

/// Formats an IPv4 address, or a network if only its first bits are compared.
fn ipv4(part: &Part, bytes: u32) -> String {
    let after = 8 * (4 - part.first - part.len);
    let (mask, address) = (part.mask << after, bytes << after);
    if part.mask.leading_zeros() + part.mask.count_ones() + part.mask.trailing_zeros() != 32 || part.first > 0 {
        return format!("{} (mask {})", Ipv4Addr::from(address), Ipv4Addr::from(mask));
    }
    match mask.leading_ones() {
        32 => Ipv4Addr::from(address).to_string(),
        len if len == mask.count_ones() => format!("{}/{len}", Ipv4Addr::from(address)),
        _ => format!("{} (mask {})", Ipv4Addr::from(address), Ipv4Addr::from(mask)),
    }
}

/// Formats a part of an IPv6 or MAC address.
fn long_address(part: &Part, bytes: u32) -> String {
    let is_mac = part.field.notation == Notation::MacAddress;
    let step = if is_mac || part.len % 2 != 0 { 1 } else { 2 };
    let group = |index: u32| bytes >> (8 * (part.len - step * (index + 1))) & width_mask(step);
    let groups = (0..part.len / step).map(group);
    let groups: Vec<String> =
        groups.map(|group| if is_mac { format!("{group:02x}") } else { format!("{group:x}") }).collect();
    groups.join(":")
}

/// Describes a test for bits of a part.
fn bits(part: &Part, is_set: bool) -> String {
    if part.is_whole() && !matches!(part.field.notation, Notation::Bits(_)) {
        return format!("{} {} 0", part.field.name, if is_set { ">" } else { "=" });
    }
    match part.field.notation {
        Notation::Bits(prefix) if part.len == part.field.len => {
            let flags = flags(prefix, part.value(part.mask));
            format!("{} {} {flags}", part.field.name, if is_set { "with" } else { "without" })
        }
        _ => format!("{} {} 0", name(part), if is_set { "!=" } else { "=" }),
    }
}

/// Formats bits by their names: `SYN|ACK`.
fn flags(prefix: &str, value: u32) -> String {
    let mut rest = value;
    let mut flags = Vec::new();
    for (name, number) in keywords::numbers(prefix) {
        if rest & number != 0 {
            rest &= !number;
            flags.push((number, name.to_uppercase()));
        }
    }
    flags.sort();
    let mut names: Vec<String> = flags.into_iter().map(|(_, name)| name).collect();
    if rest != 0 || names.is_empty() {
        names.push(format!("{rest:#x}"));
    }
    names.join("|")
}

/// Formats a number with its name: `8 (echo)`.
fn named(prefix: &str, value: u32) -> String {
    match keywords::numbers(prefix).find(|&(_, number)| number == value) {
        Some((name, _)) => format!("{value} ({name})"),
        None => value.to_string(),
    }
}

fn ip_protocol(number: u32) -> String {
    match (number, names::ip_protocol_name(number)) {
        (IPPROTO_ICMPV6, _) => "ICMPv6".to_string(),
        (_, Some(name)) => name.to_uppercase().replace("IPV6", "IPv6"),
        (_, None) => number.to_string(),
    }
}

/// Returns the operator of a comparison.
fn symbol(condition: Condition) -> Option<&'static str> {
    Some(match condition {
        Condition::Equal => "=",
        Condition::NotEqual => "!=",
        Condition::Greater => ">",
        Condition::GreaterOrEqual => ">=",
        Condition::Less => "<",
        Condition::LessOrEqual => "<=",
        Condition::BitsSet | Condition::BitsNotSet => return None,
    })
}

/// Describes the metadata of an ancillary load.
fn metadata(extension: Extension) -> &'static str {
    match extension {
        Extension::Protocol => "ethertype (metadata)",
        Extension::PacketType => "packet type",
        Extension::InterfaceIndex => "interface",
        Extension::NetlinkAttribute => "netlink attribute",
        Extension::NestedNetlinkAttribute => "nested netlink attribute",
        Extension::Mark => "firewall mark",
        Extension::Queue => "receive queue",
        Extension::HardwareType => "hardware type",
        Extension::ReceiveHash => "receive hash",
        Extension::Cpu => "processor",
        Extension::XorX => "A ^ X",
        Extension::VlanTci => "removed vlan tag",
        Extension::VlanPresent => "a vlan tag was removed",
        Extension::PayloadOffset => "payload offset",
        Extension::Random => "random number",
        Extension::VlanTpid => "ethertype of the removed vlan tag",
    }
}
