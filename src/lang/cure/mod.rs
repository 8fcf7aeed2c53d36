//! Cures: what to write instead of an expression that is invalid.
//!
//! Only expressions that have no program are looked at, so a cure never changes the meaning of one that has. A cure is
//! an [`Edit`] of the text at the place of the error. Edits are made until the text compiles for the target, and only
//! a text that does is suggested as a whole.
//!
//! `words.rs` splits any text into words. `display_filter.rs` parses Wireshark's display filters, which
//! `display_tests.rs` translates by the table in `display_fields.rs`. Each of the other files has the habits of one
//! subject: a list of functions that return an edit if the words at an index are such a habit.

mod addresses;
mod characters;
mod display_fields;
mod display_filter;
mod display_tests;
mod display_values;
mod guesses;
mod header_fields;
mod joining;
mod operators;
mod phrases;
mod ports;
mod spellings;
mod words;

#[cfg(test)]
pub(in crate::lang) use display_fields::samples as display_samples;

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use core::ops::Range;

use crate::lang::cure::words::Words;
use crate::lang::error::ExprError;
use crate::lang::link_type::LinkType;
use crate::lang::target::{Resolver, Target};
use crate::text::ParseError;

/// The length of the longest text that is looked at, in bytes.
const LONGEST_TEXT: usize = 4096;

/// The maximum number of edits of a text.
const MAX_EDITS: usize = 32;

/// A change of a text that makes it valid, or a part of it.
#[derive(Clone, Debug)]
struct Edit {
    /// The position of the cause.
    at: usize,
    /// The part to replace.
    span: Range<usize>,
    replacement: String,
    /// The sentence about the cause.
    message: String,
    /// The words before the suggestion; `None` for the usual ones.
    lead: Option<String>,
    /// Set if the cause may be another one, unless the whole text becomes valid.
    is_guess: bool,
    /// Set if the text is one of another language.
    is_translation: bool,
}

impl Edit {
    /// Returns an edit of these words, at the first of which is the cause.
    fn of(words: &Words, range: Range<usize>, replacement: impl Into<String>, message: impl Into<String>) -> Edit {
        let span = words.span(range);
        Edit {
            at: span.start,
            span,
            replacement: replacement.into(),
            message: message.into(),
            lead: None,
            is_guess: false,
            is_translation: false,
        }
    }

    /// Returns the edit with the cause at the word with this index.
    fn caused_by(mut self, words: &Words, word: usize) -> Edit {
        self.at = words.span(word..word + 1).start;
        self
    }

    /// Returns the edited text, with single spaces.
    fn apply(&self, text: &str) -> String {
        let (before, behind) = (&text[..self.span.start], &text[self.span.end..]);
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '\\');
        let replacement = self.replacement.trim();
        let [mut start, mut end] = ["", ""];
        if is_word(before.chars().next_back()) && is_word(replacement.chars().chain(behind.chars()).next()) {
            start = " ";
        }
        if !replacement.is_empty() && is_word(replacement.chars().next_back()) && is_word(behind.chars().next()) {
            end = " ";
        }
        let edited = [before, start, replacement, end, behind].concat();
        edited.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Returns the words before a suggestion.
    fn lead(&self) -> &str {
        self.lead.as_deref().unwrap_or("write")
    }
}

/// What the functions that find edits know.
struct Site<'t> {
    words: Words<'t>,
    /// The position of the error.
    error: usize,
    target: &'t Target,
}

/// A function that returns an edit if the words from an index on are a habit that it knows.
type Habit = fn(&Site, usize) -> Option<Edit>;

/// All habits of words; the first one that helps is told.
static HABITS: [&[Habit]; 7] = [
    &operators::HABITS,
    &phrases::HABITS,
    &ports::HABITS,
    &addresses::HABITS,
    &header_fields::HABITS,
    &spellings::HABITS,
    &operators::OF_OTHER_LANGUAGES,
];

/// Returns the error with what to write instead, if that is known. Without a target, the link type is Ethernet, and the
/// tags of VLANs may be in the packets or not.
pub(super) fn cured(error: ExprError, text: &str, target: Option<&Target>) -> ExprError {
    let ExprError::Invalid(error) = error else { return error };
    if text.len() > LONGEST_TEXT {
        return ExprError::Invalid(error);
    }
    let target = target.cloned().unwrap_or(Target::new(LinkType::ETHERNET).linux_socket()).allow_reject_all(false);
    let target = if target.resolver.is_some() { target } else { target.resolver(AnyName) };
    let target = if target.netmask.is_some() { target } else { target.netmask(0) };
    let cured = cure(&error, text, &target);
    ExprError::Invalid(cured.unwrap_or(error))
}

/// Looks up every name, so that a suggestion may have those of the text.
struct AnyName;

impl Resolver for AnyName {
    fn host(&self, name: &str) -> Vec<IpAddr> {
        // These are no names, but mean that the test is not needed.
        let is_none = matches!(name, "any" | "all" | "anything" | "everything" | "none");
        if is_none { Vec::new() } else { vec![Ipv4Addr::LOCALHOST.into()] }
    }

    fn ether(&self, _: &str) -> Option<[u8; 6]> {
        Some([2, 0, 0, 0, 0, 1])
    }

    fn network(&self, _: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
        Some((Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST))
    }
}

/// The place of an error: its stage, and its position.
type Failing = (Stage, usize);

/// The stage at which a text fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Parse,
    Generate,
    /// It compiles, but no packet matches, or the program is too long.
    Whole,
}

/// Returns where a text fails, or `None` if it compiles to a program that matches some packet.
fn failing(text: &str, target: &Target) -> Option<Failing> {
    let parsed = match super::parse::parse(text) {
        Ok(parsed) => parsed,
        Err(error) => return Some((Stage::Parse, position(text, &error))),
    };
    let compiled =
        super::compile(&parsed.expr, target, |diagnostic| super::located(diagnostic, text, &parsed.positions));
    let accepted = compiled.and_then(|compiled| super::accepting(compiled.program, target));
    match accepted {
        Ok(_) => None,
        Err(ExprError::Invalid(error)) => Some((Stage::Generate, position(text, &error))),
        Err(_) => Some((Stage::Whole, 0)),
    }
}

/// Returns the byte at which an error is.
fn position(text: &str, error: &ParseError) -> usize {
    let lines = text.split_inclusive('\n');
    let start: usize = lines.take(error.line() - 1).map(str::len).sum();
    let in_line = text[start..].char_indices().nth(error.column() - 1);
    in_line.map_or(text.len(), |(offset, _)| start + offset)
}

/// Edits the text until it compiles, and returns the error with the cause of the first edit.
fn cure(error: &ParseError, text: &str, target: &Target) -> Option<ParseError> {
    if let Some(error) = display_filter::without_equivalent(text, target) {
        return Some(error);
    }
    let mut edited = String::from(text);
    // An unknown name is no error any more with a resolver that knows every name.
    let mut at = failing(text, target).unwrap_or((Stage::Generate, position(text, error)));
    let mut first: Option<Edit> = None;
    for _ in 0..MAX_EDITS {
        let Some((edit, next)) = edit(&edited, at, target) else { break };
        let is_same_place = first.as_ref().is_none_or(|first| first.message == edit.message);
        edited = edit.apply(&edited);
        if first.is_none() {
            if let Some(error) = edit.is_guess.then(|| guesses::before(text, at, target)).flatten() {
                return Some(error);
            }
            first = Some(edit);
        } else if let Some(first) = first.as_mut().filter(|_| !is_same_place) {
            // The words before the suggestion are about the first edit only.
            first.lead = None;
        }
        match next {
            Some(next) => at = next,
            None => {
                let first = first?;
                let lead = first.lead();
                let error = ParseError::at(text, first.at, first.message.as_str());
                // A blank text matches every packet, which is not what an operator without tests means.
                return Some(match edited.is_empty() {
                    true if first.lead.is_none() => error,
                    true => error.with_help(lead, None),
                    false => error.with_help(format!("{lead} `{edited}`"), Some(edited)),
                });
            }
        }
    }
    // The rest of the text has other errors.
    let Some(first) = first else {
        return display_filter::untranslated(text).or_else(|| guesses::corrected(error, text, at, target));
    };
    if first.is_translation {
        return display_filter::without_link_type(text, &first, at.0, target);
    }
    // A part of a text that no packet matches is no cure.
    if at.0 == Stage::Whole || first.is_guess || error.message().contains("did you mean") {
        let at = failing(text, target)?;
        return guesses::corrected(error, text, at, target);
    }
    let error = ParseError::at(text, first.at, first.message.as_str());
    let (replaced, replacement) = (text[first.span.clone()].trim(), first.replacement.trim());
    Some(match (replaced, replacement) {
        ("", _) => error.with_help(format!("write `{replacement}` here"), None),
        (_, "") => error.with_help(format!("leave out `{replaced}`"), None),
        _ => error.with_help(format!("{} `{replacement}` instead of `{replaced}`", first.lead()), None),
    })
}

/// Returns an edit that helps, and where the text fails then.
fn edit(text: &str, at: Failing, target: &Target) -> Option<(Edit, Option<Failing>)> {
    let whole = characters::edit(text).filter(|edit| edit.at == at.1).or_else(|| display_filter::edit(text, target));
    if let Some(edit) = whole {
        let next = failing(&edit.apply(text), target);
        return Some((edit, next));
    }
    let helps = |edit: Edit| {
        let edited = edit.apply(text);
        let next = failing(&edited, target);
        // The place may need an operator, too.
        let is_better = is_better(text, at, &edit, &edited, next)
            || words::keyword(&edit.replacement).is_some()
                && next.is_some_and(|(stage, place)| stage == at.0 && place == edit.span.start)
                && {
                    let site = Site { words: Words::of(&edited), error: edit.span.start, target };
                    let mut joined = joining::joined(&site).into_iter();
                    joined.any(|edit| {
                        let both = edit.apply(&edited);
                        is_better(&edited, next.unwrap_or(at), &edit, &both, failing(&both, target))
                    })
                };
        is_better.then_some((edit, next))
    };
    let site = Site { words: Words::of(text), error: at.1, target };
    let touches = |edit: &Edit| {
        let behind = text[edit.span.end..].len() - text[edit.span.end..].trim_start().len();
        (edit.span.start..=edit.span.end + behind).contains(&at.1)
    };
    let habits = HABITS.iter().flat_map(|habits| habits.iter());
    let mut edits = habits.flat_map(|habit| (0..site.words.len()).filter_map(|index| habit(&site, index)));
    let near = edits.find_map(|edit| if touches(&edit) { helps(edit) } else { None });
    near.or_else(|| joining::joined(&site).into_iter().find_map(helps))
}

/// Returns whether a text that was edited fails later than before.
fn is_better(text: &str, at: Failing, edit: &Edit, edited: &str, next: Option<Failing>) -> bool {
    let Some((stage, place)) = next else { return true };
    let is_later = match edit.is_guess {
        true if stage == Stage::Whole => return false,
        // The place may be in parentheses that the edit has put.
        true => edited.len().saturating_sub(place) < text.len().saturating_sub(at.1),
        false => place >= edit.span.start + edit.replacement.len(),
    };
    stage > at.0 || stage == at.0 && is_later
}
