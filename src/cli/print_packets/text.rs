//! Text in a byte buffer: numbers and addresses without allocation and without [`std::fmt`], which costs more than the
//! rest of a line.
//!
//! - Nothing that a packet holds is copied as it is: bytes come out as digits, or as printable ASCII.
//! - Short texts are copied as arrays, whose length the compiler knows, and cut to their end: calls of `memcpy` would
//!   take a fifth of the time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The numbers from 00 to 99.
const PAIRS: &[u8; 200] =
    b"00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748\
49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697989\
9";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// A text that is being written. Its methods append.
#[derive(Default)]
pub struct Text {
    pub bytes: Vec<u8>,
}

impl Text {
    #[inline]
    pub fn str(&mut self, text: &str) -> &mut Text {
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    /// Appends a control sequence, which often is empty.
    #[inline]
    pub fn control(&mut self, sequence: &str) -> &mut Text {
        if sequence.is_empty() { self } else { self.str(sequence) }
    }

    #[inline]
    pub fn byte(&mut self, byte: u8) -> &mut Text {
        self.bytes.push(byte);
        self
    }

    /// Appends a decimal number.
    #[inline]
    pub fn decimal(&mut self, number: impl Into<u64>) -> &mut Text {
        self.digits(number.into(), 1)
    }

    /// Appends a decimal number, with leading zeros up to `width` digits, which are at most 20.
    #[inline]
    pub fn digits(&mut self, mut number: u64, width: usize) -> &mut Text {
        const LONGEST: usize = 20;
        // The digits end in the middle.
        let mut digits = [b'0'; 2 * LONGEST];
        let mut start = LONGEST;
        while number >= 100 {
            start -= 2;
            digits[start..start + 2].copy_from_slice(pair(number % 100));
            number /= 100;
        }
        if number >= 10 {
            start -= 2;
            digits[start..start + 2].copy_from_slice(pair(number));
        } else if number > 0 {
            start -= 1;
            digits[start] = b'0' + number as u8;
        }
        let start = start.min(LONGEST - width);
        if let Some(digits) = digits[start..].first_chunk::<LONGEST>() {
            self.prefix(digits, LONGEST - start);
        }
        self
    }

    /// Appends the first `length` bytes of an array.
    #[inline]
    fn prefix<const N: usize>(&mut self, array: &[u8; N], length: usize) -> &mut Text {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(array);
        self.bytes.truncate(start + length);
        self
    }

    /// Appends a number below 100 as two digits.
    #[inline]
    pub fn two_digits(&mut self, number: u64) -> &mut Text {
        let &[ten, one] = pair(number % 100);
        self.bytes.extend_from_slice(&[ten, one]);
        self
    }

    /// Appends `0x` and the bytes in hexadecimal.
    pub fn hex_number(&mut self, bytes: &[u8]) -> &mut Text {
        self.str("0x");
        bytes.iter().for_each(|&byte| self.bytes.extend_from_slice(&hex(byte)));
        self
    }

    /// Appends bytes in hexadecimal, separated by colons, as hardware addresses are written.
    pub fn hardware_address(&mut self, bytes: &[u8]) -> &mut Text {
        let start = self.bytes.len();
        for &byte in bytes {
            let [high, low] = hex(byte);
            self.bytes.extend_from_slice(&[high, low, b':']);
        }
        let colon = usize::from(!bytes.is_empty());
        self.bytes.truncate(start + (3 * bytes.len()) - colon);
        self
    }

    #[inline]
    pub fn address(&mut self, address: IpAddr) -> &mut Text {
        match address {
            IpAddr::V4(address) => self.ipv4(address),
            IpAddr::V6(address) => self.ipv6(address),
        }
    }

    #[inline]
    pub fn ipv4(&mut self, address: Ipv4Addr) -> &mut Text {
        // Four numbers of up to three digits, and three points.
        let mut text = [b'.'; 16];
        let mut end = 0;
        for octet in address.octets() {
            if octet >= 100 {
                text[end] = b'0' + octet / 100;
                text[end + 1..end + 3].copy_from_slice(pair(u64::from(octet % 100)));
                end += 4;
            } else if octet >= 10 {
                text[end..end + 2].copy_from_slice(pair(u64::from(octet)));
                end += 3;
            } else {
                text[end] = b'0' + octet;
                end += 2;
            }
            text[end - 1] = b'.';
        }
        self.prefix(&text, end - 1)
    }

    /// Appends an IPv6 address in the form of RFC 5952.
    pub fn ipv6(&mut self, address: Ipv6Addr) -> &mut Text {
        if let Some(mapped) = address.to_ipv4_mapped() {
            return self.str("::ffff:").ipv4(mapped);
        }
        let groups = address.segments();
        let (start, end) = longest_zeros(&groups);
        // Eight groups of four digits, seven colons, and what the last group overwrites.
        let mut text = [b':'; 48];
        let mut length = 0;
        for (place, &group) in groups.iter().enumerate() {
            if (start..end).contains(&place) {
                // The second colon is the one before the next group, or the last character.
                length += usize::from(place == start) + usize::from(place == 7);
                continue;
            }
            length += usize::from(place > 0);
            let [high, low] = group.to_be_bytes().map(hex);
            let digits = u32::from_be_bytes([high[0], high[1], low[0], low[1]]);
            let zeros = (group.leading_zeros() / 4).min(3);
            text[length..length + 4].copy_from_slice(&(digits << (8 * zeros)).to_be_bytes());
            length += 4 - zeros as usize;
            text[length..length + 2].copy_from_slice(b"::");
        }
        self.prefix(&text, length)
    }

    /// Appends a text with the escapes of JSON: quotes, backslashes and all control characters.
    pub fn escaped(&mut self, text: &str) -> &mut Text {
        for character in text.chars() {
            match character {
                '"' => self.str("\\\""),
                '\\' => self.str("\\\\"),
                '\n' => self.str("\\n"),
                '\t' => self.str("\\t"),
                // Some change the direction of the text that follows.
                _ if character.is_control() || is_invisible(character) => {
                    let [high, low] = (character as u16).to_be_bytes().map(hex);
                    let digits = [high[0], high[1], low[0], low[1]];
                    self.str("\\u").str(std::str::from_utf8(&digits).unwrap_or_default())
                }
                _ => self.str(character.encode_utf8(&mut [0; 4])),
            };
        }
        self
    }
}

/// Returns whether a character has no width, or controls the direction of text.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[inline]
fn pair(number: u64) -> &'static [u8; 2] {
    &PAIRS.as_chunks().0[number as usize]
}

/// Returns the two digits of a byte.
#[inline]
pub fn hex(byte: u8) -> [u8; 2] {
    [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]
}

/// Returns the longest run of zeros, the first one if there are several, or an empty range at the end. RFC 5952 does not
/// shorten a single zero.
fn longest_zeros(groups: &[u16; 8]) -> (usize, usize) {
    let mut longest = (8, 8);
    let mut place = 0;
    while place < 8 {
        let length = groups[place..].iter().take_while(|&&group| group == 0).count();
        if length > 1 && length > longest.1 - longest.0 {
            longest = (place, place + length);
        }
        place += length.max(1);
    }
    if longest.0 == longest.1 { (9, 9) } else { longest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Text)) -> String {
        let mut text = Text::default();
        write(&mut text);
        String::from_utf8(text.bytes).expect("it is UTF-8")
    }

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        for power in 0..64 {
            for number in [(1 << power) - 1, 1_u64 << power, u64::MAX - (1 << power)] {
                assert_eq!(text(|text| _ = text.decimal(number)), number.to_string());
                assert_eq!(text(|text| _ = text.digits(number, 9)), format!("{number:09}"));
            }
        }
        for number in 0..1200_u32 {
            assert_eq!(text(|text| _ = text.decimal(number)), number.to_string());
        }
        assert_eq!(text(|text| _ = text.two_digits(7)), "07");
        assert_eq!(text(|text| _ = text.hex_number(&[0, 0xaf])), "0x00af");
    }

    /// Each subset of groups is zero; the others have each number of digits.
    #[test]
    fn addresses_are_those_of_the_standard_library() {
        for zeros in 0..256_u32 {
            for fill in [[1, 0x23, 0x456, 0x789a, 0xb, 0xcd, 0xef0, 0x1234], [0xffff; 8]] {
                let mut groups = fill;
                (0..8).filter(|bit| zeros >> bit & 1 == 1).for_each(|bit| groups[bit] = 0);
                let address = Ipv6Addr::from(groups);
                assert_eq!(text(|text| _ = text.ipv6(address)), address.to_string());
            }
        }
        for octet in 0..=255 {
            let address = Ipv4Addr::new(octet, 255 - octet, 0, octet / 2);
            assert_eq!(text(|text| _ = text.ipv4(address)), address.to_string());
        }
        assert_eq!(text(|text| _ = text.hardware_address(&[2, 0, 0xff])), "02:00:ff");
    }

    #[test]
    fn control_characters_are_escaped() {
        let escaped = text(|text| _ = text.escaped("\u{1b}[31m\"a\\b\"\u{9b}\u{7f}\u{202e}\n\té"));
        assert_eq!(escaped, "\\u001b[31m\\\"a\\\\b\\\"\\u009b\\u007f\\u202e\\n\\té");
    }
}
