//! The ancillary loads of Linux: `ld [0xfffff000 + n]` asks for a fact about the packet instead of bytes of it.
//!
//! Source: `SKF_AD_*` in `include/uapi/linux/filter.h` and `convert_bpf_extensions` in `net/core/filter.c`.

use crate::packet::MAX_CAPTURED;

/// The offset at which the ancillary loads begin: `SKF_AD_OFF`, -0x1000.
pub(crate) const BASE: u32 = 0xffff_f000;

/// One ancillary load.
///
/// The values come from the packet's [`Context`](crate::Context); [`Extension::NetlinkAttribute`],
/// [`Extension::NestedNetlinkAttribute`] and [`Extension::PayloadOffset`] look into the packet, and [`Extension::XorX`]
/// is arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extension {
    /// `proto`: the EtherType of the frame, 16 bits.
    Protocol,
    /// `type`: to whom the frame was addressed, `PACKET_HOST` (0) to `PACKET_OUTGOING` (4).
    PacketType,
    /// `ifidx`: the number of the interface. If the packet has no device, the program ends, and A is the verdict.
    InterfaceIndex,
    /// `nla`: the offset of the first netlink attribute of type X, in a row of them that begins at offset A; 0 if there
    /// is none. Only captured bytes are looked at.
    NetlinkAttribute,
    /// `nlan`: the offset of the first netlink attribute of type X inside the attribute at offset A; 0 if there is
    /// none.
    NestedNetlinkAttribute,
    /// `mark`: the firewall mark, 32 bits.
    Mark,
    /// `queue`: the receive queue, 16 bits.
    Queue,
    /// `hatype`: the `ARPHRD_*` type of the interface, 16 bits. If the packet has no device, the program ends, and A is
    /// the verdict.
    HardwareType,
    /// `rxhash`: the receive hash, 32 bits.
    ReceiveHash,
    /// `cpu`: the processor that runs the filter.
    Cpu,
    /// `A ^= X`, from the time when it had no opcode of its own.
    XorX,
    /// `vlan_tci`: the tag that the kernel or the card took off the frame, 16 bits; 0 if there is none.
    VlanTci,
    /// `vlan_avail`: 1 if such a tag is there, else 0.
    VlanPresent,
    /// `poff`: the offset of the payload behind the transport header, as the kernel's flow dissector finds it from the
    /// protocol and the network header of the context on; 0 if it does not.
    PayloadOffset,
    /// `rand`: 32 random bits.
    Random,
    /// `vlan_tpid`: the EtherType of that tag (0x8100, 0x88a8), 16 bits; 0 if there is none.
    VlanTpid,
}

/// One ancillary load: its number, its names in assembler (the first is printed) and in listings, and the number of eBPF
/// instructions that Linux makes of it (`convert_bpf_extensions`).
struct Row {
    extension: Extension,
    number: u32,
    names: &'static [&'static str],
    listing: &'static str,
    converted_len: usize,
}

const fn row(
    extension: Extension,
    number: u32,
    names: &'static [&'static str],
    listing: &'static str,
    converted_len: usize,
) -> Row {
    Row { extension, number, names, listing, converted_len }
}

/// Every ancillary load, in the order of the numbers, which is that of the enum.
///
/// The assembler names are those of the kernel's `bpf_asm` and of netsniff-ng's `bpfc`, the listing names those of
/// libpcap's `bpf_image`.
#[rustfmt::skip]
static TABLE: [Row; Extension::COUNT] = [
    row(Extension::Protocol,                 0, &["proto", "pto"],                               "proto",     2),
    row(Extension::PacketType,               4, &["type"],                                       "type",      2),
    row(Extension::InterfaceIndex,           8, &["ifidx", "ifx"],                               "ifidx",     4),
    row(Extension::NetlinkAttribute,        12, &["nla"],                                        "nla",       4),
    row(Extension::NestedNetlinkAttribute,  16, &["nlan"],                                       "nlan",      4),
    row(Extension::Mark,                    20, &["mark"],                                       "mark",      1),
    row(Extension::Queue,                   24, &["queue", "que", "q"],                          "queue",     1),
    row(Extension::HardwareType,            28, &["hatype", "hat"],                              "hatype",    4),
    row(Extension::ReceiveHash,             32, &["rxhash", "rxh"],                              "rxhash",    1),
    row(Extension::Cpu,                     36, &["cpu"],                                        "cpu",       4),
    row(Extension::XorX,                    40, &[],                                             "xor_x",     1),
    row(Extension::VlanTci,                 44, &["vlan_tci", "vlant"],                          "vlan_tci",  1),
    row(Extension::VlanPresent,             48, &["vlan_avail", "vlan_pr", "vlana", "vlan_acc"], "vlanp",     3),
    row(Extension::PayloadOffset,           52, &["poff"],                                       "poff",      4),
    row(Extension::Random,                  56, &["rand"],                                       "random",    4),
    row(Extension::VlanTpid,                60, &["vlan_tpid"],                                  "vlan_tpid", 2),
];

impl Extension {
    /// How many ancillary loads there are.
    pub(crate) const COUNT: usize = 16;

    /// All of them, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Extension> {
        TABLE.iter().map(|row| row.extension)
    }

    fn row(self) -> &'static Row {
        &TABLE[self.index()]
    }

    /// The place of this load among all of them, 0 to 15.
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// The load with this place among all of them.
    pub(crate) fn at(index: usize) -> Extension {
        TABLE[index].extension
    }

    /// The offset that asks for it: 0xfffff000 plus its number.
    ///
    /// ```
    /// assert_eq!(cbpf::Extension::Cpu.offset(), 0xffff_f024);
    /// ```
    pub fn offset(self) -> u32 {
        BASE + self.row().number
    }

    /// The ancillary load that `offset` asks for.
    pub fn from_offset(offset: u32) -> Option<Extension> {
        let number = offset.checked_sub(BASE)?;
        TABLE.iter().find(|row| row.number == number).map(|row| row.extension)
    }

    /// Its name: `proto`, `vlan_tci`, ...
    pub fn name(self) -> &'static str {
        self.assembler_name().unwrap_or(self.row().listing)
    }

    /// Returns the number of eBPF instructions that Linux makes of it.
    pub(crate) fn converted_len(self) -> usize {
        self.row().converted_len
    }

    /// Its name in the kernel's `bpf_asm`, which has none for [`Extension::XorX`].
    pub(crate) fn assembler_name(self) -> Option<&'static str> {
        self.row().names.first().copied()
    }

    /// Its name in a listing, as tcpdump prints it: `vlanp`, `random`, ...
    pub(crate) fn listing_name(self) -> &'static str {
        self.row().listing
    }

    /// Whether it asks about the device, which a packet may not have.
    pub(crate) fn may_be_absent(self) -> bool {
        matches!(self, Extension::InterfaceIndex | Extension::HardwareType)
    }

    /// The largest value that it loads.
    pub(crate) fn max(self) -> u32 {
        match self {
            Extension::VlanPresent => 1,
            Extension::PacketType => u8::MAX.into(),
            Extension::Protocol | Extension::Queue | Extension::HardwareType => u16::MAX.into(),
            Extension::VlanTci | Extension::VlanTpid => u16::MAX.into(),
            // A place of 16 bits, and at most 15 words of TCP behind it.
            Extension::PayloadOffset => u32::from(u16::MAX) + 60,
            // The packet has room for a header there.
            Extension::NetlinkAttribute | Extension::NestedNetlinkAttribute => MAX_CAPTURED as u32 - 4,
            _ => u32::MAX,
        }
    }

    /// The load of that name, in assembler or in a listing.
    pub(crate) fn from_name(name: &str) -> Option<Extension> {
        let row = TABLE.iter().find(|row| row.listing == name || row.names.contains(&name))?;
        Some(row.extension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.extension.index(), index);
            assert_eq!(row.number, 4 * index as u32);
            assert_eq!(Extension::from_offset(row.extension.offset()), Some(row.extension));
        }
    }
}
