//! A progress bar on standard error, for long runs.

use std::fmt;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressState, ProgressStyle};

use crate::cli::capture::Reader;

/// The time before a bar appears.
const PATIENCE: Duration = Duration::from_millis(500);

/// The progress bar of a run, removed when dropped.
pub enum Progress {
    /// Never shown: standard error is not a terminal, or the bar would disturb the output.
    Hidden,
    /// Shown after [`PATIENCE`].
    Waiting { since: Instant, bytes_total: Option<u64> },
    /// Shown.
    Shown(ProgressBar),
}

impl Progress {
    /// Returns a bar for these inputs, shown only if standard error is a terminal.
    pub fn of(inputs: &[Reader]) -> Progress {
        let bytes_total = inputs.iter().map(Reader::bytes_total).sum();
        match stderr().is_terminal() {
            true => Progress::Waiting { since: Instant::now(), bytes_total },
            false => Progress::Hidden,
        }
    }

    /// Updates the number of bytes read.
    pub fn show(&mut self, bytes_read: u64) {
        if let Progress::Waiting { since, bytes_total } = *self
            && since.elapsed() > PATIENCE
        {
            *self = Progress::Shown(bar(bytes_total, since.elapsed()));
        }
        if let Progress::Shown(bar) = self {
            bar.set_position(bytes_read);
        }
    }

    /// Hides the bar during work that writes to standard error.
    pub fn pause(&self, work: impl FnOnce()) {
        match self {
            Progress::Shown(bar) => bar.suspend(work),
            Progress::Hidden | Progress::Waiting { .. } => work(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Progress::Shown(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Returns a bar of a run that has taken some time. Rates are those of the whole run: a rate since the last update would
/// be that of a moment, and of the first update infinite.
fn bar(bytes_total: Option<u64>, elapsed: Duration) -> ProgressBar {
    let (bar, template) = match bytes_total {
        Some(total) => (ProgressBar::new(total), "{wide_bar} {bytes} of {total_bytes}, {rate}, {left} left"),
        None => (ProgressBar::no_length(), "{spinner} {bytes}, {rate}"),
    };
    // A value that cannot be formatted is left out.
    let style = ProgressStyle::with_template(template).map(|style| {
        style
            .with_key("rate", |state: &ProgressState, text: &mut dyn fmt::Write| {
                _ = write!(text, "{}/s", HumanBytes(rate(state) as u64));
            })
            .with_key("left", |state: &ProgressState, text: &mut dyn fmt::Write| {
                let left = state.len().unwrap_or(0).saturating_sub(state.pos()) as f64;
                _ = write!(text, "{:#}", HumanDuration(Duration::from_secs_f64((left / rate(state)).min(1e9))));
            })
    });
    match style {
        Ok(style) => bar.with_style(style).with_elapsed(elapsed),
        Err(_) => bar,
    }
}

/// Returns the bytes per second since the run began, at least 1.
fn rate(state: &ProgressState) -> f64 {
    (state.pos() as f64 / state.elapsed().as_secs_f64().max(1e-3)).max(1.0)
}
