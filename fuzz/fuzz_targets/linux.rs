//! Programs that ask for ancillary data and for places relative to a header, with contexts and packets that have them: the
//! engines agree, behind all passes and behind any passes in any order, and optimising changes no verdict.
#![no_main]

use arbitrary::Unstructured;
use cbpf::Dialect;
use cbpf_fuzz::{generate, linux, oracle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut u = Unstructured::new(bytes);
    let Ok(passes) = generate::passes(&mut u) else { return };
    let Ok((program, samples)) = linux::program_and_samples(&mut u) else { return };
    oracle::engines_agree(&program, Dialect::Linux, &samples).unwrap_or_else(|error| panic!("{error}"));
    oracle::passes_agree(&program, Dialect::Linux, &samples, &passes).unwrap_or_else(|error| panic!("{error}"));
    oracle::optimized_agrees(&program, Dialect::Linux, &samples).unwrap_or_else(|error| panic!("{error}"));
});
