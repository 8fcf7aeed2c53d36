//! Options for building sets.

use std::collections::HashSet;
use std::ops::Range;

use crate::bpf::verify::Verified;
use crate::classifier::program_list::ProgramList;
use crate::filter_set::change::GAP;
use crate::filter_set::segment::{RulePosition, Segment};
use crate::filter_set::{FilterSet, SetError};
use crate::lang::{Target, compile_verified};
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
        let (mut programs, mut ids) = (ProgramList::default(), Vec::new());
        let mut known = HashSet::new();
        for (id, program) in rules {
            set.admit(id, &program)?;
            if !known.insert(id) {
                return Err(SetError::DuplicateId(id));
            }
            ids.push(id);
            programs.push(&program);
        }
        self.indexed(set, &ids, programs)
    }

    /// Returns an empty set with its first rules.
    fn indexed(&self, mut set: FilterSet, ids: &[u32], programs: ProgramList) -> Result<FilterSet, SetError> {
        let mut rules = Vec::with_capacity(ids.len());
        for &id in ids {
            rules.push(RulePosition { id, order: set.next_order });
            set.next_order += GAP;
        }
        if !rules.is_empty() {
            let segment = Segment::new(&rules, programs);
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
        let compile = |range: Range<usize>| -> Result<ProgramList, SetError> {
            let mut programs = ProgramList::default();
            for &(id, expression) in &rules[range] {
                let verified =
                    compile_verified(expression, &target).map_err(|error| SetError::Expression { id, error })?;
                programs.push(&verified.map_err(|error| SetError::Verify { id, error })?);
            }
            Ok(programs)
        };
        let mut parts = parallel::in_parts(rules.len(), compile).into_iter();
        let mut programs: ProgramList = parts.next().unwrap_or_else(|| Ok(ProgramList::default()))?;
        for part in parts {
            programs.append(&part?);
        }
        let ids: Vec<u32> = rules.iter().map(|&(id, _)| id).collect();
        let mut known = HashSet::with_capacity(ids.len());
        if let Some(&id) = ids.iter().find(|&&id| !known.insert(id)) {
            return Err(SetError::DuplicateId(id));
        }
        drop(known);
        let dialect = (!ids.is_empty()).then_some(target.get_dialect());
        let set = FilterSet { next_order: GAP, dialect, ..FilterSet::default() };
        self.indexed(set, &ids, programs)
    }
}
