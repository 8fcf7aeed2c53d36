//! Counts of each rule in intervals of capture time.
//!
//! - Intervals begin at multiples of their length since 1970, in UTC. A packet is counted in its interval whatever the
//!   order of packets is: all intervals are kept until the end. Packets without a time, of simple packet blocks, are
//!   counted at the beginning of 1970.
//! - Memory is limited: intervals store only rules that have packets, and their total number is bounded.
//! - Intervals without packets between others are printed as zeros, but long gaps are not.
//! - Of a live capture, the row of an interval is printed when it is over, and forgotten.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write, stdout};
use std::mem;

use indicatif::HumanCount;
use serde_json::{Value, json};

use crate::cli::capture::Record;
use crate::cli::failure::{Failure, say};
use crate::cli::print::counted;
use crate::cli::rule_matching::rule_counts::{ALL, Count, OTHERS, Ranking, UNMATCHED};
use crate::cli::rule_matching::table::{Form, TableOptions, write_csv};
use crate::cli::rule_matching::{RuleCounts, Rules};
use crate::cli::time;

/// The most counts that are stored: those of rules with packets, and two more for each interval.
const MOST_COUNTS: usize = 4 << 20;

/// The most intervals without packets that are printed in a row, and in all.
const LONGEST_GAP: i128 = 1_000;
const MOST_ZEROS: i128 = 100_000;

/// The least width of the columns of a live capture.
const LIVE_WIDTH: usize = 11;

/// The counts of all intervals.
#[derive(Clone)]
pub struct IntervalCounts {
    /// The length of an interval in nanoseconds.
    length: i128,
    /// The intervals by their numbers since 1970, except for the current one.
    stored: BTreeMap<i128, Interval>,
    /// The number of stored counts.
    counts: usize,
    /// The interval of the last packet.
    current: Option<i128>,
    /// Its counts, by the ids of rules, and the ids that have some.
    rules: Vec<Count>,
    touched: Vec<u32>,
    unmatched: Count,
    all: Count,
    printed: Printed,
}

/// The rows that were printed.
#[derive(Clone, Copy, Default)]
struct Printed {
    has_head: bool,
    /// The interval of the next row.
    next: Option<i128>,
    zeros: i128,
    skipped: i128,
}

/// The counts of an interval, by ascending ids of rules.
#[derive(Clone, Default)]
struct Interval {
    rules: Vec<(u32, Count)>,
    unmatched: Count,
    all: Count,
}

impl IntervalCounts {
    pub fn new(rules: &Rules, length: i128) -> IntervalCounts {
        let rules = vec![Count::default(); rules.names().len()];
        IntervalCounts { rules, ..IntervalCounts::with_length(length) }
    }

    fn with_length(length: i128) -> IntervalCounts {
        IntervalCounts {
            length,
            stored: BTreeMap::new(),
            counts: 0,
            current: None,
            rules: Vec::new(),
            touched: Vec::new(),
            unmatched: Count::default(),
            all: Count::default(),
            printed: Printed::default(),
        }
    }

    /// Counts a record for the rules with these ids.
    ///
    /// # Errors
    /// If there are too many intervals.
    #[inline]
    pub fn count(&mut self, record: &Record, ids: &[u32]) -> Result<(), Failure> {
        let nanoseconds = record.nanoseconds();
        let number = match (i64::try_from(nanoseconds), i64::try_from(self.length)) {
            // Divides faster.
            (Ok(nanoseconds), Ok(length)) => nanoseconds.div_euclid(length).into(),
            _ => nanoseconds.div_euclid(self.length),
        };
        if self.current != Some(number) {
            self.store()?;
            self.current = Some(number);
        }
        self.all.add(record, usize::MAX);
        if ids.is_empty() {
            self.unmatched.add(record, usize::MAX);
        }
        for &id in ids {
            let count = &mut self.rules[id as usize];
            if count.packets == 0 {
                self.touched.push(id);
            }
            count.add(record, usize::MAX);
        }
        Ok(())
    }

    /// Returns the counts, and begins anew.
    pub fn take(&mut self) -> IntervalCounts {
        let rules = vec![Count::default(); self.rules.len()];
        let empty = IntervalCounts { rules, ..IntervalCounts::with_length(self.length) };
        mem::replace(self, empty)
    }

    /// Adds the counts of other packets.
    ///
    /// # Errors
    /// If there are too many intervals.
    pub fn add(&mut self, mut other: IntervalCounts) -> Result<(), Failure> {
        self.store()?;
        other.store()?;
        other.stored.into_iter().try_for_each(|(number, interval)| self.store_at(number, interval))
    }

    /// Stores the counts of the current interval.
    fn store(&mut self) -> Result<(), Failure> {
        let Some(number) = self.current.take() else { return Ok(()) };
        self.touched.sort_unstable();
        let rules = self.touched.drain(..).map(|id| (id, mem::take(&mut self.rules[id as usize]))).collect();
        let (unmatched, all) = (mem::take(&mut self.unmatched), mem::take(&mut self.all));
        self.store_at(number, Interval { rules, unmatched, all })
    }

    /// Adds counts to those of the interval with this number.
    fn store_at(&mut self, number: i128, counts: Interval) -> Result<(), Failure> {
        let mut is_new = false;
        let interval = self.stored.entry(number).or_insert_with(|| {
            is_new = true;
            Interval::default()
        });
        let before = interval.rules.len();
        interval.join(counts.rules.into_iter());
        interval.unmatched.join(&counts.unmatched);
        interval.all.join(&counts.all);
        self.counts += interval.rules.len() - before + if is_new { 2 } else { 0 };
        if self.counts <= MOST_COUNTS {
            return Ok(());
        }
        let intervals = HumanCount(self.stored.len() as u64);
        Err(Failure::Failed(format!(
            "the counts of {intervals} intervals fill the memory for them; use a longer --by, --after and --before"
        )))
    }

    /// Prints a row for each interval on standard output, and the totals on standard error.
    pub fn print(&mut self, totals: &RuleCounts, rules: &Rules, options: TableOptions) -> Result<(), Failure> {
        self.store()?;
        let printed = self.print_rows(totals, rules, options, &self.stored)?;
        if printed.skipped > 0 && options.form != Form::Text {
            say(format_args!("cbpf: note: {} without packets in long gaps are left out", intervals(printed.skipped)));
        }
        match options.form {
            Form::Json => say(totals.json(rules, options)),
            Form::Text | Form::Csv => say(totals.summary()),
        }
        Ok(())
    }

    /// Prints the rows of intervals that are over, and forgets them: those before that of the last packet, since
    /// packets come in the order of time, and those before `now`, in nanoseconds since 1970, if all packets before have
    /// come.
    pub fn print_over(
        &mut self,
        totals: &RuleCounts,
        rules: &Rules,
        options: TableOptions,
        now: Option<i128>,
    ) -> Result<(), Failure> {
        let over = now.map(|now| now.div_euclid(self.length)).or(self.current);
        let Some(over) = over.filter(|&over| self.printed.next.is_none_or(|next| next < over)) else { return Ok(()) };
        if self.current.is_some_and(|current| current < over) {
            self.store()?;
        }
        let later = self.stored.split_off(&over);
        let mut rows = mem::replace(&mut self.stored, later);
        self.counts = self.stored.values().map(|interval| interval.rules.len() + 2).sum();
        let is_known = self.printed.next.is_some() || !rows.is_empty();
        if now.is_some() && is_known {
            // An interval without packets has a row, too.
            rows.entry(over - 1).or_default();
        }
        if !rows.is_empty() {
            self.printed = self.print_rows(totals, rules, options, &rows)?;
        }
        Ok(())
    }

    fn print_rows(
        &self,
        totals: &RuleCounts,
        rules: &Rules,
        options: TableOptions,
        rows: &BTreeMap<i128, Interval>,
    ) -> Result<Printed, Failure> {
        let ranking = totals.ranking(options.top);
        let names: Vec<&str> = rules.names().collect();
        let mut output = BufWriter::new(stdout().lock());
        let table = Table { length: self.length, names: &names, ranking: &ranking, totals, options };
        let mut printed = self.printed;
        if !printed.has_head {
            table.write_head(&mut output)?;
            printed.has_head = true;
        }
        for (&number, interval) in rows {
            let first = printed.next.unwrap_or(number);
            let gap = number - first;
            if gap > LONGEST_GAP || printed.zeros + gap > MOST_ZEROS {
                table.write_gap(&mut output, gap)?;
                printed.skipped += gap;
            } else {
                (first..number).try_for_each(|number| table.write(&mut output, number, &Interval::default()))?;
                printed.zeros += gap.max(0);
            }
            table.write(&mut output, number, interval)?;
            // A packet of a printed interval has a row of its own.
            printed.next = printed.next.max(Some(number + 1));
        }
        output.flush()?;
        Ok(printed)
    }
}

impl Interval {
    /// Adds counts by ascending ids of rules.
    fn join(&mut self, counts: impl ExactSizeIterator<Item = (u32, Count)>) {
        let known = self.rules.len();
        for (id, count) in counts {
            match self.rules[..known].binary_search_by_key(&id, |&(id, _)| id) {
                Ok(place) => self.rules[place].1.join(&count),
                Err(_) => self.rules.push((id, count)),
            }
        }
        if known > 0 && self.rules.len() > known {
            self.rules.sort_unstable_by_key(|&(id, _)| id);
        }
    }

    fn of(&self, id: u32) -> Count {
        self.rules.binary_search_by_key(&id, |&(id, _)| id).map_or(Count::default(), |place| self.rules[place].1)
    }

    fn sum(&self, ids: &[u32]) -> Count {
        let mut sum = Count::default();
        ids.iter().for_each(|&id| sum.join(&self.of(id)));
        sum
    }
}

/// The layout of the table.
struct Table<'a> {
    length: i128,
    names: &'a [&'a str],
    ranking: &'a Ranking,
    totals: &'a RuleCounts,
    options: TableOptions,
}

impl Table<'_> {
    fn write_head(&self, output: &mut impl Write) -> Result<(), Failure> {
        let names = self.columns().map(|(name, _)| name);
        match self.options.form {
            Form::Json => {}
            Form::Csv => write_csv(output, ["time"].into_iter().chain(names))?,
            Form::Text => {
                write!(output, "{:width$}", "time", width = self.time(0).len())?;
                self.columns().try_for_each(|(name, width)| write!(output, "  {name:>width$}"))?;
                writeln!(output)?;
            }
        }
        Ok(())
    }

    fn write(&self, output: &mut impl Write, number: i128, interval: &Interval) -> Result<(), Failure> {
        let time = self.time(number);
        let numbers = self.counts(interval).map(|count| self.number(count));
        match self.options.form {
            Form::Json => writeln!(output, "{}", self.json(time, interval))?,
            Form::Csv => write_csv(output, [time].into_iter().chain(numbers.map(|number| number.to_string())))?,
            Form::Text => {
                write!(output, "{time}")?;
                for (number, (_, width)) in numbers.zip(self.columns()) {
                    // A displayed number ignores the width.
                    write!(output, "  {:>width$}", HumanCount(number).to_string())?;
                }
                writeln!(output)?;
            }
        }
        Ok(())
    }

    fn write_gap(&self, output: &mut impl Write, gap: i128) -> Result<(), Failure> {
        match self.options.form {
            Form::Text => Ok(writeln!(output, "... {} without packets", intervals(gap))?),
            Form::Csv | Form::Json => Ok(()),
        }
    }

    fn json(&self, time: String, interval: &Interval) -> Value {
        let named = |&id: &u32| interval.of(id).named_json(self.names[id as usize]);
        let mut json = interval.all.json();
        json["time"] = time.into();
        json["rules"] = self.ranking.shown.iter().map(named).collect();
        if !self.ranking.others.is_empty() {
            json["others"] = interval.sum(&self.ranking.others).json();
        }
        json["unmatched"] = json!(interval.unmatched.json());
        json
    }

    /// Returns the columns of counts: their names and widths.
    fn columns(&self) -> impl Iterator<Item = (&str, usize)> {
        let Ranking { shown, others } = self.ranking;
        let [unmatched, all] = self.totals.unmatched_and_all();
        let of_rules = shown.iter().map(|&id| (self.names[id as usize], self.totals.of(id)));
        let others = (!others.is_empty()).then(|| (OTHERS, self.totals.sum(others)));
        of_rules.chain(others).chain([(UNMATCHED, unmatched), (ALL, all)]).map(|(name, total)| {
            // No count is longer than the total.
            let digits = HumanCount(self.number(total)).to_string().len();
            // Rows that are printed before the end are as wide as later ones, but for very large numbers.
            let least = if self.options.is_live { LIVE_WIDTH } else { 0 };
            (name, name.len().max(digits).max(least))
        })
    }

    /// Returns the counts of an interval, by columns.
    fn counts(&self, interval: &Interval) -> impl Iterator<Item = Count> {
        let Ranking { shown, others } = self.ranking;
        let others = (!others.is_empty()).then(|| interval.sum(others));
        shown.iter().map(|&id| interval.of(id)).chain(others).chain([interval.unmatched, interval.all])
    }

    fn number(&self, count: Count) -> u64 {
        if self.options.bytes { count.wire_bytes } else { count.packets }
    }

    /// Returns the beginning of an interval, with as many digits as all have.
    fn time(&self, number: i128) -> String {
        time::rfc3339(number.saturating_mul(self.length), self.length)
    }
}

/// Formats a number of intervals.
fn intervals(number: i128) -> String {
    counted(u64::try_from(number).unwrap_or(u64::MAX), "interval")
}
