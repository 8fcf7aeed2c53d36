//! Misspelt keywords: which one was meant is tried, since what is around it decides.

use alloc::string::String;
use alloc::vec::Vec;

use crate::lang::cure::spellings::synonyms;
use crate::lang::cure::words::{Words, keyword, kind};
use crate::lang::cure::{Failing, Stage, edit, failing};
use crate::lang::keywords;
use crate::lang::target::Target;
use crate::lang::tree::Kind;
use crate::lang::words::Word;
use crate::text::ParseError;

/// Words of English that are no misspelt keywords.
static REAL: [&str; 10] = ["any", "all", "both", "bytes", "each", "either", "nor", "only", "these", "xor"];

/// The words of the message of a parser before its guess.
const GUESS: &str = "; did you mean";

/// Returns the error with another guess than its own, or without one; `None` if it is right as it is.
pub(super) fn corrected(error: &ParseError, text: &str, at: Failing, target: &Target) -> Option<ParseError> {
    let guessed = error.message().split_once(GUESS).map(|(message, _)| message);
    let words = Words::of(text);
    let index = (0..words.len()).find(|&index| words.span(index..index + 1).start == at.1)?;
    // Names of services and protocols have their own tables.
    if matches!(kind(words.before(index)), Some(Kind::Port | Kind::PortRange | Kind::Protocol | Kind::ProtocolChain)) {
        return None;
    }
    let at = words.span(index..index + 1).start;
    let message = guessed.unwrap_or(error.message());
    if let Some(guess) = guesses(&words, index, target) {
        return Some(ParseError::at(text, at, format!("{message}{GUESS} {guess}?")));
    }
    let before = index.checked_sub(1)?;
    match guesses(&words, before, target) {
        Some(guess) => Some(misspelt(&words, before, &guess)),
        None => guessed.map(|message| ParseError::at(text, at, message)),
    }
}

/// Returns the error of the word before the place of an error, if that one is misspelt.
pub(super) fn before(text: &str, at: Failing, target: &Target) -> Option<ParseError> {
    let words = Words::of(text);
    let index = (1..words.len()).find(|&index| words.span(index..index + 1).start == at.1)? - 1;
    Some(misspelt(&words, index, &guesses(&words, index, target)?))
}

fn misspelt(words: &Words, index: usize, guess: &str) -> ParseError {
    let message = format!("expected a keyword, found `{}`{GUESS} {guess}?", words.get(index));
    ParseError::at(words.text, words.span(index..index + 1).start, message)
}

/// Returns the keywords, one or two, that a word may be meant to be.
fn guesses(words: &Words, index: usize, target: &Target) -> Option<String> {
    let word = words.get(index).to_ascii_lowercase();
    if keyword(&word).is_some() || REAL.contains(&word.as_str()) || word.len() > LONGEST_WORD {
        return None;
    }
    let before = words.before(index);
    let is_number = matches!(before, "[" | "&" | "|" | "=" | "==" | "!=" | "(") || words.get(index + 1) == "]";
    let spellings = keywords::spellings()
        .filter(|spelling| {
            is_number || word.contains(['-', '_']) || !matches!(keyword(spelling), Some(Word::Number(_)))
        })
        .filter_map(|spelling| Some((keywords::distance(&word, spelling)?, spelling)));
    let others = synonyms().filter_map(|(other, right)| Some((keywords::distance(&word, other)? + 1, right)));
    let mut ranked = Vec::new();
    for (distance, spelling) in spellings.chain(others).take(MAX_TRIED) {
        if let Some(rank) = rank(words, index, spelling, target) {
            // The first letter is rarely wrong.
            let is_other = distance > 0 && spelling.as_bytes()[0] != word.as_bytes()[0];
            ranked.push((rank, distance + u8::from(is_other), spelling));
        }
    }
    ranked.sort_unstable();
    ranked.dedup_by_key(|guess| guess.2);
    let &(rank, distance, best) = ranked.first()?;
    let mut equal = ranked.iter().skip(1).take_while(|guess| (guess.0, guess.1) == (rank, distance));
    match (equal.next(), equal.next()) {
        (None, _) => Some(format!("`{best}`")),
        (Some((.., other)), None) => Some(format!("`{best}` or `{other}`")),
        _ => None,
    }
}

/// The length of the longest word that is compared, in bytes.
const LONGEST_WORD: usize = 40;

/// The maximum number of keywords that are tried in the place of a word.
const MAX_TRIED: usize = 12;

/// Returns how well a word fits in the place of another: 0 if all compiles, 1 if it does with one more edit, 2 if what
/// follows is an error.
fn rank(words: &Words, index: usize, spelling: &str, target: &Target) -> Option<u8> {
    let span = words.span(index..index + 1);
    let text = [&words.text[..span.start], spelling, &words.text[span.end..]].concat();
    let Some(next) = failing(&text, target) else { return Some(0) };
    if let Some((_, None)) = edit(&text, next, target) {
        return Some(1);
    }
    let is_later = next.0 != Stage::Whole && next.1 > span.start + spelling.len() && next.1 < text.trim_end().len();
    is_later.then_some(2)
}
