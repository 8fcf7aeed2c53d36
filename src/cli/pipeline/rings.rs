//! The pipeline on an interface with several rings, each of which has a thread.
//!
//! - Each thread matches the packets of its ring, and copies those that are passed on. The first thread takes these in
//!   the order of their times.
//! - It waits for the other rings, but not for long: a ring without packets tells nothing. So packets are in order as
//!   far as the rings deliver them within [`DELAY`].
//! - Memory is limited: a thread waits when too many batches wait to be taken, and the kernel drops packets then.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::worker::{Batch, MESSAGE};
use super::{Event, Matcher, Selection, Work};
use crate::cli::capture::{CaptureError, Piece, Reader, Record};
use crate::cli::failure::{Failure, say};
use crate::cli::input::{Inputs, MAX_BATCH};

/// The time for which packets wait for earlier ones of other rings. The kernel passes packets on after 50 ms.
const DELAY: Duration = Duration::from_millis(200);

/// The most batches that wait to be taken, of all rings.
const WAITING: usize = 256;

/// The time after which a thread looks whether it should end.
const LOOK: Duration = Duration::from_millis(100);

type Tally<W> = <<W as Work>::Matcher as Matcher>::Tally;

/// What the thread of a ring sends.
enum Message<T> {
    Records(Batch),
    End(T, Option<CaptureError>),
}

/// Does a work on the packets of all rings of an interface.
pub(super) fn run<W: Work>(input: &mut Reader, mut others: Vec<Reader>, work: &mut W) -> Result<Inputs, Failure> {
    prepare(input, work)?;
    let is_cancelled = AtomicBool::new(false);
    let (sender, messages) = sync_channel(WAITING);
    let rings = 1 + others.len();
    let matchers: Vec<_> = (0..rings).map(|_| work.matcher().clone()).collect();
    let outcome = thread::scope(|scope| {
        for ((number, reader), matcher) in [&mut *input].into_iter().chain(&mut others).enumerate().zip(matchers) {
            let ring = Ring { number, matcher, batch: Batch::default(), messages: sender.clone() };
            let is_cancelled = &is_cancelled;
            let started = thread::Builder::new().spawn_scoped(scope, move || ring.read(reader, is_cancelled));
            if let Err(error) = started {
                is_cancelled.store(true, Ordering::Relaxed);
                return Err(Failure::Failed(format!("cannot start a thread: {error}")));
            }
        }
        drop(sender);
        let queues = (0..rings).map(|_| Queue::default()).collect();
        let outcome = Taker { work, queues, waiting: 0, next: 1, outcome: Inputs::Whole }.take_all(&messages);
        is_cancelled.store(true, Ordering::Relaxed);
        drop(messages);
        outcome
    });
    input.close();
    input.join(others);
    outcome
}

/// Prepares the matcher for the link type of the interface.
fn prepare<W: Work>(input: &Reader, work: &mut W) -> Result<(), Failure> {
    let mut records = Batch::default().records;
    records.restart(input.interfaces().into());
    input.interfaces().iter().for_each(|interface| records.push(&Record::new(&[], 0, interface)));
    work.prepare(0, records.records())
}

/// The thread of a ring.
struct Ring<M: Matcher> {
    number: usize,
    matcher: M,
    batch: Batch,
    messages: SyncSender<(usize, Message<M::Tally>)>,
}

impl<M: Matcher> Ring<M> {
    fn read(mut self, reader: &mut Reader, is_cancelled: &AtomicBool) {
        self.batch.restart(reader.interfaces());
        let mut selection = Selection::default();
        let error = loop {
            let read = match reader.piece(MAX_BATCH) {
                Ok(None) => break None,
                Ok(Some(Piece::Records(records))) => {
                    selection.clear();
                    self.matcher.select(1, records, &mut selection);
                    self.batch.add(records, &selection);
                    if self.batch.records.byte_len() >= MESSAGE { self.flush() } else { true }
                }
                Ok(Some(Piece::Block(_))) => true,
                Ok(Some(Piece::Pause)) => {
                    let is_wanted = self.flush();
                    match reader.wait(Some(Instant::now() + LOOK)) {
                        Ok(()) => is_wanted,
                        Err(error) => break Some(error),
                    }
                }
                Err(error) => break Some(error),
            };
            if !read || is_cancelled.load(Ordering::Relaxed) {
                return;
            }
        };
        self.flush();
        let tally = self.matcher.take_tally();
        self.send(Message::End(tally, error));
    }

    /// Sends the batch, and begins another with the same interface. Returns whether it is wanted.
    fn flush(&mut self) -> bool {
        if self.batch.selection.is_empty() {
            return true;
        }
        let mut next = Batch::default();
        next.continue_from(&self.batch);
        let mut full = mem::replace(&mut self.batch, next);
        full.selection.number();
        self.send(Message::Records(full))
    }

    fn send(&self, message: Message<M::Tally>) -> bool {
        self.messages.send((self.number, message)).is_ok()
    }
}

/// The batches of a ring that wait to be taken, each with the time at which it came.
#[derive(Default)]
struct Queue {
    batches: VecDeque<(Instant, Batch)>,
    /// The number of records of the first batch that were taken.
    taken: usize,
    has_ended: bool,
}

impl Queue {
    /// Returns the time of the next record, in nanoseconds since 1970.
    fn time(&self) -> Option<i128> {
        self.batches.front().map(|(_, batch)| batch.records.records().get(self.taken).nanoseconds())
    }
}

/// The first thread.
struct Taker<'a, W: Work> {
    work: &'a mut W,
    queues: Vec<Queue>,
    /// The number of batches in all queues.
    waiting: usize,
    /// The number of the next record.
    next: u64,
    outcome: Inputs,
}

impl<W: Work> Taker<'_, W> {
    fn take_all(&mut self, messages: &Receiver<(usize, Message<Tally<W>>)>) -> Result<Inputs, Failure> {
        loop {
            let due = self.take_due()?;
            if self.work.is_done() || self.queues.iter().all(|queue| queue.has_ended && queue.batches.is_empty()) {
                return Ok(self.outcome);
            }
            let message = match messages.try_recv() {
                Ok(message) => Ok(message),
                Err(_) => {
                    self.work.take(0, Event::Pause)?;
                    messages.recv_timeout(due.map_or(LOOK, |due| due.saturating_duration_since(Instant::now())))
                }
            };
            match message {
                Ok((ring, Message::Records(batch))) => {
                    self.queues[ring].batches.push_back((Instant::now(), batch));
                    self.waiting += 1;
                }
                Ok((ring, Message::End(tally, error))) => self.end(ring, tally, error),
                Err(RecvTimeoutError::Timeout) => {}
                // A thread that has failed sends no end.
                Err(RecvTimeoutError::Disconnected) => {
                    self.queues.iter_mut().for_each(|queue| queue.has_ended = true);
                }
            }
        }
    }

    fn end(&mut self, ring: usize, tally: Tally<W>, error: Option<CaptureError>) {
        self.queues[ring].has_ended = true;
        self.work.matcher().add(tally);
        if let Some(error) = error {
            // All rings end with the interface.
            if self.outcome == Inputs::Whole {
                say(format_args!("cbpf: warning: {error}"));
            }
            self.outcome = Inputs::Damaged;
        }
    }

    /// Takes the records that need not wait. Returns the time at which the next one need not.
    fn take_due(&mut self) -> Result<Option<Instant>, Failure> {
        while !self.work.is_done()
            && let Some((ring, next)) = self.earliest()
        {
            let has_all = self.queues.iter().all(|queue| queue.has_ended || !queue.batches.is_empty());
            if !has_all && self.waiting < WAITING {
                let due = self.queues.iter().filter_map(|queue| Some(queue.batches.front()?.0 + DELAY)).min();
                if due.is_some_and(|due| due > Instant::now()) {
                    return Ok(due);
                }
            }
            self.take(ring, next)?;
        }
        Ok(None)
    }

    /// Returns the ring with the earliest record, and the time and the ring of the earliest one of the others.
    fn earliest(&self) -> Option<(usize, Option<(i128, usize)>)> {
        let (mut first, mut second) = (None, None);
        for (ring, queue) in self.queues.iter().enumerate() {
            let head = queue.time().map(|time| (time, ring));
            if head.is_some() && first.is_none_or(|first| head < Some(first)) {
                (first, second) = (head, first);
            } else if head.is_some() && second.is_none_or(|second| head < Some(second)) {
                second = head;
            }
        }
        first.map(|(_, ring)| (ring, second))
    }

    /// Takes the records of a ring before the next record of another one.
    fn take(&mut self, ring: usize, until: Option<(i128, usize)>) -> Result<(), Failure> {
        let queue = &mut self.queues[ring];
        let Some((_, batch)) = queue.batches.front() else { return Ok(()) };
        let (records, start) = (batch.records.records(), queue.taken);
        let is_before = |&at: &usize| until.is_none_or(|until| (records.get(at).nanoseconds(), ring) < until);
        let end = start + 1 + (start + 1..records.len()).take_while(is_before).count();
        let selected = batch.selection.part_of(records, start..end, self.next.wrapping_sub(start as u64));
        self.work.take(0, Event::Selected(selected))?;
        self.next += (end - start) as u64;
        if end < records.len() {
            queue.taken = end;
        } else {
            (queue.taken, self.waiting) = (0, self.waiting - 1);
            queue.batches.pop_front();
        }
        Ok(())
    }
}
