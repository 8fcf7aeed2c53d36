//! Probably valid programs and packets for them: the optimiser keeps the verdicts.
#![no_main]

use cbpf_fuzz::{check, dialect, generate, oracle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(
    bytes,
    |u| {
        let dialect = dialect(u)?;
        Ok((dialect, generate::program_and_samples(u, dialect)?))
    },
    |(dialect, (program, samples)), _| oracle::optimized_agrees(&program, dialect, &samples)
));
