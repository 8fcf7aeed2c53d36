//! A progress bar on standard error, for input that takes long.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::capture::Reader;

/// How long reading goes on before a bar appears.
const PATIENCE: Duration = Duration::from_millis(500);

/// The progress through some inputs; it is removed when this is dropped.
pub enum Progress {
    /// Not shown: standard error is no terminal, or the output would be disturbed.
    Hidden,
    /// Shown if it takes long.
    Waiting { since: Instant, bytes_total: Option<u64> },
    /// Shown.
    Shown(ProgressBar),
}

impl Progress {
    /// The progress through these inputs, if standard error is a terminal.
    pub fn of(inputs: &[Reader]) -> Progress {
        let bytes_total = inputs.iter().map(Reader::bytes_total).sum();
        match stderr().is_terminal() {
            true => Progress::Waiting { since: Instant::now(), bytes_total },
            false => Progress::Hidden,
        }
    }

    /// Says how many bytes have been read.
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

    /// Does something that writes to standard error.
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
