//! The ancillary loads of Linux: `ld [0xfffff000 + n]` loads data about the packet instead of its bytes.
//!
//! To add a load, add a variant and its row here, and compute its value in [`Context::value`](crate::Context).
//!
//! Source: `SKF_AD_*` in `include/uapi/linux/filter.h` and `convert_bpf_extensions` in `net/core/filter.c`.

use crate::packet::MAX_CAPTURED;

/// The offset at which the ancillary loads begin: `SKF_AD_OFF`, -0x1000.
pub(crate) const BASE: u32 = 0xffff_f000;

/// An ancillary load.
///
/// The values come from the packet's [`Context`](crate::Context). [`Extension::NetlinkAttribute`],
/// [`Extension::NestedNetlinkAttribute`] and [`Extension::PayloadOffset`] also read the packet. [`Extension::XorX`] is
/// arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Extension {
    /// `proto`: the EtherType of the frame, 16 bits.
    Protocol,
    /// `type`: the packet type, `PACKET_HOST` (0) to `PACKET_OUTGOING` (4).
    PacketType,
    /// `ifidx`: the number of the interface. Without a device the program halts, and its verdict is A.
    InterfaceIndex,
    /// `nla`: the offset of the first netlink attribute of type X in the stream that begins at offset A, or 0. Only
    /// captured bytes are searched.
    NetlinkAttribute,
    /// `nlan`: the offset of the first netlink attribute of type X nested in the attribute at offset A, or 0.
    NestedNetlinkAttribute,
    /// `mark`: the firewall mark, 32 bits.
    Mark,
    /// `queue`: the receive queue, 16 bits.
    Queue,
    /// `hatype`: the `ARPHRD_*` type of the interface, 16 bits. Without a device the program halts, and its verdict is
    /// A.
    HardwareType,
    /// `rxhash`: the receive hash, 32 bits.
    ReceiveHash,
    /// `cpu`: the number of the processor that runs the filter.
    Cpu,
    /// `A ^= X`, which once had no opcode of its own.
    XorX,
    /// `vlan_tci`: the VLAN tag that the kernel or the network card removed from the frame, 16 bits; 0 without one.
    VlanTci,
    /// `vlan_avail`: 1 if a VLAN tag was removed, else 0.
    VlanPresent,
    /// `poff`: the offset of the payload after the transport header, or 0. The kernel's flow dissector finds it from
    /// the protocol and the network header of the context.
    PayloadOffset,
    /// `rand`: 32 random bits.
    Random,
    /// `vlan_tpid`: the EtherType of the removed VLAN tag (0x8100, 0x88a8), 16 bits; 0 without one.
    VlanTpid,
}

/// The facts about one ancillary load.
struct ExtensionRow {
    extension: Extension,
    number: u32,
    /// The names in assembler; the first is printed.
    names: &'static [&'static str],
    /// The name in listings.
    listing: &'static str,
    /// The name in C, after `SKF_AD_`.
    c_name: &'static str,
    /// The number of eBPF instructions that Linux converts it to.
    converted_len: usize,
    /// The largest value.
    max: u32,
}

const fn row(
    extension: Extension,
    number: u32,
    names: &'static [&'static str],
    listing: &'static str,
    c_name: &'static str,
    converted_len: usize,
    max: u32,
) -> ExtensionRow {
    ExtensionRow { extension, number, names, listing, c_name, converted_len, max }
}

const BYTE: u32 = 0xff;
const HALF: u32 = 0xffff;
const WORD: u32 = u32::MAX;
/// The packet has room for a header of an attribute there.
const ATTRIBUTE: u32 = MAX_CAPTURED as u32 - 4;
/// An offset of 16 bits, and at most 15 words of TCP header after it.
const PAYLOAD: u32 = HALF + 60;

/// Every ancillary load, in the order of the numbers, which is that of the enum.
///
/// The assembler names are those of the kernel's `bpf_asm` and of netsniff-ng's `bpfc`, the listing names those of
/// libpcap's `bpf_image`.
#[rustfmt::skip]
const TABLE: &[ExtensionRow] = &[
    row(Extension::Protocol,                0, &["proto", "pto"],       "proto",     "PROTOCOL",         2, HALF),
    row(Extension::PacketType,              4, &["type"],               "type",      "PKTTYPE",          2, BYTE),
    row(Extension::InterfaceIndex,          8, &["ifidx", "ifx"],       "ifidx",     "IFINDEX",          4, WORD),
    row(Extension::NetlinkAttribute,       12, &["nla"],                "nla",       "NLATTR",           4, ATTRIBUTE),
    row(Extension::NestedNetlinkAttribute, 16, &["nlan"],               "nlan",      "NLATTR_NEST",      4, ATTRIBUTE),
    row(Extension::Mark,                   20, &["mark"],               "mark",      "MARK",             1, WORD),
    row(Extension::Queue,                  24, &["queue", "que", "q"],  "queue",     "QUEUE",            1, HALF),
    row(Extension::HardwareType,           28, &["hatype", "hat"],      "hatype",    "HATYPE",           4, HALF),
    row(Extension::ReceiveHash,            32, &["rxhash", "rxh"],      "rxhash",    "RXHASH",           1, WORD),
    row(Extension::Cpu,                    36, &["cpu"],                "cpu",       "CPU",              4, WORD),
    row(Extension::XorX,                   40, &[],                     "xor_x",     "ALU_XOR_X",        1, WORD),
    row(Extension::VlanTci,                44, &["vlan_tci", "vlant"],  "vlan_tci",  "VLAN_TAG",         1, HALF),
    row(Extension::VlanPresent,            48, VLAN_PRESENT,            "vlanp",     "VLAN_TAG_PRESENT", 3, 1),
    row(Extension::PayloadOffset,          52, &["poff"],               "poff",      "PAY_OFFSET",       4, PAYLOAD),
    row(Extension::Random,                 56, &["rand"],               "random",    "RANDOM",           4, WORD),
    row(Extension::VlanTpid,               60, &["vlan_tpid"],          "vlan_tpid", "VLAN_TPID",        2, HALF),
];

const VLAN_PRESENT: &[&str] = &["vlan_avail", "vlan_pr", "vlana", "vlan_acc"];

/// Each row stands at the index of its variant.
const _: () = {
    let mut index = 0;
    while index < TABLE.len() {
        assert!(TABLE[index].extension as usize == index, "the rows are in the order of the enum");
        index += 1;
    }
};

/// A set of context inputs is a `u32`: one bit for each load, and one for each of the two headers.
const _: () = assert!(Extension::COUNT + 2 <= u32::BITS as usize);

impl Extension {
    /// The number of ancillary loads.
    pub(crate) const COUNT: usize = TABLE.len();

    /// Returns all ancillary loads in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Extension> {
        TABLE.iter().map(|row| row.extension)
    }

    fn row(self) -> &'static ExtensionRow {
        &TABLE[self.index()]
    }

    fn find(is_wanted: impl Fn(&ExtensionRow) -> bool) -> Option<Extension> {
        TABLE.iter().find(|row| is_wanted(row)).map(|row| row.extension)
    }

    /// Returns the index of the load among all of them, from 0.
    pub(crate) fn index(self) -> usize {
        self as usize
    }

    /// Returns the load at an index.
    pub(crate) fn at(index: usize) -> Extension {
        TABLE[index].extension
    }

    /// Returns the offset that loads it: 0xfffff000 plus its number.
    ///
    /// ```
    /// assert_eq!(cbpf::packet::Extension::Cpu.offset(), 0xffff_f024);
    /// ```
    pub fn offset(self) -> u32 {
        BASE + self.row().number
    }

    /// Returns the ancillary load at `offset`.
    pub fn from_offset(offset: u32) -> Option<Extension> {
        let number = offset.checked_sub(BASE)?;
        Extension::find(|row| row.number == number)
    }

    /// Returns the name: `proto`, `vlan_tci`, ...
    pub fn name(self) -> &'static str {
        self.assembler_name().unwrap_or(self.row().listing)
    }

    /// Returns the number of eBPF instructions that Linux converts it to.
    pub(crate) fn converted_len(self) -> usize {
        self.row().converted_len
    }

    /// Returns the name in the kernel's `bpf_asm`, which has none for [`Extension::XorX`].
    pub(crate) fn assembler_name(self) -> Option<&'static str> {
        self.row().names.first().copied()
    }

    /// Returns the name in a listing, as tcpdump prints it: `vlanp`, `random`, ...
    pub(crate) fn listing_name(self) -> &'static str {
        self.row().listing
    }

    /// Returns whether the value depends on the bytes of the packet.
    pub(crate) fn reads_packet(self) -> bool {
        matches!(self, Extension::NetlinkAttribute | Extension::NestedNetlinkAttribute | Extension::PayloadOffset)
    }

    /// Returns whether it needs a device, which a packet may not have.
    pub(crate) fn may_be_absent(self) -> bool {
        matches!(self, Extension::InterfaceIndex | Extension::HardwareType)
    }

    /// Returns the largest value that it loads.
    pub(crate) fn max(self) -> u32 {
        self.row().max
    }

    /// Returns the load with this name in assembler or in a listing.
    pub(crate) fn from_name(name: &str) -> Option<Extension> {
        Extension::find(|row| row.listing == name || row.names.contains(&name))
    }

    /// Returns the number of the load with this name in C, without `SKF_AD_`.
    pub(crate) fn number_of_c_name(name: &str) -> Option<u32> {
        TABLE.iter().find(|row| row.c_name == name).map(|row| row.number)
    }
}
