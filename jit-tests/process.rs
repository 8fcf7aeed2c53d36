//! Trials that need a process of their own. The test program starts itself again, with the trial's name in a variable.

use std::io;
use std::process::Command;

use libtest_mimic::{Failed, Trial};

/// The environment variable that names the trial.
const TRIAL: &str = "JIT_TESTS_TRIAL";

/// Returns a trial that runs in a process of its own.
pub fn trial(name: &str) -> Trial {
    let name = name.to_owned();
    Trial::test(name.clone(), move || in_a_process(&name).map(drop))
}

/// The environment variable with the command of an emulator, such as `qemu-s390x -L /usr/s390x-linux-gnu`, for which
/// this program was built: the machine itself cannot start it.
const EMULATOR: &str = "JIT_TESTS_EMULATOR";

/// Returns a command that starts this program again.
pub fn again() -> io::Result<Command> {
    let program = std::env::current_exe()?;
    let emulator = std::env::var(EMULATOR).ok().filter(|_| !cfg!(windows));
    let mut words = emulator.iter().flat_map(|command| command.split_whitespace());
    let Some(first) = words.next() else { return Ok(Command::new(program)) };
    let mut command = Command::new(first);
    command.args(words).arg(program);
    Ok(command)
}

/// Runs a trial in a process of its own, and returns its standard output.
pub fn in_a_process(name: &str) -> Result<String, Failed> {
    let output = again()?.env(TRIAL, name).output()?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?),
        false => Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// Returns the name of the trial that this process was started for.
pub fn requested() -> Option<String> {
    std::env::var(TRIAL).ok()
}
