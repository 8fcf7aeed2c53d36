//! eBPF: filters as programs for the hooks of the Linux kernel, where packets are.
//!
//! [`Options`] compile a verified program for a [`Hook`] to a [`Program`]: typed instructions, which print as
//! `bpftool prog dump xlated` does, and encode to the bytes that the system call `bpf(2)` takes. Loading is left to the
//! user's library.
//!
//! ```
//! use cbpf::ebpf::{Hook, Options};
//! use cbpf::{Dialect, Program};
//! // Keeps ARP, EtherType 0x806.
//! let arp: Program = "ldh [12]\n jne #0x806, drop\n ret #-1\n drop: ret #0".parse()?;
//! let xdp = Options::new(Hook::Xdp).big_endian(false).compile(&arp.verify(Dialect::Linux)?)?;
//! assert_eq!(xdp.to_bytes().len(), 8 * xdp.slots());
//! assert_eq!(
//!     xdp.to_string(),
//!     "   0: (61) r2 = *(u32 *)(r1 +0)
//!    1: (61) r1 = *(u32 *)(r1 +4)
//!    2: (bf) r3 = r2
//!    3: (07) r3 += 14
//!    4: (2d) if r3 > r1 goto pc+4
//!    5: (69) r1 = *(u16 *)(r2 +12)
//!    6: (56) if w1 != 0x608 goto pc+2
//!    7: (b4) w0 = 2
//!    8: (95) exit
//!    9: (b4) w0 = 1
//!   10: (95) exit
//! "
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a hook lets a program do
//!
//! | hook | packet | length on the wire | ancillary loads |
//! |---|---|---|---|
//! | `xdp` | direct loads | that of the packet | `ifidx`, `queue`, `cpu`, `rand` |
//! | `tc`, `cgroup_skb` | direct loads, and `bpf_skb_load_bytes` where the kernel keeps bytes elsewhere | `skb->len` | all but `hatype`, `poff`, `nla`, `nlan` |
//! | `socket` | `LD_ABS` and `LD_IND`, also relative to headers | `skb->len` | as above |
//! | `function` | `bpf_probe_read_kernel`, or direct loads | an argument | `cpu`, `rand` |
//!
//! A packet of a control group begins with its IP header, so expressions for it are compiled for
//! [`LinkType::RAW`](crate::LinkType::RAW); the others begin with the link-layer header.

mod allocation;
#[cfg(feature = "elf")]
mod btf;
pub(crate) mod code;
mod compile;
#[cfg(feature = "elf")]
mod elf;
mod emission;
mod encoding;
mod error;
pub(crate) mod hook;
mod instruction;
mod layout;
mod lower;
mod options;
mod packet_access;
mod program;
pub(crate) mod relaxation;
pub(crate) mod results;
mod search_tree;

pub use error::EbpfError;
#[cfg(feature = "elf")]
pub use error::ObjectError;
pub use hook::Hook;
pub use instruction::{Comparison, Helper, Instruction, OperandSize, Register, Size, Source};
pub use options::{Action, Options};
pub use program::{Map, MapKind, Program};

#[cfg(test)]
mod tests;
