//! The programs of a question: files and expressions, in the order of the command line.

use std::fmt;
use std::path::{Path, PathBuf};

use cbpf::lang::lint;
use cbpf::text::Form;
use cbpf::{Dialect, Instruction, Program, Target, Verified};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};

use crate::cli::capture::input_name;
use crate::cli::expression::{compile, quoted};
use crate::cli::failure::Failure;
use crate::cli::input::input_once;
use crate::cli::prove::{Kind, QuestionArguments};

/// The identifiers of the arguments.
const FILES: &str = "programs";
const EXPRESSIONS: &str = "expressions";

/// A program as it stands on the command line.
pub enum Operand {
    File(PathBuf),
    Expression(String),
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operand::File(path) => input_name(path).fmt(f),
            Operand::Expression(expression) => f.write_str(&quoted(expression)),
        }
    }
}

/// All operands in order. The derive macros of clap keep files and expressions apart.
pub struct Operands(Vec<Operand>);

impl Args for Operands {
    fn augment_args(command: Command) -> Command {
        let files = Arg::new(FILES)
            .value_name("PROGRAM")
            .help(
                "Programs, in any form (assembler, tcpdump -d, -dd, -ddd, bytecode, seccomp-tools, raw); - for standard \
                 input",
            )
            .value_parser(value_parser!(PathBuf))
            .num_args(0..=2);
        let expressions = Arg::new(EXPRESSIONS)
            .short('e')
            .long("expression")
            .value_name("EXPRESSION")
            .help("Expression to use in place of a program: 'tcp port 443'; may be given more than once")
            .action(ArgAction::Append);
        command.arg(files).arg(expressions)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Operands::augment_args(command)
    }
}

impl FromArgMatches for Operands {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Operands, clap::Error> {
        let files = matches.get_many::<PathBuf>(FILES).unwrap_or_default().cloned().map(Operand::File);
        let expressions = matches.get_many::<String>(EXPRESSIONS).unwrap_or_default().cloned().map(Operand::Expression);
        let files = matches.indices_of(FILES).unwrap_or_default().zip(files);
        let expressions = matches.indices_of(EXPRESSIONS).unwrap_or_default().zip(expressions);
        let mut all: Vec<(usize, Operand)> = files.chain(expressions).collect();
        all.sort_by_key(|(place, _)| *place);
        Ok(Operands(all.into_iter().map(|(_, operand)| operand).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Operands::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A verified program and its name for messages.
pub struct NamedProgram {
    pub name: String,
    pub verified: Verified,
}

/// The programs of a question, all of one dialect.
pub struct Programs {
    pub dialect: Dialect,
    /// One or two.
    pub list: Vec<NamedProgram>,
    pub assumed: Option<NamedProgram>,
}

impl Programs {
    pub fn first(&self) -> &NamedProgram {
        &self.list[0]
    }

    pub fn last(&self) -> &NamedProgram {
        &self.list[self.list.len() - 1]
    }
}

/// An operand whose file is read.
enum Source<'o> {
    Program(&'o Path, Program, Form),
    Expression(&'o str),
}

impl Operands {
    /// Reads, compiles and verifies the programs of a question, and the assumption.
    pub fn load(&self, kind: Kind, arguments: &QuestionArguments) -> Result<Programs, Failure> {
        if self.0.len() != kind.programs() {
            let expected = if kind.programs() == 1 { "one program" } else { "two programs" };
            let found = self.0.len();
            let message =
                format!("`cbpf prove {}` expects {expected}, files or expressions (-e); found {found}", kind.name());
            return Err(Failure::Failed(message));
        }
        let assumed = arguments.assume.as_ref().map(|text| match Path::new(text) {
            path if text == "-" || path.is_file() => Operand::File(path.to_owned()),
            _ => Operand::Expression(text.clone()),
        });
        let all: Vec<&Operand> = self.0.iter().chain(&assumed).collect();
        input_once(all.iter().filter_map(|operand| match operand {
            Operand::File(path) => Some(path.as_path()),
            Operand::Expression(_) => None,
        }))?;
        let sources = all.iter().map(|operand| read(operand, arguments)).collect::<Result<Vec<_>, Failure>>()?;
        let dialect = arguments.dialect.map_or_else(|| default_dialect(&all, &sources), Ok)?;
        let programs = all.iter().zip(&sources).map(|(operand, source)| {
            Ok(NamedProgram { name: operand.to_string(), verified: verified(source, dialect, arguments)? })
        });
        let mut list = programs.collect::<Result<Vec<_>, Failure>>()?;
        let assumed = if assumed.is_some() { list.pop() } else { None };
        Ok(Programs { dialect, list, assumed })
    }
}

fn read<'o>(operand: &'o Operand, arguments: &QuestionArguments) -> Result<Source<'o>, Failure> {
    match operand {
        Operand::Expression(expression) => Ok(Source::Expression(expression)),
        Operand::File(path) => arguments.arch.read(path).map(|(program, form)| Source::Program(path, program, form)),
    }
}

/// Returns the dialect of programs for which none is given.
///
/// # Errors
/// If only some are in the notation of system call filters.
fn default_dialect(operands: &[&Operand], sources: &[Source]) -> Result<Dialect, Failure> {
    let is_seccomp = |source: &Source| matches!(source, Source::Program(_, _, Form::Seccomp));
    let place = |is_wanted: bool| sources.iter().position(|source| is_seccomp(source) == is_wanted);
    match (place(true), place(false)) {
        (Some(_), None) => return Ok(Dialect::Seccomp),
        (Some(seccomp), Some(other)) => {
            return Err(Failure::Failed(format!(
                "{} looks like a filter of system calls, and {} does not; expected --dialect, for both",
                operands[seccomp], operands[other]
            )));
        }
        (None, _) => {}
    }
    let is_expression = |source: &Source| matches!(source, Source::Expression(_));
    let loads_metadata = |source: &Source| match source {
        Source::Program(_, program, _) => {
            program.disassemble().any(|instruction| matches!(instruction, Instruction::LoadExtension(_)))
        }
        Source::Expression(_) => false,
    };
    match sources.iter().any(is_expression) && !sources.iter().any(loads_metadata) {
        true => Ok(Dialect::Pcap),
        false => Ok(Dialect::Linux),
    }
}

fn verified(source: &Source, dialect: Dialect, arguments: &QuestionArguments) -> Result<Verified, Failure> {
    match source {
        Source::Program(path, program, _) => {
            let verified = program.verify(dialect).map_err(|error| {
                let reason = match (arguments.dialect, dialect) {
                    (Some(_), _) => "",
                    (None, Dialect::Pcap) => {
                        "; beside an expression, the rules are those of pcap, unless --dialect selects others"
                    }
                    (None, _) => "; --dialect selects other rules",
                };
                Failure::of_file(path, format_args!("{error}{reason}"))
            })?;
            if verified.rejects_all() {
                arguments.warnings.warn(format_args!("{} matches no packet", input_name(path)))?;
            }
            Ok(verified)
        }
        Source::Expression(expression) if dialect == Dialect::Seccomp => Err(Failure::Failed(format!(
            "{} is an expression about packets; filters of system calls are files",
            quoted(expression)
        ))),
        Source::Expression(expression) => {
            let failed = |error: cbpf::ExprError| Failure::Failed(format!("{}: {error}", quoted(expression)));
            let netmask = arguments.netmask.map_or(0, |netmask| netmask.to_bits());
            let target = Target::new(arguments.link_type).dialect(dialect).netmask(netmask).allow_reject_all(true);
            let target = arguments.chain.apply(target);
            let compiled = compile(expression, &target).map_err(failed)?;
            for warning in lint(expression, &target).map_err(failed)? {
                arguments.warnings.warn_of_expression(&quoted(expression), Some(arguments.link_type), &warning)?;
            }
            Ok(compiled.verified)
        }
    }
}
