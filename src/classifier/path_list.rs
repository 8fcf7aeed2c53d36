//! The paths of many rules, stored without an allocation for each of them.
//!
//! A million rules have millions of paths for a moment. In one block of memory they take less time, and the memory goes
//! back to the system.

use crate::bpf::isa::Width;
use crate::classifier::path::{Literal, Path};
use crate::ir::{Address, Range, ValueId};

/// The paths of rules, in their order.
#[derive(Debug, Default)]
pub(crate) struct PathList {
    /// The number of paths of each rule.
    counts: Vec<u32>,
    paths: Vec<Header>,
    /// The values that paths test, each with the number of its ranges.
    literals: Vec<(ValueId, u32)>,
    ranges: Vec<Range>,
    checks: Vec<(Address, Width)>,
}

/// A path without its conditions.
#[derive(Clone, Copy, Debug)]
struct Header {
    literals: u32,
    checks: u32,
    min_len: u32,
    verdict: Option<u32>,
    is_exact: bool,
}

impl PathList {
    /// Joins lists of rules, one after the other.
    pub(crate) fn joined(lists: Vec<PathList>) -> PathList {
        let mut lists = lists.into_iter();
        let mut all = lists.next().unwrap_or_default();
        for list in lists {
            all.counts.extend(list.counts);
            all.paths.extend(list.paths);
            all.literals.extend(list.literals);
            all.ranges.extend(list.ranges);
            all.checks.extend(list.checks);
        }
        all
    }

    /// Returns the number of rules.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    /// Adds the paths of the next rule.
    pub(crate) fn push(&mut self, paths: &[Path]) {
        self.counts.push(paths.len() as u32);
        for path in paths {
            let Path { min_len, verdict, is_exact, .. } = *path;
            let (literals, checks) = (path.literals.len() as u32, path.checks.len() as u32);
            self.paths.push(Header { literals, checks, min_len, verdict, is_exact });
            self.literals.extend(path.literals.iter().map(|literal| (literal.value, literal.ranges.len() as u32)));
            path.literals.iter().for_each(|literal| self.ranges.extend(&literal.ranges));
            self.checks.extend(&path.checks);
        }
    }

    /// Calls a function with the number and the paths of each rule.
    pub(crate) fn for_each(&self, mut f: impl FnMut(usize, &[Path])) {
        let mut buffer: Vec<Path> = Vec::new();
        let (mut headers, mut literals) = (self.paths.iter(), self.literals.iter());
        let (mut ranges, mut checks) = (self.ranges.as_slice(), self.checks.as_slice());
        for (rule, &count) in self.counts.iter().enumerate() {
            buffer.resize_with(buffer.len().max(count as usize), Path::start);
            for (path, header) in buffer.iter_mut().zip(headers.by_ref().take(count as usize)) {
                let Header { min_len, verdict, is_exact, .. } = *header;
                (path.min_len, path.verdict, path.is_exact) = (min_len, verdict, is_exact);
                let count = header.literals as usize;
                let empty = || Literal { value: ValueId(0), ranges: Vec::new() };
                path.literals.resize_with(count, empty);
                for (literal, &(value, count)) in path.literals.iter_mut().zip(literals.by_ref().take(count)) {
                    let (own, rest) = ranges.split_at(count as usize);
                    literal.value = value;
                    literal.ranges.clear();
                    literal.ranges.extend(own);
                    ranges = rest;
                }
                let (own, rest) = checks.split_at(header.checks as usize);
                path.checks.clear();
                path.checks.extend(own);
                checks = rest;
            }
            f(rule, &buffer[..count as usize]);
        }
    }
}
