//! The table of link-layer headers: where a link type has its protocol field, addresses and network header.

use crate::lang::link_type::LinkType;

/// A group of link types that name the protocol of their payload in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkFamily {
    /// An EtherType, or a length and LLC.
    Ethernet,
    /// An EtherType only.
    EtherType,
    /// LLC, and an EtherType in SNAP.
    Llc,
    /// 802.11 before LLC.
    Wlan,
    SunAtm,
    LinuxSll,
    CiscoHdlc,
    /// The version in the IP header.
    Raw,
    Ipv4,
    Ipv6,
    Ppp,
    PppBsdos,
    /// An address family in the byte order of the capturing machine.
    Loopback,
    /// An address family in network byte order.
    NetworkLoopback,
    Pflog,
    Arcnet,
    LocalTalk,
    FrameRelay,
    /// A magic number only, which is the same for all protocols.
    Juniper,
    Bacnet,
    Ipnet,
    /// SS7.
    Mtp2,
    /// Unknown: an expression can test the bytes only.
    Opaque,
}

/// The link-layer header of a link type. Offsets are from the start of the packet; `None` for fields that do not exist.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkLayout {
    pub(super) number: u32,
    pub(super) family: LinkFamily,
    /// The offset of the link-layer header.
    pub(super) header: u32,
    /// The offset of the field that names the protocol of the payload.
    pub(super) protocol_field: Option<u32>,
    pub(super) payload: Option<u32>,
    /// The offset of the network header in the payload, after LLC and SNAP if there are any.
    pub(super) network: u32,
    /// The same without SNAP, as OSI has it.
    pub(super) network_without_snap: Option<u32>,
    /// The offsets of the destination and source addresses in the header.
    pub(super) addresses: Option<(u32, u32)>,
}

impl LinkLayout {
    /// Returns the layout of a link type, which is opaque without a row in the table.
    pub(super) fn of(link_type: LinkType) -> LinkLayout {
        let number = link_type.number();
        let known = TABLE.iter().find(|row| row.number == number);
        known.copied().unwrap_or(row(number, LinkFamily::Opaque, 0, NO, NO, 0, 0, None))
    }
}

/// Link types that have rules besides their row.
impl LinkType {
    pub(super) const SLIP: LinkType = LinkType::new(8);
    pub(super) const ATM_CLIP: LinkType = LinkType::new(106);
    pub(super) const PRISM: LinkType = LinkType::new(119);
    pub(super) const IP_OVER_FC: LinkType = LinkType::new(122);
    pub(super) const SUNATM: LinkType = LinkType::new(123);
    pub(super) const MTP2_WITH_PHDR: LinkType = LinkType::new(139);
    pub(super) const MTP2: LinkType = LinkType::new(140);
    pub(super) const AVS: LinkType = LinkType::new(163);
    pub(super) const PPP_PPPD: LinkType = LinkType::new(166);
    pub(super) const PPI: LinkType = LinkType::new(192);
    pub(super) const ERF: LinkType = LinkType::new(197);
    pub(super) const NETANALYZER: LinkType = LinkType::new(240);
    pub(super) const NETANALYZER_TRANSPARENT: LinkType = LinkType::new(241);
    pub(super) const DSA_TAG_BRCM: LinkType = LinkType::new(281);
    pub(super) const DSA_TAG_DSA: LinkType = LinkType::new(284);
}

/// An offset that does not exist.
const NO: u32 = u32::MAX;

const fn offset(offset: u32) -> Option<u32> {
    if offset == NO { None } else { Some(offset) }
}

#[expect(clippy::too_many_arguments, reason = "a row of a table")]
const fn row(
    number: u32,
    family: LinkFamily,
    header: u32,
    protocol_field: u32,
    payload: u32,
    network: u32,
    network_without_snap: u32,
    addresses: Option<(u32, u32)>,
) -> LinkLayout {
    let (protocol_field, payload) = (offset(protocol_field), offset(payload));
    let network_without_snap = offset(network_without_snap);
    LinkLayout { number, family, header, protocol_field, payload, network, network_without_snap, addresses }
}

/// The link types with known headers. The payload of 802.11 and pflog has another offset in each packet.
#[rustfmt::skip]
static TABLE: &[LinkLayout] = &[
    // number, family,                header, protocol field, payload, network, the same without SNAP, addresses
    row(  0, LinkFamily::Loopback,         0,  0,  4,  0,  0, None),
    row(  1, LinkFamily::Ethernet,         0, 12, 14,  0,  3, Some((0, 6))),
    row(  6, LinkFamily::Llc,              0, 14, 14,  8,  3, Some((2, 8))),
    row(  7, LinkFamily::Arcnet,           0,  2,  6,  0,  0, Some((1, 0))),
    row(  8, LinkFamily::Raw,              0, NO, 16,  0,  0, None),
    row(  9, LinkFamily::Ppp,              0,  2,  4,  0,  0, None),
    row( 10, LinkFamily::Llc,              0, 13, 13,  8,  3, Some((1, 7))),
    row( 50, LinkFamily::Ppp,              0,  2,  4,  0,  0, None),
    row( 51, LinkFamily::Ppp,              0,  6,  8,  0,  0, None),
    row( 99, LinkFamily::EtherType,        0,  6, 44,  0,  0, None),
    row(100, LinkFamily::Llc,              0,  0,  0,  8,  3, None),
    row(101, LinkFamily::Raw,              0, NO,  0,  0,  0, None),
    row(102, LinkFamily::Raw,              0, NO, 24,  0,  0, None),
    row(103, LinkFamily::PppBsdos,         0,  5, 24,  0,  0, None),
    row(104, LinkFamily::CiscoHdlc,        0,  2,  4,  0,  0, None),
    row(105, LinkFamily::Wlan,             0, NO,  0,  8,  3, None),
    row(106, LinkFamily::Llc,              0,  0,  0,  8,  3, None),
    row(107, LinkFamily::FrameRelay,       0, NO,  0,  0,  0, None),
    row(108, LinkFamily::NetworkLoopback,  0,  0,  4,  0,  0, None),
    row(109, LinkFamily::Loopback,         0,  0, 12,  0,  0, None),
    row(112, LinkFamily::CiscoHdlc,        0,  2,  4,  0,  0, None),
    row(113, LinkFamily::LinuxSll,         0, 14, 16,  0,  0, None),
    row(114, LinkFamily::LocalTalk,        0, NO,  0,  0,  0, None),
    row(117, LinkFamily::Pflog,            0, NO,  0,  0,  0, None),
    row(119, LinkFamily::Wlan,             0, NO,  0,  8,  3, None),
    row(122, LinkFamily::Llc,              0, 16, 16,  8,  3, Some((2, 10))),
    row(123, LinkFamily::SunAtm,           0,  4,  4,  8,  3, None),
    row(127, LinkFamily::Wlan,             0, NO,  0,  8,  3, None),
    row(129, LinkFamily::Arcnet,           0,  4,  8,  0,  0, Some((1, 0))),
    row(130, LinkFamily::Juniper,          0,  4,  4,  0, NO, None),
    row(131, LinkFamily::Juniper,          0,  4,  4,  0, NO, None),
    row(132, LinkFamily::Juniper,          0,  6, NO,  0, NO, None),
    row(133, LinkFamily::Juniper,          0,  6, 12,  0, NO, None),
    row(134, LinkFamily::Juniper,          0,  4,  4,  0, NO, None),
    row(135, LinkFamily::Juniper,          0,  8,  8,  0, 10, None),
    row(136, LinkFamily::Juniper,          0, 12, NO,  0, NO, None),
    row(137, LinkFamily::Juniper,          0,  4,  4,  0, 10, None),
    row(138, LinkFamily::EtherType,        0, 16, 18,  0,  0, None),
    row(139, LinkFamily::Mtp2,             0, NO, NO,  0,  0, None),
    row(140, LinkFamily::Mtp2,             0, NO, NO,  0,  0, None),
    row(163, LinkFamily::Wlan,             0, NO,  0,  8,  3, None),
    row(164, LinkFamily::Juniper,          0, 12, 12,  0, NO, None),
    row(165, LinkFamily::Bacnet,           0, NO, NO,  0,  0, Some((3, 4))),
    row(166, LinkFamily::Ppp,              0,  2,  4,  0,  0, None),
    row(167, LinkFamily::Juniper,          0, 16, 14, 18, 21, None),
    row(168, LinkFamily::Juniper,          0,  4,  6,  0, NO, None),
    row(178, LinkFamily::Juniper,          0, 16, 14, 18, 21, None),
    row(179, LinkFamily::Juniper,          0,  4,  4,  0, NO, None),
    row(180, LinkFamily::Juniper,          0,  4,  4,  0, NO, None),
    row(181, LinkFamily::Juniper,          0,  4,  4,  0, NO, None),
    row(183, LinkFamily::Juniper,          0, 18, NO,  0, NO, None),
    row(192, LinkFamily::Wlan,             0, NO,  0,  8,  3, None),
    row(194, LinkFamily::Juniper,          0,  8, NO,  0, NO, None),
    row(197, LinkFamily::Mtp2,             0, NO, NO,  0,  0, None),
    row(200, LinkFamily::Juniper,          0, 18, NO,  0, NO, None),
    row(226, LinkFamily::Ipnet,            0,  1, 24,  0, NO, None),
    row(228, LinkFamily::Ipv4,             0, NO,  0,  0,  0, None),
    row(229, LinkFamily::Ipv6,             0, NO,  0,  0,  0, None),
    row(232, LinkFamily::Juniper,          0,  8, NO,  0, NO, None),
    row(233, LinkFamily::Juniper,          0,  8, NO,  0, NO, None),
    row(234, LinkFamily::Juniper,          0,  8, NO,  0, NO, None),
    row(238, LinkFamily::Juniper,          0,  8, NO,  0, NO, None),
    row(240, LinkFamily::Ethernet,         4, 16, 18,  0,  3, Some((0, 6))),
    row(241, LinkFamily::Ethernet,        12, 24, 26,  0,  3, Some((0, 6))),
    row(276, LinkFamily::EtherType,        0,  0, 20,  0,  0, None),
    row(281, LinkFamily::Ethernet,         0, 16, 18,  0,  3, Some((0, 6))),
    row(284, LinkFamily::Ethernet,         0, 16, 18,  0,  3, Some((0, 6))),
];
