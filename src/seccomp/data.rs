//! What a filter of system calls looks at.

use crate::seccomp::Arch;
use crate::verify::SECCOMP_DATA;

/// A system call as a filter sees it: `struct seccomp_data`, 64 bytes in the machine's byte order.
///
/// ```
/// use cbpf::{Arch, SeccompData};
/// let write = SeccompData { nr: 1, arch: Arch::X86_64, args: [3, 0, 0, 0, 0, 0], ..SeccompData::default() };
/// let bytes = write.to_bytes();
/// assert_eq!(bytes[4..8], 0xc000_003e_u32.to_ne_bytes());
/// assert_eq!(SeccompData::from_bytes(&bytes), write);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeccompData {
    /// The number of the system call: offset 0.
    pub nr: i32,
    /// Which architecture's numbers and conventions it has: offset 4.
    pub arch: Arch,
    /// Where the call was made: offset 8.
    pub instruction_pointer: u64,
    /// The arguments, also where the architecture has 32-bit registers: offsets 16 to 56.
    pub args: [u64; 6],
}

impl SeccompData {
    /// The size of `struct seccomp_data`.
    const SIZE: usize = SECCOMP_DATA as usize;

    /// The bytes that a filter reads.
    pub fn to_bytes(&self) -> [u8; 64] {
        let mut bytes = [0; Self::SIZE];
        bytes[..4].copy_from_slice(&self.nr.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.arch.0.to_ne_bytes());
        bytes[8..16].copy_from_slice(&self.instruction_pointer.to_ne_bytes());
        for (place, arg) in bytes[16..].chunks_exact_mut(8).zip(self.args) {
            place.copy_from_slice(&arg.to_ne_bytes());
        }
        bytes
    }

    /// The reverse of [`SeccompData::to_bytes`].
    pub fn from_bytes(bytes: &[u8; 64]) -> SeccompData {
        let (doubles, _) = bytes.as_chunks::<8>();
        let (words, _) = bytes.as_chunks::<4>();
        let double = |place: usize| u64::from_ne_bytes(doubles[place]);
        SeccompData {
            nr: i32::from_ne_bytes(words[0]),
            arch: Arch(u32::from_ne_bytes(words[1])),
            instruction_pointer: double(1),
            args: [2, 3, 4, 5, 6, 7].map(double),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_where_the_kernel_has_them() {
        let bytes: [u8; 64] = std::array::from_fn(|place| place as u8);
        let data = SeccompData::from_bytes(&bytes);
        assert_eq!(data.to_bytes(), bytes);
        assert_eq!(data.nr.to_ne_bytes(), [0, 1, 2, 3]);
        assert_eq!(data.arch.0.to_ne_bytes(), [4, 5, 6, 7]);
        assert_eq!(data.instruction_pointer.to_ne_bytes(), [8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(data.args[5].to_ne_bytes(), [56, 57, 58, 59, 60, 61, 62, 63]);
    }
}
