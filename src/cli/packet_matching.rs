//! Matching of packets against a program, for `cbpf filter` and `cbpf print`.

use std::mem;

use cbpf::LinkType;

use crate::cli::capture::{Reader, Records};
use crate::cli::engine::{Contexts, Engine, EngineChoice};
use crate::cli::failure::Failure;
use crate::cli::input::CaptureArguments;
use crate::cli::link_types::{ByLinkType, Programs};
use crate::cli::live::Decision;
use crate::cli::pipeline::{Matcher, Selection};
use crate::cli::program::ProgramArguments;
use crate::cli::selection::{SelectionArguments, TimeSelection};
use crate::cli::summary::Summary;

/// The options of a subcommand that selects packets.
#[derive(Clone, Copy)]
pub struct PacketOptions<'a> {
    pub engine: EngineChoice,
    pub seed: Option<u64>,
    pub selection: &'a SelectionArguments,
    /// The most bytes that are kept of a packet.
    pub snaplen: Option<u32>,
    /// Whether matching packets are passed on, with the number of bytes to keep. They are counted in any case.
    pub passed_on: bool,
}

/// The programs for the link types of the inputs, and the matcher that runs them.
pub struct PacketMatching<'a> {
    /// `None` if all packets match.
    engines: Option<ByLinkType<'a, Engine>>,
    pub matcher: PacketMatcher<'a>,
}

impl<'a> PacketMatching<'a> {
    /// Loads the program of a subcommand.
    ///
    /// # Errors
    /// If the program is invalid.
    pub fn new(
        arguments: &'a ProgramArguments,
        captures: &CaptureArguments,
        inputs: &[Reader],
        options: PacketOptions<'a>,
    ) -> Result<PacketMatching<'a>, Failure> {
        let load = move |verified| Engine::load(options.engine, verified);
        let engines = || ByLinkType::new(arguments, captures, inputs, load);
        let engines = arguments.is_given().then(engines).transpose()?;
        let matcher = PacketMatcher {
            programs: engines.as_ref().map(|engines| engines.programs().clone()),
            contexts: Contexts::new(options.seed),
            times: TimeSelection::new(options.selection),
            verdicts: Vec::new(),
            summary: Summary::start(),
            left: options.selection.most().unwrap_or(u64::MAX),
            keeps_whole: arguments.keeps_whole_packets(),
            options,
        };
        Ok(PacketMatching { engines, matcher })
    }

    /// Returns the program that decides on packets of a link type, if there is one and it is valid for them.
    pub fn decision(&self, link_type: LinkType) -> Option<Decision<'_>> {
        self.engines.as_ref()?.verified(link_type).map(Decision::Program)
    }

    /// Loads what the records of an input need, and warns of link types of which no packet matches.
    ///
    /// # Errors
    /// If a program cannot be loaded, or if warnings are denied.
    pub fn prepare(&mut self, input: usize, records: Records) -> Result<(), Failure> {
        let (Some(engines), Some(programs)) = (&mut self.engines, &mut self.matcher.programs) else { return Ok(()) };
        for (link_type, records) in records.by_link_type() {
            if programs.is_silent(link_type) {
                continue;
            }
            engines.of(input, link_type, records.iter().map(|record| record.interface))?;
            if !programs.is_known(link_type) {
                *programs = engines.programs().clone();
            }
        }
        Ok(())
    }

    /// Checks the whole after the inputs have been read, and returns the counts.
    ///
    /// # Errors
    /// If an expression is invalid for all link types of the inputs.
    pub fn finish(self, inputs: &[Reader]) -> Result<Summary, Failure> {
        self.engines.map_or(Ok(()), |mut engines| engines.finish(inputs))?;
        let PacketMatcher { mut summary, mut times, .. } = self.matcher;
        summary.add_outside(times.take_outside());
        Ok(summary)
    }

    /// Returns whether matchers on several threads select the same packets as one. The random numbers of a seed,
    /// limits, and times after that of the first packet depend on the packets before.
    pub fn is_divisible(&self) -> bool {
        let PacketOptions { seed, selection, .. } = self.matcher.options;
        seed.is_none() && selection.most().is_none() && !selection.has_relative_times()
    }
}

/// Runs the programs on records.
#[derive(Clone)]
pub struct PacketMatcher<'a> {
    options: PacketOptions<'a>,
    programs: Option<Programs<Engine>>,
    contexts: Contexts,
    times: TimeSelection<'a>,
    verdicts: Vec<u32>,
    summary: Summary,
    /// The number of packets that may still match.
    left: u64,
    /// Set if matching packets are kept whole, even if they are longer than the 262,144 bytes for which an expression
    /// is compiled.
    keeps_whole: bool,
}

impl PacketMatcher<'_> {
    /// Returns whether as many packets have matched as may.
    pub fn is_full(&self) -> bool {
        self.left == 0
    }
}

impl Matcher for PacketMatcher<'_> {
    type Tally = Summary;

    fn is_prepared(&self, records: &Records) -> bool {
        let is_silent =
            |programs: &Programs<Engine>| records.by_link_type().all(|(link_type, _)| programs.is_silent(link_type));
        self.programs.as_ref().is_none_or(is_silent)
    }

    fn select(&mut self, first: u64, records: Records, selection: &mut Selection) {
        self.verdicts.clear();
        match &self.programs {
            None => self.verdicts.resize(records.len(), u32::MAX),
            Some(programs) => {
                for (link_type, records) in records.by_link_type() {
                    let first = first + self.verdicts.len() as u64;
                    match programs.get(link_type) {
                        Some(engine) => engine.run_all(&mut self.contexts, first, records, &mut self.verdicts),
                        None => self.verdicts.resize(self.verdicts.len() + records.len(), 0),
                    }
                }
            }
        }
        let snaplen = self.options.snaplen.unwrap_or(u32::MAX);
        let is_limited = self.options.selection.has_times() || self.options.selection.most().is_some();
        for (position, (captured, &verdict)) in records.captured_lens().zip(&self.verdicts).enumerate() {
            if is_limited {
                if self.left == 0 {
                    break;
                }
                if !self.times.includes(&records.get(position)) {
                    continue;
                }
                self.left -= u64::from(verdict != 0);
            }
            let most = if self.keeps_whole { snaplen } else { verdict.min(snaplen) };
            let kept = captured.min(most as usize);
            self.summary.count(captured, (verdict != 0).then_some(kept));
            if verdict != 0 && self.options.passed_on {
                selection.push(position, first + position as u64, &[kept as u32]);
            }
        }
    }

    fn take_tally(&mut self) -> Summary {
        let mut tally = mem::replace(&mut self.summary, Summary::start());
        tally.add_outside(self.times.take_outside());
        tally
    }

    fn add(&mut self, tally: Summary) {
        self.summary.add(&tally);
    }
}
