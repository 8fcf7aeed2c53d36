//! Any text as an expression, for any link type: what compiles also verifies, and what it prints as is the same program.
#![no_main]

use cbpf::LinkType;
use cbpf_fuzz::oracle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &str)| {
    let (number, text) = input;
    let link_types: Vec<LinkType> = LinkType::all().collect();
    // Half of the time Ethernet, which knows most words.
    let link_type = if number < 128 { LinkType::ETHERNET } else { link_types[usize::from(number) % link_types.len()] };
    oracle::expression_is_sound(text, link_type).unwrap_or_else(|error| panic!("{error}"));
});
