//! The pipeline on captures that are merged by time.
//!
//! - The next record is that with the earliest time among the next ones of all inputs; of equal times, that of the
//!   first input. Records of one input stay in their order, even if their times do not.
//! - Blocks of an input are passed on with the record that follows them.
//! - A chunk of each input is in memory, and up to a hundred files are open. A stream is waited for, since its next
//!   record may be the earliest.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::in_order::take_piece;
use super::{Event, Selection, Work};
use crate::cli::capture::{Piece, Reader, Records};
use crate::cli::failure::{Failure, say};
use crate::cli::input::{Inputs, MAX_BATCH};
use crate::cli::limits;
use crate::cli::progress::Progress;

/// The number of inputs beyond which files are open only while they are read, if the limit of the system is not lower.
const MOST_OPEN: usize = 100;

/// Does a work on the records of all inputs, in the order of their times.
pub(super) fn run<W: Work>(inputs: &mut [Reader], progress: Progress, work: &mut W) -> Result<Inputs, Failure> {
    let mut merge = Merge { work, progress, selection: Selection::default(), next: 1, outcome: Inputs::Whole };
    let count = inputs.len();
    if count > (limits::open_files() / 2).min(MOST_OPEN) {
        inputs.iter_mut().for_each(|input| input.share(count));
    }
    let mut queue = BinaryHeap::new();
    for (input, reader) in inputs.iter_mut().enumerate() {
        queue.extend(merge.read(input, reader)?.map(Reverse));
    }
    while !merge.work.is_done()
        && let Some(Reverse(Head { input, position, .. })) = queue.pop()
    {
        let until = queue.peek().map(|Reverse(head)| (head.time, head.input));
        let records = inputs[input].last_records();
        let rest = position + 1..records.len();
        let is_first = |&next: &usize| until.is_none_or(|until| (records.get(next).nanoseconds(), input) < until);
        let end = position + 1 + rest.take_while(is_first).count();
        merge.take(input, records.part(position..end))?;
        let head = match records.len() > end {
            true => Some(Head { time: records.get(end).nanoseconds(), input, position: end }),
            false => {
                merge.progress.show(inputs.iter().map(Reader::bytes_read).sum());
                merge.read(input, &mut inputs[input])?
            }
        };
        queue.extend(head.map(Reverse));
    }
    Ok(merge.outcome)
}

/// The next record of an input.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    time: i128,
    input: usize,
    /// Its position among the records that were read last.
    position: usize,
}

struct Merge<'a, W: Work> {
    work: &'a mut W,
    progress: Progress,
    selection: Selection,
    /// The number of the next record.
    next: u64,
    outcome: Inputs,
}

impl<W: Work> Merge<'_, W> {
    /// Reads the next records of an input, and passes on the blocks before them. Returns the first record, or `None` at
    /// the end.
    fn read(&mut self, input: usize, reader: &mut Reader) -> Result<Option<Head>, Failure> {
        loop {
            let waited = match reader.piece(MAX_BATCH) {
                Ok(None) => break,
                Ok(Some(Piece::Records(records))) => {
                    return Ok(Some(Head { time: records.get(0).nanoseconds(), input, position: 0 }));
                }
                Ok(Some(Piece::Block(block))) => {
                    self.work.take(input, Event::Block(block))?;
                    Ok(())
                }
                Ok(Some(Piece::Pause)) => {
                    self.work.take(input, Event::Pause)?;
                    reader.wait(None)
                }
                Err(error) => Err(error),
            };
            if let Err(error) = waited {
                self.progress.pause(|| say(format_args!("cbpf: warning: {error}")));
                self.outcome = Inputs::Damaged;
                break;
            }
        }
        reader.close();
        Ok(None)
    }

    fn take(&mut self, input: usize, records: Records) -> Result<(), Failure> {
        let first = self.next;
        self.next += records.len() as u64;
        take_piece(self.work, &mut self.selection, input, first, Piece::Records(records))
    }
}
