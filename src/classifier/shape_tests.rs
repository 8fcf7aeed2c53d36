//! Paths of shapes against paths of single programs, and against the programs.

use std::fmt::Write;

use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::bpf::verify::Verified;
use crate::classifier::packet_fields::{evaluate, offset_of};
use crate::classifier::path::Path;
use crate::classifier::path_extraction::extract;
use crate::classifier::program_list::ProgramList;
use crate::ir::{Value, ValueId, Values};
use crate::packet::{Packet, random};

/// Tests of common expressions, with `$` and a digit for constants; the lists of numbers are those they may be.
const COMMON: &[(&str, &[&[u32]])] = &[
    ("ldh [12]\n jeq #0x800, on, drop\n on: ld [26]\n and #0xffffff00\n jeq #$0, keep, drop", &[&[0, 256, 512, 0xffffff00]]),
    ("ldh [12]\n jeq #0x800, on, drop\n on: ld [26]\n jeq #$0, keep\n ld [30]\n jeq #$0, keep, drop", &[&[0, 1, 2, u32::MAX]]),
    (
        "ldh [12]\n jeq #0x800, on, drop\n on: ldb [23]\n jeq #6, o2\n jeq #17, o2, drop\n o2: ldxb 4*([14]&0xf)\n
         ldh [x + 14]\n jeq #$0, keep\n ldh [x + 16]\n jeq #$0, keep, drop",
        &[&[0, 1, 80, 65_535, 65_536]],
    ),
    (
        "ldh [12]\n jeq #0x800, on, drop\n on: ld [26]\n jne #$0, drop\n ld [30]\n jne #$1, drop\n ldb [23]\n jne #$2, drop\n
         ldh [20]\n jset #0x1fff, drop\n ldxb 4*([14]&0xf)\n ldh [x + 14]\n jne #$3, drop\n ldh [x + 16]\n jeq #$4, keep, drop",
        &[&[0, 1, 2], &[0, 1, 2], &[6, 17], &[0, 1, 65_535], &[0, 80, 90_000]],
    ),
    ("ldh [0]\n jge #$0, on, drop\n on: jgt #$1, drop, keep", &[&[0, 1, 5, 300, 65_536], &[0, 1, 9, 65_535, u32::MAX]]),
    ("ldb [0]\n add #3\n jeq #$0, keep, drop", &[&[0, 3, 4, 258, 259]]),
];

/// Tests whose paths may have another form, of values that overlap.
const OTHER: &[(&str, &[&[u32]])] = &[
    (
        "ldb [0]\n jeq #$0, keep\n jeq #$1, keep\n jeq #$2, keep\n ldb [1]\n jeq #$0, keep\n jeq #$3, keep, drop",
        &[&[0, 1], &[1, 2], &[2, 3, 256], &[7, 9]],
    ),
    (
        "ldb [0]\n jgt #$0, a, b\n a: jgt #$1, drop, keep\n b: jeq #$2, keep\n ldb [1]\n jge #$1, keep, drop",
        &[&[0, 5], &[3, 9, 255], &[0, 1]],
    ),
    (
        "ldb [0]\n and #6\n jeq #$0, a\n jset #4, drop\n a: ldb [1]\n jeq #$0, keep\n jgt #$1, keep, drop",
        &[&[0, 2, 3, 6], &[0, 9]],
    ),
    (
        "ldb [0]\n tax\n ldb [1]\n jeq x, keep\n jeq #$0, a, drop\n a: ldb [x + 2]\n jne #$1, drop\n ret a",
        &[&[0, 1], &[0, 1, 2]],
    ),
    ("ldb [0]\n sub #1\n jgt #$0, drop\n rsh #1\n jeq #$1, keep, drop", &[&[0, 4, u32::MAX], &[0, 1, 2]]),
    (
        "ldb [0]\n jeq #$0, a\n ld #0\n st M[0]\n jmp c\n a: ld #1\n st M[0]\n c: ldb [1]\n jeq #$1, d, drop\n d: ld M[0]\n jeq #$2, keep, drop",
        &[&[0, 1], &[0, 1], &[0, 1, 2]],
    ),
];

/// Returns programs of one shape.
fn programs(text: &str, constants: &[&[u32]], count: u32) -> Vec<Verified> {
    let program = |number: u32| {
        let mut text = format!("{text}\n keep: ret #1\n drop: ret #0");
        for (place, &choice) in constants.iter().enumerate() {
            let drawn = random::number(place as u64, number) as usize % choice.len();
            text = text.replace(&format!("${place}"), &choice[drawn].to_string());
        }
        text.parse::<Program>().expect("a program").verify(Dialect::Pcap).expect("a valid program")
    };
    (0..count).map(program).collect()
}

/// Returns the paths of each program, and the values that they test.
fn paths(programs: impl IntoIterator<Item = Verified>) -> (Values, Vec<Vec<Path>>) {
    let extracted = extract(&programs.into_iter().collect::<ProgramList>());
    let mut paths = Vec::new();
    extracted.paths.for_each(|_, of_program| paths.push(of_program.to_vec()));
    (extracted.values, paths)
}

/// Writes a value as an expression.
fn expression(values: &Values, id: ValueId) -> String {
    let operands: Vec<String> = values.operands(id).map(|operand| expression(values, operand)).collect();
    match values.value(id) {
        Value::Load(address, width, _) => format!("load{} {operands:?} + {}", width.bytes(), address.offset),
        Value::Alu(op, ..) => format!("({op:?} {operands:?})"),
        other => format!("{other:?}"),
    }
}

/// Writes paths, without the numbers of values.
fn written(values: &Values, paths: &[Path]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for path in paths {
        let literals = path.literals.iter().map(|literal| (expression(values, literal.value), &literal.ranges));
        let mut literals: Vec<_> = literals.collect();
        literals.sort();
        lines.push(format!("{literals:?} {} {} {:?} {}", path.checks.len(), path.min_len, path.verdict, path.is_exact));
    }
    lines.sort();
    lines.into_iter().fold(String::new(), |mut all, line| {
        writeln!(all, "{line}").expect("a string");
        all
    })
}

/// Returns whether a packet takes a path.
fn takes(path: &Path, values: &Values, packet: &Packet) -> bool {
    let holds = |ranges: &[(u32, u32)], number| ranges.iter().any(|&(low, high)| (low..=high).contains(&number));
    packet.data().len() >= path.min_len as usize
        && path.checks.iter().all(|&(address, width)| offset_of(values, address, width, packet).is_some())
        && path
            .literals
            .iter()
            .all(|literal| evaluate(values, literal.value, packet).is_some_and(|number| holds(&literal.ranges, number)))
}

#[test]
fn paths_of_a_shape_are_those_of_its_programs() {
    for (text, constants) in COMMON {
        let programs = programs(text, constants, 40);
        let (values, of_shape) = paths(programs.iter().cloned());
        for (program, of_shape) in programs.into_iter().zip(of_shape) {
            let (own_values, own) = paths([program.clone()]);
            assert_eq!(written(&values, &of_shape), written(&own_values, &own[0]), "{:?}", program.program());
        }
    }
}

#[test]
fn packets_take_a_path_if_the_program_accepts_them() {
    for (number, (text, constants)) in COMMON.iter().chain(OTHER).enumerate() {
        let programs = programs(text, constants, 40);
        let (values, of_shape) = paths(programs.iter().cloned());
        for trial in 0..600 {
            let draw = |at: u32| random::number(number as u64, 64 * trial + at);
            let numbers = [0, 1, 2, 3, 5, 6, 8, 17, 80, 0x45, 255];
            let mut data: Vec<u8> =
                (0..draw(0) % 60).map(|at| numbers[draw(1 + at) as usize % numbers.len()]).collect();
            if let Some(ether_type) = data.get_mut(12..14) {
                ether_type.copy_from_slice(&[8, 0]);
            }
            let packet = Packet::new(&data);
            for (program, paths) in programs.iter().zip(&of_shape) {
                let verdict = program.interpret(packet);
                let taken: Vec<&Path> = paths.iter().filter(|path| takes(path, &values, &packet)).collect();
                assert!(verdict == 0 || !taken.is_empty(), "{data:?} {:?}", program.program());
                for path in taken.into_iter().filter(|path| path.is_exact) {
                    assert!(verdict != 0 && path.verdict.is_none_or(|own| own == verdict), "{data:?} {path:?}");
                }
            }
        }
    }
}
