//! Which engine runs the program.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cbpf::{Context, Filter, Packet, Verified};
use clap::ValueEnum;

use crate::cli::capture::{Record, Records};
use crate::cli::failure::Failure;

/// The name of an engine.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// Native code; while that of a very large program is compiled, the interpreter
    Jit,
    /// The reference interpreter
    Interpreter,
}

/// A program, loaded into an engine.
pub enum Engine {
    Jit(Filter),
    /// A program whose compilation takes long: it is interpreted until another thread has set the filter.
    Coming(Verified, Arc<OnceLock<Filter>>),
    Interpreter(Verified),
}

/// The longest program, in instructions, that is compiled before the first packet is read: that takes some 20 ms, and
/// grows with the length.
const COMPILED_FIRST: usize = 4096;

/// Locked by the thread that compiles such a program: each takes much memory for it, and a capture may have many link types.
static COMPILING: Mutex<()> = Mutex::new(());

impl Engine {
    /// Loads a program.
    pub fn load(name: Name, verified: Verified) -> Result<Engine, Failure> {
        match name {
            Name::Interpreter => Ok(Engine::Interpreter(verified)),
            Name::Jit if verified.program().len() > COMPILED_FIRST => Ok(Engine::compile_meanwhile(verified)),
            Name::Jit => Engine::compile(&verified),
        }
    }

    /// Loads a program as native code.
    pub fn compile(verified: &Verified) -> Result<Engine, Failure> {
        let hint = |error| Failure::Failed(format!("{error}; `--engine interpreter` works everywhere"));
        Filter::compile(verified).map(Engine::Jit).map_err(hint)
    }

    /// Loads a program into the interpreter, and has another thread compile it. If it cannot, or there
    /// is no thread, the interpreter goes on.
    fn compile_meanwhile(verified: Verified) -> Engine {
        let filter = Arc::new(OnceLock::new());
        let (program, place) = (verified.clone(), filter.clone());
        let compile = move || {
            let _turn = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
            let compiled = Filter::compile(&program).and_then(|filter| filter.prepare_batch().map(|()| filter));
            _ = compiled.map(|filter| place.set(filter));
        };
        _ = std::thread::Builder::new().name("compile".to_owned()).spawn(compile);
        Engine::Coming(verified, filter)
    }

    /// Returns the native code, if it is ready.
    fn filter(&self) -> Option<&Filter> {
        match self {
            Engine::Jit(filter) => Some(filter),
            Engine::Coming(_, filter) => filter.get(),
            Engine::Interpreter(_) => None,
        }
    }

    /// Whether verdicts may depend on the contexts of packets.
    pub fn needs_context(&self) -> bool {
        self.filter().is_none_or(Filter::needs_context)
    }

    #[inline]
    pub fn run(&self, packet: Packet) -> u32 {
        match self {
            Engine::Jit(filter) => filter.run(packet),
            Engine::Coming(verified, filter) => match filter.get() {
                Some(filter) => filter.run(packet),
                None => verified.interpret(packet),
            },
            Engine::Interpreter(verified) => verified.interpret(packet),
        }
    }

    /// Adds the verdict on each record; `first` is the number of the first one.
    pub fn run_all(&self, surroundings: &mut Surroundings, first: u64, records: Records, verdicts: &mut Vec<u32>) {
        let asks = self.needs_context();
        match self.filter() {
            Some(filter) if surroundings.seed.is_none() && !asks => {
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
        if let Some(seed) = self.seed {
            self.context = std::mem::take(&mut self.context).seed(seed.wrapping_add(number));
        }
        Packet::new(record.data).with_wire_len(record.wire_len).with_context(&self.context)
    }
}
