//! Any text as an expression, for any link type: its program verifies, and its printed form is the same program.
#![no_main]

use cbpf::LinkType;
use cbpf_fuzz::oracle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&number, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    // Ethernet, which supports most primitives, half of the time.
    let any = || LinkType::all().cycle().nth(number.into());
    let link_type = if number < 128 { LinkType::ETHERNET } else { any().unwrap_or(LinkType::RAW) };
    oracle::expression_is_sound(text, link_type).unwrap_or_else(|error| panic!("{error}"));
});
