//! The strategies of compiled code: branches, or selections without branches.

use core::fmt;
use core::str::FromStr;

use crate::bpf::unknown_name::UnknownName;

/// The strategy of the code of a filter.
///
/// The packets determine which is faster. Branches stop at the first test that decides the verdict, but each
/// misprediction costs some 15 cycles, and mixed traffic causes many. Branchless code always computes the whole
/// program, and cannot be mispredicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Chooses branchless code for programs so small that it costs little even if branches would be predicted, and else
    /// branches.
    #[default]
    Auto,
    /// Turns tests into branches.
    Branches,
    /// Computes all values and selects the verdict. Programs that are too large or not fit for that get branches.
    Branchless,
}

impl Strategy {
    /// The strategies that code can have; `Auto` chooses between them.
    pub const ALL: &'static [Strategy] = &[Strategy::Branches, Strategy::Branchless];

    /// Returns the name: `auto`, `branches` or `branchless`.
    pub const fn name(self) -> &'static str {
        match self {
            Strategy::Auto => "auto",
            Strategy::Branches => "branches",
            Strategy::Branchless => "branchless",
        }
    }
}

/// Prints the name.
impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Parses the name.
impl FromStr for Strategy {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Strategy, UnknownName> {
        let all = [Strategy::Auto, Strategy::Branches, Strategy::Branchless];
        UnknownName::find("strategy", name, &all, Strategy::name)
    }
}
