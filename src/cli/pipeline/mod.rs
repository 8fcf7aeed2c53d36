//! The pipeline from captures to outputs: records are read and matched, by one thread or by many, and passed on in
//! order.
//!
//! - A [`Work`] is what a subcommand does. Its [`Matcher`] decides on records and can be copied to other threads; the
//!   rest runs on one thread, in the order of the inputs.
//! - Warnings and outputs are the same with any number of threads. A thread only does what needs no warning; it leaves
//!   the rest of its part to the first thread.
//! - Streams, and everything that depends on the numbers of packets, is done by one thread.

mod in_order;
mod merged;
mod rings;
mod selection;
mod side_by_side;
mod worker;

use std::num::NonZero;
use std::ops::RangeInclusive;
use std::thread;
use std::time::Instant;

use clap::Args;

use crate::cli::capture::{Block, Format, OutputSet, Part, Reader, Records, Rotation};
use crate::cli::failure::{Failure, say};
use crate::cli::input::Inputs;
use crate::cli::progress::Progress;

pub use selection::{Selected, Selection};

/// The fewest and the most stored bytes of a part of a large file. Each part costs some time, and every thread should
/// get several.
const PART: RangeInclusive<u64> = 4 << 20..=32 << 20;
const PARTS_FOR_EACH: u64 = 8;

/// The number of stored bytes of all inputs from which on more than one thread is started.
const WORTH_A_THREAD: u64 = 2 << 20;

/// The order and the number of threads in which captures are read.
#[derive(Args, Clone, Copy)]
pub struct ReadingArguments {
    /// Read all captures at the same time, and order packets by their time stamps. Without it, captures are read one
    /// after the other, and packets stay in their order
    #[arg(long, conflicts_with = "interface")]
    pub merge: bool,

    /// Work on this many files, or parts of a large file, side by side [default: the number of processors]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

impl ReadingArguments {
    /// Returns the format of outputs for which this one was chosen.
    pub fn format(self, chosen: Format) -> Format {
        if self.merge { chosen.merged() } else { chosen }
    }

    /// Checks that outputs of a format can follow each other.
    ///
    /// # Errors
    /// If they would have a section of pcapng in common.
    pub fn check_rotation(self, format: &Format, rotation: Rotation) -> Result<(), Failure> {
        match rotation.is_active() && *format == Format::PcapngMerged {
            true => Err(Failure::Failed("--merge to pcapng needs one output, without -C and -G".to_owned())),
            false => Ok(()),
        }
    }

    /// Warns of what could not be merged.
    pub fn warn_of_unmerged(self, output: &OutputSet) {
        let count = output.unmerged();
        if count > 0 {
            say(format_args!(
                "cbpf: warning: left out while merging: blocks and lists of options of sections, {count} in all"
            ));
        }
    }

    /// Returns whether there is more than one thread.
    pub fn has_threads(self) -> bool {
        self.thread_count() > 1
    }

    fn thread_count(self) -> usize {
        let processors = || thread::available_parallelism().map_or(1, NonZero::get);
        self.threads.map_or_else(processors, usize::from)
    }
}

/// What comes from an input, in order.
pub enum Event<'a> {
    /// A pcapng block without a packet.
    Block(Block<'a>),
    /// Records that a matcher selected.
    Selected(Selected<'a>),
    /// A stream has to be waited for.
    Pause,
}

/// What a subcommand does with records.
pub trait Work {
    type Matcher: Matcher;

    /// Returns the matcher of this thread, which counts what all threads have matched.
    fn matcher(&mut self) -> &mut Self::Matcher;

    /// Prepares the matcher for records of the input with this number, and warns of what they show.
    fn prepare(&mut self, input: usize, records: Records) -> Result<(), Failure>;

    /// Takes what comes from the input with this number. The matcher has been prepared for the records.
    fn take(&mut self, input: usize, event: Event) -> Result<(), Failure>;

    /// Does what is due by wall clock, after each piece. Returns the time of the next call if nothing is read until
    /// then.
    fn wake(&mut self) -> Result<Option<Instant>, Failure> {
        Ok(None)
    }

    /// Returns whether the rest of the inputs need not be read.
    fn is_done(&self) -> bool {
        false
    }

    /// Returns whether [`Work::take`] uses blocks and selected records.
    fn takes_packets(&self) -> bool;

    /// Returns whether matchers on several threads give the same result as one.
    fn is_divisible(&self) -> bool {
        true
    }
}

/// The part of a subcommand that threads do side by side: it decides on records, and counts.
pub trait Matcher: Clone + Send {
    type Tally: Send;

    /// Returns whether the matcher has been prepared for the records, and no warning is due.
    fn is_prepared(&self, records: &Records) -> bool;

    /// Decides on records and counts them; `first` is the number of the first one. Adds those that
    /// [`Work::take`] should get to `selection`.
    fn select(&mut self, first: u64, records: Records, selection: &mut Selection);

    /// Returns the counts, and begins anew.
    fn take_tally(&mut self) -> Self::Tally;

    /// Adds the counts of another matcher.
    fn add(&mut self, tally: Self::Tally);
}

/// Does a work on all inputs: merged by time; or one after the other, and side by side if that gives the same result
/// and is worth it.
///
/// # Errors
/// The first error of the work, which ends the reading.
pub fn run<W: Work>(
    inputs: &mut [Reader],
    progress: Progress,
    reading: ReadingArguments,
    work: &mut W,
) -> Result<Inputs, Failure> {
    if let [input] = inputs
        && let others = input.take_others()
        && !others.is_empty()
    {
        return match work.is_divisible() {
            true => rings::run(input, others, work),
            false => Err(Failure::Failed(
                "--fanout cannot be used with -c, -W, --interval, --seed, or times after that of the first packet"
                    .to_owned(),
            )),
        };
    }
    let threads = reading.thread_count();
    if threads > 1 && (!reading.merge || inputs.len() <= threads) {
        inputs.iter_mut().for_each(Reader::read_ahead);
    }
    if reading.merge {
        return merged::run(inputs, progress, work);
    }
    let is_divisible = threads > 1 && work.is_divisible();
    match is_divisible.then(|| parts(inputs, threads, work.takes_packets())).flatten() {
        Some(parts) => side_by_side::run(inputs, &parts, progress, threads, work),
        None => in_order::run(inputs, progress, work),
    }
}

/// Returns the parts of all inputs, or `None` if they are not worth several threads. Packets of plain captures are
/// passed on faster than several threads could copy them, so these are divided only to be counted.
fn parts(inputs: &[Reader], threads: usize, takes_packets: bool) -> Option<Vec<Vec<Part>>> {
    let stored: u64 = inputs.iter().map(Reader::bytes_total).sum::<Option<u64>>()?;
    if stored < WORTH_A_THREAD || takes_packets && !inputs.iter().any(Reader::is_compressed) {
        return None;
    }
    let length = (stored / (threads as u64 * PARTS_FOR_EACH)).clamp(*PART.start(), *PART.end());
    let length = if takes_packets { u64::MAX } else { length };
    let parts: Vec<Vec<Part>> = inputs.iter().map(|input| Part::of(input, length)).collect::<Option<_>>()?;
    (parts.iter().map(Vec::len).sum::<usize>() > 1).then_some(parts)
}
