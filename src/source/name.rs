//! Names of functions.

use alloc::borrow::ToOwned;
use alloc::string::String;

use crate::source::{Language, SourceError};

/// The keywords of C23, and what the prelude defines.
const OF_C: &str = "alignas alignof asm auto bool break case char const constexpr continue default do double else enum \
    extern false float for goto if inline int long nullptr register restrict return short signed sizeof static \
    static_assert struct switch thread_local true typedef typeof typeof_unqual union unsigned void volatile while \
    linux unix main data data_end wire_len context cbpf_load8 cbpf_load16 cbpf_load32 cbpf_native16 cbpf_native32 cbpf_has cbpf_has_from cbpf_position cbpf_random \
    cbpf_attribute cbpf_visible cbpf_find cbpf_find_nested";

/// The keywords of Rust, reserved ones included.
const OF_RUST: &str = "abstract as async await become box break const continue crate do dyn else enum extern false \
    final fn for gen if impl in let loop macro match mod move mut override priv pub ref return self static struct \
    super trait true try type typeof unsafe unsized use virtual where while yield _ packet wire_len context";

/// Checks that a function can have a name in all places where source may be put.
pub(super) fn check(language: Language, name: &str) -> Result<(), SourceError> {
    let keywords = match language {
        Language::C => OF_C,
        Language::Rust => OF_RUST,
    };
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let is_identifier = begins && name.chars().all(|other| other.is_ascii_alphanumeric() || other == '_');
    // C reserves names that begin with an underscore and another one or an upper-case letter.
    let is_reserved = language == Language::C
        && name.starts_with('_')
        && name[1..].starts_with(|second: char| second == '_' || second.is_ascii_uppercase());
    if !is_identifier || is_reserved || keywords.split_whitespace().any(|keyword| keyword == name) {
        return Err(SourceError::Name { name: name.to_owned(), language });
    }
    Ok(())
}

/// Returns a name in the style of types in Rust: `HttpsOnly` for `https_only`.
pub(super) fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    for word in name.split('_') {
        let mut characters = word.chars();
        camel.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(characters.as_str());
    }
    camel
}
