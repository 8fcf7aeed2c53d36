//! Execution of a program: by native code or by the interpreter, on packets with their contexts.

use cbpf::{Context, Filter, FilterConfig, Packet, Verified};
use clap::ValueEnum;

use crate::cli::capture::{Record, Records};
use crate::cli::failure::Failure;

/// The engines that users choose from.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineChoice {
    /// Native code; the interpreter until that is compiled
    Jit,
    /// The reference interpreter
    Interpreter,
}

/// A program, loaded into an engine.
#[derive(Clone)]
pub enum Engine {
    Jit(Filter),
    Interpreter(Verified),
}

/// The number of instructions that are interpreted before the program is compiled, which small captures do not need. They
/// take less time than compiling it does.
const INTERPRETED_FIRST: usize = 1 << 15;

impl Engine {
    /// Loads a program.
    pub fn load(choice: EngineChoice, verified: Verified) -> Result<Engine, Failure> {
        let packets = (INTERPRETED_FIRST / verified.program().len()).max(1) as u32;
        match choice {
            EngineChoice::Interpreter => Ok(Engine::Interpreter(verified)),
            EngineChoice::Jit => Engine::jit(&FilterConfig::new().interpret_first(packets), &verified),
        }
    }

    /// Loads a program as native code.
    pub fn compile(verified: &Verified) -> Result<Engine, Failure> {
        Engine::jit(&FilterConfig::new(), verified)
    }

    fn jit(config: &FilterConfig, verified: &Verified) -> Result<Engine, Failure> {
        let with_hint = |error| Failure::Failed(format!("{error}; `--engine interpreter` works everywhere"));
        config.clone().require_native(true).compile(verified).map(Engine::Jit).map_err(with_hint)
    }

    /// Returns whether verdicts may depend on the contexts of packets.
    pub fn needs_context(&self) -> bool {
        match self {
            Engine::Jit(filter) => filter.needs_context(),
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

    /// Appends the verdict on each record; `first` is the number of the first one.
    pub fn run_all(&self, contexts: &mut Contexts, first: u64, records: Records, verdicts: &mut Vec<u32>) {
        let needs_context = self.needs_context();
        match self {
            Engine::Jit(filter) if contexts.seed.is_none() && !needs_context && !records.differ_for_filters() => {
                let before = verdicts.len();
                verdicts.resize(before + records.len(), 0);
                filter.run_batch(records.packets(), &mut verdicts[before..]);
            }
            _ => {
                let run = |(number, record)| self.run(contexts.packet(number, &record, needs_context));
                verdicts.extend((first..).zip(records.iter()).map(run));
            }
        }
    }
}

/// Returns the context that the kernel reported, or that follows from the link type of a record, or the default.
pub fn context(record: &Record) -> Context {
    record.context().or_else(|| Context::captured(record.interface.link_type_number, record.data)).unwrap_or_default()
}

/// Makes packets of records, with their contexts.
#[derive(Clone, Default)]
pub struct Contexts {
    seed: Option<u64>,
    context: Context,
    /// A packet as filters see it, if that differs from the record.
    copy: Vec<u8>,
}

impl Contexts {
    /// With a seed, `rand` returns the same numbers for the same packet in every run.
    pub fn new(seed: Option<u64>) -> Contexts {
        Contexts { seed, context: Context::default(), copy: Vec::new() }
    }

    /// Returns the packet of the record with this number. Without `needs_context`, only the seed of its context is set.
    #[inline]
    pub fn packet<'a>(&'a mut self, number: u64, record: &Record<'a>, needs_context: bool) -> Packet<'a> {
        if needs_context {
            self.context = context(record);
        }
        if let Some(seed) = self.seed {
            self.context = std::mem::take(&mut self.context).seed(seed.wrapping_add(number));
        }
        let (data, wire_len) = record.as_filtered(&mut self.copy);
        Packet::new(data).with_wire_len(wire_len).with_context(&self.context)
    }
}
