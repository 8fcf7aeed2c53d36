//! Lists of programs, stored as shapes and constants.
//!
//! Programs of one shape are equal but for constants of their tests, as most rules of a large set are. The constants in
//! which they differ are open: one symbolic execution with open constants gives the paths of all of them
//! ([`open_literal`](crate::classifier::open_literal)), and a program takes little more memory than these numbers. Constants
//! that are equal to each other in every program of the shape are one open constant.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};

use crate::bpf::verify::{Step, Verified};
use crate::ir::{Hashing, OpenConstant, OpenTest};

/// The fewest programs for which a shape is worth an execution of its own.
const MIN_PROGRAMS: usize = 4;

/// The most open constants of such a shape. Programs with more, such as long lists, are executed one by one.
pub(crate) const MAX_OPEN: usize = 16;

/// Programs in order.
#[derive(Debug, Default)]
pub(crate) struct ProgramList {
    pub(crate) shapes: Vec<SimilarPrograms>,
    /// The shape of each program, and its number among those of the shape.
    places: Vec<(u32, u32)>,
    /// The shapes by the hash of their outlines; empty in a list that is complete.
    by_hash: HashMap<u64, Vec<u32>, Hashing>,
}

/// Programs of one shape.
#[derive(Debug)]
pub(crate) struct SimilarPrograms {
    /// The first program, and its constants.
    pub(crate) first: Verified,
    constants: Box<[u32]>,
    /// For each constant, the first one that is equal in all programs.
    class: Box<[u32]>,
    /// For each constant that is the first of its class, `true` if programs differ in it.
    is_open: Box<[bool]>,
    pub(crate) count: usize,
    /// For each constant, the number of its column.
    columns: Box<[Option<u32>]>,
    width: usize,
    /// The columns of each program.
    rows: Vec<u32>,
}

impl ProgramList {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns the number of the shape of a program.
    pub(crate) fn shape_of(&self, place: usize) -> usize {
        self.places[place].0 as usize
    }

    pub(crate) fn get(&self, place: usize) -> Verified {
        let (shape, number) = self.places[place];
        let shape = &self.shapes[shape as usize];
        if shape.width == 0 {
            return shape.first.clone();
        }
        shape.first.with_compared_constants(shape.constants_of(number as usize))
    }

    /// Returns the open constants of a program.
    pub(crate) fn open_constants(&self, place: usize) -> impl Iterator<Item = u32> {
        let (shape, number) = self.places[place];
        let shape = &self.shapes[shape as usize];
        let row = shape.row(number as usize);
        let columns = shape.class.iter().enumerate().filter(|&(place, &class)| shape.is_open_at(place, class));
        columns.map(|(place, _)| shape.columns[place].map_or(shape.constants[place], |column| row[column as usize]))
    }

    pub(crate) fn push(&mut self, program: &Verified) {
        let constants: Vec<u32> = program.compared_constants().map(|(_, k)| k).collect();
        let shape = self.shape_like(program, &constants);
        self.push_row(shape, constants.into_iter());
    }

    /// Adds a program of another list. `shapes` has the numbers here of shapes there, as far as they are known.
    pub(crate) fn push_from(&mut self, other: &ProgramList, place: usize, shapes: &mut Vec<Option<u32>>) {
        shapes.resize(other.shapes.len(), None);
        let (number, row) = other.places[place];
        let theirs = &other.shapes[number as usize];
        let first = || self.shape_like(&theirs.first, &theirs.constants);
        let shape = *shapes[number as usize].get_or_insert_with(first);
        self.push_row(shape, theirs.constants_of(row as usize));
    }

    /// Adds the programs of another list.
    pub(crate) fn append(&mut self, other: &ProgramList) {
        let mut shapes = Vec::new();
        (0..other.len()).for_each(|place| self.push_from(other, place, &mut shapes));
    }

    /// Leaves out what only adding programs needs.
    pub(crate) fn complete(&mut self) {
        self.by_hash = HashMap::default();
        self.places.shrink_to_fit();
        self.shapes.iter_mut().for_each(SimilarPrograms::compress);
    }

    /// Returns the number of the shape of a program, which is added if it is new.
    fn shape_like(&mut self, program: &Verified, constants: &[u32]) -> u32 {
        let hash = Hashing::default().hash_one(Outline(program.steps()));
        let of_hash = self.by_hash.entry(hash).or_default();
        let is_like = |&&number: &&u32| self.shapes[number as usize].is_like(program);
        if let Some(&number) = of_hash.iter().find(is_like) {
            return number;
        }
        let number = self.shapes.len() as u32;
        of_hash.push(number);
        self.shapes.push(SimilarPrograms::new(program.clone(), constants));
        number
    }

    fn push_row(&mut self, number: u32, constants: impl Iterator<Item = u32>) {
        let shape = &mut self.shapes[number as usize];
        self.places.push((number, shape.count as u32));
        shape.push(constants);
    }
}

/// Collects a complete list.
impl FromIterator<Verified> for ProgramList {
    fn from_iter<I: IntoIterator<Item = Verified>>(programs: I) -> ProgramList {
        let mut list = ProgramList::default();
        programs.into_iter().for_each(|program| list.push(&program));
        list.complete();
        list
    }
}

impl SimilarPrograms {
    fn new(first: Verified, constants: &[u32]) -> SimilarPrograms {
        let class = constants.iter().map(|k| constants.iter().position(|other| other == k).unwrap_or(0) as u32);
        SimilarPrograms {
            first,
            class: class.collect(),
            is_open: vec![false; constants.len()].into(),
            count: 0,
            columns: (0..constants.len() as u32).map(Some).collect(),
            width: constants.len(),
            rows: Vec::new(),
            constants: constants.into(),
        }
    }

    /// Returns whether a program has this shape. Programs that the kernel may convert to different lengths have shapes
    /// of their own.
    fn is_like(&self, program: &Verified) -> bool {
        let is_equal = || Outline(self.first.steps()) == Outline(program.steps());
        let has_other_constants = || self.first == *program || program.may_compare_with_others();
        self.first.dialect() == program.dialect() && is_equal() && has_other_constants()
    }

    /// Adds the constants of another program.
    fn push(&mut self, constants: impl Iterator<Item = u32>) {
        self.count += 1;
        let start = self.rows.len();
        self.rows.extend(constants);
        let row = &self.rows[start..];
        for place in 0..row.len() {
            let class = self.class[place] as usize;
            if row[class] != row[place] {
                for other in place..row.len() {
                    if self.class[other] as usize == class && row[other] == row[place] {
                        self.class[other] = place as u32;
                    }
                }
                self.is_open[place] = self.is_open[class];
            }
            self.is_open[place] |= row[place] != self.constants[place];
        }
    }

    fn is_open_at(&self, place: usize, class: u32) -> bool {
        class as usize == place && self.is_open[place]
    }

    fn row(&self, number: usize) -> &[u32] {
        &self.rows[number * self.width..][..self.width]
    }

    /// Returns all constants of a program.
    fn constants_of(&self, number: usize) -> impl Iterator<Item = u32> {
        let row = self.row(number);
        let all = self.columns.iter().zip(&self.constants);
        all.map(|(column, &k)| column.map_or(k, |column| row[column as usize]))
    }

    /// Keeps the columns of open constants only.
    fn compress(&mut self) {
        let open: Vec<usize> =
            (0..self.class.len()).filter(|&place| self.is_open_at(place, self.class[place])).collect();
        if open.len() < self.width {
            let rows = (0..self.count).flat_map(|number| {
                let row = self.row(number);
                open.iter().map(|&place| row[place])
            });
            self.rows = rows.collect();
            self.width = open.len();
            self.columns = self
                .class
                .iter()
                .map(|&class| open.binary_search(&(class as usize)).ok().map(|at| at as u32))
                .collect();
        }
        self.rows.shrink_to_fit();
    }

    /// Returns the tests with open constants, if the shape is worth an execution.
    pub(crate) fn open_tests(&self) -> Option<Vec<OpenTest>> {
        let is_open = |&(place, class): &(usize, u32)| self.is_open_at(place, class);
        let open: Vec<u32> = self.class.iter().copied().enumerate().filter(is_open).map(|(_, class)| class).collect();
        if self.count < MIN_PROGRAMS || open.len() > MAX_OPEN {
            return None;
        }
        let tests = self.first.compared_constants().zip(&self.class).filter_map(|((pc, _), class)| {
            let index = open.binary_search(class).ok()?;
            Some(OpenTest { pc: pc as u32, open: OpenConstant::new(index as u8, u32::MAX) })
        });
        Some(tests.collect())
    }
}

/// The steps of a program without the constants that [`Verified::compared_constants`] returns.
struct Outline<'p>(&'p [Step]);

impl PartialEq for Outline<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(Step::outline).eq(other.0.iter().map(Step::outline))
    }
}

impl Hash for Outline<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|step| step.outline().hash(state));
    }
}
