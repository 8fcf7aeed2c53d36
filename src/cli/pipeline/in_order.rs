//! The pipeline on one thread.

use std::cell::Cell;
use std::ops::ControlFlow;

use super::{Event, Matcher, Selection, Work};
use crate::cli::capture::{Piece, Reader};
use crate::cli::failure::Failure;
use crate::cli::input::{Inputs, each_piece_until};
use crate::cli::progress::Progress;

/// Does a work on all inputs, one after the other.
pub(super) fn run<W: Work>(inputs: &mut [Reader], progress: Progress, work: &mut W) -> Result<Inputs, Failure> {
    let mut selection = Selection::default();
    let due = Cell::new(None);
    each_piece_until(inputs, progress, &due, |input, first, piece| {
        take_piece(work, &mut selection, input, first, piece)?;
        due.set(work.wake()?);
        Ok(if work.is_done() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
}

/// Does a work on a piece of an input; `first` is the number of its first record.
pub(super) fn take_piece<W: Work>(
    work: &mut W,
    selection: &mut Selection,
    input: usize,
    first: u64,
    piece: Piece,
) -> Result<(), Failure> {
    match piece {
        Piece::Block(block) => work.take(input, Event::Block(block)),
        Piece::Pause => work.take(input, Event::Pause),
        Piece::Records(records) => {
            work.prepare(input, records)?;
            selection.clear();
            work.matcher().select(first, records, selection);
            if selection.is_empty() { Ok(()) } else { work.take(input, Event::Selected(selection.of(records, 0))) }
        }
    }
}
