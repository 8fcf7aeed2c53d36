//! The corpus, and the engines that answer it: one trial for each case and engine.
//!
//! `cargo test --test jit-tests -- kernel` runs one engine. The cases are the files below `cases/`; `case.rs` says how
//! they are written. Besides them: what programs become (`golden`), the passes in any order (`passes`), the optimiser
//! (`optimize`), random programs through all engines (`random`), random expressions beside libpcap (`language`, and
//! `mutate` with packets that are made for both programs), sets of programs beside each of them alone (`sets`), captures and libpcap's code for expressions of a folder beside the
//! project, if there is one (`captures`, `expressions`), system calls under filters (`policies`), memory for code
//! (`memory`), threads with little stack (`stack`), processes that are forked (`fork`), packets beside memory that cannot be read (`guard`), real frames in a network namespace (`netns`), and the program (`cli`, `debugger`).

mod batch;
#[cfg(feature = "cli")]
mod captures;
mod case;
#[cfg(feature = "cli")]
mod cli;
mod confined;
#[cfg(feature = "cli")]
mod debugger;
mod engine;
#[cfg(feature = "cli")]
mod expressions;
#[cfg(target_os = "linux")]
mod fork;
mod generate;
mod golden;
#[cfg(target_os = "linux")]
mod guard;
#[cfg(target_os = "linux")]
mod guarded;
mod kernel;
mod language;
mod layouts;
mod libpcap;
mod linux;
mod memory;
mod mutate;
#[cfg(all(feature = "socket", target_os = "linux"))]
mod netns;
mod optimize;
mod oracle;
mod passes;
mod policies;
mod random;
mod rooms;
mod seccomp;
mod set;
mod sets;
mod stack;
mod sweep;

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    if let Some(is_ok) = memory::alone().map(|outcome| outcome.is_ok()).or(confined::alone().map(|o| o.is_ok())) {
        return if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if let Some(outcome) = stack::alone() {
        return if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    #[cfg(target_os = "linux")]
    if let Some(outcome) = fork::alone() {
        return if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let arguments = Arguments::from_args();
    let cases = match case::read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("jit-tests/cases")) {
        Ok(cases) => cases,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    #[cfg(target_os = "linux")]
    if let Some(outcome) = guard::alone(&cases) {
        return if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let mut trials: Vec<Trial> = Vec::new();
    for engine in engine::all() {
        trials.extend(cases.iter().map(|case| engine::trial(engine, case)));
    }
    trials.extend(cases.iter().filter(|case| !case.goldens.is_empty()).map(golden::trial));
    trials.extend(optimize::trials(&cases));
    trials.extend(passes::trials(&cases));
    trials.extend(random::trials());
    trials.extend(memory::trials().into_iter().chain(stack::trials()));
    #[cfg(target_os = "linux")]
    trials.extend(fork::trials().into_iter().chain(guard::trials()));
    trials.extend(policies::trials());
    trials.extend(batch::trials());
    trials.extend(language::trials());
    trials.extend(mutate::trials());
    trials.extend(sweep::trials());
    trials.extend(rooms::trials());
    #[cfg(all(feature = "socket", target_os = "linux"))]
    trials.extend(netns::trials());
    trials.extend(sets::trials(&cases));
    #[cfg(feature = "cli")]
    trials.extend(cli::trials().into_iter().chain(captures::trials()).chain(expressions::trials()));
    libtest_mimic::run(&arguments, trials).exit_code()
}
