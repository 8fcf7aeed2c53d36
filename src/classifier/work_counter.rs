//! How much is done for a packet: rules that run, and entries of tables that are looked at. Only tests count.

#[cfg(test)]
use std::cell::Cell;

/// What was done.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) rules: usize,
    pub(crate) entries: usize,
}

#[cfg(test)]
thread_local! {
    static DONE: Cell<Work> = const { Cell::new(Work { rules: 0, entries: 0 }) };
}

/// Counts a rule that runs.
#[inline]
pub(crate) fn rule() {
    #[cfg(test)]
    DONE.set(Work { rules: DONE.get().rules + 1, ..DONE.get() });
}

/// Counts an entry of a table.
#[inline]
pub(crate) fn entry() {
    #[cfg(test)]
    DONE.set(Work { entries: DONE.get().entries + 1, ..DONE.get() });
}

/// What this thread has done since it was asked last.
#[cfg(test)]
pub(crate) fn done() -> Work {
    DONE.take()
}
