//! Classic BPF: reads, verifies, optimises and runs packet filters, as native code or in an interpreter.
//!
//! Classic BPF is the filter language of packet sockets, libpcap and seccomp. This crate compiles filters from the
//! expressions that tcpdump takes, or from programs in any of the usual text and binary forms, and runs them on
//! packets. Verdicts agree bit for bit with the Linux kernel and with libpcap.
//!
//! ```
//! use cbpf::{Dialect, Filter, LinkType, Program};
//!
//! // From an expression of pcap-filter(7).
//! let https = Filter::from_expression("tcp port 443 and not host 10.0.0.1", LinkType::ETHERNET)?;
//! assert!(!https.is_match(&[0; 60]));
//!
//! // From a program, which must be verified first: keeps ARP, EtherType 0x806 at byte 12 of an Ethernet frame.
//! let program: Program = "ldh [12]\n jne #0x806, drop\n ret #-1\n drop: ret #0".parse()?;
//! let arp = Filter::compile(&program.verify(Dialect::Linux)?)?;
//! let frame = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1];
//! assert_eq!(arp.run(&frame), u32::MAX);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Contents: [the types](#which-type-do-i-want), [the machine](#the-machine), [dialects](#dialects),
//! [performance](#performance), [features](#features).
//!
//! # Which type do I want?
//!
//! | task | type |
//! |---|---|
//! | Run a filter on packets. | [`Filter`]; [`FilterConfig`] has options |
//! | Match packets against many filters at once. | [`FilterSet`]; [`SharedSet`] changes while other threads use it |
//! | Compile an expression, as `tcp port 443`. | [`Filter::from_expression`], [`compile_expression`] (to a program) |
//! | Build, combine and print expressions. | [`Expr`]; [`Target`] has the link type and all other options |
//! | Read, print and convert programs. | [`Program`], in one of eight [`Form`](text::Form)s |
//! | Build a program in code. | [`Program::builder`], or [`Instruction`]s |
//! | Check a program. | [`Program::verify`], which returns a [`Verified`] or a [`VerifyError`] |
//! | Verify and interpret a program without an allocator. | [`VerifiedRef`](bpf::VerifiedRef) |
//! | Shorten a program for a kernel. | [`Program::optimize`] |
//! | Interpret a program. | [`Verified::interpret`], the definition of what a program means |
//! | Find the reason for a verdict. | [`Verified::trace`] |
//! | Count the packets at each instruction. | [`Profile`](debug::Profile) |
//! | Describe instructions in terms of headers: `src port = 443`. | [`debug::meanings`] |
//! | Pass a packet with its length on the wire, or with metadata. | [`Packet`], [`Context`] |
//! | Pass many packets at once. | [`Packets`] |
//! | Filter system calls. | [`Filter::run_seccomp`]; the module [`seccomp`] has the data and the actions |
//! | Explain, compare, audit or merge filters of system calls. | [`seccomp::explain`], [`seccomp::diff`], [`seccomp::audit`], [`seccomp::merge`] |
//! | Run a filter in the Linux kernel: XDP, tc, ... | [`ebpf::Options`]; [`FilterSet::to_ebpf`] for many filters |
//! | Compile a filter with your program, as C or Rust. | [`source::Options`] |
//! | Attach a program to a socket. | the module `socket`, with the feature `socket` on Linux |
//! | Look at the decision graph, the passes or the native code. | [`debug::Graph`], [`debug::Pass`] |
//!
//! Verification is a type: only a [`Verified`] can be run, so an invalid program is an error once, before any packet.
//!
//! # The machine
//!
//! A program computes a verdict from a packet: the number of bytes to keep, 0 for none.
//!
//! - **State.** The accumulator `A`, the index register `X` and sixteen scratch words `M[0]` to `M[15]`: 32 bits each,
//!   and 0 at the start. The packet is only read.
//! - **Loads.** `ld`, `ldh` and `ldb` read 4, 2 or 1 bytes into `A`, big-endian, at a fixed offset (`[12]`) or relative
//!   to `X` (`[x + 14]`). `ldxb 4*([14]&0xf)` loads the length of the IPv4 header at byte 14 into `X`. Constants
//!   (`#7`), scratch words (`M[3]`) and the packet's original length (`#len`) can be loaded into either register.
//! - **Arithmetic** on `A` with a constant or `X`: `add` `sub` `mul` `div` `mod` `and` `or` `xor` `lsh` `rsh`, and
//!   `neg`; it wraps. `tax` and `txa` copy between the registers, `st` and `stx` store them.
//! - **Jumps** go forward only, so every program ends: `jmp`, and `jeq` `jgt` `jge` `jset` with two targets, which
//!   compare `A` unsigned with a constant or `X`.
//! - **Return.** `ret #k` and `ret a` return the verdict.
//! - **Faults.** A load beyond the captured bytes and a division by an `X` of 0 end the program with verdict 0.
//!
//! # Dialects
//!
//! The kernel's socket filters, libpcap and seccomp accept different programs, and give some programs different
//! meanings. [`Program::verify`] takes the [`Dialect`], whose table lists the differences, and every engine follows it:
//!
//! - [`Dialect::Linux`] is that of socket filters. It has *ancillary loads* of metadata, such as `ld proto` (see
//!   [`Extension`](packet::Extension)), and negative offsets that are relative to the network header (from -0x100000)
//!   or the link-layer header (from -0x200000). The values come from the packet's [`Context`]. Create one from an
//!   Ethernet frame ([`Context::ethernet`]), a record of a capture ([`Context::captured`]) or a message of a packet
//!   socket ([`Context::packet_socket`]), or field by field. Filters that read no metadata run as fast with it as
//!   without ([`Filter::needs_context`]).
//! - [`Dialect::Pcap`] is that of libpcap, BSD and Go. Expressions compile for it by default, with other choices in a
//!   [`Target`].
//! - [`Dialect::Seccomp`] is that of system call filters. Programs run on a [`SeccompData`](seccomp::SeccompData), and
//!   their verdict is an [`Action`](seccomp::Action).
//!
//! A filter that keeps one packet in a hundred, chosen at random, but the same ones in every run:
//!
//! ```
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
//! let is_kept = |number: u64| {
//!     let context = Context::default().seed(number);
//!     filter.is_match(Packet::new(b"any").with_context(&context))
//! };
//! let kept = (0..100_000).filter(|&number| is_kept(number)).count();
//! assert!((900..1100).contains(&kept));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Performance
//!
//! The figures are orders of magnitude on one x86-64 machine; `benches/README.md` has the measurements.
//!
//! - **Native or interpreted.** A [`Filter`] is native code where possible: 2 to 5 ns a packet for common filters, 4
//!   to 9 times faster than libpcap's interpreter, and over 100 times for long lists of hosts or ports. Elsewhere it
//!   runs in the interpreter, which takes 1.2 times as long as libpcap's. [`Filter::engine`] returns the engine, and
//!   [`FilterConfig::require_native`] makes missing native code an error.
//! - **Compiling** takes about 0.1 ms for a small program and 2 ms for 4,096 instructions, and a microsecond or two if
//!   a program of the same shape was compiled before: one that differs only in the addresses, ports and such that it
//!   compares packets with. Clones share the code, and so do filters of one shape. For a program that runs on a few
//!   hundred packets, interpreting is cheaper; [`FilterConfig::interpret_first`] compiles only if more come.
//! - **Batches.** [`Filter::run_batch`] takes about a quarter less time than a loop over [`Filter::run`], and
//!   prefetches packets that are not in the cache. The first batch compiles the loop, or [`Filter::prepare_batch`] does
//!   so in advance.
//! - **Tuning.** Branches are fast if they are predicted, but a misprediction costs about 15 cycles. Branchless code
//!   takes the same time for all traffic. The default [`Strategy`](filter::Strategy) is branchless for small programs;
//!   [`FilterConfig::sample`] compiles each strategy and takes the fastest one on your packets.
//! - **Sets.** A [`FilterSet`] finds the matching rules through hash tables, without running every program: 10,000
//!   hosts, ports or five-tuples take about 10 ns a packet, 2 to 4 times as long as one filter. Rules that have no
//!   such fields run one by one; [`FilterSet::report`] lists them.
//! - **Running** a filter or a set takes no lock and, apart from buffers of matches that grow, allocates nothing. Any
//!   number of threads can use one at the same time.
//!
//! # Features
//!
//! No feature changes a verdict.
//!
//! - `std` (default): the standard library, and with it [`Filter`], [`FilterSet`] and batches of `IoSlice`s. The other
//!   features need it, except for `elf`, `serde` and `syscall-names`. [Without it](#without-the-standard-library) the
//!   crate builds for kernels and bare metal.
//! - `jit` (default): native code through Cranelift, on x86-64 and aarch64 with Linux, macOS, Windows, FreeBSD or
//!   Android, and on riscv64 and s390x with Linux. Without it, and on all other machines, filters and sets run in the
//!   interpreter, and nothing but the standard library is needed. On machines with native code, it needs the version of
//!   Rust that Cranelift needs, 1.95.
//! - `serde`: `Serialize` and `Deserialize` for [`Program`], [`RawInstruction`](bpf::RawInstruction), [`Expr`],
//!   [`LinkType`], [`Dialect`], [`Form`](text::Form), [`Strategy`](filter::Strategy), [`Pass`](debug::Pass),
//!   [`HaltReason`](debug::HaltReason), [`Span`](packet::Span), and the [`Action`](seccomp::Action),
//!   [`Arch`](seccomp::Arch) and [`SeccompData`](seccomp::SeccompData) of system calls. An expression is its text, a
//!   choice its name, and a program the list of its instructions.
//! - `syscall-names`: the names of system calls, for [`Arch::syscall_name`](seccomp::Arch::syscall_name) and
//!   [`Form::Seccomp`](text::Form::Seccomp).
//! - `socket`: programs on sockets of Linux, in the module `socket`. On other systems it adds nothing.
//! - `elf`: programs of eBPF as objects for bpftool, libbpf and aya, `ebpf::Program::to_object`.
//! - `cli`: the program `cbpf`.
//! - `peers`: a bench with other engines; the library is the same.
//!
//! # Without the standard library
//!
//! With `default-features = false` the crate is `no_std` and depends on the crate `alloc` alone. It reads, prints,
//! builds, verifies, optimises and interprets programs, compiles expressions, and has the tools of [`debug`], but not
//! the types that hold native code ([`Filter`], [`FilterSet`]). There is no source of randomness: a kernel gives each
//! [`Context`] a seed of its own.
//!
//! - **Memory.** A [`VerifiedRef`](bpf::VerifiedRef) borrows the instructions. To verify and to run it allocates
//!   nothing and reaches no panic. The folder `examples/no_std` shows a check of system calls and a socket filter that
//!   link without an allocator.
//! - **Size.** Verifier and interpreter are 8 KiB of code and 3 KiB of tables on a Cortex-M4.
//! - **Stack.** To verify takes 1.4 KiB on a Cortex-M4 and to run 0.5 KiB. Everything else fits into 16 KiB (x86-64, in
//!   a release build) whatever the input, since nothing recurses on the depth of expressions; only arrays in C, whose
//!   constants have up to 32 levels of parentheses, take 64 KiB, and the analysis of system call filters takes 512 KiB.
//! - **Compiler.** Without `jit` Rust 1.85 is enough.

#![cfg_attr(
    not(all(
        feature = "jit",
        target_pointer_width = "64",
        any(
            all(
                any(
                    target_os = "linux",
                    target_os = "macos",
                    target_os = "windows",
                    target_os = "freebsd",
                    target_os = "android"
                ),
                any(target_arch = "x86_64", target_arch = "aarch64")
            ),
            all(target_os = "linux", any(target_arch = "riscv64", target_arch = "s390x"))
        )
    )),
    expect(dead_code, reason = "some functions of the graph and of packets serve native code alone")
)]
#![cfg_attr(not(feature = "std"), expect(unused_imports, reason = "only classifiers and native code take some items"))]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![deny(unsafe_code)]
#![warn(missing_docs, missing_debug_implementations, unreachable_pub)]

#[macro_use]
extern crate alloc;

pub mod bpf;
#[cfg(feature = "std")]
mod classifier;
#[cfg(feature = "std")]
// The only switch between native code and its absence; the lint above and the dependencies in Cargo.toml repeat it.
#[cfg_attr(
    not(all(
        feature = "jit",
        target_pointer_width = "64",
        any(
            all(
                any(
                    target_os = "linux",
                    target_os = "macos",
                    target_os = "windows",
                    target_os = "freebsd",
                    target_os = "android"
                ),
                any(target_arch = "x86_64", target_arch = "aarch64")
            ),
            all(target_os = "linux", any(target_arch = "riscv64", target_arch = "s390x"))
        )
    )),
    path = "codegen/absent.rs"
)]
mod codegen;
pub mod ebpf;
#[cfg(feature = "std")]
mod ebpf_set;
mod emit;
#[cfg(feature = "std")]
pub mod filter;
#[cfg(feature = "std")]
pub mod filter_set;
mod interpret;
mod ir;
pub mod lang;
mod opt;
pub mod packet;
#[cfg(feature = "std")]
mod parallel;
pub mod prove;
pub mod seccomp;
#[cfg(feature = "serde")]
mod serde_text;
#[cfg(all(feature = "socket", target_os = "linux"))]
pub mod socket;
pub mod source;
mod syscall;
pub mod text;

/// Tools to look into programs: decision graphs and optimiser passes, traces and profiles of runs, and the meanings of
/// instructions.
pub mod debug {
    pub use crate::interpret::halt_reason::HaltReason;
    pub use crate::interpret::observer::Registers;
    pub use crate::interpret::profile::{Block, Edge, EdgeKind, Profile};
    pub use crate::interpret::trace::{Executed, Read, Trace};
    pub use crate::ir::{Graph, Strategy};
    pub use crate::lang::meanings::meanings;
    pub use crate::opt::Pass;
}

#[doc(inline)]
pub use bpf::{Dialect, Instruction, Program, Verified, VerifyError};
#[cfg(feature = "std")]
#[doc(inline)]
pub use filter::{Engine, Filter, FilterConfig, FilterError};
#[cfg(feature = "std")]
#[doc(inline)]
pub use filter_set::{FilterSet, FilterSetConfig, SetError, SharedSet};
#[doc(inline)]
pub use lang::{Expr, ExprError, LinkType, Target, compile_expression};
#[doc(inline)]
pub use packet::{Context, Packet, Packets};

/// Tests the example of the README.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
