//! Operators that are too many, or those of other languages; parentheses; names of files.

use crate::lang::cure::joining;
use crate::lang::cure::words::{is_direction, keyword, kind};
use crate::lang::cure::{Edit, Habit, Site};
use crate::lang::words::Word;

/// The operators that other languages have between tests, which come last, since lists have commas, too.
pub(super) static OF_OTHER_LANGUAGES: [Habit; 1] = [of_other_languages];

pub(super) static HABITS: [Habit; 7] = [
    file_name,
    turned_around,
    dangling,
    empty_parentheses,
    too_many_parentheses,
    missing_parenthesis,
    flags_without_relation,
];

/// Relations of other languages, and those of this one.
static RELATIONS: [(&str, &str); 7] =
    [("=>", ">="), ("=<", "<="), ("<>", "!="), ("===", "=="), ("!==", "!="), ("~=", "!="), ("=~", "==")];

/// Words and symbols between tests in other languages, and what stands for them.
static OPERATORS: [(&str, &str); 10] = [
    ("&", "and"),
    ("|", "or"),
    (",", "or"),
    (";", "and"),
    ("+", "and"),
    ("plus", "and"),
    ("with", "and"),
    ("but", "and"),
    ("except", "and not"),
    ("without", "and not"),
];

/// The ends of the names of files that are given in the place of expressions.
static FILES: [&str; 12] =
    [".pcap", ".pcapng", ".cap", ".dmp", ".dump", ".gz", ".zst", ".xz", ".bz2", ".lz4", ".snoop", ".erf"];

/// Returns whether a word looks like the name of a file.
fn is_file_name(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let has_ending = FILES.iter().any(|ending| lower.len() > ending.len() && lower.ends_with(ending));
    let is_path = word.starts_with('/') || word.starts_with("./") || word.starts_with("../") || word.starts_with("~/");
    has_ending || is_path && word.len() > 2
}

fn file_name(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    let is_name = is_file_name(word) && kind(words.before(index)).is_none() && !is_direction(words.before(index));
    let message = || format!("expected a part of an expression; `{word}` looks like the name of a file");
    is_name.then(|| {
        let start = index - usize::from(index > 1 && matches!(words.before(index), "and" | "or" | "&&" | "||"));
        let mut edit = Edit::of(words, start..index + 1, "", message()).caused_by(words, index);
        edit.lead = Some("give the file apart from the expression".into());
        if words.len() > 1 {
            edit.lead = Some("give the file apart from the expression, which is".into());
        }
        edit
    })
}

fn turned_around(site: &Site, index: usize) -> Option<Edit> {
    let word = site.words.get(index);
    let (_, right) = RELATIONS.iter().find(|(wrong, _)| *wrong == word)?;
    let message = format!("expected a relation such as `{right}`, found `{word}`");
    Some(Edit::of(&site.words, index..index + 1, *right, message))
}

fn of_other_languages(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    if (index == 0 || index + 1 == words.len()) && matches!(word, "," | ";") {
        let message = format!("expected no `{word}` here");
        return Some(Edit::of(words, index..index + 1, "", message));
    }
    let (_, right) = OPERATORS.iter().find(|(wrong, _)| *wrong == word)?;
    // `and, ..` and `but not`
    let is_operator = |word: &str| matches!(keyword(word), Some(Word::And | Word::Or));
    let message = format!("expected an operator between tests such as `and` or `or`, found `{word}`");
    let is_error = words.span(index..index + 1).contains(&site.error);
    let right = match word {
        _ if !is_error => right,
        _ if is_operator(words.before(index)) || is_operator(words.get(index + 1)) => "",
        "," if joining::moves(words, index) => return None,
        ";" | "+" => joining::operator(words, index, index + 1)?,
        _ => right,
    };
    Some(Edit::of(words, index..index + 1, right, message))
}

/// An operator without a test on one of its sides.
fn dangling(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let operator = |word: &str| matches!(keyword_or_symbol(word), Some(Word::And | Word::Or));
    let negation = |word: &str| keyword_or_symbol(word) == Some(Word::Not);
    let word = words.get(index);
    if !operator(word) && !negation(word) {
        return None;
    }
    let count = (index..words.len()).take_while(|&next| operator(words.get(next)) || negation(words.get(next))).count();
    let behind = words.get(index + count);
    if matches!(behind, "" | ")") {
        let message = format!("expected a test after `{word}`");
        return Some(Edit::of(words, index..index + count, "", message));
    }
    let before = words.before(index);
    if operator(word) && (matches!(before, "" | "(") || negation(before)) {
        let message = format!("expected a test before `{word}`");
        return Some(Edit::of(words, index..index + 1, "", message));
    }
    let next = words.get(index + 1);
    if operator(word) && operator(next) {
        let message = format!("expected a test between `{word}` and `{next}`");
        return Some(Edit::of(words, index..index + 2, word, message).caused_by(words, index + 1));
    }
    None
}

fn keyword_or_symbol(word: &str) -> Option<Word> {
    match word {
        "&&" => Some(Word::And),
        "||" => Some(Word::Or),
        "!" => Some(Word::Not),
        _ => keyword(word),
    }
}

fn empty_parentheses(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    if words.get(index) != "(" || words.get(index + 1) != ")" {
        return None;
    }
    let operators = ["and", "or", "&&", "||"];
    let from = index - usize::from(operators.contains(&words.before(index)));
    let to = index + 2 + usize::from(from == index && operators.contains(&words.get(index + 2)));
    Some(Edit::of(words, from..to, "", "expected a test between these parentheses").caused_by(words, index))
}

fn too_many_parentheses(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    if words.get(index) != ")" {
        return None;
    }
    let depth = (0..=index).fold(0_isize, |depth, word| match words.get(word) {
        "(" => depth + 1,
        ")" => depth - 1,
        _ => depth,
    });
    (depth < 0).then(|| Edit::of(words, index..index + 1, "", "expected a `(` before this `)`"))
}

fn missing_parenthesis(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    if words.get(index) != "(" || words.span(index..index + 1).start != site.error {
        return None;
    }
    // The part up to the end belongs to the edit, so that it touches the error.
    let replacement = format!("{})", words.slice(index..words.len()));
    Some(Edit::of(words, index..words.len(), replacement, "expected a `)` to this `(`"))
}

/// `tcp[tcpflags] & tcp-syn`, which is no test.
fn flags_without_relation(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let is_end = site.error == words.text.len() && index + 1 == words.len();
    let is_error = is_end || words.span(index + 1..index + 2).start == site.error && index + 1 < words.len();
    let is_mask = is_error && (words.before(index) == "&" || words.get(index) == ")") && words.contains(&["&"]);
    let replacement = format!("{} != 0", words.get(index));
    is_mask.then(|| Edit::of(words, index..index + 1, replacement, "expected a relation such as `!= 0` after the mask"))
}
