//! Random programs in all engines, from a fixed seed, for a few seconds each. Disagreements are printed as case files.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use cbpf::bpf::Operand;
use cbpf::packet::Extension;
use cbpf::{Dialect, Instruction, LinkType, Program};
use libtest_mimic::{Failed, Trial};

use crate::case::Sample;
use crate::engine::{self, Engine};
use crate::splitmix64::Random;
use crate::{case, generate, libpcap, linux, oracle};

/// The time limit of each trial: slow machines try fewer programs, but the same ones first. The environment variable
/// `JIT_TESTS_SECONDS` sets another.
static TIME: LazyLock<Duration> = LazyLock::new(|| limit().unwrap_or(Duration::from_secs(3)));

/// Returns the time limit that `JIT_TESTS_SECONDS` sets, if it does.
pub fn limit() -> Option<Duration> {
    let seconds = std::env::var("JIT_TESTS_SECONDS").ok()?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// The number of programs in each trial, at most.
const PROGRAMS: usize = 3_000;

/// The number of random bytes that one program and its packets are made of.
const BYTES: usize = 2_048;

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("random::forms", || each_program(forms)),
        Trial::test("random::texts", || each_program(texts)),
        Trial::test("random::bytes", || each_program(any_bytes)),
        Trial::test("random::surroundings", || each_program(surroundings)),
        Trial::test("random::filters", || each_program(filters)),
    ];
    type Check = fn(&[u8], Dialect) -> Result<(), Failed>;
    let checks: [(&str, Check); 4] =
        [("engines", engines), ("passes", passes), ("optimize", optimize), ("proofs", proofs)];
    for &dialect in Dialect::ALL {
        trials.extend(checks.map(|(name, check)| {
            Trial::test(format!("random::{name}::{dialect}"), move || each_program(|bytes| check(bytes, dialect)))
        }));
    }
    for (judge, dialect) in engine::JUDGES {
        // The packets of seccomp's judge are calls, which `policies` makes.
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

/// Calls `try_one` with random bytes for [`PROGRAMS`], but no longer than [`TIME`].
pub fn each_program(try_one: impl Fn(&[u8]) -> Result<(), Failed>) -> Result<(), Failed> {
    each(PROGRAMS, *TIME, try_one)
}

/// Calls `try_one` with random bytes, the same ones at every run: `count` times, but no longer than `time`.
pub fn each<E>(count: usize, time: Duration, mut try_one: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let (start, mut random) = (Instant::now(), Random::new(0x6362_7066));
    (0..count).take_while(|_| start.elapsed() < time).try_for_each(|_| try_one(&bytes(&mut random)))
}

/// Returns random bytes for one program and its packets.
pub fn bytes(random: &mut Random) -> Vec<u8> {
    random.bytes(BYTES)
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
    let any = LinkType::all().cycle().nth(bytes.first().copied().unwrap_or(0).into());
    oracle::meanings_are_found(&program, any.unwrap_or(LinkType::ETHERNET));
    Ok(oracle::engines_agree(&program, dialect, &samples)?)
}

fn proofs(bytes: &[u8], dialect: Dialect) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let (program, samples) = generate::program_and_samples(&mut u, dialect)?;
    let other = generate::changed(&program, &mut u)?;
    Ok(oracle::proofs_agree(&program, &other, dialect, &samples)?)
}

fn surroundings(bytes: &[u8]) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let passes = generate::passes(&mut u)?;
    let (program, samples) = linux::program_and_samples(&mut u)?;
    oracle::engines_agree(&program, Dialect::Linux, &samples)?;
    oracle::passes_agree(&program, Dialect::Linux, &samples, &passes)?;
    Ok(oracle::optimized_agrees(&program, Dialect::Linux, &cut(&samples))?)
}

fn passes(bytes: &[u8], dialect: Dialect) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let passes = generate::passes(&mut u)?;
    let (program, samples) = generate::program_and_samples(&mut u, dialect)?;
    Ok(oracle::passes_agree(&program, dialect, &cut(&samples), &passes)?)
}

fn optimize(bytes: &[u8], dialect: Dialect) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let (program, samples) = generate::program_and_samples(&mut u, dialect)?;
    Ok(oracle::optimized_agrees(&program, dialect, &cut(&samples))?)
}

/// Returns the packets whole and cut at many lengths: no pass may lose the halt at a missing byte.
pub fn cut(samples: &[Sample]) -> Vec<Sample> {
    let lengths = |len: usize| (0..len).step_by(1 + len / 64).chain([len]);
    samples.iter().flat_map(|sample| lengths(sample.data.len()).map(|len| sample.cut(len))).collect()
}

fn verdicts(bytes: &[u8], judge: &dyn Engine, dialect: Dialect) -> Result<(), Failed> {
    let mut u = Unstructured::new(bytes);
    let program = generate::program(&mut u, dialect)?;
    let data = generate::sample(&mut u, dialect)?.data;
    let Ok(verified) = program.verify(dialect) else { return Ok(()) };
    if depends_on_the_machine(&program) || dialect == Dialect::Pcap && shifts_too_far(&program) {
        return Ok(());
    }
    let packet = (&data).into();
    let expected = verified.interpret(packet);
    match engine::judge(judge, &verified, &packet, expected) {
        None => Ok(()),
        Some(got) => Err(format!("got {got}:\n{}", case::write(&program, dialect, &packet, expected)).into()),
    }
}

/// Returns `true` if a program loads values that differ from run to run.
fn depends_on_the_machine(program: &Program) -> bool {
    [Extension::Cpu, Extension::Random].iter().any(|&extension| oracle::may_load(program, extension))
}

/// Returns `true` for a shift by a constant of 32 or more: undefined behaviour in libpcap's C, 0 in this crate.
fn shifts_too_far(program: &Program) -> bool {
    let is_too_far =
        |instruction| matches!(instruction, Instruction::Alu { op, operand: Operand::Constant(32..) } if op.is_shift());
    program.disassemble().any(is_too_far)
}

/// The judge accepts the programs that our verifier accepts. The kernel accepts no others; libpcap is laxer.
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
        Ok(_) => Err(format!("{} rejects\n{program}", judge.name()).into()),
        Err(error) if is_accepted && dialect != Dialect::Pcap => {
            Err(format!("the kernel accepts, where {error}:\n{program}").into())
        }
        Err(_) => Ok(()),
    }
}
