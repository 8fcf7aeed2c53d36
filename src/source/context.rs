//! The structure with the context that a program reads: the same fields in C and in Rust.

use alloc::vec::Vec;

use crate::ir::ContextInputs;
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;

/// A field of the structure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) description: &'static str,
}

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number of this many bits.
    Unsigned(u32),
    /// An offset from the first byte of the packet.
    Offset,
    /// A truth value.
    Flag,
    /// One of the others that may be absent. In C the field `has_NAME` says whether it is there.
    Optional(&'static Kind),
}

/// Returns the field of an ancillary load; `None` if it has no field, or no source.
pub(super) fn field(extension: Extension) -> Option<Field> {
    const U16: Kind = Kind::Unsigned(16);
    const U32: Kind = Kind::Unsigned(32);
    let field = |name, kind, description| Some(Field { name, kind, description });
    match extension {
        Extension::Protocol => field("protocol", U16, "The EtherType, in host order."),
        Extension::PacketType => field("packet_type", Kind::Unsigned(8), "`PACKET_HOST` (0) to `PACKET_OUTGOING` (4)."),
        Extension::InterfaceIndex => {
            field("interface_index", Kind::Optional(&U32), "The number of the interface, if there is a device.")
        }
        Extension::Mark => field("mark", U32, "The firewall mark."),
        Extension::Queue => field("queue", U16, "The receive queue."),
        Extension::HardwareType => {
            field("hardware_type", Kind::Optional(&U16), "The `ARPHRD_*` type, if there is a device.")
        }
        Extension::ReceiveHash => field("receive_hash", U32, "The receive hash."),
        Extension::Cpu => field("cpu", U32, "The number of the processor."),
        Extension::VlanTci => field("vlan_tci", U16, "The VLAN tag that was removed from the frame, or 0."),
        Extension::VlanPresent => field("has_vlan", Kind::Flag, "Set if a VLAN tag was removed."),
        Extension::VlanTpid => field("vlan_tpid", U16, "The EtherType of the removed VLAN tag, or 0."),
        Extension::Random => field("seed", Kind::Unsigned(64), "The seed of random numbers, another one each time."),
        Extension::NetlinkAttribute
        | Extension::NestedNetlinkAttribute
        | Extension::XorX
        | Extension::PayloadOffset => None,
    }
}

/// Returns whether source code can compute an ancillary load.
pub(super) fn has_source(extension: Extension) -> bool {
    let in_packet = [Extension::NetlinkAttribute, Extension::NestedNetlinkAttribute];
    field(extension).is_some() || in_packet.contains(&extension)
}

/// Returns the fields of a program.
pub(super) fn fields(inputs: ContextInputs) -> Vec<Field> {
    const OFFSET: Kind = Kind::Offset;
    let mut fields: Vec<Field> = inputs.extensions().filter_map(field).collect();
    if has_headers(inputs) {
        fields.push(Field {
            name: "network_header",
            kind: OFFSET,
            description: "The offset of the network header in the packet.",
        });
        fields.push(Field {
            name: "link_header",
            kind: Kind::Optional(&OFFSET),
            description: "The offset of the link-layer header, if there is one.",
        });
    }
    fields
}

/// Returns whether offsets of a program may be relative to a header.
pub(super) fn has_headers(inputs: ContextInputs) -> bool {
    [Header::Network, Header::Link].into_iter().any(|header| inputs.contains_header(header))
}
