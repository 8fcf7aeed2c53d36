//! The tests of the crate: one trial for each case and engine, and trials of all that a case cannot hold.
//!
//! `cargo test --test jit-tests -- kernel::` runs one engine. The cases are the files below `cases/`, whose format
//! `case.rs` documents. `README.md` lists the trials.

mod analysis;
#[cfg(feature = "std")]
mod batch;
#[cfg_attr(target_family = "wasm", path = "no_libraries.rs")]
mod bpf_filter;
#[cfg(feature = "cli")]
mod captures;
mod case;
#[cfg(feature = "cli")]
mod cli;
#[cfg(target_os = "linux")]
mod confined;
#[cfg(feature = "cli")]
mod debugger;
mod ebpf;
mod engine;
#[cfg(feature = "cli")]
mod expressions;
mod features;
#[cfg(all(feature = "std", target_os = "linux"))]
mod fork;
mod generate;
mod golden;
#[cfg(all(feature = "std", target_os = "linux"))]
mod guard;
#[cfg(all(feature = "std", target_os = "linux"))]
mod guarded;
#[cfg(target_os = "linux")]
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
#[cfg(all(feature = "elf", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod objects;
mod optimize;
mod oracle;
#[cfg(feature = "std")]
mod passes;
#[cfg(all(feature = "std", target_os = "linux"))]
mod policies;
#[cfg_attr(not(feature = "std"), expect(dead_code, reason = "trials of filters alone need a process"))]
mod process;
mod proof;
mod random;
mod rooms;
#[cfg(target_os = "linux")]
mod seccomp;
#[cfg(feature = "std")]
mod set;
#[cfg(feature = "std")]
mod sets;
#[cfg(not(target_family = "wasm"))]
mod source;
mod splitmix64;
#[cfg(feature = "std")]
mod stack;
mod sweep;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    let outcome = confined::requested().map(|task| confined::alone(task).map_err(|error| error.to_string()));
    #[cfg(not(target_os = "linux"))]
    let outcome = None;
    #[cfg(feature = "std")]
    let outcome = outcome.or_else(|| process::requested().map(|name| alone(&name)));
    match outcome.unwrap_or_else(run_trials) {
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
        Some("ebpf") => ebpf::paged::alone(name),
        #[cfg(target_os = "linux")]
        Some("guard") => guard::alone(name),
        _ => Err(format!("no trial `{name}`")),
    }
}

fn run_trials() -> Result<(), String> {
    let arguments = Arguments::from_args();
    engine::check_machine()?;
    let cases = case::read_all()?;
    let mut trials: Vec<Trial> = Vec::new();
    for engine in engine::all() {
        trials.extend(cases.iter().map(|case| engine::trial(engine, case)));
    }
    trials.extend(cases.iter().filter(|case| !case.goldens.is_empty()).map(golden::trial));
    trials.extend(optimize::trials(&cases));
    trials.extend(proof::trials(&cases));
    trials.extend(random::trials().into_iter().chain(analysis::trials()).chain(ebpf::trials()));
    #[cfg(target_os = "linux")]
    trials.extend(kernel::trials());
    #[cfg(not(target_os = "linux"))]
    trials.extend(OF_LINUX.iter().map(|name| Trial::test(*name, || Ok(())).with_ignored_flag(true)));
    trials.extend(language::trials());
    trials.extend(mutate::trials());
    trials.extend(sweep::trials());
    #[cfg(not(target_family = "wasm"))]
    trials.extend(source::trials());
    trials.extend(rooms::trials().into_iter().chain(features::trials()));
    #[cfg(feature = "std")]
    trials.extend(trials_of_filters(&cases));
    #[cfg(all(feature = "socket", target_os = "linux"))]
    trials.extend(netns::trials());
    #[cfg(all(feature = "elf", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    trials.extend(objects::trials());
    #[cfg(feature = "cli")]
    trials.extend(cli::trials().into_iter().chain(captures::trials()).chain(expressions::trials()));
    let trials = trials.into_iter().map(|trial| {
        let is_ignored = trial.has_ignored_flag() || lacks(trial.name());
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
    trials.extend([policies::trials(), fork::trials(), guard::trials()].into_iter().flatten());
    trials.extend(batch::trials());
    trials.extend(sets::trials(cases));
    trials
}

/// The groups of trials that only Linux has, and that are skipped by these names elsewhere.
#[cfg(not(target_os = "linux"))]
const OF_LINUX: [&str; 5] = ["fork::*", "guard::*", "netns::*", "policies::*", "random::conversion::kernel"];

/// Returns `true` if a trial needs what this machine or build lacks; such trials are ignored.
fn lacks(name: &str) -> bool {
    let starts_with = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    starts_with(NEED_NATIVE_CODE) && !engine::has_native_code()
        || starts_with(NEED_THREADS) && cfg!(target_family = "wasm")
        || starts_with(NEED_ADDRESSES) && cfg!(target_pointer_width = "32")
}

/// Trials of native code itself: of its memory and stack, of the addresses that it reads, and of code that is compiled
/// after some of the passes.
const NEED_NATIVE_CODE: &[&str] = &[
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

/// Trials that start threads or processes.
const NEED_THREADS: &[&str] = &["memory::compile_and_drop", "memory::many_threads", "batches::clones", "stack::"];

/// Trials with a packet of 2 GiB.
const NEED_ADDRESSES: &[&str] = &["batches::long_packets"];
