//! Random programs through all engines, from a seed: a few seconds each. What disagrees is printed as a case file.

use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use cbpf::{Dialect, Instruction, Operand, Packet, Program};
use libtest_mimic::{Failed, Trial};

use crate::engine::{Engine, Refusal};
use crate::generate::Sample;
use crate::kernel::{self, Kernel};
use crate::libpcap::{self, Libpcap};
use crate::seccomp::KernelSeccomp;
use crate::{case, generate, linux, oracle};

/// How long each trial goes on at most; slow machines see fewer programs, but the same ones first.
const TIME: Duration = Duration::from_secs(3);

/// How many programs each trial tries at most.
const PROGRAMS: u64 = 3_000;

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("random::forms", || each_program(forms)),
        Trial::test("random::texts", || each_program(texts)),
        Trial::test("random::bytes", || each_program(any_bytes)),
        Trial::test("random::surroundings", || each_program(surroundings)),
        Trial::test("random::filters", || each_program(filters)),
    ];
    for &dialect in Dialect::ALL {
        let name = format!("random::engines::{dialect}");
        trials.push(Trial::test(name, move || each_program(|bytes| engines(bytes, dialect))));
        let name = format!("random::passes::{dialect}");
        trials.push(Trial::test(name, move || each_program(|bytes| passes(bytes, dialect))));
        let name = format!("random::optimize::{dialect}");
        trials.push(Trial::test(name, move || each_program(|bytes| optimize(bytes, dialect))));
    }
    let conversion = Trial::test("random::conversion::kernel", || each_program(conversion));
    trials.push(conversion.with_ignored_flag(!Kernel.is_available()));
    let judges: [(&'static dyn Engine, Dialect); 3] =
        [(&Kernel, Dialect::Linux), (&Libpcap, Dialect::Pcap), (&KernelSeccomp, Dialect::Seccomp)];
    for (judge, dialect) in judges {
        // The packets of seccomp's judge are calls; `policies` has them.
        if dialect != Dialect::Seccomp {
            let name = format!("random::verdicts::{}", judge.name());
            let trial = Trial::test(name, move || each_program(|bytes| verdicts(bytes, judge, dialect)));
            trials.push(trial.with_ignored_flag(!judge.is_available()));
        }
        let acceptance = Trial::test(format!("random::acceptance::{}", judge.name()), move || {
            each_program(|bytes| acceptance(bytes, judge, dialect))
        });
        trials.push(acceptance.with_ignored_flag(!judge.is_available()));
    }
    trials
}

/// Gives random bytes to `try_one`, the same ones at every run.
pub fn each_program(try_one: impl Fn(&[u8]) -> Result<(), Failed>) -> Result<(), Failed> {
    let start = Instant::now();
    let mut state = 0x0063_6270_6600_u64;
    for _ in 0..PROGRAMS {
        try_one(&random_bytes(&mut state))?;
        if start.elapsed() > TIME {
            break;
        }
    }
    Ok(())
}

/// As many random bytes as one program and its packets are made of.
pub fn random_bytes(state: &mut u64) -> Vec<u8> {
    std::iter::repeat_with(|| xorshift(state)).take(256).flat_map(u64::to_le_bytes).collect()
}

/// The next of a row of random numbers.
pub fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn forms(bytes: &[u8]) -> Result<(), Failed> {
    let program = generate::wild_program(&mut Unstructured::new(bytes))?;
    Ok(oracle::instructions_survive(&program).and_then(|()| oracle::forms_agree(&program))?)
}

fn texts(bytes: &[u8]) -> Result<(), Failed> {
    let text = generate::spoiled_text(&mut Unstructured::new(bytes))?;
    let shown = |error| format!("{error}\n{}", String::from_utf8_lossy(&text));
    Ok(oracle::text_is_read_or_refused(&text).map_err(shown)?)
}

fn any_bytes(bytes: &[u8]) -> Result<(), Failed> {
    let (program, sample) = generate::from_bytes(bytes);
    Ok(oracle::everything_agrees(&program, &sample)?)
}

fn filters(bytes: &[u8]) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let (program, samples) = generate::program_and_samples(&mut u, Dialect::Seccomp)?;
    oracle::filters_agree(&program, &samples)?;
    Ok(oracle::filter_text_is_read_or_refused(&generate::spoiled_text(&mut u)?)?)
}

fn engines(bytes: &[u8], dialect: Dialect) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let (program, samples) = generate::program_and_samples(&mut u, dialect)?;
    Ok(oracle::engines_agree(&program, dialect, &samples)?)
}

fn surroundings(bytes: &[u8]) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let passes = generate::passes(&mut u)?;
    let (program, samples) = linux::program_and_samples(&mut u)?;
    oracle::engines_agree(&program, Dialect::Linux, &samples)?;
    oracle::passes_agree(&program, Dialect::Linux, &samples, &passes)?;
    Ok(oracle::optimized_agrees(&program, Dialect::Linux, &cut(samples))?)
}

fn passes(bytes: &[u8], dialect: Dialect) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let passes = generate::passes(&mut u)?;
    let (program, samples) = generate::program_and_samples(&mut u, dialect)?;
    Ok(oracle::passes_agree(&program, dialect, &cut(samples), &passes)?)
}

fn optimize(bytes: &[u8], dialect: Dialect) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let (program, samples) = generate::program_and_samples(&mut u, dialect)?;
    Ok(oracle::optimized_agrees(&program, dialect, &cut(samples))?)
}

/// The packets, and cut at every length: no pass may lose the end of a program at a missing byte.
fn cut(samples: [Sample; 2]) -> Vec<Sample> {
    let mut all = Vec::new();
    for sample in samples {
        let lengths = (0..sample.data.len()).step_by(1 + sample.data.len() / 64);
        all.extend(lengths.map(|len| Sample { data: sample.data[..len].to_vec(), ..sample.clone() }));
        all.push(sample);
    }
    all
}

fn verdicts(bytes: &[u8], judge: &dyn Engine, dialect: Dialect) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let program = generate::program(&mut u, dialect)?;
    let data = generate::sample(&mut u, dialect)?.data;
    let Ok(verified) = program.verify(dialect) else { return Ok(()) };
    if asks_the_machine(&program) || dialect == Dialect::Pcap && shifts_too_far(&program) {
        return Ok(());
    }
    let packet = Packet::new(&data);
    let expected = verified.interpret(packet);
    let difference = match judge.load(&program, dialect) {
        Ok(loaded) => loaded.differs(&packet, expected),
        Err(Refusal::Judge(error)) => Some(error),
        Err(Refusal::Verifier(error)) => Some(error.to_string()),
    };
    match difference {
        None => Ok(()),
        Some(got) => Err(format!("got {got}:\n{}", case::write(&program, dialect, &packet, expected)).into()),
    }
}

/// Whether a program asks for what differs from run to run.
fn asks_the_machine(program: &Program) -> bool {
    use cbpf::Extension::{Cpu, Random};
    let asks = |raw: &cbpf::RawInstruction| [Cpu, Random].iter().any(|extension| raw.k == extension.offset());
    program.instructions().iter().any(asks)
}

/// Whether a program shifts by a constant of 32 or more: undefined behaviour in libpcap's C, 0 by our definition.
fn shifts_too_far(program: &Program) -> bool {
    let is_too_far =
        |instruction| matches!(instruction, Instruction::Alu { op, operand: Operand::Constant(32..) } if op.is_shift());
    program.disassemble().any(is_too_far)
}

/// The judge accepts what our verifier accepts, and (libpcap is laxer) the kernel nothing else.
fn acceptance(bytes: &[u8], judge: &dyn Engine, dialect: Dialect) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let program = generate::wild_program(&mut u)?;
    let verified = program.verify(dialect);
    let is_accepted = match dialect {
        Dialect::Pcap => libpcap::accepts(&program) == Some(true),
        _ => judge.load(&program, dialect).is_ok(),
    };
    match verified {
        Ok(_) if is_accepted => Ok(()),
        Ok(_) => Err(format!("{} refuses\n{program}", judge.name()).into()),
        Err(error) if is_accepted && dialect != Dialect::Pcap => {
            Err(format!("the kernel accepts, where {error}:\n{program}").into())
        }
        Err(_) => Ok(()),
    }
}

/// The kernel refuses a long program just if our verifier does: jumps have to fit into what it becomes.
fn conversion(bytes: &[u8]) -> Result<(), Failed> {
    let program = generate::long_program(&mut Unstructured::new(bytes))?;
    let (ours, kernel) = (program.verify(Dialect::Linux), kernel::refuses(&program));
    match ours {
        Ok(_) if kernel => Err(format!("the kernel refuses\n{program}").into()),
        Err(error) if !kernel => Err(format!("the kernel accepts, where {error}:\n{program}").into()),
        _ => Ok(()),
    }
}
