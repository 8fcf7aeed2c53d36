//! Any bytes as instructions and a packet: all forms keep the program, and the engines agree.
#![no_main]

use cbpf_fuzz::{generate, oracle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (program, sample) = generate::from_bytes(bytes);
    oracle::everything_agrees(&program, &sample).unwrap_or_else(|error| panic!("{error}"));
});
