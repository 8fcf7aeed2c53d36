//! Golden graphs and Cranelift IR, kept in the case files; `BLESS=1` rewrites them.

use std::fs;

use cbpf::Verified;
use cbpf::debug::{Graph, Pass};
use libtest_mimic::{Failed, Trial};

use crate::case::{Case, Golden};

pub fn trial(case: &Case) -> Trial {
    let case = case.clone();
    Trial::test(format!("golden::{}", case.name), move || check(&case))
}

fn check(case: &Case) -> Result<(), Failed> {
    let verified = case.program.verify(case.dialects[0])?;
    let mut is_same = true;
    let mut goldens = Vec::with_capacity(case.goldens.len());
    for Golden { directive, text } in &case.goldens {
        let now = if is_of_others(directive) { text.clone() } else { render(&verified, directive)? };
        is_same &= *text == now;
        goldens.push(Golden { directive: directive.clone(), text: now });
    }
    if is_same {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_none() {
        let now: String = goldens.iter().map(|golden| format!("{}\n{}", golden.directive, golden.text)).collect();
        return Err(format!("{}: the output is\n{now}BLESS=1 writes it to the case file", case.path.display()).into());
    }
    bless(case, &goldens)
}

/// Returns `true` for what this machine renders otherwise or not at all, so that the text stays. Without native code
/// there is no IR; that of riscv64 and s390x extends 32-bit arguments. Big-endian machines swap no bytes.
fn is_of_others(directive: &str) -> bool {
    let has_ir = cfg!(all(feature = "jit", any(target_arch = "x86_64", target_arch = "aarch64")));
    let swaps_bytes = ["graph byte-swap-folding", "graph if-conversion"].contains(&directive);
    directive.starts_with("clif") && !has_ir || swaps_bytes && cfg!(target_endian = "big")
}

/// Renders the graph or the IR that a directive names: `graph PASS`, `clif PASS`, or `clif`.
fn render(verified: &Verified, directive: &str) -> Result<String, Failed> {
    let (form, step) = directive.split_once(' ').unwrap_or((directive, ""));
    let graph = match step {
        "" => Graph::optimized(verified),
        "build" => Graph::new(verified),
        name => {
            let pass = Pass::ALL.iter().find(|pass| pass.name() == name);
            Graph::after(verified, *pass.ok_or_else(|| format!("`{name}` is not a pass"))?)
        }
    };
    Ok(match form {
        #[cfg(feature = "std")]
        "clif" => graph.clif()?,
        _ => graph.to_string(),
    })
}

/// Writes the goldens below their directives.
fn bless(case: &Case, goldens: &[Golden]) -> Result<(), Failed> {
    let text = fs::read_to_string(&case.path)?;
    let mut goldens = goldens.iter().peekable();
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(";; |")) {
        lines.push(line.to_owned());
        if let Some(golden) = goldens.next_if(|golden| line.trim() == format!(";; {}", golden.directive)) {
            lines.extend(golden.text.lines().map(|line| format!(";; | {line}").trim_end().to_owned()));
        }
    }
    Ok(fs::write(&case.path, lines.join("\n") + "\n")?)
}
