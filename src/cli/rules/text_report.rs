//! The report of `cbpf rules` as text.

use std::fmt::{Display, Write as _};

use cbpf::filter_set::{Overlap, RuleStatus, SetReport, Uncaught};

use crate::cli::rules::{MAX_CONFLICTS, Report};

/// The most rules that a line names.
const MOST_NAMED: usize = 16;

impl Report<'_> {
    pub fn text(&self) -> String {
        let Report { rules, analysis, tables, .. } = self;
        let SetReport { indexed, tables: count, table_bytes, linear_prefix, .. } = tables;
        let names: Vec<&str> = rules.names().collect();
        let mut text = format!("rules for {}: {}\n", self.link_type, names.len());
        // A string cannot fail to be written.
        let _ = writeln!(text, "looked up: {indexed}, tables: {count}, bytes: {table_bytes}");
        let _ = writeln!(text, "run one by one before the tables: {linear_prefix}");
        let fallbacks = tables.fallbacks.iter().map(|(id, reason)| format!("{}: {reason}", names[*id as usize]));
        list(&mut text, "run for every packet", fallbacks);
        list(&mut text, "match no packet", self.never.iter().map(|&id| names[id as usize]));
        let shadowed = analysis.shadowed().map(|(id, by)| match by {
            [by] => format!("{}: {} matches all its packets", rules.reference(id), rules.reference(*by)),
            _ => format!("{}: {} together match all its packets", rules.reference(id), self.named(by)),
        });
        list(&mut text, "never first", shadowed);
        let equal = analysis.duplicates().iter();
        let equal = equal.map(|(id, first)| format!("{}: {}", rules.reference(*id), rules.reference(*first)));
        list(&mut text, "match the same packets as an earlier rule", equal);
        let mut unknown = analysis.unknown().map(|(id, why)| format!("{}: {why}", rules.reference(id))).peekable();
        if unknown.peek().is_some() {
            list(&mut text, "first or not, which is not known", unknown);
        }
        if self.prints_packets {
            let first = analysis.rules().filter_map(|(id, status)| match status {
                RuleStatus::CanBeFirst(packet) => Some(format!("{}: {packet}", rules.reference(id))),
                _ => None,
            });
            list(&mut text, "can be first, for example for these packets", first);
        }
        if let Some(conflicts) = &self.conflicts {
            let or_more = if conflicts.len() == MAX_CONFLICTS { " or more" } else { "" };
            let _ = writeln!(text, "match a packet in common and have different actions: {}{or_more}", conflicts.len());
            for conflict in conflicts {
                let [earlier, later] = [conflict.earlier, conflict.later].map(|id| rules.reference(id));
                let packet = conflict
                    .example
                    .as_ref()
                    .map_or_else(|| "no packet was found".to_owned(), |packet| format!("for example {packet}"));
                let relation = match conflict.overlap {
                    Overlap::Exception => format!("{earlier} is an exception from {later}"),
                    Overlap::Shadowed => format!("{earlier} matches all packets of {later}"),
                    Overlap::Equal => format!("{earlier} and {later} match the same packets"),
                    _ => format!("{earlier} and {later} overlap"),
                };
                let _ = writeln!(text, "  {relation}, {packet}");
            }
        }
        match analysis.uncaught() {
            Uncaught::Nothing => text += "each packet matches a rule\n",
            Uncaught::Packets(packets) => {
                text += "packets that no rule matches, for example:\n";
                packets.iter().for_each(|packet| _ = writeln!(text, "  {packet}"));
            }
            Uncaught::Unknown(why) => _ = writeln!(text, "whether each packet matches a rule is not known: {why}"),
            _ => {}
        }
        text
    }

    /// Names some rules.
    fn named(&self, ids: &[u32]) -> String {
        let mut named: Vec<String> = ids.iter().take(MOST_NAMED).map(|&id| self.rules.reference(id)).collect();
        if ids.len() > MOST_NAMED {
            named.push(format!("{} more", ids.len() - MOST_NAMED));
        }
        let last = named.pop().unwrap_or_default();
        if named.is_empty() { last } else { format!("{} and {last}", named.join(", ")) }
    }
}

/// Appends a title with the number of items, and the items, one a line.
fn list(text: &mut String, title: &str, items: impl Iterator<Item = impl Display>) {
    let (mut lines, mut count) = (String::new(), 0);
    for item in items {
        count += 1;
        let _ = writeln!(lines, "  {item}");
    }
    let _ = write!(text, "{title}: {count}\n{lines}");
}
