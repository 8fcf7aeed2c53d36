//! The error of parsing a name.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The error of parsing the name of a [`Dialect`](crate::Dialect), a [`Form`](crate::text::Form), a
/// [`LinkType`](crate::LinkType) or another choice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnknownName {
    kind: &'static str,
    name: String,
    expected: Vec<&'static str>,
}

impl UnknownName {
    /// Creates the error for a `kind` of choice; `expected` are names that exist.
    pub(crate) fn new(kind: &'static str, name: &str, expected: impl IntoIterator<Item = &'static str>) -> UnknownName {
        UnknownName { kind, name: name.to_owned(), expected: expected.into_iter().collect() }
    }

    /// Returns the choice with a name, out of all that exist.
    pub(crate) fn find<T: Copy>(
        kind: &'static str,
        name: &str,
        choices: &[T],
        name_of: fn(T) -> &'static str,
    ) -> Result<T, UnknownName> {
        let found = choices.iter().copied().find(|&choice| name_of(choice) == name);
        found.ok_or_else(|| UnknownName::new(kind, name, choices.iter().map(|&choice| name_of(choice))))
    }

    /// Returns the name that was parsed.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown {} `{}`", self.kind, self.name)?;
        for (index, expected) in self.expected.iter().enumerate() {
            let separator = match index {
                0 => ": expected ",
                _ if index + 1 == self.expected.len() => " or ",
                _ => ", ",
            };
            write!(f, "{separator}{expected}")?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownName {}
