//! The offsets of a packet's headers, which primitives such as `vlan` change from left to right in an expression.

use crate::bpf::isa::Width;
use crate::lang::generate::code_builder::{Base, Value};
use crate::lang::link_layout::{LinkFamily, LinkLayout};
use crate::lang::link_type::LinkType;

/// An offset from the start of the packet: a constant, plus a scratch word if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PacketOffset {
    pub(super) slot: Option<u8>,
    pub(super) at: u32,
}

impl PacketOffset {
    pub(super) const fn fixed(at: u32) -> PacketOffset {
        PacketOffset { slot: None, at }
    }

    pub(super) const fn in_slot(slot: u8) -> PacketOffset {
        PacketOffset { slot: Some(slot), at: 0 }
    }

    pub(super) fn plus(self, bytes: u32) -> PacketOffset {
        PacketOffset { at: self.at.wrapping_add(bytes), ..self }
    }

    /// Returns the contents of X that a load at this offset needs.
    pub(super) fn base(self) -> Base {
        self.slot.map_or(Base::Packet, Base::Slot)
    }

    /// Returns the value at `offset` after this one.
    pub(super) fn value(self, offset: u32, width: Width) -> Value {
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

/// The scratch word with the offset of the 802.11 header, after a radio header; the prologue computes it.
pub(super) const HEADER_SLOT: u8 = 0;
/// The scratch word with the offset of the payload of 802.11 or pflog; the prologue computes it.
pub(super) const PAYLOAD_SLOT: u8 = 1;

/// The protocol that carries the current headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encapsulation {
    None,
    /// ATM LAN emulation, whose control frames have a marker at that offset.
    Lane(PacketOffset),
    Geneve,
    Other,
}

/// The headers that a primitive tests. The fields that [`LinkLayout`] has, too, are described there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Headers {
    pub(super) family: LinkFamily,
    pub(super) header: PacketOffset,
    pub(super) protocol_field: Option<PacketOffset>,
    pub(super) payload: Option<PacketOffset>,
    pub(super) network: u32,
    pub(super) network_without_snap: Option<u32>,
    pub(super) addresses: Option<(u32, u32)>,
    pub(super) encapsulation: Encapsulation,
    /// The number of MPLS labels before the network header.
    pub(super) labels: u32,
    /// The number of VLAN tags before the network header.
    pub(super) tags: u32,
}

impl Headers {
    /// Returns the headers of a packet of a link type.
    pub(super) fn of(link_type: LinkType) -> Headers {
        let layout = LinkLayout::of(link_type);
        let has_radio = layout.family == LinkFamily::Wlan && link_type != LinkType::IEEE802_11;
        let is_variable = matches!(layout.family, LinkFamily::Wlan | LinkFamily::Pflog);
        let payload = layout.payload.map(PacketOffset::fixed);
        Headers {
            family: layout.family,
            header: if has_radio { PacketOffset::in_slot(HEADER_SLOT) } else { PacketOffset::fixed(layout.header) },
            protocol_field: layout.protocol_field.map(PacketOffset::fixed),
            payload: if is_variable { Some(PacketOffset::in_slot(PAYLOAD_SLOT)) } else { payload },
            network: layout.network,
            network_without_snap: layout.network_without_snap,
            addresses: layout.addresses,
            encapsulation: Encapsulation::None,
            labels: 0,
            tags: 0,
        }
    }

    /// Returns the headers of an Ethernet frame at `header`.
    pub(super) fn ethernet(self, header: PacketOffset, encapsulation: Encapsulation) -> Headers {
        Headers {
            family: LinkFamily::Ethernet,
            header,
            protocol_field: Some(header.plus(12)),
            payload: Some(header.plus(14)),
            network: 0,
            network_without_snap: Some(3),
            addresses: Some((0, 6)),
            encapsulation,
            ..self
        }
    }

    /// Returns the headers of a PPP frame with the protocol field at `header`.
    pub(super) fn ppp(self, header: PacketOffset) -> Headers {
        Headers {
            family: LinkFamily::Ppp,
            header,
            protocol_field: Some(header),
            payload: Some(header.plus(2)),
            network: 0,
            network_without_snap: Some(0),
            addresses: None,
            encapsulation: Encapsulation::Other,
            ..self
        }
    }

    /// Returns whether at most one test for a link-layer protocol can match a packet.
    pub(super) fn distinguishes_protocols(&self) -> bool {
        self.labels > 0 || self.family != LinkFamily::Juniper
    }
}
