//! Native code gives the verdicts of every case of the corpus, also on truncated packets, behind any passes in any order.

use cbpf::Pass;
use libtest_mimic::Trial;

use crate::case::Case;
use crate::generate::Sample;
use crate::oracle;

pub fn trials(cases: &[Case]) -> Vec<Trial> {
    let trial = |case: &Case| {
        let case = case.clone();
        Trial::test(format!("passes::{}", case.name), move || Ok(check(&case)?))
    };
    cases.iter().filter(|case| !case.packets.is_empty()).map(trial).collect()
}

/// In the dialects that the case is for.
fn check(case: &Case) -> Result<(), String> {
    let samples: Vec<Sample> = case.packets.iter().flat_map(Sample::cut).collect();
    for &dialect in &case.dialects {
        for passes in orders() {
            oracle::passes_agree(&case.program, dialect, &samples, &passes)
                .map_err(|error| format!("{}: {error}", case.path.display()))?;
        }
    }
    Ok(())
}

/// No pass, each alone, the lists up to each, and all of them backward and twice.
fn orders() -> impl Iterator<Item = Vec<Pass>> {
    let alone = Pass::ALL.iter().map(|&pass| vec![pass]);
    let prefixes = (2..=Pass::ALL.len()).map(|count| Pass::ALL[..count].to_vec());
    let backward = Pass::ALL.iter().rev().copied().collect();
    [Vec::new(), backward, Pass::ALL.repeat(2)].into_iter().chain(alone).chain(prefixes)
}
