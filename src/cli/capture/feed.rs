//! The chunks of a source, read ahead on a thread of its own: the system copies, and gzip is decoded, while the records
//! of the chunk before are being looked at.
//!
//! - Each chunk begins with a margin, so that what is left of the one before can be put in front without moving it.
//! - The first chunk is read without a thread, so opening reads little and a small capture never starts one.
//! - An error comes after all that was read before it. A feed that has failed, or come to its end, is not asked again.

use std::io::{self, Read};
use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::source;

/// Room in front of the data of a chunk.
pub(super) const MARGIN: usize = 64 << 10;
/// Read at once before there is a thread.
const FIRST: usize = 64 << 10;
/// Read at once by the thread: much, as handing a chunk over may wake a sleeping processor.
const AHEAD: usize = 2 << 20;
/// Chunks that are under way at once.
const DEPTH: usize = 4;

/// Bytes of a source, behind a margin.
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    /// Where the data end. They begin at [`MARGIN`]; there are none at the end of the source.
    pub(super) end: usize,
}

pub(super) enum Feed {
    Here { source: Box<dyn Read + Send>, spare: Vec<u8>, passed: usize },
    Ahead { full: Receiver<io::Result<Chunk>>, empty: SyncSender<Vec<u8>> },
    Ended,
}

impl Feed {
    pub(super) fn new(source: Box<dyn Read + Send>) -> Feed {
        Feed::Here { source, spare: Vec::new(), passed: 0 }
    }

    /// The next chunk.
    pub(super) fn next(&mut self) -> io::Result<Chunk> {
        if matches!(self, Feed::Here { passed, .. } if *passed >= FIRST) {
            self.go_ahead()?;
        }
        match self {
            Feed::Here { source, spare, passed } => {
                let chunk = read_chunk(source, mem::take(spare), FIRST)?;
                *passed += chunk.end - MARGIN;
                Ok(chunk)
            }
            Feed::Ahead { full, .. } => {
                full.recv().unwrap_or_else(|_| Err(io::Error::other("the thread that reads it has failed")))
            }
            Feed::Ended => Ok(Chunk { bytes: vec![0; MARGIN], end: MARGIN }),
        }
    }

    /// Gives back the memory of a chunk.
    pub(super) fn recycle(&mut self, bytes: Vec<u8>) {
        match self {
            Feed::Here { spare, .. } => *spare = bytes,
            // A thread that is done needs no more.
            Feed::Ahead { empty, .. } => drop(empty.try_send(bytes)),
            Feed::Ended => {}
        }
    }

    /// Moves the source to a thread. The thread ends with the source, or when the feed is dropped; nobody waits for it,
    /// as it may be waiting for a terminal.
    fn go_ahead(&mut self) -> io::Result<()> {
        let Feed::Here { mut source, .. } = mem::replace(self, Feed::Ended) else { return Ok(()) };
        let (fill, full) = sync_channel(DEPTH);
        let (empty, emptied) = sync_channel(DEPTH);
        for _ in 0..DEPTH {
            drop(empty.try_send(Vec::new()));
        }
        thread::Builder::new().name("capture".to_owned()).spawn(move || {
            for bytes in emptied {
                let chunk = read_chunk(&mut source, bytes, AHEAD);
                let last = chunk.as_ref().map_or(true, |chunk| chunk.end == MARGIN);
                if fill.send(chunk).is_err() || last {
                    break;
                }
            }
        })?;
        *self = Feed::Ahead { full, empty };
        Ok(())
    }
}

/// Reads up to `count` bytes, into the memory of a chunk before if it is of that size.
fn read_chunk(source: &mut dyn Read, mut bytes: Vec<u8>, count: usize) -> io::Result<Chunk> {
    if bytes.len() != MARGIN + count {
        bytes = vec![0; MARGIN + count];
    }
    let count = source::read(source, &mut bytes[MARGIN..])?;
    Ok(Chunk { bytes, end: MARGIN + count })
}
