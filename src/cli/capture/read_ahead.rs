//! Decompression on a thread of its own, ahead of the reader.
//!
//! - The thread is started when the data has proven to be long.
//! - It stays a few chunks ahead, and ends when the source ends or the reader is dropped.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::{mem, thread};

use super::compression::Decompressed;
use super::input_source;

/// The number of bytes after which the thread is started.
const SHORT: usize = 1 << 20;
/// The number of bytes of a chunk.
const CHUNK: usize = 256 << 10;
/// The number of chunks that wait to be read.
const AHEAD: usize = 4;

/// A source of which another thread reads.
pub(super) enum ReadAhead {
    /// The source is read here, and this number of bytes was read.
    Here(Decompressed, usize),
    There(Chunks),
}

/// The chunks that the other thread has read.
pub(super) struct Chunks {
    received: Receiver<io::Result<Chunk>>,
    /// Memory to be used again.
    spare: Sender<Vec<u8>>,
    current: Chunk,
    /// The number of its bytes that were returned.
    returned: usize,
}

/// The first `len` bytes of a buffer; none at the end of the source.
#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    len: usize,
}

impl ReadAhead {
    pub(super) fn new(source: Decompressed) -> ReadAhead {
        ReadAhead::Here(source, 0)
    }

    /// Starts the thread. If that fails, the source is read here.
    fn start(&mut self) {
        let (sender, received) = sync_channel(AHEAD);
        let (spare, returned) = channel();
        // The source goes to the thread once it runs, so it is not lost if there is none.
        let (give, take) = channel::<Decompressed>();
        let work = move || {
            if let Ok(source) = take.recv() {
                read_all(source, &sender, &returned);
            }
        };
        if thread::Builder::new().name("reader".to_owned()).spawn(work).is_err() {
            return;
        }
        let chunks = ReadAhead::There(Chunks { received, spare, current: Chunk::default(), returned: 0 });
        if let ReadAhead::Here(source, _) = mem::replace(self, chunks) {
            // The thread waits for it.
            let _ = give.send(source);
        }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if matches!(self, ReadAhead::Here(_, count) if *count >= SHORT) {
            self.start();
        }
        match self {
            ReadAhead::Here(source, total) => {
                let count = source.read(space)?;
                // A thread that cannot be started is not tried again.
                *total = if *total < SHORT { *total + count } else { 0 };
                Ok(count)
            }
            ReadAhead::There(chunks) => chunks.read(space),
        }
    }
}

impl Chunks {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.returned == self.current.len {
            // A thread that was lost has sent its error.
            let next = self.received.recv().unwrap_or_else(|_| Ok(Chunk::default()))?;
            let read = mem::replace(&mut self.current, next);
            self.returned = 0;
            // The thread may have ended.
            let _ = self.spare.send(read.bytes);
        }
        let rest = &self.current.bytes[self.returned..self.current.len];
        let count = rest.len().min(space.len());
        space[..count].copy_from_slice(&rest[..count]);
        self.returned += count;
        Ok(count)
    }
}

/// Reads to the end or to an error, or until nobody receives.
fn read_all(mut source: Decompressed, chunks: &SyncSender<io::Result<Chunk>>, spare: &Receiver<Vec<u8>>) {
    loop {
        let mut bytes = spare.try_recv().unwrap_or_default();
        bytes.resize(CHUNK, 0);
        let read = input_source::read(&mut source, &mut bytes);
        let is_end = !matches!(read, Ok(1..));
        if chunks.send(read.map(|len| Chunk { bytes, len })).is_err() || is_end {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns errors after its bytes, and then its end.
    struct Source(Vec<u8>, bool);

    impl Read for Source {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(space.len()).min(10_007);
            space[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            if count == 0 && mem::replace(&mut self.1, false) { Err(io::Error::other("damage")) } else { Ok(count) }
        }
    }

    #[test]
    fn all_bytes_come_before_the_error() {
        for len in [0, 1, SHORT - 1, SHORT, SHORT + 1, 3 << 20] {
            let bytes: Vec<u8> = (0..len).map(|number| (number * number) as u8).collect();
            let mut reader = ReadAhead::new(Box::new(Source(bytes.clone(), true)));
            let mut read = Vec::new();
            assert_eq!(reader.read_to_end(&mut read).map_err(|error| error.to_string()), Err("damage".to_owned()));
            assert!(read == bytes, "{len}");
            assert!(matches!(reader.read(&mut [0; 9]), Ok(0)), "{len}");
        }
    }
}
