//! Tests with captures that are built in memory.

mod build;
mod compression;
mod damage;
mod link_layer;
mod output;
mod part;
mod read;
mod write;

use std::io::Cursor;
use std::path::Path;

use super::error::{CaptureErrorKind, Damage};
use super::input_source::InputSource;
use super::read_buffer::ReadBuffer;
use super::{CaptureError, Piece, Reader, Record};

/// A record and its interface, as a reader returns them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    data: Vec<u8>,
    wire_len: u32,
    ticks: u64,
    nanoseconds: i128,
    link_type: u16,
    interface: usize,
}

/// All records of a reader, and its error.
type Drained = (Vec<Seen>, Option<CaptureError>);

impl Seen {
    fn of(record: &Record) -> Seen {
        Seen {
            data: record.data.to_vec(),
            wire_len: record.wire_len,
            ticks: record.ticks,
            nanoseconds: record.nanoseconds(),
            link_type: record.interface.link_type_number,
            interface: record.interface.index,
        }
    }
}

/// Opens `bytes` under the name "memory".
fn open(bytes: &[u8]) -> Result<Reader, CaptureError> {
    let source =
        InputSource::new(Cursor::new(bytes.to_vec()), None, Some(bytes.len() as u64)).expect("memory can be read");
    Reader::new(Path::new("memory"), ReadBuffer::new(source))
}

/// Reads all records one by one.
fn drain(reader: &mut Reader) -> Drained {
    let mut all = Vec::new();
    loop {
        match reader.next() {
            Ok(None) => return (all, None),
            Err(error) => {
                assert!(matches!(reader.next(), Ok(None)), "an error is returned once");
                return (all, Some(error));
            }
            Ok(Some(record)) => all.push(Seen::of(&record)),
        }
    }
}

/// Reads all records, `most` at a time.
fn drain_many(reader: &mut Reader, most: usize) -> Drained {
    let mut all = Vec::new();
    loop {
        match reader.piece(most) {
            Ok(None) => return (all, None),
            Ok(Some(Piece::Pause)) => unreachable!("memory is no stream"),
            Ok(Some(Piece::Block(_))) => {}
            Ok(Some(Piece::Records(records))) => {
                assert!(records.len() <= most);
                all.extend(records.iter().map(|record| Seen::of(&record)));
                let packets: Vec<_> = cbpf::Packets::from(records.packets()).iter().collect();
                assert!(records.iter().map(|record| record.data).eq(packets.iter().map(|packet| packet.data())));
            }
            Err(error) => {
                assert!(matches!(reader.piece(most), Ok(None)), "an error is returned once");
                return (all, Some(error));
            }
        }
    }
}

/// Reads all records of `bytes`, and asserts that the size of batches makes no difference.
fn read(bytes: &[u8]) -> Drained {
    let drained = |drain: &dyn Fn(&mut Reader) -> Drained| {
        open(bytes).map_or_else(|error| (Vec::new(), Some(error)), |mut reader| drain(&mut reader))
    };
    let text = |error: &Option<CaptureError>| error.as_ref().map(CaptureError::to_string);
    let (seen, error) = drained(&drain);
    for most in [1, 2, 1000] {
        let (batches, end) = drained(&|reader| drain_many(reader, most));
        assert_eq!((&batches, text(&end)), (&seen, text(&error)));
    }
    (seen, error)
}

/// Returns the records of a sound capture.
fn records(bytes: &[u8]) -> Vec<Seen> {
    let (records, error) = read(bytes);
    assert!(error.is_none(), "{}", error.unwrap());
    records
}

/// Returns the offset of the damage, and the damage.
fn damage(bytes: &[u8]) -> (u64, Damage) {
    match read(bytes).1 {
        Some(CaptureError { kind: CaptureErrorKind::Damaged { at, damage }, .. }) => (at, damage),
        other => panic!("{other:?}"),
    }
}

/// Returns the error message for `bytes`.
fn message(bytes: &[u8]) -> String {
    read(bytes).1.expect("an error").to_string()
}

/// A deterministic random number generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
