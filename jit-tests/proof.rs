//! Proofs about the compiler, for all packets: the graph has the verdicts of the program, every pass keeps them, and so
//! does the optimised program.
//!
//! What cannot be decided stands in a list with the reason, and the trials fail if the list is out of date.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use cbpf::debug::{Graph, Pass, Strategy};
use cbpf::prove::{self, Proof};
use cbpf::text::Form;
use cbpf::{Dialect, Program, Target, Verified, compile_expression};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::case::Case;
use crate::{generate, random};

/// The time limit for the expressions; the environment variable `JIT_TESTS_SECONDS` sets another, and all are proven
/// where it suffices.
const TIME: Duration = Duration::from_secs(5);

/// The most random programs of a dialect, and the longest time for them.
const PROGRAMS: usize = 1_000;
const LONG: Duration = Duration::from_secs(20);

/// One of so many random programs may be undecided: products, quotients, and netlink attributes in offsets.
const MOST_UNDECIDED: usize = 20;

/// The most bytes of a packet that are shown.
const SHOWN: usize = 100;

/// What is not proven: the start of the subject, and the reason.
const UNPROVEN: &[(&str, &str)] = &[
    ("jump/ladder", "a base that is the sum of 12 numbers, each of which depends on a bit"),
    ("sctp_index_PRISM_HEADER", BASES),
    ("igmp_index_PRISM_HEADER", BASES),
    ("igrp_9_index_IEEE802_11_RADIO_AVS", BASES),
    ("geneve_and_tcp_index_IEEE802_11_RADIO", BASES),
    ("geneve_and_geneve", BASES),
    ("ip_protochain", BASES),
    ("ip6_protochain", BASES),
    ("protochain", BASES),
    ("icmp6_index_PRISM_HEADER", EMITTED),
];

const BASES: &str = "loads from offsets that depend on loads from offsets that depend on loads";
const EMITTED: &str = "emission: bytes at a length of 16 bits, which may be any other byte";

/// Stages that could not be decided.
type Undecided = Vec<String>;

pub fn trials(cases: &[Case]) -> Vec<Trial> {
    let of_case = |case: &Case| {
        let case = case.clone();
        Trial::test(format!("proof::cases::{}", case.name), move || Ok(check_case(&case)?))
    };
    let of_dialect =
        |&dialect: &Dialect| Trial::test(format!("proof::random::{dialect}"), move || check_random(dialect));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/pcap-filter/libpcap-expressions.json");
    let is_absent = !path.is_file();
    let expressions = Trial::test("proof::expressions", move || check_expressions(&path)).with_ignored_flag(is_absent);
    let trials = cases.iter().map(of_case).chain(Dialect::ALL.iter().map(of_dialect));
    trials.chain([expressions]).collect()
}

fn check_case(case: &Case) -> Result<(), String> {
    let mut is_undecided = false;
    for &dialect in Dialect::ALL {
        if let Ok(verified) = case.program.verify(dialect) {
            let undecided = check(&verified).map_err(|error| format!("{dialect}: {error}"))?;
            unexpected(&case.name, &undecided)?;
            is_undecided |= !undecided.is_empty();
        }
    }
    let is_listed = UNPROVEN.iter().any(|(listed, _)| case.name == *listed);
    if is_listed && !is_undecided && random::limit().is_some() {
        return Err("it is proven: take it from the list".to_owned());
    }
    Ok(())
}

/// Returns the bounds of proofs: small ones, with which a proof takes little time, unless a time limit is set.
fn options() -> prove::Options {
    match random::limit() {
        Some(_) => prove::Options::new(),
        None => prove::Options::new().max_nodes(1 << 12).max_conflicts(100),
    }
}

/// Returns an error if a stage was not decided that is not in the list. With small bounds that says nothing.
fn unexpected(subject: &str, undecided: &Undecided) -> Result<(), String> {
    match undecided.first() {
        Some(_) if random::limit().is_none() => Ok(()),
        Some(_) if UNPROVEN.iter().any(|(listed, _)| subject == *listed) => Ok(()),
        Some(stage) => Err(format!("{stage} is not decided")),
        None => Ok(()),
    }
}

/// Proves what becomes of random programs; few of them may be left undecided.
fn check_random(dialect: Dialect) -> Result<(), Failed> {
    let (tried, undecided) = (Cell::new(0), Cell::new(0));
    let time = random::limit().unwrap_or(TIME).min(LONG);
    random::each(PROGRAMS, time, |bytes| {
        let program = generate::program(&mut Unstructured::new(bytes), dialect)?;
        let Ok(verified) = program.verify(dialect) else { return Ok(()) };
        let stages = check(&verified).map_err(|error| format!("{error}\n{program}"))?;
        tried.set(tried.get() + 1);
        undecided.set(undecided.get() + usize::from(!stages.is_empty()));
        Ok::<(), Failed>(())
    })?;
    let (tried, undecided) = (tried.get(), undecided.get());
    let is_thorough = random::limit().is_some();
    if is_thorough && undecided * MOST_UNDECIDED > tried {
        return Err(format!("{undecided} of {tried} programs are undecided").into());
    }
    Ok(())
}

/// Proves all stages of a program.
fn check(verified: &Verified) -> Result<Undecided, String> {
    let (options, mut undecided) = (options(), Vec::new());
    let mut add = |stage: &str, proof: Proof| match proof {
        Proof::Holds => Ok(()),
        Proof::Unknown(_) => {
            undecided.push(stage.to_owned());
            Ok(())
        }
        Proof::Fails(witness) => {
            let start = &witness.data()[..witness.data().len().min(SHOWN)];
            Err(format!("{stage} changes the verdict on {start:02x?}"))
        }
    };
    let mut graph = Graph::new(verified);
    add("build", options.represents(&graph, verified))?;
    let mut texts = Vec::new();
    for &pass in Pass::ALL {
        let before = graph.clone();
        graph.run(pass);
        add(pass.name(), options.preserved(&before, &graph))?;
        texts.push(graph.to_string());
    }
    // The strategies leave out passes at the end; one of them decides by itself.
    for strategy in [Strategy::Branches, Strategy::Auto, Strategy::Branchless] {
        let graph = Graph::with_strategy(verified, strategy);
        if !texts.contains(&graph.to_string()) {
            add(strategy.name(), options.represents(&graph, verified))?;
        }
    }
    let shorter = verified.program().optimize(verified.dialect()).and_then(|it| it.verify(verified.dialect()));
    let shorter = shorter.map_err(|error| error.to_string())?;
    let options = options.truncated(true).verdicts(true);
    add("emit", options.equivalent(verified, &shorter).map_err(|error| error.to_string())?)?;
    Ok(undecided)
}

/// Proves what this crate makes of expressions, and of libpcap's programs for them.
fn check_expressions(path: &Path) -> Result<(), Failed> {
    let file: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let programs = programs(&file)?;
    let (next, start, time) = (AtomicUsize::new(0), Instant::now(), random::limit().unwrap_or(TIME));
    let (errors, undecided_blocks) = (Mutex::new(Vec::new()), Mutex::new(BTreeSet::new()));
    // Threads of the standard library: some of these proofs take seconds.
    let work = || {
        while let Some(([block, text], program)) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if start.elapsed() > time {
                break;
            }
            let outcome = check(program).and_then(|undecided| {
                if !undecided.is_empty() {
                    undecided_blocks.lock().unwrap_or_else(PoisonError::into_inner).insert(block.as_str());
                }
                unexpected(block, &undecided)
            });
            if let Err(error) = outcome {
                errors.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{block}: {text}: {error}"));
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let mut errors = errors.into_inner().unwrap_or_else(PoisonError::into_inner);
    let undecided = undecided_blocks.into_inner().unwrap_or_else(PoisonError::into_inner);
    let is_complete = random::limit().is_some() && start.elapsed() <= time;
    for (listed, _) in UNPROVEN.iter().filter(|(listed, _)| is_complete && !listed.contains('/')) {
        if !undecided.contains(listed) {
            errors.push(format!("{listed} is proven: take it from the list"));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors.join("\n").into()) }
}

/// Returns the programs of all expressions, with names: what this crate compiles, and libpcap's code before its
/// optimiser.
fn programs(file: &Value) -> Result<Vec<([String; 2], Verified)>, Failed> {
    let mut programs = Vec::new();
    for block in file["accept"].as_array().ok_or("no list")? {
        let name = block["name"].as_str().ok_or("no name")?;
        let target = Target::new(block["link_type"].as_str().ok_or("no link type")?.parse()?).allow_reject_all(true);
        for text in block["expressions"].as_array().ok_or("no expressions")?.iter().filter_map(Value::as_str) {
            if let Ok(program) = compile_expression(text, &target) {
                programs.push(([name, text].map(str::to_owned), program.verify(target.get_dialect())?));
            }
        }
        let lines: Option<&Vec<Value>> = block["unopt"].as_array().or(block["optunopt"].as_array());
        let lines: Vec<&str> = lines.ok_or("no code")?.iter().filter_map(Value::as_str).collect();
        let program = Program::parse_as(Form::Listing, lines.join("\n").as_bytes())?;
        let dialect = if block.get("linuxext").is_some() { Dialect::Linux } else { Dialect::Pcap };
        // Our verifier rejects loops.
        if let Ok(verified) = program.verify(dialect) {
            programs.push(([name, "code of libpcap"].map(str::to_owned), verified));
        }
    }
    Ok(programs)
}
