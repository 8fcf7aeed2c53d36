//! What users hold: a program as native code.

mod seccomp;
pub(crate) mod tune;

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::bpf::verify::{Verified, VerifyError};
use crate::codegen;
use crate::codegen::{BatchCode, Code, CompileError, Entries, Facts, Lazily, Records};
use crate::ir::{Fact, Graph, Strategy};
use crate::lang::{ExprError, LinkType, Target, compile_expression};
use crate::packet::Packet;
use crate::packet::ancillary::Extension;
use crate::packet::batch::{Layout, Packets};
use crate::packet::context::Context;

/// A program compiled to native code for this machine.
///
/// Clones share the code, which is freed with the last of them. Running a filter takes no lock and allocates nothing.
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
    code: Code,
    /// The facts of the context that the code asks for, a bit each.
    facts: u32,
    dialect: Dialect,
    strategy: Strategy,
    /// What only batches need.
    batch: Arc<Batch>,
}

/// Why an expression has no [`Filter`].
#[derive(Debug)]
#[non_exhaustive]
pub enum FilterError {
    /// It has no program.
    Expression(ExprError),
    /// Its program is refused.
    Verify(VerifyError),
    /// There is no native code of its program.
    Compile(CompileError),
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FilterError::Expression(error) => error.fmt(f),
            FilterError::Verify(error) => error.fmt(f),
            FilterError::Compile(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FilterError {}

/// The loop over many packets, which is compiled when it is first needed, and what it is compiled from.
struct Batch {
    source: Source,
    strategy: Strategy,
    code: Lazily<BatchCode>,
    /// Whether it could not be compiled.
    has_failed: AtomicBool,
}

/// What a loop is compiled from.
enum Source {
    /// The program rather than its graph: it is small, it is the user's, too, and it is verified in no time.
    Program {
        program: Arc<Program>,
        dialect: Dialect,
        /// The strategy that was asked for.
        strategy: Strategy,
    },
    Graph(Box<Graph>),
}

/// The facts that are ancillary loads.
const EXTENSIONS: u32 = (1 << Extension::COUNT) - 1;

/// The most packets that [`Filter::tuned`] looks at: more than a processor learns by heart.
const LARGEST_SAMPLE: usize = 16_384;

impl Filter {
    /// Compiles a verified program.
    ///
    /// Compiling takes up to 256 KiB of stack, mostly 128. On Linux a thread that has less than 256 KiB left starts another
    /// one to compile in; it still needs 80 KiB itself. On other systems the stack must be there. Running the filter takes
    /// the stack that its code needs, mostly none, and never more than 256 KiB.
    ///
    /// The process may be forked at any time, also in the middle of a compilation. Parent and child both run the filters
    /// that they share, go on compiling, and cannot write to each other's code.
    ///
    /// # Errors
    /// If there is no native code for this machine (the interpreter still works), no memory or thread to make it, or if
    /// it would need more than 256 KiB of stack. A panic inside Cranelift is caught and becomes an error; with
    /// `panic = "abort"` it ends the process.
    pub fn compile(verified: &Verified) -> Result<Filter, CompileError> {
        Filter::compile_as(verified, Strategy::default())
    }

    /// Compiles an expression of the filter language, for packets of a link type.
    ///
    /// ```
    /// use cbpf::{Filter, LinkType};
    /// let filter = Filter::from_expression("tcp port 443 and not host 10.0.0.1", LinkType::ETHERNET)?;
    /// assert_eq!(filter.run(&[0; 60]), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// The verdict on packets that match is 262,144; [`Filter::from_expression_for`] has the choice.
    ///
    /// # Errors
    /// As [`compile_expression`](crate::compile_expression()) and [`Filter::compile`].
    pub fn from_expression(expression: &str, link_type: LinkType) -> Result<Filter, FilterError> {
        Filter::from_expression_for(expression, &Target::new(link_type))
    }

    /// The same for a target, which says more than the link type.
    ///
    /// # Errors
    /// As [`Filter::from_expression`].
    pub fn from_expression_for(expression: &str, target: &Target) -> Result<Filter, FilterError> {
        let program = compile_expression(expression, target).map_err(FilterError::Expression)?;
        let verified = program.verify(target.machine()).map_err(FilterError::Verify)?;
        Filter::compile(&verified).map_err(FilterError::Compile)
    }

    /// Compiles a verified program to code of a strategy, if it is fit for that.
    ///
    /// # Errors
    /// As [`Filter::compile`].
    pub fn compile_as(verified: &Verified, strategy: Strategy) -> Result<Filter, CompileError> {
        let source = Source::Program { program: verified.shared_program(), dialect: verified.dialect(), strategy };
        Filter::new(&Graph::with_strategy(verified, strategy), source)
    }

    /// Compiles a graph as it is: the graph of a verified program, behind any passes in any order.
    ///
    /// # Errors
    /// As [`Filter::compile`].
    pub fn from_graph(graph: &Graph) -> Result<Filter, CompileError> {
        Filter::new(graph, Source::Graph(Box::new(graph.clone())))
    }

    fn new(graph: &Graph, source: Source) -> Result<Filter, CompileError> {
        let code = codegen::compile(graph)?;
        let facts = graph.facts().fold(0, |facts, fact| facts | 1 << fact.index());
        let batch = Arc::new(Batch::new(source, graph.strategy()));
        Ok(Filter { code, facts, dialect: graph.dialect, strategy: graph.strategy(), batch })
    }

    /// Compiles a verified program to code of the strategy that is the fastest on these packets; without any, of the default.
    ///
    /// Each strategy is compiled and tried, for one packet at a time and for batches ([`Filter::strategy`] and
    /// [`Filter::batch_strategy`] tell which was taken), so this takes a few times as long as [`Filter::compile`] and some 10 ms
    /// more. The default strategy is left only for one that is 3 % faster.
    ///
    /// Give some thousand packets, in the order in which they come: how well a processor foresees branches depends on what
    /// follows what, and of a few packets it learns the order by heart. At most 16,384 are looked at.
    ///
    /// ```
    /// use cbpf::{Dialect, Filter, Program};
    /// let ip: Program = "ldh [12]\n jne #0x800, drop\n ret #-1\n drop: ret #0".parse()?;
    /// let verified = ip.verify(Dialect::Linux)?;
    /// let seen: Vec<Vec<u8>> = (0..4096_u32).map(|i| [[0; 12], [(i * i % 11) as u8; 12]].concat()).collect();
    /// let filter = Filter::tuned(&verified, &seen)?;
    /// assert_eq!(filter.run(&seen[0]), verified.interpret(&seen[0]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Filter::compile`].
    pub fn tuned<'p, P: Into<Packet<'p>>>(
        verified: &Verified,
        sample: impl IntoIterator<Item = P>,
    ) -> Result<Filter, CompileError> {
        let default = Filter::compile(verified)?;
        let sample: Vec<Packet> = sample.into_iter().map(Into::into).take(LARGEST_SAMPLE).collect();
        if sample.is_empty() {
            return Ok(default);
        }
        let mut variants = vec![default];
        for &strategy in Strategy::ALL {
            let variant = Filter::compile_as(verified, strategy)?;
            // A program that is not fit for a strategy has code that is there already.
            if variants.iter().all(|other| other.strategy != variant.strategy) {
                variants.push(variant);
            }
        }
        let sample = variants[0].part_for_a_turn(&sample);
        let single = tune::fastest(variants.len(), |way| {
            sample.iter().for_each(|packet| _ = black_box(variants[way].run(packet)));
        });
        let mut verdicts = vec![0; sample.len()];
        let batch = tune::fastest(variants.len(), |way| variants[way].run_batch(sample, &mut verdicts));
        let batch = variants[batch].batch.clone();
        Ok(Filter { batch, ..variants.swap_remove(single) })
    }

    /// The first of these packets, as many as can be run in a turn of a choice.
    fn part_for_a_turn<'a, 'p>(&self, packets: &'a [Packet<'p>]) -> &'a [Packet<'p>] {
        const STEP: usize = 64;
        let start = Instant::now();
        let mut count = 0;
        for step in packets.chunks(STEP) {
            step.iter().for_each(|packet| _ = black_box(self.run(packet)));
            count += step.len();
            if start.elapsed() > tune::TURN {
                break;
            }
        }
        &packets[..count]
    }

    /// The verdict on a packet: how many bytes of it to keep, 0 for none.
    ///
    /// Bytes (`&[u8]`) are a packet that was captured whole; a [`Packet`] can say more.
    #[inline]
    pub fn run<'p>(&self, packet: impl Into<Packet<'p>>) -> u32 {
        let packet = packet.into();
        let call = |facts: &Facts| self.code.call(packet.data(), packet.wire_len(), facts);
        if self.facts == 0 {
            return call(&Facts::NONE);
        }
        if self.facts & EXTENSIONS == 0 {
            return call(&Facts::new(packet.context(), &Entries::NONE));
        }
        call(&Facts::new(packet.context(), &self.entries(packet.context())))
    }

    /// What the ancillary loads give that the code asks for.
    fn entries(&self, context: &Context) -> Entries {
        Entries::new(context, self.extensions())
    }

    /// The ancillary loads that the code asks for.
    fn extensions(&self) -> impl Iterator<Item = Extension> + use<> {
        let mut left = self.facts & EXTENSIONS;
        std::iter::from_fn(move || {
            let next = (left != 0).then(|| Extension::at(left.trailing_zeros() as usize));
            left &= left.wrapping_sub(1);
            next
        })
    }

    fn asks_for(&self, fact: Fact) -> bool {
        self.facts & 1 << fact.index() != 0
    }

    /// The verdicts on many packets, in order: the same as those of [`Filter::run`], in less time.
    ///
    /// The loop over the packets is native code, too. It is compiled when the first batch comes, which takes about as long
    /// as to compile the filter, unless [`Filter::prepare_batch`] was called; after that a batch takes no lock and
    /// allocates nothing. Packets that lie too far apart for the cache are fetched ahead. Those of filters that draw
    /// random numbers, or look at the contexts of [`Packet`]s, are run one by one.
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
        match self.records(packets).zip(self.batch.code()) {
            Some((records, code)) if self.facts == 0 => code.call(&records, verdicts, &Facts::NONE),
            Some((records, code)) => {
                let entries = self.entries(&Context::DEFAULT);
                code.call(&records, verdicts, &Facts::new(&Context::DEFAULT, &entries));
            }
            None => {
                let runs = packets.iter().map(|packet| self.run(packet));
                verdicts.iter_mut().zip(runs).for_each(|(verdict, run)| *verdict = run);
            }
        }
    }

    /// The packets, if the compiled loop can take them.
    fn records<'p>(&self, packets: Packets<'p>) -> Option<Records<'p>> {
        let have_contexts = matches!(packets.layout(), Layout::Packets(_));
        let differ = self.asks_for(Fact::Ancillary(Extension::Random)) || have_contexts && self.asks_for_context();
        if differ { None } else { Records::of(packets) }
    }

    /// Compiles what [`Filter::run_batch`] needs, for this filter and its clones, if that was not done yet.
    ///
    /// # Errors
    /// As [`Filter::compile`]. Batches can be run all the same, but one packet after the other.
    pub fn prepare_batch(&self) -> Result<(), CompileError> {
        self.batch.prepare()
    }

    /// Whether verdicts may depend on the [`Context`] of a packet: if not, it need not be made.
    ///
    /// ```
    /// use cbpf::{Dialect, Filter, Program};
    /// let asks = |text: &str| -> Result<bool, Box<dyn std::error::Error>> {
    ///     let verified = text.parse::<Program>()?.verify(Dialect::Linux)?;
    ///     Ok(Filter::compile(&verified)?.asks_for_context())
    /// };
    /// assert!(!asks("ldxb 4*([14]&0xf)\n ldh [x + 16]\n ret a")?);
    /// assert!(asks("ld proto\n ret a")?);
    /// // X may name a place that is relative to a header.
    /// assert!(asks("ld [0]\n tax\n ldb [x + 0]\n ret a")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn asks_for_context(&self) -> bool {
        let in_packet = [Extension::NetlinkAttribute, Extension::NestedNetlinkAttribute];
        in_packet.iter().fold(self.facts, |facts, extension| facts & !(1 << extension.index())) != 0
    }

    /// The dialect that the program was verified for.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The strategy that the code has.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// The strategy that the code for batches has.
    pub fn batch_strategy(&self) -> Strategy {
        self.batch.strategy
    }

    /// The size of the native code, in bytes.
    pub fn code_size(&self) -> usize {
        self.code.size()
    }
}

impl Batch {
    fn new(source: Source, strategy: Strategy) -> Batch {
        Batch { source, strategy, code: Lazily::new(), has_failed: AtomicBool::new(false) }
    }

    /// The loop, unless it cannot be compiled.
    fn code(&self) -> Option<&BatchCode> {
        if self.code.get().is_none() && !self.has_failed.load(Ordering::Relaxed) {
            self.has_failed.store(self.prepare().is_err(), Ordering::Relaxed);
        }
        self.code.get()
    }

    fn prepare(&self) -> Result<(), CompileError> {
        if self.code.get().is_some() {
            return Ok(());
        }
        let code = match &self.source {
            Source::Graph(graph) => codegen::compile_batch(graph)?,
            Source::Program { program, dialect, strategy } => {
                let verified = program.verify(*dialect).expect("it was verified before");
                codegen::compile_batch(&Graph::with_strategy(&verified, *strategy))?
            }
        };
        // If another thread was faster, its loop is the same.
        self.code.get_or_set(code);
        Ok(())
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("dialect", &self.dialect).field("code_size", &self.code_size()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic = "as many verdicts as packets"]
    fn there_is_a_verdict_for_each_packet() {
        let program: Program = "ret #1".parse().expect("a program");
        let filter = Filter::compile(&program.verify(Dialect::Linux).expect("a valid one")).expect("native code");
        filter.run_batch(&[&b"first"[..], &b"second"[..]], &mut [0]);
    }
}
