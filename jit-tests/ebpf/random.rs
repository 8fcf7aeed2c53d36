//! Random programs at all hooks.

use arbitrary::Unstructured;
use cbpf::Dialect;
use libtest_mimic::{Failed, Trial};

use super::{judges, oracle};
use crate::case::{self, Sample};
use crate::engine::{Engine, Rejection};
use crate::random::each_program;
use crate::{generate, linux};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![Trial::test("random::ebpf::surroundings", || each_program(surroundings))];
    for &dialect in Dialect::ALL {
        let name = format!("random::ebpf::{dialect}");
        trials.push(Trial::test(name, move || each_program(|bytes| agrees(bytes, dialect))));
    }
    for judge in judges() {
        let name = format!("random::verdicts::{}", judge.name());
        let trial = Trial::test(name, || each_program(|bytes| verdicts(bytes, judge)));
        trials.push(trial.with_ignored_flag(!judge.is_available()));
    }
    trials
}

/// On every machine: what compiles, compiles to sound programs with the right verdicts.
fn agrees(bytes: &[u8], dialect: Dialect) -> Result<(), Failed> {
    let (program, samples) = generate::program_and_samples(&mut Unstructured::new(bytes), dialect)?;
    Ok(oracle::ebpf_agrees(&program, dialect, &samples)?)
}

fn surroundings(bytes: &[u8]) -> Result<(), Failed> {
    let (program, samples) = linux::program_and_samples(&mut Unstructured::new(bytes))?;
    Ok(oracle::ebpf_agrees(&program, Dialect::Linux, &samples)?)
}

/// A judge accepts what our verifier accepts and the hook can have, and gives the verdicts of the interpreter.
fn verdicts(bytes: &[u8], judge: &dyn Engine) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let dialect = if u.arbitrary()? { Dialect::Linux } else { Dialect::Pcap };
    let (program, samples) = match u.arbitrary()? {
        true if dialect == Dialect::Linux => linux::program_and_samples(&mut u)?,
        _ => generate::program_and_samples(&mut u, dialect)?,
    };
    if !judge.can_have(&program, dialect) {
        return Ok(());
    }
    let loaded = match judge.load(&program, dialect) {
        Ok(loaded) => loaded,
        Err(Rejection::Verifier(_)) => return Ok(()),
        Err(Rejection::Judge(error)) => return Err(format!("{error}\nof\n;; dialects {dialect}\n{program}").into()),
    };
    for Sample { data, context, .. } in samples {
        // Most judges take no other length on the wire.
        let sample = Sample { wire_len: data.len() as u32, data, context };
        let packet = sample.packet();
        let expected = program.verify(dialect).map_or(0, |verified| verified.interpret(packet));
        if judge.takes(&packet)
            && let Some(got) = loaded.differs(&packet, expected)
        {
            return Err(format!("got {got}:\n{}", case::write(&program, dialect, &packet, expected)).into());
        }
    }
    Ok(())
}
