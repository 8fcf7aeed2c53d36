//! Filters: programs that are ready to run, as native code or in the interpreter.

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
        let graph = Graph::with_strategy(verified, strategy);
        let runner = match codegen::compile(&graph) {
            Ok(code) => Runner::Native(code),
            Err(why) => Runner::Interpreter(Arc::new(Interpreted { verified: verified.clone(), why })),
        };
        Filter::of_graph(&graph, runner, BatchSource::new(verified, strategy))
    }

    /// Compiles a program with a strategy to native code.
    fn native(verified: &Verified, strategy: Strategy) -> Result<Filter, CompileError> {
        let graph = Graph::with_strategy(verified, strategy);
        let runner = Runner::Native(codegen::compile(&graph)?);
        Ok(Filter::of_graph(&graph, runner, BatchSource::new(verified, strategy)))
    }

    fn of_graph(graph: &Graph, runner: Runner, source: BatchSource) -> Filter {
        let (strategy, dialect, inputs) = (graph.strategy(), graph.dialect, graph.context_inputs());
        Filter { runner, strategy, dialect, inputs, batch: Arc::new(BatchLoop::new(source, strategy)) }
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
        let code = if self.is_native() { self.batch.code() } else { None };
        if code.is_none_or(|code| !code.run(packets, verdicts)) {
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
        if self.is_native() { self.batch.compile() } else { Ok(()) }
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
        match &self.runner {
            Runner::Native(_) => Engine::Native,
            Runner::Interpreter(interpreted) => Engine::Interpreter { why: &interpreted.why },
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
    /// Returns the reason if there is no native code.
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
    use crate::filter_set::FilterSet;
    use crate::lang::Expr;
    use crate::{LinkType, SharedSet};

    fn verified(text: &str) -> Verified {
        text.parse::<Program>().expect("a program").verify(Dialect::Linux).expect("a valid program")
    }

    /// Returns a filter that runs in the interpreter, as if there were no native code for its program.
    fn interpreted(verified: &Verified) -> Filter {
        let graph = Graph::with_strategy(verified, Strategy::Auto);
        let why = CompileError::UnsupportedMachine("a test".to_owned());
        let runner = Runner::Interpreter(Arc::new(Interpreted { verified: verified.clone(), why }));
        Filter::of_graph(&graph, runner, BatchSource::new(verified, Strategy::Auto))
    }

    const PROGRAMS: [&str; 5] = [
        "ldb [0]\n ret a",
        "ld [x + 4]\n jset #1, odd\n ret #0\n odd: ret #-1",
        "ld #len\n ret a",
        "ld rand\n ret a",
        "ld mark\n add #1\n ret a",
    ];

    #[test]
    fn interpreted_filters_have_the_verdicts_of_native_ones() {
        let context = crate::Context::default().mark(7).seed(3);
        let bytes = [7, 0, 0, 0, 0, 0, 0, 9];
        let packets: Vec<Packet> =
            (0..=bytes.len()).map(|len| Packet::new(&bytes[..len]).with_wire_len(99).with_context(&context)).collect();
        for verified in PROGRAMS.map(verified) {
            let filters = [interpreted(&verified), Filter::compile(&verified).expect("a filter")];
            let expected: Vec<u32> = packets.iter().map(|packet| verified.interpret(packet)).collect();
            for filter in &filters {
                let single: Vec<u32> = packets.iter().map(|packet| filter.run(packet)).collect();
                let mut batch = vec![1; packets.len()];
                filter.run_batch(&packets, &mut batch);
                assert_eq!((&single, &batch), (&expected, &expected), "{filter:?}: {}", verified.program());
                assert!(
                    packets.iter().zip(&expected).all(|(packet, &verdict)| filter.is_match(packet) == (verdict != 0))
                );
            }
            let [interpreted, other] = filters.map(|filter| (filter.needs_context(), filter.dialect()));
            assert_eq!(interpreted, other);
        }
    }

    #[test]
    fn engine_names_the_reason_of_the_interpreter() {
        let filter = interpreted(&verified("ret #1"));
        assert!(matches!(filter.engine(), Engine::Interpreter { why: CompileError::UnsupportedMachine(_) }));
        assert_eq!(filter.engine().to_string(), "interpreter (there is no native code for this machine: a test)");
        assert_eq!((filter.code_size(), filter.prepare_batch().is_ok()), (0, true));
        assert!(format!("{filter:?}").contains("a test"));
        assert_eq!(Engine::Native.to_string(), "native code");
    }

    #[test]
    fn required_native_code_is_an_error_if_there_is_none() {
        let verified = verified("ret #1");
        let is_native = Filter::compile(&verified).expect("a filter").is_native();
        assert_eq!(Filter::compile(&verified).expect("a filter").code_size() != 0, is_native);
        let sample = [[0; 60]; 100];
        for config in [FilterConfig::new(), FilterConfig::new().sample(&sample)] {
            assert_eq!(config.compile(&verified).expect("a filter").is_native(), is_native);
            match config.require_native(true).compile(&verified) {
                Ok(filter) => assert!(is_native && filter.is_native()),
                Err(error) => assert!(!is_native && matches!(error, FilterError::Compile(_)), "{error}"),
            }
        }
        if !cfg!(feature = "jit") {
            assert!(!is_native);
        }
    }

    #[test]
    fn errors_of_expressions_have_positions() {
        let error = Filter::from_expression("tcp prt 80", LinkType::ETHERNET).expect_err("an invalid expression");
        assert!(matches!(error, FilterError::Expression(_)), "{error:?}");
        assert!(std::error::Error::source(&error).is_some() && error.to_string().contains("did you mean `port`?"));
    }

    #[test]
    fn types_can_be_sent_and_shared() {
        fn is_shareable<T: Send + Sync + Clone + fmt::Debug>() {}
        is_shareable::<Filter>();
        is_shareable::<FilterConfig>();
        is_shareable::<FilterSet>();
        is_shareable::<SharedSet>();
        is_shareable::<Verified>();
        is_shareable::<Program>();
        is_shareable::<Expr>();
        is_shareable::<Target>();
        is_shareable::<Packets>();
    }

    #[test]
    #[should_panic = "the number of verdicts"]
    fn each_packet_needs_a_verdict() {
        let program: Program = "ret #1".parse().expect("a program");
        let filter = Filter::compile(&program.verify(Dialect::Linux).expect("a valid one")).expect("a filter");
        filter.run_batch(&[&b"first"[..], &b"second"[..]], &mut [0]);
    }
}
