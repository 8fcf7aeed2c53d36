//! Captures of a folder beside the project, if it is there: `cbpf` runs the filters of the benches over all of them, with
//! both engines. Many are damaged on purpose.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cbpf::Dialect;
use libtest_mimic::{Failed, Trial};

pub fn trials() -> Vec<Trial> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let captures = root.join("../shared/captures");
    let mut filters = files(&root.join("benches/filters")).unwrap_or_default();
    filters.sort();
    let trial = |filter: PathBuf| {
        let name = format!("captures::{}", filter.file_stem().unwrap_or_default().display());
        let (is_absent, captures) = (!captures.is_dir(), captures.clone());
        Trial::test(name, move || engines_agree(&filter, &captures)).with_ignored_flag(is_absent)
    };
    filters.into_iter().map(trial).collect()
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failed> {
    Ok(fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?)
}

fn engines_agree(filter: &Path, captures: &Path) -> Result<(), Failed> {
    let captures = files(captures)?;
    for dialect in [Dialect::Linux, Dialect::Pcap] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cbpf"));
        command
            .args(["run", "--engine", "both", "--dialect", dialect.name(), "-p"])
            .arg(filter)
            .arg("-r")
            .args(&captures);
        let output = command.output()?;
        // 2: some captures are damaged; every other failure is one.
        if !matches!(output.status.code(), Some(0 | 2)) || output.stdout.is_empty() {
            return Err(format!("{:?}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    Ok(())
}
