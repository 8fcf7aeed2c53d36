//! Which engine runs the program.

use cbpf::{Context, Filter, Packet, Verified};
use clap::ValueEnum;

use crate::cli::capture::{Record, Records};
use crate::cli::failure::Failure;

/// The name of an engine.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// Native code
    Jit,
    /// The reference interpreter
    Interpreter,
}

/// A program, loaded into an engine.
pub enum Engine {
    Jit(Filter),
    Interpreter(Verified),
}

impl Engine {
    /// Loads a program.
    pub fn load(name: Name, verified: Verified) -> Result<Engine, Failure> {
        match name {
            Name::Interpreter => Ok(Engine::Interpreter(verified)),
            Name::Jit => {
                let filter = Filter::compile(&verified);
                let hint = |error| Failure::Failed(format!("{error}; `--engine interpreter` works everywhere"));
                filter.map(Engine::Jit).map_err(hint)
            }
        }
    }

    /// Whether verdicts may depend on the contexts of packets.
    pub fn asks_for_context(&self) -> bool {
        match self {
            Engine::Jit(filter) => filter.asks_for_context(),
            Engine::Interpreter(_) => true,
        }
    }

    #[inline]
    pub fn run(&self, packet: Packet) -> u32 {
        match self {
            Engine::Jit(filter) => filter.run(packet),
            Engine::Interpreter(verified) => verified.interpret(packet),
        }
    }

    /// Adds the verdict on each record; `first` is the number of the first one.
    pub fn run_all(&self, surroundings: &mut Surroundings, first: u64, records: Records, verdicts: &mut Vec<u32>) {
        let asks = self.asks_for_context();
        match self {
            Engine::Jit(filter) if surroundings.seed.is_none() && !asks => {
                let before = verdicts.len();
                verdicts.resize(before + records.len(), 0);
                filter.run_batch(records.packets(), &mut verdicts[before..]);
            }
            _ => {
                let numbered = (first..).zip(records.iter());
                verdicts.extend(numbered.map(|(number, record)| self.run(surroundings.packet(number, &record, asks))));
            }
        }
    }
}

/// What the link type tells about a record; the default if that is nothing.
pub fn context(record: &Record) -> Context {
    Context::captured(record.interface.link_type, record.data).unwrap_or_default()
}

/// What programs see of a record, besides its bytes.
pub struct Surroundings {
    seed: Option<u64>,
    context: Context,
}

impl Surroundings {
    /// With a seed, `rand` gives the same numbers for the same packet at every run.
    pub fn new(seed: Option<u64>) -> Surroundings {
        Surroundings { seed, context: Context::default() }
    }

    /// The packet of the record with this number; `asks` says whether the program asks for more of its context than the seed.
    #[inline]
    pub fn packet<'a>(&'a mut self, number: u64, record: &Record<'a>, asks: bool) -> Packet<'a> {
        if asks {
            self.context = context(record);
        }
        self.context.seed = self.seed.map(|seed| seed.wrapping_add(number));
        Packet::new(record.data).with_wire_len(record.wire_len).with_context(&self.context)
    }
}
