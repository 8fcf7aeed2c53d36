//! Packet and byte counts for each rule, and the table of them.

use std::cmp::Reverse;
use std::io::{BufWriter, Write, stdout};

use indicatif::HumanCount;
use serde_json::{Value, json};

use crate::cli::capture::{Reader, Record};
use crate::cli::failure::{Failure, say};
use crate::cli::input::Inputs;
use crate::cli::rule_matching::Rules;
use crate::cli::rule_matching::table::{Form, TableOptions, write_csv};
use crate::cli::summary::{Finished, Summary};

/// The names of the rows that belong to no rule.
pub(super) const OTHERS: &str = "(others)";
pub(super) const UNMATCHED: &str = "(no rule)";
pub(super) const ALL: &str = "(all)";

/// The packets and bytes of each rule, of unmatched packets, and of all packets.
#[derive(Clone)]
pub struct RuleCounts {
    rules: Vec<Count>,
    unmatched: Count,
    all: Count,
    summary: Summary,
    /// The most bytes of a packet that count.
    snaplen: usize,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) packets: u64,
    /// Captured bytes.
    pub(super) bytes: u64,
    /// Bytes on the wire.
    pub(super) wire_bytes: u64,
}

impl Count {
    /// Counts a record, of which at most `snaplen` bytes are kept.
    pub(super) fn add(&mut self, record: &Record, snaplen: usize) {
        self.packets += 1;
        self.bytes += record.captured_len().min(snaplen) as u64;
        self.wire_bytes += u64::from(record.wire_len);
    }

    pub(super) fn join(&mut self, other: &Count) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.wire_bytes += other.wire_bytes;
    }

    pub(super) fn json(self) -> Value {
        json!({ "packets": self.packets, "bytes": self.bytes, "wire_bytes": self.wire_bytes })
    }

    pub(super) fn named_json(self, name: &str) -> Value {
        let mut json = self.json();
        json["name"] = name.into();
        json
    }

    fn numbers(self) -> [u64; 3] {
        [self.packets, self.bytes, self.wire_bytes]
    }
}

/// The rules that a table shows, in its order.
pub(super) struct Ranking {
    pub(super) shown: Vec<u32>,
    /// The rules whose counts are summed up.
    pub(super) others: Vec<u32>,
}

impl RuleCounts {
    /// Begins to count, at most `snaplen` bytes of a packet.
    pub fn start(rules: &Rules, snaplen: Option<u32>) -> RuleCounts {
        RuleCounts::zero(rules.names().len(), snaplen.map_or(usize::MAX, |most| most as usize))
    }

    /// Returns zero counts of the same rules.
    pub fn empty(&self) -> RuleCounts {
        RuleCounts::zero(self.rules.len(), self.snaplen)
    }

    fn zero(rules: usize, snaplen: usize) -> RuleCounts {
        let (rules, [unmatched, all]) = (vec![Count::default(); rules], [Count::default(); 2]);
        RuleCounts { rules, unmatched, all, summary: Summary::start(), snaplen }
    }

    /// Adds the counts of a part of the records.
    pub fn add(&mut self, other: &RuleCounts) {
        self.rules.iter_mut().zip(&other.rules).for_each(|(count, other)| count.join(other));
        self.unmatched.join(&other.unmatched);
        self.all.join(&other.all);
        self.summary.add(&other.summary);
    }

    /// Counts a record for the rules with these ids.
    #[inline]
    pub fn count(&mut self, record: &Record, ids: &[u32]) {
        self.all.add(record, self.snaplen);
        ids.iter().for_each(|&id| self.rules[id as usize].add(record, self.snaplen));
        if ids.is_empty() {
            self.unmatched.add(record, self.snaplen);
        }
        let captured = record.captured_len().min(self.snaplen);
        self.summary.count(captured, (!ids.is_empty()).then_some(captured));
    }

    /// Counts a record that matches only rules that get no more packets: it is one of all packets.
    pub fn count_surplus(&mut self, record: &Record) {
        self.all.add(record, self.snaplen);
        self.summary.count(record.captured_len().min(self.snaplen), None);
    }

    /// Notes whether the inputs could be read to their ends, and the counts of the kernel.
    pub fn set_outcome(&mut self, outcome: Inputs, inputs: &[Reader]) {
        self.summary.set_outcome(outcome, inputs);
    }

    /// Adds packets outside of the times, if packets are selected by time.
    pub fn add_outside(&mut self, outside: Option<u64>) {
        self.summary.add_outside(outside);
    }

    /// Prints the table on standard output, and the summary on standard error; or one line of JSON instead of both.
    pub fn print(&self, rules: &Rules, options: TableOptions) -> Result<(), Failure> {
        let mut output = BufWriter::new(stdout().lock());
        match options.form {
            Form::Json => writeln!(output, "{}", self.json(rules, options))?,
            Form::Text => self.write_text(&mut output, rules, options)?,
            Form::Csv => self.write_csv(&mut output, rules, options)?,
        }
        output.flush()?;
        if options.form != Form::Json {
            say(self.summary());
        }
        Ok(())
    }

    /// Returns the counts, and those of the whole, as JSON.
    pub(super) fn json(&self, rules: &Rules, options: TableOptions) -> Value {
        let Ranking { shown, others } = self.ranking(options.top);
        let names: Vec<&str> = rules.names().collect();
        let mut json = self.summary().json();
        json["rules"] = shown.iter().map(|&id| self.of(id).named_json(names[id as usize])).collect();
        if !others.is_empty() {
            json["others"] = self.sum(&others).json();
        }
        json["unmatched"] = self.unmatched.json();
        json["wire_bytes"] = self.all.wire_bytes.into();
        json
    }

    /// Returns the rules that a table shows: all, or those with the most packets.
    pub(super) fn ranking(&self, top: Option<u64>) -> Ranking {
        let mut shown: Vec<u32> = (0..self.rules.len() as u32).collect();
        let Some(top) = top else { return Ranking { shown, others: Vec::new() } };
        shown.sort_by_key(|&id| Reverse(self.of(id).packets));
        let others = shown.split_off(usize::try_from(top).map_or(shown.len(), |top| top.min(shown.len())));
        Ranking { shown, others }
    }

    /// Returns the rows of a table.
    fn rows<'a>(&self, rules: &'a Rules, options: TableOptions) -> Vec<(&'a str, Count)> {
        let Ranking { shown, others } = self.ranking(options.top);
        let names: Vec<&str> = rules.names().collect();
        let mut rows: Vec<_> = shown.iter().map(|&id| (names[id as usize], self.of(id))).collect();
        if !others.is_empty() {
            rows.push((OTHERS, self.sum(&others)));
        }
        rows.extend([(UNMATCHED, self.unmatched), (ALL, self.all)]);
        rows
    }

    fn write_text(&self, output: &mut impl Write, rules: &Rules, options: TableOptions) -> Result<(), Failure> {
        let rows = self.rows(rules, options);
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        writeln!(output, "{:width$} {:>15} {:>19} {:>19}", "rule", "packets", "bytes captured", "on the wire")?;
        for (name, count) in rows {
            let [packets, bytes, wire_bytes] = count.numbers().map(|number| HumanCount(number).to_string());
            writeln!(output, "{name:width$} {packets:>15} {bytes:>19} {wire_bytes:>19}")?;
        }
        Ok(())
    }

    fn write_csv(&self, output: &mut impl Write, rules: &Rules, options: TableOptions) -> Result<(), Failure> {
        write_csv(output, ["rule", "packets", "bytes", "wire_bytes"])?;
        for (name, count) in self.rows(rules, options) {
            write_csv(output, [name.to_owned()].into_iter().chain(count.numbers().map(|number| number.to_string())))?;
        }
        Ok(())
    }

    /// Returns the summary of all packets.
    pub(super) fn summary(&self) -> Finished {
        self.summary.clone().finish()
    }

    pub(super) fn of(&self, id: u32) -> Count {
        self.rules[id as usize]
    }

    pub(super) fn unmatched_and_all(&self) -> [Count; 2] {
        [self.unmatched, self.all]
    }

    pub(super) fn sum(&self, ids: &[u32]) -> Count {
        let mut sum = Count::default();
        ids.iter().for_each(|&id| sum.join(&self.of(id)));
        sum
    }
}
