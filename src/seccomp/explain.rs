//! Explanations: what filters do with which calls.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::bpf::verify::Verified;
use crate::seccomp::analysis::{Analysis, collect, compare};
use crate::seccomp::analysis_error::AnalysisError;
use crate::seccomp::calls::{Architectures, Calls};
use crate::seccomp::condition::Condition;
use crate::seccomp::options::Options;
use crate::seccomp::section;
use crate::syscall::{Action, Arch, SeccompData};

/// What a stack of filters does with all calls; see [`explain`].
///
/// It prints as a list for each architecture: the actions, the most lenient first, and for each the calls with their
/// conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The architectures and ABIs. Each call belongs to one.
    pub sections: Vec<Section>,
}

/// What filters do with the calls of some architectures.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Section {
    /// The architectures, or one of the ABIs of x86-64.
    pub architectures: Architectures,
    /// The rules. For each call, the condition of one rule holds.
    pub rules: Vec<Rule>,
}

/// An action, and the calls that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The kernel's action.
    pub action: Action,
    /// The calls.
    pub calls: Calls,
    /// The condition on their arguments.
    pub condition: Condition,
}

/// Returns what a stack of filters does: for each architecture and ABI, and for each action, which calls, under which
/// conditions on their arguments.
///
/// The filters are in the order in which they are installed, the oldest first; the action is that of the kernel for all
/// of them. The result is exact, and does not depend on how the filters test. Conditions are on whole arguments of 64
/// bits where the architecture is known. A condition with too many tests is [`Condition::TooComplex`].
///
/// The call takes up to 512 KiB of stack.
///
/// # Errors
/// [`AnalysisError`] if a filter is too complex, or was verified for another dialect.
///
/// ```
/// use cbpf::seccomp::{self, Action};
/// use cbpf::{Dialect, Program};
/// let filter: Program = "ld [4]\n jne #0xc000003e, kill\n ld [0]\n jne #1, allow\n ld [20]\n jne #0, deny
///                        ld [16]\n jeq #2, allow\n deny: ret #0x00050001\n allow: ret #0x7fff0000
///                        kill: ret #0x80000000".parse()?;
/// let explanation = seccomp::explain(&[filter.verify(Dialect::Seccomp)?])?;
/// let x86_64 = &explanation.sections[0];
/// assert_eq!(x86_64.architectures.to_string(), "x86_64");
/// let denied = x86_64.rules.iter().find(|rule| rule.action == Action::Errno(1)).unwrap();
/// assert!(denied.calls.contains(1));
/// assert_eq!(denied.condition.to_string(), "arg0 != 2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain<'f>(filters: impl IntoIterator<Item = &'f Verified>) -> Result<Explanation, AnalysisError> {
    Options::new().explain(filters)
}

impl Options {
    /// Does what [`explain`] does, within these bounds.
    ///
    /// # Errors
    /// The same.
    pub fn explain<'f>(&self, filters: impl IntoIterator<Item = &'f Verified>) -> Result<Explanation, AnalysisError> {
        let mut analysis = Analysis::new(self);
        let root = analysis.stack(&collect(filters))?;
        let mut explanation = Explanation { sections: Vec::new() };
        for section in section::sections(&mut analysis, root)? {
            let rule = |outcome: section::Outcome| Rule {
                action: Action::from(outcome.outcome as u32),
                calls: outcome.calls,
                condition: outcome.condition,
            };
            let mut rules: Vec<Rule> = section.outcomes(&mut analysis).into_iter().map(rule).collect();
            rules.sort_by(|a, b| {
                let strictness = compare(u32::from(b.action).into(), u32::from(a.action).into());
                strictness.then(u32::from(a.action).cmp(&u32::from(b.action)))
            });
            explanation.sections.push(Section { architectures: section.architectures, rules });
        }
        Ok(explanation)
    }
}

impl Explanation {
    /// Returns the action for a call, or `None` if it depends on a condition with too many tests.
    pub fn action(&self, data: &SeccompData) -> Option<Action> {
        let section = self.sections.iter().find(|section| section.architectures.contains(data))?;
        let rules = section.rules.iter().filter(|rule| rule.calls.contains(data.nr));
        rules.map(|rule| Some((rule.action, rule.condition.matches(data)?))).find_map(|rule| match rule {
            Some((action, true)) => Some(Some(action)),
            Some((_, false)) => None,
            None => Some(None),
        })?
    }

    /// Prints the explanation; where the filters do not check the architecture, names are those of `presumed`.
    pub fn print(&self, presumed: Arch) -> String {
        let mut text = String::new();
        for section in &self.sections {
            section.print(presumed, &mut text);
        }
        text
    }
}

impl Section {
    fn print(&self, presumed: Arch, text: &mut String) {
        let presumed = self.architectures.presumed(presumed);
        *text += &format!("{}:\n", self.architectures);
        let mut action = None;
        for rule in &self.rules {
            if action.replace(rule.action) != Some(rule.action) {
                *text += &format!("  {}\n", rule.action);
            }
            let calls = match rule.calls.is_rest() {
                true if self.rules.iter().all(|rule| rule.calls.is_rest()) => vec!["every call".into()],
                true => vec!["every other call".into()],
                false => rule.calls.names(presumed),
            };
            let condition = match rule.condition {
                Condition::Always => String::new(),
                ref condition => format!(" if {condition}"),
            };
            print_list(&calls, &condition, text);
        }
    }
}

/// The width of printed lines, unless a condition is longer.
const WIDTH: usize = 100;

/// Adds indented lines of words, and what follows the last one.
fn print_list(words: &[String], end: &str, text: &mut String) {
    let mut line = String::new();
    for (place, word) in words.iter().enumerate() {
        let is_last = place + 1 == words.len();
        if !line.is_empty() && line.len() + word.len() + 6 > WIDTH {
            *text += &format!("    {}\n", line.trim_end());
            line.clear();
        }
        line += word;
        line += if is_last { "" } else { ", " };
    }
    *text += &format!("    {line}{end}\n");
}

/// Prints the explanation with the names of this machine's calls where filters do not check the architecture.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print(Arch::default()))
    }
}
