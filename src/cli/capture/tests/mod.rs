//! Captures built byte by byte, read from memory.

mod build;
mod damage;
mod output;
mod read;
mod write;

use std::io::Cursor;
use std::path::Path;

use super::source::Source;
use super::window::Window;
use super::{CaptureError, Damage, Reader};

/// A record and its interface, as seen through a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    data: Vec<u8>,
    wire_len: u32,
    ticks: u64,
    nanoseconds: i128,
    link_type: u16,
    interface: usize,
}

/// A reader of `bytes`, which its errors call "memory".
fn open(bytes: &[u8]) -> Result<Reader, CaptureError> {
    let source = Source::new(Cursor::new(bytes.to_vec()), Some(bytes.len() as u64)).expect("memory can be read");
    Reader::new(Path::new("memory"), Window::new(source))
}

/// All records of a reader, and how it ended.
fn drain(reader: &mut Reader) -> (Vec<Seen>, Option<CaptureError>) {
    let mut all = Vec::new();
    loop {
        match reader.next() {
            Ok(None) => return (all, None),
            Err(error) => {
                assert!(matches!(reader.next(), Ok(None)), "an error is told once");
                return (all, Some(error));
            }
            Ok(Some(record)) => all.push(Seen {
                data: record.data.to_vec(),
                wire_len: record.wire_len,
                ticks: record.ticks,
                nanoseconds: record.nanoseconds(),
                link_type: record.interface.link_type,
                interface: record.interface.index,
            }),
        }
    }
}

/// All records of `bytes`, and the error that ends them. One at opening ends no records.
fn read(bytes: &[u8]) -> (Vec<Seen>, Option<CaptureError>) {
    open(bytes).map_or_else(|error| (Vec::new(), Some(error)), |mut reader| drain(&mut reader))
}

/// The records of a sound capture.
fn records(bytes: &[u8]) -> Vec<Seen> {
    let (records, error) = read(bytes);
    assert!(error.is_none(), "{}", error.unwrap());
    records
}

/// Where a damaged capture is damaged, and how.
fn damage(bytes: &[u8]) -> (u64, Damage) {
    match read(bytes).1 {
        Some(CaptureError::Damaged { at, damage, .. }) => (at, damage),
        other => panic!("{other:?}"),
    }
}

/// What a user is told about `bytes`.
fn message(bytes: &[u8]) -> String {
    read(bytes).1.expect("an error").to_string()
}

/// A small generator of numbers, the same at every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
