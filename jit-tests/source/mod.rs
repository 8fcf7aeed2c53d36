//! Source code in C and Rust as judges: many programs are one file, which a compiler turns into a library.
//!
//! The corpus is one library for each language. The trials `source::` compile random programs and the shared
//! expressions in the same way, and check that no compiler warns.

mod context;
mod library;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use arbitrary::Unstructured;
use cbpf::packet::Extension;
use cbpf::source::Language;
use cbpf::{Dialect, Packet, Program, Verified};
use libtest_mimic::{Failed, Trial};

use crate::case::{self, Case, Sample};
use crate::engine::{Engine, Loaded, Rejection};
use crate::{generate, oracle, random};
use library::Library;

/// The compilers of each language, the first of which makes libraries.
pub fn compilers(language: Language) -> &'static [&'static str] {
    match language {
        Language::Rust => &["rustc"],
        _ => &["clang", "gcc"],
    }
}

/// The programs of the corpus in a language.
pub struct Source(pub Language);

/// The two languages as engines.
pub static LANGUAGES: [Source; 2] = [Source(Language::C), Source(Language::Rust)];

/// The library of the corpus, with the place of each program.
struct Corpus {
    library: Arc<Library>,
    places: HashMap<(Program, Dialect), usize>,
}

impl Source {
    /// Returns the corpus in this language, or the message of the compiler.
    fn corpus(&self) -> &'static Result<Corpus, String> {
        static CORPORA: [LazyLock<Result<Corpus, String>>; 2] =
            [LazyLock::new(|| Corpus::new(Language::C)), LazyLock::new(|| Corpus::new(Language::Rust))];
        &CORPORA[usize::from(self.0 == Language::Rust)]
    }
}

impl Corpus {
    fn new(language: Language) -> Result<Corpus, String> {
        let programs = programs_of_corpus()?;
        let library = Library::new(language, &programs)?;
        let places = programs.iter().map(|verified| (verified.program().clone(), verified.dialect()));
        Ok(Corpus { library: Arc::new(library), places: places.zip(0..).collect() })
    }
}

/// Returns the valid programs of the corpus that have source.
fn programs_of_corpus() -> Result<Vec<Verified>, String> {
    let verified = |case: &Case| -> Vec<Verified> {
        case.dialects.iter().filter_map(|&dialect| case.program.verify(dialect).ok()).collect()
    };
    let cases = case::read_all()?;
    Ok(cases.iter().flat_map(verified).filter(|verified| has_source(verified.program())).collect())
}

fn has_source(program: &Program) -> bool {
    !oracle::may_load(program, Extension::PayloadOffset)
}

impl Engine for Source {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn is_available(&self) -> bool {
        static AVAILABLE: [OnceLock<bool>; 2] = [OnceLock::new(), OnceLock::new()];
        *AVAILABLE[usize::from(self.0 == Language::Rust)].get_or_init(|| library::compiler(self.0).is_some())
    }

    fn supports(&self, _dialect: Dialect) -> bool {
        true
    }

    fn can_have(&self, program: &Program, _dialect: Dialect) -> bool {
        has_source(program)
    }

    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Rejection> {
        program.verify(dialect).map_err(Rejection::Verifier)?;
        let corpus = self.corpus().as_ref().map_err(|message| Rejection::Judge(message.clone()))?;
        let place = corpus.places.get(&(program.clone(), dialect)).copied();
        let place = place.ok_or_else(|| Rejection::Judge("the program is not in the corpus".to_owned()))?;
        Ok(Box::new(move |packet: &Packet| corpus.library.verdict(place, packet)))
    }
}

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for source in &LANGUAGES {
        let (name, is_absent) = (source.name(), !source.is_available());
        let random = Trial::test(format!("source::random::{name}"), || random_programs(source.0));
        trials.push(random.with_ignored_flag(is_absent));
    }
    for (name, arguments) in library::CHECKS {
        let check = Trial::test(format!("source::warnings::{name}"), || {
            Ok(library::check(name, arguments, &programs_of_corpus()?)?)
        });
        trials.push(check.with_ignored_flag(!library::can_compile(arguments)));
    }
    trials
}

/// The number of random programs in a library, for each dialect.
const PROGRAMS: usize = 60;

/// Random programs have the verdicts of the interpreter, on packets cut at many lengths.
fn random_programs(language: Language) -> Result<(), Failed> {
    let mut tried: Vec<(Verified, Vec<Sample>)> = Vec::new();
    for &dialect in Dialect::ALL {
        let end = tried.len() + PROGRAMS;
        random::each(10 * PROGRAMS, Duration::MAX, |bytes| {
            let mut u = Unstructured::new(bytes);
            let (program, samples) = generate::program_and_samples(&mut u, dialect)?;
            match program.verify(dialect) {
                Ok(verified) if tried.len() < end && has_source(&program) => {
                    tried.push((verified, random::cut(&samples)));
                }
                _ => {}
            }
            Ok::<(), Failed>(())
        })?;
    }
    Ok(agree(language, &tried)?)
}

/// Compares the verdicts of source code with those of the interpreter.
pub fn agree(language: Language, tried: &[(Verified, Vec<Sample>)]) -> Result<(), String> {
    let programs: Vec<Verified> = tried.iter().map(|(verified, _)| verified.clone()).collect();
    let library = Library::new(language, &programs)?;
    for (place, (verified, samples)) in tried.iter().enumerate() {
        for packet in samples.iter().map(Sample::packet) {
            let (expected, verdict) = (verified.interpret(packet), library.verdict(place, &packet));
            if verdict != expected {
                let case = case::write(verified.program(), verified.dialect(), &packet, expected);
                return Err(format!("{language} gives {verdict}, and the interpreter:\n{case}"));
            }
        }
    }
    Ok(())
}
