//! Any bytes as a capture, for each subcommand that reads one. Best with `-s address`, as in `.ci/run`.
#![no_main]

#[path = "../../src/cli/mod.rs"]
#[expect(dead_code, reason = "the sources of the program, without its unit tests")]
mod cli;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

/// A folder for inputs and outputs, in memory if possible.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder");
    fs::write(folder.path().join("rules"), "web: tcp port 80\nrest:\n").expect("a file");
    folder
});

/// Commands, with their shares in 256 runs; `split` and `count` compile native code, which is slow here.
const COMMANDS: [(&str, u8); 9] = [
    ("filter -r capture len>20 --engine interpreter -w out.pcapng", 60),
    ("filter -r capture -r capture ip --engine interpreter -w out.pcap", 60),
    ("print -r capture --json", 20),
    ("run -r capture tcp --engine interpreter", 40),
    ("trace -r capture -p program --packet 2", 20),
    ("explain -r capture ip --format text", 20),
    ("run -r capture -p program --engine interpreter", 20),
    ("split -r capture --rules rules -o out", 8),
    ("count -r capture --rules rules --first", 8),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, capture)) = bytes.split_first() else { return };
    let folder = FOLDER.path();
    fs::write(folder.join("capture"), capture).expect("a file");
    fs::write(folder.join("program"), "ld #len\n ret a").expect("a file");
    let mut left = choice;
    let is_chosen = |&&(_, share): &&(&str, u8)| left.checked_sub(share).map(|rest| left = rest).is_none();
    let Some((words, _)) = COMMANDS.iter().find(is_chosen) else { return };
    let in_folder = |word: &str| match ["capture", "out", "out.pcap", "out.pcapng", "program", "rules"].contains(&word)
    {
        true => folder.join(word).into_os_string(),
        false => word.into(),
    };
    let arguments = ["cbpf"].into_iter().chain(words.split(' ')).map(in_folder);
    // Errors are expected; panics and the sanitizer's reports are not.
    _ = cli::main(arguments.collect::<Vec<OsString>>());
});
