//! The optimiser keeps the verdicts of every case of the corpus, also on truncated packets, and makes none longer.

use cbpf::{Dialect, Program};
use libtest_mimic::Trial;

use crate::case::Case;
use crate::generate::Sample;
use crate::oracle;

pub fn trials(cases: &[Case]) -> Vec<Trial> {
    let trial = |case: &Case| {
        let case = case.clone();
        Trial::test(format!("optimize::{}", case.name), move || Ok(check(&case)?))
    };
    cases.iter().filter(|case| !case.packets.is_empty()).map(trial).collect()
}

/// In every dialect that accepts the case, whichever it is for.
fn check(case: &Case) -> Result<(), String> {
    let samples: Vec<Sample> = case.packets.iter().flat_map(Sample::cut).collect();
    Dialect::ALL.iter().try_for_each(|&dialect| {
        oracle::optimized_agrees(&case.program, dialect, &samples)
            .and_then(|()| says_that_it_rejects_all(&case.program, dialect))
            .map_err(|error| format!("{}: {error}", case.path.display()))
    })
}

/// What is optimized to `ret #0` says before that it rejects all packets.
fn says_that_it_rejects_all(program: &Program, dialect: Dialect) -> Result<(), String> {
    let Ok(optimized) = program.optimize(dialect) else { return Ok(()) };
    let [before, after] =
        [program, &optimized].map(|program| program.verify(dialect).is_ok_and(|verified| verified.rejects_all()));
    if before == after {
        Ok(())
    } else {
        Err(format!("{dialect}: {before}, and optimized {after}, that it rejects all"))
    }
}
