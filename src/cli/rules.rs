//! `cbpf rules`: checks a file of rules, and reports the slow ones.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use cbpf::{FilterSet, LinkType};
use clap::Args;

use crate::cli::expression::ChainArguments;
use crate::cli::failure::{Failure, say};
use crate::cli::link_types::KnownLinkTypes;
use crate::cli::print::print;
use crate::cli::rule_matching::{RuleSet, Rules};
use crate::cli::warnings::WarningArguments;

/// Check a file of rules, and report the rules that are slow or match nothing
///
/// Reads rules from a file, as `cbpf split` does: one `name: expression` a line; # begins a comment. Most rules are
/// looked up in tables, in a time that hardly depends on their number. The report names the rules that run for every
/// packet instead, with the reason, and the rules that match no packet of the link type.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf rules --rules services.txt
  cbpf rules --rules services.txt --link-type RAW")]
pub struct Arguments {
    /// Read rules from this file, one `name: expression` a line, with # comments; - for standard input
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,

    /// Check the rules for this link type: EN10MB, RAW, LINUX_SLL, ..., or a number
    #[arg(long, value_name = "TYPE", default_value_t = LinkType::ETHERNET)]
    link_type: LinkType,

    #[command(flatten)]
    chain: ChainArguments,

    #[command(flatten)]
    warnings: WarningArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let known =
        KnownLinkTypes { link_types: BTreeSet::from([arguments.link_type]), are_all: true, ..Default::default() };
    let (rules, sets) = Rules::read(&arguments.rules, &known, arguments.chain, &arguments.warnings)?;
    let names: Vec<&str> = rules.names().collect();
    let mut text = String::new();
    for (link_type, RuleSet { set, never, .. }) in &sets {
        let report = set.report();
        let never: BTreeSet<u32> = never.iter().chain(&report.never_match).copied().collect();
        // A string cannot fail to be written.
        let _ = writeln!(text, "rules for {link_type}: {}", names.len());
        let _ =
            writeln!(text, "looked up: {}, tables: {}, bytes: {}", report.indexed, report.tables, report.table_bytes);
        let _ = writeln!(text, "run one by one before the tables: {}", report.linear_prefix);
        let _ = writeln!(text, "run for every packet: {}", report.fallbacks.len());
        for (id, reason) in &report.fallbacks {
            let _ = writeln!(text, "  {}: {reason}", names[*id as usize]);
        }
        let _ = writeln!(text, "match no packet: {}", never.len());
        for id in never {
            let _ = writeln!(text, "  {}", names[id as usize]);
        }
    }
    print(text.as_bytes())
}

/// The number of rules that run for every packet from which on they take longer than all others.
const MANY: usize = 32;

/// Warns if many rules run for every packet.
pub fn warn_of_slow(link_type: LinkType, set: &FilterSet) {
    let report = set.report();
    let fallbacks = report.fallbacks.len();
    if fallbacks >= MANY {
        say(format_args!(
            "cbpf: warning: {fallbacks} of {} rules run for every packet of link type {link_type}, which is slow; \
             `cbpf rules` lists them",
            report.rules
        ));
    }
}
