//! The records that a matcher selects from a batch, each with a few values.

use std::ops::Range;

use crate::cli::capture::{Record, Records};

/// The positions and numbers of selected records of a batch, and the values of each: the length to keep, or the
/// matching rules.
#[derive(Default)]
pub struct Selection {
    positions: Vec<u32>,
    numbers: Vec<u64>,
    /// The ends of the values of each record.
    ends: Vec<u32>,
    values: Vec<u32>,
}

impl Selection {
    pub fn clear(&mut self) {
        self.positions.clear();
        self.numbers.clear();
        self.ends.clear();
        self.values.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Numbers the records from 0.
    pub fn number(&mut self) {
        self.numbers.iter_mut().zip(0..).for_each(|(number, position)| *number = position);
    }

    /// Adds the record at a position of the batch, which has this number.
    #[inline]
    pub fn push(&mut self, position: usize, number: u64, values: &[u32]) {
        self.positions.push(position as u32);
        self.numbers.push(number);
        self.values.extend_from_slice(values);
        self.ends.push(self.values.len() as u32);
    }

    /// Returns the selected ones of the records. The numbers are those that were pushed, plus `before`.
    pub fn of<'a>(&'a self, records: Records<'a>, before: u64) -> Selected<'a> {
        self.part_of(records, 0..self.len(), before)
    }

    /// Returns a range of the selected ones, as [`Selection::of`] does.
    pub fn part_of<'a>(&'a self, records: Records<'a>, range: Range<usize>, before: u64) -> Selected<'a> {
        Selected { records, selection: self, range, before }
    }

    /// Adds the selected records, which are stored one after the other from `position` on.
    pub fn extend_stored(&mut self, other: &Selection, position: usize) {
        let values = self.values.len() as u32;
        self.positions.extend(position as u32..(position + other.positions.len()) as u32);
        self.numbers.extend(&other.numbers);
        self.ends.extend(other.ends.iter().map(|end| values + end));
        self.values.extend(&other.values);
    }
}

/// Selected records of one input.
#[derive(Clone)]
pub struct Selected<'a> {
    records: Records<'a>,
    selection: &'a Selection,
    /// Which ones of the selection.
    range: Range<usize>,
    before: u64,
}

impl<'a> Selected<'a> {
    /// Returns each record with its number and its values.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (u64, Record<'a>, &'a [u32])> + use<'a> {
        let Selected { records, selection, ref range, before } = *self;
        let first = range.start.checked_sub(1).map_or(0, |before| selection.ends[before]);
        let ends = &selection.ends[range.clone()];
        let starts = std::iter::once(first).chain(ends.iter().copied());
        let values = starts.zip(ends).map(|(start, &end)| &selection.values[start as usize..end as usize]);
        let positions = selection.positions[range.clone()].iter();
        let positions = positions.map(move |&position| records.get(position as usize));
        let numbers = selection.numbers[range.clone()].iter().map(move |number| before + number);
        numbers.zip(positions).zip(values).map(|((number, record), values)| (number, record, values))
    }
}
