//! The data that a filter of system calls reads.

use core::array;
use core::fmt;

use crate::bpf::verify::SECCOMP_DATA;
use crate::syscall::Arch;

/// A system call as a filter sees it: `struct seccomp_data`.
///
/// A filter loads 32 bits at a time, and [`SeccompData::arch`] decides which half of a 64-bit argument comes first: on
/// a big-endian architecture `ld [16]` loads the upper half of the first argument, on a little-endian one the lower
/// half. This holds on every machine, so a filter for s390x can be tested on x86-64. The default has the architecture
/// that this code runs on.
///
/// ```
/// use cbpf::seccomp::{Arch, SeccompData};
/// use cbpf::{Dialect, Program};
/// let first_half = "ld [16]\nret a".parse::<Program>()?.verify(Dialect::Seccomp)?;
/// let call = |arch| SeccompData { arch, args: [0x1111_1111_2222_2222, 0, 0, 0, 0, 0], ..SeccompData::default() };
/// assert_eq!(first_half.interpret(&call(Arch::X86_64).to_bytes()), 0x2222_2222);
/// assert_eq!(first_half.interpret(&call("s390x".parse()?).to_bytes()), 0x1111_1111);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SeccompData {
    /// The number of the system call: offset 0.
    pub nr: i32,
    /// The architecture, which decides the numbering, the calling convention and the order of halves: offset 4.
    pub arch: Arch,
    /// The address of the call: offset 8.
    pub instruction_pointer: u64,
    /// The arguments, 64 bits each on every architecture: offsets 16 to 56.
    pub args: [u64; 6],
}

impl SeccompData {
    /// The size of `struct seccomp_data`, and the offsets of its fields, in bytes.
    const SIZE: usize = SECCOMP_DATA as usize;
    pub(crate) const NR: u32 = 0;
    pub(crate) const ARCH: u32 = 4;
    pub(crate) const INSTRUCTION_POINTER: u32 = 8;
    pub(crate) const ARGS: u32 = 16;

    /// Returns the bytes that a filter reads, which engines take in place of a packet.
    ///
    /// The two words of a 64-bit field are in the order of the architecture. Each word is in the byte order of the
    /// machine that runs this code, since engines load words in that order. For the machine's own architecture, these
    /// are the bytes in the memory of its kernel.
    ///
    /// ```
    /// use cbpf::seccomp::{Arch, SeccompData};
    /// let write = SeccompData { nr: 1, arch: Arch::X86_64, args: [3, 0, 0, 0, 0, 0], ..SeccompData::default() };
    /// let bytes = write.to_bytes();
    /// assert_eq!(bytes[4..8], 0xc000_003e_u32.to_ne_bytes());
    /// assert_eq!(bytes[16..20], 3_u32.to_ne_bytes());
    /// assert_eq!(SeccompData::from_bytes(&bytes), write);
    /// ```
    pub fn to_bytes(&self) -> [u8; 64] {
        let halves = |field: u64| match [field as u32, (field >> 32) as u32] {
            [lower, upper] if self.arch.is_big_endian() => [upper, lower],
            halves => halves,
        };
        let doubles = [self.instruction_pointer].into_iter().chain(self.args).flat_map(halves);
        let words = [self.nr as u32, self.arch.0].into_iter().chain(doubles);
        let mut bytes = [0; Self::SIZE];
        for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
            if let Some(bytes) = bytes.first_chunk_mut() {
                *bytes = word.to_ne_bytes();
            }
        }
        bytes
    }

    /// Reads the bytes of [`SeccompData::to_bytes`]; the architecture in them decides the order of halves.
    pub fn from_bytes(bytes: &[u8; 64]) -> SeccompData {
        let word = |index: usize| u32::from_ne_bytes(array::from_fn(|byte| bytes[4 * index + byte]));
        let arch = Arch(word(1));
        let double = |index: usize| {
            let [first, second] = [word(index), word(index + 1)].map(u64::from);
            if arch.is_big_endian() { first << 32 | second } else { second << 32 | first }
        };
        SeccompData {
            nr: word(0) as i32,
            arch,
            instruction_pointer: double(2),
            args: [4, 6, 8, 10, 12, 14].map(double),
        }
    }
}

/// Prints the call as `write(0x3) on x86_64`, without the last arguments if these are 0.
impl fmt::Display for SeccompData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.arch.syscall_name(self.nr) {
            Some(name) => f.write_str(&name)?,
            None => write!(f, "{:#x}", self.nr)?,
        }
        let used = self.args.iter().rposition(|&arg| arg != 0).map_or(0, |last| last + 1);
        for (place, arg) in self.args[..used].iter().enumerate() {
            write!(f, "{}{arg:#x}", if place == 0 { "(" } else { ", " })?;
        }
        write!(f, "{} on {}", if used == 0 { "()" } else { ")" }, self.arch)?;
        match self.instruction_pointer {
            0 => Ok(()),
            address => write!(f, ", at {address:#x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_offsets_of_the_kernel() {
        let mut bytes: [u8; 64] = std::array::from_fn(|index| index as u8);
        bytes[4..8].copy_from_slice(&Arch::default().0.to_ne_bytes());
        let data = SeccompData::from_bytes(&bytes);
        assert_eq!(data.to_bytes(), bytes);
        assert_eq!(data.nr.to_ne_bytes(), [0, 1, 2, 3]);
        assert_eq!(data.instruction_pointer.to_ne_bytes(), [8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(data.args[5].to_ne_bytes(), [56, 57, 58, 59, 60, 61, 62, 63]);
    }

    #[test]
    fn prints_as_a_call() {
        let call =
            SeccompData { nr: 0x123_4567, arch: Arch::AARCH64, args: [0, 2, 0, 0, 0, 0], ..SeccompData::default() };
        assert_eq!(call.to_string(), "0x1234567(0x0, 0x2) on aarch64");
        let call = SeccompData { args: [0; 6], instruction_pointer: 16, ..call };
        assert_eq!(call.to_string(), "0x1234567() on aarch64, at 0x10");
    }

    #[test]
    fn architecture_decides_the_order_of_halves() {
        let args = [0x1111_1111_2222_2222, 0, 0, 0, 0, 0x3333_3333_4444_4444];
        for (name, first, last) in [("ppc", 0x1111_1111, 0x4444_4444), ("arm", 0x2222_2222, 0x3333_3333_u32)] {
            let arch = name.parse().unwrap();
            let data = SeccompData { nr: -1, arch, instruction_pointer: 0x5555_5555_6666_6666, args };
            let bytes = data.to_bytes();
            let word = |offset: usize| u32::from_ne_bytes(*bytes[offset..].first_chunk().unwrap());
            assert_eq!([word(0), word(4), word(16), word(60)], [u32::MAX, arch.0, first, last], "{name}");
            assert_eq!(word(8) == 0x5555_5555, arch.is_big_endian());
            assert_eq!(SeccompData::from_bytes(&bytes), data);
        }
    }
}
