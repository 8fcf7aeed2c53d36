//! Captures in `../shared`, if it is there: `cbpf` runs the filters of the benches over them with both engines. Many
//! are damaged on purpose.

#![expect(clippy::incompatible_msrv, reason = "the program needs a newer compiler than the library")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cbpf::Dialect;
use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

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
    let copies = Trial::test("captures::pcapng_is_copied", {
        let captures = captures.clone();
        move || pcapng_is_copied(&captures)
    });
    let copies = copies.with_ignored_flag(!captures.is_dir());
    filters.into_iter().map(trial).chain([copies]).collect()
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
        // 2 means that some captures are damaged.
        if !matches!(output.status.code(), Some(0 | 2)) || output.stdout.is_empty() {
            return Err(format!("{:?}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    Ok(())
}

/// A filter that keeps all packets copies a pcapng file byte for byte.
fn pcapng_is_copied(captures: &Path) -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let (program, copy) = (folder.path().join("all.asm"), folder.path().join("copy"));
    fs::write(&program, "ret #-1")?;
    for capture in files(captures)?.iter().filter(|path| path.extension().is_some_and(|name| name == "pcapng")) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cbpf"));
        let output =
            command.args(["filter", "-p"]).arg(&program).arg("-r").arg(capture).arg("-w").arg(&copy).output()?;
        if !output.status.success() || fs::read(&copy)? != fs::read(capture)? {
            return Err(format!("{}: {}", capture.display(), String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    Ok(())
}
