//! A file of rules: `name: expression` a line.
//!
//! - `#` begins a comment, which goes to the end of the line: no expression has that character.
//! - A name becomes that of a file. It has letters and digits of ASCII, `_`, `-` and `.`, begins with a letter, a digit or
//!   `_`, and is at most [`LONGEST_NAME`] bytes long. No two names differ in case only, since on some systems their files
//!   would be one.
//! - An expression that is empty matches all packets, as it does for tcpdump: `rest:` may be the last line with `--first`.
//! - All that is wrong is told, not only the first of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use cbpf::{Expr, ExprError, FilterSet, LinkType, ParseError, Target, Verified, compile_expression};

use crate::cli::capture::input_name;
use crate::cli::expression::ChainArguments;
use crate::cli::failure::Failure;
use crate::cli::input::read_bytes;

/// The longest name of a rule, in bytes; names of files may have 255.
const LONGEST_NAME: usize = 200;

/// The rules of a file, in order; the id of a rule is its place.
pub struct Rules {
    path: PathBuf,
    rules: Vec<Rule>,
    chain: ChainArguments,
}

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
    /// Reads rules that mean something for each of these link types, the only ones that are known so far.
    ///
    /// # Errors
    /// If the file cannot be read, has no rules, or has wrong ones.
    pub fn read(
        path: &Path,
        link_types: &BTreeSet<LinkType>,
        chain: ChainArguments,
    ) -> Result<(Rules, Vec<(LinkType, FilterSet)>), Failure> {
        let text = String::from_utf8(read_bytes(path)?).map_err(|_| Failure::of_file(path, "rules are a text"))?;
        let mut errors = Errors::new();
        let rules = Rules { path: path.to_path_buf(), rules: split(&text, &mut errors), chain };
        if rules.rules.is_empty() && errors.is_empty() {
            return Err(Failure::of_file(path, "there are no rules; a line such as `web: tcp port 80` is expected"));
        }
        let programs: Vec<_> =
            link_types.iter().map(|&link_type| (link_type, rules.compile(link_type, &mut errors))).collect();
        if link_types.is_empty() {
            rules.each(&mut errors, |expression| expression.parse::<Expr>().map(drop));
        }
        rules.refuse(&errors)?;
        let sets = programs.into_iter().map(|(link_type, programs)| Ok((link_type, rules.join(programs)?)));
        let sets = sets.collect::<Result<_, Failure>>()?;
        Ok((rules, sets))
    }

    /// The set of the rules for packets of a link type, of which no one knew before.
    ///
    /// # Errors
    /// If rules mean nothing there.
    pub fn set(&self, link_type: LinkType) -> Result<FilterSet, Failure> {
        let mut errors = Errors::new();
        let programs = self.compile(link_type, &mut errors);
        self.refuse(&errors)?;
        self.join(programs)
    }

    /// The names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// The programs of the rules. What no packet of this link type can match, is no error: there may be other packets.
    fn compile(&self, link_type: LinkType, errors: &mut Errors) -> Vec<Verified> {
        let target = self.chain.apply(Target::new(link_type).netmask(0).accept_nothing());
        let mut programs = Vec::with_capacity(self.rules.len());
        self.each(errors, |expression| {
            let program = compile_expression(expression, &target)?;
            self.chain.note(expression, &target);
            programs.push(program.verify(target.machine()).expect("what is compiled is valid"));
            Ok(())
        });
        programs
    }

    /// Does something with each expression, and notes what is wrong in its place, unless the line is known to be wrong.
    fn each(&self, errors: &mut Errors, mut work: impl FnMut(&str) -> Result<(), ExprError>) {
        for rule in &self.rules {
            if let Err(error) = work(&rule.line[rule.start..rule.end]) {
                errors.entry(rule.number).or_insert_with(|| rule.error(&error));
            }
        }
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

    fn join(&self, programs: Vec<Verified>) -> Result<FilterSet, Failure> {
        FilterSet::new((0..).zip(programs)).map_err(|error| Failure::of_file(&self.path, error))
    }
}

impl Rule {
    /// What is wrong with the expression, at its place in the line.
    fn error(&self, error: &ExprError) -> ParseError {
        let expression = &self.line[self.start..self.end];
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
