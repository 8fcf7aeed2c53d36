//! The action of a verdict on a system call, and the strictest of many.

use core::cmp::Ordering;
use core::fmt;

/// The kernel's action on a system call: the upper 16 bits of a verdict, and for some actions the lower 16.
///
/// It converts from and to a verdict. The lower bits of an action without data, which the kernel ignores, are lost.
///
/// ```
/// use cbpf::seccomp::Action;
/// assert_eq!(Action::from(0x0005_0001), Action::Errno(1));
/// assert_eq!(u32::from(Action::Allow), 0x7fff_0000);
/// assert_eq!(Action::Errno(1).to_string(), "ERRNO(1)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Action {
    /// Kills the process with SIGSYS (`SECCOMP_RET_KILL_PROCESS`).
    KillProcess,
    /// Kills the thread with SIGSYS; a process of one thread dies with it (`SECCOMP_RET_KILL_THREAD`).
    KillThread,
    /// Skips the call and sends SIGSYS with this `si_errno` (`SECCOMP_RET_TRAP`).
    Trap(u16),
    /// Skips the call, which returns this error; see [`Action::errno`] (`SECCOMP_RET_ERRNO`).
    Errno(u16),
    /// Notifies the listener of the filter; without one the call returns ENOSYS (`SECCOMP_RET_USER_NOTIF`).
    UserNotify,
    /// Notifies the tracer with this message; without one the call returns ENOSYS (`SECCOMP_RET_TRACE`).
    Trace(u16),
    /// Lets the call through and logs it (`SECCOMP_RET_LOG`).
    Log,
    /// Lets the call through (`SECCOMP_RET_ALLOW`).
    Allow,
    /// A verdict without a known action: the kernel kills the process.
    Unknown(u32),
}

/// The facts about one action: the upper half of its verdicts, its name in `SECCOMP_RET_*`, and its constructor from
/// the lower half.
struct ActionRow {
    code: u16,
    name: &'static str,
    action: fn(u16) -> Action,
}

const fn row(code: u16, name: &'static str, action: fn(u16) -> Action) -> ActionRow {
    ActionRow { code, name, action }
}

/// Every action of the kernel, the strictest first.
static TABLE: [ActionRow; 8] = [
    row(0x8000, "KILL_PROCESS", |_| Action::KillProcess),
    row(0x0000, "KILL_THREAD", |_| Action::KillThread),
    row(0x0003, "TRAP", Action::Trap),
    row(0x0005, "ERRNO", Action::Errno),
    row(0x7fc0, "USER_NOTIF", |_| Action::UserNotify),
    row(0x7ff0, "TRACE", Action::Trace),
    row(0x7ffc, "LOG", |_| Action::Log),
    row(0x7fff, "ALLOW", |_| Action::Allow),
];

/// The short name of the action that kills the thread.
const KILL: &str = "KILL";

/// The largest error of a call: `MAX_ERRNO` of the kernel.
const MAX_ERRNO: u16 = 4095;

impl Action {
    /// Returns the kernel's action for a thread with many filters: the strictest, and among equally strict ones, which
    /// may differ in their data, that of the filter installed last.
    ///
    /// The kernel runs the newest filter first, so its action is the first of `newest_first`. Without filters the call
    /// is allowed.
    ///
    /// ```
    /// use cbpf::seccomp::Action;
    /// let actions = [Action::Allow, Action::Errno(2), Action::Errno(1), Action::Log];
    /// assert_eq!(Action::strictest(actions), Action::Errno(2));
    /// assert_eq!(Action::strictest([]), Action::Allow);
    /// ```
    pub fn strictest(newest_first: impl IntoIterator<Item = Action>) -> Action {
        newest_first.into_iter().fold(Action::Allow, |strictest, next| match next.compare_strictness(strictest) {
            Ordering::Less => next,
            _ => strictest,
        })
    }

    /// Compares actions as `seccomp_run_filters` does: signed numbers without data, where less is stricter.
    pub(crate) fn compare_strictness(self, other: Action) -> Ordering {
        let rank = |action: Action| (u32::from(action) & 0xffff_0000) as i32;
        rank(self).cmp(&rank(other))
    }

    /// Returns the error of the call, 0 to 4,095, if the action is [`Action::Errno`]. With 0 the call is skipped and
    /// succeeds.
    ///
    /// ```
    /// use cbpf::seccomp::Action;
    /// assert_eq!(Action::Errno(5000).errno(), Some(4095));
    /// assert_eq!(Action::Trap(1).errno(), None);
    /// ```
    pub fn errno(self) -> Option<u16> {
        match self {
            Action::Errno(errno) => Some(errno.min(MAX_ERRNO)),
            _ => None,
        }
    }

    /// Returns the lower half of the verdict, 0 for an action without data.
    pub fn data(self) -> u16 {
        match self {
            Action::Trap(data) | Action::Errno(data) | Action::Trace(data) => data,
            Action::Unknown(verdict) => verdict as u16,
            _ => 0,
        }
    }

    /// Returns the action with this name in `SECCOMP_RET_*`, or of `KILL`, without data.
    pub(crate) fn named(name: &str) -> Option<Action> {
        let row = TABLE.iter().find(|row| row.name == name).map(|row| (row.action)(0));
        row.or_else(|| (name == KILL).then_some(Action::KillThread))
    }

    /// Returns the name in `SECCOMP_RET_*`, or `None` for an unknown action.
    fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    fn row(self) -> Option<&'static ActionRow> {
        TABLE.iter().find(|row| (row.action)(self.data()) == self)
    }
}

impl From<u32> for Action {
    fn from(verdict: u32) -> Action {
        let [code, data] = [verdict >> 16, verdict].map(|half| half as u16);
        let row = TABLE.iter().find(|row| row.code == code);
        row.map_or(Action::Unknown(verdict), |row| (row.action)(data))
    }
}

impl From<Action> for u32 {
    fn from(action: Action) -> u32 {
        match (action, action.row()) {
            (Action::Unknown(verdict), _) => verdict,
            (_, row) => row.map_or(0, |row| u32::from(row.code) << 16) | u32::from(action.data()),
        }
    }
}

/// Prints the action as seccomp-tools and libseccomp do: the name in `SECCOMP_RET_*`, or `KILL` for the thread, with
/// the data of `ERRNO`, and of `TRAP` and `TRACE` if it is not 0. An unknown action prints as a number.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (*self, self.name()) {
            (Action::KillThread, _) => f.pad(KILL),
            (Action::Errno(data) | Action::Trap(data @ 1..) | Action::Trace(data @ 1..), Some(name)) => {
                write!(f, "{name}({data})")
            }
            (_, Some(name)) => f.pad(name),
            (action, None) => write!(f, "{:#x}", u32::from(action)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_verdicts_without_loss_of_used_data() {
        for code in 0..=u16::MAX {
            let verdict = u32::from(code) << 16 | 0x1234;
            let action = Action::from(verdict);
            let has_data = matches!(action, Action::Trap(_) | Action::Errno(_) | Action::Trace(_) | Action::Unknown(_));
            let kept = if has_data { verdict } else { verdict & !0xffff };
            assert_eq!(u32::from(action), kept);
            assert_eq!(Action::from(kept), action);
        }
    }

    #[test]
    fn table_is_in_the_order_of_strictness() {
        let ranks = TABLE.each_ref().map(|row| (row.action)(7));
        assert!(ranks.windows(2).all(|pair| pair[0].compare_strictness(pair[1]) == Ordering::Less));
        for row in &TABLE {
            assert_eq!(Action::named(row.name), Some((row.action)(0)));
        }
    }

    #[test]
    fn prints_the_notation_of_seccomp_tools() {
        let words = [0, 0x8000_0000, 0x0003_0000, 0x0003_0002, 0x0005_0000, 0x7ff0_0000, 0x7fff_0000, 0x0001_0000]
            .map(|verdict| Action::from(verdict).to_string());
        assert_eq!(words, ["KILL", "KILL_PROCESS", "TRAP", "TRAP(2)", "ERRNO(0)", "TRACE", "ALLOW", "0x10000"]);
    }

    #[test]
    fn newest_of_equally_strict_actions_wins() {
        assert_eq!(Action::strictest([Action::Trace(2), Action::Trace(1)]), Action::Trace(2));
        assert_eq!(Action::strictest([Action::KillThread, Action::KillProcess]), Action::KillProcess);
        // Numbers above 0x7fff are negative, so an unknown action can be the strictest.
        let unknown = Action::Unknown(0xffff_0000);
        assert_eq!(Action::strictest([Action::KillThread, unknown]), unknown);
    }
}
