//! Tests of 802.11 headers, in which the offset of an address depends on the kind of frame.

use crate::lang::generate::code_builder::{BranchTargets, Test};
use crate::lang::generate::packet_headers::PacketOffset;
use crate::lang::generate::{Ends, Generator, Result};
use crate::lang::link_layout::LinkFamily;
use crate::lang::tree::{Direction, Wlan};

/// Bits of the first byte: a control or reserved frame, whose addresses have no direction; a data frame.
const NO_ADDRESSES: u32 = 0x04;
const DATA: u32 = 0x08;

/// Bits of the second byte.
const TO_DS: u32 = 0x01;
const FROM_DS: u32 = 0x02;

/// The offsets of the addresses in the header.
const ADDRESS_1: u32 = 4;
const ADDRESS_2: u32 = 10;
const ADDRESS_3: u32 = 16;
const ADDRESS_4: u32 = 24;

impl Generator<'_> {
    pub(super) fn wlan_hosts(&mut self, mac: [u8; 6], direction: Option<Direction>, to: BranchTargets) {
        if let Some(ends) = Ends::of(direction) {
            return self.either(ends, to, |this, is_source, to| {
                if is_source {
                    this.wlan_source(to, |this, at, to| this.mac(at, mac, to));
                } else {
                    this.wlan_destination(to, |this, at, to| this.mac(at, mac, to));
                }
            });
        }
        let header = self.headers.header;
        if let Some(Direction::Receiver | Direction::Transmitter) = direction {
            self.require(header.byte(0).any_of(DATA), to.no);
        }
        let address = match direction {
            Some(Direction::Address2 | Direction::Transmitter) => {
                self.require_second_address(to);
                ADDRESS_2
            }
            Some(Direction::Address3) => {
                self.require(self.is_control().negated(), to.no);
                ADDRESS_3
            }
            Some(Direction::Address4) => {
                self.require(header.byte(1).has(TO_DS | FROM_DS, TO_DS | FROM_DS), to.no);
                ADDRESS_4
            }
            _ => ADDRESS_1,
        };
        self.mac(header.plus(address), mac, to);
    }

    fn is_control(&self) -> Test {
        self.headers.header.byte(0).has(0x0c, 0x04)
    }

    /// Continues at `to.no` for CTS and ACK frames, which have only one address.
    fn require_second_address(&mut self, to: BranchTargets) {
        let here = self.code.label();
        let header = self.headers.header;
        self.code.exclude(self.is_control().negated(), here);
        self.code.exclude(header.byte(0).has(0xf0, 0xc0), to.no);
        self.code.test(header.byte(0).has(0xf0, 0xd0).negated(), BranchTargets { yes: here, ..to });
        self.code.bind(here);
    }

    /// Generates `test` for the source address.
    fn wlan_source(&mut self, to: BranchTargets, test: impl Fn(&mut Self, PacketOffset, BranchTargets)) {
        let header = self.headers.header;
        let second = self.code.label();
        self.require(header.byte(0).none_of(NO_ADDRESSES), to.no);
        self.code.exclude(header.byte(0).none_of(DATA), second);
        self.code.exclude(header.byte(1).none_of(FROM_DS), second);
        let fourth = self.code.label();
        self.code.exclude(header.byte(1).any_of(TO_DS), fourth);
        test(self, header.plus(ADDRESS_3), to);
        self.code.bind(fourth);
        test(self, header.plus(ADDRESS_4), to);
        self.code.bind(second);
        test(self, header.plus(ADDRESS_2), to);
    }

    /// Generates `test` for the destination address.
    fn wlan_destination(&mut self, to: BranchTargets, test: impl Fn(&mut Self, PacketOffset, BranchTargets)) {
        let header = self.headers.header;
        let first = self.code.label();
        self.require(header.byte(0).none_of(NO_ADDRESSES), to.no);
        self.code.exclude(header.byte(0).none_of(DATA), first);
        self.code.exclude(header.byte(1).none_of(TO_DS), first);
        test(self, header.plus(ADDRESS_3), to);
        self.code.bind(first);
        test(self, header.plus(ADDRESS_1), to);
    }

    pub(super) fn wlan_multicast(&mut self, to: BranchTargets) {
        self.wlan_destination(to, |this, at, to| this.code.test(at.byte(0).any_of(1), to));
    }

    /// Generates `type`, `subtype` and `dir`.
    pub(super) fn wlan_field(&mut self, wlan: Wlan, to: BranchTargets) -> Result {
        if self.headers.family != LinkFamily::Wlan {
            return Err(self.unsupported("there are no 802.11 frames"));
        }
        let header = self.headers.header;
        let test = match wlan {
            Wlan::Type(kind) => header.byte(0).has(0x0c, kind),
            Wlan::Subtype { kind, subtype } => header.byte(0).has(0xfc, kind | subtype),
            Wlan::Direction(direction) => header.byte(1).has(TO_DS | FROM_DS, direction),
        };
        self.code.test(test, to);
        Ok(())
    }
}
