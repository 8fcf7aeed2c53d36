//! The output of `cbpf compile` and `cbpf convert`: a program in one of many forms, in a file or on standard output.

use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};

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
    RustConstant,
    Ebpf(EbpfForm),
    Source(Language),
}

/// The forms beside those of classic BPF, with their names and descriptions.
#[rustfmt::skip]
const COMPILED: [(OutputForm, &str, &str); 6] = [
    (OutputForm::RustConstant, "rust-const", "a constant array in Rust, without dependencies"),
    (OutputForm::Ebpf(EbpfForm::Listing), "ebpf", "the instructions of eBPF, as bpftool prints them"),
    (OutputForm::Ebpf(EbpfForm::Object), "ebpf-object", "an object (ELF) for bpftool prog load, libbpf and aya"),
    (OutputForm::Ebpf(EbpfForm::Raw), "ebpf-raw", "the instructions of eBPF as the kernel takes them"),
    (OutputForm::Source(Language::C), "c-source", "a function in C, without headers, for gcc and clang"),
    (OutputForm::Source(Language::Rust), "rust", "a function in Rust, without dependencies"),
];

/// The name of a constant for which none is given.
const CONSTANT: &str = "CBPF_FILTER";

/// Returns an argument parser that takes the name of a form of classic BPF. `--help` describes each form.
pub fn plain_form() -> impl TypedValueParser<Value = OutputForm> {
    let classic = Form::ALL.iter().map(|form| PossibleValue::new(form.name()).help(form.description()));
    let (_, rust_const, description) = COMPILED[0];
    PossibleValuesParser::new(classic.chain([PossibleValue::new(rust_const).help(description)])).try_map(move |name| {
        if name == rust_const { Ok(OutputForm::RustConstant) } else { name.parse::<Form>().map(OutputForm::Classic) }
    })
}

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
        !matches!(self, OutputForm::Classic(_) | OutputForm::RustConstant)
    }

    /// Returns the program as it is, in this form; `name` is that of a constant.
    pub fn plain(self, program: &Program, name: Option<&str>) -> Result<Vec<u8>, Failure> {
        match self {
            OutputForm::Classic(form) => Ok(program.print(form)),
            _ => match program.to_rust_constant(name.unwrap_or(CONSTANT)) {
                Ok(source) => Ok(source.into_bytes()),
                Err(error) => Err(Failure::Failed(error.to_string())),
            },
        }
    }

    /// Checks that the form can be printed on standard output, if nothing else is the output.
    pub fn check_terminal(self, output: Option<&Path>) -> Result<(), Failure> {
        let is_stdout = output.is_none_or(|path| path == Path::new("-"));
        match self.is_binary() && is_stdout && stdout().is_terminal() {
            true => {
                Err(Failure::Failed("this form is binary, and standard output is a terminal; use --output".to_owned()))
            }
            false => Ok(()),
        }
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

    /// Name the program of eBPF, or the function [default: cbpf_filter], or the constant [default: CBPF_FILTER]
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
            (OutputForm::Classic(_), None, Some(option)) => Err(Failure::Failed(format!(
                "{option} needs a form of eBPF, --to c-source, --to rust or --to rust-const"
            ))),
            (OutputForm::Classic(_) | OutputForm::RustConstant | OutputForm::Source(_), Some(option), _) => {
                Err(Failure::Failed(format!("{option} needs --to ebpf, --to ebpf-object or --to ebpf-raw")))
            }
            _ => form.check_terminal(self.output.as_deref()),
        }
    }

    /// Returns the link type of an expression for which none is given: that of the hook.
    pub fn link_type(&self, form: OutputForm) -> LinkType {
        match form {
            OutputForm::Ebpf(_) => self.ebpf.hook().link_type(),
            OutputForm::Classic(_) | OutputForm::RustConstant | OutputForm::Source(_) => LinkType::ETHERNET,
        }
    }

    /// Writes a program as it is.
    pub fn write_plain(&self, program: &Program, form: OutputForm) -> Result<(), Failure> {
        self.write(&form.plain(program, self.name.as_deref())?)
    }

    /// Compiles and writes a program, in any form; source code is documented with the description.
    pub fn write_compiled(&self, verified: &Verified, form: OutputForm, description: &str) -> Result<(), Failure> {
        let name = self.name.as_deref();
        match form {
            OutputForm::Classic(_) | OutputForm::RustConstant => self.write_plain(verified.program(), form),
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
        write(self.output.as_deref(), bytes)
    }
}

/// Writes a file, or standard output if there is none.
pub fn write(path: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
    let Some(path) = path else { return print(bytes) };
    let mut output = Output::create(path)?;
    output.write(bytes)?;
    Ok(output.finish()?)
}
