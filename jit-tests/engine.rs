//! The engines, each behind the same small adapter, and the trial that asks one of them about a case.

use cbpf::{Dialect, Filter, FilterConfig, Packet, Program, Strategy, VerifyError};
use libtest_mimic::{Failed, Trial};

use crate::case::Case;
use crate::kernel::Kernel;
use crate::layouts;
use crate::libpcap::Libpcap;
use crate::seccomp::KernelSeccomp;

/// Something that runs programs.
pub trait Engine: Sync {
    fn name(&self) -> &'static str;

    /// Whether it is there; if not, its trials are skipped by name.
    fn is_available(&self) -> bool {
        true
    }

    fn speaks(&self, dialect: Dialect) -> bool;

    /// Whether it can run a packet as it is: judges outside take no length on the wire, or no context.
    fn takes(&self, _packet: &Packet) -> bool {
        true
    }

    /// Loads a program, or refuses it.
    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Refusal>;
}

/// A program that an engine accepted.
pub trait Loaded {
    /// `None` if the verdict is `expected`, else what it is.
    fn differs(&self, packet: &Packet, expected: u32) -> Option<String>;
}

/// Why an engine did not load a program.
pub enum Refusal {
    /// Our verifier, with the reason.
    Verifier(VerifyError),
    /// A judge, which may or may not say why.
    Judge(String),
}

impl<F: Fn(&Packet) -> u32> Loaded for F {
    fn differs(&self, packet: &Packet, expected: u32) -> Option<String> {
        let verdict = self(packet);
        (verdict != expected).then(|| verdict.to_string())
    }
}

struct Interpreter;

impl Engine for Interpreter {
    fn name(&self) -> &'static str {
        "interpreter"
    }

    fn speaks(&self, _dialect: Dialect) -> bool {
        true
    }

    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Refusal> {
        let verified = program.verify(dialect).map_err(Refusal::Verifier)?;
        Ok(Box::new(move |packet: &Packet| verified.interpret(*packet)))
    }
}

/// The interpreter with a recorder that looks on.
struct Traced;

impl Engine for Traced {
    fn name(&self) -> &'static str {
        "trace"
    }

    fn speaks(&self, _dialect: Dialect) -> bool {
        true
    }

    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Refusal> {
        let verified = program.verify(dialect).map_err(Refusal::Verifier)?;
        Ok(Box::new(move |packet: &Packet| verified.trace(*packet).verdict()))
    }
}

/// Native code of a strategy.
struct Jit(&'static str, Strategy);

impl Engine for Jit {
    fn name(&self) -> &'static str {
        self.0
    }

    fn speaks(&self, _dialect: Dialect) -> bool {
        true
    }

    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Refusal> {
        let verified = program.verify(dialect).map_err(Refusal::Verifier)?;
        let filter = FilterConfig::new()
            .strategy(self.1)
            .require_native(true)
            .compile(&verified)
            .map_err(|error| Refusal::Judge(error.to_string()))?;
        Ok(Box::new(move |packet: &Packet| filter.run(*packet)))
    }
}

struct JitBatch;

impl Engine for JitBatch {
    fn name(&self) -> &'static str {
        "jit-batch"
    }

    fn speaks(&self, _dialect: Dialect) -> bool {
        true
    }

    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Refusal> {
        let verified = program.verify(dialect).map_err(Refusal::Verifier)?;
        let filter = Filter::compile(&verified).map_err(|error| Refusal::Judge(error.to_string()))?;
        filter.prepare_batch().map_err(|error| Refusal::Judge(error.to_string()))?;
        Ok(Box::new(Batch(filter)))
    }
}

struct Batch(Filter);

impl Loaded for Batch {
    /// Runs the packet among prefixes of it, so that a verdict that goes to the wrong place is noticed.
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

/// All engines; the first is the definition.
pub fn all() -> [&'static dyn Engine; 8] {
    [
        &Interpreter,
        &Traced,
        &Jit("jit", Strategy::Branchless),
        &Jit("branches", Strategy::Branches),
        &JitBatch,
        &Kernel,
        &KernelSeccomp,
        &Libpcap,
    ]
}

/// Asks `engine` about a case, in every dialect that it speaks.
pub fn trial(engine: &'static dyn Engine, case: &Case) -> Trial {
    let case = case.clone();
    let name = format!("{}::{}", engine.name(), case.name);
    let speaks = case.dialects.iter().any(|&dialect| engine.speaks(dialect));
    let is_skipped = case.skips.iter().any(|skip| skip == engine.name());
    let is_ignored = !engine.is_available() || !speaks || is_skipped;
    Trial::test(name, move || check(engine, &case)).with_ignored_flag(is_ignored)
}

fn check(engine: &dyn Engine, case: &Case) -> Result<(), Failed> {
    for &dialect in case.dialects.iter().filter(|&&dialect| engine.speaks(dialect)) {
        match (engine.load(&case.program, dialect), case.error(dialect)) {
            (Ok(loaded), None) => verdicts(engine, &*loaded, case, dialect)?,
            (Err(Refusal::Verifier(error)), Some(expected)) => {
                let rule = format!("{:?}", error.rule);
                let rule = rule.split_whitespace().next().unwrap_or("");
                if (error.pc, rule) != (expected.pc, &expected.rule) {
                    return Err(format!("{dialect}: expected {} at {}, got {error}", expected.rule, expected.pc).into());
                }
            }
            (Err(Refusal::Judge(_)), Some(_)) => {}
            (Ok(_), Some(expected)) => return Err(format!("{dialect}: accepted, not {}", expected.rule).into()),
            (Err(Refusal::Verifier(error)), None) => return Err(format!("{dialect}: refused: {error}").into()),
            (Err(Refusal::Judge(error)), None) => return Err(format!("{dialect}: refused: {error}").into()),
        }
    }
    Ok(())
}

fn verdicts(engine: &dyn Engine, loaded: &dyn Loaded, case: &Case, dialect: Dialect) -> Result<(), Failed> {
    for expected in case.packets.iter().filter(|expected| engine.takes(&expected.packet())) {
        let of_dialect = expected.verdicts.iter().find(|(d, _)| *d == dialect);
        let Some(&(_, verdict)) = of_dialect else { continue };
        if let Some(got) = loaded.differs(&expected.packet(), verdict) {
            let line = expected.line;
            return Err(format!("{}:{line}: {dialect}: expected {verdict}, got {got}", case.path.display()).into());
        }
    }
    Ok(())
}
