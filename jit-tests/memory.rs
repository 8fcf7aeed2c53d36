//! Memory for code: it is freed with its last filter, limited, and close to the program.

use std::fs;

use cbpf::filter::CompileError;
use cbpf::{Dialect, Engine, Filter, FilterConfig, FilterError, Program, Verified};
use libtest_mimic::{Failed, Trial};

use crate::process;

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("memory::compile_and_drop", compile_and_drop).with_ignored_flag(resident().is_none()),
        Trial::test("memory::clones_keep_the_code", clones_keep_the_code),
        Trial::test("memory::code_is_near_the_text", code_is_near_the_text)
            .with_ignored_flag(!cfg!(target_os = "linux") || code_pages().is_none()),
        Trial::test("memory::many_threads", many_threads),
        Trial::test("memory::large_programs", large_programs),
        Trial::test("memory::stack_is_limited", stack_is_limited),
        Trial::test("memory::many_joins", many_joins),
        Trial::test("memory::every_instruction_a_join", every_instruction_a_join),
    ]
}

fn verdict(k: u32) -> Result<Verified, Failed> {
    Ok(format!("ld [0]\njeq #{k}, yes\nret #0\nyes: ret #{k}").parse::<Program>()?.verify(Dialect::Linux)?)
}

/// Returns the resident memory of this process, files in memory included, in KiB.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// After 100,000 filters that come and go, the process is no larger than after 1,000.
fn compile_and_drop() -> Result<(), Failed> {
    // In a process of its own, so that no other trial runs during the measurement.
    let text = process::in_a_process("memory::compile_and_drop")?;
    let sizes: Vec<u64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    match sizes[..] {
        // One chunk of code is in use, and the allocator's free lists settle.
        [after_1000, after] if after <= after_1000 + 1024 => Ok(()),
        _ => Err(format!("resident after 1,000 and 100,000 cycles, in KiB: {text}").into()),
    }
}

/// Compiles and drops filters, and prints the two sizes.
pub fn alone() -> Result<(), String> {
    let verified = verdict(7).map_err(|error| format!("{error:?}"))?;
    for cycle in 1..=100_000 {
        Filter::compile(&verified).map_err(|error| error.to_string())?;
        if cycle == 1000 || cycle == 100_000 {
            println!("{}", resident().ok_or("no /proc")?);
        }
    }
    Ok(())
}

fn clones_keep_the_code() -> Result<(), Failed> {
    let filters = (1..2000).map(|k| Ok(Filter::compile(&verdict(k)?)?)).collect::<Result<Vec<_>, Failed>>()?;
    let kept: Vec<Filter> = filters.iter().step_by(100).cloned().collect();
    drop(filters);
    for (k, filter) in (1..2000).step_by(100).zip(&kept) {
        if filter.run(&u32::to_be_bytes(k)) != k || filter.run(&[0; 4]) != 0 {
            return Err(format!("filter {k} has changed").into());
        }
    }
    Ok(())
}

/// Returns the start and the end of each mapping of code.
fn code_pages() -> Option<Vec<(usize, usize)>> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let address = |text: &str| usize::from_str_radix(text, 16).ok();
    let range = |line: &str| line.split_once(' ')?.0.split_once('-').and_then(|(a, b)| address(a).zip(address(b)));
    let is_code =
        |line: &&str| line.contains("memfd:cbpf") && line.split(' ').nth(1).is_some_and(|may| may.contains('x'));
    Some(maps.lines().filter(is_code).filter_map(range).collect())
}

/// Code is within 2 GiB of the program: calls that reach further take longer.
fn code_is_near_the_text() -> Result<(), Failed> {
    let filters = (1..2000).map(|k| Ok(Filter::compile(&verdict(k)?)?)).collect::<Result<Vec<_>, Failed>>()?;
    let text = code_is_near_the_text as fn() -> _ as usize;
    let pages = code_pages().ok_or("no /proc")?;
    let is_far = |&(start, end): &(usize, usize)| start.abs_diff(text).max(end.abs_diff(text)) > 2 << 30;
    drop(filters);
    match pages.iter().find(|range| is_far(range)) {
        _ if pages.is_empty() => Err("there is no code".into()),
        Some((start, end)) => Err(format!("the text is at {text:x}, code at {start:x} to {end:x}").into()),
        None => Ok(()),
    }
}

fn many_threads() -> Result<(), Failed> {
    let work = |thread: u32| -> Result<(), String> {
        for k in 1..500 {
            let k = thread * 1000 + k;
            let verified = verdict(k).map_err(|error| format!("{error:?}"))?;
            let filter = Filter::compile(&verified).map_err(|error| error.to_string())?;
            if filter.run(&k.to_be_bytes()) != k {
                return Err(format!("filter {k} of thread {thread} is another's"));
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (1..5).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked".to_owned())?)
    })?;
    Ok(())
}

/// Compiles a program whose code is larger than a chunk.
fn large_programs() -> Result<(), Failed> {
    let text: String = (0..4000).map(|k| format!("ldb [{k}]\nadd x\ntax\n")).collect();
    let verified = (text + "ret a").parse::<Program>()?.verify(Dialect::Pcap)?;
    let filter = Filter::compile(&verified)?;
    let packet = vec![1; 4000];
    let (expected, got) = (verified.interpret(&packet), filter.run(&packet));
    if expected == got { Ok(()) } else { Err(format!("expected {expected}, got {got}").into()) }
}

/// A program whose native code would need a large stack frame runs in the interpreter.
fn stack_is_limited() -> Result<(), Failed> {
    let diamond = |k| format!("jeq #{k}, a{k}, b{k}\na{k}: add #2\nb{k}: sub #1\n");
    let text: String = (0..20_000).map(diamond).collect();
    let verified = (text + "ret a").parse::<Program>()?.verify(Dialect::Pcap)?;
    let filter = Filter::compile(&verified)?;
    if let Engine::Interpreter { why, .. } = filter.engine()
        && !matches!(why, CompileError::StackFrame { .. })
    {
        return Err(why.to_string().into());
    }
    match FilterConfig::new().require_native(true).compile(&verified) {
        Err(FilterError::Compile(CompileError::StackFrame { .. })) if filter.run(&[]) == verified.interpret(&[]) => {}
        Err(error) => return Err(error.to_string().into()),
        Ok(filter) if filter.run(&[]) == verified.interpret(&[]) => {}
        Ok(_) => return Err("the engines disagree".into()),
    }
    Ok(())
}

/// Returns code that sets the scratch words to `first` and the following numbers.
fn state(first: u32) -> String {
    (0..16).map(|k| format!("ld #{}\nst M[{k}]\n", first + k)).collect()
}

/// Two states with different scratch words meet at hundreds of places.
pub fn many_joins() -> Result<(), Failed> {
    let jumps = (0..700).map(|k| format!("jeq #{k}, t{k}_\n")).collect::<String>() + "jmp t0_\n";
    let places: String = (0..700).map(|k| format!("t{k}_: add #1\n")).collect();
    let (first, second, sum) = (state(0), state(100), sum());
    let text = format!("{first}ldb [0]\njeq #1, b_\n{jumps}b_: txa\n{second}ldb [1]\n{jumps}{places}{sum}");
    agree(&text, &[[0, 5], [1, 5], [77, 0], [1, 200]])
}

/// Each jump leads to the next two, and the first two are reached in different states: as many joins as a kernel
/// accepts.
pub fn every_instruction_a_join() -> Result<(), Failed> {
    let rungs: String = (0..3900).map(|k| format!("n{k}: jeq #{}, n{}, n{}\n", k % 7, k + 1, k + 2)).collect();
    let (first, second, sum) = (state(0), state(100), sum());
    let text = format!("{first}ldb [0]\njeq #77, n1\ntax\n{second}txa\n{rungs}n3900: add #1\nn3901: {sum}");
    agree(&text, &[[0, 0], [1, 0], [5, 0], [77, 0], [200, 0]])
}

/// Returns code that returns the sum of A and all scratch words.
fn sum() -> String {
    (0..16).map(|k| format!("tax\nld M[{k}]\nadd x\n")).collect::<String>() + "ret a"
}

/// Checks that both engines have the same verdicts.
fn agree(text: &str, packets: &[[u8; 2]]) -> Result<(), Failed> {
    let verified = text.parse::<Program>()?.verify(Dialect::Linux)?;
    let filter = Filter::compile(&verified)?;
    for packet in packets {
        let (expected, got) = (verified.interpret(packet), filter.run(packet));
        if expected != got {
            return Err(format!("{packet:?}: expected {expected}, got {got}").into());
        }
    }
    Ok(())
}
