//! `cbpf compile`: compiles an expression of the filter language to a program.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cbpf::filter_set::SetProgramError;
use cbpf::lang::{Effect, lint};
use clap::Args;

use crate::cli::capture::input_name;
use crate::cli::expression::{ExpressionArguments, compile, quoted};
use crate::cli::failure::Failure;
use crate::cli::link_types::KnownLinkTypes;
use crate::cli::output::{OutputArguments, OutputForm, output_form};
use crate::cli::rule_matching::{RuleSet, RuleSource, Rules};

/// Print the program of an expression, as tcpdump -d does, or compile it to eBPF, C or Rust
///
/// An expression that matches no packet, such as `tcp and udp`, compiles to `ret #0`, with a warning. Warnings also
/// name expressions that match every packet, and parts that match none or all, with the reason.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf compile 'tcp port 443'
  cbpf compile --link-type RAW --to bytecode --dialect linux 'udp dst port 53'
  cbpf compile --to ebpf-object --hook xdp -o https.o 'tcp port 443'
  cbpf compile --to ebpf-object --hook xdp --rules blocked.txt --on-match drop --on-mismatch pass -o block.o
  cbpf compile --to rust --name is_https -o https.rs 'tcp port 443'")]
pub struct Arguments {
    /// Expression to compile: 'tcp port 443 and not host 10.0.0.1'. The empty expression matches all packets
    #[arg(value_name = "EXPRESSION")]
    words: Vec<String>,

    /// Compile all rules of this file to one program of eBPF, which finds the first one that matches: one `name:
    /// expression` a line, with # comments; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["words", "expression_file", "netmask", "linux_socket"])]
    rules: Option<PathBuf>,

    /// Count the packets of which each rule is the first match, in the per-CPU array `counters`: by the place of the
    /// rule in the file, from 0, without the rules that match nothing
    #[arg(long)]
    counters: bool,

    #[command(flatten)]
    expression: ExpressionArguments,

    /// Print this form
    #[arg(long, value_name = "FORM", default_value = "listing", value_parser = output_form())]
    to: OutputForm,

    /// Return this verdict for packets that match
    #[arg(long, value_name = "BYTES", default_value_t = 262_144)]
    snaplen: u32,

    /// Compile for a Linux socket: load the direction, the interface and stripped VLAN tags from the kernel's metadata.
    /// Implies --dialect linux
    #[arg(long)]
    linux_socket: bool,

    /// Print the program without optimising it
    #[arg(short = 'O', long)]
    no_optimize: bool,

    #[command(flatten)]
    output: OutputArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.output.check(arguments.to)?;
    if let Some(rules) = &arguments.rules {
        return compile_rules(arguments, rules);
    }
    if arguments.counters {
        return Err(Failure::Failed("--counters needs --rules; an expression has no counters".to_owned()));
    }
    let expression = arguments.expression.read(&arguments.words)?;
    let link_type = arguments.expression.link_type.unwrap_or(arguments.output.link_type(arguments.to));
    let mut target = arguments.expression.target(link_type).snaplen(arguments.snaplen);
    if arguments.linux_socket {
        target = target.linux_socket();
    }
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let compiled = compile(&expression, &target).map_err(|error| failed(&error))?;
    let warnings = lint(&expression, &target).map_err(|error| failed(&error))?;
    let is_explained = warnings.iter().any(|warning| warning.effect() == Effect::RejectsAll);
    let optimized = compiled.optimized(&warnings).map_err(|error| failed(&error))?;
    let rejects_all = if arguments.no_optimize { compiled.rejects_all || is_explained } else { optimized.rejects_all };
    let name = arguments.expression.expression_file.as_deref().map(|path| input_name(path).to_string());
    let name = name.unwrap_or_else(|| quoted(&expression));
    let options = &arguments.expression.warnings;
    warnings.iter().try_for_each(|warning| options.warn_of_expression(&name, Some(link_type), warning))?;
    if rejects_all && !is_explained {
        options.warn(format_args!("{name} matches no packet of link type {link_type}"))?;
    }
    let printed = if arguments.no_optimize { &compiled.verified } else { &optimized.verified };
    match arguments.to {
        form if !form.is_compiled() => arguments.output.write_plain(printed.program(), form),
        form if rejects_all => arguments.output.write_compiled(printed, form, &expression),
        form => arguments.output.write_compiled(&compiled.verified, form, &expression),
    }
}

/// Compiles a file of rules.
fn compile_rules(arguments: &Arguments, path: &Path) -> Result<(), Failure> {
    let OutputForm::Ebpf(form) = arguments.to else {
        return Err(Failure::Failed("--rules needs --to ebpf, or --to ebpf-object for an object".to_owned()));
    };
    let link_type = arguments.expression.link_type.unwrap_or(arguments.output.link_type(arguments.to));
    let known = KnownLinkTypes { link_types: BTreeSet::from([link_type]), are_all: true, ..Default::default() };
    let ExpressionArguments { chain, warnings, .. } = &arguments.expression;
    let (rules, sets) = Rules::read(&RuleSource::of_file(path), &known, *chain, warnings)?;
    let names: Vec<&str> = rules.names().collect();
    for RuleSet { set, warning, .. } in sets.values() {
        if let Some(warning) = warning {
            warnings.warn(warning)?;
        }
        let options = arguments.output.ebpf_options()?.counters(arguments.counters);
        let program = set.to_ebpf(&options).map_err(|error| match error {
            SetProgramError::NoTable { id, .. } => {
                Failure::of_file(path, format_args!("{}: {error}", names[id as usize]))
            }
            error => Failure::of_file(path, error),
        })?;
        arguments.output.write_ebpf(program.program(), form)?;
    }
    Ok(())
}
