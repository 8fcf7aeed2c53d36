//! The sentences of warnings.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::lang::lint::questions::{Questions, mover};
use crate::lang::lint::search::Finding;
use crate::lang::lint::{Cause, Warning};
use crate::lang::positions::Positions;
use crate::lang::tree::{Expr, Node, Primitive};
use crate::text::ParseError;

/// The longest part that is quoted, in characters.
const LONGEST_QUOTE: usize = 60;

/// Returns the warning of a finding.
pub(super) fn warning(finding: &Finding, questions: &Questions, text: &str, positions: &Positions) -> Warning {
    let span_of = |root: usize| positions.span(text, &questions.expr.nodes, &questions.starts, root);
    let quote = |root: usize| quoted(questions, root, text.get(span_of(root)).unwrap_or_default());
    let message = message(finding, questions, quote);
    let span = span_of(finding.root);
    let width = text.get(span.clone()).unwrap_or_default().chars().count();
    let place = ParseError::at(text, span.start, message).spanning(width);
    Warning { effect: finding.effect, cause: finding.cause, span, place }
}

fn message(finding: &Finding, questions: &Questions, quote: impl Fn(usize) -> String) -> String {
    let Finding { is_never, parts, .. } = finding;
    let nodes = &questions.expr.nodes;
    if finding.cause == Cause::Comparison {
        return format!("this comparison {} holds", if *is_never { "never" } else { "always" });
    }
    let quotes: Vec<String> = parts.iter().map(|&part| quote(part)).collect();
    let sentence = match (&quotes[..], is_never) {
        ([], true) => "no packet matches all parts of this".to_string(),
        ([], false) => "every packet matches a part of this".to_string(),
        ([part], _) => {
            let place = match finding.moved_by.and_then(|node| mover(&nodes[node])) {
                Some(keyword) => format!("behind `{keyword}`"),
                None => format!("of link type {}", questions.target.link_type),
            };
            let (part, matches) = (part, if *is_never { "matches no packet" } else { "matches every packet" });
            format!("{part} {matches} {place}")
        }
        ([one, other], true) => format!("no packet matches both {one} and {other}"),
        ([one, other], false) => format!("every packet matches {one} or {other}"),
        ([parts @ .., last], true) => format!("no packet matches all of {} and {last}", parts.join(", ")),
        ([parts @ .., last], false) => format!("every packet matches one of {} and {last}", parts.join(", ")),
    };
    match mover(&nodes[finding.root]) {
        Some(keyword) if finding.cause == Cause::Order => {
            format!("{sentence}: `{keyword}` moves the headers of what follows; write it first")
        }
        _ => sentence,
    }
}

/// Quotes a part as it stands in the text; an address that inherits its qualifiers gets them.
fn quoted(questions: &Questions, root: usize, text: &str) -> String {
    let inherits = matches!(questions.expr.nodes[root], Node::Primitive(Primitive::Address(..)))
        && !text.contains(char::is_whitespace);
    let printed = if inherits { Expr { nodes: questions.nodes(root).to_vec() }.to_string() } else { text.to_string() };
    let words: Vec<&str> = printed.split_whitespace().collect();
    let part = words.join(" ");
    match part.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("`{} ...`", &part[..end]),
        None => format!("`{part}`"),
    }
}
