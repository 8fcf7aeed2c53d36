//! Any text in every form: it is refused at a place inside it, or read, printed and read again.
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

fuzz_target!(|input: &[u8]| {
    oracle::text_is_read_or_refused(input).unwrap_or_else(|error| panic!("{error}"));
});
