//! Proofs about the compiler, for all packets: the graph has the verdicts of the program, every pass keeps them, and so
//! does the optimised program.
//!
//! What cannot be decided stands in a list with the reason, and the trials fail if the list is out of date.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use cbpf::bpf::{AluOp, Operand};
use cbpf::debug::{Graph, Pass, Strategy};
use cbpf::prove::{self, Proof};
use cbpf::text::Form;
use cbpf::{Dialect, Instruction, Program, Target, Verified, compile_expression};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::case::Case;
use crate::{generate, random};

/// The time limit for the expressions; the environment variable `JIT_TESTS_SECONDS` sets another, and all are proven
/// where it suffices.
const TIME: Duration = Duration::from_secs(5);

/// Bounds with which a proof takes little time.
const FEW_NODES: usize = 1 << 12;
const FEW_CONFLICTS: u64 = 100;

/// The most bytes of a packet that are shown.
const SHOWN: usize = 100;

/// What is not proven: the start of the subject, and the reason.
const UNPROVEN: &[(&str, &str)] = &[
    ("passes/if_conversion_not_nested_base", BASES),
    ("jump/ladder", "a base that is the sum of 12 numbers, each of which depends on a bit"),
    ("sctp_index_PRISM_HEADER", BASES),
    ("igmp_index_PRISM_HEADER", BASES),
    ("igrp_9_index_IEEE802_11_RADIO_AVS", BASES),
    ("geneve_and_tcp_index_IEEE802_11_RADIO", BASES),
    ("geneve_and_geneve", BASES),
    ("ip_protochain", BASES),
    ("ip6_protochain", BASES),
    ("protochain", BASES),
    ("link_index_PRISM_HEADER", EMITTED),
    ("rarp_index_IEEE802_11_RADIO", EMITTED),
    ("decnet_index_PRISM_HEADER", EMITTED),
    ("udp_index_IEEE802_11_RADIO", EMITTED),
    ("igmp_index_IEEE802_11_RADIO", EMITTED),
    ("pim_index_IEEE802_11_RADIO", EMITTED),
    ("vrrp_carp_index_PPI", EMITTED),
    ("icmp6_index_PRISM_HEADER", EMITTED),
    ("icmp6_index_PPI", EMITTED),
    ("link_proto_ip_PRISM_HEADER", EMITTED),
    ("wlan_dir_fromds_PRISM_HEADER", EMITTED),
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
    let of_dialect = |&dialect: &Dialect| {
        Trial::test(format!("proof::random::{dialect}"), move || {
            random::each_program(|bytes| {
                let program = generate::program(&mut Unstructured::new(bytes), dialect)?;
                let Ok(verified) = program.verify(dialect) else { return Ok(()) };
                let undecided = check("", &verified).map_err(|error| format!("{error}\n{program}"))?;
                match undecided.first().filter(|_| !is_hard(&program) && random::limit().is_some()) {
                    Some(stage) => Err(format!("{stage} is not decided\n{program}").into()),
                    None => Ok(()),
                }
            })
        })
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/pcap-filter/libpcap-expressions.json");
    let is_absent = !path.is_file();
    let expressions = Trial::test("proof::expressions", move || check_expressions(&path)).with_ignored_flag(is_absent);
    let trials = cases.iter().map(of_case).chain(Dialect::ALL.iter().map(of_dialect));
    trials.chain([expressions]).collect()
}

fn check_case(case: &Case) -> Result<(), String> {
    for &dialect in Dialect::ALL {
        if let Ok(verified) = case.program.verify(dialect) {
            let undecided = check(&case.name, &verified).map_err(|error| format!("{dialect}: {error}"))?;
            unexpected(&case.name, &undecided)?;
        }
    }
    Ok(())
}

/// Returns the bounds of proofs: small ones, with which a proof takes little time, for what is listed, and for
/// everything unless a time limit is set.
fn options(subject: &str) -> prove::Options {
    match random::limit() {
        Some(_) if !is_listed(subject) => prove::Options::new(),
        _ => prove::Options::new().max_nodes(FEW_NODES).max_conflicts(FEW_CONFLICTS),
    }
}

/// Returns an error if a stage was not decided that is not in the list. With small bounds that says nothing.
fn unexpected(subject: &str, undecided: &Undecided) -> Result<(), String> {
    match undecided.first() {
        Some(_) if random::limit().is_none() || is_listed(subject) => Ok(()),
        Some(stage) => Err(format!("{stage} is not decided")),
        None => Ok(()),
    }
}

fn is_listed(subject: &str) -> bool {
    UNPROVEN.iter().any(|(listed, _)| subject == *listed)
}

/// Returns whether a program may be left undecided: it multiplies, divides by X, or is long.
fn is_hard(program: &Program) -> bool {
    program.len() > 100
        || program.disassemble().any(|instruction| match instruction {
            Instruction::Alu { op: AluOp::Mul, .. } => true,
            Instruction::Alu { op, operand: Operand::X } => op.is_division(),
            _ => false,
        })
}

/// Proves all stages of a program.
fn check(subject: &str, verified: &Verified) -> Result<Undecided, String> {
    let (options, mut undecided) = (options(subject), Vec::new());
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
    let errors = Mutex::new(Vec::new());
    // Threads of the standard library: some of these proofs take seconds.
    let work = || {
        while let Some((name, program)) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if start.elapsed() > time {
                break;
            }
            let [block, text] = name;
            if let Err(error) = check(block, program).and_then(|undecided| unexpected(block, &undecided)) {
                errors.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{block}: {text}: {error}"));
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let errors = errors.into_inner().unwrap_or_else(PoisonError::into_inner);
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
