//! The headers of IEEE 802.11: the kind of a frame, its addresses, and what an unencrypted data frame carries.

use crate::cli::print_packets::headers::{Damage, Headers, Network, Rest};

const MANAGEMENT: u8 = 0;
const CONTROL: u8 = 1;
const DATA: u8 = 2;

/// The header that all data and management frames have.
const HEADER_LEN: usize = 24;
const ADDRESS_LEN: usize = 6;

// Flags in the second byte.
const TO_DISTRIBUTION: u8 = 1;
const FROM_DISTRIBUTION: u8 = 2;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;

// Bits of the subtype of data frames.
const WITHOUT_DATA: u8 = 4;
const QOS: u8 = 8;

/// A bit of the QoS field: the frame holds several packets.
const AGGREGATED: u8 = 0x80;

/// The control frames with the address of their sender.
const WITH_SENDER: [u8; 6] = [8, 9, 10, 11, 14, 15];

impl<'a> Headers<'a> {
    /// Reads a frame after a header of radiotap, which begins with its length in little-endian order.
    pub fn read_radiotap(&mut self, rest: Rest<'a>) {
        match rest.u16(2).map(|length| usize::from(length.swap_bytes())) {
            Some(length) if (8..=rest.captured.len()).contains(&length) => self.read_wireless(rest.after(length)),
            _ => self.set_damage(Damage::Truncated("radiotap")),
        }
    }

    pub fn read_wireless(&mut self, rest: Rest<'a>) {
        let Some(&[control, flags]) = rest.captured.first_chunk() else {
            return self.set_damage(Damage::Truncated("802.11"));
        };
        self.network = Network::Wireless(control);
        let [first, second, third, fourth] =
            [4, 10, 16, HEADER_LEN].map(|at| rest.captured.get(at..).and_then(<[u8]>::first_chunk).copied());
        let (kind, subtype) = (control >> 2 & 3, control >> 4);
        (self.link_destination, self.link_source) = match (kind, flags & (TO_DISTRIBUTION | FROM_DISTRIBUTION)) {
            (MANAGEMENT, _) | (DATA, 0) => (first, second),
            (CONTROL, _) => (first, second.filter(|_| WITH_SENDER.contains(&subtype))),
            (DATA, FROM_DISTRIBUTION) => (first, third),
            (DATA, TO_DISTRIBUTION) => (third, second),
            (DATA, _) => (third, fourth),
            _ => return,
        };
        if self.link_destination.is_none() || kind != CONTROL && rest.captured.len() < HEADER_LEN {
            return self.set_damage(Damage::Truncated("802.11"));
        }
        if kind == DATA && subtype & WITHOUT_DATA == 0 && flags & PROTECTED == 0 {
            self.read_wireless_data(rest, flags, subtype & QOS != 0);
        }
    }

    /// Reads what a data frame carries.
    fn read_wireless_data(&mut self, rest: Rest<'a>, flags: u8, has_qos: bool) {
        let has_fourth = flags & TO_DISTRIBUTION != 0 && flags & FROM_DISTRIBUTION != 0;
        let mut length = HEADER_LEN + if has_fourth { ADDRESS_LEN } else { 0 };
        if has_qos {
            if rest.captured.get(length).is_none_or(|qos| qos & AGGREGATED != 0) {
                return;
            }
            length += 2 + if flags & ORDER != 0 { 4 } else { 0 };
        }
        let rest = rest.after(length);
        // Other frames, such as those of meshes, have more headers.
        if rest.captured.starts_with(&[0xaa, 0xaa, 3]) {
            self.read_llc(rest);
        }
    }
}
