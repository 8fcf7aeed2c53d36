//! Compiles expressions to functions in Rust, which `src/main.rs` includes.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use cbpf::source::{Language, Options};
use cbpf::{LinkType, Target, compile_expression};

/// The functions and their expressions.
const FILTERS: [(&str, &str); 2] = [
    ("is_https", "tcp port 443 and not net 10.0.0.0/8"),
    ("is_dns", "udp port 53 or tcp port 53"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let target = Target::new(LinkType::ETHERNET);
    let mut source = String::new();
    for (name, expression) in FILTERS {
        let verified = compile_expression(expression, &target)?.verify(target.get_dialect())?;
        source += &Options::new(Language::Rust).name(name).description(expression).generate(&verified)?;
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    Ok(fs::write(folder.join("filters.rs"), source)?)
}
