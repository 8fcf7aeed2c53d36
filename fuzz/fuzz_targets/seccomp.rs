//! Seccomp filters: generated programs and any bytes as programs, on calls, and any text in seccomp-tools' notation.
#![no_main]

use cbpf::Dialect::Seccomp;
use cbpf_fuzz::{check, generate, oracle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    oracle::filter_text_is_read_or_refused(bytes).unwrap_or_else(|error| panic!("{error}"));
    check(
        bytes,
        |u| generate::program_and_samples(u, Seccomp),
        |(program, samples), _| {
            [program, generate::from_bytes(bytes).0].iter().try_for_each(|program| {
                oracle::engines_agree(program, Seccomp, &samples)?;
                oracle::filters_agree(program, &samples)
            })
        },
    );
});
