//! `cbpf run`: prints the verdict on each packet, and compares the engines.

use std::cell::Cell;
use std::io::{BufWriter, Write, stdout};

use cbpf::Verified;
use clap::{Args, ValueEnum};

use crate::cli::capture::Piece;
use crate::cli::engine::{Contexts, Engine, EngineChoice};
use crate::cli::failure::Failure;
use crate::cli::input::{CaptureArguments, each_piece};
use crate::cli::link_types::ByLinkType;
use crate::cli::live;
use crate::cli::program::ProgramArguments;
use crate::cli::progress::Progress;

/// Print the verdict on each packet, one decimal number a line
///
/// An expression is compiled for each link type; the verdict is 0 where it is invalid, with a warning. With --engine
/// both, the first packet on which the engines disagree is reported, and the exit code is 3.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf run -p arp.asm -r in.pcap --engine both | sort | uniq -c")]
pub struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    #[command(flatten)]
    captures: CaptureArguments,

    /// Run the program with this engine, or with both
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t = Engines::Jit)]
    engine: Engines,

    /// Seed the random numbers of `ld rand`, to make runs repeatable
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

/// The engines to run: one, or both to compare them.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engines {
    /// Native code
    Jit,
    /// The reference interpreter
    Interpreter,
    /// Native code and the interpreter, compared
    Both,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.captures.require_one_thread()?;
    let mut inputs = arguments.captures.open(&arguments.program)?;
    let load = |verified| load(arguments.engine, verified);
    let mut engines = ByLinkType::new(&arguments.program, &arguments.captures, &inputs, load)?;
    // Compared engines need the same random numbers.
    let seed = arguments.seed.or((arguments.engine == Engines::Both).then_some(0));

    let mut contexts = Contexts::new(seed);
    let mut output = BufWriter::new(stdout().lock());
    let outcome = each_piece(&mut inputs, Progress::Hidden, &Cell::new(None), |input, first, piece| {
        let records = match piece {
            Piece::Records(records) => records,
            Piece::Block(_) => return Ok(()),
            Piece::Pause => return Ok(output.flush()?),
        };
        (first..).zip(records.iter()).try_for_each(|(number, record)| {
            let Some((engine, reference)) = engines.of_interface(input, record.interface)? else {
                return Ok(writeln!(output, "0")?);
            };
            let packet = contexts.packet(number, &record, engine.needs_context());
            let verdict = engine.run(packet);
            let expected = reference.as_ref().map_or(verdict, |reference| reference.run(packet));
            writeln!(output, "{}", arguments.program.verdict(expected, record.data.len()))?;
            if verdict == expected { Ok(()) } else { Err(Failure::disagreement(number, &packet, verdict, expected)) }
        })
    });
    // A disagreement takes precedence over a closed output.
    let flushed = output.flush();
    let outcome = outcome?;
    engines.finish(&inputs)?;
    live::report(&inputs);
    outcome.outcome()?;
    Ok(flushed?)
}

/// Loads the engine, and the reference to compare it with.
fn load(engines: Engines, verified: Verified) -> Result<(Engine, Option<Engine>), Failure> {
    Ok(match engines {
        Engines::Jit => (Engine::load(EngineChoice::Jit, verified)?, None),
        Engines::Interpreter => (Engine::load(EngineChoice::Interpreter, verified)?, None),
        Engines::Both => {
            let reference = Engine::load(EngineChoice::Interpreter, verified.clone())?;
            (Engine::compile(&verified)?, Some(reference))
        }
    })
}
