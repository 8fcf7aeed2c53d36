//! Round trips through a writer.

use std::fs;
use std::path::PathBuf;

use super::build::{MICRO, NANO, ORDERS, Order, PcapBytes, PcapngBytes, small_pcap, small_pcapng};
use super::{Seen, drain, open, records};
use crate::cli::capture::{Clock, Format, Output, Reader, Record, Writer};

/// Copies the captures into one, each packet cut to `keep` bytes, and returns the file.
fn copy(inputs: &[&[u8]], keep: usize) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path: PathBuf = directory.path().join("out");
    let mut inputs: Vec<Reader> = inputs.iter().map(|bytes| open(bytes).unwrap()).collect();
    let mut writer = Writer::new(Output::create(&path).unwrap(), &Format::of(&inputs)).unwrap();
    for (number, input) in inputs.iter_mut().enumerate() {
        while let Some(record) = input.next().unwrap() {
            let data = &record.data[..record.data.len().min(keep)];
            writer.write(number, &Record { data, ..record }).unwrap();
        }
    }
    writer.finish(&inputs).unwrap();
    fs::read(path).unwrap()
}

/// What a copy must keep, whatever its format.
fn essence(records: &[Seen]) -> Vec<(Vec<u8>, u32, i128, u16)> {
    records.iter().map(|seen| (seen.data.clone(), seen.wire_len, seen.nanoseconds, seen.link_type)).collect()
}

#[test]
fn a_little_endian_pcap_is_copied_byte_for_byte() {
    for magic in [MICRO, NANO] {
        let file = small_pcap(Order::Little, magic).bytes;
        assert_eq!(copy(&[&file], usize::MAX), file);
        assert_eq!(copy(&[&small_pcap(Order::Big, magic).bytes], usize::MAX), file);
    }
    let file = PcapBytes::new(Order::Little, MICRO, 77, 0x2400_0001).bytes;
    assert_eq!(copy(&[&file], usize::MAX), file);
}

#[test]
fn pcaps_of_one_link_type_join_in_the_finer_clock() {
    let micro = PcapBytes::new(Order::Big, MICRO, 100, 1).record(7, 8, 9, &[1]).bytes;
    let nano = PcapBytes::new(Order::Little, NANO, 50, 1).record(7, 8, 9, &[2]).bytes;
    let joined = copy(&[&micro, &nano], usize::MAX);
    let interface = open(&joined).unwrap().pcap_interface().cloned().expect("pcap");
    assert_eq!((interface.clock, interface.snaplen), (Clock::NANOSECONDS, 100));
    let times: Vec<_> = records(&joined).iter().map(|seen| seen.nanoseconds).collect();
    assert_eq!(times, [7_000_008_000, 7_000_000_008]);
}

/// A pcap file whose records have fractions of a second and more.
fn broken_fractions(order: Order, magic: u32) -> PcapBytes {
    let fractions = [999_999, 1_000_000, 3_000_001, 999_999_999, 1_000_000_000, 4_000_000_001, u32::MAX];
    fractions.into_iter().fold(PcapBytes::new(order, magic, 9, 1), |file, fraction| {
        file.record(0, fraction, 0, &[]).record(u32::MAX, fraction, 0, &[])
    })
}

#[test]
fn a_fraction_beyond_a_second_is_copied_as_it_is() {
    for magic in [MICRO, NANO] {
        let file = broken_fractions(Order::Little, magic).bytes;
        for order in ORDERS {
            assert_eq!(copy(&[&broken_fractions(order, magic).bytes], usize::MAX), file);
        }
        // The other clock is only in the header of the capture, which has no packets.
        let (nothing, raw) = (PcapBytes::new(Order::Big, MICRO, 0, 1), PcapBytes::new(Order::Big, MICRO, 0, 101));
        assert_eq!(copy(&[&file, &nothing.bytes], usize::MAX)[24..], file[24..]);
        let pcapng = copy(&[&file, &raw.bytes], usize::MAX);
        assert_eq!(essence(&records(&pcapng)), essence(&records(&file)));
    }
}

#[test]
fn a_fraction_beyond_a_second_keeps_its_instant_in_nanoseconds() {
    let nano = PcapBytes::new(Order::Big, NANO, 0, 1).bytes;
    let micro = PcapBytes::new(Order::Little, MICRO, 0, 1)
        .record(7, 3_000_001, 0, &[])
        .record(7, 4_294_968, 0, &[])
        .record(7, u32::MAX, 0, &[])
        .record(u32::MAX, 4_294_967, 0, &[])
        .bytes;
    let written = copy(&[&micro, &nano], usize::MAX);
    assert_eq!(essence(&records(&written)), essence(&records(&micro)));
    // As much as fits stays in the fraction.
    let word = |at: usize| u32::from_le_bytes(written[at..at + 4].try_into().unwrap());
    assert_eq!((word(24), word(28)), (7, 3_000_001_000));
    assert_eq!((word(40), word(44)), (11, 294_968_000));
}

#[test]
fn a_pcapng_keeps_packets_clocks_and_options() {
    let file = small_pcapng().bytes;
    let written = copy(&[&file], usize::MAX);
    assert_eq!(records(&written), records(&file));
    let (mut before, mut after) = (open(&file).unwrap(), open(&written).unwrap());
    let _ = (drain(&mut before), drain(&mut after));
    assert_eq!(before.interfaces(), after.interfaces());
    assert_eq!(copy(&[&written], usize::MAX), written);
}

#[test]
fn mixed_inputs_become_pcapng() {
    let ethernet = small_pcap(Order::Big, NANO).bytes;
    let raw = PcapBytes::new(Order::Little, MICRO, 0, 101).record(1, 2, 3, &[4]).bytes;
    let files = [&ethernet[..], &raw, &small_pcapng().bytes, &ethernet];
    let written = records(&copy(&files, usize::MAX));
    let expected: Vec<_> = files.iter().flat_map(|file| records(file)).collect();
    assert_eq!(essence(&written), essence(&expected));
    let interfaces: Vec<_> = written.iter().map(|seen| seen.interface).collect();
    assert_eq!(interfaces, [0, 0, 0, 1, 2, 3, 4, 4, 4, 5, 5, 5]);
}

#[test]
fn a_frame_check_sequence_is_told_in_pcapng() {
    let with = PcapBytes::new(Order::Little, MICRO, 0, 0x2400_0001).record(1, 2, 3, &[4]).bytes;
    let without = small_pcap(Order::Little, MICRO).bytes;
    let mut reader = open(&copy(&[&with, &without], usize::MAX)).unwrap();
    drain(&mut reader);
    assert_eq!(reader.interfaces()[0].options, [(13, vec![32])]);
    assert!(reader.interfaces()[1].options.is_empty());
}

#[test]
fn packets_may_be_cut() {
    for keep in 0..5 {
        for file in [small_pcap(Order::Little, MICRO).bytes, small_pcapng().bytes] {
            let mut expected = records(&file);
            expected.iter_mut().for_each(|seen| seen.data.truncate(keep));
            assert_eq!(records(&copy(&[&file], keep)), expected);
        }
    }
}

#[test]
fn an_empty_pcapng_still_describes_its_interfaces() {
    for order in ORDERS {
        let file = PcapngBytes::new(order).interface(1, 9, &[]).interface(101, 0, &[]).bytes;
        let mut reader = open(&copy(&[&file], 0)).unwrap();
        assert!(drain(&mut reader).0.is_empty());
        assert_eq!(reader.interfaces().len(), 2);
    }
}
