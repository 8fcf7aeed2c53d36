//! Captures that are read in parts.

use std::fs;

use super::build::{ByteOrder, MICRO, MODIFIED, NANO, ORDERS, PcapBytes, PcapngBytes, gzip};
use super::{Drained, Seen, drain};
use crate::cli::capture::{Part, Piece, Reader};

/// Reads a file in parts, as threads do: a part counts if it begins where the one before it ended. Returns the number of
/// those that did, too.
fn in_parts(bytes: &[u8], length: u64) -> (Drained, usize) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), bytes).expect("written");
    let parts = Part::of(&Reader::open(file.path()).expect("a capture"), length).expect("a regular file");
    let (mut all, mut place, mut met) = (Vec::new(), None, 0);
    for part in &parts {
        let guessed = part.open(Vec::new()).expect("opened");
        let mut reader = match guessed.filter(|reader| place.as_ref().is_none_or(|place| reader.place() == *place)) {
            Some(reader) => {
                met += 1;
                reader
            }
            None => part.open_at(place.as_ref().expect("the first part begins at its begin")).expect("opened"),
        };
        loop {
            match reader.piece(3) {
                Ok(None) => break,
                Ok(Some(Piece::Records(records))) => all.extend(records.iter().map(|record| Seen::of(&record))),
                Ok(Some(_)) => {}
                Err(error) => return ((all, Some(error)), met),
            }
        }
        place = Some(reader.place());
    }
    ((all, None), met)
}

/// Checks that a file has the same records in parts of any length; at least `met` of the parts of 4,096 bytes begin at a
/// record.
fn check(bytes: &[u8], met: usize) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), bytes).expect("written");
    let (records, error) = drain(&mut Reader::open(file.path()).expect("a capture"));
    for length in [1000, 4096] {
        let ((parts, found), begun) = in_parts(bytes, length);
        assert_eq!(parts, records, "{length}");
        let place = |error: String| error.split_once(": ").map(|(_, damage)| damage.to_owned());
        assert_eq!(found.map(|e| place(e.to_string())), error.as_ref().map(|e| place(e.to_string())), "{length}");
        assert!(length < 4096 || begun >= met, "{begun} of the parts begin at a record");
    }
}

fn data(number: u32) -> Vec<u8> {
    (0..1 + number * 37 % 250).map(|byte| (byte * byte + number) as u8).collect()
}

fn pcap(order: ByteOrder, magic: u32) -> PcapBytes {
    let file = PcapBytes::new(order, magic, 65535, 1);
    (0..250).fold(file, |file, number| file.record(1_700_000_000 + number, number * 1999, 300, &data(number)))
}

fn pcapng(order: ByteOrder) -> PcapngBytes {
    let file = PcapngBytes::new(order).interface(1, 0, &[]).interface(101, 0, &[(9, vec![9])]);
    (0..250).fold(file, |file, number| file.enhanced(number % 2, number.into(), 300, &data(number)))
}

#[test]
fn parts_have_the_records_of_the_whole() {
    for order in ORDERS {
        for magic in [MICRO, NANO, MODIFIED] {
            check(&pcap(order, magic).bytes, 6);
        }
        check(&pcapng(order).bytes, 6);
        check(&gzip(&pcap(order, MICRO).bytes), 0);
    }
}

#[test]
fn late_interfaces_and_sections_are_known_in_later_parts() {
    for order in ORDERS {
        let file = pcapng(order).interface(147, 0, &[]);
        let file = (0..200).fold(file, |file, number| file.enhanced(number % 3, number.into(), 300, &data(number)));
        let file = file.section(ByteOrder::Big).interface(228, 0, &[]);
        let file = (0..200).fold(file, |file, number| file.enhanced(0, number.into(), 300, &data(number)));
        check(&file.bytes, 1);
    }
}

#[test]
fn captures_inside_packets_do_not_mislead() {
    let inner = pcap(ByteOrder::Little, MICRO).bytes;
    let outer = PcapBytes::new(ByteOrder::Little, MICRO, 262_144, 1);
    let outer = (1..4).fold(outer, |file, number| file.record(number, 0, 200_000, &inner));
    check(&outer.bytes, 1);
}

#[test]
fn damage_has_its_place_in_any_part() {
    let mut bytes = pcap(ByteOrder::Little, MICRO).bytes;
    let half = bytes.len() / 2;
    bytes[half..half + 300].fill(0xff);
    check(&bytes, 1);
    let mut bytes = pcapng(ByteOrder::Big).bytes;
    bytes.truncate(20_001);
    check(&bytes, 1);
}
