//! The buffer of an output, which another thread may write.
//!
//! - The thread is started when the output has proven to be long. It is a few buffers behind.
//! - An error of the thread is that of the next write, flush or end. Nothing is written after it.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::{mem, panic};

use super::encoder::Encoder;

/// The number of bytes after which the thread is started.
const SHORT: usize = 1 << 20;
/// The number of buffers that wait to be written.
const BEHIND: usize = 3;

/// Buffers what is written to an encoder.
pub(super) struct OutputBuffer {
    bytes: Vec<u8>,
    capacity: usize,
    destination: Destination,
    /// The number of bytes that were written here, if a thread may be started.
    written: Option<usize>,
}

enum Destination {
    Here(Box<dyn Encoder>),
    There(Behind),
    /// The thread has failed, and its error was returned.
    Failed,
}

/// A thread that writes.
struct Behind {
    requests: SyncSender<Request>,
    /// Buffers to be used again.
    spare: Receiver<Vec<u8>>,
    thread: JoinHandle<io::Result<()>>,
}

enum Request {
    Write(Vec<u8>),
    /// Flush, and drop the sender.
    Flush(SyncSender<()>),
    Finish,
}

impl OutputBuffer {
    pub(super) fn new(encoder: Box<dyn Encoder>, capacity: usize) -> OutputBuffer {
        OutputBuffer { bytes: Vec::new(), capacity, destination: Destination::Here(encoder), written: None }
    }

    /// Returns a buffer of the encoder that `encoder` makes of the one here, and of its capacity. Nothing was written
    /// before.
    pub(super) fn encoded(
        self,
        encoder: impl FnOnce(Box<dyn Encoder>) -> io::Result<(Box<dyn Encoder>, usize)>,
    ) -> io::Result<OutputBuffer> {
        match self.destination {
            Destination::Here(sink) => encoder(sink).map(|(encoder, capacity)| OutputBuffer::new(encoder, capacity)),
            Destination::There(_) | Destination::Failed => Ok(self),
        }
    }

    /// Lets another thread write if the output is long.
    pub(super) fn write_behind(&mut self) {
        self.written = Some(0);
    }

    /// Adds bytes.
    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.bytes.len() + bytes.len() > self.capacity {
            self.write_buffer()?;
        }
        if bytes.len() > self.capacity
            && let Destination::Here(encoder) = &mut self.destination
        {
            return encoder.write_all(bytes);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes everything.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.write_buffer()?;
        match &mut self.destination {
            Destination::Here(encoder) => encoder.flush(),
            Destination::There(_) => {
                let (sender, flushed) = sync_channel(0);
                self.request(Request::Flush(sender))?;
                // The sender is dropped when that is done, or when the thread fails.
                let _ = flushed.recv();
                Ok(())
            }
            Destination::Failed => Ok(()),
        }
    }

    /// Writes everything, and the end of encoded data. Nothing may be written after that.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.write_buffer()?;
        if let Destination::Here(encoder) = &mut self.destination {
            return encoder.finish();
        }
        self.request(Request::Finish)?;
        self.outcome()
    }

    #[cold]
    fn write_buffer(&mut self) -> io::Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        if self.written.is_some_and(|written| written >= SHORT) {
            self.start();
        }
        match &mut self.destination {
            Destination::Here(encoder) => {
                encoder.write_all(&self.bytes)?;
                if let Some(written) = &mut self.written {
                    *written += self.bytes.len();
                }
                self.bytes.clear();
                Ok(())
            }
            Destination::There(behind) => {
                let next = behind.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(self.capacity));
                let full = mem::replace(&mut self.bytes, next);
                self.request(Request::Write(full))
            }
            Destination::Failed => Ok(()),
        }
    }

    /// Starts the thread. If that fails, everything is written here.
    fn start(&mut self) {
        self.written = None;
        let (requests, received) = sync_channel(BEHIND);
        let (returned, spare) = channel();
        // The encoder goes to the thread once it runs, so it is not lost if there is none.
        let (give, take) = channel::<Box<dyn Encoder>>();
        let work = move || {
            let Ok(mut encoder) = take.recv() else { return Ok(()) };
            for request in received {
                match request {
                    Request::Write(mut bytes) => {
                        encoder.write_all(&bytes)?;
                        bytes.clear();
                        // The buffer may have been dropped.
                        let _ = returned.send(bytes);
                    }
                    Request::Flush(_sender) => encoder.flush()?,
                    Request::Finish => return encoder.finish(),
                }
            }
            Ok(())
        };
        let Ok(thread) = thread::Builder::new().name("writer".to_owned()).spawn(work) else { return };
        let behind = Destination::There(Behind { requests, spare, thread });
        if let Destination::Here(encoder) = mem::replace(&mut self.destination, behind) {
            // The thread waits for it.
            let _ = give.send(encoder);
        }
    }

    fn request(&mut self, request: Request) -> io::Result<()> {
        match &self.destination {
            Destination::There(behind) if behind.requests.send(request).is_err() => self.outcome(),
            _ => Ok(()),
        }
    }

    /// Waits for the end of the thread, and returns its error.
    fn outcome(&mut self) -> io::Result<()> {
        match mem::replace(&mut self.destination, Destination::Failed) {
            Destination::There(Behind { thread, .. }) => {
                thread.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
            }
            other => {
                self.destination = other;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Writes to memory, up to a limit.
    #[derive(Clone)]
    struct Memory(Arc<Mutex<(Vec<u8>, bool)>>, usize);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut memory = self.0.lock().expect("no panic");
            if memory.0.len() + bytes.len() > self.1 {
                return Err(io::Error::other("full"));
            }
            memory.0.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Encoder for Memory {
        fn finish(&mut self) -> io::Result<()> {
            self.0.lock().expect("no panic").1 = true;
            Ok(())
        }
    }

    fn buffer(limit: usize, behind: bool) -> (Memory, OutputBuffer) {
        let memory = Memory(Arc::default(), limit);
        let mut buffer = OutputBuffer::new(Box::new(memory.clone()), 64 << 10);
        if behind {
            buffer.write_behind();
        }
        (memory, buffer)
    }

    #[test]
    fn bytes_stay_in_order() {
        for behind in [false, true] {
            let (memory, mut buffer) = buffer(usize::MAX, behind);
            let mut expected = Vec::new();
            for number in 0..3_000_usize {
                let bytes = vec![number as u8; if number % 500 == 3 { 100_000 } else { number % 1500 }];
                buffer.write(&bytes).expect("written");
                expected.extend(bytes);
                if number % 700 == 0 {
                    buffer.flush().expect("written");
                    assert!(memory.0.lock().expect("no panic").0 == expected);
                }
            }
            buffer.finish().expect("written");
            assert!(*memory.0.lock().expect("no panic") == (expected, true));
        }
    }

    #[test]
    fn an_error_is_returned() {
        for limit in [0, 100_000, 2 << 20] {
            let (memory, mut buffer) = buffer(limit, true);
            let written = (0..5_000).try_for_each(|_| buffer.write(&[7; 1000])).and_then(|()| buffer.finish());
            assert_eq!(written.map_err(|error| error.to_string()), Err("full".to_owned()), "{limit}");
            assert!(!memory.0.lock().expect("no panic").1);
        }
    }
}
