//! Optimised cases: the same verdicts, also on truncated packets, and no program longer than before.

use cbpf::{Dialect, Program};
use libtest_mimic::Trial;

use crate::case::Case;
use crate::{generate, oracle};

pub fn trials(cases: &[Case]) -> Vec<Trial> {
    let trial = |case: &Case| {
        let case = case.clone();
        Trial::test(format!("optimize::{}", case.name), move || Ok(check(&case)?))
    };
    cases.iter().filter(|case| !case.packets.is_empty()).map(trial).collect()
}

/// Checks a case in every dialect that accepts it.
fn check(case: &Case) -> Result<(), String> {
    let samples = generate::cuts(&case.packets);
    Dialect::ALL.iter().try_for_each(|&dialect| {
        oracle::optimized_agrees(&case.program, dialect, &samples)
            .and_then(|()| rejects_all_agrees(&case.program, dialect))
            .map_err(|error| format!("{}: {error}", case.path.display()))
    })
}

/// `rejects_all` is the same before and after the optimiser.
fn rejects_all_agrees(program: &Program, dialect: Dialect) -> Result<(), String> {
    let Ok(optimized) = program.optimize(dialect) else { return Ok(()) };
    let [before, after] =
        [program, &optimized].map(|program| program.verify(dialect).is_ok_and(|verified| verified.rejects_all()));
    if before == after {
        Ok(())
    } else {
        Err(format!("{dialect}: `rejects_all` is {before}, and {after} after optimisation"))
    }
}
