//! Rules: one `name: expression` a line of a file, or one `name=expression` an argument.
//!
//! - `#` begins a comment, which goes to the end of the line. The character does not occur in expressions.
//! - Names become file names. They consist of ASCII letters and digits, `_`, `-` and `.`, begin with a letter, a digit
//!   or `_`, and have at most [`LONGEST_NAME`] bytes. Two names must differ in more than case: some file systems ignore
//!   it.
//! - An empty expression matches all packets, as for tcpdump: `rest:` may be the last line with `--first`.
//! - All errors are reported, not only the first one.
//! - A rule matches nothing on link types for which it is invalid or contradictory. It is an error only if it is
//!   invalid for all link types that occur.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use cbpf::lang::{Cause, Effect, Warning, lint};
use cbpf::text::ParseError;
use cbpf::{Expr, ExprError, FilterSet, LinkType, Target};

use crate::cli::expression::{ChainArguments, Compiled, compile, matches_some, read_commented, reason};
use crate::cli::failure::Failure;
use crate::cli::link_types::{KnownLinkTypes, works_for_a_family};
use crate::cli::live::extensions;
use crate::cli::rule_matching::rule_source::{Place, RuleSource};
use crate::cli::warnings::WarningArguments;

/// The longest name of a rule, in bytes; file names may have 255.
const LONGEST_NAME: usize = 200;

/// The most rules without matches on a link type that a warning names.
const MOST_NAMED_RULES: usize = 8;

/// The rules of a source, in order; the id of a rule is its index.
pub struct Rules {
    source: RuleSource,
    rules: Vec<Rule>,
    chain: ChainArguments,
    /// `true` for each rule that matches no packet of any link type.
    contradictions: Vec<bool>,
    /// The errors of the rules that were invalid for all link types so far; `None` before the first link type.
    invalid_so_far: Option<Errors>,
}

/// The rules for packets of a link type.
pub struct RuleSet {
    pub set: FilterSet,
    /// Set if matches may depend on the contexts of packets.
    pub needs_context: bool,
    /// The rules that match nothing there, which are not in the set.
    pub never: Vec<u32>,
    /// The warning about rules that match nothing there, except those that match nothing anywhere.
    pub warning: Option<String>,
}

struct Rule {
    place: Place,
    /// The line, or the argument.
    line: String,
    name: String,
    /// The byte range of the expression in the line.
    expression: Range<usize>,
}

/// The rules, compiled for a link type.
type CompiledRules = Vec<Result<Compiled, ExprError>>;

/// Errors by place.
type Errors = BTreeMap<Place, ParseError>;

impl Rules {
    /// Reads rules, and compiles sets of them for the known link types. Warns of rules that contradict themselves.
    ///
    /// # Errors
    /// If the file cannot be read, has no rules, or has rules that are syntactically invalid or invalid for all link
    /// types that can occur.
    pub fn read(
        source: &RuleSource,
        known: &KnownLinkTypes,
        chain: ChainArguments,
        warnings: &WarningArguments,
    ) -> Result<(Rules, BTreeMap<LinkType, RuleSet>), Failure> {
        let mut errors = Errors::new();
        let text = source.file().map_or(Ok(String::new()), |path| read_commented(path, "rules"))?;
        let rules = parse(&text, &source.arguments, &mut errors);
        if rules.is_empty() && errors.is_empty() {
            let message = "there are no rules; expected lines such as `web: tcp port 80`";
            return Err(Failure::Failed(format!("{}: {message}", source.name())));
        }
        let contradictions = vec![false; rules.len()];
        let mut rules = Rules { source: source.clone(), rules, chain, contradictions, invalid_so_far: None };
        let mut compiled: BTreeMap<_, _> =
            known.link_types.iter().map(|&link_type| (link_type, rules.compile(link_type))).collect();
        if compiled.is_empty() {
            compiled.insert(LinkType::ETHERNET, rules.compile(LinkType::ETHERNET));
        }
        rules.collect_errors(&compiled, known, &mut errors);
        rules.fail_with(&errors)?;
        rules.warn_of_contradictions(&compiled, warnings)?;
        compiled.retain(|link_type, _| known.link_types.contains(link_type));
        let sets = compiled.into_iter().map(|(link_type, compiled)| Ok((link_type, rules.join(compiled)?)));
        let sets = sets.collect::<Result<_, Failure>>()?;
        Ok((rules, sets))
    }

    /// Returns the set of the rules for packets of a link type that was not known before.
    ///
    /// # Errors
    /// If the set cannot be compiled.
    pub fn set(&mut self, link_type: LinkType) -> Result<RuleSet, Failure> {
        self.join(self.compile(link_type))
    }

    /// Checks the rules after all packets have been read.
    ///
    /// # Errors
    /// If rules are invalid for all link types that have occurred.
    pub fn finish(&self) -> Result<(), Failure> {
        self.invalid_so_far.as_ref().map_or(Ok(()), |errors| self.fail_with(errors))
    }

    /// Returns the names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// Returns the name of a rule, and the number of its line if it is in a file.
    pub fn name_and_line(&self, id: u32) -> (&str, Option<usize>) {
        let rule = &self.rules[id as usize];
        match rule.place {
            Place::Line(number) => (&rule.name, Some(number)),
            Place::Argument(_) => (&rule.name, None),
        }
    }

    /// Returns the name and the place of a rule, for a message.
    pub fn reference(&self, id: u32) -> String {
        self.rules[id as usize].reference()
    }

    fn compile(&self, link_type: LinkType) -> CompiledRules {
        self.rules.iter().map(|rule| rule.compile(link_type, self.chain)).collect()
    }

    /// Adds the errors of the rules that are syntactically invalid, or invalid for all link types that can occur.
    fn collect_errors(
        &self,
        compiled: &BTreeMap<LinkType, CompiledRules>,
        known: &KnownLinkTypes,
        errors: &mut Errors,
    ) {
        for (id, rule) in self.rules.iter().enumerate() {
            let mut invalid = compiled.values().map_while(|compiled| compiled[id].as_ref().err());
            let is_valid = |link_type| rule.compile(link_type, self.chain).is_ok();
            if let Some(error) = invalid.next()
                && invalid.count() + 1 == compiled.len()
                && (rule.expression().parse::<Expr>().is_err() || known.rule_out(is_valid))
            {
                let error = rule.expression().parse::<Expr>().err().unwrap_or_else(|| error.clone());
                errors.entry(rule.place).or_insert_with(|| rule.error(&error));
            }
        }
    }

    /// Warns of the rules that match no packet of any link type.
    fn warn_of_contradictions(
        &mut self,
        compiled: &BTreeMap<LinkType, CompiledRules>,
        warnings: &WarningArguments,
    ) -> Result<(), Failure> {
        for (id, rule) in self.rules.iter().enumerate() {
            if !compiled.values().any(|compiled| matches_some(&compiled[id]))
                && !works_for_a_family(|link_type| matches_some(&rule.compile(link_type, self.chain)))
            {
                self.contradictions[id] = true;
                let (place, name) = (self.place(rule.place), &rule.name);
                let reason = compiled.keys().find_map(|&link_type| rule.contradiction(link_type, self.chain));
                let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
                warnings.warn(format_args!("{place}: the rule `{name}` matches no packet{reason}"))?;
            }
        }
        Ok(())
    }

    /// Fails with all errors, if there are any.
    fn fail_with(&self, errors: &Errors) -> Result<(), Failure> {
        if errors.is_empty() {
            return Ok(());
        }
        let all: Vec<_> =
            errors.iter().map(|(&place, error)| format!("\n{}: {error}", self.source.name_of(place))).collect();
        let count = all.len();
        let invalid = if count == 1 { "1 rule is invalid".to_owned() } else { format!("{count} rules are invalid") };
        Err(Failure::Failed(format!("{}: {invalid}{}", self.source.name(), all.concat())))
    }

    /// Returns the place of a rule, with the name of its file.
    fn place(&self, place: Place) -> String {
        match place {
            Place::Line(_) => format!("{}: {place}", self.source.name_of(place)),
            Place::Argument(_) => place.to_string(),
        }
    }

    /// Makes a set of the rules that match something, and keeps the errors of those that are invalid.
    fn join(&mut self, compiled: CompiledRules) -> Result<RuleSet, Failure> {
        let (mut programs, mut never) = (Vec::new(), Vec::new());
        let (mut descriptions, mut invalid) = (Vec::new(), Errors::new());
        for ((id, rule), compiled) in (0_u32..).zip(&self.rules).zip(compiled) {
            if !matches_some(&compiled) {
                never.push(id);
            }
            let reason = match compiled {
                Ok(Compiled { verified, rejects_all: false }) => {
                    programs.push((id, verified));
                    continue;
                }
                Ok(_) if self.contradictions[id as usize] => continue,
                Ok(_) => "it contradicts the link type".to_owned(),
                Err(error) => {
                    invalid.insert(rule.place, rule.error(&error));
                    reason(&error)
                }
            };
            descriptions.push(format!("{}: {reason}", rule.reference()));
        }
        let invalid_so_far = self.invalid_so_far.get_or_insert_with(|| invalid.clone());
        invalid_so_far.retain(|number, _| invalid.contains_key(number));
        let needs_context = programs.iter().any(|(_, verified)| extensions(verified.program()).next().is_some());
        let set =
            FilterSet::new(programs).map_err(|error| Failure::Failed(format!("{}: {error}", self.source.name())))?;
        Ok(RuleSet { set, needs_context, never, warning: no_match_warning(&self.source.name(), descriptions) })
    }
}

/// Returns the warning about rules that match nothing on a link type.
fn no_match_warning(path: &str, mut descriptions: Vec<String>) -> Option<String> {
    let count = descriptions.len();
    let subject = match count {
        0 => return None,
        1 => "1 rule matches".to_owned(),
        _ => format!("{count} rules match"),
    };
    descriptions.truncate(MOST_NAMED_RULES);
    let more = count - descriptions.len();
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Some(format!("{subject} no packet there, of {path}: {}{more}", descriptions.join("; ")))
}

impl Rule {
    fn expression(&self) -> &str {
        &self.line[self.expression.clone()]
    }

    fn compile(&self, link_type: LinkType, chain: ChainArguments) -> Result<Compiled, ExprError> {
        compile(self.expression(), &Rule::target(link_type, chain))
    }

    /// Returns the reason why no packet matches, if it does not depend on the link type.
    fn contradiction(&self, link_type: LinkType, chain: ChainArguments) -> Option<String> {
        let warnings = lint(self.expression(), &Rule::target(link_type, chain)).ok()?;
        let is_reason =
            |warning: &&Warning| warning.effect() == Effect::RejectsAll && warning.cause() != Cause::LinkType;
        warnings.iter().find(is_reason).map(|warning| warning.message().to_owned())
    }

    fn target(link_type: LinkType, chain: ChainArguments) -> Target {
        chain.apply(Target::new(link_type).netmask(0).allow_reject_all(true))
    }

    /// Returns the error of the expression, at its position in the line.
    fn error(&self, error: &ExprError) -> ParseError {
        let expression = self.expression();
        let offset = match error {
            ExprError::Invalid(error) => {
                // An argument may have several lines.
                let before: usize = expression.split_inclusive('\n').take(error.line() - 1).map(str::len).sum();
                let column = expression[before..].char_indices().nth(error.column() - 1);
                column.map(|(offset, _)| before + offset)
            }
            _ => Some(0),
        };
        let at = self.expression.start + offset.unwrap_or(expression.len());
        let located = self.place.error(&self.line, at, reason(error));
        match error {
            ExprError::Invalid(error) => match error.help() {
                Some(help) => located.with_help(help, error.suggestion().map(str::to_owned)),
                None => located,
            },
            _ => located,
        }
    }

    /// Returns the name and the place of the rule, for a message.
    fn reference(&self) -> String {
        format!("`{}` ({})", self.name, self.place)
    }
}

/// Returns the rules of a text and of arguments, and adds the errors of invalid ones.
fn parse(text: &str, arguments: &[String], errors: &mut Errors) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut places_by_name: HashMap<String, Place> = HashMap::new();
    let lines = (1..).map(Place::Line).zip(text.lines());
    let arguments = (1..).map(Place::Argument).zip(arguments.iter().map(String::as_str));
    for (place, line) in lines.chain(arguments) {
        let line = line.trim_end();
        match parse_line(place, line) {
            Ok(None) => {}
            Ok(Some(rule)) => {
                let first = *places_by_name.entry(rule.name.to_ascii_lowercase()).or_insert(place);
                if first != place {
                    let at = line.len() - line.trim_start().len();
                    let first = match first {
                        Place::Line(_) => first.to_string(),
                        Place::Argument(_) => "another -e".to_owned(),
                    };
                    errors.insert(place, place.error(line, at, format!("expected another name: {first} has this one")));
                }
                rules.push(rule);
            }
            Err((at, message)) => _ = errors.insert(place, place.error(line, at, message)),
        }
    }
    rules
}

/// Returns the rule of a line or an argument, or the byte offset and the message of its error. A line may have none.
fn parse_line(place: Place, line: &str) -> Result<Option<Rule>, (usize, String)> {
    let end = line.len();
    let name_at = end - line.trim_start().len();
    let separator = match place {
        Place::Line(_) if name_at == end => return Ok(None),
        Place::Line(_) => ':',
        Place::Argument(_) => '=',
    };
    let example = if separator == '=' { "web=tcp port 443" } else { "web: tcp port 443" };
    let missing = || (end, format!("expected `{separator}` after the name of a rule, as in `{example}`"));
    let name_end = line.find(separator).ok_or_else(missing)?;
    let name = line[name_at..name_end].trim_end();
    check_name(name, separator).map_err(|(at, message)| (name_at + at, message))?;
    let start = end - line[name_end + 1..].trim_start().len();
    Ok(Some(Rule { place, line: line.to_owned(), name: name.to_owned(), expression: start..end }))
}

/// Returns the byte offset and the message of the error in a name, if it is invalid.
fn check_name(name: &str, separator: char) -> Result<(), (usize, String)> {
    let may_begin = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.starts_with(may_begin) {
        return Err((0, "expected a name, which begins with a letter, a digit or `_`".to_owned()));
    }
    if let Some(at) = name.find(|c| !(may_begin(c) || c == '-' || c == '.')) {
        return Err((at, format!("expected `{separator}`; a name consists of letters, digits, `_`, `-` and `.`")));
    }
    if name.len() > LONGEST_NAME {
        return Err((LONGEST_NAME, format!("expected `{separator}`; a name has at most {LONGEST_NAME} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the names and expressions of a text, and its errors.
    fn parse_text(text: &str) -> (Vec<(String, String)>, Vec<String>) {
        let mut errors = Errors::new();
        let rules = parse(text, &[], &mut errors);
        let rules = rules.iter().map(|rule| (rule.name.clone(), rule.expression().to_owned()));
        (rules.collect(), errors.values().map(ParseError::to_string).collect())
    }

    #[test]
    fn parses_blank_lines_and_colons() {
        let (rules, errors) = parse_text("\n\n  a-1.x :  ip6 host ::1 \r\n_rest:\n\t\n");
        let expected = [("a-1.x", "ip6 host ::1"), ("_rest", "")];
        assert!(rules.iter().map(|(name, expression)| (name.as_str(), expression.as_str())).eq(expected));
        assert_eq!(errors, [""; 0]);
    }

    #[test]
    fn rejects_names_unfit_for_files() {
        let long = format!("{}: ip", "n".repeat(LONGEST_NAME + 1));
        for (line, column) in
            [("../x: ip", 1), ("a/b: ip", 2), ("-r: ip", 1), (": ip", 1), ("a b: ip", 2), ("no colon", 9), (&long, 201)]
        {
            let (_, errors) = parse_text(line);
            assert!(errors[0].starts_with(&format!("line 1, column {column}: expected")), "{line}: {errors:?}");
        }
        let (_, errors) = parse_text("web: ip\n WEB: ip6\n");
        assert!(errors[0].starts_with("line 2, column 2: expected another name: line 1"), "{errors:?}");
    }
}
