//! Filters: programs that are ready to run, as native code or in the interpreter.

mod batch;
mod config;
mod deferred;
mod error;
mod seccomp;
mod template;
pub(crate) mod tune;

use std::fmt;
use std::sync::Arc;

use crate::bpf::dialect::Dialect;
use crate::bpf::verify::Verified;
use crate::codegen::{self, FilterCode};
use crate::filter::batch::{Batch, BatchLoop, BatchSource};
use crate::filter::deferred::Deferred;
use crate::ir::{ContextInputs, Graph};
use crate::lang::Target;
use crate::packet::batch::Packets;
use crate::packet::{Context, Packet};

pub use crate::codegen::CompileError;
pub use crate::ir::Strategy;
pub use config::FilterConfig;
pub use error::FilterError;

/// A program that is ready to run on packets.
///
/// A filter is native code if there can be native code, and else runs in the interpreter, with the same verdicts; see
/// [`Filter::engine`]. Clones share the code, which is freed with the last of them. Running a filter takes no lock and
/// allocates nothing, so any number of threads may run the same filter at once.
///
/// ```
/// use cbpf::{Dialect, Filter, Program};
/// let arp: Program = "ldh [12]\n jne #0x806, drop\n ret #-1\n drop: ret #0".parse()?;
/// let filter = Filter::compile(&arp.verify(Dialect::Linux)?)?;
///
/// let mut frame = [0; 60];
/// assert_eq!(filter.run(&frame), 0);
/// frame[12..14].copy_from_slice(&[0x08, 0x06]);
/// assert_eq!(filter.run(&frame), u32::MAX);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Filter {
    runner: Runner,
    strategy: Strategy,
    dialect: Dialect,
    inputs: ContextInputs,
    batch: Batch,
}

#[derive(Clone)]
enum Runner {
    Native(FilterCode),
    Interpreter(Arc<Interpreted>),
    Deferred(Arc<Deferred>),
}

/// A program without native code, and the reason.
struct Interpreted {
    verified: Verified,
    why: CompileError,
}

/// The engine that runs a [`Filter`]. All engines give the same verdicts.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Engine<'a> {
    /// Native code.
    Native,
    /// The interpreter, many times slower.
    #[non_exhaustive]
    Interpreter {
        /// The reason that there is no native code.
        why: &'a CompileError,
    },
    /// The interpreter, until native code is ready ([`FilterConfig::interpret_first`]).
    InterpreterFirst,
}

/// Prints `native code`, or `interpreter` and the reason.
impl fmt::Display for Engine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Engine::Native => f.write_str("native code"),
            Engine::Interpreter { why } => write!(f, "interpreter ({why})"),
            Engine::InterpreterFirst => f.write_str("interpreter, until there is native code"),
        }
    }
}

impl Filter {
    /// Compiles a verified program; [`FilterConfig`] has options.
    ///
    /// Programs that differ only in constants that packets are compared with, as `host 10.0.0.1 and port 80` and `host
    /// 10.0.0.2 and port 443`, share their code: the first of a shape is compiled, and for each other it takes a
    /// microsecond or two. A table that all threads share holds up to 256 shapes, with at most 8 KiB of code each, of
    /// programs of up to 256 instructions. Shapes that were not used for a long time leave it, and their code is freed
    /// with its last filter.
    ///
    /// Compiling takes up to 256 KiB of stack, mostly 128. On Linux, a thread with less than 256 KiB left compiles in a
    /// helper thread, on other systems every thread; it still needs 80 KiB itself. Running the filter takes the stack
    /// that its code needs, mostly none, and never more than 256 KiB.
    ///
    /// On Linux the process may be forked at any time, also during a compilation. Parent and child both run the filters
    /// that they share, go on compiling, and cannot write to each other's code.
    ///
    /// If there is no native code, the filter runs in the interpreter: without the feature `jit`, on a processor that
    /// Cranelift does not support, if the system allows no executable memory, or if the code would need more than 256
    /// KiB of stack. A panic inside Cranelift is caught and has the same effect; with `panic = "abort"` it ends the
    /// process.
    ///
    /// # Errors
    /// None today: only [`FilterConfig::require_native`] makes missing native code an error.
    pub fn compile(verified: &Verified) -> Result<Filter, FilterError> {
        FilterConfig::new().compile(verified)
    }

    /// Compiles an expression of the filter language for a link type or a [`Target`].
    ///
    /// The verdict on packets that match is 262,144, or [`Target::snaplen`].
    ///
    /// ```
    /// use cbpf::{Filter, LinkType};
    /// let filter = Filter::from_expression("tcp port 443 and not host 10.0.0.1", LinkType::ETHERNET)?;
    /// assert!(!filter.is_match(&[0; 60]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FilterError::Expression`] if the expression is invalid.
    pub fn from_expression(expression: &str, target: impl Into<Target>) -> Result<Filter, FilterError> {
        FilterConfig::new().from_expression(expression, target)
    }

    /// Compiles a program with a strategy; the filter runs in the interpreter if there is no native code.
    pub(crate) fn new(verified: &Verified, strategy: Strategy) -> Filter {
        Filter::native(verified, strategy).unwrap_or_else(|why| Filter::interpreted(verified, strategy, why))
    }

    /// Compiles a program with a strategy to native code.
    fn native(verified: &Verified, strategy: Strategy) -> Result<Filter, CompileError> {
        template::filter(verified, strategy)
    }

    /// Returns a filter that runs in the interpreter, and the reason.
    fn interpreted(verified: &Verified, strategy: Strategy, why: CompileError) -> Filter {
        let graph = Graph::with_strategy(verified, strategy);
        let runner = Runner::Interpreter(Arc::new(Interpreted { verified: verified.clone(), why }));
        Filter::of_graph(&graph, runner, BatchSource::new(verified, strategy))
    }

    /// Returns a filter that interprets its first packets.
    fn deferred(verified: &Verified, strategy: Strategy, packets: u32) -> Filter {
        // The graph as it is has all context inputs of the optimised one.
        let (graph, source) = (Graph::new(verified), BatchSource::new(verified, strategy));
        let runner = Runner::Deferred(Arc::new(Deferred::new(verified, strategy, packets)));
        Filter { strategy, ..Filter::of_graph(&graph, runner, source) }
    }

    /// Returns the filter that runs packets: this one, or the one that was compiled for it since.
    fn current(&self) -> &Filter {
        match &self.runner {
            Runner::Deferred(deferred) => deferred.compiled().unwrap_or(self),
            Runner::Native(_) | Runner::Interpreter(_) => self,
        }
    }

    fn of_graph(graph: &Graph, runner: Runner, source: BatchSource) -> Filter {
        let (strategy, dialect, inputs) = (graph.strategy(), graph.dialect, graph.context_inputs());
        let words = match &runner {
            Runner::Native(code) => Some(code.words().clone()),
            Runner::Interpreter(_) | Runner::Deferred(_) => None,
        };
        let batch = Batch::new(Arc::new(BatchLoop::new(source, strategy)), words, &[]);
        Filter { runner, strategy, dialect, inputs, batch }
    }

    /// Takes the loop over batches of another filter with the same verdicts.
    fn with_batches_of(self, other: Filter) -> Filter {
        Filter { batch: other.batch, ..self }
    }

    /// Returns the verdict on a packet: the number of bytes to keep, 0 for none.
    ///
    /// Bytes (`&[u8]`) are a packet that was captured whole; a [`Packet`] has a length on the wire and a context, too.
    #[inline]
    pub fn run<'p>(&self, packet: impl Into<Packet<'p>>) -> u32 {
        let packet = packet.into();
        match &self.runner {
            // One branch, and no packet in memory, before the call: small filters take few nanoseconds.
            Runner::Native(code) if code.is_plain() => code.run(packet),
            _ => self.run_in_context(packet.data(), packet.wire_len(), packet.context()),
        }
    }

    #[inline(never)]
    fn run_in_context(&self, data: &[u8], wire_len: u32, context: &Context) -> u32 {
        let packet = Packet::new(data).with_wire_len(wire_len).with_context(context);
        match &self.runner {
            Runner::Native(code) => code.run(packet),
            Runner::Interpreter(interpreted) => interpreted.verified.interpret(packet),
            Runner::Deferred(deferred) => deferred.run(packet),
        }
    }

    /// Returns `true` if the verdict on a packet is not 0.
    #[inline]
    pub fn is_match<'p>(&self, packet: impl Into<Packet<'p>>) -> bool {
        self.run(packet) != 0
    }

    /// Writes the verdicts on many packets, in order: the same as those of [`Filter::run`], in less time.
    ///
    /// The loop over the packets is native code, too. The first batch, or [`Filter::prepare_batch`], compiles it, which
    /// takes about as long as compiling the filter; after that a batch takes no lock and allocates nothing. Packets
    /// that lie too far apart for the cache are prefetched. Filters that draw random numbers, filters that read the
    /// contexts of [`Packet`]s, and filters without native code run the packets one by one.
    ///
    /// On processors with AVX-512, most programs can also run on 64 packets at a time, without branches. A few batches
    /// are timed both ways, and the others run the faster way.
    ///
    /// ```
    /// use cbpf::{Dialect, Filter, Program};
    /// let program: Program = "ldb [0]\n ret a".parse()?;
    /// let filter = Filter::compile(&program.verify(Dialect::Linux)?)?;
    /// let mut verdicts = [0; 3];
    /// filter.run_batch(&[&[7, 0][..], &[], &[9]], &mut verdicts);
    /// assert_eq!(verdicts, [7, 0, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If the numbers of packets and of verdicts differ.
    pub fn run_batch<'p>(&self, packets: impl Into<Packets<'p>>, verdicts: &mut [u32]) {
        let packets = packets.into();
        assert_eq!(packets.len(), verdicts.len(), "the number of verdicts is not the number of packets");
        if let Runner::Deferred(deferred) = &self.runner {
            deferred.run_batch(packets, verdicts);
        } else if !self.batch.run(packets, verdicts) {
            let runs = packets.iter().map(|packet| self.run(packet));
            verdicts.iter_mut().zip(runs).for_each(|(verdict, run)| *verdict = run);
        }
    }

    /// Compiles the loop of [`Filter::run_batch`] for this filter and its clones, if that was not done yet.
    ///
    /// # Errors
    /// [`FilterError::Compile`] if the loop cannot be compiled; batches then run one packet after the other. A filter
    /// without native code has no loop, which is no error.
    pub fn prepare_batch(&self) -> Result<(), FilterError> {
        let current = self.current();
        if current.is_native() { current.batch.code().compile() } else { Ok(()) }
    }

    /// Returns the engine that runs the filter, and the reason if it is the interpreter.
    ///
    /// ```
    /// use cbpf::{Dialect, Engine, Filter, Program};
    /// let filter = Filter::compile(&"ret #1".parse::<Program>()?.verify(Dialect::Linux)?)?;
    /// if let Engine::Interpreter { why, .. } = filter.engine() {
    ///     eprintln!("filters are slow here: {why}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn engine(&self) -> Engine<'_> {
        match &self.current().runner {
            Runner::Native(_) => Engine::Native,
            Runner::Interpreter(interpreted) => Engine::Interpreter { why: &interpreted.why },
            Runner::Deferred(_) => Engine::InterpreterFirst,
        }
    }

    fn is_native(&self) -> bool {
        matches!(self.runner, Runner::Native(_))
    }

    /// Returns whether verdicts may depend on the [`Context`] of a packet. If not, packets need none.
    ///
    /// ```
    /// use cbpf::{Dialect, Filter, Program};
    /// let needs = |text: &str| -> Result<bool, Box<dyn std::error::Error>> {
    ///     let verified = text.parse::<Program>()?.verify(Dialect::Linux)?;
    ///     Ok(Filter::compile(&verified)?.needs_context())
    /// };
    /// assert!(!needs("ldxb 4*([14]&0xf)\n ldh [x + 16]\n ret a")?);
    /// assert!(needs("ld proto\n ret a")?);
    /// // X may be an offset that is relative to a header.
    /// assert!(needs("ld [0]\n tax\n ldb [x + 0]\n ret a")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn needs_context(&self) -> bool {
        self.inputs.need_context()
    }

    /// Returns the dialect that the program was verified for.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the strategy of the code; the one that was asked for, as long as there is no code.
    pub fn strategy(&self) -> Strategy {
        self.current().strategy
    }

    /// Returns the strategy of the code for batches.
    pub fn batch_strategy(&self) -> Strategy {
        self.current().batch.code().strategy()
    }

    /// Returns the size of the native code, in bytes: 0 if there is none. Filters of one shape share their code.
    pub fn code_size(&self) -> usize {
        match &self.current().runner {
            Runner::Native(code) => code.size(),
            Runner::Interpreter(_) | Runner::Deferred(_) => 0,
        }
    }
}

impl Graph {
    /// Compiles the graph as it is, after any passes in any order, to native code.
    ///
    /// # Errors
    /// Returns the reason if there is no native code.
    pub fn compile(&self) -> Result<Filter, CompileError> {
        let runner = Runner::Native(codegen::compile(self)?.filter(&[]));
        Ok(Filter::of_graph(self, runner, BatchSource::Graph(Box::new(self.clone()))))
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut filter = f.debug_struct("Filter");
        filter.field("engine", &self.engine()).field("dialect", &self.dialect).field("strategy", &self.strategy);
        filter.field("code_size", &self.code_size()).finish()
    }
}

#[cfg(test)]
mod tests;
