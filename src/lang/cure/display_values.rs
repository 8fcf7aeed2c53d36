//! Values of fields of display filters: their names, and what they are in capture filters.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::lang::cure::display_fields::{Meaning, TCP_HEADER};
use crate::lang::cure::display_tests::{Level, Part, joined};
use crate::lang::cure::header_fields::{flags_of, message_type};
use crate::lang::cure::ports::{is_host_name, is_port};
use crate::lang::cure::words::{ipv4, ipv6, is_mac, is_number};
use crate::lang::names;

/// The smallest EtherType.
const FIRST_ETHERTYPE: u32 = 0x600;

/// Returns whether a value is one of a field.
pub(super) fn is_value(meaning: Meaning, value: &str) -> bool {
    let value = &*number(meaning, value);
    let (address, _) = value.split_once('/').unwrap_or((value, ""));
    match of_family(meaning, value) {
        Meaning::Port(..) => is_port(value),
        Meaning::Address("ip6", _) => ipv6(address).is_some() || is_host_name(address),
        Meaning::Address(..) => ipv4(address).is_some() || is_host_name(address),
        Meaning::Mac(_) => is_mac(value),
        Meaning::Keyword(..) | Meaning::Number(..) => number_of(value).is_some(),
        Meaning::Flag(..) | Meaning::Test(_) => matches!(&*value.to_ascii_lowercase(), "0" | "1" | "true" | "false"),
        Meaning::Method | Meaning::Nothing => false,
    }
}

/// Returns the meaning of a field with addresses for an address, which may be of the other family.
pub(super) fn of_family(meaning: Meaning, value: &str) -> Meaning {
    let (address, _) = value.split_once('/').unwrap_or((value, ""));
    match meaning {
        Meaning::Address("ip", direction) if ipv6(address).is_some() => Meaning::Address("ip6", direction),
        Meaning::Address("ip6", direction) if ipv4(address).is_some() => Meaning::Address("ip", direction),
        _ => meaning,
    }
}

/// Returns a value with its name replaced by what stands for it.
pub(super) fn number(meaning: Meaning, value: &str) -> Cow<'_, str> {
    let lower = value.to_ascii_lowercase();
    let found = match meaning {
        Meaning::Port(..) => lower
            .strip_prefix("0x")
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
            .map(|port| port.to_string()),
        Meaning::Keyword("ip proto" | "ip6 proto", ..) if !is_number(value) => {
            names::ip_protocol(&lower).map(|number| number.to_string())
        }
        Meaning::Keyword("ether proto", ..) => {
            let name = match &*lower {
                "ipv4" => "ip",
                "ipv6" => "ip6",
                name => name,
            };
            let number = names::find(&names::LINK_PROTOCOLS, name).filter(|number| *number >= FIRST_ETHERTYPE);
            number.map(|number| format!("{number:#06x}"))
        }
        Meaning::Mac(_) if lower == "broadcast" => Some("ff:ff:ff:ff:ff:ff".to_string()),
        Meaning::Number("icmp[icmptype]", _) => name_of_type("icmp", &lower),
        Meaning::Number("icmp6[icmp6type]", _) => name_of_type("icmp6", &lower),
        Meaning::Number("arp[6:2]", _) => match &*lower {
            "request" | "who-has" => Some("1".to_string()),
            "reply" | "is-at" => Some("2".to_string()),
            _ => None,
        },
        Meaning::Number("tcp[12:2] & 0xfff", _) => flags_of(&lower).map(|flags| match &flags[..] {
            [flag] => (*flag).to_string(),
            flags => format!("({})", flags.join("|")),
        }),
        _ => None,
    };
    found.map_or(Cow::Borrowed(value), Cow::Owned)
}

fn name_of_type(protocol: &str, value: &str) -> Option<String> {
    message_type(protocol, value).filter(|_| !is_number(value)).map(String::from)
}

/// Returns a value if it is a number, or a name or flags that stand for one.
pub(super) fn number_of(value: &str) -> Option<&str> {
    let is_hex = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_name = ["icmp-", "icmp6-", "tcp-", "(tcp-"].iter().any(|prefix| value.starts_with(prefix));
    let is_value = is_number(value) || is_name || value.strip_prefix("0x").is_some_and(is_hex);
    is_value.then_some(value)
}

/// Returns the test that an IPv4 address is before or behind another one.
pub(super) fn ordered(meaning: Meaning, relation: &str, value: &str) -> Option<Part> {
    let Meaning::Address("ip", direction) = meaning else { return None };
    let number = ipv4(value).filter(|_| matches!(relation, "<" | "<=" | ">" | ">="))?;
    let test = |at: u8| Part::test(format!("ip[{at}:4] {relation} {:#010x}", u32::from(number)));
    Some(match direction.trim_end() {
        "src" => test(12),
        "dst" => test(16),
        _ => joined(vec![test(12), test(16)], Level::Or),
    })
}

/// Returns the test of bytes of a field, such as `00:11:22`.
pub(super) fn bytes(field: &str, offset: u16, length: usize, value: &str) -> Option<Part> {
    let (protocol, base, end) = match field {
        "eth" => ("ether", "0", 14),
        "eth.dst" => ("ether", "0", 6),
        "eth.src" => ("ether", "6", 6),
        "ip" => ("ip", "0", 20),
        "ipv6" => ("ip6", "0", 40),
        "udp" => ("udp", "0", 8),
        "udp.payload" => ("udp", "8", u16::MAX),
        "tcp.payload" => ("tcp", TCP_HEADER, u16::MAX),
        _ => return None,
    };
    let values = value.split([':', '-', '.']).map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2));
    let values = values.collect::<Option<Vec<u8>>>()?;
    if values.len() != length || values.is_empty() || offset.checked_add(u16::try_from(length).ok()?)? > end {
        return None;
    }
    let (mut tests, mut at) = (Vec::new(), 0);
    while at < values.len() && tests.len() < MAX_TESTS {
        let size = [4, 2, 1].into_iter().find(|size| at + size <= values.len())?;
        let number = values[at..at + size].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let skipped = usize::from(offset) + at;
        let place = match base.parse::<usize>() {
            Ok(base) => (base + skipped).to_string(),
            Err(_) if skipped == 0 => base.to_string(),
            Err(_) => format!("{base} + {skipped}"),
        };
        let place = if size == 1 { place } else { format!("{place}:{size}") };
        tests.push(Part::test(format!("{protocol}[{place}] == {number:#0width$x}", width = 2 + 2 * size)));
        at += size;
    }
    (at == values.len()).then(|| joined(tests, Level::And))
}

/// The maximum number of tests for the bytes of a field.
const MAX_TESTS: usize = 16;
