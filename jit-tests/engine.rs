//! The engines, each under the same small adapter, and the trial that runs a case in one of them.

use cbpf::bpf::VerifiedRef;
use cbpf::{Dialect, Packet, Program, Verified, VerifyError};
#[cfg(feature = "std")]
use cbpf::{Filter, FilterConfig, filter::Strategy};
use libtest_mimic::{Failed, Trial};

use crate::case::Case;
use crate::kernel::Kernel;
#[cfg(feature = "std")]
use crate::layouts;
use crate::libpcap::Libpcap;
use crate::seccomp::KernelSeccomp;

/// An engine that runs programs.
pub trait Engine: Sync {
    fn name(&self) -> &'static str;

    /// Returns `true` if this machine has the engine; if not, its trials are skipped by name.
    fn is_available(&self) -> bool {
        true
    }

    fn supports(&self, dialect: Dialect) -> bool;

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

impl Engine for Ours {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_available(&self) -> bool {
        cfg!(feature = "jit") || !self.is_native
    }

    fn supports(&self, _dialect: Dialect) -> bool {
        true
    }

    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Rejection> {
        let verified = program.verify(dialect).map_err(Rejection::Verifier)?;
        (self.load)(verified).map_err(Rejection::Judge)
    }
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
    let others: [&dyn Engine; 4] = [&Borrowed, &Kernel, &KernelSeccomp, &Libpcap];
    OURS.iter().map(|engine| engine as &dyn Engine).chain(others)
}

/// Returns the trial that runs a case in `engine`, in every dialect that the engine supports.
pub fn trial(engine: &'static dyn Engine, case: &Case) -> Trial {
    let case = case.clone();
    let name = format!("{}::{}", engine.name(), case.name);
    let is_supported = case.dialects.iter().any(|&dialect| engine.supports(dialect));
    let is_skipped = case.skips.iter().any(|skip| skip == engine.name());
    let is_ignored = !engine.is_available() || !is_supported || is_skipped;
    Trial::test(name, move || check(engine, &case)).with_ignored_flag(is_ignored)
}

fn check(engine: &dyn Engine, case: &Case) -> Result<(), Failed> {
    for &dialect in case.dialects.iter().filter(|&&dialect| engine.supports(dialect)) {
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
