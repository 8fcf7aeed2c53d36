//! What Rust functions call: functions inside of the function, so that several sources can be in one module.

/// The functions, each with the beginning of its calls.
const FUNCTIONS: [(&str, &str); 8] = [
    (
        "byte(",
        "    #[inline(always)]
    fn byte(bytes: &[u8], at: usize) -> u32 {
        match bytes.get(at) {
            Some(&byte) => u32::from(byte),
            None => 0,
        }
    }
",
    ),
    (
        "be16(",
        "    #[inline(always)]
    fn be16(bytes: &[u8], at: usize) -> u32 {
        match bytes.get(at..) {
            Some(&[a, b, ..]) => u32::from(u16::from_be_bytes([a, b])),
            _ => 0,
        }
    }
",
    ),
    (
        "be32(",
        "    #[inline(always)]
    fn be32(bytes: &[u8], at: usize) -> u32 {
        match bytes.get(at..) {
            Some(&[a, b, c, d, ..]) => u32::from_be_bytes([a, b, c, d]),
            _ => 0,
        }
    }
",
    ),
    (
        "ne32(",
        "    #[inline(always)]
    fn ne32(bytes: &[u8], at: usize) -> u32 {
        match bytes.get(at..) {
            Some(&[a, b, c, d, ..]) => u32::from_ne_bytes([a, b, c, d]),
            _ => 0,
        }
    }
",
    ),
    (
        "bytes_from(",
        "    /// Returns `len` bytes of the packet from an offset on.
    #[inline(always)]
    fn bytes_from(packet: &[u8], at: u32, len: usize) -> Option<&[u8]> {
        let at = at as usize;
        packet.get(at..at.checked_add(len)?)
    }
",
    ),
    (
        "position(",
        "    /// Returns the position in the packet of an offset that may be relative to a header, as Linux defines it.
    #[inline(always)]
    fn position(offset: u32, network_header: i32, link_header: Option<i32>) -> u32 {
        if offset >= 0xfff0_0000 {
            (offset - 0xfff0_0000).wrapping_add(network_header as u32)
        } else if offset >= 0xffe0_0000 {
            (offset - 0xffe0_0000).wrapping_add(link_header.map_or(0x8000_0000, |start| start as u32))
        } else {
            offset
        }
    }
",
    ),
    (
        "random(",
        "    /// Returns a random number of a seed (SplitMix64).
    #[inline(always)]
    fn random(seed: u64, index: u32) -> u32 {
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(index) + 1));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as u32
    }
",
    ),
    (
        "find",
        "    /// Returns a number of two bytes in the byte order of this machine.
    fn ne16(bytes: &[u8], at: usize) -> usize {
        match bytes.get(at..) {
            Some(&[a, b, ..]) => usize::from(u16::from_ne_bytes([a, b])),
            _ => 0,
        }
    }
    /// Returns the offset of the first netlink attribute of a type from `start` on, or 0.
    fn find(packet: &[u8], start: u32, wanted: u32) -> u32 {
        let mut at = start as usize;
        while at < packet.len() && packet.len() - at >= 4 {
            let len = ne16(packet, at);
            if len < 4 || len > packet.len() - at {
                break;
            }
            if (ne16(packet, at + 2) & 0x3fff) as u32 == wanted {
                return at as u32;
            }
            at += (len + 3) & 0x1_fffc;
        }
        0
    }
    /// Returns the offset of the first attribute of a type inside the one at `start`, or 0.
    #[allow(dead_code)]
    fn find_nested(packet: &[u8], start: u32, wanted: u32) -> u32 {
        let at = start as usize;
        if at >= packet.len() || packet.len() - at < 4 {
            return 0;
        }
        let len = ne16(packet, at);
        if len < 4 || len > packet.len() - at {
            return 0;
        }
        find(packet.get(..at + len).unwrap_or(packet), start + 4, wanted)
    }
",
    ),
];

/// Returns the functions that the body of a function calls.
pub(super) fn called(body: &str) -> impl Iterator<Item = &'static str> + use<'_> {
    FUNCTIONS.iter().filter(|(call, _)| body.contains(call)).map(|&(_, text)| text)
}
