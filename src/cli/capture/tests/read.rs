//! Sound captures of every variant.

use super::build::{ByteOrder, MICRO, MODIFIED, NANO, ORDERS, PcapBytes, PcapngBytes, gzip, small_pcap, small_pcapng};
use super::{open, records};
use crate::cli::capture::{Clock, Interface};

#[test]
fn pcap_of_both_orders_and_clocks() {
    for order in ORDERS {
        for (magic, second) in [(MICRO, 1_000_000), (NANO, 1_000_000_000)] {
            let seen = records(&small_pcap(order, magic).bytes);
            assert_eq!(seen.len(), 3);
            assert_eq!((seen[0].data.as_slice(), seen[0].wire_len), ([1; 14].as_slice(), 60));
            assert_eq!(seen[0].ticks, 1_700_000_000 * second + 123_456);
            assert_eq!(seen[0].nanoseconds, i128::from(seen[0].ticks) * (1_000_000_000 / i128::from(second)));
            assert_eq!((seen[1].data.len(), seen[1].wire_len, seen[1].ticks), (0, 0, 0));
            assert_eq!(seen[2].ticks, u64::from(u32::MAX) * second + 999_999);
            assert!(seen.iter().all(|seen| (seen.link_type, seen.interface) == (1, 0)));
        }
    }
}

#[test]
fn modified_pcap() {
    for order in ORDERS {
        let seen = records(&small_pcap(order, MODIFIED).bytes);
        assert_eq!(seen, records(&small_pcap(order, MICRO).bytes));
        // The snaplen does not include the added Ethernet header.
        for (link_type, snaplen) in [(1, 114), (101, 100)] {
            let file = PcapBytes::new(order, MODIFIED, 100, link_type).record(1, 2, 200, &[1; 200]);
            assert_eq!(records(&file.bytes)[0].data.len(), snaplen);
        }
    }
}

/// Before version 2.3, and in DG/UX, the length on the wire comes first; in 2.3 it is the longer one.
#[test]
fn old_versions_of_pcap() {
    let versions = [(2, 0), (2, 1), (2, 2), (2, 3), (2, 4), (543, 0)];
    for (order, (major, minor)) in ORDERS.into_iter().flat_map(|order| versions.map(|version| (order, version))) {
        let file = PcapBytes::new(order, MICRO, 0, 1).version(major, minor);
        let swapped = [[9, 3], [3, 3], [0, 0]];
        let lengths = match (major, minor) {
            (2, 4) => [[3, 9], [3, 3], [0, 0]],
            (2, 3) => [[9, 3], [3, 3], [0, 5]],
            _ => swapped,
        };
        let data = [[1; 3].as_slice(), &[2; 3], &[]];
        let file = lengths
            .into_iter()
            .zip(data)
            .fold(file, |file, (lengths, data)| file.record_of_lengths(1, 2, lengths, data));
        let seen: Vec<_> = records(&file.bytes).into_iter().map(|seen| (seen.data, seen.wire_len)).collect();
        let last = if (major, minor) == (2, 3) { 5 } else { 0 };
        assert_eq!(seen, [(vec![1; 3], 9), (vec![2; 3], 3), (vec![], last)], "{major}.{minor}");
    }
}

#[test]
fn upper_half_of_the_link_type_is_no_link_type() {
    let file = PcapBytes::new(ByteOrder::Big, MICRO, 0, 0x2400_0069);
    let reader = open(&file.bytes).unwrap();
    let Interface { link_type_number, link_type_flags, snaplen, .. } = reader.interfaces()[0];
    assert_eq!((link_type_number, link_type_flags, snaplen), (105, 0x2400, 256 << 10));
}

#[test]
fn a_pcap_record_is_cut_to_the_snaplen() {
    let file =
        PcapBytes::new(ByteOrder::Little, MICRO, 4, 1).record(1, 2, 9, &[1, 2, 3, 4, 5, 6]).record(1, 3, 2, &[7, 8]);
    let seen = records(&file.bytes);
    assert_eq!((seen[0].data.as_slice(), seen[0].wire_len), ([1, 2, 3, 4].as_slice(), 9));
    assert_eq!(seen[1].data, [7, 8]);
}

#[test]
fn pcapng_with_sections_of_both_orders() {
    let file = small_pcapng();
    let mut reader = open(&file.bytes).unwrap();
    assert!(reader.interfaces().is_empty() && reader.pcap_interface().is_none());
    let (seen, error) = super::drain(&mut reader);
    assert!(error.is_none());
    let facts: Vec<_> = seen.iter().map(|s| (s.interface, s.link_type, s.wire_len, s.data.clone())).collect();
    assert_eq!(
        facts,
        [
            (0, 1, 60, vec![1; 14]),
            (1, 113, 9, vec![2; 4]),
            (0, 101, 3, vec![3; 3]),
            (0, 101, 40, vec![4; 6]),
            (0, 101, 5, vec![5; 5]),
        ]
    );
    let times: Vec<_> = seen.iter().map(|seen| seen.nanoseconds).collect();
    assert_eq!(
        times,
        [1_700_000_000_123_456_789, (5_000_001_000 - 3_000_000_000), 101_500_000_000, 100_000_000_000, 102_000_000_000]
    );
    // The interfaces are those of the last section.
    assert_eq!(reader.interfaces().len(), 1);
    assert_eq!(reader.interfaces()[0].clock, Clock { resolution: 0x8a, offset: 100 });
}

#[test]
fn every_clock_counts_nanoseconds_without_overflow() {
    for resolution in 0..=u8::MAX {
        for offset in [i64::MIN, 0, i64::MAX] {
            let clock = Clock { resolution, offset };
            assert!(clock.nanoseconds(0) <= clock.nanoseconds(u64::MAX));
        }
    }
    let nanoseconds = |resolution, ticks| Clock { resolution, offset: 0 }.nanoseconds(ticks);
    assert_eq!(nanoseconds(0, u64::MAX), i128::from(u64::MAX) * 1_000_000_000);
    assert_eq!(nanoseconds(12, 1999), 1);
    assert_eq!(nanoseconds(0x80, 3), 3_000_000_000);
    assert_eq!(nanoseconds(0x80 | 63, 1 << 62), 500_000_000);
    assert_eq!(nanoseconds(127, u64::MAX), 0);
}

#[test]
fn a_file_may_hold_no_records() {
    assert!(records(&PcapBytes::new(ByteOrder::Little, NANO, 0, 1).bytes).is_empty());
    assert!(records(&PcapngBytes::new(ByteOrder::Big).bytes).is_empty());
}

#[test]
fn gzip_is_decoded_also_in_several_members() {
    for bytes in [small_pcap(ByteOrder::Big, NANO).bytes, small_pcapng().bytes] {
        let plain = records(&bytes);
        assert_eq!(records(&gzip(&bytes)), plain);
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        assert_eq!(records(&[gzip(head), gzip(tail)].concat()), plain);
    }
}

/// Tests records that straddle chunks, and records longer than a chunk.
#[test]
fn long_captures_and_long_records() {
    let mut file = PcapBytes::new(ByteOrder::Little, MICRO, 0, 231);
    let mut lengths = Vec::new();
    for number in 0..3000u32 {
        let length = if number % 500 == 499 { 3 << 20 } else { number % 1500 };
        file = file.record(number, 0, length, &vec![number as u8; length as usize]);
        lengths.push(length as usize);
    }
    for bytes in [gzip(&file.bytes), file.bytes] {
        assert!(records(&bytes).iter().map(|seen| seen.data.len()).eq(lengths.iter().copied()));
        let mut reader = open(&bytes).unwrap();
        for (number, length) in lengths.iter().enumerate() {
            let record = reader.next().unwrap().unwrap();
            assert_eq!((record.data.len(), record.ticks), (*length, number as u64 * 1_000_000));
            assert!(record.data.iter().all(|&byte| byte == number as u8));
        }
        assert!(reader.next().unwrap().is_none());
        assert_eq!(reader.bytes_read(), bytes.len() as u64);
        assert_eq!(reader.bytes_total(), Some(bytes.len() as u64));
    }
}
