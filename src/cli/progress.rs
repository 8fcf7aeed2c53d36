//! A progress bar on standard error, for long runs.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

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
            *self = Progress::Shown(bar(bytes_total));
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

fn bar(bytes_total: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes_total {
        Some(total) => (ProgressBar::new(total), "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left"),
        None => (ProgressBar::no_length(), "{spinner} {bytes}, {bytes_per_sec}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
