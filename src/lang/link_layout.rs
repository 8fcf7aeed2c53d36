//! The layouts of link-layer headers: the protocol field, the addresses and the network header.

use LinkFamily::{Ethernet, Juniper, Llc, Opaque, SunAtm, Wlan};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkLayout {
    pub(super) family: LinkFamily,
    /// The offset of the link-layer header.
    pub(super) header: u32,
    /// The offset of the field that names the protocol of the payload.
    pub(super) protocol_field: Option<u32>,
    /// The offset of the payload; that of 802.11 and pflog differs from packet to packet.
    pub(super) payload: Option<u32>,
    /// The offset of the network header in the payload, after LLC and SNAP if there are any.
    pub(super) network: u32,
    /// The same without SNAP, as OSI has it.
    pub(super) network_without_snap: Option<u32>,
    /// The offsets of the destination and source addresses in the header.
    pub(super) addresses: Option<(u32, u32)>,
}

/// An offset that does not exist.
pub(super) const NO: u32 = u32::MAX;

const fn offset(offset: u32) -> Option<u32> {
    if offset == NO { None } else { Some(offset) }
}

/// Returns the layout of a header with nothing between it and the network header.
pub(super) const fn plain(family: LinkFamily, protocol_field: u32, payload: u32) -> LinkLayout {
    LinkLayout {
        family,
        header: 0,
        protocol_field: offset(protocol_field),
        payload: offset(payload),
        network: 0,
        network_without_snap: Some(0),
        addresses: None,
    }
}

/// Returns the layout of an Ethernet header at an offset, with a tag of this length before its protocol field.
pub(super) const fn ethernet(header: u32, tag: u32) -> LinkLayout {
    let plain = plain(Ethernet, header + 12 + tag, header + 14 + tag);
    LinkLayout { header, network_without_snap: Some(3), addresses: Some((0, 6)), ..plain }
}

/// Returns the layout of a header of this length before LLC.
pub(super) const fn llc(payload: u32) -> LinkLayout {
    plain(Llc, payload, payload).before_llc()
}

/// Returns the layout of a header of Juniper.
pub(super) const fn juniper(protocol_field: u32, payload: u32) -> LinkLayout {
    plain(Juniper, protocol_field, payload).with_osi(0, NO)
}

/// 802.11, after a radio header or not.
pub(super) const WLAN: LinkLayout = plain(Wlan, NO, 0).before_llc();

pub(super) const SUNATM: LinkLayout = plain(SunAtm, 4, 4).before_llc();

impl LinkLayout {
    /// The layout of an unknown header.
    pub(super) const OPAQUE: LinkLayout = plain(Opaque, NO, NO);

    /// Returns the layout of a link type.
    pub(super) fn of(link_type: LinkType) -> LinkLayout {
        link_type.row().map_or(LinkLayout::OPAQUE, |row| row.layout)
    }

    const fn before_llc(self) -> LinkLayout {
        self.with_osi(8, 3)
    }

    /// Sets the offsets in the payload of the network header and of that of OSI.
    pub(super) const fn with_osi(self, network: u32, osi: u32) -> LinkLayout {
        LinkLayout { network, network_without_snap: offset(osi), ..self }
    }

    /// Sets the offsets of the destination and source addresses.
    pub(super) const fn with_addresses(self, destination: u32, source: u32) -> LinkLayout {
        LinkLayout { addresses: Some((destination, source)), ..self }
    }
}
