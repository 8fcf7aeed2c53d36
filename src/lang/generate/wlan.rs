//! Tests of the 802.11 header, in which it depends on the kind of frame where an address is.

use crate::lang::generate::code::Exits;
use crate::lang::generate::layers::{Family, Place};
use crate::lang::generate::{Generator, Message};
use crate::lang::tree::{Direction, Wlan};

/// Bits of the first byte: a type without addresses of ours (control and reserved frames), and data rather than management.
const NO_ADDRESSES: u32 = 0x04;
const DATA: u32 = 0x08;

/// Bits of the second byte.
const TO_DS: u32 = 0x01;
const FROM_DS: u32 = 0x02;

impl Generator<'_> {
    pub(super) fn wlan_hosts(&mut self, mac: [u8; 6], direction: Option<Direction>, to: Exits) -> Result<(), Message> {
        let header = self.layers.header;
        match direction.unwrap_or(Direction::Either) {
            Direction::Address1 => self.mac(header.plus(4), mac, to),
            Direction::Address2 => {
                self.has_second_address(to);
                self.mac(header.plus(10), mac, to);
            }
            Direction::Address3 => {
                self.require(self.is_control().negated(), to.no);
                self.mac(header.plus(16), mac, to);
            }
            Direction::Address4 => {
                self.require(header.byte(1).has(TO_DS | FROM_DS, TO_DS | FROM_DS), to.no);
                self.mac(header.plus(24), mac, to);
            }
            Direction::Receiver => {
                self.require(header.byte(0).any_of(DATA), to.no);
                self.mac(header.plus(4), mac, to);
            }
            Direction::Transmitter => {
                self.require(header.byte(0).any_of(DATA), to.no);
                self.has_second_address(to);
                self.mac(header.plus(10), mac, to);
            }
            direction => self.either(direction, to, |this, is_source, to| {
                if is_source {
                    this.wlan_source(to, |this, at, to| this.mac(at, mac, to));
                } else {
                    this.wlan_destination(to, |this, at, to| this.mac(at, mac, to));
                }
            }),
        }
        Ok(())
    }

    fn is_control(&self) -> crate::lang::generate::Test {
        self.layers.header.byte(0).has(0x0c, 0x04)
    }

    /// CTS and ACK frames have one address only.
    fn has_second_address(&mut self, to: Exits) {
        let here = self.code.label();
        let header = self.layers.header;
        self.code.exclude(self.is_control().negated(), here);
        self.code.exclude(header.byte(0).has(0xf0, 0xc0), to.no);
        self.code.test(header.byte(0).has(0xf0, 0xd0).negated(), Exits { yes: here, ..to });
        self.code.place(here);
    }

    /// What `test` says of the address that a frame comes from.
    fn wlan_source(&mut self, to: Exits, test: impl Fn(&mut Self, Place, Exits)) {
        let header = self.layers.header;
        let second = self.code.label();
        self.require(header.byte(0).none_of(NO_ADDRESSES), to.no);
        self.code.exclude(header.byte(0).none_of(DATA), second);
        self.code.exclude(header.byte(1).none_of(FROM_DS), second);
        let fourth = self.code.label();
        self.code.exclude(header.byte(1).any_of(TO_DS), fourth);
        test(self, header.plus(16), to);
        self.code.place(fourth);
        test(self, header.plus(24), to);
        self.code.place(second);
        test(self, header.plus(10), to);
    }

    /// What `test` says of the address that a frame goes to.
    fn wlan_destination(&mut self, to: Exits, test: impl Fn(&mut Self, Place, Exits)) {
        let header = self.layers.header;
        let first = self.code.label();
        self.require(header.byte(0).none_of(NO_ADDRESSES), to.no);
        self.code.exclude(header.byte(0).none_of(DATA), first);
        self.code.exclude(header.byte(1).none_of(TO_DS), first);
        test(self, header.plus(16), to);
        self.code.place(first);
        test(self, header.plus(4), to);
    }

    pub(super) fn wlan_multicast(&mut self, to: Exits) {
        self.wlan_destination(to, |this, at, to| this.code.test(at.byte(0).any_of(1), to));
    }

    /// `type`, `subtype` and `dir`.
    pub(super) fn wlan_field(&mut self, wlan: Wlan, to: Exits) -> Result<(), Message> {
        if self.layers.family != Family::Wlan {
            return Err(self.unsupported("there are no 802.11 frames"));
        }
        let header = self.layers.header;
        let test = match wlan {
            Wlan::Type(kind) => header.byte(0).has(0x0c, kind),
            Wlan::Subtype { kind, subtype } => header.byte(0).has(0xfc, kind | subtype),
            Wlan::Direction(direction) => header.byte(1).has(TO_DS | FROM_DS, direction),
        };
        self.code.test(test, to);
        Ok(())
    }
}
