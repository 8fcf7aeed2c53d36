//! Round trips through a writer.

use std::fs;
use std::path::PathBuf;

use super::build::{ByteOrder, MICRO, NANO, ORDERS, PcapBytes, PcapngBytes, full_pcapng, small_pcap, small_pcapng};
use super::{Random, Seen, drain, open, records};
use crate::cli::capture::{Clock, Format, LeftOut, Output, Piece, Reader, Writer};

/// Copies the captures into one, each packet cut to `keep` bytes, and returns the file.
pub(super) fn copy(inputs: &[&[u8]], keep: usize) -> Vec<u8> {
    copy_and_count(inputs, keep).0
}

/// Copies the captures, and returns the file and the warning about left out content.
fn copy_and_count(inputs: &[&[u8]], keep: usize) -> (Vec<u8>, String) {
    let directory = tempfile::tempdir().unwrap();
    let path: PathBuf = directory.path().join("out");
    let mut inputs: Vec<Reader> = inputs.iter().map(|bytes| open(bytes).unwrap()).collect();
    let mut writer = Writer::new(Output::create(&path).unwrap(), &Format::of(&inputs)).unwrap();
    let mut left_out = LeftOut::default();
    for (number, input) in inputs.iter_mut().enumerate() {
        while let Some(piece) = input.piece(3).unwrap() {
            match piece {
                Piece::Block(block) => {
                    left_out.block(&block);
                    writer.block(number, &block).unwrap();
                }
                Piece::Records(records) => records.iter().for_each(|record| {
                    left_out.record(&record.cut(keep));
                    writer.write(number, &record.cut(keep)).unwrap();
                }),
                Piece::Pause => unreachable!("memory is no stream"),
            }
        }
    }
    writer.finish(&inputs).unwrap();
    assert_eq!(left_out.is_empty(), left_out.to_string().is_empty());
    (fs::read(path).unwrap(), left_out.to_string())
}

/// Returns the data that copies in all formats have in common.
fn essence(records: &[Seen]) -> Vec<(Vec<u8>, u32, i128, u16)> {
    records.iter().map(|seen| (seen.data.clone(), seen.wire_len, seen.nanoseconds, seen.link_type)).collect()
}

#[test]
fn a_little_endian_pcap_is_copied_byte_for_byte() {
    for magic in [MICRO, NANO] {
        let file = small_pcap(ByteOrder::Little, magic).bytes;
        assert_eq!(copy(&[&file], usize::MAX), file);
        assert_eq!(copy(&[&small_pcap(ByteOrder::Big, magic).bytes], usize::MAX), file);
    }
    let file = PcapBytes::new(ByteOrder::Little, MICRO, 77, 0x2400_0001).bytes;
    assert_eq!(copy(&[&file], usize::MAX), file);
}

#[test]
fn pcaps_of_one_link_type_join_in_the_finer_clock() {
    let micro = PcapBytes::new(ByteOrder::Big, MICRO, 100, 1).record(7, 8, 9, &[1]).bytes;
    let nano = PcapBytes::new(ByteOrder::Little, NANO, 50, 1).record(7, 8, 9, &[2]).bytes;
    let joined = copy(&[&micro, &nano], usize::MAX);
    let interface = open(&joined).unwrap().pcap_interface().cloned().expect("pcap");
    assert_eq!((interface.clock, interface.snaplen), (Clock::NANOSECONDS, 100));
    let times: Vec<_> = records(&joined).iter().map(|seen| seen.nanoseconds).collect();
    assert_eq!(times, [7_000_008_000, 7_000_000_008]);
}

/// Returns a pcap file whose records have fractions of a second and more.
fn broken_fractions(order: ByteOrder, magic: u32) -> PcapBytes {
    let fractions = [999_999, 1_000_000, 3_000_001, 999_999_999, 1_000_000_000, 4_000_000_001, u32::MAX];
    fractions.into_iter().fold(PcapBytes::new(order, magic, 9, 1), |file, fraction| {
        file.record(0, fraction, 0, &[]).record(u32::MAX, fraction, 0, &[])
    })
}

#[test]
fn a_fraction_beyond_a_second_is_copied_as_it_is() {
    for magic in [MICRO, NANO] {
        let file = broken_fractions(ByteOrder::Little, magic).bytes;
        for order in ORDERS {
            assert_eq!(copy(&[&broken_fractions(order, magic).bytes], usize::MAX), file);
        }
        // The capture with the other clock has no packets.
        let (nothing, raw) =
            (PcapBytes::new(ByteOrder::Big, MICRO, 0, 1), PcapBytes::new(ByteOrder::Big, MICRO, 0, 101));
        assert_eq!(copy(&[&file, &nothing.bytes], usize::MAX)[24..], file[24..]);
        let pcapng = copy(&[&file, &raw.bytes], usize::MAX);
        assert_eq!(essence(&records(&pcapng)), essence(&records(&file)));
    }
}

#[test]
fn a_fraction_beyond_a_second_keeps_its_instant_in_nanoseconds() {
    let nano = PcapBytes::new(ByteOrder::Big, NANO, 0, 1).bytes;
    let micro = PcapBytes::new(ByteOrder::Little, MICRO, 0, 1)
        .record(7, 3_000_001, 0, &[])
        .record(7, 4_294_968, 0, &[])
        .record(7, u32::MAX, 0, &[])
        .record(u32::MAX, 4_294_967, 0, &[])
        .bytes;
    let written = copy(&[&micro, &nano], usize::MAX);
    assert_eq!(essence(&records(&written)), essence(&records(&micro)));
    // Seconds that overflow stay in the fraction as far as they fit.
    let word = |at: usize| u32::from_le_bytes(written[at..at + 4].try_into().unwrap());
    assert_eq!((word(24), word(28)), (7, 3_000_001_000));
    assert_eq!((word(40), word(44)), (11, 294_968_000));
}

#[test]
fn a_pcapng_is_copied_byte_for_byte() {
    for file in [small_pcapng().bytes, full_pcapng(ByteOrder::Little).bytes, full_pcapng(ByteOrder::Big).bytes] {
        assert_eq!(copy_and_count(&[&file], usize::MAX), (file.clone(), String::new()));
        assert_eq!(copy(&[&file, &file], usize::MAX), [&file[..], &file].concat());
    }
}

/// Only the captured length, the padding and the length of the block change.
#[test]
fn cut_packets_keep_their_fields_and_options() {
    for order in ORDERS {
        let begin = || PcapngBytes::new(order).interface(1, 0, &[(1, b"first".to_vec())]);
        let with = |data: &[u8]| begin().enhanced(0, 77, 9, data).obsolete(0, 78, 9, data).block(5, &[1; 12]).bytes;
        for keep in 0..=5 {
            assert_eq!(copy(&[&with(&[1, 2, 3, 4, 5])], keep), with(&[1, 2, 3, 4, 5][..keep]), "{order:?}, {keep}");
        }
    }
}

#[test]
fn a_cut_simple_packet_becomes_enhanced() {
    for order in ORDERS {
        let begin = || PcapngBytes::new(order).interface(1, 4, &[]);
        let file = begin().simple(9, &[1, 2, 3, 4]).bytes;
        assert_eq!(copy(&[&file], 4), file);
        let head = order.words(&[6, 36, 0, 0, 0, 2, 9]);
        let cut = [begin().bytes, head, vec![1, 2, 0, 0], order.words(&[36])].concat();
        let warning = "1 simple packet block, which cannot be cut, became enhanced with time 0";
        assert_eq!(copy_and_count(&[&file], 2), (cut, warning.to_owned()));
    }
}

#[test]
fn the_length_of_a_section_is_not_stated() {
    let mut file = small_pcapng().bytes;
    let unknown = copy(&[&file], 0);
    file[16..24].copy_from_slice(&1000_u64.to_le_bytes());
    assert_eq!(copy(&[&file], 0), unknown);
}

/// The specification excludes custom blocks and options with certain codes from copies.
#[test]
fn uncopied_blocks_and_options_are_left_out() {
    const CODES: [u16; 2] = [19372, 19373];
    for order in ORDERS {
        let file = |is_whole: bool| {
            let begin = PcapngBytes::new(order);
            let mut options =
                [(2988, b"stays".to_vec()), (CODES[0], b"goes".to_vec()), (1, b"stays".to_vec())].to_vec();
            options.extend([(CODES[1], vec![]), (0, vec![])]);
            options.retain(|(code, _)| is_whole || !CODES.contains(code));
            let list: Vec<u8> = options.iter().flat_map(|(code, value)| begin.option(*code, value)).collect();
            let secrets = [&order.words(&[7, 5])[..], &[1, 2, 3, 4, 5, 0, 0, 0], &list].concat();
            let names = [&begin.option(1, b"\x7f\0\0\x01me\0")[..], &begin.option(0, &[]), &list].concat();
            let packet = [&order.words(&[0, 0, 5, 2, 2])[..], &[8, 8, 0, 0], &list].concat();
            let begin = begin.interface(1, 0, &options).block(10, &secrets).block(4, &names);
            let begin = begin.block(5, &[&[0; 12][..], &list].concat()).packet(6, &packet);
            if is_whole { begin.block(0x4000_0bad, &[0; 8]).bytes } else { begin.bytes }
        };
        let warning = "1 custom block and 10 custom options marked as not to be copied were left out";
        assert_eq!(copy_and_count(&[&file(true)], usize::MAX), (file(false), warning.to_owned()));
    }
}

/// Damaged options are copied unchanged.
#[test]
fn damaged_options_are_copied() {
    let order = ByteOrder::Little;
    let lists = [&[1, 0, 99, 0][..], &[0xac, 0x4b, 99, 0], &[0, 0, 0, 0, 7, 7, 7, 7], &[0xac, 0x4b, 0, 0, 1, 0, 5, 0]];
    for (place, list) in lists.into_iter().enumerate() {
        let begin = PcapngBytes::new(order).interface(1, 0, &[]);
        let mark = begin.bytes.len() + 8;
        let file = begin.packet(6, &[&order.words(&[0, 0, 5, 0, 0])[..], list].concat());
        let file =
            file.block(4, &[9; 8]).block(10, &order.words(&[7, u32::MAX])).block(5, &[1; 4]).block(10, &[]).bytes;
        let written = copy(&[&file], usize::MAX);
        match place {
            // The option before the damaged one is not copied.
            3 => assert_eq!(written[mark + 20..][..4], [1, 0, 5, 0]),
            _ => assert_eq!(written, file),
        }
    }
}

#[test]
fn mixed_inputs_become_pcapng() {
    let ethernet = small_pcap(ByteOrder::Big, NANO).bytes;
    let raw = PcapBytes::new(ByteOrder::Little, MICRO, 0, 101).record(1, 2, 3, &[4]).bytes;
    let files = [&ethernet[..], &raw, &small_pcapng().bytes, &ethernet];
    let written = records(&copy(&files, usize::MAX));
    let expected: Vec<_> = files.iter().flat_map(|file| records(file)).collect();
    assert_eq!(essence(&written), essence(&expected));
    let interfaces: Vec<_> = written.iter().map(|seen| seen.interface).collect();
    // Each input has a section of its own, or those that it had.
    assert_eq!(interfaces, [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn the_length_of_a_frame_check_sequence_is_kept_in_pcapng() {
    let with = PcapBytes::new(ByteOrder::Little, MICRO, 0, 0x2400_0001).record(1, 2, 3, &[4]).bytes;
    let without = small_pcap(ByteOrder::Little, MICRO).bytes;
    let written = copy(&[&with, &without], usize::MAX);
    let if_fcslen = [13, 0, 1, 0, 32, 0, 0, 0];
    assert_eq!(written.windows(8).filter(|window| *window == if_fcslen).count(), 1);
    assert_eq!(records(&written).len(), 4);
}

#[test]
fn packets_may_be_cut() {
    for keep in 0..5 {
        for file in [small_pcap(ByteOrder::Little, MICRO).bytes, small_pcapng().bytes] {
            let mut expected = records(&file);
            expected.iter_mut().for_each(|seen| seen.data.truncate(keep));
            assert_eq!(records(&copy(&[&file], keep)), expected);
        }
    }
}

/// The copy is sound up to the damage of the input.
#[test]
fn flipped_bytes_are_copied_without_panic() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let directory = tempfile::tempdir().unwrap();
    let path: PathBuf = directory.path().join("out");
    for order in ORDERS {
        let file = full_pcapng(order).bytes;
        for _ in 0..1500 {
            let mut bytes = file.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] = [0, 0xff, 4, 0x80, random.below(256) as u8][random.below(5)];
            }
            let Ok(mut input) = open(&bytes) else { continue };
            let mut writer = Writer::new(Output::create(&path).unwrap(), &Format::Pcapng).unwrap();
            let keep = random.below(50);
            let mut count = 0;
            while let Ok(Some(piece)) = input.piece(5) {
                match piece {
                    Piece::Block(block) => writer.block(0, &block).unwrap(),
                    Piece::Records(records) => records.iter().for_each(|record| {
                        count += 1;
                        writer.write(0, &record.cut(keep)).unwrap();
                    }),
                    Piece::Pause => unreachable!("memory is no stream"),
                }
            }
            writer.finish(&[]).unwrap();
            assert_eq!(records(&fs::read(&path).unwrap()).len(), count);
        }
    }
}

#[test]
fn an_empty_pcapng_still_describes_its_interfaces() {
    for order in ORDERS {
        let file = PcapngBytes::new(order).interface(1, 9, &[]).interface(101, 0, &[]).bytes;
        assert_eq!(copy(&[&file], 0), file);
    }
    let files = [1, 101].map(|network| PcapBytes::new(ByteOrder::Little, MICRO, 0, network).bytes);
    let mut reader = open(&copy(&[&files[0], &files[1]], 0)).unwrap();
    assert!(drain(&mut reader).0.is_empty());
    assert_eq!(reader.interfaces()[0].link_type_number, 101);
}
