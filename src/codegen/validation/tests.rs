//! The IR of the corpus, of the shared expressions and of random graphs is that of the graph, in both strategies.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::codegen::validation::validate;
use crate::ir::{Graph, Strategy};
use crate::prove::{Options, Proof};
use crate::{Dialect, Program, Target, Verified, compile_expression};

/// The most errors of a test: then it ends.
const MAX_ERRORS: usize = 20;

/// What is not proven, and the reason.
const UNPROVEN: &[(&str, &str)] = &[
    ("load/ind_x_is_length", "loads from the length on the wire, which may be any number"),
    ("jump/ladder", "loads from a base that is the sum of 12 numbers, each of which depends on a bit"),
    ("protochain", "loads from offsets that depend on loads from offsets that depend on loads"),
    ("ip6_protochain", "loads from offsets that depend on loads from offsets that depend on loads"),
];

/// The time limit of each test; the environment variable `JIT_TESTS_SECONDS` sets another, and all is proven if it
/// suffices.
fn limit() -> Duration {
    let seconds = std::env::var("JIT_TESTS_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(5))
}

/// Validates all subjects on two threads, and fails with the list of those that are wrong or undecided.
fn validate_all(subjects: &[(String, Verified)]) {
    let (next, start, done) = (AtomicUsize::new(0), Instant::now(), AtomicUsize::new(0));
    let errors = Mutex::new(Vec::new());
    let work = || {
        while let Some((name, program)) = subjects.get(next.fetch_add(1, Ordering::Relaxed)) {
            if start.elapsed() > limit() {
                break;
            }
            for strategy in [Strategy::Branches, Strategy::Branchless] {
                let error = match validate(&Graph::with_strategy(program, strategy), &Options::new()) {
                    Ok(Proof::Holds) => None,
                    Ok(Proof::Unknown(_)) if UNPROVEN.iter().any(|(listed, _)| name.starts_with(listed)) => None,
                    Ok(Proof::Unknown(unknown)) => Some(unknown.to_string()),
                    Ok(Proof::Fails(witness)) => {
                        let shown = &witness.data()[..witness.data().len().min(60)];
                        Some(format!("another verdict, or a load out of bounds, on {shown:02x?}"))
                    }
                    Err(error) => Some(error),
                };
                let mut errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
                errors.extend(error.map(|error| format!("{name}, {strategy}: {error}")));
                if errors.len() >= MAX_ERRORS {
                    return;
                }
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let errors = errors.into_inner().unwrap_or_else(PoisonError::into_inner);
    eprintln!("{} of {} programs in {:?}", done.into_inner(), subjects.len(), start.elapsed());
    assert!(errors.is_empty(), "{} errors\n{}", errors.len(), errors.join("\n"));
}

#[test]
fn ir_of_cases_is_their_graph() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("jit-tests/cases");
    let (mut files, mut folders): (Vec<PathBuf>, Vec<PathBuf>) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { return eprintln!("skipped: {} is absent", folder.display()) };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let subjects = files.iter().flat_map(|path| {
        let name = path.strip_prefix(&root).unwrap_or(path).with_extension("").display().to_string();
        let program: Program = fs::read_to_string(path).expect("a case").parse().expect("a program");
        let verified = Dialect::ALL.iter().filter_map(move |&dialect| program.verify(dialect).ok());
        verified.map(move |verified| (name.clone(), verified))
    });
    validate_all(&subjects.collect::<Vec<_>>());
}

#[test]
fn ir_of_expressions_is_their_graph() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/pcap-filter/libpcap-expressions.json");
    let Ok(text) = fs::read_to_string(&path) else { return eprintln!("skipped: {} is absent", path.display()) };
    let file: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut subjects = Vec::new();
    for block in file["accept"].as_array().expect("a list") {
        let (name, link_type) = (block["name"].as_str().expect("a name"), block["link_type"].as_str().expect("a type"));
        let target = Target::new(link_type.parse().expect("a link type")).allow_reject_all(true);
        for text in block["expressions"].as_array().expect("expressions").iter().filter_map(|text| text.as_str()) {
            if let Ok(program) = compile_expression(text, &target) {
                let verified = program.verify(target.get_dialect()).expect("a valid program");
                subjects.push((format!("{name}: {text}"), verified));
            }
        }
    }
    validate_all(&subjects);
}
