//! Filter sets against their programs: random sets, and one set of all programs of the corpus.

use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use cbpf::{Dialect, FilterSet};
use libtest_mimic::{Failed, Trial};

use crate::case::{Case, Sample};
use crate::{random, set};

pub fn trials(cases: &[Case]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for &dialect in Dialect::ALL {
        trials.push(Trial::test(format!("set::random::{dialect}"), move || {
            random::each_program(|bytes| {
                let mut u = Unstructured::new(bytes);
                let (rules, samples) = set::rules_and_samples(&mut u, dialect)?;
                Ok(set::set_agrees(&mut u, rules, &samples)?)
            })
        }));
        let cases = cases.to_vec();
        trials.push(Trial::test(format!("set::corpus::{dialect}"), move || corpus(&cases, dialect)));
    }
    trials
}

/// Runs one set of all programs of the corpus that the dialect accepts on all packets of the corpus.
fn corpus(cases: &[Case], dialect: Dialect) -> Result<(), Failed> {
    let of_dialect = cases.iter().filter(|case| case.dialects.contains(&dialect));
    let programs = of_dialect.clone().filter_map(|case| case.program.verify(dialect).ok());
    let rules: set::Rules = (0..).zip(programs).collect();
    let set = FilterSet::new(rules.iter().cloned()).map_err(|error| error.to_string())?;
    let mut samples: Vec<Sample> =
        of_dialect.flat_map(|case| &case.packets).map(|packet| packet.sample.clone()).collect();
    // Without a seed, random numbers differ from run to run.
    for sample in &mut samples {
        let seed = sample.context.get_seed().unwrap_or(1);
        sample.context = std::mem::take(&mut sample.context).seed(seed);
    }
    // With a time limit, slow machines run the first packets.
    let (start, limit) = (Instant::now(), random::limit().map_or(Duration::MAX, |limit| 5 * limit));
    let mut chunks = samples.chunks(8).take_while(|_| start.elapsed() < limit);
    Ok(chunks.try_for_each(|samples| set::answers_agree(&set, &rules, samples))?)
}
