//! The hooks of the kernel where programs run: what each of them passes to a program, and what it may return.
//!
//! Source: `include/uapi/linux/bpf.h` (`struct __sk_buff`, `struct xdp_md`, `enum bpf_prog_type`), the section names of
//! libbpf (`section_defs` in `libbpf.c`), and the verifier operations of each type in `net/core/filter.c`.

use core::fmt;
use core::str::FromStr;

use crate::bpf::unknown_name::UnknownName;
use crate::lang::LinkType;
use crate::packet::ancillary::Extension;

/// A place where the kernel runs a program on packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hook {
    /// Packets as a driver receives them (`BPF_PROG_TYPE_XDP`), which begin with the link-layer header.
    Xdp,
    /// Packets that enter or leave an interface (`BPF_PROG_TYPE_SCHED_CLS`), with the link-layer header.
    Tc,
    /// Packets that sockets of a control group receive or send (`BPF_PROG_TYPE_CGROUP_SKB`), from the IP header on.
    CgroupSkb,
    /// Packets that a socket receives (`BPF_PROG_TYPE_SOCKET_FILTER`); the result is the number of bytes to keep.
    Socket,
    /// A function of `(data, data_end, wire_len)` for other programs: the addresses of the first byte of a packet and
    /// of the byte after the last one, and the length on the wire. It returns the verdict.
    Function,
}

/// The facts about a hook.
struct Row {
    hook: Hook,
    name: &'static str,
    /// The section of an object, by which loaders find out the type and the place to attach to. aya knows no `tc`.
    section: &'static str,
    /// `BPF_PROG_TYPE_*`.
    program_type: Option<u32>,
}

#[rustfmt::skip]
const TABLE: [Row; 5] = [
    Row { hook: Hook::Xdp,       name: "xdp",        section: "xdp",                program_type: Some(6) },
    Row { hook: Hook::Tc,        name: "tc",         section: "classifier",         program_type: Some(3) },
    Row { hook: Hook::CgroupSkb, name: "cgroup_skb", section: "cgroup_skb/ingress", program_type: Some(8) },
    Row { hook: Hook::Socket,    name: "socket",     section: "socket",             program_type: Some(1) },
    Row { hook: Hook::Function,  name: "function",   section: ".text",              program_type: None },
];

/// Each row stands at the index of its variant.
const _: () = {
    let mut index = 0;
    while index < TABLE.len() {
        assert!(TABLE[index].hook as usize == index, "the rows are in the order of the enum");
        index += 1;
    }
};

impl Hook {
    /// All hooks.
    pub const ALL: &'static [Hook] = &[Hook::Xdp, Hook::Tc, Hook::CgroupSkb, Hook::Socket, Hook::Function];

    /// Returns the name: `xdp`, `tc`, `cgroup_skb`, `socket` or `function`.
    pub const fn name(self) -> &'static str {
        TABLE[self as usize].name
    }

    /// Returns the section of an object from which loaders take the type of the program, as in `xdp`.
    pub const fn section(self) -> &'static str {
        TABLE[self as usize].section
    }

    /// Returns the type of the program (`BPF_PROG_TYPE_*`); a function has none.
    pub const fn program_type(self) -> Option<u32> {
        TABLE[self as usize].program_type
    }

    /// Returns the link type of most packets: [`LinkType::RAW`] in control groups, where they begin with the IP header,
    /// and [`LinkType::ETHERNET`] elsewhere.
    pub const fn link_type(self) -> LinkType {
        match self {
            Hook::CgroupSkb => LinkType::RAW,
            Hook::Xdp | Hook::Tc | Hook::Socket | Hook::Function => LinkType::ETHERNET,
        }
    }

    /// Returns where the context has the value of an ancillary load.
    pub(crate) fn context_field(self, extension: Extension) -> Option<ContextField> {
        let field = |offset, is_network_order| Some(ContextField { offset, is_network_order });
        match (self, extension) {
            (Hook::Xdp, Extension::InterfaceIndex) => field(12, false),
            (Hook::Xdp, Extension::Queue) => field(XDP.rx_queue_index, false),
            (Hook::Xdp | Hook::Function, _) => None,
            (_, Extension::PacketType) => field(4, false),
            (_, Extension::Mark) => field(8, false),
            (_, Extension::Queue) => field(12, false),
            (_, Extension::Protocol) => field(16, true),
            (_, Extension::VlanPresent) => field(20, false),
            (_, Extension::VlanTci) => field(24, false),
            (_, Extension::VlanTpid) => field(28, true),
            (_, Extension::InterfaceIndex) => field(40, false),
            (_, Extension::ReceiveHash) => field(68, false),
            (_, _) => None,
        }
    }
}

/// The offsets of fields of `struct __sk_buff`.
pub(crate) struct SkbFields {
    pub(crate) len: i16,
    pub(crate) data: i16,
    pub(crate) data_end: i16,
}

pub(crate) const SKB: SkbFields = SkbFields { len: 0, data: 76, data_end: 80 };

/// The offsets of fields of `struct xdp_md`.
pub(crate) struct XdpFields {
    pub(crate) data: i16,
    pub(crate) data_end: i16,
    pub(crate) rx_queue_index: i16,
}

pub(crate) const XDP: XdpFields = XdpFields { data: 0, data_end: 4, rx_queue_index: 16 };

/// A 32-bit field of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContextField {
    pub(crate) offset: i16,
    /// Set for 16-bit numbers in network order.
    pub(crate) is_network_order: bool,
}

/// Prints the name.
impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Parses the name.
impl FromStr for Hook {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Hook, UnknownName> {
        UnknownName::find("hook", name, Hook::ALL, Hook::name)
    }
}
