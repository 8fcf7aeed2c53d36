//! Link types, by number and by name; all facts about them are in `link_type_table.rs`.
//!
//! A link type has a number in capture files (`LINKTYPE_*`) and one in libpcap's interface (`DLT_*`). They differ for a
//! few old types: raw IP is 101 in a file, and 12 in the interface on most systems. A [`LinkType`] is the number in
//! files.

use alloc::string::ToString;
use core::fmt;
use core::str::FromStr;

use crate::bpf::unknown_name::UnknownName;
use crate::lang::link_type_table::{Row, TABLE};

/// The type of the first header of a packet: the `LINKTYPE_*` number of a capture.
///
/// ```
/// use cbpf::LinkType;
/// assert_eq!("RAW".parse(), Ok(LinkType::RAW));
/// assert_eq!((LinkType::RAW.number(), LinkType::RAW.dlt()), (101, 12));
/// assert_eq!(LinkType::from_dlt(12), LinkType::RAW);
/// assert_eq!(LinkType::ETHERNET.to_string(), "EN10MB");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(u32);

impl LinkType {
    /// Ethernet.
    pub const ETHERNET: LinkType = LinkType(1);
    /// An IPv4 or IPv6 packet without a link-layer header.
    pub const RAW: LinkType = LinkType(101);
    /// BSD loopback: the address family in the byte order of the machine, then the packet.
    pub const NULL: LinkType = LinkType(0);
    /// OpenBSD loopback: the address family in network byte order, then the packet.
    pub const LOOP: LinkType = LinkType(108);
    /// PPP.
    pub const PPP: LinkType = LinkType(9);
    /// IEEE 802.11 wireless LAN.
    pub const IEEE802_11: LinkType = LinkType(105);
    /// IEEE 802.11 after a radiotap header.
    pub const IEEE802_11_RADIOTAP: LinkType = LinkType(127);
    /// Linux cooked capture, version 1, from the `any` device.
    pub const LINUX_SLL: LinkType = LinkType(113);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: LinkType = LinkType(276);
    /// OpenBSD's pflog.
    pub const PFLOG: LinkType = LinkType(117);
    /// An IPv4 packet without a link-layer header.
    pub const IPV4: LinkType = LinkType(228);
    /// An IPv6 packet without a link-layer header.
    pub const IPV6: LinkType = LinkType(229);

    // Link types for which some tests are generated in another way.
    pub(super) const SLIP: LinkType = LinkType(8);
    pub(super) const ATM_CLIP: LinkType = LinkType(106);
    pub(super) const PRISM: LinkType = LinkType(119);
    pub(super) const IP_OVER_FC: LinkType = LinkType(122);
    pub(super) const SUNATM: LinkType = LinkType(123);
    pub(super) const MTP2_WITH_PHDR: LinkType = LinkType(139);
    pub(super) const MTP2: LinkType = LinkType(140);
    pub(super) const AVS: LinkType = LinkType(163);
    pub(super) const PPP_PPPD: LinkType = LinkType(166);
    pub(super) const PPI: LinkType = LinkType(192);
    pub(super) const ERF: LinkType = LinkType(197);
    pub(super) const NETANALYZER: LinkType = LinkType(240);
    pub(super) const NETANALYZER_TRANSPARENT: LinkType = LinkType(241);
    pub(super) const DSA_TAG_BRCM: LinkType = LinkType(281);
    pub(super) const DSA_TAG_DSA: LinkType = LinkType(284);

    /// Returns the link type with this number in a capture file.
    pub const fn new(number: u32) -> LinkType {
        LinkType(match number {
            // Some systems write their `DLT_*` number of raw IP into files.
            12 | 14 => 101,
            number => number,
        })
    }

    /// Returns the link type with this number in libpcap's interface.
    pub fn from_dlt(dlt: u32) -> LinkType {
        LinkType(TABLE.iter().find(|row| row.dlt == dlt).map_or(dlt, |row| row.number))
    }

    /// Returns the number in a capture file (`LINKTYPE_*`).
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Returns the number in libpcap's interface (`DLT_*`).
    pub fn dlt(self) -> u32 {
        self.row().map_or(self.0, |row| row.dlt)
    }

    /// Returns the name, as `tcpdump -y` accepts it: `EN10MB`, `LINUX_SLL`, ...
    pub fn name(self) -> Option<&'static str> {
        self.row().and_then(|row| row.names.split(' ').next())
    }

    /// Returns the description: `Ethernet`, `Linux cooked v1`, ...
    pub fn description(self) -> Option<&'static str> {
        self.row().map(|row| row.description)
    }

    /// Returns all link types that have a name, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = LinkType> + Clone {
        TABLE.iter().map(|row| LinkType(row.number))
    }

    pub(super) fn row(self) -> Option<&'static Row> {
        TABLE.binary_search_by_key(&self.0, |row| row.number).ok().map(|place| &TABLE[place])
    }
}

/// Prints the name, or the number if there is none.
impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&self.0.to_string()),
        }
    }
}

/// The texts that parse to a link type, for the error.
const EXPECTED: [&str; 2] = ["a name such as EN10MB", "the number in a capture file"];

/// Parses a name in upper or lower case, with or without `DLT_` or `LINKTYPE_`, or the number in a capture file.
impl FromStr for LinkType {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<LinkType, UnknownName> {
        if let Ok(number) = text.parse() {
            return Ok(LinkType::new(number));
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("DLT_").or_else(|| upper.strip_prefix("LINKTYPE_")).unwrap_or(&upper);
        let row = TABLE.iter().find(|row| row.names.split(' ').any(|other| other == name));
        row.map(|row| LinkType(row.number)).ok_or_else(|| UnknownName::new("link type", text, EXPECTED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_prints_all_link_types() {
        assert!(TABLE.windows(2).all(|pair| pair[0].number < pair[1].number));
        for row in TABLE {
            let link_type = LinkType(row.number);
            assert_eq!(link_type.to_string().parse(), Ok(link_type));
            assert!(row.names.split(' ').all(|name| name.parse() == Ok(link_type)), "{}", row.names);
            assert_eq!(LinkType::from_dlt(link_type.dlt()), link_type);
        }
        assert!("EN100MB".parse::<LinkType>().is_err());
    }
}
