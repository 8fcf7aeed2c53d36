//! Programs with ancillary and header-relative loads, with contexts and packets for them: the engines agree, after all
//! passes and after any passes in any order, and the optimiser keeps the verdicts.
#![no_main]

use cbpf::Dialect::Linux;
use cbpf_fuzz::{check, generate, linux, oracle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(
    bytes,
    |u| Ok((generate::passes(u)?, linux::program_and_samples(u)?)),
    |(passes, (program, samples)), _| {
        oracle::engines_agree(&program, Linux, &samples)?;
        oracle::passes_agree(&program, Linux, &samples, &passes)?;
        oracle::optimized_agrees(&program, Linux, &samples)
    }
));
