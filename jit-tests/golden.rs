//! Golden Cranelift IR: what a case's program is lowered to, kept in the case file; `BLESS=1` rewrites it.

use std::fs;

use cbpf::Graph;
use libtest_mimic::{Failed, Trial};

use crate::case::Case;

pub fn trial(case: &Case) -> Trial {
    let case = case.clone();
    Trial::test(format!("clif::{}", case.name), move || check(&case))
}

fn check(case: &Case) -> Result<(), Failed> {
    let dialect = case.dialects[0];
    let verified = case.program.verify(dialect)?;
    let clif = Graph::new(&verified).clif()?;
    if case.clif.as_ref() == Some(&clif) {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_none() {
        return Err(format!("{}: the IR is now\n{clif}BLESS=1 writes it there", case.path.display()).into());
    }
    let text = fs::read_to_string(&case.path)?;
    let kept = text.lines().take_while(|line| line.trim() != ";; clif");
    let golden = clif.lines().map(|line| format!(";; | {line}").trim_end().to_owned());
    let lines: Vec<String> = kept.map(str::to_owned).chain([";; clif".to_owned()]).chain(golden).collect();
    Ok(fs::write(&case.path, lines.join("\n") + "\n")?)
}
