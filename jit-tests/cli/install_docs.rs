//! `install-docs` and `man --dir`: files at the paths of the conventions, the same after each run, and clear errors.

use std::fs;
use std::process::{Command, Output, Stdio};

use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use crate::cli::{Bench, Outcome, Test, cbpf, equal, expect};

pub const TESTS: [(&str, Test); 2] = [
    ("install_docs_writes_pages_and_completions", install_docs_writes_pages_and_completions),
    ("install_docs_reports_what_it_cannot_write", install_docs_reports_what_it_cannot_write),
];

fn install(prefix: &str) -> Result<Output, Failed> {
    cbpf(&["install-docs", "--prefix", prefix])
}

fn install_docs_writes_pages_and_completions(bench: &Bench) -> Outcome {
    // The directories of a prefix are created, and a longer file of an earlier version is replaced as a whole.
    let prefix = bench.path("usr/local");
    let fish = prefix.join("share/fish/vendor_completions.d/cbpf.fish");
    fs::create_dir_all(prefix.join("share/fish/vendor_completions.d"))?;
    fs::write(&fish, [b'#'; 1 << 20])?;
    let first = install(&prefix.display().to_string())?;
    expect(&first, 0, &[])?;
    let paths = String::from_utf8(first.stdout)?;
    let contents = || paths.lines().map(fs::read).collect::<Result<Vec<_>, _>>();
    let written = contents()?;
    for (path, start) in [
        ("share/man/man1/cbpf.1", ".ie"),
        ("share/man/man1/cbpf-seccomp-emulate.1", ".ie"),
        ("share/man/man1/cbpf-prove-overlap.1", ".ie"),
        ("share/man/man5/cbpf-rules.5", ".ie"),
        ("share/man/man7/cbpf-filter.7", ".ie"),
        ("share/bash-completion/completions/cbpf", "_cbpf()"),
        ("share/zsh/site-functions/_cbpf", "#compdef cbpf"),
        ("share/fish/vendor_completions.d/cbpf.fish", "#"),
    ] {
        let path = prefix.join(path);
        let content = fs::read_to_string(&path)?;
        equal((content.starts_with(start), content.len() < 1 << 20), (true, true))?;
        equal(paths.lines().filter(|line| path.as_os_str() == *line).count(), 1)?;
    }
    let second = install(&prefix.display().to_string())?;
    expect(&second, 0, &[])?;
    equal((String::from_utf8(second.stdout)?, contents()? == written), (paths.clone(), true))?;
    // `man --dir` writes the same pages.
    let pages = bench.path("pages");
    fs::create_dir(&pages)?;
    expect(&cbpf(&["man", "--dir", &pages.display().to_string()])?, 0, &[])?;
    let count = fs::read_dir(&pages)?.count();
    equal((count, fs::read_dir(prefix.join("share/man/man1"))?.count()), (paths.lines().count() - 3, count - 2))?;
    expect(&cbpf(&["man", "cbpf-filter.7"])?, 0, &[".SH ADDRESSES", "portrange"])?;
    expect(&cbpf(&["man", "cbpf-nothing.9"])?, 1, &["there is no page cbpf-nothing.9", "cbpf-rules.5"])
}

/// The trial that needs `mandoc`; it is skipped by name without it.
pub fn trial_with_mandoc() -> Trial {
    let mut version = Command::new("mandoc");
    let is_absent =
        version.arg("-Tlint").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_err();
    let run = || manual_pages_are_well_formed(&Bench { folder: TempDir::new()? });
    Trial::test("cli::manual_pages_are_well_formed", run).with_ignored_flag(is_absent)
}

fn manual_pages_are_well_formed(bench: &Bench) -> Outcome {
    expect(&cbpf(&["man", "--dir", &bench.path("").display().to_string()])?, 0, &[])?;
    let pages = fs::read_dir(bench.path(""))?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, Failed>>()?;
    let output = Command::new("mandoc").args(["-Tlint", "-W", "warning"]).args(&pages).output()?;
    equal((pages.len() > 20, String::from_utf8_lossy(&output.stdout).as_ref()), (true, ""))?;
    let main = Command::new("mandoc").args(["-Tascii", "-c"]).arg(bench.path("cbpf.1")).output()?;
    let text = String::from_utf8_lossy(&main.stdout);
    equal(text.contains("too complex to be decided"), true)
}

fn install_docs_reports_what_it_cannot_write(bench: &Bench) -> Outcome {
    let file = bench.file("file", "")?;
    expect(&install(&file)?, 1, &["cannot create", &file])?;
    expect(&cbpf(&["man", "--dir", &file])?, 1, &["cannot create", &file])?;
    // A directory where a file should be.
    let prefix = bench.path("prefix");
    fs::create_dir_all(prefix.join("share/man/man1/cbpf.1"))?;
    expect(&install(&prefix.display().to_string())?, 1, &["cannot create", "cbpf.1"])?;
    expect(&cbpf(&["install-docs"])?, 1, &["--prefix"])
}
