//! Audit: weaknesses of filters, each with the instructions and a call that shows it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::bpf::verify::{Step, Verified};
use crate::seccomp::analysis::{Analysis, collect};
use crate::seccomp::analysis_error::AnalysisError;
use crate::seccomp::audit_of_sections::Audit;
use crate::seccomp::execute::Execution;
use crate::seccomp::options::Options;
use crate::seccomp::section;
use crate::seccomp::verdicts::Coverage;
use crate::syscall::{Action, SeccompData};

/// A weakness of a stack of filters; see [`audit`].
///
/// It prints as sentences that say what is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of weakness.
    pub kind: FindingKind,
    /// The number of the filter whose instructions these are: for a weakness of the stack, the one that decides about
    /// the example.
    pub filter: usize,
    /// The numbers of the instructions, in ascending order.
    pub instructions: Vec<usize>,
    /// A call that shows the weakness; none for instructions that no call reaches.
    pub example: Option<SeccompData>,
    /// The kernel's action for the example.
    pub action: Option<Action>,
    /// What is wrong.
    pub message: String,
}

/// A kind of weakness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// Calls are told apart by their numbers, and the architecture, which gives them their meaning, is not checked.
    UncheckedArchitecture,
    /// Some architectures may make all calls, while another one may not.
    OpenArchitecture,
    /// Two architectures share the rules for numbers that mean other calls.
    SharedNumbers,
    /// Calls of the x32 ABI get a more lenient action than the same calls of x86-64.
    OpenX32,
    /// An argument of 64 bits is compared by one half only.
    HalfArgument,
    /// A verdict has no known action.
    UnknownAction,
    /// Calls that are not listed are allowed.
    AllowByDefault,
    /// No call reaches some instructions.
    Unreachable,
    /// Tests whose outcome earlier tests decide: rules that never apply, or always.
    DecidedTest,
}

impl FindingKind {
    /// Returns the name: `unchecked-architecture`, `open-x32`, ...
    pub fn name(self) -> &'static str {
        match self {
            FindingKind::UncheckedArchitecture => "unchecked-architecture",
            FindingKind::OpenArchitecture => "open-architecture",
            FindingKind::SharedNumbers => "shared-numbers",
            FindingKind::OpenX32 => "open-x32",
            FindingKind::HalfArgument => "half-argument",
            FindingKind::UnknownAction => "unknown-action",
            FindingKind::AllowByDefault => "allow-by-default",
            FindingKind::Unreachable => "unreachable",
            FindingKind::DecidedTest => "decided-test",
        }
    }

    /// Returns what to do.
    pub fn advice(self) -> &'static str {
        match self {
            FindingKind::UncheckedArchitecture => {
                "load the architecture first, and kill the process for all but the expected ones"
            }
            FindingKind::OpenArchitecture => "kill the process, or deny the calls, on architectures without rules",
            FindingKind::SharedNumbers => "write rules for each architecture, by its own numbers",
            FindingKind::OpenX32 => "deny numbers from 0x40000000 on, or add rules for the calls of x32",
            FindingKind::HalfArgument => {
                "compare the other half too if the kernel reads 64 bits; the comparison is right if it reads an int"
            }
            FindingKind::UnknownAction => "return one of the actions SECCOMP_RET_*; the kernel kills the process",
            FindingKind::AllowByDefault => "list the calls that are allowed, and deny all others",
            FindingKind::Unreachable => "remove the instructions, or correct the tests before them",
            FindingKind::DecidedTest => "remove the tests, or correct them or those before them",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.message, self.kind.advice())
    }
}

/// Returns the weaknesses of a stack of filters.
///
/// The filters are in the order in which they are installed, the oldest first. Calls are judged by the kernel's action
/// for all filters, instructions and tests by their filter alone. The checks are exact: every example is a call that has
/// the stated action, and an instruction that is called unreachable is one. Whether a finding matters is for people to
/// decide; that lower halves of arguments are compared, or that calls are allowed by default, may be intended.
///
/// Calls of the x32 ABI are compared by name, with the feature `syscall-names`; otherwise by number.
///
/// The call takes up to 512 KiB of stack.
///
/// # Errors
/// [`AnalysisError`] if a filter is too complex, or was verified for another dialect.
///
/// ```
/// use cbpf::seccomp::{self, FindingKind};
/// use cbpf::{Dialect, Program};
/// let filter: Program = "ld [0]\n jeq #59, deny\n ret #0x7fff0000\n deny: ret #0x00050001".parse()?;
/// let findings = seccomp::audit(&[filter.verify(Dialect::Seccomp)?])?;
/// assert_eq!(findings[0].kind, FindingKind::UncheckedArchitecture);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn audit<'f>(filters: impl IntoIterator<Item = &'f Verified>) -> Result<Vec<Finding>, AnalysisError> {
    Options::new().audit(filters)
}

impl Options {
    /// Does what [`audit`] does, within these bounds.
    ///
    /// # Errors
    /// The same.
    pub fn audit<'f>(&self, filters: impl IntoIterator<Item = &'f Verified>) -> Result<Vec<Finding>, AnalysisError> {
        let filters = collect(filters);
        let mut analysis = Analysis::new(self);
        let root = analysis.stack(&filters)?;
        let sections = section::sections(&mut analysis, root)?;
        let mut audit = Audit { analysis: &mut analysis, filters: &filters, sections: &sections, findings: Vec::new() };
        audit.architectures();
        audit.shared_numbers();
        audit.x32()?;
        audit.halves();
        audit.unknown_actions();
        audit.defaults();
        let mut findings = audit.findings;
        for (number, filter) in filters.iter().enumerate() {
            let of_filter = instructions(&mut analysis, number, filter)?;
            findings.extend(of_filter);
        }
        Ok(findings)
    }
}

/// Returns the instructions of a filter that no call reaches, and the tests that earlier ones decide.
fn instructions(analysis: &mut Analysis, number: usize, filter: &Verified) -> Result<Vec<Finding>, AnalysisError> {
    let error = |error: crate::seccomp::execute::TooComplex| AnalysisError::TooComplex { filter: number, pc: error.pc };
    let execution = Execution::new(&mut analysis.symbols, filter).map_err(error)?;
    let len = filter.program().len();
    let Coverage { is_reached, branches } = execution.coverage(&mut analysis.symbols, len).map_err(error)?;
    let mut findings = Vec::new();
    let finding = |kind, instructions: Vec<usize>, example: Option<SeccompData>, message: String| Finding {
        kind,
        filter: number,
        instructions,
        action: example.map(|data| Action::from(filter.interpret(&data.to_bytes()))),
        example,
        message,
    };
    let unreached: Vec<usize> = (0..len).filter(|&pc| !is_reached[pc]).collect();
    if !unreached.is_empty() {
        let message = match unreached.len() {
            1 => "no call reaches this instruction".to_string(),
            count => format!("no call reaches these {count} instructions"),
        };
        findings.push(finding(FindingKind::Unreachable, unreached, None, message));
    }
    for (outcome, word) in [(false, "never holds"), (true, "always holds")] {
        let is_decided = |pc: &usize| branches[*pc].is_some_and(|branch| branch.outcomes == [outcome, !outcome]);
        let tests: Vec<usize> = (0..len).filter(is_decided).collect();
        let Some(&first) = tests.first() else { continue };
        let here = branches[first].map(|branch| branch.here);
        let example = here.and_then(|node| analysis.example(node, |outcome| outcome == 1));
        let message = match tests.len() {
            1 => format!("this test {word}, because of the tests before it"),
            count => format!("each of these {count} tests {word}, because of the tests before it"),
        };
        let example = example.map(|words| super::analysis::call(&words));
        findings.push(finding(FindingKind::DecidedTest, tests, example, message));
    }
    Ok(findings)
}

/// Returns the instructions that a call executes in a filter and for which `is_wanted` holds.
pub(super) fn executed(filter: &Verified, data: &SeccompData, is_wanted: impl Fn(&Step) -> bool) -> Vec<usize> {
    let bytes = data.to_bytes();
    let trace = filter.trace(&bytes);
    let executed = trace.iter().map(|executed| executed.pc);
    executed.filter(|&pc| filter.steps().get(pc).is_some_and(&is_wanted)).collect()
}
