//! Integers in either byte order.

/// The byte order of a pcap file, or of a section of pcapng.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// Returns the 2 bytes at `at` as a number.
    ///
    /// # Panics
    /// If `bytes` is shorter, as [`ByteOrder::read_u32`] does.
    #[inline]
    pub(super) fn read_u16(self, bytes: &[u8], at: usize) -> u16 {
        let bytes = [bytes[at], bytes[at + 1]];
        if self == ByteOrder::Big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    /// Returns the 4 bytes at `at` as a number.
    #[inline]
    pub(super) fn read_u32(self, bytes: &[u8], at: usize) -> u32 {
        self.u32([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    }

    /// Returns the number that these bytes encode.
    #[inline]
    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        if self == ByteOrder::Big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// Returns the number that these bytes encode.
    pub(super) fn u64(self, bytes: [u8; 8]) -> u64 {
        if self == ByteOrder::Big { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) }
    }

    /// Encodes a number.
    #[inline]
    pub(super) fn u32_bytes(self, value: u32) -> [u8; 4] {
        if self == ByteOrder::Big { value.to_be_bytes() } else { value.to_le_bytes() }
    }
}
