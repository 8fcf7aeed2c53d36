//! The output of `cbpf compile` and `cbpf convert`: a program in one of many forms, in a file or on standard output.

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;

use cbpf::ebpf::Options;
use cbpf::source::{self, Language};
use cbpf::text::Form;
use cbpf::{LinkType, Program, Verified};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::cli::capture::Output;
use crate::cli::ebpf::{EbpfArguments, EbpfForm};
use crate::cli::failure::Failure;
use crate::cli::print::print;

/// A form of programs: one of classic BPF, or of what it is compiled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputForm {
    Classic(Form),
    Ebpf(EbpfForm),
    Source(Language),
}

/// The forms beside those of classic BPF, with their names and descriptions.
#[rustfmt::skip]
const COMPILED: [(OutputForm, &str, &str); 5] = [
    (OutputForm::Ebpf(EbpfForm::Listing), "ebpf", "the instructions of eBPF, as bpftool prints them"),
    (OutputForm::Ebpf(EbpfForm::Object), "ebpf-object", "an object (ELF) for bpftool prog load, libbpf and aya"),
    (OutputForm::Ebpf(EbpfForm::Raw), "ebpf-raw", "the instructions of eBPF as the kernel takes them"),
    (OutputForm::Source(Language::C), "c-source", "a function in C, without headers, for gcc and clang"),
    (OutputForm::Source(Language::Rust), "rust", "a function in Rust, without dependencies"),
];

/// Returns an argument parser that takes the name of a form. `--help` describes each form.
pub fn output_form() -> impl TypedValueParser<Value = OutputForm> {
    let classic = Form::ALL.iter().map(|form| PossibleValue::new(form.name()).help(form.description()));
    let compiled = COMPILED.iter().map(|&(_, name, description)| PossibleValue::new(name).help(description));
    PossibleValuesParser::new(classic.chain(compiled)).try_map(|name| {
        match COMPILED.iter().find(|(_, compiled, _)| *compiled == name) {
            Some(&(form, ..)) => Ok(form),
            None => name.parse::<Form>().map(OutputForm::Classic),
        }
    })
}

impl OutputForm {
    /// Returns `true` if the program is compiled, and so must be valid.
    pub fn is_compiled(self) -> bool {
        !matches!(self, OutputForm::Classic(_))
    }

    fn is_binary(self) -> bool {
        matches!(
            self,
            OutputForm::Classic(Form::Raw | Form::RawBigEndian) | OutputForm::Ebpf(EbpfForm::Object | EbpfForm::Raw)
        )
    }
}

/// The destination of a program, and the options of what it is compiled to.
#[derive(Args)]
pub struct OutputArguments {
    /// Write to this file, which is replaced only by a whole one [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Name the program of eBPF, or the function [default: cbpf_filter]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    ebpf: EbpfArguments,
}

impl OutputArguments {
    /// Checks that the options belong to the form.
    pub fn check(&self, form: OutputForm) -> Result<(), Failure> {
        let name = self.name.as_ref().map(|_| "--name");
        match (form, self.ebpf.given(), name) {
            (OutputForm::Classic(_), None, Some(option)) => {
                Err(Failure::Failed(format!("{option} needs a form of eBPF, --to c-source or --to rust")))
            }
            (OutputForm::Classic(_) | OutputForm::Source(_), Some(option), _) => {
                Err(Failure::Failed(format!("{option} needs --to ebpf, --to ebpf-object or --to ebpf-raw")))
            }
            _ if form.is_binary() && self.output.is_none() && stdout().is_terminal() => {
                Err(Failure::Failed("this form is binary, and standard output is a terminal; use --output".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Returns the link type of an expression for which none is given: that of the hook.
    pub fn link_type(&self, form: OutputForm) -> LinkType {
        match form {
            OutputForm::Ebpf(_) => self.ebpf.hook().link_type(),
            OutputForm::Classic(_) | OutputForm::Source(_) => LinkType::ETHERNET,
        }
    }

    /// Writes a program as it is.
    pub fn write_classic(&self, program: &Program, form: Form) -> Result<(), Failure> {
        self.write(&program.print(form))
    }

    /// Compiles and writes a program, in any form; source code is documented with the description.
    pub fn write_compiled(&self, verified: &Verified, form: OutputForm, description: &str) -> Result<(), Failure> {
        let name = self.name.as_deref();
        match form {
            OutputForm::Classic(form) => self.write_classic(verified.program(), form),
            OutputForm::Ebpf(form) => self.write(&self.ebpf.compiled(name, verified, form)?),
            OutputForm::Source(language) => {
                let mut options = source::Options::new(language).description(description);
                if let Some(name) = name {
                    options = options.name(name);
                }
                let source = options.generate(verified).map_err(|error| Failure::Failed(error.to_string()))?;
                self.write(source.as_bytes())
            }
        }
    }

    /// Returns the options of the compiler to eBPF.
    pub fn ebpf_options(&self) -> Result<Options, Failure> {
        self.ebpf.options(self.name.as_deref())
    }

    /// Writes a program of eBPF.
    pub fn write_ebpf(&self, program: &cbpf::ebpf::Program, form: EbpfForm) -> Result<(), Failure> {
        self.write(&self.ebpf.printed(program, form)?)
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(path) = &self.output else { return print(bytes) };
        let mut output = Output::create(path)?;
        output.write(bytes)?;
        Ok(output.finish()?)
    }
}
