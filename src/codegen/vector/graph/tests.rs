//! Tests of the translation; batches in debug builds run vector programs, and compare them with compiled loops.

use super::program::{Operation, VectorProgram};
use super::translate::translate;
use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::ir::{Graph, Strategy};

fn translated(text: &str) -> Option<VectorProgram> {
    let program: Program = text.parse().expect("a program");
    let verified = program.verify(Dialect::Linux).expect("a valid program");
    translate(&Graph::with_strategy(&verified, Strategy::Branches))
}

fn loads(text: &str) -> usize {
    let program = translated(text).expect("a vector program");
    program.operations.iter().filter(|operation| operation.loads()).count()
}

#[test]
fn adjacent_bytes_are_loaded_once() {
    assert_eq!(loads("ldh [12]\n jne #0x800, drop\n ldb [14]\n jset #1, drop\n ret #1\n drop: ret #0"), 1);
    assert_eq!(loads("ldh [12]\n jne #0x800, drop\n ldb [16]\n jset #1, drop\n ret #1\n drop: ret #0"), 2);
    assert_eq!(loads("ldxb 4*([14]&0xf)\n ldh [x + 14]\n jgt #9, drop\n ldh [x + 16]\n ret a\n drop: ret #0"), 2);
}

#[test]
fn bytes_for_both_branches_are_loaded_before() {
    let text = |check: &str| {
        format!(
            "{check} ldh [12]\n jeq #7, six\n ld [20]\n ret a\n six: ldb [20]\n jeq #6, drop\n ret #1\n drop: ret #0"
        )
    };
    assert_eq!(loads(&text("ldb [30]\n jgt #200, drop\n")), 3);
    assert_eq!(loads(&text("")), 3, "not known to be captured before the branch");
}

#[test]
fn loads_and_checks_are_one_operation() {
    let program = translated("ldb [14]\n tax\n ldb [x + 20]\n jeq #6, drop\n ret #1\n drop: ret #0");
    let program = program.expect("a vector program");
    let is_merged = |operation: &Operation| matches!(operation, Operation::LoadEqual { is_checked: true, .. });
    assert_eq!(program.operations.iter().filter(|operation| is_merged(operation)).count(), 1);
}

#[test]
fn programs_that_are_not_fit_have_no_vectors() {
    for text in [
        "ldb [0]\n tax\n jeq #0, drop\n ldb [1]\n div x\n ret a\n drop: ret #0",
        "ld mark\n ret a",
        "ld rand\n ret a",
        "ld poff\n ret a",
        "ld [0]\n tax\n ldb [x + 0]\n ret a",
    ] {
        assert!(translated(text).is_none(), "{text}");
    }
    let long = |count: u32| (0..count).map(|k| format!("ldb [{k}]\n jgt #{k}, drop\n")).collect::<String>();
    let program = |count| long(count) + "ret #1\n drop: ret #0";
    assert!(translated(&program(20)).is_some());
    assert!(translated(&program(200)).is_none());
}
