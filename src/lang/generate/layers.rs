//! Where the headers of a packet are, and how that changes from left to right in an expression.

use crate::bpf::isa::Width;
use crate::lang::generate::code::{Base, Value};
use crate::lang::link_type::LinkType;

/// A place in a packet: a number, plus a scratch word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) slot: Option<u8>,
    pub(super) at: u32,
}

impl Place {
    pub(super) const fn fixed(at: u32) -> Place {
        Place { slot: None, at }
    }

    pub(super) const fn in_slot(slot: u8) -> Place {
        Place { slot: Some(slot), at: 0 }
    }

    pub(super) fn plus(self, bytes: u32) -> Place {
        Place { at: self.at.wrapping_add(bytes), ..self }
    }

    /// What X must hold for loads from here.
    pub(super) fn base(self) -> Base {
        self.slot.map_or(Base::Packet, Base::Slot)
    }

    fn value(self, offset: u32, width: Width) -> Value {
        Value::Bytes { base: self.base(), offset: self.at.wrapping_add(offset), width }
    }

    pub(super) fn byte(self, offset: u32) -> Value {
        self.value(offset, Width::Byte)
    }

    pub(super) fn half(self, offset: u32) -> Value {
        self.value(offset, Width::Half)
    }

    pub(super) fn word(self, offset: u32) -> Value {
        self.value(offset, Width::Word)
    }
}

/// How a link layer says what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// An EtherType, or a length and LLC.
    Ethernet,
    /// An EtherType, and nothing else.
    EtherType,
    /// LLC; what is in SNAP has an EtherType.
    Llc,
    /// 802.11 in front of LLC.
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
    /// An address family in the byte order of some machine.
    Loopback,
    /// An address family in network byte order.
    NetworkLoopback,
    Pflog,
    Arcnet,
    LocalTalk,
    FrameRelay,
    /// A magic number that says nothing of it.
    Juniper,
    Bacnet,
    Ipnet,
    /// SS7.
    Mtp2,
    /// Unknown: only the bytes can be asked for.
    Opaque,
}

/// How a link type reaches its network header. Offsets are from the beginning of the packet; `None` where there is none.
#[derive(Clone, Copy, Debug)]
struct Row {
    number: u32,
    family: Family,
    /// Where the link-layer header begins.
    header: u32,
    /// Where the field is that says what is carried.
    link_type: Option<u32>,
    payload: Option<u32>,
    /// How far into the payload the network header is: behind LLC and SNAP, ...
    network: u32,
    /// ... and behind LLC alone.
    without_snap: u32,
    /// Where in the header the destination and source addresses are.
    addresses: Option<(u32, u32)>,
}

const NO: u32 = u32::MAX;

#[expect(clippy::too_many_arguments, reason = "a row of a table")]
const fn row(
    number: u32,
    family: Family,
    header: u32,
    link_type: u32,
    payload: u32,
    network: u32,
    without_snap: u32,
    addresses: Option<(u32, u32)>,
) -> Row {
    let link_type = if link_type == NO { None } else { Some(link_type) };
    let payload = if payload == NO { None } else { Some(payload) };
    Row { number, family, header, link_type, payload, network, without_snap, addresses }
}

/// The link types of which more is known than the number; the payload of 802.11 and pflog is found at run time.
#[rustfmt::skip]
static TABLE: &[Row] = &[
    row(  0, Family::Loopback,         0,  0,  4,  0,  0, None),
    row(  1, Family::Ethernet,         0, 12, 14,  0,  3, Some((0, 6))),
    row(  6, Family::Llc,              0, 14, 14,  8,  3, Some((2, 8))),
    row(  7, Family::Arcnet,           0,  2,  6,  0,  0, Some((1, 0))),
    row(  8, Family::Raw,              0, NO, 16,  0,  0, None),
    row(  9, Family::Ppp,              0,  2,  4,  0,  0, None),
    row( 10, Family::Llc,              0, 13, 13,  8,  3, Some((1, 7))),
    row( 50, Family::Ppp,              0,  2,  4,  0,  0, None),
    row( 51, Family::Ppp,              0,  6,  8,  0,  0, None),
    row( 99, Family::EtherType,        0,  6, 44,  0,  0, None),
    row(100, Family::Llc,              0,  0,  0,  8,  3, None),
    row(101, Family::Raw,              0, NO,  0,  0,  0, None),
    row(102, Family::Raw,              0, NO, 24,  0,  0, None),
    row(103, Family::PppBsdos,         0,  5, 24,  0,  0, None),
    row(104, Family::CiscoHdlc,        0,  2,  4,  0,  0, None),
    row(105, Family::Wlan,             0, NO,  0,  8,  3, None),
    row(106, Family::Llc,              0,  0,  0,  8,  3, None),
    row(107, Family::FrameRelay,       0, NO,  0,  0,  0, None),
    row(108, Family::NetworkLoopback,  0,  0,  4,  0,  0, None),
    row(109, Family::Loopback,         0,  0, 12,  0,  0, None),
    row(112, Family::CiscoHdlc,        0,  2,  4,  0,  0, None),
    row(113, Family::LinuxSll,         0, 14, 16,  0,  0, None),
    row(114, Family::LocalTalk,        0, NO,  0,  0,  0, None),
    row(117, Family::Pflog,            0, NO,  0,  0,  0, None),
    row(119, Family::Wlan,             0, NO,  0,  8,  3, None),
    row(122, Family::Llc,              0, 16, 16,  8,  3, Some((2, 10))),
    row(123, Family::SunAtm,           0,  4,  4,  8,  3, None),
    row(127, Family::Wlan,             0, NO,  0,  8,  3, None),
    row(129, Family::Arcnet,           0,  4,  8,  0,  0, Some((1, 0))),
    row(130, Family::Juniper,          0,  4,  4,  0, NO, None),
    row(131, Family::Juniper,          0,  4,  4,  0, NO, None),
    row(132, Family::Juniper,          0,  6, NO,  0, NO, None),
    row(133, Family::Juniper,          0,  6, 12,  0, NO, None),
    row(134, Family::Juniper,          0,  4,  4,  0, NO, None),
    row(135, Family::Juniper,          0,  8,  8,  0, 10, None),
    row(136, Family::Juniper,          0, 12, NO,  0, NO, None),
    row(137, Family::Juniper,          0,  4,  4,  0, 10, None),
    row(138, Family::EtherType,        0, 16, 18,  0,  0, None),
    row(139, Family::Mtp2,             0, NO, NO,  0,  0, None),
    row(140, Family::Mtp2,             0, NO, NO,  0,  0, None),
    row(163, Family::Wlan,             0, NO,  0,  8,  3, None),
    row(164, Family::Juniper,          0, 12, 12,  0, NO, None),
    row(165, Family::Bacnet,           0, NO, NO,  0,  0, Some((3, 4))),
    row(166, Family::Ppp,              0,  2,  4,  0,  0, None),
    row(167, Family::Juniper,          0, 16, 14, 18, 21, None),
    row(168, Family::Juniper,          0,  4,  6,  0, NO, None),
    row(178, Family::Juniper,          0, 16, 14, 18, 21, None),
    row(179, Family::Juniper,          0,  4,  4,  0, NO, None),
    row(180, Family::Juniper,          0,  4,  4,  0, NO, None),
    row(181, Family::Juniper,          0,  4,  4,  0, NO, None),
    row(183, Family::Juniper,          0, 18, NO,  0, NO, None),
    row(192, Family::Wlan,             0, NO,  0,  8,  3, None),
    row(194, Family::Juniper,          0,  8, NO,  0, NO, None),
    row(197, Family::Mtp2,             0, NO, NO,  0,  0, None),
    row(200, Family::Juniper,          0, 18, NO,  0, NO, None),
    row(226, Family::Ipnet,            0,  1, 24,  0, NO, None),
    row(228, Family::Ipv4,             0, NO,  0,  0,  0, None),
    row(229, Family::Ipv6,             0, NO,  0,  0,  0, None),
    row(232, Family::Juniper,          0,  8, NO,  0, NO, None),
    row(233, Family::Juniper,          0,  8, NO,  0, NO, None),
    row(234, Family::Juniper,          0,  8, NO,  0, NO, None),
    row(238, Family::Juniper,          0,  8, NO,  0, NO, None),
    row(240, Family::Ethernet,         4, 16, 18,  0,  3, Some((0, 6))),
    row(241, Family::Ethernet,        12, 24, 26,  0,  3, Some((0, 6))),
    row(276, Family::EtherType,        0,  0, 20,  0,  0, None),
    row(281, Family::Ethernet,         0, 16, 18,  0,  3, Some((0, 6))),
    row(284, Family::Ethernet,         0, 16, 18,  0,  3, Some((0, 6))),
];

/// The lengths that the prologue computes: of the header in front of 802.11, and of that and the 802.11 header, or of the
/// header of pflog.
pub(super) const HEADER_SLOT: u8 = 0;
pub(super) const PAYLOAD_SLOT: u8 = 1;

/// What surrounds what the layers describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    Nothing,
    /// ATM LAN emulation, whose control frames have a marker at that place.
    Lane(Place),
    Geneve,
    Other,
}

/// Where the headers are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layers {
    pub(super) family: Family,
    pub(super) header: Place,
    pub(super) link_type: Option<Place>,
    pub(super) payload: Option<Place>,
    pub(super) network: u32,
    pub(super) without_snap: Option<u32>,
    pub(super) addresses: Option<(u32, u32)>,
    pub(super) around: Around,
    /// How many MPLS labels and VLAN tags were passed.
    pub(super) labels: u32,
    pub(super) tags: u32,
}

impl Layers {
    /// The layers of a packet of a link type; of most of them nothing is known but that it has bytes.
    pub(super) fn of(link_type: LinkType) -> Layers {
        let number = link_type.number();
        let opaque = row(number, Family::Opaque, 0, NO, NO, 0, 0, None);
        let row = TABLE.iter().find(|row| row.number == number).unwrap_or(&opaque);
        let is_behind_radio = row.family == Family::Wlan && number != LinkType::IEEE802_11.number();
        let is_variable = matches!(row.family, Family::Wlan | Family::Pflog);
        let payload = row.payload.map(Place::fixed);
        Layers {
            family: row.family,
            header: if is_behind_radio { Place::in_slot(HEADER_SLOT) } else { Place::fixed(row.header) },
            link_type: row.link_type.map(Place::fixed),
            payload: if is_variable { Some(Place::in_slot(PAYLOAD_SLOT)) } else { payload },
            network: row.network,
            without_snap: Some(row.without_snap).filter(|&offset| offset != NO),
            addresses: row.addresses,
            around: Around::Nothing,
            labels: 0,
            tags: 0,
        }
    }

    /// Ethernet from `header` on.
    pub(super) fn ethernet(self, header: Place, around: Around) -> Layers {
        Layers {
            family: Family::Ethernet,
            header,
            link_type: Some(header.plus(12)),
            payload: Some(header.plus(14)),
            network: 0,
            without_snap: Some(3),
            addresses: Some((0, 6)),
            around,
            ..self
        }
    }

    /// PPP from `header` on, which is its protocol field.
    pub(super) fn ppp(self, header: Place) -> Layers {
        Layers {
            family: Family::Ppp,
            header,
            link_type: Some(header),
            payload: Some(header.plus(2)),
            network: 0,
            without_snap: Some(0),
            addresses: None,
            around: Around::Other,
            ..self
        }
    }

    /// Whether a packet of one protocol is none of another, as far as the link layer shows it.
    pub(super) fn tells_protocols_apart(&self) -> bool {
        self.labels > 0 || self.family != Family::Juniper
    }
}
