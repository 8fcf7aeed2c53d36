//! Native code of cases after any passes in any order: the same verdicts, also on truncated packets.

use cbpf::debug::Pass;
use libtest_mimic::Trial;

use crate::case::Case;
use crate::{generate, oracle};

pub fn trials(cases: &[Case]) -> Vec<Trial> {
    let trial = |case: &Case| {
        let case = case.clone();
        Trial::test(format!("passes::{}", case.name), move || Ok(check(&case)?))
    };
    cases.iter().filter(|case| !case.packets.is_empty()).map(trial).collect()
}

/// Checks a case in its dialects.
fn check(case: &Case) -> Result<(), String> {
    let samples = generate::cuts(&case.packets);
    for &dialect in &case.dialects {
        for passes in orders() {
            oracle::passes_agree(&case.program, dialect, &samples, &passes)
                .map_err(|error| format!("{}: {error}", case.path.display()))?;
        }
    }
    Ok(())
}

/// Returns no pass, each pass alone, each prefix of the list, and all passes backward and twice.
fn orders() -> impl Iterator<Item = Vec<Pass>> {
    let alone = Pass::ALL.iter().map(|&pass| vec![pass]);
    let prefixes = (2..=Pass::ALL.len()).map(|count| Pass::ALL[..count].to_vec());
    let backward = Pass::ALL.iter().rev().copied().collect();
    [Vec::new(), backward, Pass::ALL.repeat(2)].into_iter().chain(alone).chain(prefixes)
}
