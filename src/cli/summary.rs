//! The summary of a run over captures.

use std::fmt;
use std::time::{Duration, Instant};

use indicatif::HumanCount;
use serde_json::{Value, json};

use crate::cli::capture::{Reader, Statistics};
use crate::cli::input::Inputs;
use crate::cli::print::counted;

/// Counts of packets and bytes, and the time since it was made.
#[derive(Clone)]
pub struct Summary {
    start: Instant,
    packets: u64,
    matches: u64,
    bytes: u64,
    kept_bytes: u64,
    /// The packets outside of the times that were selected, which are not counted.
    outside: Option<u64>,
    outcome: Inputs,
    /// The packets that the kernel passed on, and those that it dropped, of live captures.
    kernel: Option<(u64, u64)>,
}

impl Summary {
    pub fn start() -> Summary {
        Summary {
            start: Instant::now(),
            packets: 0,
            matches: 0,
            bytes: 0,
            kept_bytes: 0,
            outside: None,
            outcome: Inputs::Whole,
            kernel: None,
        }
    }

    /// Counts a packet of `captured` bytes, of which the program keeps `kept`, or which it drops.
    #[inline]
    pub fn count(&mut self, captured: usize, kept: Option<usize>) {
        self.packets += 1;
        self.bytes += captured as u64;
        if let Some(kept) = kept {
            self.matches += 1;
            self.kept_bytes += kept as u64;
        }
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Summary) {
        self.packets += other.packets;
        self.matches += other.matches;
        self.bytes += other.bytes;
        self.kept_bytes += other.kept_bytes;
        self.add_outside(other.outside);
    }

    /// Adds packets outside of the times, if packets are selected by time.
    pub fn add_outside(&mut self, outside: Option<u64>) {
        if let Some(outside) = outside {
            *self.outside.get_or_insert(0) += outside;
        }
    }

    /// Notes whether the inputs could be read to their ends, and the counts of the kernel.
    pub fn set_outcome(&mut self, outcome: Inputs, inputs: &[Reader]) {
        let counts = inputs.iter().filter_map(Reader::statistics);
        self.kernel = counts.map(|Statistics { received, dropped, .. }| (received, dropped)).next();
        self.outcome = outcome;
    }

    /// Returns the number of packets that match.
    pub fn matches(&self) -> u64 {
        self.matches
    }

    /// Stops the clock.
    pub fn finish(self) -> Finished {
        Finished { time: self.start.elapsed(), summary: self }
    }
}

/// A summary, and the duration of the run.
pub struct Finished {
    summary: Summary,
    time: Duration,
}

impl Finished {
    fn packets_per_second(&self) -> u64 {
        (self.summary.packets as f64 / self.time.as_secs_f64().max(1e-9)) as u64
    }

    pub fn json(&self) -> Value {
        let Summary { packets, matches, bytes, kept_bytes, .. } = self.summary;
        let mut json = json!({
            "packets": packets,
            "matches": matches,
            "bytes": bytes,
            "kept_bytes": kept_bytes,
            "seconds": self.time.as_secs_f64(),
            "packets_per_second": self.packets_per_second(),
            "whole": self.summary.outcome == Inputs::Whole,
        });
        if let Some((received, dropped)) = self.summary.kernel {
            (json["received"], json["dropped"]) = (received.into(), dropped.into());
        }
        if let Some(outside) = self.summary.outside {
            json["packets_outside_of_times"] = outside.into();
        }
        json
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { packets, matches, bytes, kept_bytes, .. } = self.summary;
        let (packets, bytes) = (counted(packets, "packet"), counted(bytes, "byte"));
        let (matches, kept) = (HumanCount(matches), HumanCount(kept_bytes));
        let (seconds, rate) = (self.time.as_secs_f64(), HumanCount(self.packets_per_second()));
        write!(f, "{packets}, {matches} match; {bytes}, {kept} kept; {seconds:.4} s, {rate} packets/s")?;
        match self.summary.outside {
            Some(outside) => write!(f, "; {} not within the times", counted(outside, "packet")),
            None => Ok(()),
        }
    }
}
