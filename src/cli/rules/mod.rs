//! `cbpf rules`: checks a file of rules, and reports which are slow, never first, equal, or match nothing.

mod json_report;
mod text_report;

use std::collections::BTreeSet;
use std::path::PathBuf;

use cbpf::filter_set::{Analysis, AnalysisOptions, Conflict, SetReport};
use cbpf::{FilterSet, LinkType};
use clap::Args;

use crate::cli::expression::ChainArguments;
use crate::cli::failure::{Failure, say};
use crate::cli::link_types::KnownLinkTypes;
use crate::cli::print::print;
use crate::cli::rule_matching::{RuleSet, RuleSource, Rules};
use crate::cli::warnings::WarningArguments;

/// Check a file of rules, and report rules that are slow, never first, equal to others, or match nothing
///
/// Reads rules from a file, as `cbpf split` does: one `name: expression` a line; # begins a comment. Most rules are
/// looked up in tables, in a time that hardly depends on their number. The report names the rules that run for every
/// packet instead, with the reason, and the rules that match no packet of the link type.
///
/// It also treats the file as a list in which the first rule that matches a packet counts, as with `cbpf split --first`:
/// it names the rules that are never first, since earlier ones match all of their packets, alone or together; rules that
/// match the same packets as earlier ones; and packets that no rule matches. Answers are proven, or shown by a packet;
/// the report names the rules without an answer.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf rules services.txt
  cbpf rules services.txt --link-type RAW --json
  cbpf rules firewall.txt --actions    # rules are named allow-..., deny-...")]
pub struct Arguments {
    /// Read rules from this file, one `name: expression` a line, with # comments; - for standard input
    #[arg(value_name = "FILE", conflicts_with = "rules")]
    file: Option<PathBuf>,

    #[command(flatten)]
    source: RuleSource,

    /// Check the rules for this link type: EN10MB, RAW, LINUX_SLL, ..., or a number
    #[arg(long, value_name = "TYPE", default_value_t = LinkType::ETHERNET)]
    link_type: LinkType,

    /// Also list rules that match a packet in common and have different actions: the action of a rule is its name up to
    /// this character
    #[arg(long, value_name = "CHARACTER", num_args = 0..=1, default_missing_value = "-", require_equals = true)]
    actions: Option<char>,

    /// Also print a packet for each rule that can be first
    #[arg(long)]
    packets: bool,

    /// Also consider packets that end in the middle of a header. By default, packets are long enough for all rules
    #[arg(long)]
    truncated: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    chain: ChainArguments,

    #[command(flatten)]
    warnings: WarningArguments,
}

/// The most pairs of rules with different actions that are listed.
const MAX_CONFLICTS: usize = 1_000;

/// What is reported of the rules for a link type.
struct Report<'a> {
    rules: &'a Rules,
    link_type: LinkType,
    tables: SetReport,
    /// The rules that match no packet.
    never: BTreeSet<u32>,
    analysis: &'a Analysis,
    /// The pairs of rules with different actions, if they are wanted.
    conflicts: Option<Vec<Conflict>>,
    prints_packets: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let known =
        KnownLinkTypes { link_types: BTreeSet::from([arguments.link_type]), are_all: true, ..Default::default() };
    let source = arguments.source.or_file(arguments.file.as_deref());
    source.check()?;
    let (rules, sets) = Rules::read(&source, &known, arguments.chain, &arguments.warnings)?;
    let options = AnalysisOptions::new().truncated(arguments.truncated);
    for (&link_type, RuleSet { set, never, .. }) in &sets {
        let (tables, analysis) = (set.report(), options.analyze(set));
        let never = never.iter().chain(&tables.never_match).copied().chain(analysis.matches_nothing()).collect();
        let conflicts = arguments.actions.map(|end| conflicts(&rules, &analysis, end));
        let prints_packets = arguments.packets;
        let report = Report { rules: &rules, link_type, tables, never, analysis: &analysis, conflicts, prints_packets };
        let text = if arguments.json { format!("{}\n", report.json()) } else { report.text() };
        print(text.as_bytes())?;
    }
    Ok(())
}

/// Returns the pairs of rules with different actions, which are their names up to a character.
fn conflicts(rules: &Rules, analysis: &Analysis, end: char) -> Vec<Conflict> {
    let actions: Vec<&str> = rules.names().map(|name| name.split(end).next().unwrap_or(name)).collect();
    analysis.conflicts(|id| actions[id as usize]).take(MAX_CONFLICTS).collect()
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

/// The most comparisons and proofs for a warning, which take less than a second.
const WORK: u64 = 1 << 24;
const PROOFS: usize = 16;

/// The most rules that a warning names.
const MOST_NAMED: usize = 8;

/// Warns of rules that are never the first match.
///
/// # Errors
/// The warning itself, if warnings are denied.
pub fn warn_of_shadowed(
    rules: &Rules,
    link_type: LinkType,
    set: &FilterSet,
    warnings: &WarningArguments,
) -> Result<(), Failure> {
    let analysis = AnalysisOptions::new().work(WORK).proofs(PROOFS).uncaught(0).analyze(set);
    let shadowed: Vec<u32> = analysis.shadowed().map(|(id, _)| id).collect();
    if shadowed.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = shadowed.iter().take(MOST_NAMED).map(|&id| rules.reference(id)).collect();
    let more = shadowed.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let (are, match_all) = if shadowed.len() == 1 { ("is", "its packets") } else { ("are", "their packets") };
    warnings.warn(format_args!(
        "{}{more} {are} never first for link type {link_type}, since earlier rules match all {match_all}; `cbpf rules` \
         names these",
        named.join(", ")
    ))
}
