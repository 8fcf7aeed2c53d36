//! What is measured: something that runs packets through one filter, and the filter that it was made from.

use cbpf::{Instruction, Packet, Program, RawInstruction, Verified};

use crate::filters;

/// A filter that engines are made from.
pub struct Subject {
    pub name: &'static str,
    pub program: Program,
    pub verified: Verified,
    /// The program, typed.
    pub instructions: Vec<Instruction>,
}

impl Subject {
    pub fn new(name: &'static str, program: Program) -> Subject {
        let verified = filters::verify(name, &program);
        let instructions = program.instructions().iter().map(|&raw| typed(raw)).collect();
        Subject { name, program, verified, instructions }
    }
}

/// libpcap leaves junk in `k` where no machine looks at it.
fn typed(raw: RawInstruction) -> Instruction {
    match raw.into() {
        Instruction::Raw(raw) => RawInstruction { k: 0, ..raw }.into(),
        instruction => instruction,
    }
}

/// Packets, and the order in which they are run.
pub struct Traffic<'p> {
    pub name: &'static str,
    pub packets: &'p [Packet<'p>],
    /// Places in `packets`.
    pub order: &'p [u32],
    /// How many packets of the order are run before those that are timed.
    pub warm_up: usize,
}

impl<'p> Traffic<'p> {
    /// The part of the order that is run before it is timed.
    pub fn warm_up(&self) -> Traffic<'p> {
        Traffic { order: &self.order[..self.warm_up], ..*self }
    }
}

/// A filter that is ready to run.
pub trait Engine {
    fn verdict(&self, packet: Packet) -> u32;

    /// The sum of the verdicts on all packets of the order.
    fn run(&self, traffic: &Traffic) -> u64;
}

/// What takes one packet at a time; the loop is compiled for each such engine.
impl<F: Fn(Packet) -> u32> Engine for F {
    fn verdict(&self, packet: Packet) -> u32 {
        self(packet)
    }

    fn run(&self, traffic: &Traffic) -> u64 {
        let verdicts = traffic.order.iter().map(|&place| u64::from(self(traffic.packets[place as usize])));
        verdicts.sum()
    }
}

/// An engine, or why there is none: then it is skipped, and named.
pub type Loaded = Result<Box<dyn Engine>, String>;

/// How an engine is made.
pub type Load = fn(&Subject) -> Loaded;
