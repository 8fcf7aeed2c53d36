//! Engines, which run packets through one filter, and the filters that they are made from.

use std::io::IoSlice;
use std::net::Ipv4Addr;

use cbpf::bpf::RawInstruction;
use cbpf::{Instruction, Packet, Program, Verified};

use crate::{bpfjit, clang, filters, hand, libpcap, ours, rbpf, source};

/// A filter that engines are made from.
pub struct Subject {
    pub name: &'static str,
    pub program: Program,
    pub verified: Verified,
    /// The program as typed instructions.
    pub instructions: Vec<Instruction>,
}

impl Subject {
    pub fn new(name: &'static str, program: Program) -> Subject {
        let verified = filters::verify(name, &program);
        let instructions = program.instructions().iter().map(|&raw| typed(raw)).collect();
        Subject { name, program, verified, instructions }
    }

    /// Returns the expression of the filter, if known.
    pub fn expression(&self) -> Result<String, String> {
        Ok(match self.name {
            "S3" => "tcp dst port 443".to_owned(),
            "L1" => filters::hosts()
                .iter()
                .map(|&host| format!("host {}", Ipv4Addr::from(host)))
                .collect::<Vec<_>>()
                .join(" or "),
            "L2" => (1..400).step_by(2).map(|port| format!("port {port}")).collect::<Vec<_>>().join(" or "),
            name => return Err(format!("the expression of {name} is not known")),
        })
    }
}

/// Converts an instruction without the junk that libpcap leaves in an unused `k`.
fn typed(raw: RawInstruction) -> Instruction {
    match raw.into() {
        Instruction::Raw(raw) => RawInstruction { k: 0, ..raw }.into(),
        instruction => instruction,
    }
}

/// Packets, and the order in which they run.
pub struct Traffic<'p> {
    pub name: &'static str,
    pub packets: &'p [Packet<'p>],
    /// Places in `packets`.
    pub order: &'p [u32],
    /// The bytes of the packets in this order, for batches; only the first period if the order repeats.
    pub laid_out: &'p [IoSlice<'p>],
    /// The number of packets that run before those that are timed.
    pub warm_up: usize,
}

impl<'p> Traffic<'p> {
    /// Returns the part of the order that runs before it is timed.
    pub fn warm_up(&self) -> Traffic<'p> {
        Traffic { order: &self.order[..self.warm_up], ..*self }
    }
}

/// A filter that is ready to run.
pub trait Engine {
    fn verdict(&self, packet: Packet) -> u32;

    /// Runs all packets of the order, and returns the sum of the verdicts.
    fn run(&self, traffic: &Traffic) -> u64;
}

/// Engines that take one packet at a time; the loop is compiled for each of them.
impl<F: Fn(Packet) -> u32> Engine for F {
    fn verdict(&self, packet: Packet) -> u32 {
        self(packet)
    }

    fn run(&self, traffic: &Traffic) -> u64 {
        let verdicts = traffic.order.iter().map(|&place| u64::from(self(traffic.packets[place as usize])));
        verdicts.sum()
    }
}

/// An engine, or the reason to skip it.
pub type Loaded = Result<Box<dyn Engine>, String>;

/// Makes an engine.
pub type Load = fn(&Subject) -> Loaded;

/// A row of the table of engines.
pub struct Kind {
    pub name: &'static str,
    /// `true` for the engines of this crate, which the others are compared with.
    pub is_ours: bool,
    pub load: Load,
}

/// All engines.
pub const ENGINES: &[Kind] = &[
    Kind { name: "default", is_ours: true, load: ours::auto },
    Kind { name: "branches", is_ours: true, load: ours::branches },
    Kind { name: "data flow", is_ours: true, load: ours::data_flow },
    Kind { name: "batch", is_ours: true, load: ours::batch_of_branches },
    Kind { name: "batch, data flow", is_ours: true, load: ours::batch_of_data_flow },
    Kind { name: "interpreter", is_ours: true, load: ours::interpreter },
    Kind { name: "--to c-source", is_ours: false, load: source::c },
    Kind { name: "--to rust", is_ours: false, load: source::rust },
    Kind { name: "clang -O3", is_ours: false, load: clang::load },
    Kind { name: "bpfjit", is_ours: false, load: bpfjit::load },
    Kind { name: "libpcap", is_ours: false, load: libpcap::load },
    Kind { name: "rbpf, Cranelift", is_ours: false, load: rbpf::load },
    Kind { name: "Rust, pointer", is_ours: false, load: hand::pointer },
    Kind { name: "Rust, inlined", is_ours: false, load: hand::inlined },
];
