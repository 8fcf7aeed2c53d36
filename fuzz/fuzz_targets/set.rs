//! Sets of programs, with packets that they look at: a set answers as each of its programs alone, also after changes.
#![no_main]

use arbitrary::Unstructured;
use cbpf::Dialect;
use cbpf_fuzz::set;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut u = Unstructured::new(bytes);
    let Ok(&dialect) = u.choose(Dialect::ALL) else { return };
    let Ok((rules, samples)) = set::rules_and_samples(&mut u, dialect) else { return };
    set::set_agrees(&mut u, rules, &samples).unwrap_or_else(|error| panic!("{error}"));
});
