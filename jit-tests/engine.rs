//! The engines, each under the same small adapter, and the trial that runs a case in one of them.

#[cfg(feature = "std")]
use std::sync::LazyLock;

#[cfg(feature = "std")]
use cbpf::bpf::RawInstruction;
use cbpf::bpf::VerifiedRef;
use cbpf::{Dialect, Packet, Program, Verified, VerifyError};
#[cfg(feature = "std")]
use cbpf::{Filter, FilterConfig, Instruction, filter::CompileError, filter::Strategy};
use libtest_mimic::{Failed, Trial};

use crate::case::Case;
use crate::ebpf;
#[cfg(feature = "std")]
use crate::layouts;

/// The judges, which are engines of others: the Linux kernel, its seccomp, and libpcap, each with its dialect.
pub static JUDGES: [(&dyn Engine, Dialect); 3] = [
    #[cfg(target_os = "linux")]
    (&crate::kernel::Kernel, Dialect::Linux),
    #[cfg(not(target_os = "linux"))]
    (&Absent("kernel"), Dialect::Linux),
    #[cfg(target_os = "linux")]
    (&crate::seccomp::KernelSeccomp, Dialect::Seccomp),
    #[cfg(not(target_os = "linux"))]
    (&Absent("kernel-seccomp"), Dialect::Seccomp),
    (&crate::libpcap::Libpcap, Dialect::Pcap),
];

/// An engine that runs programs.
pub trait Engine: Sync {
    fn name(&self) -> &'static str;

    /// Returns `true` if this machine has the engine; if not, its trials are skipped by name.
    fn is_available(&self) -> bool {
        true
    }

    fn supports(&self, dialect: Dialect) -> bool;

    /// Returns `true` if the engine has all that a program loads; if not, its trials are skipped by name.
    fn can_have(&self, _program: &Program, _dialect: Dialect) -> bool {
        true
    }

    /// Returns `true` if the engine can run the packet: some judges take no length on the wire, or no context.
    fn takes(&self, _packet: &Packet) -> bool {
        true
    }

    /// Loads a program, or rejects it.
    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Rejection>;
}

/// A program that an engine accepted.
pub trait Loaded {
    /// Returns `None` if the verdict is `expected`, and a text with the verdict otherwise.
    fn differs(&self, packet: &Packet, expected: u32) -> Option<String>;
}

/// The reason why an engine did not load a program.
pub enum Rejection {
    /// An error of our verifier.
    Verifier(VerifyError),
    /// A message of a judge.
    Judge(String),
}

impl Rejection {
    pub fn message(self) -> String {
        match self {
            Rejection::Verifier(error) => error.to_string(),
            Rejection::Judge(message) => message,
        }
    }
}

impl<F: Fn(&Packet) -> u32> Loaded for F {
    fn differs(&self, packet: &Packet, expected: u32) -> Option<String> {
        let verdict = self(packet);
        (verdict != expected).then(|| verdict.to_string())
    }
}

/// An engine of this crate.
struct Ours {
    name: &'static str,
    /// The engine needs native code.
    is_native: bool,
    load: fn(Verified) -> Result<Box<dyn Loaded>, String>,
}

static OURS: &[Ours] = &[
    Ours {
        name: "interpreter",
        is_native: false,
        load: |it| Ok(Box::new(move |packet: &Packet| it.interpret(*packet))),
    },
    Ours {
        name: "trace",
        is_native: false,
        load: |it| Ok(Box::new(move |packet: &Packet| it.trace(*packet).verdict())),
    },
    #[cfg(feature = "std")]
    Ours { name: "filter", is_native: false, load: |it| filter(&it, &FilterConfig::new()) },
    #[cfg(feature = "std")]
    Ours { name: "jit", is_native: true, load: |it| native(&it, Strategy::Branchless) },
    #[cfg(feature = "std")]
    Ours { name: "branches", is_native: true, load: |it| native(&it, Strategy::Branches) },
    #[cfg(feature = "std")]
    Ours { name: "template", is_native: false, load: siblings },
    #[cfg(feature = "std")]
    Ours { name: "jit-batch", is_native: false, load: batch },
];

#[cfg(feature = "std")]
fn native(verified: &Verified, strategy: Strategy) -> Result<Box<dyn Loaded>, String> {
    filter(verified, &FilterConfig::new().strategy(strategy).require_native(true))
}

#[cfg(feature = "std")]
fn filter(verified: &Verified, config: &FilterConfig) -> Result<Box<dyn Loaded>, String> {
    let filter = config.compile(verified).map_err(|error| error.to_string())?;
    Ok(Box::new(move |packet: &Packet| filter.run(*packet)))
}

#[cfg(feature = "std")]
fn batch(verified: Verified) -> Result<Box<dyn Loaded>, String> {
    let filter = Filter::compile(&verified).map_err(|error| error.to_string())?;
    filter.prepare_batch().map_err(|error| error.to_string())?;
    Ok(Box::new(Batch(filter)))
}

/// Compiles programs that differ in constants only, which may share their code, before and after the program itself.
#[cfg(feature = "std")]
fn siblings(verified: Verified) -> Result<Box<dyn Loaded>, String> {
    let compile = |verified: Verified| match Filter::compile(&verified) {
        Ok(filter) => Ok((verified, filter)),
        Err(error) => Err(error.to_string()),
    };
    let constants: Vec<u32> = comparisons(verified.program()).map(|instruction| instruction.k).collect();
    let next = |k| constants.iter().position(|&other| other == k).map_or(k, |at| constants[(at + 1) % constants.len()]);
    let changes: [&dyn Fn(u32) -> u32; 4] = [&|k| k ^ 0x100, &next, &|k| k, &|k| k << 1];
    let siblings = changes.iter().filter_map(|change| sibling(&verified, *change)).map(compile);
    Ok(Box::new(Siblings(siblings.collect::<Result<_, _>>()?)))
}

/// Returns the comparisons with constants.
#[cfg(feature = "std")]
fn comparisons(program: &Program) -> impl Iterator<Item = &RawInstruction> {
    program.instructions().iter().filter(|instruction| is_comparison(instruction.code))
}

#[cfg(feature = "std")]
fn is_comparison(code: u16) -> bool {
    const JEQ_K: u16 = 0x15;
    const JGT_K: u16 = 0x25;
    const JGE_K: u16 = 0x35;
    [JEQ_K, JGT_K, JGE_K].contains(&code)
}

/// Returns the program with other constants in its comparisons, if it is valid.
#[cfg(feature = "std")]
fn sibling(verified: &Verified, change: &dyn Fn(u32) -> u32) -> Option<Verified> {
    let mut instructions = verified.program().instructions().to_vec();
    let changed = instructions.iter_mut().filter(|instruction| is_comparison(instruction.code));
    changed.for_each(|instruction| instruction.k = change(instruction.k));
    Program::new(instructions).verify(verified.dialect()).ok()
}

#[cfg(feature = "std")]
struct Siblings(Vec<(Verified, Filter)>);

#[cfg(feature = "std")]
impl Loaded for Siblings {
    /// Compares each program with its interpretation, one at a time and in a batch; the program itself also with
    /// `expected`.
    fn differs(&self, packet: &Packet, expected: u32) -> Option<String> {
        let outcomes = self.0.iter().enumerate().map(|(index, (verified, filter))| {
            let interpreted = verified.interpret(*packet);
            let mut batch = [0; 2];
            filter.run_batch(&[*packet, *packet], &mut batch);
            let is_right = [filter.run(*packet), batch[0], batch[1]] == [interpreted; 3];
            let is_itself = index == 2;
            (is_right && (!is_itself || interpreted == expected)).then_some(()).ok_or_else(|| {
                let verdict = filter.run(*packet);
                format!("{verdict}, in batches {batch:?}, interpreted {interpreted}, of\n{}", verified.program())
            })
        });
        outcomes.filter_map(Result::err).next()
    }
}

impl Engine for Ours {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_available(&self) -> bool {
        !self.is_native || has_native_code()
    }

    fn supports(&self, _dialect: Dialect) -> bool {
        true
    }

    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Rejection> {
        let verified = program.verify(dialect).map_err(Rejection::Verifier)?;
        (self.load)(verified).map_err(Rejection::Judge)
    }
}

/// Checks that this machine has the engine, `native` or `interpreter`, that the environment variable `JIT_TESTS_ENGINE`
/// names.
pub fn check_machine() -> Result<(), String> {
    let found = if has_native_code() { "native" } else { "interpreter" };
    match std::env::var("JIT_TESTS_ENGINE") {
        Ok(expected) if expected != found => Err(format!("the engine is `{found}`, not `{expected}`")),
        _ => Ok(()),
    }
}

/// Returns `true` if this build has native code for this machine, whether or not compilation succeeds.
#[cfg(feature = "std")]
pub fn has_native_code() -> bool {
    static ANSWER: LazyLock<bool> = LazyLock::new(|| {
        let program = Program::from_iter([Instruction::ReturnConstant { verdict: 0 }]);
        let filter = program.verify(Dialect::Pcap).map(|verified| Filter::compile(&verified));
        let Ok(Ok(filter)) = filter else { return true };
        !matches!(filter.engine(), cbpf::Engine::Interpreter { why: CompileError::UnsupportedMachine(_), .. })
    });
    *ANSWER
}

/// Returns `false`: native code takes the standard library.
#[cfg(not(feature = "std"))]
pub fn has_native_code() -> bool {
    false
}

/// The interpreter on a program that it borrows.
struct Borrowed;

impl Engine for Borrowed {
    fn name(&self) -> &'static str {
        "borrowed"
    }

    fn supports(&self, _dialect: Dialect) -> bool {
        true
    }

    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Rejection> {
        let program = program.clone();
        VerifiedRef::new(program.instructions(), dialect).map_err(Rejection::Verifier)?;
        Ok(Box::new(move |packet: &Packet| {
            let verified = VerifiedRef::new(program.instructions(), dialect);
            verified.expect("a program that was verified before").interpret(*packet)
        }))
    }
}

#[cfg(feature = "std")]
struct Batch(Filter);

#[cfg(feature = "std")]
impl Loaded for Batch {
    /// Runs the packet among prefixes of it, so that a verdict in the wrong place is noticed.
    fn differs(&self, packet: &Packet, expected: u32) -> Option<String> {
        let data = packet.data();
        let prefix = |len: usize| Packet::new(&data[..len.min(data.len())]).with_context(packet.context());
        let packets = [prefix(0), *packet, prefix(14), prefix(34), *packet, *packet, prefix(1)];
        let outcomes = layouts::verdicts(&self.0, &packets);
        let (layout, verdicts) =
            outcomes.into_iter().find(|(_, verdicts)| [1, 4, 5].iter().any(|&place| verdicts[place] != expected))?;
        Some(format!("{verdicts:?}, as {layout}, of which the second, fifth and sixth are of the packet"))
    }
}

/// Returns all engines; the first is the definition.
pub fn all() -> impl Iterator<Item = &'static dyn Engine> {
    let judges = JUDGES.iter().map(|&(judge, _)| judge);
    let ours = OURS.iter().map(|engine| engine as &dyn Engine).chain([&Borrowed as &dyn Engine]);
    ours.chain(judges).chain(ebpf::judges()).chain(sources())
}

/// Returns the languages of source code.
#[cfg(not(target_family = "wasm"))]
fn sources() -> impl Iterator<Item = &'static dyn Engine> {
    crate::source::LANGUAGES.iter().map(|language| language as &dyn Engine)
}

/// Returns nothing: there are no compilers.
#[cfg(target_family = "wasm")]
fn sources() -> impl Iterator<Item = &'static dyn Engine> {
    [].into_iter()
}

/// Returns the trial that runs a case in `engine`, in every dialect that the engine supports.
pub fn trial(engine: &'static dyn Engine, case: &Case) -> Trial {
    let case = case.clone();
    let name = format!("{}::{}", engine.name(), case.name);
    let is_supported = case.dialects.iter().any(|&dialect| runs(engine, &case, dialect));
    let is_skipped = case.skips.iter().any(|skip| match skip.as_str() {
        "big-endian" => cfg!(target_endian = "big"),
        name => name == engine.name(),
    });
    let is_ignored = !engine.is_available() || !is_supported || is_skipped;
    Trial::test(name, move || check(engine, &case)).with_ignored_flag(is_ignored)
}

fn runs(engine: &dyn Engine, case: &Case, dialect: Dialect) -> bool {
    engine.supports(dialect) && engine.can_have(&case.program, dialect)
}

fn check(engine: &dyn Engine, case: &Case) -> Result<(), Failed> {
    for &dialect in case.dialects.iter().filter(|&&dialect| runs(engine, case, dialect)) {
        match (engine.load(&case.program, dialect), case.error(dialect)) {
            (Ok(loaded), None) => verdicts(engine, &*loaded, case, dialect)?,
            (Err(Rejection::Verifier(error)), Some(expected)) => {
                let rule = format!("{:?}", error.rule);
                let rule = rule.split_whitespace().next().unwrap_or("");
                if (error.pc, rule) != (expected.pc, &expected.rule) {
                    return Err(format!("{dialect}: expected {} at {}, got {error}", expected.rule, expected.pc).into());
                }
            }
            (Err(Rejection::Judge(_)), Some(_)) => {}
            (Ok(_), Some(expected)) => return Err(format!("{dialect}: accepted, not {}", expected.rule).into()),
            (Err(rejection), None) => return Err(format!("{dialect}: rejected: {}", rejection.message()).into()),
        }
    }
    Ok(())
}

fn verdicts(engine: &dyn Engine, loaded: &dyn Loaded, case: &Case, dialect: Dialect) -> Result<(), Failed> {
    for expected in case.packets.iter().filter(|expected| engine.takes(&expected.sample.packet())) {
        let of_dialect = expected.verdicts.iter().find(|(d, _)| *d == dialect);
        let Some(&(_, verdict)) = of_dialect else { continue };
        if let Some(got) = loaded.differs(&expected.sample.packet(), verdict) {
            let line = expected.line;
            return Err(format!("{}:{line}: {dialect}: expected {verdict}, got {got}", case.path.display()).into());
        }
    }
    Ok(())
}

/// Runs a verified program in a judge: `None` if the verdict is `expected`, and a text with the verdict otherwise.
pub fn judge(judge: &dyn Engine, verified: &Verified, packet: &Packet, expected: u32) -> Option<String> {
    match judge.load(verified.program(), verified.dialect()) {
        Ok(loaded) => loaded.differs(packet, expected),
        Err(rejection) => Some(rejection.message()),
    }
}

/// A judge that this system cannot have.
#[cfg(not(target_os = "linux"))]
pub struct Absent(pub &'static str);

#[cfg(not(target_os = "linux"))]
impl Engine for Absent {
    fn name(&self) -> &'static str {
        self.0
    }

    fn is_available(&self) -> bool {
        false
    }

    fn supports(&self, _dialect: Dialect) -> bool {
        false
    }

    fn load(&self, _program: &Program, _dialect: Dialect) -> Result<Box<dyn Loaded>, Rejection> {
        Err(Rejection::Judge("this system does not have it".to_owned()))
    }
}
