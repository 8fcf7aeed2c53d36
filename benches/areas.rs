//! Five-tuples of packets, and areas of five-tuples, which rules match.

use crate::random::Random;

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

/// Two addresses, two ports, and a protocol. Ports are 0 in packets without any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tuple {
    pub source: u32,
    pub destination: u32,
    pub source_port: u16,
    pub destination_port: u16,
    pub protocol: u8,
}

/// A lowest and a highest value for each part of a five-tuple. `benches/classifiers/dpdk.c` has the same structure.
///
/// Ports other than [`Area::ANY_PORT`] begin at 1, so that they hold for no packet without ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Area {
    pub source: [u32; 2],
    pub destination: [u32; 2],
    pub source_port: [u16; 2],
    pub destination_port: [u16; 2],
    /// 0 for any.
    pub protocol: u8,
}

impl Area {
    pub const ANY_ADDRESS: [u32; 2] = [0, u32::MAX];
    pub const ANY_PORT: [u16; 2] = [0, u16::MAX];
    pub const ANY: Area = Area {
        source: Area::ANY_ADDRESS,
        destination: Area::ANY_ADDRESS,
        source_port: Area::ANY_PORT,
        destination_port: Area::ANY_PORT,
        protocol: 0,
    };

    /// Returns the addresses with a prefix of this length.
    pub fn prefix(address: u32, len: u32) -> [u32; 2] {
        let open = u32::MAX.checked_shr(len).unwrap_or(0);
        [address & !open, address | open]
    }
}

/// Returns an Ethernet frame with an IPv4 packet.
pub fn frame(random: &mut Random, tuple: Tuple) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0, 0, 100, 0, 0, 0x40, 0, 64, tuple.protocol, 0, 0]);
    frame.extend(tuple.source.to_be_bytes());
    frame.extend(tuple.destination.to_be_bytes());
    frame.extend(tuple.source_port.to_be_bytes());
    frame.extend(tuple.destination_port.to_be_bytes());
    frame.resize(60 + random.below(400), 0x10);
    frame
}

/// Returns the fields of an Ethernet frame with an IPv4 packet. Ports are 0 in packets without any.
#[inline]
pub fn tuple_of(frame: &[u8]) -> Option<Tuple> {
    let header: &[u8; 34] = frame.first_chunk()?;
    let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if header[12..14] != [8, 0] {
        return None;
    }
    let (protocol, fragment) = (header[23], u16::from_be_bytes([header[20], header[21]]) & 0x1fff);
    let mut ports = 0;
    if matches!(protocol, 6 | 17 | 132) && fragment == 0 {
        let start = 14 + 4 * usize::from(header[14] & 0xf);
        let bytes: Option<&[u8; 4]> = frame.get(start..).and_then(<[u8]>::first_chunk);
        ports = bytes.map_or(0, |&bytes| u32::from_be_bytes(bytes));
    }
    let (source_port, destination_port) = ((ports >> 16) as u16, ports as u16);
    Some(Tuple { source: word(26), destination: word(30), source_port, destination_port, protocol })
}
