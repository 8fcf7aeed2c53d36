//! Captures with several threads: each has a ring, of which the kernel fills one by the flow of a packet.

use std::cell::Cell;
use std::slice;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cbpf::Verified;

use crate::cli::capture::{Piece, Reader, Records, Statistics};
use crate::cli::failure::Failure;
use crate::cli::input::{CaptureArguments, Inputs, each_piece};
use crate::cli::live::report_counts;
use crate::cli::print::counted;
use crate::cli::progress::Progress;

/// Whether all threads could read to the end, and the counts of the kernel.
pub struct Outcome {
    inputs: Inputs,
    counts: Vec<(u64, u64)>,
}

impl Outcome {
    /// Prints the counts of the kernel, and returns the outcome of reading.
    pub fn report(self) -> Inputs {
        report_counts(self.counts.into_iter());
        self.inputs
    }
}

/// Gives the records of the first input, which has begun, and of as many further captures as were asked for, to one
/// visitor a thread. `verified` is the program that the kernel may run on packets.
///
/// # Errors
/// If a capture cannot begin.
pub fn each_member<T: Send>(
    captures: &CaptureArguments,
    mut first: Vec<Reader>,
    verified: Option<&Verified>,
    start: impl Fn() -> T + Sync,
    visit: impl Fn(&mut T, Records) + Sync,
) -> Result<(Vec<T>, Outcome), Failure> {
    let group = first.first().and_then(Reader::group);
    let threads = captures.live().threads().unwrap_or(1);
    let (have_begun, has_told) = (Barrier::new(threads.into()), AtomicBool::new(false));
    let has_failed = AtomicBool::new(false);
    // No thread reads packets before all captures have begun.
    let work = |inputs: Result<&mut [Reader], Failure>| {
        has_failed.fetch_or(inputs.is_err(), Ordering::SeqCst);
        have_begun.wait();
        let (inputs, mut result) = (inputs?, start());
        if has_failed.load(Ordering::SeqCst) {
            return Ok((result, Inputs::Whole, None));
        }
        if !has_told.swap(true, Ordering::SeqCst) {
            inputs.iter().for_each(|input| input.tell(&format!(", {}", counted(threads.into(), "thread"))));
        }
        let outcome = each_piece(inputs, Progress::Hidden, &Cell::new(None), |_, _, piece| {
            if let Piece::Records(records) = piece {
                visit(&mut result, records);
            }
            Ok::<(), Failure>(())
        })?;
        let count = |Statistics { received, dropped, .. }| (received, dropped);
        Ok((result, outcome, inputs.iter().find_map(Reader::statistics).map(count)))
    };
    let member = || match captures.live().open_member(group, verified) {
        Ok(mut member) => work(Ok(slice::from_mut(&mut member))),
        Err(error) => work(Err(error)),
    };
    let all = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(member)).collect();
        let first = work(Ok(&mut first));
        let ended_early = || Err(Failure::Failed("a thread ended early".to_owned()));
        let others = others.into_iter().map(|thread| thread.join().unwrap_or_else(|_| ended_early()));
        [first].into_iter().chain(others).collect::<Result<Vec<_>, Failure>>()
    })?;
    let mut results = Vec::new();
    let mut outcome = Outcome { inputs: Inputs::Whole, counts: Vec::new() };
    for (result, inputs, count) in all {
        results.push(result);
        outcome.counts.extend(count);
        if inputs == Inputs::Damaged {
            outcome.inputs = inputs;
        }
    }
    Ok((results, outcome))
}
