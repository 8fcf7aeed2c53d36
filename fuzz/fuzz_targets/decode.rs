//! Any bytes as instructions and a packet: nothing is lost on the way through any form, and the engines agree.
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

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (program, sample) = generate::from_bytes(bytes);
    oracle::everything_agrees(&program, &sample).unwrap_or_else(|error| panic!("{error}"));
});
