//! Matching of packets against a program, for `cbpf filter` and `cbpf print`.

use std::mem;

use crate::cli::capture::{Reader, Records};
use crate::cli::engine::{Contexts, Engine, EngineChoice};
use crate::cli::failure::Failure;
use crate::cli::input::CaptureArguments;
use crate::cli::link_types::{ByLinkType, Programs};
use crate::cli::pipeline::{Matcher, Selection};
use crate::cli::program::ProgramArguments;
use crate::cli::summary::Summary;

/// The programs for the link types of the inputs, and the matcher that runs them.
pub struct PacketMatching<'a> {
    /// `None` if all packets match.
    engines: Option<ByLinkType<'a, Engine>>,
    pub matcher: PacketMatcher,
}

impl<'a> PacketMatching<'a> {
    /// Loads the program of a subcommand. Matching packets are selected if they are `passed_on`, with the number of
    /// bytes to keep, and counted in any case.
    ///
    /// # Errors
    /// If the program is invalid.
    pub fn new(
        arguments: &'a ProgramArguments,
        captures: &CaptureArguments,
        inputs: &[Reader],
        (engine, seed): (EngineChoice, Option<u64>),
        passed_on: bool,
    ) -> Result<PacketMatching<'a>, Failure> {
        let load = move |verified| Engine::load(engine, verified);
        let engines = || ByLinkType::new(arguments, captures, inputs, load);
        let engines = arguments.is_given().then(engines).transpose()?;
        let matcher = PacketMatcher {
            programs: engines.as_ref().map(|engines| engines.programs().clone()),
            contexts: Contexts::new(seed),
            verdicts: Vec::new(),
            summary: Summary::start(),
            keeps_whole: arguments.keeps_whole_packets(),
            passed_on,
        };
        Ok(PacketMatching { engines, matcher })
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
        Ok(self.matcher.summary)
    }
}

/// Runs the programs on records.
#[derive(Clone)]
pub struct PacketMatcher {
    programs: Option<Programs<Engine>>,
    contexts: Contexts,
    verdicts: Vec<u32>,
    summary: Summary,
    /// Set if matching packets are kept whole, even if they are longer than the 262,144 bytes for which an expression is
    /// compiled.
    keeps_whole: bool,
    passed_on: bool,
}

impl Matcher for PacketMatcher {
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
        for (position, (record, &verdict)) in records.iter().zip(&self.verdicts).enumerate() {
            let captured = record.data.len();
            let kept = if self.keeps_whole { captured } else { captured.min(verdict as usize) };
            self.summary.count(captured, (verdict != 0).then_some(kept));
            if verdict != 0 && self.passed_on {
                selection.push(position, first + position as u64, &[kept as u32]);
            }
        }
    }

    fn take_tally(&mut self) -> Summary {
        mem::replace(&mut self.summary, Summary::start())
    }

    fn add(&mut self, tally: Summary) {
        self.summary.add(&tally);
    }
}
