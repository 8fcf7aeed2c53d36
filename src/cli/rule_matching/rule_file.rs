//! A file of rules: `name: expression` a line.
//!
//! - `#` begins a comment, which goes to the end of the line: no expression has that character.
//! - A name becomes that of a file. It has letters and digits of ASCII, `_`, `-` and `.`, begins with a letter, a digit or
//!   `_`, and is at most [`LONGEST_NAME`] bytes long. No two names differ in case only, since on some systems their files
//!   would be one.
//! - An expression that is empty matches all packets, as it does for tcpdump: `rest:` may be the last line with `--first`.
//! - All that is wrong is told, not only the first of it.
//! - A rule matches nothing on link types for which it has no meaning or which it contradicts, and is wrong only if it has no
//!   meaning for any link type that occurs.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use cbpf::{Expr, ExprError, FilterSet, LinkType, ParseError, Target, Verified, compile_expression};

use crate::cli::capture::input_name;
use crate::cli::expression::ChainArguments;
use crate::cli::failure::Failure;
use crate::cli::input::read_bytes;
use crate::cli::link_types::{KnownLinkTypes, works_somewhere};
use crate::cli::warnings::WarningArguments;

/// The longest name of a rule, in bytes; names of files may have 255.
const LONGEST_NAME: usize = 200;

/// The rules of a file, in order; the id of a rule is its place.
pub struct Rules {
    path: PathBuf,
    rules: Vec<Rule>,
    chain: ChainArguments,
    /// Whether no packet at all matches a rule.
    contradictions: Vec<bool>,
    /// What is wrong with the rules that have had no meaning for any link type so far; nothing before the first one.
    useless: Option<Errors>,
}

/// The rules for packets of a link type.
pub struct RuleSet {
    pub set: FilterSet,
    /// The rules that match nothing there, which are not in the set.
    pub never: Vec<u32>,
    /// Which rules match nothing there, and why, if it has not been said for all packets.
    pub complaint: Option<String>,
}

/// A rule for a link type.
enum Judged {
    Accepts(Verified),
    RejectsAll,
    Refused(ExprError),
}

/// As many rules that match nothing on a link type are named; more would be too many.
const MOST_COMPLAINTS: usize = 8;

struct Rule {
    /// Number of the line, from 1.
    number: usize,
    line: String,
    name: String,
    /// Where the expression begins in the line, and ends.
    start: usize,
    end: usize,
}

/// What is wrong, by number of the line.
type Errors = BTreeMap<usize, ParseError>;

impl Rules {
    /// Reads rules, and makes sets of them for the link types that are known. Rules that contradict themselves get a warning.
    ///
    /// # Errors
    /// If the file cannot be read, has no rules, or has wrong ones: which are no expressions, or have no meaning for any link
    /// type that can occur.
    pub fn read(
        path: &Path,
        known: &KnownLinkTypes,
        chain: ChainArguments,
        warnings: &WarningArguments,
    ) -> Result<(Rules, BTreeMap<LinkType, RuleSet>), Failure> {
        let text = String::from_utf8(read_bytes(path)?).map_err(|_| Failure::of_file(path, "rules are a text"))?;
        let mut errors = Errors::new();
        let rules = split(&text, &mut errors);
        if rules.is_empty() && errors.is_empty() {
            return Err(Failure::of_file(path, "there are no rules; a line such as `web: tcp port 80` is expected"));
        }
        let contradictions = vec![false; rules.len()];
        let mut rules = Rules { path: path.to_path_buf(), rules, chain, contradictions, useless: None };
        let mut judged: BTreeMap<_, _> =
            known.link_types.iter().map(|&link_type| (link_type, rules.judge(link_type))).collect();
        if judged.is_empty() {
            judged.insert(LinkType::ETHERNET, rules.judge(LinkType::ETHERNET));
        }
        rules.look_for_errors(&judged, known, &mut errors);
        rules.refuse(&errors)?;
        rules.warn_of_contradictions(&judged, warnings)?;
        judged.retain(|link_type, _| known.link_types.contains(link_type));
        let sets = judged.into_iter().map(|(link_type, judged)| Ok((link_type, rules.join(judged)?)));
        let sets = sets.collect::<Result<_, Failure>>()?;
        Ok((rules, sets))
    }

    /// The set of the rules for packets of a link type, of which no one knew before.
    ///
    /// # Errors
    /// If the set cannot be made.
    pub fn set(&mut self, link_type: LinkType) -> Result<RuleSet, Failure> {
        self.join(self.judge(link_type))
    }

    /// Judges the rules when all packets have been read.
    ///
    /// # Errors
    /// If rules have no meaning for any link type that has occurred.
    pub fn finish(&self) -> Result<(), Failure> {
        self.useless.as_ref().map_or(Ok(()), |useless| self.refuse(useless))
    }

    /// The names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// The rules for a link type.
    fn judge(&self, link_type: LinkType) -> Vec<Judged> {
        self.rules.iter().map(|rule| rule.judge(link_type, self.chain)).collect()
    }

    /// Notes the rules that are no expressions, or that have no meaning for any link type that can occur.
    fn look_for_errors(&self, judged: &BTreeMap<LinkType, Vec<Judged>>, known: &KnownLinkTypes, errors: &mut Errors) {
        for (place, rule) in self.rules.iter().enumerate() {
            let mut refused = judged.values().map_while(|judged| match &judged[place] {
                Judged::Refused(error) => Some(error),
                _ => None,
            });
            let works = |link_type| !matches!(rule.judge(link_type, self.chain), Judged::Refused(_));
            if let Some(error) = refused.next()
                && refused.count() + 1 == judged.len()
                && (rule.expression().parse::<Expr>().is_err() || known.rule_out(works))
            {
                let error = rule.expression().parse::<Expr>().err().unwrap_or_else(|| error.clone());
                errors.entry(rule.number).or_insert_with(|| rule.error(&error));
            }
        }
    }

    /// Warns of the rules that match no packet at all.
    fn warn_of_contradictions(
        &mut self,
        judged: &BTreeMap<LinkType, Vec<Judged>>,
        warnings: &WarningArguments,
    ) -> Result<(), Failure> {
        for (place, rule) in self.rules.iter().enumerate() {
            let accepts = |judged: &Judged| matches!(judged, Judged::Accepts(_));
            if !judged.values().any(|judged| accepts(&judged[place]))
                && !works_somewhere(|link_type| accepts(&rule.judge(link_type, self.chain)))
            {
                self.contradictions[place] = true;
                let (path, number, name) = (input_name(&self.path), rule.number, &rule.name);
                warnings.warn(format_args!("{path}: line {number}: the rule `{name}` matches no packet"))?;
            }
        }
        Ok(())
    }

    fn refuse(&self, errors: &Errors) -> Result<(), Failure> {
        if errors.is_empty() {
            return Ok(());
        }
        let all: Vec<_> = errors.values().map(ParseError::to_string).collect();
        let (path, count) = (input_name(&self.path), all.len());
        let wrong = if count == 1 { "1 rule is wrong".to_owned() } else { format!("{count} rules are wrong") };
        Err(Failure::Failed(format!("{path}: {wrong}\n{path}: {}", all.join(&format!("\n{path}: ")))))
    }

    /// Makes a set of the rules that match something, and remembers those that have no meaning.
    fn join(&mut self, judged: Vec<Judged>) -> Result<RuleSet, Failure> {
        let (mut programs, mut never) = (Vec::new(), Vec::new());
        let (mut complaints, mut refused) = (Vec::new(), Errors::new());
        for ((id, rule), judged) in (0_u32..).zip(&self.rules).zip(judged) {
            if !matches!(judged, Judged::Accepts(_)) {
                never.push(id);
            }
            let reason = match judged {
                Judged::Accepts(verified) => {
                    programs.push((id, verified));
                    continue;
                }
                Judged::RejectsAll if self.contradictions[id as usize] => continue,
                Judged::RejectsAll => "it contradicts the link type".to_owned(),
                Judged::Refused(error) => {
                    let error = rule.error(&error);
                    let reason = error.message().to_owned();
                    refused.insert(rule.number, error);
                    reason
                }
            };
            complaints.push(format!("`{}` (line {}): {reason}", rule.name, rule.number));
        }
        let useless = self.useless.get_or_insert_with(|| refused.clone());
        useless.retain(|number, _| refused.contains_key(number));
        let set = FilterSet::new(programs).map_err(|error| Failure::of_file(&self.path, error))?;
        Ok(RuleSet { set, never, complaint: complaint(&input_name(&self.path).to_string(), complaints) })
    }
}

/// What is said of rules that match nothing on a link type.
fn complaint(path: &str, mut complaints: Vec<String>) -> Option<String> {
    let count = complaints.len();
    let what = match count {
        0 => return None,
        1 => "a rule matches".to_owned(),
        _ => format!("{count} rules match"),
    };
    complaints.truncate(MOST_COMPLAINTS);
    let more =
        if count > complaints.len() { format!("; and {} more", count - complaints.len()) } else { String::new() };
    Some(format!("{what} no packet there, of {path}: {}{more}", complaints.join("; ")))
}

impl Rule {
    fn expression(&self) -> &str {
        &self.line[self.start..self.end]
    }

    /// The rule for a link type.
    fn judge(&self, link_type: LinkType, chain: ChainArguments) -> Judged {
        let target = chain.apply(Target::new(link_type).netmask(0).accept_nothing());
        let compiled = compile_expression(self.expression(), &target);
        chain.note(self.expression(), &target);
        match compiled {
            Ok(program) => match program.verify(target.machine()).expect("what is compiled is valid") {
                verified if verified.rejects_all() => Judged::RejectsAll,
                verified => Judged::Accepts(verified),
            },
            Err(error) => Judged::Refused(error),
        }
    }

    /// What is wrong with the expression, at its place in the line.
    fn error(&self, error: &ExprError) -> ParseError {
        let expression = self.expression();
        match error {
            ExprError::Invalid(error) => {
                let column = expression.char_indices().nth(error.column() - 1);
                let at = self.start + column.map_or(expression.len(), |(at, _)| at);
                ParseError::in_line(self.number, &self.line, at, error.message())
            }
            other => ParseError::in_line(self.number, &self.line, self.start, other.to_string()),
        }
    }
}

/// The rules of a text; lines that are none are noted.
fn split(text: &str, errors: &mut Errors) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut taken: HashMap<String, usize> = HashMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        match rule(number, line) {
            Ok(None) => {}
            Ok(Some(rule)) => {
                let first = *taken.entry(rule.name.to_ascii_lowercase()).or_insert(number);
                if first != number {
                    let at = line.len() - line.trim_start().len();
                    let message = format!("expected another name: line {first} has this one");
                    errors.insert(number, ParseError::in_line(number, line, at, message));
                }
                rules.push(rule);
            }
            Err((at, message)) => _ = errors.insert(number, ParseError::in_line(number, line, at, message)),
        }
    }
    rules
}

/// The rule of a line, if it has one; else where it is wrong, and how.
fn rule(number: usize, line: &str) -> Result<Option<Rule>, (usize, String)> {
    let content = line.split('#').next().unwrap_or("").trim_end();
    if content.trim_start().is_empty() {
        return Ok(None);
    }
    let name_at = content.len() - content.trim_start().len();
    let colon =
        content.find(':').ok_or_else(|| (content.len(), "expected `:` behind the name of a rule".to_owned()))?;
    let name = content[name_at..colon].trim_end();
    if let Some((at, message)) = wrong_name(name) {
        return Err((name_at + at, message));
    }
    let end = content.len();
    let start = end - content[colon + 1..].trim_start().len();
    Ok(Some(Rule { number, line: line.to_owned(), name: name.to_owned(), start, end }))
}

/// What is wrong with a name, and where.
fn wrong_name(name: &str) -> Option<(usize, String)> {
    let may_begin = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.starts_with(may_begin) {
        return Some((0, "expected a name, which begins with a letter, a digit or `_`".to_owned()));
    }
    if let Some(at) = name.find(|c| !(may_begin(c) || c == '-' || c == '.')) {
        return Some((at, "expected `:`; a name has letters, digits, `_`, `-` and `.`".to_owned()));
    }
    let message = || format!("expected `:`; a name has at most {LONGEST_NAME} bytes");
    (name.len() > LONGEST_NAME).then(|| (LONGEST_NAME, message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names and expressions of a text, and what is wrong with it.
    fn split_text(text: &str) -> (Vec<(String, String)>, Vec<String>) {
        let mut errors = Errors::new();
        let rules = split(text, &mut errors);
        let rules = rules.into_iter().map(|rule| (rule.name, rule.line[rule.start..rule.end].to_owned()));
        (rules.collect(), errors.values().map(ParseError::to_string).collect())
    }

    #[test]
    fn comments_blanks_and_colons() {
        let (rules, errors) = split_text("# all\n\n  a-1.x :  ip6 host ::1 # why\r\n_rest:\n\t#\n");
        let expected = [("a-1.x", "ip6 host ::1"), ("_rest", "")];
        assert!(rules.iter().map(|(name, expression)| (name.as_str(), expression.as_str())).eq(expected));
        assert_eq!(errors, [""; 0]);
    }

    #[test]
    fn names_that_no_file_should_have() {
        let long = format!("{}: ip", "n".repeat(LONGEST_NAME + 1));
        for (line, column) in
            [("../x: ip", 1), ("a/b: ip", 2), ("-r: ip", 1), (": ip", 1), ("a b: ip", 2), ("no colon", 9), (&long, 201)]
        {
            let (_, errors) = split_text(line);
            assert!(errors[0].starts_with(&format!("line 1, column {column}: expected")), "{line}: {errors:?}");
        }
        let (_, errors) = split_text("web: ip\n WEB: ip6\n");
        assert!(errors[0].starts_with("line 2, column 2: expected another name: line 1"), "{errors:?}");
    }
}
