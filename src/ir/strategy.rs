//! How code decides: by branches, or by computing everything and selecting.

/// How the code of a filter decides.
///
/// Which is faster depends on the packets. Branches stop at the first test that settles the verdict, and cost some 15
/// cycles where the processor takes the wrong one, which it does when neighbouring packets have nothing to do with each
/// other. Data flow always does all the work of a program, and never guesses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Data flow for programs that are so small that it costs little even where branches would be guessed well, and else
    /// branches.
    #[default]
    Auto,
    /// Tests are branches.
    Branches,
    /// All values are computed, and the verdict is selected. Programs that are too large for that, or not fit, have
    /// branches.
    Branchless,
}

impl Strategy {
    /// The shapes that code has.
    pub const ALL: &'static [Strategy] = &[Strategy::Branches, Strategy::Branchless];

    /// Its name: `auto`, `branches` or `branchless`.
    pub const fn name(self) -> &'static str {
        match self {
            Strategy::Auto => "auto",
            Strategy::Branches => "branches",
            Strategy::Branchless => "branchless",
        }
    }
}
