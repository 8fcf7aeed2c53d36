//! Options for compiling filters.

use std::hint::black_box;
use std::time::Instant;

use crate::bpf::verify::Verified;
use crate::codegen;
use crate::filter::{Filter, FilterError, tune};
use crate::ir::Strategy;
use crate::lang::{Target, compile_expression};
use crate::packet::Packet;

/// The most packets of a sample that are run. It is more than a branch predictor memorises.
const LARGEST_SAMPLE: usize = 16_384;

/// Options for compiling a [`Filter`]: a strategy, a sample of packets to tune on, whether to require native code, and
/// when to compile it.
///
/// The defaults are those of [`Filter::compile`]. One configuration compiles any number of programs.
///
/// This example tunes a filter on packets of which one in eleven is kept:
///
/// ```
/// use cbpf::{Dialect, FilterConfig, Program};
/// let ip: Program = "ldh [12]\n jne #0x800, drop\n ret #-1\n drop: ret #0".parse()?;
/// let verified = ip.verify(Dialect::Linux)?;
/// let seen: Vec<Vec<u8>> = (0..4096_u32).map(|i| [[0; 12], [(i * i % 11) as u8; 12]].concat()).collect();
/// let filter = FilterConfig::new().sample(&seen).compile(&verified)?;
/// assert_eq!(filter.run(&seen[0]), verified.interpret(&seen[0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FilterConfig<'p> {
    strategy: Strategy,
    sample: Vec<Packet<'p>>,
    require_native: bool,
    interpreted_first: u32,
}

impl<'p> FilterConfig<'p> {
    /// Creates the default configuration.
    pub fn new() -> FilterConfig<'p> {
        FilterConfig::default()
    }

    /// Sets the strategy of the code, [`Strategy::Auto`] by default. Programs that are not fit for
    /// [`Strategy::Branchless`] get branches.
    pub fn strategy(mut self, strategy: Strategy) -> FilterConfig<'p> {
        self.strategy = strategy;
        self
    }

    /// Sets packets to tune on: the filter gets the strategy that is the fastest on them. Without packets, which is the
    /// default, nothing is timed.
    ///
    /// Each strategy is compiled and timed, for single packets and for batches ([`Filter::strategy`],
    /// [`Filter::batch_strategy`]), so compiling takes a few times as long and some 10 ms more. The strategy of this
    /// configuration is replaced only by one that is at least 3 % faster.
    ///
    /// Branch predictors memorise small samples; pass thousands of packets in arrival order. At most 16,384 are used.
    pub fn sample<P: Into<Packet<'p>>>(mut self, packets: impl IntoIterator<Item = P>) -> FilterConfig<'p> {
        self.sample = packets.into_iter().map(Into::into).take(LARGEST_SAMPLE).collect();
        self
    }

    /// Sets whether missing native code is an error. By default it is none, and the filter runs in the interpreter.
    pub fn require_native(mut self, is_required: bool) -> FilterConfig<'p> {
        self.require_native = is_required;
        self
    }

    /// Sets the number of packets that the filter interprets before it is compiled. By default it is 0, and the filter
    /// is compiled at once.
    ///
    /// The packet with this number starts a thread that compiles the filter, and packets are interpreted until it is
    /// ready, so that no packet waits for it. That pays where few packets may come, as an interpreted packet takes some
    /// 50 ns and compiling the first filter of a process a millisecond. Such filters are compiled one after the other.
    /// Once compiled, they take a nanosecond more for a single packet than others. A process that is forked before that
    /// interprets all packets. [`FilterConfig::require_native`] rejects only machines for which there is no native code
    /// at all. With a sample, the filter is compiled at once.
    ///
    /// ```
    /// use cbpf::{Dialect, Engine, FilterConfig, Program};
    /// let program: Program = "ld #len\n ret a".parse()?;
    /// let filter = FilterConfig::new().interpret_first(1_000).compile(&program.verify(Dialect::Linux)?)?;
    /// assert_eq!(filter.run(b"seven b"), 7);
    /// assert!(matches!(filter.engine(), Engine::InterpreterFirst));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn interpret_first(mut self, packets: u32) -> FilterConfig<'p> {
        self.interpreted_first = packets;
        self
    }

    /// Compiles a verified program.
    ///
    /// # Errors
    /// [`FilterError::Compile`] if native code is required and there is none.
    pub fn compile(&self, verified: &Verified) -> Result<Filter, FilterError> {
        if self.interpreted_first > 0 && self.sample.is_empty() {
            if self.require_native {
                codegen::check_machine()?;
            }
            return Ok(Filter::deferred(verified, self.strategy, self.interpreted_first));
        }
        let filter = match self.require_native {
            true => Filter::native(verified, self.strategy)?,
            false => Filter::new(verified, self.strategy),
        };
        Ok(if self.sample.is_empty() || !filter.is_native() { filter } else { self.tune(verified, filter) })
    }

    /// Compiles an expression of the filter language for a link type or a [`Target`].
    ///
    /// # Errors
    /// [`FilterError::Expression`] if the expression is invalid, and as [`FilterConfig::compile`].
    pub fn from_expression(&self, expression: &str, target: impl Into<Target>) -> Result<Filter, FilterError> {
        let target = target.into();
        self.compile(&compile_expression(expression, &target)?.verify(target.get_dialect())?)
    }

    /// Combines the fastest code for single packets with the fastest loop over batches.
    fn tune(&self, verified: &Verified, default: Filter) -> Filter {
        let mut variants = vec![default];
        for &strategy in Strategy::ALL {
            // A program that is not fit for a strategy has the code of another one.
            if let Ok(variant) = Filter::native(verified, strategy) {
                if variants.iter().all(|other| other.strategy() != variant.strategy()) {
                    variants.push(variant);
                }
            }
        }
        let sample = part_for_a_turn(&variants[0], &self.sample);
        let single = tune::fastest(variants.len(), |variant| {
            sample.iter().for_each(|packet| _ = black_box(variants[variant].run(packet)));
        });
        let mut verdicts = vec![0; sample.len()];
        let batch = tune::fastest(variants.len(), |variant| variants[variant].run_batch(sample, &mut verdicts));
        let batch = variants[batch].clone();
        variants.swap_remove(single).with_batches_of(batch)
    }
}

/// Returns as many of the first packets as can be run in one turn of the timing.
fn part_for_a_turn<'a, 'p>(filter: &Filter, packets: &'a [Packet<'p>]) -> &'a [Packet<'p>] {
    const STEP: usize = 64;
    let start = Instant::now();
    let mut count = 0;
    for step in packets.chunks(STEP) {
        step.iter().for_each(|packet| _ = black_box(filter.run(packet)));
        count += step.len();
        if start.elapsed() > tune::TURN {
            break;
        }
    }
    &packets[..count]
}
