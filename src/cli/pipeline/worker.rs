//! A thread that reads and matches parts of captures.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};

use super::{Matcher, Selection};
use crate::cli::capture::{CaptureError, Interface, OwnedBlock, OwnedRecords, Part, Piece, Place, Reader, Records};
use crate::cli::input::MAX_BATCH;

/// The number of bytes of records that are passed on together.
pub(super) const MESSAGE: usize = 256 << 10;

/// The number of messages of a part that wait to be taken: a part of a large file never waits.
pub(super) const WAITING: usize = 40;

/// What a thread sends about a part: where it begins, what it holds, and its end.
pub(super) enum Message<T> {
    /// The part begins here, or no record was found in it.
    Begin(Option<Place>),
    Block(OwnedBlock),
    Records(Batch),
    End(Box<End<T>>),
}

/// Selected records, with numbers from 0 in their part.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: OwnedRecords,
    pub(super) selection: Selection,
}

/// The end of a part.
pub(super) struct End<T> {
    /// The place after the last record that was matched.
    pub(super) place: Place,
    /// The number of records.
    pub(super) count: u64,
    pub(super) tally: T,
    /// The error that ended the reading.
    pub(super) error: Option<CaptureError>,
    /// Set if the rest must be read in order, from `place`.
    pub(super) is_unfinished: bool,
}

/// A part, and where its messages go.
pub(super) struct Job<T> {
    pub(super) part: Part,
    pub(super) messages: SyncSender<Message<T>>,
}

/// What all threads share.
pub(super) struct Shared<T> {
    pub(super) jobs: Mutex<Receiver<Job<T>>>,
    /// Batches to be used again.
    pub(super) spare: Mutex<Vec<Batch>>,
    /// The number of stored bytes that were read.
    pub(super) bytes_read: AtomicU64,
    pub(super) is_cancelled: AtomicBool,
    pub(super) takes_packets: bool,
}

/// The receiver of the messages has left.
struct Left;

/// Works on jobs until there are no more.
pub(super) fn work<M: Matcher>(shared: &Shared<M::Tally>, mut matcher: M) {
    let mut memory = Vec::new();
    loop {
        let job = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { part, messages }) = job else { return };
        let mut worker = Worker { shared, matcher: &mut matcher, messages: &messages, batch: shared.spare(), count: 0 };
        // A receiver that has left does not want the rest.
        let _ = worker.read(&part, &mut memory);
        drop(matcher.take_tally());
    }
}

impl<T> Shared<T> {
    fn spare(&self) -> Batch {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }
}

struct Worker<'a, M: Matcher> {
    shared: &'a Shared<M::Tally>,
    matcher: &'a mut M,
    messages: &'a SyncSender<Message<M::Tally>>,
    batch: Batch,
    /// The number of records so far.
    count: u64,
}

impl<M: Matcher> Worker<'_, M> {
    fn read(&mut self, part: &Part, memory: &mut Vec<u8>) -> Result<(), Left> {
        // An error arises again in order.
        let Ok(Some(mut reader)) = part.open(mem::take(memory)) else { return self.send(Message::Begin(None)) };
        let outcome = self.read_all(&mut reader);
        *memory = reader.into_memory();
        outcome
    }

    fn read_all(&mut self, reader: &mut Reader) -> Result<(), Left> {
        self.send(Message::Begin(Some(reader.place())))?;
        let mut selection = Selection::default();
        self.batch.restart(reader.interfaces());
        let mut bytes_read = 0;
        let error = loop {
            let read = reader.bytes_read();
            self.shared.bytes_read.fetch_add(read - bytes_read, Ordering::Relaxed);
            bytes_read = read;
            if self.shared.is_cancelled.load(Ordering::Relaxed) {
                return Err(Left);
            }
            let offset = reader.offset();
            match reader.piece(MAX_BATCH) {
                Ok(None) => break None,
                Ok(Some(Piece::Pause)) => {}
                Ok(Some(Piece::Block(block))) => {
                    let block = self.shared.takes_packets.then(|| block.to_owned());
                    self.flush()?;
                    self.batch.restart(reader.interfaces());
                    block.map_or(Ok(()), |block| self.send(Message::Block(block)))?;
                }
                Ok(Some(Piece::Records(records))) if !self.matcher.is_prepared(&records) => {
                    return self.end(reader.place().at(offset), None, true);
                }
                Ok(Some(Piece::Records(records))) => self.select(&mut selection, records)?,
                Err(error) => break Some(error),
            }
        };
        self.end(reader.place(), error, false)
    }

    fn select(&mut self, selection: &mut Selection, records: Records) -> Result<(), Left> {
        selection.clear();
        self.matcher.select(self.count, records, selection);
        self.count += records.len() as u64;
        self.batch.add(records, selection);
        if self.batch.records.byte_len() >= MESSAGE { self.flush() } else { Ok(()) }
    }

    /// Sends the batch, and begins another with the same interfaces.
    fn flush(&mut self) -> Result<(), Left> {
        if self.batch.selection.is_empty() {
            return Ok(());
        }
        let mut next = self.shared.spare();
        next.continue_from(&self.batch);
        let full = mem::replace(&mut self.batch, next);
        self.send(Message::Records(full))
    }

    fn end(&mut self, place: Place, error: Option<CaptureError>, is_unfinished: bool) -> Result<(), Left> {
        self.flush()?;
        let tally = self.matcher.take_tally();
        self.send(Message::End(Box::new(End { place, count: self.count, tally, error, is_unfinished })))
    }

    fn send(&self, message: Message<M::Tally>) -> Result<(), Left> {
        self.messages.send(message).map_err(|_| Left)
    }
}

impl Batch {
    /// Removes all records, and sets the interfaces of those that follow.
    pub(super) fn restart(&mut self, interfaces: &[Interface]) {
        self.records.restart(interfaces.into());
        self.selection.clear();
    }

    pub(super) fn continue_from(&mut self, other: &Batch) {
        self.records.restart(other.records.interfaces());
        self.selection.clear();
    }

    pub(super) fn add(&mut self, records: Records, selection: &Selection) {
        let position = self.records.len();
        selection.of(records, 0).iter().for_each(|(_, record, _)| self.records.push(&record));
        self.selection.extend_stored(selection, position);
    }
}
