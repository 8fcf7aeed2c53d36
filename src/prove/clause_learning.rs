//! Conflict-driven clause learning: values of variables with which all clauses hold.
//!
//! Clauses are learned up to the first unique implication point, variables are decided by how often conflicts involved
//! them lately, and restarts follow the sequence of Luby. Work is bounded by the number of conflicts and of visited
//! clauses, memory by the number of literals.
//!
//! Source: N. Eén and N. Sörensson, "An Extensible SAT-solver" (2003).

use alloc::vec::Vec;

use crate::prove::activity::Activity;

/// A variable or its complement, numbered as the bits of a circuit are: twice the variable, plus 1 for the complement.
pub(crate) type Literal = u32;

/// The most clauses to visit for each conflict, on average.
const VISITS_FOR_CONFLICT: u64 = 2_000;

/// The most literals of all clauses.
const MAX_LITERALS: usize = 1 << 24;

/// The number of conflicts before the first restart.
const RESTART: u64 = 128;

/// The place of a clause in [`Solver::literals`], where its length comes first.
type ClauseId = u32;

/// A clause to look at when a literal becomes false.
#[derive(Clone, Copy)]
struct Watch {
    clause: ClauseId,
    /// Another literal of the clause; if it is true, the clause is.
    other: Literal,
}

/// Clauses, and the assignment of variables so far.
pub(crate) struct Solver {
    /// All clauses: the length of each, and its literals, of which the first two are watched.
    literals: Vec<Literal>,
    /// For each literal, the clauses that watch it.
    watches: Vec<Vec<Watch>>,
    /// For each literal, its value.
    values: Vec<Option<bool>>,
    /// For each variable, the clause that decided it, and the number of decisions before it.
    reasons: Vec<Option<ClauseId>>,
    levels: Vec<u32>,
    /// The literals that are true, in the order in which they became so.
    trail: Vec<Literal>,
    /// Where in the trail each decision stands.
    decisions: Vec<usize>,
    /// The number of literals of the trail whose consequences are known.
    propagated: usize,
    activity: Activity,
    /// The last value of each variable.
    phases: Vec<bool>,
    visits: u64,
    /// Set for the variables of a conflict while it is analysed.
    is_seen: Vec<bool>,
}

impl Solver {
    /// Creates a solver of this many variables, without clauses.
    pub(crate) fn new(variables: usize) -> Solver {
        Solver {
            literals: Vec::new(),
            watches: vec![Vec::new(); 2 * variables],
            values: vec![None; 2 * variables],
            reasons: vec![None; variables],
            levels: vec![0; variables],
            trail: Vec::new(),
            decisions: Vec::new(),
            propagated: 0,
            activity: Activity::new(variables),
            phases: vec![false; variables],
            visits: 0,
            is_seen: vec![false; variables],
        }
    }

    /// Adds a clause before the first decision; returns `false` if it contradicts earlier ones.
    pub(crate) fn add(&mut self, mut clause: Vec<Literal>) -> bool {
        clause.sort_unstable();
        clause.dedup();
        let is_trivial = clause.windows(2).any(|pair| pair[0] ^ 1 == pair[1]);
        if is_trivial || clause.iter().any(|&literal| self.values[literal as usize] == Some(true)) {
            return true;
        }
        clause.retain(|&literal| self.values[literal as usize].is_none());
        match *clause {
            [] => false,
            [literal] => {
                self.assign(literal, None);
                self.propagate().is_none()
            }
            _ => {
                self.push(&clause);
                true
            }
        }
    }

    /// Returns whether a literal is true, after an assignment was found.
    pub(crate) fn is_true(&self, literal: Literal) -> bool {
        self.values[literal as usize] == Some(true)
    }

    fn push(&mut self, clause: &[Literal]) -> ClauseId {
        let id = self.literals.len() as ClauseId;
        self.literals.push(clause.len() as u32);
        self.literals.extend(clause);
        for (literal, other) in [(clause[0], clause[1]), (clause[1], clause[0])] {
            self.watches[literal as usize].push(Watch { clause: id, other });
        }
        id
    }

    fn clause(&self, id: ClauseId) -> &[Literal] {
        let start = id as usize + 1;
        &self.literals[start..start + self.literals[id as usize] as usize]
    }

    fn assign(&mut self, literal: Literal, reason: Option<ClauseId>) {
        let variable = literal as usize / 2;
        self.values[literal as usize] = Some(true);
        self.values[literal as usize ^ 1] = Some(false);
        self.reasons[variable] = reason;
        self.levels[variable] = self.decisions.len() as u32;
        self.phases[variable] = literal % 2 == 0;
        self.trail.push(literal);
    }

    /// Assigns what follows from the trail; returns a clause all of whose literals are false, if there is one.
    fn propagate(&mut self) -> Option<ClauseId> {
        while let Some(&literal) = self.trail.get(self.propagated) {
            self.propagated += 1;
            let falsified = literal ^ 1;
            let mut watches = core::mem::take(&mut self.watches[falsified as usize]);
            let (mut kept, mut conflict) = (0, None);
            for at in 0..watches.len() {
                let watch = watches[at];
                if conflict.is_none() && self.values[watch.other as usize] != Some(true) {
                    self.visits += 1;
                    match self.move_watch(watch.clause, falsified) {
                        Moved::Away => continue,
                        Moved::Unit(other) => match self.values[other as usize] {
                            Some(true) => {}
                            Some(false) => conflict = Some(watch.clause),
                            None => self.assign(other, Some(watch.clause)),
                        },
                    }
                }
                watches[kept] = watch;
                kept += 1;
            }
            watches.truncate(kept);
            self.watches[falsified as usize] = watches;
            if conflict.is_some() {
                return conflict;
            }
        }
        None
    }

    /// Watches a literal that is not false in place of one that has become so.
    fn move_watch(&mut self, id: ClauseId, falsified: Literal) -> Moved {
        let start = id as usize + 1;
        let end = start + self.literals[id as usize] as usize;
        if self.literals[start] == falsified {
            self.literals.swap(start, start + 1);
        }
        let other = self.literals[start];
        for at in start + 2..end {
            let literal = self.literals[at];
            if self.values[literal as usize] != Some(false) {
                self.literals.swap(start + 1, at);
                self.watches[literal as usize].push(Watch { clause: id, other });
                return Moved::Away;
            }
        }
        Moved::Unit(other)
    }

    /// Searches for an assignment; `None` beyond the bounds.
    pub(crate) fn solve(&mut self, max_conflicts: u64) -> Option<bool> {
        if self.propagate().is_some() {
            return Some(false);
        }
        let (mut conflicts, mut restarts) = (0, 0);
        let mut until_restart = RESTART;
        loop {
            if let Some(conflict) = self.propagate() {
                if self.decisions.is_empty() {
                    return Some(false);
                }
                conflicts += 1;
                until_restart = until_restart.saturating_sub(1);
                let is_beyond = self.visits > VISITS_FOR_CONFLICT.saturating_mul(max_conflicts);
                if conflicts > max_conflicts || is_beyond || self.literals.len() > MAX_LITERALS {
                    return None;
                }
                self.learn(conflict);
                self.activity.decay();
            } else if until_restart == 0 {
                restarts += 1;
                until_restart = RESTART * luby(restarts);
                self.backtrack(0);
            } else {
                let Some(variable) = self.next_variable() else { return Some(true) };
                self.decisions.push(self.trail.len());
                self.assign(2 * variable + u32::from(!self.phases[variable as usize]), None);
            }
        }
    }

    fn next_variable(&mut self) -> Option<u32> {
        loop {
            let variable = self.activity.pop()?;
            if self.values[2 * variable as usize].is_none() {
                return Some(variable);
            }
        }
    }

    /// Learns the clause that a conflict implies, returns to the last decision but one of it, and assigns what follows.
    fn learn(&mut self, conflict: ClauseId) {
        let level = self.decisions.len() as u32;
        let mut learned: Vec<Literal> = vec![0];
        let (mut reason, mut open, mut at) = (Some(conflict), 0, self.trail.len());
        loop {
            let literals: Vec<Literal> = reason.map_or(Vec::new(), |clause| self.clause(clause).to_vec());
            for literal in literals {
                let variable = literal as usize / 2;
                let is_open = self.values[literal as usize] == Some(false);
                if is_open && !self.is_seen[variable] && self.levels[variable] > 0 {
                    self.is_seen[variable] = true;
                    self.activity.bump(variable as u32);
                    if self.levels[variable] == level {
                        open += 1;
                    } else {
                        learned.push(literal);
                    }
                }
            }
            // The last assignment of this level that the conflict depends on.
            let literal = loop {
                at -= 1;
                if self.is_seen[self.trail[at] as usize / 2] {
                    break self.trail[at];
                }
            };
            self.is_seen[literal as usize / 2] = false;
            open -= 1;
            if open == 0 {
                learned[0] = literal ^ 1;
                break;
            }
            reason = self.reasons[literal as usize / 2];
        }
        let redundant: Vec<bool> = learned.iter().map(|&literal| self.is_implied(literal)).collect();
        learned.iter().for_each(|&literal| self.is_seen[literal as usize / 2] = false);
        let mut place = 0;
        learned.retain(|_| {
            place += 1;
            place == 1 || !redundant[place - 1]
        });
        self.add_learned(&mut learned);
    }

    /// Returns whether the other literals of a learned clause imply a literal of it.
    fn is_implied(&self, literal: Literal) -> bool {
        let variable = literal as usize / 2;
        self.reasons[variable].is_some_and(|reason| {
            self.clause(reason).iter().all(|&other| {
                let other = other as usize / 2;
                other == variable || self.is_seen[other] || self.levels[other] == 0
            })
        })
    }

    fn add_learned(&mut self, learned: &mut [Literal]) {
        let Some(second) = (1..learned.len()).max_by_key(|&at| self.levels[learned[at] as usize / 2]) else {
            self.backtrack(0);
            return self.assign(learned[0], None);
        };
        learned.swap(1, second);
        self.backtrack(self.levels[learned[1] as usize / 2] as usize);
        let clause = self.push(learned);
        self.assign(learned[0], Some(clause));
    }

    /// Undoes all but some decisions.
    fn backtrack(&mut self, decisions: usize) {
        let Some(&kept) = self.decisions.get(decisions) else { return };
        for literal in self.trail.drain(kept..) {
            self.values[literal as usize] = None;
            self.values[literal as usize ^ 1] = None;
            self.activity.put_back(literal / 2);
        }
        self.decisions.truncate(decisions);
        self.propagated = kept;
    }
}

/// What became of a watch.
enum Moved {
    /// Another literal is watched.
    Away,
    /// All literals but perhaps this one are false.
    Unit(Literal),
}

/// Returns an element of the sequence 1, 1, 2, 1, 1, 2, 4, 1, 1, 2, ..., counted from 1.
fn luby(index: u64) -> u64 {
    let mut index = index;
    loop {
        // The sequence up to an index of all ones is twice the one before, and a power of two.
        let bits = 64 - index.leading_zeros();
        if index == (1 << bits) - 1 {
            return 1 << (bits - 1);
        }
        index -= (1 << (bits - 1)) - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_after_the_sequence_of_luby() {
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 8, 15].map(luby), [1, 1, 2, 1, 1, 2, 4, 1, 8]);
    }
}
