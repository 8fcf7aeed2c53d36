//! Threads with little stack: compilation moves to a thread of its own if necessary, and nothing else takes stack that
//! grows with the input. Each trial runs in a process of its own, since a stack overflow ends the process.

use std::thread;

use cbpf::debug::Pass;
use cbpf::filter::Strategy;
use cbpf::lang::lint;
use cbpf::seccomp;
use cbpf::{
    Dialect, Expr, Filter, FilterConfig, FilterSet, LinkType, Packet, Program, Target, Verified, compile_expression,
};
use libtest_mimic::Trial;

use crate::{memory, process};

/// A name, the work, and the stack of the thread, in KiB: without optimisation, and with.
type Task = (&'static str, fn() -> Result<(), String>, [usize; 2]);

const TASKS: [Task; 6] = [
    ("stack::filters", filters, [128, 64]),
    ("stack::sets", sets, [128, 80]),
    ("stack::long_programs", long_programs, [384, 128]),
    // The most stack with which compilation may not start a thread.
    ("stack::joins", joins, [272, 272]),
    ("stack::deep_expressions", deep_expressions, [32, 32]),
    // A frame for each bit of a call, and of the values that diagrams cannot express.
    ("stack::policies", policies, [768, 512]),
];

pub fn trials() -> Vec<Trial> {
    TASKS.iter().map(|&(name, ..)| process::trial(name)).collect()
}

/// Runs a trial in a thread with little stack, in a process of its own.
pub fn alone(name: &str) -> Result<(), String> {
    let (_, task, sizes) = TASKS.into_iter().find(|task| task.0 == name).ok_or("no such trial")?;
    let size = sizes[usize::from(!cfg!(debug_assertions))] << 10;
    let thread = thread::Builder::new().stack_size(size).spawn(task);
    thread.map_err(|error| error.to_string())?.join().expect("no panic")
}

fn verify(text: &str) -> Result<Verified, String> {
    let program = text.parse::<Program>().map_err(|error| error.to_string())?;
    program.verify(Dialect::Pcap).map_err(|error| error.to_string())
}

/// Returns a program of `count` tests, each with a load.
fn ladder(count: u32) -> String {
    let rung = |k| format!("jeq #{k}, yes, n{k}\nn{k}: ldb [{}]\n", k % 60);
    (0..count).map(rung).collect::<String>() + "ret #0\nyes: ret #1"
}

/// Compiles filters with both strategies, for one packet and for many.
fn filters() -> Result<(), String> {
    let arp = "ldh [12]\njne #0x806, no\nret #-1\nno: ret #0";
    for text in ["ret #7".to_owned(), arp.to_owned(), ladder(2000)] {
        compile_and_run(&verify(&text)?)?;
    }
    let filter = Filter::from_expression("tcp port 80 or udp port 53 and not host 10.0.0.1", LinkType::ETHERNET);
    filter.map(drop).map_err(|error| error.to_string())
}

fn compile_and_run(verified: &Verified) -> Result<(), String> {
    let packet = [1; 64];
    let expected = verified.interpret(&packet);
    for &strategy in Strategy::ALL {
        let filter = FilterConfig::new()
            .strategy(strategy)
            .require_native(true)
            .compile(verified)
            .map_err(|error| error.to_string())?;
        filter.prepare_batch().map_err(|error| error.to_string())?;
        let mut verdicts = [0; 3];
        filter.run_batch(&[Packet::new(&packet); 3], &mut verdicts);
        if (filter.run(&packet), verdicts) != (expected, [expected; 3]) {
            return Err(format!("{strategy:?}: not {expected}"));
        }
    }
    Ok(())
}

/// Compiles the programs that register allocation takes longest for.
fn joins() -> Result<(), String> {
    let outcomes = [memory::many_joins(), memory::every_instruction_a_join()];
    outcomes.into_iter().try_for_each(|outcome| outcome.map_err(|error| format!("{error:?}")))
}

fn sets() -> Result<(), String> {
    let rules: Vec<(u32, Verified)> = (0..300)
        .map(|k| Ok((k, verify(&format!("ld [{}]\njeq #{k}, yes\nret #0\nyes: ret #1", k % 5))?)))
        .collect::<Result<_, String>>()?;
    let mut set = FilterSet::new(rules).map_err(|error| error.to_string())?;
    set.add(1000, &verify(&ladder(300))?).map_err(|error| error.to_string())?;
    let mut firsts = [None; 2];
    set.first_match_batch(&[&[0, 0, 0, 5][..], &[0; 20]], &mut firsts);
    if firsts == [Some(5), Some(0)] { Ok(()) } else { Err(format!("{firsts:?}")) }
}

/// Runs the longest programs that a kernel accepts, in which each instruction depends on the one before.
fn long_programs() -> Result<(), String> {
    let chain = "ldb [0]\n".to_owned() + &"add #1\nxor x\ntax\n".repeat(1300) + "ret a";
    let addresses = "ldx #0\n".to_owned() + &"ldb [x + 1]\ntax\n".repeat(2000) + "ret a";
    let diamonds: String = (0..1000).map(|k| format!("jset #{k}, a{k}, b{k}\na{k}: add #2\nb{k}: sub #1\n")).collect();
    for text in [chain, addresses, diamonds + "ret a", ladder(2000)] {
        let verified = verify(&text)?;
        for passes in [Pass::ALL.to_vec(), Pass::ALL.iter().rev().copied().collect()] {
            let mut graph = cbpf::debug::Graph::new(&verified);
            passes.iter().for_each(|&pass| graph.run(pass));
            if graph.to_string().is_empty() {
                return Err("a graph is empty".to_owned());
            }
        }
        let packet = [1; 64];
        let expected = verified.interpret(&packet);
        let optimized = verified.program().optimize(Dialect::Pcap).map_err(|error| error.to_string())?;
        let again = optimized.verify(Dialect::Pcap).map_err(|error| error.to_string())?;
        if again.interpret(&packet) != expected || verified.trace(&packet).verdict() != expected {
            return Err(format!("not {expected}"));
        }
        compile_and_run(&verified)?;
        let set = FilterSet::new([(1, verified)]).map_err(|error| error.to_string())?;
        if set.first_match(&packet).is_some() != (expected != 0) {
            return Err("the set differs".to_owned());
        }
    }
    Ok(())
}

/// Reads, prints, compiles and drops expressions of any depth.
fn deep_expressions() -> Result<(), String> {
    const DEPTH: usize = 10_000;
    let target = Target::new(LinkType::ETHERNET).allow_reject_all(true);
    let nested = |open: &str, inner: &str, close: &str| open.repeat(DEPTH) + inner + &close.repeat(DEPTH);
    for text in [
        nested("(", "tcp", ")"),
        nested("not ", "tcp", ""),
        nested("not (", "tcp", " and udp)"),
        nested("(", "ether[0]", "+1)") + " > 3",
        nested("tcp or (", "udp", ")"),
        nested("", "tcp", " or udp"),
        nested("ether[", "0", "]") + " > 3",
    ] {
        // An expression may be an error: too deep or too long.
        if let Ok(expr) = text.parse::<Expr>() {
            drop((expr.to_string(), expr.clone(), format!("{expr:?}").len()));
        }
        if let Ok(program) = compile_expression(&text, &target) {
            drop(program.verify(Dialect::Pcap).map_err(|error| error.to_string())?);
        }
        drop(lint(&text, &target));
    }
    Ok(())
}

/// Analyses a filter that depends on all bits of a call, and of as many products as there can be.
fn policies() -> Result<(), String> {
    let words = (0..16).map(|word| format!("ld [{}]\njne #{:#x}, deny\n", 4 * word, 0x5555_5550 + word));
    let products = (0..70).map(|k| format!("ld [16]\ntax\nld [24]\nadd #{k}\nmul x\njne #0x33333333, deny\n"));
    let products: Vec<String> = products.collect();
    let ends = "ret #0x7fff0000\ndeny: ret #0x00050001";
    for count in [0, 60, 70] {
        let text = words.clone().chain(products[..count].iter().cloned()).collect::<String>() + ends;
        let program = text.parse::<Program>().map_err(|error| error.to_string())?;
        let filter = [program.verify(Dialect::Seccomp).map_err(|error| error.to_string())?];
        let merged = seccomp::merge(&filter).map_or_else(|_| filter.clone(), |merged| [merged]);
        let explanation = seccomp::explain(&filter).map(|explanation| explanation.to_string());
        let results = (seccomp::diff(&filter, &merged).is_ok(), seccomp::audit(&filter).is_ok(), explanation.is_ok());
        // There may be 64 values with variables of their own.
        if results != (count < 70, count < 70, count < 70) {
            return Err(format!("{results:?} of {count} products"));
        }
    }
    Ok(())
}
