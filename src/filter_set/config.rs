//! Options for building sets.

use std::collections::HashSet;

use crate::bpf::verify::Verified;
use crate::filter_set::change::GAP;
use crate::filter_set::segment::{RulePosition, Segment};
use crate::filter_set::{FilterSet, SetError};
use crate::lang::{Target, compile_expression};
use crate::parallel;

/// Options for building a [`FilterSet`]. The defaults are those of [`FilterSet::new`].
///
/// ```
/// use cbpf::LinkType;
/// use cbpf::filter_set::FilterSetConfig;
/// let rules = [(1, "tcp port 443"), (2, "arp")];
/// let set = FilterSetConfig::new().require_native(false).from_expressions(rules, LinkType::ETHERNET)?;
/// assert_eq!(set.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct FilterSetConfig {
    require_native: bool,
}

impl FilterSetConfig {
    /// Creates the default configuration.
    pub fn new() -> FilterSetConfig {
        FilterSetConfig::default()
    }

    /// Makes it an error if there is no native code for the tables of a new set. By default, they are interpreted then.
    ///
    /// Later changes of the set are made in any case; see [`FilterSet::engine`].
    pub fn require_native(mut self, is_required: bool) -> FilterSetConfig {
        self.require_native = is_required;
        self
    }

    /// Builds the set of these rules, in this order.
    ///
    /// # Errors
    /// As [`FilterSet::new`], and [`SetError::Compile`] if native code is required and there is none.
    pub fn build(&self, rules: impl IntoIterator<Item = (u32, Verified)>) -> Result<FilterSet, SetError> {
        let mut set = FilterSet { next_order: GAP, ..FilterSet::default() };
        let (mut all, mut ids) = (Vec::new(), HashSet::new());
        for (id, program) in rules {
            set.admit(id, &program)?;
            if !ids.insert(id) {
                return Err(SetError::DuplicateId(id));
            }
            all.push((RulePosition { id, order: set.next_order }, program));
            set.next_order += GAP;
        }
        if !all.is_empty() {
            let segment = Segment::new(all);
            set.segments.push(if self.require_native { segment.require_native()? } else { segment });
        }
        Ok(set)
    }

    /// Builds the set of these expressions of the filter language, in this order, for a link type or a [`Target`].
    ///
    /// # Errors
    /// As [`FilterSet::from_expressions`], and [`SetError::Compile`] if native code is required and there is none.
    pub fn from_expressions<'e>(
        &self,
        rules: impl IntoIterator<Item = (u32, &'e str)>,
        target: impl Into<Target>,
    ) -> Result<FilterSet, SetError> {
        let (target, rules) = (target.into(), rules.into_iter().collect::<Vec<(u32, &str)>>());
        let compile = |place: usize| {
            let (id, expression) = rules[place];
            let program =
                compile_expression(expression, &target).map_err(|error| SetError::Expression { id, error })?;
            let verified = program.verify(target.get_dialect()).map_err(|error| SetError::Verify { id, error })?;
            Ok((id, verified))
        };
        self.build(parallel::map(rules.len(), compile).into_iter().collect::<Result<Vec<_>, SetError>>()?)
    }
}
