//! Filter sets and packets for them: a set has the answers of its programs, also after changes.
#![no_main]

use cbpf_fuzz::{check, dialect, set};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(
    bytes,
    |u| {
        let dialect = dialect(u)?;
        set::rules_and_samples(u, dialect)
    },
    |(rules, samples), u| set::set_agrees(u, rules, &samples)
));
