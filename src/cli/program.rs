//! What most subcommands run: a program from a file, or an expression of the filter language.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use cbpf::{Dialect, LinkType, Target, Verified, compile_expression};
use clap::Args;

use crate::cli::engine::{self, Engine};
use crate::cli::expression::{ChainArguments, read_expression};
use crate::cli::failure::Failure;
use crate::cli::input::{CaptureArguments, one_of, read_program};

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
}

impl ProgramArguments {
    /// The program, verified; an expression is compiled for the link type of the first packet of these captures.
    pub fn read(&self, captures: &CaptureArguments) -> Result<Verified, Failure> {
        if self.program.is_some() || self.link_type.is_some() {
            return self.read_alone();
        }
        let unknown =
            || Failure::Failed("--link-type is expected, since no capture that can be read twice says it".to_owned());
        self.read_for(captures.link_type(self).ok_or_else(unknown)?)
    }

    /// The program, verified; an expression is compiled for Ethernet unless told.
    pub fn read_alone(&self) -> Result<Verified, Failure> {
        self.read_for(LinkType::ETHERNET)
    }

    /// The program, verified; an expression is compiled for a link type.
    pub fn read_for(&self, link_type: LinkType) -> Result<Verified, Failure> {
        if let Some(path) = &self.program {
            let program = read_program(path)?;
            return program.verify(self.dialect.unwrap_or_default()).map_err(|error| Failure::of_file(path, error));
        }
        let expression = self.expression()?;
        let target = Target::new(self.link_type.unwrap_or(link_type)).netmask(self.netmask.to_bits());
        let target = self.chain.apply(target.dialect(self.dialect.unwrap_or(Dialect::Pcap)));
        let program = compile_expression(&expression, &target).map_err(|error| Failure::Failed(error.to_string()))?;
        self.chain.note(&expression, &target);
        program.verify(target.machine()).map_err(|error| Failure::Failed(error.to_string()))
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

/// The engines of a program: one for all link types, or one for each that is met.
pub struct Engines<'a> {
    program: &'a ProgramArguments,
    name: engine::Name,
    /// By link type; a program from a file has one for all, and so has an expression for a link type that was given.
    loaded: Vec<(Option<LinkType>, Engine)>,
}

impl<'a> Engines<'a> {
    pub fn load(program: &'a ProgramArguments, name: engine::Name) -> Result<Engines<'a>, Failure> {
        let mut engines = Engines { program, name, loaded: Vec::new() };
        if program.program.is_some() || program.link_type.is_some() {
            let verified = program.read_alone()?;
            engines.loaded.push((None, Engine::load(name, verified)?));
        } else {
            program.expression()?.parse::<cbpf::Expr>().map_err(|error| Failure::Failed(error.to_string()))?;
        }
        Ok(engines)
    }

    /// The engine for packets of a link type.
    pub fn of(&mut self, link_type: LinkType) -> Result<&Engine, Failure> {
        let is_right = |(of, _): &(Option<LinkType>, Engine)| of.is_none_or(|of| of == link_type);
        let index = match self.loaded.iter().position(is_right) {
            Some(index) => index,
            None => {
                let verified = self.program.read_for(link_type)?;
                self.loaded.push((Some(link_type), Engine::load(self.name, verified)?));
                self.loaded.len() - 1
            }
        };
        Ok(&self.loaded[index].1)
    }
}
