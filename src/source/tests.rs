//! The names of functions, and what has no source.

use super::*;
use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::packet::ancillary::Extension;

fn verified(text: &str) -> Verified {
    let program: Program = text.parse().expect("a program");
    program.verify(Dialect::Linux).expect("a valid program")
}

#[test]
fn names_are_identifiers() {
    let program = verified("ret #1");
    for (name, in_c, in_rust) in [
        ("is_https", true, true),
        ("_x9", true, true),
        ("match", true, false),
        ("switch", false, true),
        ("__x", false, true),
        ("_X", false, true),
        ("cbpf_has", false, true),
        ("_", true, false),
        ("", false, false),
        ("9x", false, false),
        ("a-b", false, false),
        ("a b(", false, false),
        ("é", false, false),
    ] {
        for (language, is_valid) in [(Language::C, in_c), (Language::Rust, in_rust)] {
            let source = Options::new(language).name(name).generate(&program);
            assert_eq!(source.is_ok(), is_valid, "{name} in {language}: {source:?}");
        }
    }
}

#[test]
fn descriptions_end_no_comment() {
    for language in Language::ALL {
        let source = Options::new(*language).description("a */ b /* c\n d").generate(&verified("ret #1"));
        let source = source.expect("the name is valid");
        let line = source.lines().find(|line| line.contains(" b ")).expect("the description is one line");
        assert!(line.ends_with(" c d`.") && (line.starts_with(" * `") || line.starts_with("/// `")), "{line}");
    }
}

#[test]
fn the_flow_dissector_has_no_source() {
    let program = verified("ld #len\n ldb [0]\n ld poff\n ret a");
    for &language in Language::ALL {
        let error = Options::new(language).generate(&program).expect_err("source has no `poff`");
        assert_eq!(error, SourceError::Ancillary { pc: 2, extension: Extension::PayloadOffset });
    }
}
