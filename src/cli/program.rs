//! The program of a subcommand: read from a file, or compiled from an expression of the filter language.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use cbpf::lang::{Cause, Effect, Warning, lint};
use cbpf::{Expr, ExprError, LinkType, Target, Verified};
use clap::Args;

use crate::cli::capture::input_name;
use crate::cli::expression::{Compiled, ExpressionArguments, compile, quoted};
use crate::cli::failure::Failure;
use crate::cli::input::read_program;
use crate::cli::output_format::FormatName;
use crate::cli::warnings::WarningArguments;

/// A program or an expression.
#[derive(Args)]
pub struct ProgramArguments {
    /// Read the program from this file, in any form (assembler, tcpdump -d, -dd, -ddd, bytecode, seccomp-tools, raw); -
    /// for standard input
    #[arg(short, long, value_name = "PROGRAM", conflicts_with_all = ["link_type", "netmask"])]
    program: Option<PathBuf>,

    /// Use this expression; the arguments without an option are then captures to read
    #[arg(short = 'e', long = "expression", value_name = "EXPRESSION", conflicts_with_all = ["program", "expression_file"])]
    text: Option<String>,

    /// Expression to use instead of a program, as for tcpdump: 'tcp port 443'. With -p or -e, further captures to read
    #[arg(value_name = "EXPRESSION")]
    words: Vec<String>,

    #[command(flatten)]
    expression: ExpressionArguments,
}

/// Which program of an expression is meant.
#[derive(Args)]
pub struct StageArguments {
    /// Take the program of an expression before it is optimised, as `cbpf compile --no-optimize` prints it
    #[arg(short = 'O', long)]
    no_optimize: bool,
}

impl StageArguments {
    /// Returns whether the program of an expression is optimised. A program from a file is taken as it is.
    pub fn is_optimized(&self, source: &ProgramSource) -> bool {
        matches!(source, ProgramSource::Expression(_)) && !self.no_optimize
    }

    /// Returns the program that is meant.
    pub fn select(
        &self,
        arguments: &ProgramArguments,
        source: &ProgramSource,
        link_type: LinkType,
        verified: Verified,
    ) -> Result<Verified, Failure> {
        if self.is_optimized(source) { arguments.optimized(source, link_type, &verified) } else { Ok(verified) }
    }
}

/// The source of programs.
pub enum ProgramSource {
    Program(Verified),
    /// A syntactically valid expression.
    Expression(String),
}

impl ProgramSource {
    /// Returns the text of an expression.
    pub fn expression(&self) -> Option<&str> {
        match self {
            ProgramSource::Program(_) => None,
            ProgramSource::Expression(expression) => Some(expression),
        }
    }
}

impl ProgramArguments {
    /// Returns the format that `-F pcap` or `-F pcapng` names, which is then no file.
    pub fn take_format(&mut self) -> Option<FormatName> {
        let file = &mut self.expression.expression_file;
        let format = file.as_ref().and_then(|file| FormatName::named(file.to_str()?))?;
        *file = None;
        Some(format)
    }

    /// Sets whether packets come from an interface.
    pub fn set_live(&self, is_live: bool) {
        self.expression.is_live.store(is_live, Ordering::Relaxed);
    }

    /// Reads the program and verifies it, or reads the expression and checks its syntax.
    pub fn source(&self) -> Result<ProgramSource, Failure> {
        if let Some(path) = &self.program {
            if let Some(file) = &self.expression.expression_file {
                return Err(Failure::Failed(format!("-p cannot be used with -F {}", file.display())));
            }
            let dialect = self.expression.dialect.unwrap_or_default();
            let program = read_program(path).map_err(|failure| self.hinted(failure))?;
            let verified = program.verify(dialect).map_err(|error| Failure::of_file(path, error))?;
            return Ok(ProgramSource::Program(verified));
        }
        let expression = match &self.text {
            Some(text) => text.clone(),
            None => self.expression.read(&self.words)?,
        };
        expression.parse::<Expr>().map_err(|error| self.hinted(failed(error)))?;
        Ok(ProgramSource::Expression(expression))
    }

    /// Adds to a failure how captures are given, if a word of the expression is a file, or what `-e` and `-p` take, if
    /// they were used as those of tcpdump.
    pub fn hinted(&self, failure: Failure) -> Failure {
        let is_file = |word: &&String| Path::new(word.as_str()).is_file();
        if let Some(help) = self.misunderstood_option() {
            return match failure {
                Failure::Failed(message) => Failure::Failed(format!("{message}\n  = help: {help}")),
                Failure::Input(message) => Failure::Input(format!("{message}\n  = help: {help}")),
                failure => failure,
            };
        }
        match (failure, self.expression_words().iter().find(is_file)) {
            (Failure::Failed(message), Some(word)) => Failure::Failed(format!(
                "{message}\n  = help: `{word}` is a file: give captures with -r, or behind `--`, or give the expression \
                 with -e"
            )),
            (failure, _) => failure,
        }
    }

    /// Returns what an option takes that was probably meant as that of tcpdump.
    fn misunderstood_option(&self) -> Option<String> {
        let is_letters = |text: &str| text.len() <= 4 && text.bytes().all(|letter| letter.is_ascii_alphabetic());
        let missing = |path: &&PathBuf| !path.exists() && path.to_str().is_some_and(is_letters);
        if let Some(path) = self.program.as_ref().filter(missing) {
            let path = path.display();
            return Some(format!("-p takes the file of a program, here `{path}`; --no-promiscuous is tcpdump's -p"));
        }
        let text = self.text.as_ref()?;
        if text.parse::<Expr>().is_err() && is_letters(text) {
            return Some(format!("-e takes an expression, here `{text}`; `cbpf print --json` has link headers"));
        }
        let missing = self.words.iter().find(|word| !Path::new(word).exists())?;
        let is_expression = format!("{text} {}", self.words.join(" ")).parse::<Expr>().is_ok();
        is_expression.then(|| format!(
            "with -e, the arguments without an option are captures, here `{missing}`: quote an expression of several words"
        ))
    }

    /// Returns the words of the expression.
    fn expression_words(&self) -> &[String] {
        if self.program.is_some() || self.text.is_some() { &[] } else { &self.words }
    }

    /// Checks that there is a program or an expression, for subcommands without captures.
    fn check_given(&self) -> Result<(), Failure> {
        match self.is_given() {
            true => Ok(()),
            false => Err(Failure::Failed("expected an expression, or a program with -p".to_owned())),
        }
    }

    /// Reads the program, or compiles the expression for `--link-type` or Ethernet.
    pub fn read_alone(&self) -> Result<Verified, Failure> {
        let (source, link_type) = self.source_alone()?;
        self.verified(&source, link_type)
    }

    /// Reads the program, or compiles the expression, and selects the stage.
    pub fn read_stage(&self, stage: &StageArguments) -> Result<Verified, Failure> {
        let (source, link_type) = self.source_alone()?;
        stage.select(self, &source, link_type, self.verified(&source, link_type)?)
    }

    /// Returns the source, and the link type for which it is compiled without captures: `--link-type` or Ethernet.
    pub fn source_alone(&self) -> Result<(ProgramSource, LinkType), Failure> {
        self.check_given()?;
        Ok((self.source()?, self.only_link_type().unwrap_or(LinkType::ETHERNET)))
    }

    /// Returns the program for all packets of a link type, and warns if it matches none of them, or if an expression
    /// or a part of it matches none or all.
    pub fn verified(&self, source: &ProgramSource, link_type: LinkType) -> Result<Verified, Failure> {
        let Compiled { verified, rejects_all } = self.compile(source, link_type).map_err(failed)?;
        let (name, warnings) = (self.name(source), self.lint(source, link_type));
        for warning in &warnings {
            self.warnings().warn_of_expression(&name, Some(link_type), warning)?;
        }
        if rejects_all && !warnings.iter().any(|warning| warning.effect() == Effect::RejectsAll) {
            self.warnings().warn(format_args!("{name} matches no packet"))?;
        }
        Ok(verified)
    }

    /// Returns the optimised program, which `cbpf compile` prints for an expression.
    pub fn optimized(
        &self,
        source: &ProgramSource,
        link_type: LinkType,
        verified: &Verified,
    ) -> Result<Verified, Failure> {
        let optimized = match source {
            ProgramSource::Program(_) => {
                let dialect = verified.dialect();
                verified.program().optimize(dialect).and_then(|program| program.verify(dialect))
            }
            ProgramSource::Expression(_) => {
                let compiled = Compiled { rejects_all: verified.rejects_all(), verified: verified.clone() };
                compiled.optimized(&self.lint(source, link_type)).map(|compiled| compiled.verified)
            }
        };
        optimized.map_err(failed)
    }

    /// Returns warnings about an expression for packets of a link type. If it is invalid for them, there are none.
    pub fn lint(&self, source: &ProgramSource, link_type: LinkType) -> Vec<Warning> {
        match source {
            ProgramSource::Program(_) => Vec::new(),
            ProgramSource::Expression(expression) => lint(expression, &self.target(link_type)).unwrap_or_default(),
        }
    }

    /// Warns that no packet of any link type matches; the reason is that for one of these.
    pub fn warn_of_contradiction(
        &self,
        source: &ProgramSource,
        link_types: impl Iterator<Item = LinkType>,
    ) -> Result<(), Failure> {
        let mut warnings = link_types.map(|link_type| self.lint(source, link_type));
        let is_reason =
            |warning: &Warning| warning.effect() == Effect::RejectsAll && warning.cause() != Cause::LinkType;
        let name = self.name(source);
        match warnings.find(|warnings| warnings.iter().any(is_reason)) {
            Some(warnings) => warnings
                .iter()
                .filter(|warning| is_reason(warning))
                .try_for_each(|warning| self.warnings().warn_of_expression(&name, None, warning)),
            None => self.warnings().warn(format_args!("{name} matches no packet")),
        }
    }

    /// Warns that every packet matches an expression, or that a part of it matches none or all, for the first of these
    /// link types for which that is so.
    pub fn warn_of_parts(
        &self,
        source: &ProgramSource,
        mut link_types: impl Iterator<Item = LinkType>,
    ) -> Result<(), Failure> {
        let is_told = |warning: &Warning| warning.effect() != Effect::RejectsAll && warning.cause() != Cause::LinkType;
        let found = link_types.find_map(|link_type| {
            let mut warnings = self.lint(source, link_type);
            warnings.retain(is_told);
            (!warnings.is_empty()).then_some((link_type, warnings))
        });
        let Some((link_type, warnings)) = found else { return Ok(()) };
        let name = self.name(source);
        warnings.iter().try_for_each(|warning| self.warnings().warn_of_expression(&name, Some(link_type), warning))
    }

    /// Returns the target of an expression for packets of a link type, without a netmask that is required.
    fn target(&self, link_type: LinkType) -> Target {
        self.target_of(link_type, self.expression.is_live.load(Ordering::Relaxed))
    }

    fn target_of(&self, link_type: LinkType, is_live: bool) -> Target {
        let target = self.expression.target_of(link_type, is_live);
        if self.expression.netmask.is_some() { target } else { target.netmask(0) }
    }

    /// Returns the program for packets of a link type.
    pub fn compile(&self, source: &ProgramSource, link_type: LinkType) -> Result<Compiled, ExprError> {
        match source {
            ProgramSource::Program(verified) => {
                Ok(Compiled { verified: verified.clone(), rejects_all: verified.rejects_all() })
            }
            ProgramSource::Expression(expression) => match compile(expression, &self.target(link_type)) {
                // Only the Linux dialect has tags and directions, but others allow longer programs.
                Err(ExprError::TooLong { .. })
                    if self.expression.is_live.load(Ordering::Relaxed) && !expression.contains("vlan") =>
                {
                    compile(expression, &self.target_of(link_type, false))
                }
                compiled => compiled,
            },
        }
    }

    /// Returns the link type that is assumed for all packets: `--link-type`, or any one if the program does not depend
    /// on it.
    pub fn only_link_type(&self) -> Option<LinkType> {
        self.expression.link_type.or(self.program.as_ref().map(|_| LinkType::ETHERNET))
    }

    /// Returns the options of warnings.
    pub fn warnings(&self) -> &WarningArguments {
        &self.expression.warnings
    }

    /// Returns the name of the program in messages: its file, or the expression.
    pub fn name(&self, source: &ProgramSource) -> String {
        match (self.files().next(), source) {
            (Some(path), _) => input_name(path).to_string(),
            (None, ProgramSource::Expression(expression)) => quoted(expression),
            (None, ProgramSource::Program(_)) => "the program".to_owned(),
        }
    }

    /// Returns the expression, or the file of the program.
    pub fn full_name(&self, source: &ProgramSource) -> String {
        source.expression().map_or_else(|| self.name(source), str::to_owned)
    }

    /// Returns the verdict to report for the one that an engine returned.
    ///
    /// An expression keeps the whole of a matching packet, even if it is longer than the 262,144 bytes for which it is
    /// compiled.
    #[inline]
    pub fn verdict(&self, returned: u32, captured: usize) -> u32 {
        let is_match_of_expression = self.program.is_none() && returned != 0;
        if is_match_of_expression { returned.max(captured as u32) } else { returned }
    }

    /// Returns whether matching packets are kept whole, as by an expression, rather than cut to the verdict.
    pub fn keeps_whole_packets(&self) -> bool {
        self.program.is_none()
    }

    /// Returns further captures: the words, if there is a program or an expression in an option.
    pub fn captures(&self) -> impl Iterator<Item = &Path> + Clone {
        let are_captures = self.program.is_some() || self.text.is_some();
        self.words.iter().filter(move |_| are_captures).map(Path::new)
    }

    /// Returns whether there is a program or an expression.
    pub fn is_given(&self) -> bool {
        self.files().next().is_some() || self.text.is_some() || !self.words.is_empty()
    }

    /// Returns the file of the program or the expression.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.program, &self.expression.expression_file].into_iter().flatten().map(PathBuf::as_path)
    }
}

fn failed(error: impl Display) -> Failure {
    Failure::Failed(error.to_string())
}
