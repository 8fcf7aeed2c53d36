//! Joins of the states at one block, so that a program with thousands of paths is executed in one pass.
//!
//! A joined state has the common conditions of both states. If these cover no other packets, nothing is lost. Otherwise
//! the path is inexact: it covers all packets that the program matches, and more.

use crate::classifier::path::{Literal, Path, is_all};
use crate::classifier::path_extraction::State;
use crate::ir::{Range, Values, joined};

/// The most separate states at one block.
const MAX_STATES: usize = 4;

/// The most values that a joined path tests. They are those that select the most.
const MAX_LITERALS: usize = 8;

/// The most ranges of a value in a joined path.
const MAX_RANGES: usize = 16;

/// The loss from an unknown parameter, in selected bits.
const PARAMETER_LOSS: u32 = 4;

/// Adds a state to those of the same block. It is joined to another state if nothing is lost, or, if there are too many
/// states, to the one with the least loss.
pub(crate) fn add(states: &mut Vec<State>, mut new: State, values: &Values) {
    shorten(&mut new.path);
    let mut nearest = (u32::MAX, 0);
    for (place, state) in states.iter_mut().enumerate() {
        let common = CommonPath::of(&state.path, &new.path, values);
        let parameters = differing(state, &new);
        if common.is_same && parameters == 0 {
            state.path = common.path(&state.path, &new.path);
            return;
        }
        let loss = bits(&state.path) + bits(&new.path) - 2 * common.bits + PARAMETER_LOSS * parameters as u32;
        if loss < nearest.0 {
            nearest = (loss, place);
        }
    }
    if states.len() < MAX_STATES {
        states.push(new);
        return;
    }
    let state = &mut states[nearest.1];
    state.path = CommonPath::of(&state.path, &new.path, values).path(&state.path, &new.path);
    // A parameter that only one state has belongs to a block that does not dominate this one.
    state.bound.retain_mut(|(parameter, value)| match new.parameter(*parameter) {
        Some(other) => {
            *value = value.filter(|_| other == *value);
            true
        }
        None => false,
    });
}

/// Returns the number of parameters with different values.
fn differing(state: &State, other: &State) -> usize {
    let differs = |parameter, value| other.parameter(parameter).is_some_and(|other| other != value);
    state.bound.iter().filter(|&&(parameter, value)| differs(parameter, value)).count()
}

/// Adds a path to others, as [`add`] does.
pub(crate) fn add_path(paths: &mut Vec<Path>, new: Path, values: &Values) {
    let mut states: Vec<State> = paths.drain(..).map(State::at_end).collect();
    add(&mut states, State::at_end(new), values);
    paths.extend(states.into_iter().map(|state| state.path));
}

/// Returns whether each value of a path lies in one range or outside of one.
pub(crate) fn is_simple(path: &Path) -> bool {
    path.literals.iter().all(|literal| super::term::as_one(&literal.ranges).is_some())
}

/// Unites paths that differ in one value, if `is_wanted` holds for the united path.
pub(crate) fn unite(paths: &mut Vec<Path>, values: &Values, is_wanted: impl Fn(&Path) -> bool) {
    let mut place = 0;
    while place < paths.len() {
        let mut others = place + 1..paths.len();
        let united = others.find_map(|other| {
            let (a, b) = (&paths[place], &paths[other]);
            let common = CommonPath::of(a, b, values);
            let is_worth = common.is_same && a.verdict == b.verdict;
            is_worth.then(|| common.path(a, b)).filter(&is_wanted).map(|path| (other, path))
        });
        match united {
            Some((other, path)) => {
                paths.remove(other);
                paths[place] = path;
                // The united path may unite with an earlier one.
                place = 0;
            }
            None => place += 1,
        }
    }
}

/// The common conditions of two paths.
struct CommonPath {
    /// The literals of the first path that differ, by place, and their common conditions, if there are any.
    differing: Vec<(usize, Option<Literal>)>,
    /// The selectivity of the common path, in bits.
    bits: u32,
    /// `true` if the common conditions cover only packets of either path.
    is_same: bool,
    is_exact: bool,
}

impl CommonPath {
    fn of(a: &Path, b: &Path, values: &Values) -> CommonPath {
        let mut is_in = [
            a.min_len >= b.min_len && b.checks.iter().all(|check| a.checks.contains(check)),
            b.min_len >= a.min_len && a.checks.iter().all(|check| b.checks.contains(check)),
        ];
        let have_same_bytes = is_in == [true; 2];
        let (mut differing, mut bits, mut is_whole, mut met) = (Vec::new(), 0, true, 0);
        for (place, literal) in a.literals.iter().enumerate() {
            let Some(other) = ranges_of(b, literal, place) else {
                differing.push((place, None));
                is_in[1] = false;
                continue;
            };
            met += 1;
            if *other == literal.ranges {
                bits += bits_of(literal);
                continue;
            }
            let joined = Literal { value: literal.value, ranges: joined([literal.ranges.as_slice(), other].concat()) };
            is_in = [is_in[0] && joined.ranges == *other, is_in[1] && joined.ranges == literal.ranges];
            let is_selective = !is_all(&joined.ranges, values.known(literal.value));
            let fits = is_selective && joined.ranges.len() <= MAX_RANGES;
            is_whole &= fits || !is_selective;
            bits += if fits { bits_of(&joined) } else { 0 };
            differing.push((place, fits.then_some(joined)));
        }
        let only_other = b.literals.len() - met;
        is_in[0] &= only_other == 0;
        let is_same = is_whole && (have_same_bytes && differing.len() + only_other <= 1 || is_in[0] || is_in[1]);
        let are_exact = match is_in {
            [true, _] => b.is_exact,
            [_, true] => a.is_exact,
            _ => a.is_exact && b.is_exact,
        };
        CommonPath { differing, bits, is_same, is_exact: is_same && are_exact }
    }

    /// Returns the path with the common conditions.
    fn path(self, a: &Path, b: &Path) -> Path {
        let mut differing = self.differing.into_iter().peekable();
        let literals = a.literals.iter().enumerate().filter_map(|(place, literal)| {
            match differing.next_if(|(other, _)| *other == place) {
                Some((_, joined)) => joined,
                None => Some(literal.clone()),
            }
        });
        Path {
            literals: literals.collect(),
            open: Vec::new(),
            checks: a.checks.iter().copied().filter(|check| b.checks.contains(check)).collect(),
            min_len: a.min_len.min(b.min_len),
            verdict: a.verdict.filter(|_| a.verdict == b.verdict),
            is_exact: self.is_exact,
        }
    }
}

/// Returns the ranges of a value in another path, where it mostly has the same place.
fn ranges_of<'p>(path: &'p Path, literal: &Literal, place: usize) -> Option<&'p Vec<Range>> {
    let is_of_value = |other: &&Literal| other.value == literal.value;
    let same = path.literals.get(place).filter(is_of_value);
    same.or_else(|| path.literals.iter().find(is_of_value)).map(|literal| &literal.ranges)
}

/// Returns the selectivity of a path, in bits.
fn bits(path: &Path) -> u32 {
    path.literals.iter().map(bits_of).sum()
}

fn bits_of(literal: &Literal) -> u32 {
    let numbers: u64 = literal.ranges.iter().map(|&(low, high)| u64::from(high - low) + 1).sum();
    numbers.leading_zeros().saturating_sub(31)
}

/// Removes the least selective conditions of a path that tests many values.
fn shorten(path: &mut Path) {
    while path.literals.len() > MAX_LITERALS {
        let weakest = path.literals.iter().enumerate().min_by_key(|(_, literal)| bits_of(literal));
        let Some((place, _)) = weakest else { return };
        path.literals.remove(place);
        path.is_exact = false;
    }
}
