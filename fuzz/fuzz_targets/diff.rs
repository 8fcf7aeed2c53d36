//! Programs that are likely to be valid, with packets that they look at: the engines agree, in every dialect.
#![no_main]

#[expect(dead_code, reason = "the corpus reads cases, fuzz targets only write them")]
#[path = "../../jit-tests/case.rs"]
mod case;
#[expect(dead_code, reason = "no target uses all of it")]
#[path = "../../jit-tests/generate.rs"]
mod generate;
#[expect(dead_code, reason = "no target uses all of it")]
#[path = "../../jit-tests/oracle.rs"]
mod oracle;

use arbitrary::Unstructured;
use cbpf::Dialect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut u = Unstructured::new(bytes);
    let Ok(&dialect) = u.choose(Dialect::ALL) else { return };
    let Ok((program, samples)) = generate::program_and_samples(&mut u, dialect) else { return };
    oracle::engines_agree(&program, dialect, &samples).unwrap_or_else(|error| panic!("{error}"));
});
