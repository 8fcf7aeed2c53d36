//! The bounds of analyses.

/// How much work an analysis may take.
///
/// The functions of the module, such as [`merge`](crate::seccomp::merge), use the default.
///
/// ```
/// use cbpf::seccomp::Options;
/// use cbpf::{Dialect, Program};
/// let filter: Program = "ld [0]\n jeq #59, deny\n ret #0x7fff0000\n deny: ret #0x00050001".parse()?;
/// let filter = [filter.verify(Dialect::Seccomp)?];
/// assert!(Options::new().max_steps(1_000).merge(&filter).is_ok());
/// assert!(Options::new().max_steps(10).merge(&filter).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    max_steps: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}

impl Options {
    /// Creates the options with two million steps.
    pub fn new() -> Options {
        Options { max_steps: 2_000_000 }
    }

    /// Sets the limit of steps; each makes at most one node of a diagram, and takes up to 80 bytes and about half a
    /// microsecond.
    pub fn max_steps(self, max_steps: usize) -> Options {
        Options { max_steps }
    }

    pub(super) fn steps(&self) -> usize {
        self.max_steps
    }
}
