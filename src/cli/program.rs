//! What most subcommands run: a program from a file, or an expression of the filter language.

use std::fmt::{self, Display};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use cbpf::{Dialect, ExprError, LinkType, Target, Verified, VerifyError, compile_expression};
use clap::Args;

use crate::cli::capture::input_name;
use crate::cli::expression::{ChainArguments, read_expression};
use crate::cli::failure::Failure;
use crate::cli::input::{one_of, read_program};
use crate::cli::warnings::WarningArguments;

/// A program or an expression, and whose rules it obeys.
#[derive(Args)]
pub struct ProgramArguments {
    /// File with the program, in any form (assembler, tcpdump -d, -dd, -ddd, bytecode, seccomp-tools, raw), or - for standard input
    #[arg(short, long, value_name = "PROGRAM")]
    program: Option<PathBuf>,

    /// An expression instead of a program, as for tcpdump: 'tcp port 443'; with -p, more captures
    #[arg(value_name = "EXPRESSION")]
    words: Vec<String>,

    /// File with an expression instead of a program, # for comments; - for standard input
    #[arg(short = 'F', long, value_name = "FILE", conflicts_with_all = ["program", "words"])]
    expression_file: Option<PathBuf>,

    /// What the packets begin with, for an expression: EN10MB, RAW, a number, ... rather than what the captures say
    #[arg(long, value_name = "TYPE", conflicts_with = "program")]
    link_type: Option<LinkType>,

    /// The netmask of the network, for `ip broadcast` in an expression; without it, as in tcpdump -r, only 255.255.255.255
    /// and 0.0.0.0 are broadcast
    #[arg(long, value_name = "MASK", default_value = "0.0.0.0", hide_default_value = true, conflicts_with = "program")]
    netmask: Ipv4Addr,

    #[command(flatten)]
    chain: ChainArguments,

    /// Whose rules the program obeys; pcap for an expression, linux for a program
    #[arg(long, value_name = "DIALECT", value_parser = one_of(Dialect::ALL, Dialect::name))]
    dialect: Option<Dialect>,

    #[command(flatten)]
    warnings: WarningArguments,
}

/// What the arguments name.
pub enum What {
    Program(Verified),
    /// An expression of the filter language, which is known to be one.
    Expression(String),
}

/// Why an expression has no program for a link type.
#[derive(Debug)]
pub enum Refused {
    Expression(ExprError),
    Program(VerifyError),
}

impl Refused {
    /// What is wrong, without the place in the expression.
    pub fn reason(&self) -> String {
        match self {
            Refused::Expression(ExprError::Invalid(error)) => error.message().to_owned(),
            other => other.to_string(),
        }
    }
}

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Expression(error) => error.fmt(f),
            Refused::Program(error) => error.fmt(f),
        }
    }
}

impl From<ExprError> for Refused {
    fn from(error: ExprError) -> Refused {
        Refused::Expression(error)
    }
}

impl From<VerifyError> for Refused {
    fn from(error: VerifyError) -> Refused {
        Refused::Program(error)
    }
}

/// As many characters of an expression as a message quotes.
const LONGEST_QUOTE: usize = 60;

impl ProgramArguments {
    /// The program, verified, or the expression; read once.
    pub fn what(&self) -> Result<What, Failure> {
        if let Some(path) = &self.program {
            let program = read_program(path)?;
            let verified =
                program.verify(self.dialect.unwrap_or_default()).map_err(|error| Failure::of_file(path, error))?;
            return Ok(What::Program(verified));
        }
        let expression = self.expression()?;
        expression.parse::<cbpf::Expr>().map_err(failed)?;
        Ok(What::Expression(expression))
    }

    /// The program, verified; an expression is compiled for Ethernet unless told.
    pub fn read_alone(&self) -> Result<Verified, Failure> {
        self.verified(&self.what()?, self.only_link_type().unwrap_or(LinkType::ETHERNET))
    }

    /// The program for all packets of a link type, with a warning if it matches none of them.
    pub fn verified(&self, what: &What, link_type: LinkType) -> Result<Verified, Failure> {
        let verified = self.compile(what, link_type).map_err(failed)?;
        if verified.rejects_all() {
            let link_type = matches!(what, What::Expression(_)).then_some(link_type);
            self.warn_of_contradiction(what, link_type)?;
        }
        Ok(verified)
    }

    /// The program for packets of a link type.
    pub fn compile(&self, what: &What, link_type: LinkType) -> Result<Verified, Refused> {
        let expression = match what {
            What::Program(verified) => return Ok(verified.clone()),
            What::Expression(expression) => expression,
        };
        let target = Target::new(link_type).netmask(self.netmask.to_bits()).allow_reject_all(true);
        let target = self.chain.apply(target.dialect(self.dialect.unwrap_or(Dialect::Pcap)));
        let program = compile_expression(expression, &target)?;
        self.chain.note(expression, &target);
        Ok(program.verify(target.get_dialect())?)
    }

    /// The link type that all packets are taken for: the one that is told, or any, if it makes no difference.
    pub fn only_link_type(&self) -> Option<LinkType> {
        self.link_type.or(self.program.as_ref().map(|_| LinkType::ETHERNET))
    }

    /// Warns that no packet matches, or none of a link type.
    pub fn warn_of_contradiction(&self, what: &What, link_type: Option<LinkType>) -> Result<(), Failure> {
        let name = self.name(what);
        match link_type {
            Some(link_type) => self.warn(format_args!("{name} matches no packet of link type {link_type}")),
            None => self.warn(format_args!("{name} matches no packet")),
        }
    }

    /// What becomes of warnings.
    pub fn warnings(&self) -> &WarningArguments {
        &self.warnings
    }

    /// Says a warning on standard error, or fails with it.
    pub fn warn(&self, message: impl Display) -> Result<(), Failure> {
        self.warnings.warn(message)
    }

    /// What messages call it: the file, or the expression.
    pub fn name(&self, what: &What) -> String {
        match (self.files().next(), what) {
            (Some(path), _) => input_name(path).to_string(),
            (None, What::Expression(expression)) => quoted(expression),
            (None, What::Program(_)) => "the program".to_owned(),
        }
    }

    /// The expression: the words of the command line, or a file.
    fn expression(&self) -> Result<String, Failure> {
        let Some(path) = &self.expression_file else {
            if self.words.is_empty() {
                return Err(Failure::Failed("an expression is expected, or a program with -p".to_owned()));
            }
            return Ok(self.words.join(" "));
        };
        read_expression(path)
    }

    /// The verdict on a packet, if the engine gives this one: an expression keeps the whole of a packet that matches, even
    /// one that is longer than the 262,144 bytes for which it is compiled.
    #[inline]
    pub fn verdict(&self, given: u32, captured: usize) -> u32 {
        let is_match_of_expression = self.program.is_none() && given != 0;
        if is_match_of_expression { given.max(captured as u32) } else { given }
    }

    /// More captures: the words, if there is a program.
    pub fn captures(&self) -> impl Iterator<Item = &Path> + Clone {
        self.words.iter().filter(|_| self.program.is_some()).map(Path::new)
    }

    /// The file that the program itself is in.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.program, &self.expression_file].into_iter().flatten().map(PathBuf::as_path)
    }
}

/// An expression as messages quote it: the beginning of a long one.
pub fn quoted(expression: &str) -> String {
    match expression.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("`{} ...`", &expression[..end]),
        None => format!("`{expression}`"),
    }
}

fn failed(error: impl Display) -> Failure {
    Failure::Failed(error.to_string())
}
