//! Counts, in tests only, of the work for a packet: rules that run, and table entries that are looked at.

#[cfg(test)]
use std::cell::Cell;

/// The work since the counts were last taken.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WorkCount {
    pub(crate) rules: usize,
    pub(crate) entries: usize,
}

#[cfg(test)]
thread_local! {
    static COUNT: Cell<WorkCount> = const { Cell::new(WorkCount { rules: 0, entries: 0 }) };
}

/// Counts a rule that runs.
#[inline]
pub(crate) fn rule() {
    #[cfg(test)]
    COUNT.set(WorkCount { rules: COUNT.get().rules + 1, ..COUNT.get() });
}

/// Counts an entry of a table.
#[inline]
pub(crate) fn entry() {
    #[cfg(test)]
    COUNT.set(WorkCount { entries: COUNT.get().entries + 1, ..COUNT.get() });
}

/// Returns the counts of this thread, and resets them.
#[cfg(test)]
pub(crate) fn take() -> WorkCount {
    COUNT.take()
}
