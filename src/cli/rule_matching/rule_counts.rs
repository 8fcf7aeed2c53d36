//! Packet and byte counts for each rule.

use std::fmt::Write as _;
use std::io::{Write, stdout};

use indicatif::HumanCount;
use serde_json::{Value, json};

use crate::cli::capture::Record;
use crate::cli::failure::{Failure, say};
use crate::cli::rule_matching::Rules;
use crate::cli::summary::Summary;

/// The packets and bytes of each rule, of unmatched packets, and of all packets.
pub struct RuleCounts {
    rules: Vec<Count>,
    unmatched: Count,
    all: Count,
    summary: Summary,
}

#[derive(Clone, Copy, Default)]
struct Count {
    packets: u64,
    /// Captured bytes.
    bytes: u64,
    /// Bytes on the wire.
    wire_bytes: u64,
}

impl Count {
    fn add(&mut self, record: &Record) {
        self.packets += 1;
        self.bytes += record.data.len() as u64;
        self.wire_bytes += u64::from(record.wire_len);
    }

    fn json(self) -> Value {
        json!({ "packets": self.packets, "bytes": self.bytes, "wire_bytes": self.wire_bytes })
    }
}

impl RuleCounts {
    pub fn start(rules: &Rules) -> RuleCounts {
        let rules = vec![Count::default(); rules.names().len()];
        RuleCounts { rules, unmatched: Count::default(), all: Count::default(), summary: Summary::start() }
    }

    /// Counts a record for the rules with these ids.
    #[inline]
    pub fn count(&mut self, record: &Record, ids: &[u32]) {
        self.all.add(record);
        ids.iter().for_each(|&id| self.rules[id as usize].add(record));
        if ids.is_empty() {
            self.unmatched.add(record);
        }
        let captured = record.data.len();
        self.summary.count(captured, (!ids.is_empty()).then_some(captured));
    }

    /// Counts a record that matches only rules that get no more packets: it is one of all packets.
    pub fn count_surplus(&mut self, record: &Record) {
        self.all.add(record);
        self.summary.count(record.data.len(), None);
    }

    /// Sets the number of packets outside of the times, if packets are selected by time.
    pub fn set_outside(&mut self, outside: Option<u64>) {
        self.summary.add_outside(outside);
    }

    /// Prints the table on standard output, and the summary on standard error; or one line of JSON instead of both.
    pub fn print(&self, rules: &Rules, as_json: bool) -> Result<(), Failure> {
        let summary = self.summary.clone().finish();
        let mut output = stdout().lock();
        if as_json {
            let mut json = summary.json();
            let named = |(name, count): (&str, &Count)| {
                let mut json = count.json();
                json["name"] = name.into();
                json
            };
            json["rules"] = rules.names().zip(&self.rules).map(named).collect();
            json["unmatched"] = self.unmatched.json();
            json["wire_bytes"] = self.all.wire_bytes.into();
            writeln!(output, "{json}")?;
        } else {
            output.write_all(self.table(rules).as_bytes())?;
        }
        output.flush()?;
        if !as_json {
            say(summary);
        }
        Ok(())
    }

    fn table(&self, rules: &Rules) -> String {
        let others = [("(no rule)", &self.unmatched), ("(all)", &self.all)];
        let width = rules.names().chain(others.map(|(name, _)| name)).map(str::len).max().unwrap_or(0);
        let mut table = format!("{:width$} {:>15} {:>19} {:>19}\n", "rule", "packets", "bytes captured", "on the wire");
        for (name, count) in rules.names().zip(&self.rules).chain(others) {
            let [packets, bytes, wire_bytes] =
                [count.packets, count.bytes, count.wire_bytes].map(|number| HumanCount(number).to_string());
            // A string cannot fail to be written.
            let _ = writeln!(table, "{name:width$} {packets:>15} {bytes:>19} {wire_bytes:>19}");
        }
        table
    }
}
