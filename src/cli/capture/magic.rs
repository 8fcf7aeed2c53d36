//! The magic numbers of capture files, and of files that are often mistaken for readable ones.

use super::ByteOrder;
use super::compression::Compression;
use super::error::Unsupported;

/// The format of a file, by its first four bytes.
pub(super) enum Magic {
    Pcap(ByteOrder, PcapVariant),
    Pcapng,
    Unsupported(Unsupported),
}

/// The variants of pcap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PcapVariant {
    Microseconds,
    Nanoseconds,
    /// A. Kuznetzov's patch, with longer record headers.
    Modified,
    /// A variant that libpcap does not read either.
    Unsupported(&'static str),
}

pub(super) const PCAP_MICROSECONDS: u32 = 0xa1b2_c3d4;
pub(super) const PCAP_NANOSECONDS: u32 = 0xa1b2_3c4d;
/// The type of a section header block; it reads the same in both byte orders.
pub(super) const PCAPNG_SECTION: u32 = 0x0a0d_0d0a;

#[rustfmt::skip]
static PCAP_VARIANTS: [(u32, PcapVariant); 5] = [
    (PCAP_MICROSECONDS, PcapVariant::Microseconds),
    (PCAP_NANOSECONDS,  PcapVariant::Nanoseconds),
    (0xa1b2_cd34,       PcapVariant::Modified),
    (0xa1b2_34cd,       PcapVariant::Unsupported("Navtel")),
    (0xa1e2_cb12,       PcapVariant::Unsupported("F. Mesquita")),
];

/// Compressions that are not read, and archives.
#[rustfmt::skip]
static COMPRESSED: [(&[u8], &str); 6] = [
    (&[0x1f, 0x9d],             "compress"),
    (&[0x02, 0x21, 0x4c, 0x18], "lz4 in its legacy format"),
    (b"LZIP",                   "lzip"),
    (b"PK\x03\x04",             "zip"),
    (b"7z\xbc\xaf",             "7z"),
    (b"Rar!",                   "rar"),
];

impl Magic {
    /// Identifies a file by its first four bytes, or by all of them if it is shorter.
    pub(super) fn of(start: &[u8]) -> Magic {
        if start == PCAPNG_SECTION.to_be_bytes() {
            return Magic::Pcapng;
        }
        for (magic, variant) in PCAP_VARIANTS {
            let orders = [ByteOrder::Little, ByteOrder::Big];
            match (orders.into_iter().find(|order| start == order.u32_bytes(magic)), variant) {
                (None, _) => {}
                (Some(_), PcapVariant::Unsupported(name)) => return Magic::Unsupported(Unsupported::Variant(name)),
                (Some(order), variant) => return Magic::Pcap(order, variant),
            }
        }
        let compressed = COMPRESSED.iter().find(|(magic, _)| start.starts_with(magic));
        Magic::Unsupported(match (compressed, Compression::of(start)) {
            (Some(&(_, name)), _) => Unsupported::Compressed(name),
            // It was decompressed once.
            (None, Some(compression)) => Unsupported::Compressed(compression.name),
            (None, None) if start.is_empty() => Unsupported::Empty,
            (None, None) => Unsupported::Magic(start.to_vec()),
        })
    }
}
