//! The options of `cbpf filter` that users of tcpdump and grep expect.

use std::io::{Write, stdout};

use cbpf::LinkType;
use cbpf::text::Form;
use clap::{ArgAction, Args};

use crate::cli::capture::Reader;
use crate::cli::failure::Failure;
use crate::cli::input::CaptureArguments;
use crate::cli::print::print;
use crate::cli::program::{ProgramArguments, StageArguments};
use crate::cli::summary::Summary;

/// What is reported instead of the summary.
#[derive(Args)]
pub struct ReportArguments {
    /// Print no summary, and stop at the first match if packets are neither counted nor passed on. The exit code is 0
    /// if a packet matched, 1 if none did, and 2 after any error
    #[arg(short, long)]
    quiet: bool,

    /// Print only the number of packets that match, on standard output
    #[arg(long = "count", conflicts_with_all = ["json", "print"])]
    is_count: bool,
}

impl ReportArguments {
    /// Returns whether the first match is all that is asked for, if packets are not passed on.
    pub fn ends_at_match(&self, is_passed_on: bool) -> bool {
        self.quiet && !self.is_count && !is_passed_on
    }

    /// Checks that standard output has one use.
    pub fn check(&self, writes_standard_output: bool) -> Result<(), Failure> {
        match self.is_count && writes_standard_output {
            true => Err(Failure::Failed(
                "--count and --write - would mix a number and a capture on standard output".to_owned(),
            )),
            false => Ok(()),
        }
    }

    /// Returns whether there is no summary.
    pub fn replaces_summary(&self) -> bool {
        self.quiet || self.is_count
    }

    /// Prints the number of matches, if it is asked for.
    pub fn print(&self, summary: &Summary) -> Result<(), Failure> {
        if self.is_count {
            writeln!(stdout(), "{}", summary.matches())?;
        }
        Ok(())
    }

    /// Returns the outcome with the exit code of `--quiet`.
    pub fn outcome(&self, matches: Result<u64, Failure>) -> Result<(), Failure> {
        match (matches, self.quiet) {
            (Ok(0), true) => Err(Failure::Negative),
            (Ok(_), _) => Ok(()),
            (Err(Failure::Found), _) => Ok(()),
            (Err(failure), true) => Err(Failure::Quiet(Box::new(failure))),
            (Err(failure), false) => Err(failure),
        }
    }
}

/// Options that tcpdump has.
#[derive(Args)]
pub struct TcpdumpArguments {
    /// Print the program of the expression and exit: -d as a listing, -dd as a fragment of C, -ddd as numbers, for each
    /// link type of the captures, or for EN10MB without captures
    #[arg(short = 'd', action = ArgAction::Count, value_parser = clap::value_parser!(u8).range(..=3))]
    print_program: u8,

    #[command(flatten)]
    stage: StageArguments,
}

impl TcpdumpArguments {
    /// Checks the options. Returns `true` if the program was printed, and that is all.
    pub fn apply(&self, program: &ProgramArguments, captures: &CaptureArguments) -> Result<bool, Failure> {
        let form = match self.print_program {
            0 => return Ok(false),
            1 => Form::Listing,
            2 => Form::C,
            _ => Form::Decimal,
        };
        let has_captures = captures.is_live() || captures.all_paths(program).next().is_some();
        let inputs = if has_captures { captures.open(program)? } else { Vec::new() };
        for link_type in self.link_types(program, captures, &inputs) {
            let source = program.source()?;
            let verified = self.stage.select(program, &source, link_type, program.verified(&source, link_type)?)?;
            print(&verified.program().print(form))?;
        }
        Ok(true)
    }

    /// Returns the link types for which the program is printed.
    fn link_types(&self, program: &ProgramArguments, captures: &CaptureArguments, inputs: &[Reader]) -> Vec<LinkType> {
        if let Some(link_type) = program.only_link_type() {
            return vec![link_type];
        }
        let known: Vec<LinkType> = captures.link_types(inputs).link_types.into_iter().collect();
        if known.is_empty() { vec![LinkType::ETHERNET] } else { known }
    }
}

/// Returns whether the arguments of the program have `--quiet`, which the exit code of a usage error depends on.
pub fn is_quiet<'a>(arguments: impl Iterator<Item = &'a str>) -> bool {
    let mut arguments = arguments.skip(1).skip_while(|argument| argument.starts_with('-')).peekable();
    let is_filter = arguments.next() == Some("filter");
    let is_quiet = |argument: &str| {
        let letters = argument.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
        argument == "--quiet" || letters.is_some_and(|letters| letters.contains('q'))
    };
    is_filter && arguments.take_while(|argument| *argument != "--").any(is_quiet)
}
