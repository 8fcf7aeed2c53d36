//! The sources of rules: a file, arguments, or both.

use std::fmt;
use std::path::{Path, PathBuf};

use cbpf::text::ParseError;
use clap::Args;

use crate::cli::capture::input_name;
use crate::cli::failure::Failure;

/// The file and the arguments that hold rules.
#[derive(Args, Clone)]
pub struct RuleSource {
    /// Read rules from this file, one `name: expression` a line, with # comments; - for standard input
    #[arg(long = "rules", id = "rules", value_name = "FILE")]
    file: Option<PathBuf>,

    /// Add a rule after those of the file, or without a file; may be given more than once
    #[arg(short = 'e', long = "rule", id = "expressions", value_name = "NAME=EXPRESSION")]
    pub(super) arguments: Vec<String>,
}

impl RuleSource {
    /// Returns the source of the rules of a file.
    pub fn of_file(path: &Path) -> RuleSource {
        RuleSource { file: Some(path.to_path_buf()), arguments: Vec::new() }
    }

    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Checks that there is a source.
    pub fn check(&self) -> Result<(), Failure> {
        match self.file.is_none() && self.arguments.is_empty() {
            true => Err(Failure::Failed("expected rules: --rules FILE, or -e NAME=EXPRESSION".to_owned())),
            false => Ok(()),
        }
    }

    /// Returns the source with this file, if there is one.
    pub fn or_file(&self, file: Option<&Path>) -> RuleSource {
        RuleSource { file: file.map(Path::to_path_buf).or_else(|| self.file.clone()), ..self.clone() }
    }

    /// Returns the name of the source for messages.
    pub(super) fn name(&self) -> String {
        match (&self.file, self.arguments.is_empty()) {
            (Some(path), true) => input_name(path).to_string(),
            (Some(path), false) => format!("{} and -e", input_name(path)),
            (None, _) => "-e".to_owned(),
        }
    }

    /// Returns the name of the part of the source that holds a rule.
    pub(super) fn name_of(&self, place: Place) -> String {
        match (&self.file, place) {
            (Some(path), Place::Line(_)) => input_name(path).to_string(),
            _ => "-e".to_owned(),
        }
    }
}

/// The place of a rule: the number of its line, from 1, or of its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Line(usize),
    Argument(usize),
}

impl Place {
    /// Returns the error at a byte of the line or argument.
    pub(super) fn error(self, text: &str, at: usize, message: impl Into<String>) -> ParseError {
        match self {
            Place::Line(number) => ParseError::in_line(number, text, at, message),
            Place::Argument(_) => {
                // An argument may have several lines.
                let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
                ParseError::in_line(text[..start].matches('\n').count() + 1, &text[start..], at - start, message)
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(number) => write!(f, "line {number}"),
            Place::Argument(_) => f.write_str("-e"),
        }
    }
}
