//! The pipeline on several threads.
//!
//! - Each thread reads, decompresses and matches a part at a time. The first thread takes what they send in the order of
//!   the parts, so memory is limited: a thread waits when too much of its part waits to be taken.
//! - A part counts only if it begins at the place where the one before it ended, with the same interfaces. Otherwise
//!   the first thread reads it again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::in_order::{self, take_piece};
use super::worker::{self, End, Job, Message, Shared, WAITING};
use super::{Event, Matcher, Selection, Work};
use crate::cli::capture::{CaptureError, Part, Piece, Place, Reader};
use crate::cli::failure::{Failure, say};
use crate::cli::input::{Inputs, MAX_BATCH};
use crate::cli::progress::Progress;

/// The number of parts for each thread that are begun, but not taken.
const AHEAD: usize = 2;

/// The time between two updates of the progress bar.
const TICK: Duration = Duration::from_millis(100);

type Tally<W> = <<W as Work>::Matcher as Matcher>::Tally;

/// Does a work on the parts of all inputs.
pub(super) fn run<W: Work>(
    inputs: &mut [Reader],
    parts: &[Vec<Part>],
    progress: Progress,
    threads: usize,
    work: &mut W,
) -> Result<Inputs, Failure> {
    let ahead = AHEAD * threads;
    let (jobs, queue) = sync_channel(ahead);
    let shared = Shared {
        jobs: Mutex::new(queue),
        spare: Mutex::default(),
        bytes_read: AtomicU64::new(0),
        is_cancelled: AtomicBool::new(false),
        takes_packets: work.takes_packets(),
    };
    let matchers: Vec<_> = (0..threads).map(|_| work.matcher().clone()).collect();
    thread::scope(|scope| {
        let shared = &shared;
        let start = |matcher| thread::Builder::new().spawn_scoped(scope, move || worker::work(shared, matcher));
        if matchers.into_iter().map(start).filter(Result::is_ok).count() == 0 {
            return in_order::run(inputs, progress, work);
        }
        let feed = Feed { parts: parts.iter().flatten(), jobs, ahead, begun: VecDeque::new() };
        let mut taker = Taker { work, shared, progress, selection: Selection::default(), next: 1 };
        let outcome = taker.take_all(inputs, parts, feed);
        shared.is_cancelled.store(true, Ordering::Relaxed);
        outcome
    })
}

/// The parts that are given to threads, in order.
struct Feed<P, T> {
    parts: P,
    jobs: SyncSender<Job<T>>,
    /// The number of parts that are begun before they are taken.
    ahead: usize,
    begun: VecDeque<Receiver<Message<T>>>,
}

impl<'p, P: Iterator<Item = &'p Part>, T> Feed<P, T> {
    /// Returns the messages about the next part.
    fn next(&mut self) -> Option<Receiver<Message<T>>> {
        while self.begun.len() < self.ahead
            && let Some(part) = self.parts.next()
        {
            let (sender, messages) = sync_channel(WAITING);
            // The queue has room, and is open as long as a thread lives.
            let _ = self.jobs.send(Job { part: part.clone(), messages: sender });
            self.begun.push_back(messages);
        }
        self.begun.pop_front()
    }
}

/// The first thread.
struct Taker<'a, W: Work> {
    work: &'a mut W,
    shared: &'a Shared<Tally<W>>,
    progress: Progress,
    selection: Selection,
    /// The number of the next record.
    next: u64,
}

/// Where the reading of a part ended, and the error that ended it.
type Ended = (Option<Place>, Option<CaptureError>);

impl<W: Work> Taker<'_, W> {
    fn take_all<'p>(
        &mut self,
        inputs: &mut [Reader],
        parts: &[Vec<Part>],
        mut feed: Feed<impl Iterator<Item = &'p Part>, Tally<W>>,
    ) -> Result<Inputs, Failure> {
        let mut outcome = Inputs::Whole;
        for (input, (reader, parts)) in inputs.iter_mut().zip(parts).enumerate() {
            let (mut place, mut has_ended) = (None, false);
            for part in parts {
                let messages = feed.next();
                if has_ended {
                    continue;
                }
                let error;
                (place, error) = self.take_part(input, part, place.as_ref(), messages)?;
                if self.work.is_done() {
                    return Ok(outcome);
                }
                if let Some(error) = error {
                    self.progress.pause(|| say(format_args!("cbpf: warning: {error}")));
                    (outcome, has_ended) = (Inputs::Damaged, true);
                }
            }
            match place {
                Some(place) => reader.end_at(place),
                None => reader.close(),
            }
        }
        Ok(outcome)
    }

    /// Takes a part that begins at `expected`, or at the begin of the input.
    fn take_part(
        &mut self,
        input: usize,
        part: &Part,
        expected: Option<&Place>,
        messages: Option<Receiver<Message<Tally<W>>>>,
    ) -> Result<Ended, Failure> {
        let Some(messages) = messages else { return self.read(input, part, expected) };
        match self.receive(&messages)? {
            Message::Begin(Some(begin)) if expected.is_none_or(|expected| begin == *expected) => {}
            _ => return self.read(input, part, expected),
        }
        loop {
            match self.receive(&messages)? {
                Message::Begin(_) => {}
                Message::Block(block) => self.work.take(input, Event::Block(block.block()))?,
                Message::Records(batch) => {
                    let selected = batch.selection.of(batch.records.records(), self.next);
                    self.work.take(input, Event::Selected(selected))?;
                    self.shared.spare.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
                }
                Message::End(end) => {
                    let End { place, count, tally, error, is_unfinished } = *end;
                    self.next += count;
                    self.work.matcher().add(tally);
                    return if is_unfinished { self.read(input, part, Some(&place)) } else { Ok((Some(place), error)) };
                }
            }
        }
    }

    /// Reads a part on this thread, from a place or from its begin.
    fn read(&mut self, input: usize, part: &Part, from: Option<&Place>) -> Result<Ended, Failure> {
        let reader = match from {
            Some(place) => part.open_at(place).map(Some),
            None => part.open(Vec::new()),
        };
        let mut reader = match reader {
            Ok(Some(reader)) => reader,
            Ok(None) => return Ok((None, None)),
            Err(error) => return Ok((from.cloned(), Some(error))),
        };
        loop {
            self.show_progress();
            match reader.piece(MAX_BATCH) {
                Ok(None) => return Ok((Some(reader.place()), None)),
                Ok(Some(piece)) => {
                    let count = if let Piece::Records(records) = &piece { records.len() } else { 0 };
                    take_piece(self.work, &mut self.selection, input, self.next, piece)?;
                    self.next += count as u64;
                }
                Err(error) => return Ok((Some(reader.place()), Some(error))),
            }
        }
    }

    fn receive(&mut self, messages: &Receiver<Message<Tally<W>>>) -> Result<Message<Tally<W>>, Failure> {
        loop {
            match messages.recv_timeout(TICK) {
                Ok(message) => return Ok(message),
                Err(RecvTimeoutError::Timeout) => self.show_progress(),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::Failed("a thread that reads captures has ended".to_owned()));
                }
            }
        }
    }

    fn show_progress(&mut self) {
        self.progress.show(self.shared.bytes_read.load(Ordering::Relaxed));
    }
}
