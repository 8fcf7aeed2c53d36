//! Captures that end early, are corrupt, or of another format.

use super::build::{ByteOrder, MICRO, MODIFIED, NANO, ORDERS, PcapBytes, PcapngBytes, gzip, small_pcap, small_pcapng};
use super::{Random, damage, message, open, read, records};
use crate::cli::capture::CaptureError;
use crate::cli::capture::error::{CaptureErrorKind, Damage, Unsupported};

/// Cuts `bytes` everywhere. `begins` are the offsets at which a piece begins, or the file ends; `ends` those at which a
/// record has ended. A cut at the start of a piece is a clean end, any other is damage of the piece it is in.
fn cut_everywhere(bytes: &[u8], begins: &[usize], ends: &[usize]) {
    let all = records(bytes);
    assert_eq!(all.len(), ends.len());
    for len in 4..bytes.len() {
        let (seen, error) = read(&bytes[..len]);
        assert_eq!(seen, all[..ends.iter().filter(|end| **end <= len).count()], "cut at {len}");
        match error {
            None => assert!(begins.contains(&len), "cut at {len}"),
            Some(CaptureError {
                kind: CaptureErrorKind::Damaged { at, damage: Damage::Cut { needed, left, .. } },
                ..
            }) => {
                let begin = *begins.iter().filter(|begin| **begin <= len).max().unwrap_or(&0);
                assert!(begin != len, "cut at {len}");
                assert_eq!((at as usize, left), (begin, len - begin), "cut at {len}");
                assert!(needed > left);
            }
            Some(error) => panic!("cut at {len}: {error:?}"),
        }
    }
}

#[test]
fn a_cut_anywhere_gives_the_records_before_it() {
    for (order, magic) in [
        (ByteOrder::Little, MICRO),
        (ByteOrder::Big, MICRO),
        (ByteOrder::Little, NANO),
        (ByteOrder::Big, NANO),
        (ByteOrder::Little, MODIFIED),
        (ByteOrder::Big, MODIFIED),
    ] {
        let file = small_pcap(order, magic);
        cut_everywhere(&file.bytes, &file.marks, &file.marks[1..]);
    }
    let file = small_pcapng();
    // The start of the file is no clean end.
    cut_everywhere(&file.bytes, &file.marks[1..], &file.packets);
}

#[test]
fn a_cut_gzip_is_damage_wherever_it_is_cut() {
    for bytes in [small_pcap(ByteOrder::Little, MICRO).bytes, small_pcapng().bytes] {
        let all = records(&bytes);
        let packed = gzip(&bytes);
        for len in 2..packed.len() {
            let (seen, error) = read(&packed[..len]);
            assert_eq!(seen, all[..seen.len()]);
            let Some(CaptureError {
                kind: CaptureErrorKind::Damaged { at, damage: Damage::Compressed { .. } }, ..
            }) = error
            else {
                panic!("cut at {len}: {error:?}");
            };
            assert!(at <= bytes.len() as u64);
        }
    }
}

#[test]
fn a_gzip_with_a_wrong_checksum_is_damage_at_its_end() {
    let bytes = small_pcap(ByteOrder::Little, MICRO).bytes;
    let mut packed = gzip(&bytes);
    let checksum = packed.len() - 8;
    packed[checksum] ^= 1;
    let (seen, error) = read(&packed);
    assert_eq!(seen, records(&bytes));
    let Some(CaptureError { kind: CaptureErrorKind::Damaged { at, damage: Damage::Compressed { .. } }, .. }) = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(at, bytes.len() as u64);
}

#[test]
fn flipped_bytes_never_panic_or_loop() {
    let files = [
        small_pcap(ByteOrder::Little, MICRO).bytes,
        small_pcap(ByteOrder::Big, NANO).bytes,
        small_pcap(ByteOrder::Little, MODIFIED).bytes,
        small_pcapng().bytes,
        gzip(&small_pcapng().bytes),
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for file in files {
        for _ in 0..4000 {
            let mut bytes = file.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                bytes[at] = [0, 0xff, 1, 0x80, random.below(256) as u8][random.below(5)];
            }
            let (seen, _) = read(&bytes);
            assert!(seen.len() <= bytes.len());
        }
    }
}

#[test]
fn damage_far_into_a_capture() {
    let mut file = PcapBytes::new(ByteOrder::Big, NANO, 0, 1);
    for number in 0..20_000 {
        file = file.record(number, number, 500, &[number as u8; 300]);
    }
    let len = file.bytes.len();
    let last = file.marks[file.marks.len() - 2];
    let (seen, error) = read(&file.bytes[..len - 1]);
    assert_eq!(seen.len(), 19_999);
    let Some(CaptureError {
        kind: CaptureErrorKind::Damaged { at, damage: Damage::Cut { needed: 316, left: 315, .. } },
        ..
    }) = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(at, last as u64);
    let packed = gzip(&file.bytes);
    let (seen, error) = read(&packed[..packed.len() / 2]);
    let Some(CaptureError { kind: CaptureErrorKind::Damaged { at, damage: Damage::Compressed { .. } }, .. }) = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(seen.len(), file.marks[1..].iter().filter(|end| **end as u64 <= at).count());
}

#[test]
fn absurd_lengths_are_damage_at_once() {
    let file = PcapBytes::new(ByteOrder::Little, MICRO, 0, 1).record(0, 0, 1, &[1]);
    let long = [file.bytes, ByteOrder::Little.words(&[0, 0, 262_145, 0])].concat();
    assert!(matches!(damage(&long), (41, Damage::TooLong { claimed: 262_145, limit: 262_144, .. })));
    let file = PcapngBytes::new(ByteOrder::Big);
    let long = [file.bytes, ByteOrder::Big.words(&[6, u32::MAX - 3, 0])].concat();
    assert!(matches!(damage(&long), (36, Damage::TooLong { claimed: 0xffff_fffc, .. })));
}

#[test]
fn a_claim_allocates_nothing() {
    let bytes =
        [PcapBytes::new(ByteOrder::Little, MICRO, 0, 231).bytes, ByteOrder::Little.words(&[0, 0, 128 << 20, 0])]
            .concat();
    assert!(matches!(damage(&bytes), (24, Damage::Cut { needed: 134_217_744, left: 16, .. })));
}

/// Gzip data of an implausible ratio is rejected; the same bytes uncompressed are read.
#[test]
fn long_records_must_be_plausible() {
    const LEN: usize = 40 << 20;
    let data = vec![0; LEN];
    let file = PcapBytes::new(ByteOrder::Little, MICRO, 0, 231).record(0, 0, 5, &[1; 5]).record(0, 0, 0, &data).bytes;
    let packed = gzip(&file);
    let (seen, error) = read(&packed);
    let Some(CaptureError {
        kind: CaptureErrorKind::Damaged { at: 45, damage: Damage::Unpacked { needed, stored, .. } },
        ..
    }) = error
    else {
        panic!("{error:?}");
    };
    assert_eq!((seen.len(), needed, stored), (1, LEN + 16, packed.len() as u64));
    assert_eq!(records(&file).len(), 2);
    // Data of a plausible ratio is read.
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let data: Vec<u8> = (0..LEN).map(|at| if at % 16 == 0 { random.below(256) as u8 } else { 0 }).collect();
    let file = PcapBytes::new(ByteOrder::Little, MICRO, 0, 231).record(0, 0, 0, &data).bytes;
    assert_eq!(records(&gzip(&file)).len(), 1);
}

#[test]
fn blocks_that_contradict_themselves() {
    let begin = || PcapngBytes::new(ByteOrder::Little).interface(1, 0, &[]);
    let at = begin().bytes.len() as u64;
    let words = |words: &[u32]| [begin().bytes, ByteOrder::Little.words(words)].concat();
    assert!(matches!(damage(&words(&[7, 8, 8])), (here, Damage::BlockLength(8)) if here == at));
    assert!(matches!(damage(&words(&[7, 14, 0, 0])), (here, Damage::BlockLength(14)) if here == at));
    let ends = damage(&words(&[7, 16, 0, 12]));
    assert!(matches!(ends, (here, Damage::LengthMismatch { leading: 16, trailing: 12 }) if here == at));
    // A length of 4 must not underflow.
    assert!(matches!(damage(&words(&[0x8000_0001, 4, 4])), (here, Damage::BlockLength(4)) if here == at));
    let short = words(&[6, 32, 0, 0, 0, 1, 1, 32]);
    assert!(matches!(damage(&short), (here, Damage::Content(_)) if here == at));
    let short = words(&[6, 36, 0, 0, 0, 5, 5, 0, 36]);
    assert!(matches!(damage(&short), (here, Damage::Content(_)) if here == at));
    let short = words(&[3, 16, 1, 16]);
    assert!(matches!(damage(&short), (here, Damage::Content(_)) if here == at));
    let short = words(&[2, 32, 0, 0, 0, 1, 1, 32]);
    assert!(matches!(damage(&short), (here, Damage::Content(_)) if here == at));
    let foreign = begin().enhanced(1, 0, 0, &[]).bytes;
    assert!(matches!(damage(&foreign), (here, Damage::Interface { index: 1, described: 1 }) if here == at));
    let old = begin().section(ByteOrder::Big).simple(1, &[1]).bytes;
    assert!(matches!(damage(&old), (_, Damage::Interface { index: 0, described: 0 })));
    assert!(matches!(damage(&words(&[0x0a0d_0d0a, 28, 0])), (here, Damage::ByteOrder) if here == at));
    let future = words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 2, 0, 0, 28]);
    assert!(matches!(damage(&future), (here, Damage::Version { major: 2, minor: 0 }) if here == at));
}

/// libpcap reads 1.0 and 1.2. It accepts other minor versions in later sections, Wireshark does not.
#[test]
fn sections_of_other_versions_are_not_read() {
    for order in ORDERS {
        let sound = PcapngBytes::new(order).interface(1, 0, &[]).section_of_version(order, 2).interface(1, 0, &[]);
        let sound = sound.enhanced(0, 1, 1, &[1]);
        assert_eq!(records(&sound.bytes).len(), 1);
        let at = sound.bytes.len() as u64;
        for minor in [1, 3, u16::MAX] {
            let bytes = PcapngBytes::new(order).bytes;
            let first = PcapngBytes::new(order).section_of_version(order, minor).bytes.split_off(bytes.len());
            assert!(matches!(damage(&first), (0, Damage::Version { major: 1, minor: found }) if found == minor));
        }
        let (seen, error) = read(&sound.section_of_version(order, 1).bytes);
        assert_eq!(seen.len(), 1);
        let message = format!("memory: the section at byte {at} is of version 1.1; only versions 1.0 and 1.2 are read");
        assert_eq!(error.map(|error| error.to_string()), Some(message));
    }
}

#[test]
fn bytes_behind_a_gzip_file_are_padding_or_damage() {
    let bytes = small_pcap(ByteOrder::Little, MICRO).bytes;
    let (all, packed) = (records(&bytes), gzip(&bytes));
    for zeros in [1, 512, 1 << 20] {
        assert_eq!(records(&[&packed[..], &vec![0; zeros]].concat()), all);
        assert_eq!(records(&[&packed[..], &gzip(b""), &vec![0; zeros]].concat()), all);
    }
    let member = gzip(&[]);
    for behind in [b"garbage".as_slice(), b"\0\0\0garbage", &[&[0; 9][..], &member].concat()] {
        let (seen, error) = read(&[&packed[..], behind].concat());
        assert_eq!(seen, all);
        let message = format!(
            "memory: the gzip data fails after {} decompressed bytes: {}",
            bytes.len(),
            "what follows is neither gzip data nor zeros up to the end"
        );
        assert_eq!(error.map(|error| error.to_string()), Some(message));
    }
}

#[test]
fn what_is_no_capture_says_what_it_is() {
    let found = |bytes: &[u8]| match open(bytes).map(drop) {
        Err(CaptureError { kind: CaptureErrorKind::Unsupported(found), .. }) => found,
        other => panic!("{other:?}"),
    };
    assert_eq!(found(b""), Unsupported::Empty);
    assert_eq!(found(&gzip(b"")), Unsupported::Empty);
    assert_eq!(found(b"hello"), Unsupported::Magic(b"hell".to_vec()));
    assert_eq!(found(&[0xd4]), Unsupported::Magic(vec![0xd4]));
    assert_eq!(found(b"PK\x03\x04"), Unsupported::Compressed("zip"));
    assert_eq!(found(&gzip(&gzip(b"twice"))), Unsupported::Compressed("gzip"));
    assert_eq!(found(&[0xa1, 0xb2, 0x34, 0xcd]), Unsupported::Variant("Navtel"));
    for order in ORDERS {
        for (major, minor) in [(2, 5), (1, 4), (3, 0), (543, 1), (0x0200, 0x0400)] {
            let other = PcapBytes::new(order, MICRO, 0, 1).version(major, minor);
            assert_eq!(found(&other.bytes), Unsupported::Version { major, minor });
        }
        for network in [1 << 16 | 1, 0x0200_0001, 0x2500_0069] {
            assert_eq!(found(&PcapBytes::new(order, MICRO, 0, network).bytes), Unsupported::Reserved { network });
        }
    }
}

#[test]
fn messages_are_sentences() {
    let file = small_pcap(ByteOrder::Little, MICRO);
    assert_eq!(message(b""), "memory is empty, not a capture file");
    assert_eq!(message(b"text"), "memory is not a pcap or pcapng file: it begins with the bytes [74, 65, 78, 74]");
    assert_eq!(message(&file.bytes[..60]), "memory: the record header at byte 54 takes 16 bytes, but only 6 are left");
    assert_eq!(message(&file.bytes[..50]), "memory: the record at byte 24 takes 30 bytes, but only 26 are left");
    let missing = crate::cli::capture::Reader::open("/nonexistent/x.pcap".as_ref()).map(drop).unwrap_err();
    assert_eq!(missing.to_string(), "cannot open /nonexistent/x.pcap: No such file or directory (os error 2)");
    let directory = crate::cli::capture::Reader::open("/".as_ref()).map(drop).unwrap_err();
    assert_eq!(directory.to_string(), "cannot read /: Is a directory (os error 21)");
}
