//! Rules: an expression, and the areas of five-tuples that it describes.

use std::net::Ipv4Addr;

use crate::areas::{Area, Tuple};
use crate::random::Random;

/// A rule, which matches the packets of any of its areas.
pub struct Rule {
    /// In the filter language.
    pub text: String,
    pub areas: Vec<Area>,
}

impl Rule {
    pub fn contains(&self, tuple: &Tuple) -> bool {
        self.areas.iter().any(|area| contains(area, tuple))
    }

    /// Returns a matching tuple.
    pub fn example(&self, random: &mut Random) -> Tuple {
        let area = self.areas[random.below(self.areas.len())];
        let has_ports = area.source_port != Area::ANY_PORT || area.destination_port != Area::ANY_PORT;
        let protocol = match area.protocol {
            0 if has_ports => random.choose(&[6, 17]),
            0 => random.choose(&[6, 6, 17]),
            protocol => protocol,
        };
        let [source, destination] = [area.source, area.destination].map(|range| address_in(random, range));
        let [source_port, destination_port] =
            [area.source_port, area.destination_port].map(|range| port_in(random, range));
        Tuple { source, destination, source_port, destination_port, protocol }
    }
}

fn contains(area: &Area, tuple: &Tuple) -> bool {
    let [addresses, ports] = [
        [(area.source, tuple.source), (area.destination, tuple.destination)],
        [(area.source_port, tuple.source_port), (area.destination_port, tuple.destination_port)]
            .map(|(range, port)| (range.map(u32::from), u32::from(port))),
    ];
    (area.protocol == 0 || area.protocol == tuple.protocol)
        && addresses.into_iter().chain(ports).all(|([low, high], value)| low <= value && value <= high)
}

fn address_in(random: &mut Random, [low, high]: [u32; 2]) -> u32 {
    let number = u64::from(random.number()) * (u64::from(high - low) + 1);
    low + (number >> 32) as u32
}

fn port_in(random: &mut Random, range: [u16; 2]) -> u16 {
    address_in(random, range.map(u32::from)) as u16
}

/// Returns a rule for one area.
pub fn rule(area: Area) -> Rule {
    let mut parts: Vec<String> = Vec::new();
    // Without `ip`, the nets are those of ARP packets, too.
    if area.protocol == 0 {
        parts.push("ip".to_owned());
    }
    parts.extend([(area.source, "src", 12), (area.destination, "dst", 16)].into_iter().filter_map(addresses));
    let protocol = match area.protocol {
        0 => String::new(),
        6 => "tcp ".to_owned(),
        17 => "udp ".to_owned(),
        132 => "sctp ".to_owned(),
        number => format!("ip proto {number} "),
    };
    let ports = [(area.source_port, "src"), (area.destination_port, "dst")].into_iter().filter_map(ports);
    let ports: Vec<String> = ports.map(|ports| format!("{protocol}{ports}")).collect();
    if ports.is_empty() && area.protocol != 0 {
        parts.push(protocol.trim_end().to_owned());
    }
    parts.extend(ports);
    Rule { text: parts.join(" and "), areas: vec![area] }
}

/// Returns an expression for a range of addresses, of which the offset in the IP header is given; `None` for any.
fn addresses(([low, high], side, offset): ([u32; 2], &str, u32)) -> Option<String> {
    let len = (low ^ high).leading_zeros();
    match () {
        () if [low, high] == Area::ANY_ADDRESS => None,
        () if low == high => Some(format!("{side} host {}", Ipv4Addr::from(low))),
        () if [low, high] == Area::prefix(low, len) => Some(net(low, len, side)),
        () => Some(format!("ip[{offset}:4] >= {low} and ip[{offset}:4] <= {high}")),
    }
}

fn ports(([low, high], side): ([u16; 2], &str)) -> Option<String> {
    match () {
        () if [low, high] == Area::ANY_PORT => None,
        () if low == high => Some(format!("{side} port {low}")),
        () => Some(format!("{side} portrange {low}-{high}")),
    }
}

fn net(address: u32, len: u32, side: &str) -> String {
    format!("{side} net {}/{len}", Ipv4Addr::from(address))
}

/// `src net A/LEN`
pub fn source_net(address: u32, len: u32) -> Rule {
    let source = Area::prefix(address, len);
    Rule { text: net(source[0], len, "src"), areas: vec![Area { source, ..Area::ANY }] }
}

/// `dst net A/LEN`
pub fn destination_net(address: u32, len: u32) -> Rule {
    let destination = Area::prefix(address, len);
    Rule { text: net(destination[0], len, "dst"), areas: vec![Area { destination, ..Area::ANY }] }
}

/// `host A`
pub fn host(address: u32) -> Rule {
    Rule { text: format!("host {}", Ipv4Addr::from(address)), areas: either_address(address, Area::ANY).to_vec() }
}

/// `port P`
pub fn port(port: u16) -> Rule {
    Rule { text: format!("port {port}"), areas: either_port(port, Area::ANY).to_vec() }
}

/// `host A and port P`
pub fn host_and_port(address: u32, port: u16) -> Rule {
    let areas = either_address(address, Area::ANY).map(|area| either_port(port, area)).concat();
    Rule { text: format!("host {} and port {port}", Ipv4Addr::from(address)), areas }
}

fn either_address(address: u32, area: Area) -> [Area; 2] {
    [Area { source: [address; 2], ..area }, Area { destination: [address; 2], ..area }]
}

fn either_port(port: u16, area: Area) -> [Area; 2] {
    [Area { source_port: [port; 2], ..area }, Area { destination_port: [port; 2], ..area }]
}
