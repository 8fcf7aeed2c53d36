//! The tests of the crate: one trial for each case and engine, and trials of all that a case cannot hold.
//!
//! `cargo test --test jit-tests -- kernel::` runs one engine. The cases are the files below `cases/`, whose format
//! `case.rs` documents. `README.md` lists the trials.

#[cfg(feature = "std")]
mod batch;
mod bpf_filter;
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
#[cfg(all(feature = "std", target_os = "linux"))]
mod fork;
mod generate;
mod golden;
#[cfg(all(feature = "std", target_os = "linux"))]
mod guard;
#[cfg(all(feature = "std", target_os = "linux"))]
mod guarded;
mod kernel;
mod language;
#[cfg(feature = "std")]
mod layouts;
mod libpcap;
mod linux;
#[cfg(feature = "std")]
mod memory;
mod mutate;
#[cfg(all(feature = "socket", target_os = "linux"))]
mod netns;
mod optimize;
mod oracle;
#[cfg(feature = "std")]
mod passes;
#[cfg(feature = "std")]
mod policies;
#[cfg_attr(not(feature = "std"), expect(dead_code, reason = "trials of filters alone need a process"))]
mod process;
mod random;
mod rooms;
mod seccomp;
#[cfg(feature = "std")]
mod set;
#[cfg(feature = "std")]
mod sets;
mod splitmix64;
#[cfg(feature = "std")]
mod stack;
mod sweep;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let outcome = match (confined::requested(), process::requested()) {
        (Some(task), _) => confined::alone(task).map_err(|error| error.to_string()),
        #[cfg(feature = "std")]
        (_, Some(name)) => alone(&name),
        _ => run_trials(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a trial that has this process to itself.
#[cfg(feature = "std")]
fn alone(name: &str) -> Result<(), String> {
    match name.split("::").next() {
        Some("memory") => memory::alone(),
        Some("stack") => stack::alone(name),
        #[cfg(target_os = "linux")]
        Some("fork") => fork::alone(name),
        #[cfg(target_os = "linux")]
        Some("guard") => guard::alone(name),
        _ => Err(format!("no trial `{name}`")),
    }
}

fn run_trials() -> Result<(), String> {
    let arguments = Arguments::from_args();
    let cases = case::read_all()?;
    let mut trials: Vec<Trial> = Vec::new();
    for engine in engine::all() {
        trials.extend(cases.iter().map(|case| engine::trial(engine, case)));
    }
    trials.extend(cases.iter().filter(|case| !case.goldens.is_empty()).map(golden::trial));
    trials.extend(optimize::trials(&cases));
    trials.extend(random::trials());
    trials.extend(language::trials());
    trials.extend(mutate::trials());
    trials.extend(sweep::trials());
    trials.extend(rooms::trials());
    #[cfg(feature = "std")]
    trials.extend(trials_of_filters(&cases));
    #[cfg(all(feature = "socket", target_os = "linux"))]
    trials.extend(netns::trials());
    #[cfg(feature = "cli")]
    trials.extend(cli::trials().into_iter().chain(captures::trials()).chain(expressions::trials()));
    let trials = trials.into_iter().map(|trial| {
        let is_ignored = trial.has_ignored_flag() || !cfg!(feature = "jit") && needs_native_code(trial.name());
        trial.with_ignored_flag(is_ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit()
}

/// Returns the trials of what is not in the library without the standard library.
#[cfg(feature = "std")]
fn trials_of_filters(cases: &[case::Case]) -> Vec<Trial> {
    let mut trials = passes::trials(cases);
    trials.extend(memory::trials().into_iter().chain(stack::trials()));
    #[cfg(target_os = "linux")]
    trials.extend(fork::trials().into_iter().chain(guard::trials()));
    trials.extend(policies::trials());
    trials.extend(batch::trials());
    trials.extend(sets::trials(cases));
    trials
}

/// Returns `true` for trials of native code itself: of its memory and stack, of the addresses that it reads, and of
/// code that is compiled after some of the passes. Without the feature `jit` they are ignored.
fn needs_native_code(name: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "passes::",
        "random::passes::",
        "random::surroundings",
        "memory::code_is_near_the_text",
        "memory::stack_is_limited",
        "stack::filters",
        "stack::long_programs",
        "fork::nobody_writes_code",
        "guard::",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
