//! Filters of system calls: programs of the dialect and bytes as programs, calls, and any text in seccomp-tools' notation.
#![no_main]

use arbitrary::Unstructured;
use cbpf::{Dialect, Program};
use cbpf_fuzz::{generate, oracle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    oracle::filter_text_is_read_or_refused(bytes).unwrap_or_else(|error| panic!("{error}"));
    let mut u = Unstructured::new(bytes);
    let Ok((program, samples)) = generate::program_and_samples(&mut u, Dialect::Seccomp) else { return };
    let wild: Program = generate::from_bytes(bytes).0;
    for program in [program, wild] {
        oracle::engines_agree(&program, Dialect::Seccomp, &samples).unwrap_or_else(|error| panic!("{error}"));
        oracle::filters_agree(&program, &samples).unwrap_or_else(|error| panic!("{error}"));
    }
});
