//! Probably valid programs, and the same with one change: proofs agree with the interpreter.
#![no_main]

use cbpf_fuzz::{check, dialect, generate, oracle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(
    bytes,
    |u| {
        let dialect = dialect(u)?;
        let (program, samples) = generate::program_and_samples(u, dialect)?;
        let other = generate::changed(&program, u)?;
        Ok((dialect, program, other, samples))
    },
    |(dialect, program, other, samples), _| oracle::proofs_agree(&program, &other, dialect, &samples)
));
