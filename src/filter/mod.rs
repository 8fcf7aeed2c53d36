//! A program ready to run: native code where there is some, and else the interpreter.

mod batch;
mod config;
mod error;
mod seccomp;
pub(crate) mod tune;

use std::fmt;
use std::sync::Arc;

use crate::bpf::dialect::Dialect;
use crate::bpf::verify::Verified;
use crate::codegen::{self, FilterCode};
use crate::filter::batch::{BatchLoop, BatchSource};
use crate::ir::{ContextInputs, Graph};
use crate::lang::Target;
use crate::packet::Packet;
use crate::packet::batch::Packets;

pub use crate::codegen::CompileError;
pub use crate::ir::Strategy;
pub use config::FilterConfig;
pub use error::FilterError;

/// A program ready to run on packets.
///
/// It is native code where that can be had, and runs in the interpreter elsewhere, with the same verdicts; see
/// [`Filter::engine`]. Clones share the code, which is freed with the last of them. Running a filter takes no lock and
/// allocates nothing.
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
    batch: Arc<BatchLoop>,
}

#[derive(Clone)]
enum Runner {
    Native(FilterCode),
    Interpreter(Arc<Interpreted>),
}

/// A program without native code, and the reason.
struct Interpreted {
    verified: Verified,
    why: CompileError,
}

/// What runs a filter or a set.
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
}

/// Prints `native code`, or `interpreter` and the reason.
impl fmt::Display for Engine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Engine::Native => f.write_str("native code"),
            Engine::Interpreter { why } => write!(f, "interpreter ({why})"),
        }
    }
}

impl Filter {
    /// Compiles a verified program; [`FilterConfig`] has options.
    ///
    /// Compiling takes up to 256 KiB of stack, mostly 128. On Linux, a thread with less than 256 KiB left compiles in a
    /// helper thread; it still needs 80 KiB itself. On other systems the stack must be there. Running the filter takes
    /// the stack that its code needs, mostly none, and never more than 256 KiB.
    ///
    /// The process may be forked at any time, also in the middle of a compilation. Parent and child both run the filters
    /// that they share, go on compiling, and cannot write to each other's code.
    ///
    /// Where there is no native code (without the feature `jit`, on another processor, where no memory may be executed,
    /// or for a program whose code would need more than 256 KiB of stack), the filter runs in the interpreter. A panic
    /// inside Cranelift is caught and has the same effect; with `panic = "abort"` it ends the process.
    ///
    /// # Errors
    /// None with the default configuration.
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

    /// Compiles a program with a strategy, and falls back to the interpreter.
    fn new(verified: &Verified, strategy: Strategy) -> Filter {
        let graph = Graph::with_strategy(verified, strategy);
        let runner = match codegen::compile(&graph) {
            Ok(code) => Runner::Native(code),
            Err(why) => Runner::Interpreter(Arc::new(Interpreted { verified: verified.clone(), why })),
        };
        Filter::of_graph(&graph, runner, BatchSource::new(verified, strategy))
    }

    fn of_graph(graph: &Graph, runner: Runner, source: BatchSource) -> Filter {
        let (strategy, dialect, inputs) = (graph.strategy(), graph.dialect, graph.context_inputs());
        Filter { runner, strategy, dialect, inputs, batch: Arc::new(BatchLoop::new(source, strategy)) }
    }

    /// Takes the loop over batches of another filter with the same verdicts.
    fn with_batches_of(self, other: Filter) -> Filter {
        Filter { batch: other.batch, ..self }
    }

    /// Returns the verdict on a packet: how many of its bytes to keep, 0 for none.
    ///
    /// Bytes (`&[u8]`) are a packet that was captured whole; a [`Packet`] has a length on the wire and a context, too.
    #[inline]
    pub fn run<'p>(&self, packet: impl Into<Packet<'p>>) -> u32 {
        let packet = packet.into();
        match &self.runner {
            Runner::Native(code) => code.run(&packet),
            Runner::Interpreter(interpreted) => interpreted.verified.interpret(packet),
        }
    }

    /// Returns `true` if the verdict on a packet is not 0.
    #[inline]
    pub fn is_match<'p>(&self, packet: impl Into<Packet<'p>>) -> bool {
        self.run(packet) != 0
    }

    /// Writes the verdicts on many packets, in order: the same as those of [`Filter::run`], in less time.
    ///
    /// The loop over the packets is native code, too. The first batch compiles it, which takes about as long as compiling
    /// the filter, unless [`Filter::prepare_batch`] was called; after that a batch takes no lock and allocates nothing.
    /// Packets that lie too far apart for the cache are prefetched. Filters that draw random numbers, and filters that
    /// read the contexts of [`Packet`]s, run the packets one by one.
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
    /// If there are not as many verdicts as packets.
    pub fn run_batch<'p>(&self, packets: impl Into<Packets<'p>>, verdicts: &mut [u32]) {
        let packets = packets.into();
        assert_eq!(packets.len(), verdicts.len(), "there are not as many verdicts as packets");
        let code = if self.is_native() { self.batch.code() } else { None };
        if code.is_none_or(|code| !code.run(packets, verdicts)) {
            let runs = packets.iter().map(|packet| self.run(packet));
            verdicts.iter_mut().zip(runs).for_each(|(verdict, run)| *verdict = run);
        }
    }

    /// Compiles the loop of [`Filter::run_batch`] for this filter and its clones, if that was not done yet.
    ///
    /// # Errors
    /// [`FilterError::Compile`] if there is no memory for the loop. Batches then run one packet after the other.
    pub fn prepare_batch(&self) -> Result<(), FilterError> {
        if self.is_native() { self.batch.compile() } else { Ok(()) }
    }

    /// Returns what runs the filter.
    pub fn engine(&self) -> Engine<'_> {
        match &self.runner {
            Runner::Native(_) => Engine::Native,
            Runner::Interpreter(interpreted) => Engine::Interpreter { why: &interpreted.why },
        }
    }

    fn is_native(&self) -> bool {
        matches!(self.runner, Runner::Native(_))
    }

    /// Takes the reason that there is no native code out of a filter that nobody else has.
    fn into_compile_error(self) -> Result<Filter, CompileError> {
        match self.runner {
            Runner::Interpreter(interpreted) => match Arc::try_unwrap(interpreted) {
                Ok(interpreted) => Err(interpreted.why),
                Err(interpreted) => Ok(Filter { runner: Runner::Interpreter(interpreted), ..self }),
            },
            Runner::Native(_) => Ok(self),
        }
    }

    /// Returns whether verdicts may depend on the [`Context`](crate::Context) of a packet. If not, it can be left out.
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

    /// Returns the strategy of the code.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Returns the strategy of the code for batches.
    pub fn batch_strategy(&self) -> Strategy {
        self.batch.strategy()
    }

    /// Returns the size of the native code, in bytes: 0 if there is none.
    pub fn code_size(&self) -> usize {
        match &self.runner {
            Runner::Native(code) => code.size(),
            Runner::Interpreter(_) => 0,
        }
    }
}

impl Graph {
    /// Compiles the graph as it is, after any passes in any order, to native code.
    ///
    /// # Errors
    /// If there is no native code.
    pub fn compile(&self) -> Result<Filter, CompileError> {
        let runner = Runner::Native(codegen::compile(self)?);
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
mod tests {
    use super::*;
    use crate::bpf::program::Program;

    #[test]
    #[should_panic = "as many verdicts as packets"]
    fn each_packet_needs_a_verdict() {
        let program: Program = "ret #1".parse().expect("a program");
        let filter = Filter::compile(&program.verify(Dialect::Linux).expect("a valid one")).expect("a filter");
        filter.run_batch(&[&b"first"[..], &b"second"[..]], &mut [0]);
    }
}
