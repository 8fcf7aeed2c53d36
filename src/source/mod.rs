//! Source code of filters, in C and in Rust, for programs that do not compile filters at run time.
//!
//! The functions are made of the optimised graph of the strategy [`Strategy::Branches`](crate::filter::Strategy),
//! without the swapping of bytes, which depends on the machine and which compilers do themselves. A value of the graph
//! is a variable, or is written where it is used; a block is a label in C and a labelled block in Rust.
//!
//! The C is freestanding and needs gcc or clang, for the target `bpf`, too. The Rust is safe, has no dependencies,
//! needs no standard library and Rust 1.66, and cannot panic.

mod c;
mod c_function;
mod c_prelude;
mod context;
mod error;
mod expression;
mod layout;
mod name;
mod numbers;
mod plan;
mod rust;
mod rust_constant;
mod rust_function;
mod rust_prelude;

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use crate::bpf::unknown_name::UnknownName;
use crate::bpf::verify::Verified;
use crate::ir::Graph;
use crate::opt::Pass;
use plan::{Plan, Scope};

pub use error::SourceError;

/// A language of source code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Language {
    /// C99 with attributes of gcc and clang, without a header:
    /// `unsigned int NAME(const void *data, const void *data_end, unsigned int wire_len)`.
    C,
    /// Rust: `pub fn NAME(packet: &[u8], wire_len: u32) -> u32`.
    Rust,
}

impl Language {
    /// All languages.
    pub const ALL: &'static [Language] = &[Language::C, Language::Rust];

    /// Returns the name: `c` or `rust`.
    pub const fn name(self) -> &'static str {
        match self {
            Language::C => "c",
            Language::Rust => "rust",
        }
    }
}

/// Prints the name.
impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Parses the name.
impl FromStr for Language {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Language, UnknownName> {
        UnknownName::find("language", name, Language::ALL, Language::name)
    }
}

/// The options of source code, and its generator.
///
/// ```
/// use cbpf::source::{Language, Options};
/// use cbpf::{Dialect, Program};
/// let program: Program = "ldh [12]\n jne #0x806, drop\n ret #-1\n drop: ret #0".parse()?;
/// let verified = program.verify(Dialect::Linux)?;
/// let source = Options::new(Language::Rust).name("is_arp").generate(&verified)?;
/// assert!(source.contains("pub fn is_arp(packet: &[u8], wire_len: u32) -> u32 {"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # The function
/// It takes the captured bytes of a packet and its length on the wire, and returns the verdict: the number of bytes to
/// keep, 0 for none. If the program reads the context of packets, there is one more parameter: a structure with the
/// values that it reads, which is called `NAME_context` in C and `NameContext` in Rust.
///
/// In C, `data` is the address of the first byte, and `data_end` that of the byte after the last one. Compiled for the
/// target `bpf`, the function compares pointers as the verifier of Linux demands it, so that it can be called with the
/// `data` and `data_end` of an XDP or tc program in the same file. Loads beyond the first 65,535 bytes, or beyond
/// `data_end`, are out of bounds there.
///
/// Several sources can be in one file, if the names of their functions differ.
#[derive(Clone, Debug)]
pub struct Options {
    language: Language,
    name: String,
    description: String,
}

impl Options {
    /// Creates the options for a language.
    pub fn new(language: Language) -> Options {
        Options { language, name: "cbpf_filter".into(), description: String::new() }
    }

    /// Sets the name of the function; `cbpf_filter` by default.
    pub fn name(self, name: impl Into<String>) -> Options {
        Options { name: name.into(), ..self }
    }

    /// Sets what the documentation of the function calls the filter, as in `tcp port 443`; nothing by default.
    pub fn description(self, description: impl Into<String>) -> Options {
        Options { description: description.into(), ..self }
    }

    /// Returns the source of a program.
    ///
    /// # Errors
    /// [`SourceError::Name`] if the name is not an identifier of the language, and [`SourceError::Ancillary`] if the
    /// program loads `poff`, which takes a flow dissector.
    pub fn generate(&self, verified: &Verified) -> Result<String, SourceError> {
        name::check(self.language, &self.name)?;
        let graph = &portable_graph(verified);
        let plan = Plan::of(graph, if self.language == Language::C { Scope::Function } else { Scope::Labels });
        if let Some(extension) = plan.inputs.extensions().find(|&extension| !context::has_source(extension)) {
            return Err(SourceError::ancillary(verified, extension));
        }
        Ok(match self.language {
            Language::C => c_function::source(graph, &plan, &self.name, &self.description),
            Language::Rust => rust_function::source(graph, plan, &self.name, &self.description),
        })
    }
}

/// Returns the graph after the passes whose outcome does not depend on this machine.
fn portable_graph(verified: &Verified) -> Graph {
    let mut graph = Graph::new(verified);
    let is_portable = |pass: &&Pass| !matches!(pass, Pass::ByteSwapFolding | Pass::IfConversion);
    Pass::ALL.iter().filter(is_portable).for_each(|&pass| graph.run(pass));
    graph
}

#[cfg(test)]
mod tests;
