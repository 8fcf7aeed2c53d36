//! Any text in every form: it is an error with a position inside the text, or a program that all forms keep.
#![no_main]

use cbpf_fuzz::oracle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| oracle::text_is_read_or_refused(input).unwrap_or_else(|error| panic!("{error}")));
