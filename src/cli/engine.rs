//! Execution of a program: by native code or by the interpreter, on packets with their contexts.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cbpf::{Context, Filter, FilterConfig, Packet, Verified};
use clap::ValueEnum;

use crate::cli::capture::{Record, Records};
use crate::cli::failure::Failure;

/// The engines that users choose from.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineChoice {
    /// Native code; for a very large program, the interpreter until the native code is compiled
    Jit,
    /// The reference interpreter
    Interpreter,
}

/// A program, loaded into an engine.
pub enum Engine {
    Jit(Filter),
    /// A program that takes long to compile: it is interpreted until another thread has set the filter.
    Compiling(Verified, Arc<OnceLock<Filter>>),
    Interpreter(Verified),
}

/// The longest program, in instructions, that is compiled before the first packet is read. That takes about 20 ms, and
/// grows with the length.
const COMPILED_FIRST: usize = 4096;

/// Lets one thread compile at a time: each takes much memory, and a capture may have many link types.
static COMPILING: Mutex<()> = Mutex::new(());

impl Engine {
    /// Loads a program.
    pub fn load(choice: EngineChoice, verified: Verified) -> Result<Engine, Failure> {
        match choice {
            EngineChoice::Interpreter => Ok(Engine::Interpreter(verified)),
            EngineChoice::Jit if verified.program().len() > COMPILED_FIRST => {
                Ok(Engine::compile_in_background(verified))
            }
            EngineChoice::Jit => Engine::compile(&verified),
        }
    }

    /// Loads a program as native code.
    pub fn compile(verified: &Verified) -> Result<Engine, Failure> {
        let with_hint = |error| Failure::Failed(format!("{error}; `--engine interpreter` works everywhere"));
        FilterConfig::new().require_native(true).compile(verified).map(Engine::Jit).map_err(with_hint)
    }

    /// Loads a program into the interpreter, and compiles it in another thread. If the compilation fails, or no thread
    /// can be started, the interpreter runs all packets.
    fn compile_in_background(verified: Verified) -> Engine {
        let filter = Arc::new(OnceLock::new());
        let (program, slot) = (verified.clone(), filter.clone());
        let compile = move || {
            let _turn = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
            let compiled = Filter::compile(&program).and_then(|filter| filter.prepare_batch().map(|()| filter));
            _ = compiled.map(|filter| slot.set(filter));
        };
        _ = std::thread::Builder::new().name("compile".to_owned()).spawn(compile);
        Engine::Compiling(verified, filter)
    }

    /// Returns the native code, if it is ready.
    fn filter(&self) -> Option<&Filter> {
        match self {
            Engine::Jit(filter) => Some(filter),
            Engine::Compiling(_, filter) => filter.get(),
            Engine::Interpreter(_) => None,
        }
    }

    /// Returns whether verdicts may depend on the contexts of packets.
    pub fn needs_context(&self) -> bool {
        self.filter().is_none_or(Filter::needs_context)
    }

    #[inline]
    pub fn run(&self, packet: Packet) -> u32 {
        match self {
            Engine::Jit(filter) => filter.run(packet),
            Engine::Compiling(verified, filter) => match filter.get() {
                Some(filter) => filter.run(packet),
                None => verified.interpret(packet),
            },
            Engine::Interpreter(verified) => verified.interpret(packet),
        }
    }

    /// Appends the verdict on each record; `first` is the number of the first one.
    pub fn run_all(&self, contexts: &mut Contexts, first: u64, records: Records, verdicts: &mut Vec<u32>) {
        let needs_context = self.needs_context();
        match self.filter() {
            Some(filter) if contexts.seed.is_none() && !needs_context => {
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

/// Returns the context that follows from the link type of a record, or the default.
pub fn context(record: &Record) -> Context {
    Context::captured(record.interface.link_type_number, record.data).unwrap_or_default()
}

/// Makes packets of records, with their contexts.
pub struct Contexts {
    seed: Option<u64>,
    context: Context,
}

impl Contexts {
    /// With a seed, `rand` returns the same numbers for the same packet in every run.
    pub fn new(seed: Option<u64>) -> Contexts {
        Contexts { seed, context: Context::default() }
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
        Packet::new(record.data).with_wire_len(record.wire_len).with_context(&self.context)
    }
}
