//! Differences: the calls that two stacks of filters treat differently.

use alloc::vec::Vec;

use crate::bpf::verify::Verified;
use crate::seccomp::analysis::{Analysis, action_of, collect};
use crate::seccomp::analysis_error::AnalysisError;
use crate::seccomp::calls::{Architectures, Calls};
use crate::seccomp::condition::Condition;
use crate::seccomp::diagram::TooLarge;
use crate::seccomp::options::Options;
use crate::seccomp::search::search;
use crate::seccomp::section;
use crate::syscall::{Action, SeccompData};

/// Calls on which two stacks of filters differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The architectures, or one of the ABIs of x86-64.
    pub architectures: Architectures,
    /// The calls.
    pub calls: Calls,
    /// The condition on their arguments.
    pub condition: Condition,
    /// The kernel's action with the first stack.
    pub before: Action,
    /// The kernel's action with the second stack.
    pub after: Action,
    /// A call with these actions; the interpreter has confirmed them. `None` if the filters compute a number that the
    /// analysis cannot express, such as a product, and none of some thousand calls has the actions: the difference may
    /// not be real.
    pub example: Option<SeccompData>,
}

/// The outcome of calls on which both stacks agree: no pair of different actions.
const SAME: u64 = u64::MAX;

/// Returns the calls, with conditions on their arguments, for which two stacks of filters have different actions. The
/// stacks are equal if and only if there are none.
///
/// The filters are in the order in which they are installed, the oldest first. Verdicts that differ in halves that the
/// kernel ignores are equal.
///
/// The call takes up to 512 KiB of stack.
///
/// # Errors
/// [`AnalysisError`] if a filter is too complex, or was verified for another dialect. The filters of the second stack
/// are numbered after those of the first.
///
/// ```
/// use cbpf::seccomp::{self, Action};
/// use cbpf::{Dialect, Program};
/// let verified = |text: &str| text.parse::<Program>().unwrap().verify(Dialect::Seccomp).unwrap();
/// let before = verified("ld [0]\n jeq #1, deny\n ret #0x7fff0000\n deny: ret #0x00050001");
/// let after = verified("ld [0]\n jge #3, allow\n jge #1, deny\n allow: ret #0x7fff0000\n deny: ret #0x00050001");
/// let differences = seccomp::diff(&[before], &[after])?;
/// assert_eq!(differences.len(), 1);
/// assert_eq!(differences[0].calls.ranges(), [2..=2]);
/// assert_eq!((differences[0].before, differences[0].after), (Action::Allow, Action::Errno(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn diff<'f>(
    before: impl IntoIterator<Item = &'f Verified>,
    after: impl IntoIterator<Item = &'f Verified>,
) -> Result<Vec<Difference>, AnalysisError> {
    Options::new().diff(before, after)
}

impl Options {
    /// Does what [`diff`] does, within these bounds.
    ///
    /// # Errors
    /// The same.
    pub fn diff<'f>(
        &self,
        before: impl IntoIterator<Item = &'f Verified>,
        after: impl IntoIterator<Item = &'f Verified>,
    ) -> Result<Vec<Difference>, AnalysisError> {
        let (before, after) = (collect(before), collect(after));
        let mut analysis = Analysis::new(self);
        let first = analysis.stack(&before)?;
        let second = analysis.stack(&after).map_err(|error| error.after(before.len()))?;
        if first == second {
            return Ok(Vec::new());
        }
        let pair = |before: u64, after: u64| if before == after { SAME } else { before << 32 | after };
        let pairs = analysis.symbols.diagram.combine(first, second, pair);
        let pairs = pairs.map_err(|TooLarge| AnalysisError::TooComplexTogether)?;
        let mut differences = Vec::new();
        for section in section::sections(&mut analysis, pairs)? {
            for outcome in section.outcomes(&mut analysis) {
                if outcome.outcome == SAME {
                    continue;
                }
                let actions = [outcome.outcome >> 32, outcome.outcome].map(|action| Action::from(action as u32));
                let example = section.example(&analysis, outcome.calls.example(), outcome.node, outcome.outcome);
                let is_real = |call: &SeccompData| {
                    let is_here = section.architectures.contains(call) && outcome.calls.contains(call.nr);
                    is_here && [&before, &after].map(|stack| action_of(stack, call)) == actions
                };
                let filters = before.iter().chain(&after).copied();
                let example = match example {
                    Some(call) if !is_real(&call) => search(filters, &call, is_real),
                    example => example,
                };
                let [before, after] = actions;
                differences.push(Difference {
                    architectures: section.architectures.clone(),
                    calls: outcome.calls,
                    condition: outcome.condition,
                    before,
                    after,
                    example,
                });
            }
        }
        Ok(differences)
    }
}
