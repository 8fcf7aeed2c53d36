//! A fast hash for maps that are looked up often. It does not resist attacks.

/// The hash builder for maps.
pub(crate) type Hashing = core::hash::BuildHasherDefault<Hasher>;

/// A hasher that rotates and multiplies (FxHash).
#[derive(Clone, Default)]
pub(crate) struct Hasher(u64);

impl core::hash::Hasher for Hasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((&word, after)) = rest.split_first_chunk() {
            self.write_u64(u64::from_ne_bytes(word));
            rest = after;
        }
        rest.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}
