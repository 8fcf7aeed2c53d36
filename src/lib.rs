//! Classic BPF for Rust: programs are read, verified, and compiled to native code.
//!
#![cfg_attr(feature = "jit", doc = "```")]
#![cfg_attr(not(feature = "jit"), doc = "```ignore")]
//! use cbpf::{Dialect, Filter, Program};
//!
//! // Keeps ARP: the EtherType of an Ethernet frame is at byte 12.
//! let program: Program = "ldh [12]\n jne #0x806, drop\n ret #-1\n drop: ret #0".parse()?;
//! let filter = Filter::compile(&program.verify(Dialect::Linux)?)?;
//!
//! let frame = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1];
//! assert_eq!(filter.run(&frame), u32::MAX);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The machine
//!
//! Classic BPF is a machine of two registers that reads a packet and says how much of it to keep.
//!
//! - **State.** The accumulator `A`, the index register `X` and sixteen scratch words `M[0]` to `M[15]`: 32 bits each,
//!   and 0 at the start. The packet is only read.
//! - **Loads.** `ld`, `ldh` and `ldb` read 4, 2 or 1 bytes into `A`, big-endian, at a fixed offset (`[12]`) or behind
//!   `X` (`[x + 14]`). `ldxb 4*([14]&0xf)` puts the length of the IPv4 header at byte 14 into `X`. Constants (`#7`),
//!   scratch words (`M[3]`) and the packet's original length (`#len`) go into either register.
//! - **Arithmetic** on `A` with a constant or `X`: `add` `sub` `mul` `div` `mod` `and` `or` `xor` `lsh` `rsh`, and
//!   `neg`; it wraps. `tax` and `txa` copy between the registers, `st` and `stx` store them.
//! - **Jumps** go forward only, so every program ends: `jmp`, and `jeq` `jgt` `jge` `jset` with two targets, which
//!   compare `A` unsigned with a constant or `X`.
//! - **Return.** `ret #k` and `ret a` give the verdict: how many bytes of the packet to keep, 0 for none.
//! - **What cannot be done** ends the program with verdict 0: a load that reaches past the captured bytes, or a
//!   division by an `X` of 0.
//!
//! The kernel's socket filters, libpcap and seccomp differ in what they accept and in some of what they compute; see
//! [`Dialect`]. Linux has loads for facts that are not in the packet, the *ancillary loads*; see [`Extension`]. And there,
//! negative offsets are counted from where the network header (from -0x100000 on) or the link header (from -0x200000 on)
//! begins. What these answer is the packet's [`Context`]; it is made of an Ethernet frame ([`Context::ethernet`]), a record
//! of a capture ([`Context::captured`]), or what a packet socket gave ([`Context::packet_socket`]), or field by field.
//! Filters that ask for none of it pay nothing for it.
//!
//! # Expressions
//!
//! `tcp port 443 and not host 10.0.0.1` is an expression of pcap-filter(7): [`Filter::from_expression`] compiles one to native
//! code, [`compile_expression`] to a program for a [`Target`], and [`Expr`] is its tree. Without the feature `jit` the
//! programs are not optimised.
//!
//! # From text to verdict
//!
//! A [`Program`] is any list of instructions, read from one of seven [`Form`]s, built with labels ([`Program::builder`]),
//! or typed ([`Instruction`]). [`Program::verify`] judges it by the rules of a dialect, and gives a [`Verified`] or an
//! error that names the instruction and the rule. A [`Verified`] can be interpreted ([`Verified::interpret`], the
//! definition of what a program means) or compiled to a [`Filter`], which gives the same verdicts and is many times
//! faster. A packet is a slice of bytes, or a [`Packet`] with an original length and a [`Context`]; many at once are
//! [`Packets`], which [`Filter::run_batch`] takes. Which of thousands of programs keep a packet, a [`FilterSet`] tells,
//! why it got its verdict, [`Verified::trace`], and where the packets of a capture go, a [`Profile`].
//!
//! A filter that keeps one packet in a hundred, by chance, and the same ones at every run:
//!
#![cfg_attr(feature = "jit", doc = "```")]
#![cfg_attr(not(feature = "jit"), doc = "```ignore")]
//! use cbpf::{Context, Dialect, Filter, Packet, Program};
//! use cbpf::packet::Extension;
//!
//! let program = Program::builder()
//!     .load_extension(Extension::Random)
//!     .jump_if_ge(u32::MAX / 100, "drop")
//!     .ret(u32::MAX)
//!     .label("drop")
//!     .ret(0)
//!     .build()?;
//! let filter = Filter::compile(&program.verify(Dialect::Linux)?)?;
//!
//! let keep = |number: u64| {
//!     let context = Context::default().seed(number);
//!     filter.run(Packet::new(b"any").with_context(&context)) != 0
//! };
//! let kept = (0..100_000).filter(|&number| keep(number)).count();
//! assert!((900..1100).contains(&kept));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Filters of system calls
//!
//! A program of [`Dialect::Seccomp`] runs on a [`SeccompData`] in place of a packet, and its verdict is an [`Action`]; see
//! [`Filter::run_seccomp`] and [`Verified::interpret_seccomp`]. [`Action::strictest`] decides when there are many.
//!
//! # Features
//!
//! - `jit` (default): native code through Cranelift, on 64-bit Linux (x86-64 and aarch64). Without it, and on all other
//!   machines, the interpreter runs filters, and nothing but the standard library is needed.
//! - `syscall-names`: the names of system calls ([`Arch::syscall_name`], [`Form::Seccomp`]).
//! - `cli`: the program `cbpf`.
//! - `socket`: programs on sockets of Linux, in the module `socket`.
//! - `peers`: the bench that runs other engines beside this one; the library is the same.

#![cfg_attr(
    not(all(
        feature = "jit",
        target_os = "linux",
        target_pointer_width = "64",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )),
    allow(dead_code, unused_imports, reason = "some functions of the graph and of packets serve native code alone")
)]
#![deny(unsafe_code)]
#![warn(missing_docs, missing_debug_implementations, unreachable_pub)]

pub mod bpf;
mod classifier;
// The only switch between native code and its absence; the lint above and the dependencies in Cargo.toml repeat it.
#[cfg_attr(
    not(all(
        feature = "jit",
        target_os = "linux",
        target_pointer_width = "64",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )),
    path = "codegen/absent.rs"
)]
mod codegen;
mod emit;
pub mod filter;
pub mod filter_set;
mod interpret;
mod ir;
pub mod lang;
mod opt;
pub mod packet;
mod prove;
pub mod seccomp;
#[cfg(all(feature = "socket", target_os = "linux"))]
pub mod socket;
pub mod text;

/// Looks into programs: graphs and the passes over them, and what the interpreter sees when it runs.
pub mod debug {
    pub use crate::interpret::halt_reason::HaltReason;
    pub use crate::interpret::observer::Registers;
    pub use crate::interpret::profile::{Block, Edge, EdgeKind, Profile};
    pub use crate::interpret::trace::{Executed, Read, Trace};
    pub use crate::ir::Graph;
    pub use crate::opt::Pass;
}

#[doc(inline)]
pub use bpf::{Dialect, Instruction, Program, Verified, VerifyError};
#[doc(inline)]
pub use filter::{Engine, Filter, FilterConfig, FilterError};
#[doc(inline)]
pub use filter_set::{FilterSet, FilterSetConfig, SetError, SharedSet};
#[doc(inline)]
pub use lang::{Expr, ExprError, LinkType, Target, compile_expression};
#[doc(inline)]
pub use packet::{Context, Packet, Packets};

/// The example of the README runs, too.
#[cfg(all(doctest, feature = "jit"))]
#[doc = include_str!("../README.md")]
struct Readme;
