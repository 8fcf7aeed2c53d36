//! Templates: the code of all filters of one shape, which is compiled for the first of them.
//!
//! A filter of a shape that was seen before takes a look at a table and a list of its constants. The table is shared by
//! all threads, and bounded: of each of [`SETS`] parts of all shapes it holds the [`WAYS`] that were used last. Code
//! that leaves the table lives as long as its filters.
//!
//! No thread waits for a lock: one that does not get it after a few attempts compiles the program for itself, so that a
//! process that was forked while another thread held a lock does not hang.

use std::hash::Hasher as _;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::thread;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::RawInstruction;
use crate::bpf::verify::Verified;
use crate::codegen::{self, CompileError, FilterTemplate};
use crate::filter::batch::{Batch, BatchLoop, BatchSource};
use crate::filter::{Filter, Runner};
use crate::ir::{ContextInputs, Graph, Hasher, OpenTest, Shape, Strategy};

/// The number of parts of the table, each with a lock of its own: a power of two.
const SETS: usize = 32;

/// The most templates in each part of the table.
const WAYS: usize = 8;

/// The longest program with a template in the table, in instructions.
const LONGEST: usize = 256;

/// The most code of such a program, in bytes.
const MOST_CODE: usize = 8 << 10;

/// The number of attempts to get a lock.
const ATTEMPTS: usize = 64;

static TABLE: [Mutex<Vec<Arc<Template>>>; SETS] = [const { Mutex::new(Vec::new()) }; SETS];

/// What programs of one template have in common.
#[derive(PartialEq, Eq)]
struct Key {
    instructions: Vec<RawInstruction>,
    tests: Vec<OpenTest>,
    dialect: Dialect,
    /// The strategy that was chosen.
    strategy: Strategy,
}

/// The code of all filters with one key.
struct Template {
    key: Key,
    code: FilterTemplate,
    /// The strategy of the code.
    strategy: Strategy,
    inputs: ContextInputs,
    batch: Arc<BatchLoop>,
}

/// Returns the filter of a program: of a template in the table, or of a new one.
pub(crate) fn filter(verified: &Verified, strategy: Strategy) -> Result<Filter, CompileError> {
    let shape = Shape::of(verified);
    if verified.program().len() > LONGEST {
        return Ok(Template::new(verified, shape, strategy)?.0);
    }
    let set = set_of(&shape.instructions);
    if let Some(template) = find(set, &shape, verified.dialect(), strategy) {
        return Ok(template.filter(&shape.constants));
    }
    let (filter, template) = Template::new(verified, shape, strategy)?;
    if filter.code_size() <= MOST_CODE {
        insert(set, template);
    }
    Ok(filter)
}

impl Template {
    /// Compiles the template of a program, and returns its filter, too.
    fn new(verified: &Verified, shape: Shape, strategy: Strategy) -> Result<(Filter, Template), CompileError> {
        let graph = Graph::of_shape(verified, &shape, strategy);
        let code = codegen::compile(&graph)?;
        let batch = Arc::new(BatchLoop::new(BatchSource::new(verified, strategy), graph.strategy()));
        let Shape { instructions, tests, constants } = shape;
        let key = Key { instructions, tests, dialect: verified.dialect(), strategy };
        let template = Template { key, code, strategy: graph.strategy(), inputs: graph.context_inputs(), batch };
        Ok((template.filter(&constants), template))
    }

    fn filter(&self, constants: &[u32]) -> Filter {
        let code = self.code.filter(constants);
        let batch = Batch::new(self.batch.clone(), Some(code.words().clone()), constants);
        let (strategy, dialect, inputs) = (self.strategy, self.key.dialect, self.inputs);
        Filter { runner: Runner::Native(code), strategy, dialect, inputs, batch }
    }
}

fn set_of(instructions: &[RawInstruction]) -> usize {
    let mut hasher = Hasher::default();
    for &RawInstruction { code, jt, jf, k } in instructions {
        hasher.write_u64(u64::from(code) << 48 | u64::from(jt) << 40 | u64::from(jf) << 32 | u64::from(k));
    }
    (hasher.finish() >> 32) as usize % SETS
}

/// Returns the template with this key.
fn find(set: usize, shape: &Shape, dialect: Dialect, strategy: Strategy) -> Option<Arc<Template>> {
    let mut templates = lock(set)?;
    let is_wanted = |template: &Arc<Template>| {
        let key = &template.key;
        (key.dialect, key.strategy) == (dialect, strategy)
            && key.instructions == shape.instructions
            && key.tests == shape.tests
    };
    let place = templates.iter().position(is_wanted)?;
    templates[..=place].rotate_right(1);
    Some(templates[0].clone())
}

/// Adds a template, in place of the one of its part that was not used for the longest time.
fn insert(set: usize, template: Template) {
    let Some(mut templates) = lock(set) else { return };
    // Another thread may have compiled the same.
    let replaced = templates.iter().position(|other| other.key == template.key);
    let replaced = replaced.or_else(|| templates.len().checked_sub(1).filter(|_| templates.len() == WAYS));
    let forgotten = replaced.map(|place| templates.remove(place));
    templates.insert(0, Arc::new(template));
    drop(templates);
    // This may unmap code, which takes longer than the look-up.
    drop(forgotten);
}

fn lock(set: usize) -> Option<MutexGuard<'static, Vec<Arc<Template>>>> {
    for _ in 0..ATTEMPTS {
        match TABLE[set].try_lock() {
            Ok(templates) => return Some(templates),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => thread::yield_now(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LinkType, compile_expression};

    /// Keeps the table to one test at a time.
    static TURN: Mutex<()> = Mutex::new(());

    fn shares_code(filter: &Filter, other: &Filter) -> bool {
        std::ptr::eq(filter.batch.code(), other.batch.code())
    }

    /// Returns the filters of an expression with two lists of constants, which take the places of `A`, `B` and so on.
    fn filters(expression: &str, constants: [&[&str]; 2]) -> [Filter; 2] {
        constants.map(|constants| {
            let names = ["A", "B", "C", "D"].iter().zip(constants);
            let text = names.fold(expression.to_owned(), |text, (name, constant)| text.replace(name, constant));
            Filter::from_expression(&text, LinkType::ETHERNET).expect("a filter")
        })
    }

    #[test]
    fn filters_of_one_shape_share_their_code() {
        let _turn = TURN.lock();
        let hosts: [&[&str]; 2] =
            [&["10.1.2.3", "10.1.2.4", "80", "443"], &["192.168.1.1", "172.16.0.9", "8080", "53"]];
        let expressions = [
            "host A",
            "src host A",
            "arp host A",
            "host A or host B",
            "port C",
            "tcp dst port C",
            "port C or port D",
            "host A and port C",
            "ip host A and not udp port D",
            "src host A and dst host B and tcp src port C and dst port D",
            "tcp portrange 20-C",
            "greater C",
        ];
        let others: [(&str, [&[&str]; 2]); 4] = [
            ("net A", [&["10.1.0.0/16"], &["172.16.0.0/16"]]),
            ("ether host A", [&["02:00:00:00:00:01"], &["02:00:00:12:34:56"]]),
            ("ip6 host A", [&["2001:db8:1:2::7"], &["2001:db9:5:6::9"]]),
            ("vlan A and host B", [&["100", "10.1.2.3"], &["1234", "10.9.8.7"]]),
        ];
        for (expression, constants) in expressions.map(|expression| (expression, hosts)).into_iter().chain(others) {
            let [first, second] = filters(expression, constants);
            assert_eq!(shares_code(&first, &second), first.is_native(), "{expression}");
        }
    }

    #[test]
    fn filters_of_other_shapes_do_not() {
        let compile = |text: &str| Filter::from_expression(text, LinkType::ETHERNET).expect("a filter");
        let [tcp, udp] = ["tcp dst port 80", "udp dst port 80"].map(compile);
        assert!(!shares_code(&tcp, &udp));
        let program = compile_expression("tcp dst port 80", &LinkType::ETHERNET.into()).expect("a program");
        let linux = Filter::compile(&program.verify(Dialect::Linux).expect("a valid program")).expect("a filter");
        assert!(!shares_code(&tcp, &linux));
    }

    #[test]
    fn the_table_is_bounded() {
        let _turn = TURN.lock();
        // More shapes than places, each with other offsets, and the first one again.
        let compile = |offset: usize| {
            let program: crate::Program = format!("ldh [{offset}]\n jeq #{}, keep\n ret #0\n keep: ret #1", 1 + offset)
                .parse()
                .expect("a program");
            Filter::compile(&program.verify(Dialect::Pcap).expect("a valid program")).expect("a filter")
        };
        let filters: Vec<Filter> = (1_000..1_000 + 2 * SETS * WAYS).map(compile).collect();
        let held: usize = (0..SETS).filter_map(|set| Some(lock(set)?.len())).sum();
        assert!(held <= SETS * WAYS);
        for (filter, offset) in filters.iter().zip(1_000..) {
            let mut packet = vec![0; 4_000];
            assert_eq!(filter.run(&packet), 0);
            packet[offset..offset + 2].copy_from_slice(&(1 + offset as u16).to_be_bytes());
            assert_eq!(filter.run(&packet), 1);
        }
    }
}
