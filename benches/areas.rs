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
