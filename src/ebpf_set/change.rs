//! Changes of a program that runs, as updates of its maps.

use std::ops::Bound::{Excluded, Unbounded};

use crate::bpf::verify::Verified;
use crate::classifier::path_extraction;
use crate::classifier::table::Lookup;
use crate::classifier::table_entry::mark;
use crate::classifier::term::{self, Term};
use crate::ebpf_set::added_terms::{AddedTerm, NO_ORDER, order_of};
use crate::ebpf_set::{Place, SetProgram, SetProgramError, bit_vectors, maps};

/// An update of an element of a map, as `bpf_map_update_elem` makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MapUpdate {
    /// The index of the map in [`Program::maps`](crate::ebpf::Program::maps).
    pub map: u32,
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

impl SetProgram {
    /// Adds a rule after all others, and returns the updates that do so in the kernel.
    ///
    /// # Errors
    /// [`SetProgramError::OtherFields`] if the rule tests something that no rule of the set did when it was compiled,
    /// [`SetProgramError::NoRoom`] if too many were added, [`SetProgramError::DuplicateId`] and
    /// [`SetProgramError::Dialect`]. Then nothing has changed.
    pub fn add(&mut self, id: u32, program: &Verified) -> Result<Vec<MapUpdate>, SetProgramError> {
        let order = self.last_order.checked_add(order_of(0)).filter(|&order| order < NO_ORDER);
        let order = order.ok_or(SetProgramError::TooManyChanges)?;
        self.change(None, Some((id, program, order)))
    }

    /// Adds a rule before another one.
    ///
    /// # Errors
    /// As [`SetProgram::add`], and [`SetProgramError::UnknownId`] if there is no rule `before`.
    pub fn insert_before(
        &mut self,
        id: u32,
        before: u32,
        program: &Verified,
    ) -> Result<Vec<MapUpdate>, SetProgramError> {
        let end = self.place(before)?.order;
        let start = self.orders.range((Unbounded, Excluded(end))).next_back().map_or(0, |(&order, _)| order);
        let order = start + (end - start) / 2;
        if order == start {
            return Err(SetProgramError::TooManyChanges);
        }
        self.change(None, Some((id, program, order)))
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// [`SetProgramError::UnknownId`], and [`SetProgramError::TooManyChanges`] if a table holds too many removed rules.
    pub fn remove(&mut self, id: u32) -> Result<Vec<MapUpdate>, SetProgramError> {
        self.change(Some(id), None)
    }

    /// Replaces the program of a rule, which keeps its position in the order.
    ///
    /// # Errors
    /// As [`SetProgram::add`] and [`SetProgram::remove`].
    pub fn replace(&mut self, id: u32, program: &Verified) -> Result<Vec<MapUpdate>, SetProgramError> {
        let order = self.place(id)?.order;
        self.change(Some(id), Some((id, program, order)))
    }

    fn place(&self, id: u32) -> Result<&Place, SetProgramError> {
        self.places.get(&id).ok_or(SetProgramError::UnknownId(id))
    }

    /// Removes a rule, and adds one with a position in the order.
    fn change(
        &mut self,
        removed: Option<u32>,
        added: Option<(u32, &Verified, u64)>,
    ) -> Result<Vec<MapUpdate>, SetProgramError> {
        // Everything that may fail comes first.
        let old = removed.map(|id| self.place(id).cloned()).transpose()?;
        let terms = match added {
            Some((id, _, _)) if self.places.contains_key(&id) && removed != Some(id) => {
                return Err(SetProgramError::DuplicateId(id));
            }
            Some((id, program, _)) => self.terms_of(id, program)?,
            None => Vec::new(),
        };
        let version = self.version.checked_add(1).filter(|&version| version < maps::NEVER);
        let version = version.ok_or(SetProgramError::TooManyChanges)?;
        let entries = old.as_ref().map(|old| self.count_entries(old)).transpose()?;

        let mut changed = [false; 2];
        if let (Some(id), Some(old)) = (removed, old) {
            changed[usize::from(!old.terms.is_empty())] = true;
            self.remove_place(id, &old, version);
        }
        self.removed_entries = entries.unwrap_or_else(|| std::mem::take(&mut self.removed_entries));
        if let Some((id, program, order)) = added {
            changed[1] |= !terms.is_empty();
            self.dialect = Some(program.dialect());
            self.add_place(id, order, &terms);
        }
        self.version = version;
        let is_big_endian = self.program.is_big_endian;
        let mut updates = Vec::new();
        let only = |map, value| MapUpdate { map, key: maps::ONLY.to_vec(), value };
        updates.extend(changed[0].then(|| only(maps::REMOVED, self.removed.clone())));
        updates.extend(changed[1].then(|| only(maps::ADDED, self.added.clone())));
        let state = u64::from(version) | (self.added_terms as u64) << 32;
        updates.push(only(maps::STATE, maps::long_bytes(state, is_big_endian).to_vec()));
        Ok(updates)
    }

    /// Returns the terms of a rule to add.
    fn terms_of(&self, id: u32, program: &Verified) -> Result<Vec<Term>, SetProgramError> {
        if let Some(expected) = self.dialect.filter(|&dialect| dialect != program.dialect()) {
            return Err(SetProgramError::Dialect { dialect: program.dialect(), expected });
        }
        let mut values = self.fields.values.clone();
        let paths = path_extraction::extract_one(program, &mut values).ok_or(SetProgramError::OtherFields { id })?;
        let terms = term::of_rules(&self.fields.with_values(values), &paths);
        if terms.iter().any(|term| !term.is_exact || self.needs_verdicts && term.verdict.is_none()) {
            return Err(SetProgramError::OtherFields { id });
        }
        let has_counter = self.counter_ids.len() < self.program_counters();
        if terms.len() > self.room() || !has_counter {
            let room = if has_counter { self.room() } else { 0 };
            return Err(SetProgramError::NoRoom { id, terms: terms.len(), room });
        }
        Ok(terms)
    }

    /// Returns the most counters.
    fn program_counters(&self) -> usize {
        self.tables.none as usize + self.layout.capacity
    }

    fn add_place(&mut self, id: u32, order: u64, terms: &[Term]) {
        let counter = self.counter_ids.len() as u32;
        let start = self.added_terms;
        let stride = self.layout.stride();
        for (term, to) in terms.iter().zip(self.added[start * stride..].chunks_mut(stride)) {
            self.layout.write(&AddedTerm { term, order, counter, id }, to);
        }
        self.added_terms += terms.len();
        self.counter_ids.push(id);
        self.orders.insert(order, id);
        self.last_order = self.last_order.max(order);
        self.places.insert(id, Place { order, counter, terms: start..self.added_terms });
    }

    fn remove_place(&mut self, id: u32, place: &Place, version: u32) {
        self.places.remove(&id);
        self.orders.remove(&place.order);
        let stride = self.layout.stride();
        for term in self.added.chunks_mut(stride).take(place.terms.end).skip(place.terms.start) {
            self.layout.remove(version, term);
        }
        let bytes = maps::bytes(version, self.program.is_big_endian);
        if place.counter < self.tables.none {
            self.removed[4 * place.counter as usize..][..4].copy_from_slice(&bytes);
        }
    }

    /// Returns the number of removed entries of each table of bit vectors after the removal of a rule.
    fn count_entries(&self, place: &Place) -> Result<Vec<usize>, SetProgramError> {
        let mut removed = self.removed_entries.clone();
        if place.counter >= self.tables.none {
            return Ok(removed);
        }
        for (table, removed) in self.tables.list.iter().zip(&mut removed) {
            if matches!(table.lookup, Lookup::BitVectors(_)) {
                let entries = self.tables.words[table.start..].chunks_exact(2).take(table.term_count);
                *removed += entries.filter(|entry| entry[0] & mark::RANK == place.counter).count();
                if *removed > bit_vectors::MAX_REMOVED {
                    return Err(SetProgramError::TooManyChanges);
                }
            }
        }
        Ok(removed)
    }
}
