//! Programs that are likely to be valid, with packets that they look at: the engines agree, in every dialect, behind all
//! passes and behind any passes in any order, and read nothing beside a packet.
#![no_main]

use arbitrary::Unstructured;
use cbpf::Dialect;
use cbpf_fuzz::{generate, guarded, oracle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut u = Unstructured::new(bytes);
    let Ok(&dialect) = u.choose(Dialect::ALL) else { return };
    let Ok(passes) = generate::passes(&mut u) else { return };
    let Ok((program, samples)) = generate::program_and_samples(&mut u, dialect) else { return };
    oracle::engines_agree(&program, dialect, &samples).unwrap_or_else(|error| panic!("{error}"));
    oracle::passes_agree(&program, dialect, &samples, &passes).unwrap_or_else(|error| panic!("{error}"));
    let Ok(verified) = program.verify(dialect) else { return };
    guarded::Judge::new(&[3]).filter(&verified, &samples).unwrap_or_else(|error| panic!("{error}"));
});
