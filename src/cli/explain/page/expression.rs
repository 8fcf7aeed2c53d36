//! The expression and its tree; each part of the tree marks its place in the text.

use std::fmt::Write;

use cbpf::lang::{Part, PartKind, outline};

use indicatif::HumanCount;

use super::html::{beginning, escaped};

/// The longest text that is shown, in bytes, and the most parts of its tree.
const LONGEST: usize = 40_000;
const MOST_PARTS: usize = 600;

/// The most parts that are counted.
const MOST_COUNTED: usize = 1_000_000;

/// The most operands of an operator that are shown at once; the operands of others are folded.
const MOST_OPERANDS: usize = 12;

/// Prints the text of an expression, and beside it the tree.
pub(super) fn print(text: &str) -> String {
    if text.trim().is_empty() {
        return "<p>The empty expression, which every packet matches.</p>".to_owned();
    }
    let shown = text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text);
    // The program has been compiled from this text, so it has no error.
    let all = outline(text, MOST_COUNTED).unwrap_or_default();
    let is_cut = all.len() > MOST_PARTS || shown.len() < text.len();
    let counts = operand_counts(&all);
    let parts = &all[..all.len().min(MOST_PARTS)];
    let mut html = format!(
        "<div class=expression><pre tabindex=0 aria-label=Expression><code>{}</code></pre>\n",
        marked(shown, parts)
    );
    html += &tree(parts, &counts);
    if is_cut {
        html += "<p class=note>The expression is long; only its beginning is shown.</p>";
    }
    html + "</div>"
}

/// Returns the text with an element around each part.
fn marked(text: &str, parts: &[Part]) -> String {
    let mut html = String::new();
    // The ends of the elements that are open.
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    let close = |html: &mut String, at: &mut usize, open: &mut Vec<usize>, until: usize| {
        while let Some(end) = open.pop_if(|end| *end <= until) {
            html.push_str(&escaped(&text[*at..end]));
            html.push_str("</span>");
            *at = end;
        }
    };
    for (number, part) in parts.iter().enumerate() {
        let span = part.span.clone();
        close(&mut html, &mut at, &mut open, span.start);
        // Parts lie in each other, or else are left without an element.
        let is_inside = span.start >= at && span.end <= open.last().copied().unwrap_or(text.len());
        if is_inside && text.is_char_boundary(span.start) && text.is_char_boundary(span.end) {
            let _ = write!(html, "{}<span id=e{number}>", escaped(&text[at..span.start]));
            at = span.start;
            open.push(span.end);
        }
    }
    close(&mut html, &mut at, &mut open, text.len());
    html + &escaped(&text[at..])
}

/// Returns the tree as nested lists.
fn tree(parts: &[Part], counts: &[usize]) -> String {
    let mut html = "<ul class=tree aria-label=\"Tree of the expression\">".to_owned();
    let mut depth = 0;
    for (number, part) in parts.iter().enumerate() {
        close(&mut html, &mut depth, part.depth);
        let words = escaped(&beginning(&part.text, 100));
        match part.kind {
            PartKind::Test => {
                let _ = write!(html, "<li><span class=test tabindex=0 data-part={number}>{words}</span>");
            }
            _ => {
                let operands = counts[number];
                let is_open = if operands > MOST_OPERANDS { "" } else { " open" };
                let count = if operands > 2 {
                    format!(" <small>{} operands</small>", HumanCount(operands as u64))
                } else {
                    String::new()
                };
                let _ = write!(html, "<li><details{is_open}><summary data-part={number}>{words}{count}</summary><ul>");
                depth += 1;
            }
        }
    }
    close(&mut html, &mut depth, 0);
    let rest = counts.len() - parts.len();
    if rest > 0 {
        let _ = write!(html, "<li><small>{} more parts</small>", HumanCount(rest as u64));
    }
    html + "</ul>\n"
}

/// Ends the lists of operators down to this depth.
fn close(html: &mut String, depth: &mut usize, to: usize) {
    while *depth > to {
        html.push_str("</ul></details>");
        *depth -= 1;
    }
}

/// Returns the number of operands of each part.
fn operand_counts(parts: &[Part]) -> Vec<usize> {
    let mut counts = vec![0; parts.len()];
    // The parts that the next one may be an operand of, by depth.
    let mut open: Vec<usize> = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        open.truncate(part.depth);
        if let Some(&operator) = open.last() {
            counts[operator] += 1;
        }
        open.push(number);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_parts_in_each_other() {
        let html = print("tcp and (port 80 or 443)");
        let text = "<span id=e0><span id=e1>tcp</span> and (<span id=e2><span id=e3>port 80</span> or \
                    <span id=e4>443</span></span>)</span>";
        assert!(html.contains(text), "{html}");
        assert_eq!(html.matches("<ul").count(), html.matches("</ul>").count());
        assert!(html.contains("data-part=4>port 443<"), "{html}");
    }

    #[test]
    fn folds_and_cuts_long_lists() {
        let hosts: Vec<String> =
            (0..20_000).map(|number| format!("host 10.1.{}.{}", number / 256, number % 256)).collect();
        let html = print(&hosts.join(" or "));
        assert!(
            html.contains("<details><summary data-part=0>or <small>20,000 operands")
                && html.contains("19,401 more parts")
                && html.contains("only its beginning")
        );
        assert!(html.len() < 150_000, "{}", html.len());
        assert!(print(" ").contains("every packet"));
    }
}
