//! The tree of an expression as a list, with the place of each part in the text.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use crate::lang::error::ExprError;
use crate::lang::parse;
use crate::lang::tree::{Expr, Node, postfix_starts};

/// A part of an expression: a test, or an operator with its operands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// The number of operators that it is an operand of.
    pub depth: usize,
    /// Its bytes in the text, with its operands, and without parentheses around the whole.
    pub span: Range<usize>,
    /// The test with all qualifiers, also those that it inherits, in the words of the text as far as they mean the same
    /// there: `tcp port https`; the keyword of an operator.
    pub text: String,
}

/// A kind of part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// A test.
    Test,
    /// `not`, with one operand.
    Not,
    /// `and`, with two or more operands.
    And,
    /// `or`, with two or more operands.
    Or,
}

/// The longest test whose words are kept, in bytes.
const LONGEST_TEST: usize = 1000;

/// Returns the parts of an expression, each before its operands, and at most `most` of them.
///
/// Operands of the same operator that follow each other are operands of one part. The empty expression has no parts.
///
/// ```
/// use cbpf::lang::{outline, PartKind};
/// let text = "tcp and (port 80 or 443)";
/// let parts = outline(text, 100)?;
/// let lines: Vec<_> = parts.iter().map(|part| (part.depth, part.text.as_str(), &text[part.span.clone()])).collect();
/// assert_eq!(lines, [
///     (0, "and", text),
///     (1, "tcp", "tcp"),
///     (1, "or", "port 80 or 443"),
///     (2, "port 80", "port 80"),
///     (2, "port 443", "443"),
/// ]);
/// assert_eq!(parts[2].kind, PartKind::Or);
/// # Ok::<(), cbpf::ExprError>(())
/// ```
///
/// # Errors
/// [`ExprError::Invalid`] if the text has a syntax error.
pub fn outline(text: &str, most: usize) -> Result<Vec<Part>, ExprError> {
    let parse::Parsed { expr, positions } = parse::parse(text)?;
    let nodes = &expr.nodes;
    let starts = postfix_starts(nodes.iter().map(Node::operands));
    let mut parts = Vec::new();
    let mut waiting: Vec<(usize, usize)> = nodes.len().checked_sub(1).map(|root| (root, 0)).into_iter().collect();
    while parts.len() < most {
        let Some((root, depth)) = waiting.pop() else { break };
        let (kind, name) = match &nodes[root] {
            Node::Primitive(_) => (PartKind::Test, String::new()),
            Node::Not => (PartKind::Not, "not".to_string()),
            Node::And => (PartKind::And, "and".to_string()),
            Node::Or => (PartKind::Or, "or".to_string()),
        };
        // The last operand is pushed first, so the first one is popped next.
        let mut operator = root;
        while nodes[operator].operands() == 2 && nodes[operator] == nodes[root] {
            waiting.push((operator - 1, depth + 1));
            operator = starts[operator - 1] - 1;
        }
        match kind {
            PartKind::Test => {}
            PartKind::Not => waiting.push((root - 1, depth + 1)),
            PartKind::And | PartKind::Or => waiting.push((operator, depth + 1)),
        }
        let span = positions.span(text, nodes, &starts, root);
        let words = if kind == PartKind::Test { words(text.get(span.clone()), &nodes[root]) } else { name };
        parts.push(Part { kind, depth, span, text: words });
    }
    Ok(parts)
}

/// Returns a test in the words of its source if they mean the same alone, or after its qualifiers; else as it prints.
fn words(source: Option<&str>, node: &Node) -> String {
    let printed = Expr { nodes: vec![node.clone()] }.to_string();
    let Some(source) = source.filter(|source| source.len() <= LONGEST_TEST) else { return printed };
    let source = source.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_same = |words: &str| parse::parse(words).is_ok_and(|parsed| parsed.expr.nodes == [node.clone()]);
    if source == printed || is_same(&source) {
        return source;
    }
    let qualified = printed.rsplit_once(' ').map(|(qualifiers, _)| format!("{qualifiers} {source}"));
    qualified.filter(|words| is_same(words)).unwrap_or(printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let parts = outline(text, 10).unwrap();
        parts.iter().map(|part| format!("{} {} [{}]", part.depth, part.text, &text[part.span.clone()])).collect()
    }

    #[test]
    fn joins_operands_of_one_operator() {
        assert_eq!(lines(""), Vec::<String>::new());
        assert_eq!(lines("not ip"), ["0 not [not ip]", "1 ip [ip]"]);
        assert_eq!(
            lines("ip and tcp and not (udp)"),
            ["0 and [ip and tcp and not (udp)]", "1 ip [ip]", "1 tcp [tcp]", "1 not [not (udp)]", "2 udp [udp]",]
        );
        assert_eq!(lines("ip or arp and tcp")[..2], ["0 and [ip or arp and tcp]", "1 or [ip or arp]"]);
    }

    #[test]
    fn keeps_the_words_of_the_source() {
        let words = |text: &str| {
            let tests = outline(text, 100).unwrap().into_iter().filter(|part| part.kind == PartKind::Test);
            tests.map(|part| part.text).collect::<Vec<_>>()
        };
        assert_eq!(
            words("tcp[tcpflags]  & (tcp-syn|tcp-ack) == tcp-syn"),
            ["tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn"]
        );
        assert_eq!(words("src port http or https or 53"), ["src port http", "src port https", "src port 53"]);
        assert_eq!(words("ip proto \\tcp or not (arp)"), ["ip proto \\tcp", "arp"]);
        assert_eq!(words("port 80 or 443 and greater 100"), ["port 80", "port 443", "greater 100"]);
    }

    #[test]
    fn stops_after_the_most_parts() {
        assert_eq!(lines(&["ip"; 100].join(" or ")).len(), 10);
        assert!(outline("ip and", 10).is_err());
    }
}
