//! The features of Cargo.toml: the documentation of the crate and README describe each, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("features::are_described", are_described)]
}

fn are_described() -> Result<(), Failed> {
    let read = |path| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    let (manifest, docs, readme) = (read("Cargo.toml")?, read("src/lib.rs")?, read("README.md")?);
    let features = names(&manifest, "[features]", "[", |line| line.split_once(" = ").map(|(name, _)| name));
    let features: BTreeSet<&str> = features.into_iter().filter(|&name| name != "default").collect();
    let described = names(&docs, "//! # Features", "#", |line| line.strip_prefix("//! - `")?.split('`').next());
    let listed = names(&readme, "## Features", "#", |line| line.strip_prefix("| `")?.split('`').next());
    if features.is_empty() || described != features || listed != features {
        return Err(format!("features {features:?}, in src/lib.rs {described:?}, in README.md {listed:?}").into());
    }
    Ok(())
}

/// Returns the names that `name` finds in the lines of `text` after `heading`, up to a line that starts with `end`.
fn names<'a>(text: &'a str, heading: &str, end: &str, name: fn(&str) -> Option<&str>) -> BTreeSet<&'a str> {
    let lines = text.lines().skip_while(|&line| line != heading).skip(1);
    lines
        .take_while(|line| !line.starts_with(end))
        .filter(|line| !line.starts_with([' ', '#', ']']))
        .filter_map(name)
        .collect()
}
