//! Builders of capture files, in either byte order.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

pub(super) use crate::cli::capture::ByteOrder;
use crate::cli::capture::magic::{PCAP_MICROSECONDS, PCAP_NANOSECONDS};

pub(super) const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];
pub(super) const MICRO: u32 = PCAP_MICROSECONDS;
pub(super) const NANO: u32 = PCAP_NANOSECONDS;
pub(super) const MODIFIED: u32 = 0xa1b2_cd34;

impl ByteOrder {
    pub(super) fn u16_bytes(self, value: u16) -> [u8; 2] {
        if self == ByteOrder::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    pub(super) fn u64_bytes(self, value: u64) -> [u8; 8] {
        if self == ByteOrder::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    pub(super) fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| self.u32_bytes(*word)).collect()
    }
}

/// A pcap file, and the offsets of its records and its end.
pub(super) struct PcapBytes {
    order: ByteOrder,
    modified: bool,
    pub(super) bytes: Vec<u8>,
    pub(super) marks: Vec<usize>,
}

impl PcapBytes {
    pub(super) fn new(order: ByteOrder, magic: u32, snaplen: u32, network: u32) -> PcapBytes {
        let mut bytes = order.u32_bytes(magic).to_vec();
        bytes.extend([order.u16_bytes(2), order.u16_bytes(4)].concat());
        bytes.extend(order.words(&[0, 0, snaplen, network]));
        PcapBytes { order, modified: magic == MODIFIED, marks: vec![bytes.len()], bytes }
    }

    /// Sets the version.
    pub(super) fn version(mut self, major: u16, minor: u16) -> PcapBytes {
        self.bytes[4..8].copy_from_slice(&[self.order.u16_bytes(major), self.order.u16_bytes(minor)].concat());
        self
    }

    pub(super) fn record(self, seconds: u32, fraction: u32, wire_len: u32, data: &[u8]) -> PcapBytes {
        self.record_of_lengths(seconds, fraction, [data.len() as u32, wire_len], data)
    }

    /// Adds a record with its two lengths in any order.
    pub(super) fn record_of_lengths(
        mut self,
        seconds: u32,
        fraction: u32,
        [first, second]: [u32; 2],
        data: &[u8],
    ) -> PcapBytes {
        self.bytes.extend(self.order.words(&[seconds, fraction, first, second]));
        if self.modified {
            self.bytes.extend([7; 8]);
        }
        self.bytes.extend(data);
        self.marks.push(self.bytes.len());
        self
    }
}

/// A pcapng file, and the offsets of its blocks and its end. `packets` are the offsets at which packets end.
pub(super) struct PcapngBytes {
    order: ByteOrder,
    pub(super) bytes: Vec<u8>,
    pub(super) marks: Vec<usize>,
    pub(super) packets: Vec<usize>,
}

impl PcapngBytes {
    pub(super) fn new(order: ByteOrder) -> PcapngBytes {
        PcapngBytes { order, bytes: Vec::new(), marks: vec![0], packets: Vec::new() }.section(order)
    }

    pub(super) fn section(self, order: ByteOrder) -> PcapngBytes {
        self.section_of_version(order, 0)
    }

    /// Begins a section of version 1 with this minor version.
    pub(super) fn section_of_version(mut self, order: ByteOrder, minor: u16) -> PcapngBytes {
        self.order = order;
        let version = [order.u16_bytes(1), order.u16_bytes(minor)].concat();
        let content =
            [&order.u32_bytes(0x1a2b_3c4d)[..], &version, &order.u64_bytes(u64::MAX), &self.option(4, b"test")]
                .concat();
        self.block(0x0a0d_0d0a, &content)
    }

    pub(super) fn interface(self, link_type: u16, snaplen: u32, options: &[(u16, Vec<u8>)]) -> PcapngBytes {
        let mut content = [self.order.u16_bytes(link_type), self.order.u16_bytes(0)].concat();
        content.extend(self.order.u32_bytes(snaplen));
        for (code, value) in options {
            content.extend(self.option(*code, value));
        }
        self.block(1, &content)
    }

    pub(super) fn enhanced(self, interface: u32, ticks: u64, wire_len: u32, data: &[u8]) -> PcapngBytes {
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        let mut content = self.order.words(&[interface, high, low, data.len() as u32, wire_len]);
        content.extend(padded(data));
        content.extend(self.option(1, b"a comment"));
        self.packet(6, &content)
    }

    pub(super) fn obsolete(self, interface: u16, ticks: u64, wire_len: u32, data: &[u8]) -> PcapngBytes {
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        let mut content = [self.order.u16_bytes(interface), self.order.u16_bytes(9)].concat();
        content.extend(self.order.words(&[high, low, data.len() as u32, wire_len]));
        content.extend(padded(data));
        self.packet(2, &content)
    }

    pub(super) fn simple(self, wire_len: u32, data: &[u8]) -> PcapngBytes {
        let content = [&self.order.u32_bytes(wire_len)[..], &padded(data)].concat();
        self.packet(3, &content)
    }

    pub(super) fn packet(self, kind: u32, content: &[u8]) -> PcapngBytes {
        let mut file = self.block(kind, content);
        file.packets.push(file.bytes.len());
        file
    }

    pub(super) fn block(mut self, kind: u32, content: &[u8]) -> PcapngBytes {
        let length = content.len() as u32 + 12;
        self.bytes.extend(self.order.words(&[kind, length]));
        self.bytes.extend(content);
        self.bytes.extend(self.order.u32_bytes(length));
        self.marks.push(self.bytes.len());
        self
    }

    pub(super) fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        [&self.order.u16_bytes(code)[..], &self.order.u16_bytes(value.len() as u16), &padded(value)].concat()
    }
}

pub(super) fn padded(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    data.resize(data.len().next_multiple_of(4), 0);
    data
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// A pcap file of three records.
pub(super) fn small_pcap(order: ByteOrder, magic: u32) -> PcapBytes {
    PcapBytes::new(order, magic, 65535, 1).record(1_700_000_000, 123_456, 60, &[1; 14]).record(0, 0, 0, &[]).record(
        u32::MAX,
        999_999,
        70,
        &[3; 7],
    )
}

/// A pcapng file of two sections, of both orders, with all kinds of packet blocks and some others.
pub(super) fn small_pcapng() -> PcapngBytes {
    let (big, little) = (ByteOrder::Big, ByteOrder::Little);
    PcapngBytes::new(little)
        .interface(1, 0, &[(2, b"eth0".to_vec()), (9, vec![9]), (8, little.u64_bytes(1_000_000).to_vec()), (0, vec![])])
        .enhanced(0, 1_700_000_000_123_456_789, 60, &[1; 14])
        .interface(113, 4, &[(14, little.u64_bytes(-3i64 as u64).to_vec()), (12, vec![b'x'; 5])])
        .block(0x8000_0001, &[0; 8])
        .obsolete(1, 5_000_001, 9, &[2; 4])
        .section(big)
        .interface(101, 6, &[(9, vec![0x80 | 10]), (14, big.u64_bytes(100).to_vec()), (16, big.u64_bytes(77).to_vec())])
        .enhanced(0, 1024 + 512, 3, &[3; 3])
        .simple(40, &[4; 6])
        .obsolete(0, 2048, 5, &[5; 5])
        .block(5, &[0; 12])
}

/// A pcapng file of one section, with blocks and options of all kinds that are copied.
pub(super) fn full_pcapng(order: ByteOrder) -> PcapngBytes {
    let begin = PcapngBytes::new(order);
    let list = |options: &[(u16, &[u8])]| -> Vec<u8> {
        options.iter().flat_map(|(code, value)| PcapngBytes::new(order).option(*code, value)).collect()
    };
    let custom = [&order.u32_bytes(32473)[..], b"any"].concat();
    let names = list(&[(1, b"\x7f\0\0\x01host\0"), (0, b""), (1, b"of names"), (2, b"server"), (0, b"")]);
    let secrets =
        [&order.words(&[0x544c_534b, 5])[..], b"keys\n\0\0\0", &list(&[(1, b"of secrets"), (0, b"")])].concat();
    let (flags, packet_id, drops) = (order.u32_bytes(5), order.u64_bytes(9), order.u64_bytes(2));
    let options = list(&[
        (1, b"of a packet"),
        (1, b"another"),
        (2, &flags),
        (3, &[2, 1, 2, 3, 4]),
        (4, &drops),
        (5, &packet_id),
        (6, &flags),
        (7, &[1, 0, 0, 0, 0, 0, 0, 0, 4]),
        (2988, &custom),
        (2989, &custom),
        (0, b""),
    ]);
    let packet = [&order.words(&[0, 1, 2, 3, 60])[..], &[1, 2, 3, 0], &options].concat();
    let statistics = [&order.words(&[0, 1, 2])[..], &list(&[(1, b"of statistics"), (4, &drops), (0, b"")])].concat();
    begin
        .interface(
            1,
            0,
            &[(2, b"eth0".to_vec()), (1, b"of an interface".to_vec()), (2988, custom.clone()), (0, vec![])],
        )
        .block(10, &secrets)
        .block(4, &names)
        .packet(6, &packet)
        .simple(40, &[4; 40])
        .obsolete(0, 2048, 5, &[5; 5])
        .block(0x0bad, &padded(&custom))
        .block(9, b"MESSAGE=journal\n")
        .block(0x204, &[1; 20])
        .interface(101, 0, &[])
        .enhanced(1, 5, 5, &[6; 5])
        .block(0x8000_0001, &[2; 8])
        .block(5, &statistics)
}
