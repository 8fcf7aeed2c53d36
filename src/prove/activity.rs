//! The variables of a solver by how often conflicts involved them lately: which one to decide next.

use alloc::vec::Vec;

/// The variables by how often conflicts involved them lately, in a binary heap.
pub(crate) struct Activity {
    scores: Vec<f64>,
    increment: f64,
    heap: Vec<u32>,
    /// Where in the heap each variable stands; `u32::MAX` for those that were taken out.
    places: Vec<u32>,
}

impl Activity {
    pub(crate) fn new(variables: usize) -> Activity {
        let heap: Vec<u32> = (0..variables as u32).collect();
        Activity { scores: vec![0.0; variables], increment: 1.0, places: heap.clone(), heap }
    }

    /// Makes later conflicts count more than earlier ones.
    pub(crate) fn decay(&mut self) {
        self.increment /= 0.95;
        if self.increment > 1e100 {
            self.scores.iter_mut().for_each(|score| *score *= 1e-100);
            self.increment *= 1e-100;
        }
    }

    /// Counts a conflict of a variable.
    pub(crate) fn bump(&mut self, variable: u32) {
        self.scores[variable as usize] += self.increment;
        if self.places[variable as usize] != u32::MAX {
            self.rise(self.places[variable as usize] as usize);
        }
    }

    /// Puts a variable back that was taken out.
    pub(crate) fn put_back(&mut self, variable: u32) {
        if self.places[variable as usize] == u32::MAX {
            self.places[variable as usize] = self.heap.len() as u32;
            self.heap.push(variable);
            self.rise(self.heap.len() - 1);
        }
    }

    /// Takes the variable out that the most conflicts involved.
    pub(crate) fn pop(&mut self) -> Option<u32> {
        let &first = self.heap.first()?;
        let last = self.heap.pop()?;
        self.places[first as usize] = u32::MAX;
        if last != first {
            self.heap[0] = last;
            self.places[last as usize] = 0;
            self.sink();
        }
        Some(first)
    }

    fn score(&self, place: usize) -> f64 {
        self.scores[self.heap[place] as usize]
    }

    fn exchange(&mut self, left: usize, right: usize) {
        self.heap.swap(left, right);
        self.places[self.heap[left] as usize] = left as u32;
        self.places[self.heap[right] as usize] = right as u32;
    }

    fn rise(&mut self, place: usize) {
        let mut place = place;
        while place > 0 && self.score(place) > self.score((place - 1) / 2) {
            self.exchange(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }

    fn sink(&mut self) {
        let mut place = 0;
        loop {
            let children = [2 * place + 1, 2 * place + 2].into_iter().filter(|&child| child < self.heap.len());
            let best =
                children.fold(place, |best, child| if self.score(child) > self.score(best) { child } else { best });
            if best == place {
                return;
            }
            self.exchange(place, best);
            place = best;
        }
    }
}
