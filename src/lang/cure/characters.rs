//! Characters that editors, web pages and chats put in the place of those that a keyboard has.

use alloc::string::String;

use crate::lang::cure::Edit;

/// Characters, what they stand for, and what they are called.
#[rustfmt::skip]
static CHARACTERS: [(&[char], &str, &str); 14] = [
    (&['\u{201c}', '\u{201d}', '\u{201e}', '\u{201f}', '\u{ab}', '\u{bb}', '\u{2033}'], "\"", "a typographic quote"),
    (&['\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}', '\u{2032}', '\u{b4}'], "'", "a typographic quote"),
    (&['\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{2015}', '\u{2212}', '\u{fe58}', '\u{ff0d}'], "-",
     "a typographic dash"),
    (&['\u{a0}', '\u{2000}', '\u{2001}', '\u{2002}', '\u{2003}', '\u{2004}', '\u{2005}', '\u{2006}', '\u{2007}',
       '\u{2008}', '\u{2009}', '\u{200a}', '\u{202f}', '\u{205f}', '\u{3000}', '\u{b}', '\u{c}', '\u{85}', '\u{2028}',
       '\u{2029}'], " ", "a space that is not the one of the keyboard"),
    (&['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{ad}', '\u{200e}', '\u{200f}'], "",
     "an invisible character"),
    (&['\u{2026}'], "...", "a typographic ellipsis"),
    (&['\u{2260}'], "!=", "a typographic sign"),
    (&['\u{2265}'], ">=", "a typographic sign"),
    (&['\u{2264}'], "<=", "a typographic sign"),
    (&['\u{ac}'], "not ", "a typographic sign"),
    (&['\u{2227}'], " and ", "a typographic sign"),
    (&['\u{2228}'], " or ", "a typographic sign"),
    (&['\u{d7}', '\u{2217}'], "*", "a typographic sign"),
    (&['\u{ff0c}', '\u{3001}'], ",", "a typographic comma"),
];

/// Quotes that a shell would have removed.
const QUOTES: [char; 3] = ['"', '\'', '`'];

/// Replaces all such characters and quotes in a text.
pub(super) fn edit(text: &str) -> Option<Edit> {
    let row = |c: char| CHARACTERS.iter().find(|(characters, ..)| characters.contains(&c));
    let is_fullwidth = |c: char| ('\u{ff01}'..='\u{ff5e}').contains(&c);
    let is_wrong = |c: char| row(c).is_some() || is_fullwidth(c) || QUOTES.contains(&c);
    let (at, first) = text.char_indices().find(|&(_, c)| is_wrong(c))?;
    let mut replacement = String::new();
    for c in text.chars() {
        let right = row(c).map(|(_, right, _)| *right);
        match (right, is_fullwidth(c)) {
            (Some("\"" | "'"), _) => {}
            (Some(right), _) => replacement.push_str(right),
            (None, true) => replacement.extend(char::from_u32(u32::from(c) - 0xff01 + 0x21)),
            (None, false) if QUOTES.contains(&c) => {}
            (None, false) => replacement.push(c),
        }
    }
    let name = row(first).map_or(if is_fullwidth(first) { "a wide character" } else { "a quote" }, |(.., name)| *name);
    let code = u32::from(first);
    let message = match first.is_ascii() {
        true => format!("expected no such character here: {name} belongs to the shell, not to the expression"),
        false => format!("expected no such character here: {name} (U+{code:04X})"),
    };
    let text_of = String::from(replacement.trim());
    Some(Edit {
        at,
        span: 0..text.len(),
        replacement: text_of,
        message,
        lead: None,
        is_guess: false,
        is_translation: false,
    })
}
