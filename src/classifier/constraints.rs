//! The constraints of a term, in place if they are few: millions of terms then take one block of memory.

use std::ops::{Deref, DerefMut};

use crate::classifier::term::Constraint;

/// The number of constraints that are in place.
const IN_PLACE: usize = 8;

/// A list of constraints.
#[derive(Clone, Debug)]
pub(crate) enum Constraints {
    InPlace(u8, [Constraint; IN_PLACE]),
    Many(Vec<Constraint>),
}

impl Constraints {
    pub(crate) fn new() -> Constraints {
        Constraints::InPlace(0, [Constraint { field: 0, first: 0, span: 0 }; IN_PLACE])
    }

    pub(crate) fn push(&mut self, constraint: Constraint) {
        match self {
            Constraints::InPlace(count, list) if usize::from(*count) < IN_PLACE => {
                list[usize::from(*count)] = constraint;
                *count += 1;
            }
            Constraints::InPlace(_, list) => {
                *self = Constraints::Many(list.iter().copied().chain([constraint]).collect());
            }
            Constraints::Many(list) => list.push(constraint),
        }
    }
}

impl Deref for Constraints {
    type Target = [Constraint];

    fn deref(&self) -> &[Constraint] {
        match self {
            Constraints::InPlace(count, list) => &list[..usize::from(*count)],
            Constraints::Many(list) => list,
        }
    }
}

impl DerefMut for Constraints {
    fn deref_mut(&mut self) -> &mut [Constraint] {
        match self {
            Constraints::InPlace(count, list) => &mut list[..usize::from(*count)],
            Constraints::Many(list) => list,
        }
    }
}

impl PartialEq for Constraints {
    fn eq(&self, other: &Constraints) -> bool {
        **self == **other
    }
}

impl Eq for Constraints {}

impl<'c> IntoIterator for &'c Constraints {
    type Item = &'c Constraint;
    type IntoIter = std::slice::Iter<'c, Constraint>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'c> IntoIterator for &'c mut Constraints {
    type Item = &'c mut Constraint;
    type IntoIter = std::slice::IterMut<'c, Constraint>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl FromIterator<Constraint> for Constraints {
    fn from_iter<I: IntoIterator<Item = Constraint>>(list: I) -> Constraints {
        let mut constraints = Constraints::new();
        list.into_iter().for_each(|constraint| constraints.push(constraint));
        constraints
    }
}
