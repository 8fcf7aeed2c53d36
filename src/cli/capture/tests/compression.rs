//! Compressed captures: sound, in several pieces, padded, cut, damaged, and as streams that stall.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex};

use super::build::{ByteOrder, MICRO, PcapBytes, small_pcap, small_pcapng};
use super::{Random, Seen, message, open, read, records};
use crate::cli::capture::compression::{Decompressed, Stored};
use crate::cli::capture::encoder::Sink;
use crate::cli::capture::error::{CaptureErrorKind, Damage};
use crate::cli::capture::{COMPRESSIONS, CaptureError, Compression, Output, Reader};

/// Compresses `pieces`, each of which is flushed, as one of `count` outputs.
fn compress_pieces(compression: &'static Compression, pieces: &[&[u8]], count: usize) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    let output = if count > 1 { Output::create_one_of(count, &path) } else { Output::create(&path) };
    let mut output = output.unwrap().compressed(Some(compression)).unwrap();
    for piece in pieces {
        output.write(piece).unwrap();
        output.flush().unwrap();
    }
    output.complete().unwrap();
    output.finish().unwrap();
    std::fs::read(path).unwrap()
}

pub(super) fn compress(compression: &'static Compression, bytes: &[u8]) -> Vec<u8> {
    compress_pieces(compression, &[bytes], 1)
}

/// Returns a capture of many packets, of which a compression makes several blocks.
fn long_pcap() -> PcapBytes {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut file = PcapBytes::new(ByteOrder::Little, MICRO, 0, 1);
    for number in 0..800 {
        let data: Vec<u8> = (0..300).map(|_| random.below(40) as u8).collect();
        file = file.record(number, number, 500, &data);
    }
    file
}

/// Returns the offset of the damage that a decoder has found.
fn damage_at(error: Option<CaptureError>) -> u64 {
    match error {
        Some(CaptureError { kind: CaptureErrorKind::Damaged { at, damage: Damage::Compressed { .. } }, .. }) => at,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_compression_is_read_as_it_is_written() {
    let files = [small_pcap(ByteOrder::Big, MICRO).bytes, small_pcapng().bytes, long_pcap().bytes];
    for (compression, file) in COMPRESSIONS.iter().flat_map(|row| files.iter().map(move |file| (row, file))) {
        let plain = records(file);
        let (head, tail) = file.split_at(file.len() / 2);
        for packed in [
            compress(compression, file),
            compress_pieces(compression, &[head, &[], tail], 1),
            compress_pieces(compression, &[head, tail], 1000),
            [compress(compression, head), compress(compression, &[]), compress(compression, tail)].concat(),
        ] {
            assert_eq!(Compression::of(&packed[..4]), Some(compression));
            assert!(records(&packed) == plain, "{}", compression.name);
        }
        assert_eq!(message(&compress(compression, &[])), "memory is empty, not a capture file");
        assert_eq!(message(&compress_pieces(compression, &[], 2)), "memory is empty, not a capture file");
    }
}

#[test]
fn a_cut_is_damage_wherever_it_is() {
    let file = small_pcapng().bytes;
    let all = records(&file);
    for compression in &COMPRESSIONS {
        let packed = compress(compression, &file);
        for len in 4..packed.len() {
            let (seen, error) = read(&packed[..len]);
            assert_eq!(seen, all[..seen.len()]);
            let text = error.as_ref().map(CaptureError::to_string).unwrap_or_default();
            assert!(text.contains("data fails after"), "{} cut at {len}: {text}", compression.name);
            assert!(text.ends_with("it ends early"), "{} cut at {len}: {text}", compression.name);
            assert!(damage_at(error) <= file.len() as u64);
        }
    }
}

#[test]
fn everything_before_damage_is_read() {
    let file = long_pcap();
    let all = records(&file.bytes);
    for compression in &COMPRESSIONS {
        let (head, tail) = file.bytes.split_at(file.bytes.len() / 2);
        let mut packed = [compress(compression, head), compress(compression, tail)].concat();
        let at = packed.len() - compress(compression, tail).len() / 3;
        packed[at..at + 20].fill(0x55);
        let (seen, error) = read(&packed);
        // Damaged data may be decoded to something else before the damage is found.
        let sound = file.marks[1..].iter().filter(|end| **end <= head.len()).count();
        assert!(seen.len() >= sound && seen[..sound] == all[..sound], "{}", compression.name);
        assert!(error.is_some(), "{}", compression.name);
    }
}

#[test]
fn checksums_are_verified() {
    let file = small_pcapng().bytes;
    let all = records(&file);
    // The distance of the checksum of the content from the end.
    for (name, distance) in [("gzip", 8), ("zstd", 4), ("lz4", 4)] {
        let mut packed = compress(Compression::named(name).unwrap(), &file);
        let at = packed.len() - distance;
        packed[at] ^= 1;
        let (seen, error) = read(&packed);
        assert_eq!((seen, damage_at(error)), (all.clone(), file.len() as u64), "{name}");
    }
    // Those of blocks stand in the middle.
    for name in ["xz", "bzip2"] {
        let packed = compress(Compression::named(name).unwrap(), &file);
        // The last byte of bzip2 is padded with bits that mean nothing.
        for at in 10..packed.len() - 1 {
            let mut packed = packed.clone();
            packed[at] ^= 0x10;
            assert!(read(&packed).1.is_some(), "{name}: {at}");
        }
    }
}

#[test]
fn padding_and_garbage_after_the_data() {
    let file = small_pcapng().bytes;
    let all = records(&file);
    for compression in &COMPRESSIONS {
        let packed = compress(compression, &file);
        let is_padded = ["gzip", "xz", "bzip2"].contains(&compression.name);
        for (tail, is_sound) in [(&[0; 512][..], is_padded), (b"garbage.", false), (&[0, 0, 0, 0, 1], false)] {
            let (seen, error) = read(&[&packed[..], tail].concat());
            assert_eq!((seen.len(), error.is_none()), (all.len(), is_sound), "{}", compression.name);
            if let Some(error) = error {
                assert_eq!(damage_at(Some(error)), file.len() as u64);
            }
        }
    }
}

#[test]
fn skippable_frames_are_skipped() {
    let file = small_pcapng().bytes;
    let all = records(&file);
    let skipped = |len: u32| [&[0x53, 0x2a, 0x4d, 0x18][..], &len.to_le_bytes(), &vec![7; len as usize]].concat();
    for name in ["zstd", "lz4"] {
        let packed = compress(Compression::named(name).unwrap(), &file);
        for len in [0, 3, 1 << 20] {
            assert_eq!(records(&[packed.clone(), skipped(len)].concat()), all);
            let (head, tail) = file.split_at(100);
            let [head, tail] = [head, tail].map(|part| compress(Compression::named(name).unwrap(), part));
            assert_eq!(records(&[head, skipped(len), skipped(2), tail].concat()), all);
        }
        let cut = [packed, skipped(9)].concat();
        let (seen, error) = read(&cut[..cut.len() - 1]);
        assert_eq!((seen, damage_at(error)), (all.clone(), file.len() as u64));
    }
    let first = [skipped(8), compress(Compression::named("zstd").unwrap(), &file)].concat();
    assert_eq!(records(&first), all);
}

#[test]
fn windows_are_limited() {
    // A frame without a single segment, whose window takes 2^28 bytes: one raw block that is empty.
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (28 - 10) << 3, 0x01, 0x00, 0x00];
    assert_eq!(
        message(&zstd),
        "memory: the zstd data fails after 0 decompressed bytes: its window takes 256 MiB, more than the 128 that are \
         accepted; decompress it with `zstd -d --long=31` first"
    );
}

#[test]
fn flipped_bytes_never_panic_or_loop() {
    let file = small_pcapng().bytes;
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for compression in &COMPRESSIONS {
        let packed = compress(compression, &file);
        for _ in 0..40 {
            let mut bytes = packed.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                bytes[at] = [0, 0xff, 1, 0x80, random.below(256) as u8][random.below(5)];
            }
            let (seen, _) = read(&bytes);
            assert!(seen.len() <= file.len());
        }
    }
}

/// A source of one byte a call, with a stall before each.
struct Stalling {
    bytes: Vec<u8>,
    next: usize,
    is_stalled: bool,
}

impl Read for Stalling {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.is_stalled = !self.is_stalled;
        if self.is_stalled {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = (&self.bytes[self.next..]).take(1).read(space)?;
        self.next += count;
        Ok(count)
    }
}

/// Reads everything, and ignores stalls.
fn read_to_end(mut decoder: Decompressed, step: usize) -> Vec<u8> {
    let (mut all, mut space) = (Vec::new(), vec![0; step]);
    loop {
        match decoder.read(&mut space) {
            Ok(0) => return all,
            Ok(count) => all.extend(&space[..count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
    }
}

#[test]
fn a_stall_anywhere_loses_nothing() {
    let file = [small_pcapng().bytes, long_pcap().bytes[..9000].to_vec()].concat();
    for (compression, step) in COMPRESSIONS.iter().flat_map(|row| [1, 7, 1 << 16].map(|step| (row, step))) {
        let bytes = compress_pieces(compression, &[&file[..1000], &file[1000..]], 1000);
        let stalling = Stalling { bytes, next: 0, is_stalled: false };
        let stored: Stored = Box::new(io::BufReader::with_capacity(16, stalling));
        assert!(read_to_end((compression.decoder)(stored), step) == file, "{} {step}", compression.name);
    }
}

/// A source that gives what is there, and then stalls.
struct Growing {
    bytes: Arc<Mutex<Vec<u8>>>,
    next: usize,
}

impl Read for Growing {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let bytes = self.bytes.lock().unwrap();
        let count = (&bytes[self.next..]).read(space)?;
        self.next += count;
        if count == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(count) }
    }
}

/// A sink in memory.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_was_flushed_is_read_at_once() {
    let file = long_pcap().bytes;
    for compression in &COMPRESSIONS {
        let shared = Shared::default();
        let sink: Sink = Box::new(shared.clone());
        let (mut encoder, _) = compression.encode.encoder(sink, 1, true).unwrap();
        let growing = Growing { bytes: Arc::clone(&shared.0), next: 0 };
        let mut decoder: Option<Decompressed> = None;
        let mut growing = Some(growing);
        let mut space = vec![0; 1 << 20];
        for piece in file.chunks(60_000) {
            encoder.write_all(piece).unwrap();
            encoder.flush().unwrap();
            let decoder = decoder
                .get_or_insert_with(|| (compression.decoder)(Box::new(io::BufReader::new(growing.take().unwrap()))));
            let mut came = 0;
            while came < piece.len() {
                came +=
                    decoder.read(&mut space[came..]).unwrap_or_else(|error| panic!("{}: {error}", compression.name));
            }
            assert!(space[..came] == *piece, "{}", compression.name);
            assert_eq!(decoder.read(&mut space).unwrap_err().kind(), ErrorKind::WouldBlock);
        }
    }
}

/// The memory for a record is limited for every compression, as for gzip.
#[test]
fn implausible_records_are_damage() {
    let data = vec![0; 40 << 20];
    let file = PcapBytes::new(ByteOrder::Little, MICRO, 0, 231).record(0, 0, 5, &[1; 5]).record(0, 0, 0, &data).bytes;
    let compression = Compression::named("zstd").unwrap();
    let mut reader: Reader = open(&compress(compression, &file)).unwrap();
    assert!(reader.next().unwrap().is_some_and(|record| Seen::of(&record).wire_len == 5));
    assert!(reader.next().unwrap_err().to_string().contains("too many to be unpacked"));
}

#[test]
fn gzip_headers_may_have_all_fields() {
    let file = small_pcapng().bytes;
    let builder = flate2::GzBuilder::new().filename("x.pcapng").comment("c").extra(vec![7; 300]).mtime(1);
    let mut encoder = builder.write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&file).unwrap();
    assert_eq!(records(&encoder.finish().unwrap()), records(&file));
}
