//! Escaping.

use serde_json::Value;

/// Escapes a text for HTML, also for attributes in quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            // Browsers do not show these, or take them for something else.
            control if control.is_control() && control != '\n' && control != '\t' => html.push('\u{fffd}'),
            other => html.push(other),
        }
    }
    html
}

/// Prints a value as JSON that stands in a script: no string in it can end the script.
pub(super) fn script_data(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

/// Returns the beginning of a text, with dots if there is more.
pub(super) fn beginning(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_all_that_could_be_markup() {
        assert_eq!(escaped("<a b='&\"'>\u{1b}"), "&lt;a b=&#39;&amp;&quot;&#39;&gt;\u{fffd}");
        assert_eq!(script_data(&"</script><!--".into()), "\"\\u003c/script>\\u003c!--\"");
        assert_eq!((beginning("abc", 2), beginning("äö", 2)), ("ab ...".to_owned(), "äö".to_owned()));
    }
}
