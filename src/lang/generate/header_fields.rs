//! Tests of single header fields: length, byte, pflog, ATM and SS7.

use alloc::vec::Vec;

use crate::bpf::instruction::Operand;
use crate::bpf::isa::{AluOp, Condition};
use crate::lang::generate::code_builder::{BranchTargets, Test, Value};
use crate::lang::generate::packet_headers::{Encapsulation, PacketOffset};
use crate::lang::generate::{Generator, Result};
use crate::lang::link_layout::LinkFamily;
use crate::lang::link_type::LinkType;
use crate::lang::positions::Site;
use crate::lang::tree::{ByteTest, Pf, Relation};
use crate::lang::words::{AtmField, AtmName, Mtp2, Mtp3Field, Mtp3Name};

/// Q.2931 messages: setup, call proceeding, connect, release and release complete.
const MESSAGES: [u32; 5] = [0x05, 0x02, 0x07, 0x4d, 0x5a];
/// The acknowledgement of a connect, which meta-signalling does not have.
const CONNECT_ACKNOWLEDGE: u32 = 0x0f;

impl Relation {
    pub(super) fn condition(self) -> Condition {
        match self {
            Relation::Equal => Condition::Equal,
            Relation::NotEqual => Condition::NotEqual,
            Relation::Greater => Condition::Greater,
            Relation::GreaterOrEqual => Condition::GreaterOrEqual,
            Relation::Less => Condition::Less,
            Relation::LessOrEqual => Condition::LessOrEqual,
        }
    }
}

impl Generator<'_> {
    /// Generates `less` and `greater`.
    pub(super) fn length(&mut self, length: u32, is_less: bool, to: BranchTargets) -> Result {
        let test = if is_less { Value::Length.at_most(length) } else { Value::Length.at_least(length) };
        self.code.test(test, to);
        Ok(())
    }

    /// Generates `byte`.
    pub(super) fn byte(&mut self, at: u32, test: ByteTest, value: u32, to: BranchTargets) -> Result {
        if value > 255 {
            return Err(Site::Operand(1).error(format!("expected a byte, a number up to 255, found `{value}`")));
        }
        let byte = self.headers.header.byte(at);
        match test {
            ByteTest::Equal => self.code.test(byte.is(value), to),
            ByteTest::Less => self.code.test(byte.compares(Condition::Less, value), to),
            ByteTest::Greater => self.code.test(byte.compares(Condition::Greater, value), to),
            ByteTest::And => self.code.test(byte.any_of(value), to),
            ByteTest::Or => {
                self.code.load(byte);
                self.code.alu(AluOp::Or, value);
                self.code.branch(Condition::NotEqual, Operand::Constant(0), to);
            }
        }
        Ok(())
    }

    /// Tests a field of the pflog header.
    pub(super) fn pf(&mut self, pf: &Pf, to: BranchTargets) -> Result {
        if self.headers.family != LinkFamily::Pflog {
            return Err(self.unsupported("there is no header of pflog"));
        }
        let header = self.headers.header;
        let test = match pf {
            Pf::InterfaceName(name) => return self.text(header.plus(4), name, 16, to),
            Pf::RuleSet(name) => return self.text(header.plus(20), name, 16, to),
            Pf::RuleNumber(number) => header.word(36).is(*number),
            Pf::SubruleNumber(number) => header.word(40).is(*number),
            Pf::Reason(reason) => header.byte(3).is(*reason),
            Pf::Action(action) => header.byte(2).is(*action),
        };
        self.code.test(test, to);
        Ok(())
    }

    /// Tests whether a field begins with a text, the last bytes first.
    fn text(&mut self, at: PacketOffset, text: &str, size: usize, to: BranchTargets) -> Result {
        if text.len() >= size {
            return Err(Site::Operand(0).error(format!("expected a name of at most {} bytes", size - 1)));
        }
        let mut rest = text.as_bytes();
        let mut tests = Vec::new();
        while let Some((before, &[a, b, c, d])) = rest.split_last_chunk() {
            tests.push(at.word(before.len() as u32).is(u32::from_be_bytes([a, b, c, d])));
            rest = before;
        }
        if let Some((before, &[a, b])) = rest.split_last_chunk() {
            tests.push(at.half(before.len() as u32).is(u16::from_be_bytes([a, b]).into()));
            rest = before;
        }
        tests.extend(rest.first().map(|&byte| at.byte(0).is(byte.into())));
        for test in tests {
            self.require(test, to.no);
        }
        self.code.jump(to.yes);
        Ok(())
    }

    /// Returns the offset of the ATM pseudo-header, which later tests cannot reach in a tunnel.
    fn atm_header(&self) -> Result<PacketOffset> {
        match self.headers.family {
            LinkFamily::SunAtm => Ok(self.headers.header),
            _ if self.target.link_type == LinkType::SUNATM => {
                Err("expected an ATM test before `lane` and tunnels, after which there is no ATM".into())
            }
            _ => Err(self.unsupported("there is no ATM")),
        }
    }

    /// Generates `vpi` and `vci`.
    pub(super) fn atm_field(&mut self, field: AtmField, relation: Relation, value: u32, to: BranchTargets) -> Result {
        let header = self.atm_header()?;
        let (loaded, max) = match field {
            AtmField::Vpi => (header.byte(1), 255),
            AtmField::Vci => (header.half(2), 65_535),
        };
        check_max(value, max)?;
        self.code.test(loaded.compares(relation.condition(), value), to);
        Ok(())
    }

    pub(super) fn atm(&mut self, name: AtmName, to: BranchTargets) -> Result {
        let header = self.atm_header()?;
        let (path, circuit) = (header.byte(1), header.half(2));
        let circuits: &[u32] = match name {
            AtmName::Lane => return self.lane(to),
            AtmName::MetaSignalling | AtmName::MetaConnect => &[1],
            AtmName::Broadcast => &[2],
            AtmName::OamF4Segment => &[3],
            AtmName::OamF4EndToEnd => &[4],
            AtmName::Oam | AtmName::OamF4 => &[3, 4],
            AtmName::Signalling | AtmName::Connect => &[5],
            AtmName::Ilmi => &[16],
        };
        self.require(path.is(0), to.no);
        if !matches!(name, AtmName::Connect | AtmName::MetaConnect) {
            self.any_value(circuit, circuits, to);
            return Ok(());
        }
        let here = self.code.label();
        self.any_value(circuit, circuits, BranchTargets { yes: here, ..to });
        self.code.bind(here);
        let message = header.byte(4 + 5);
        if name == AtmName::Connect {
            self.code.exclude(message.is(CONNECT_ACKNOWLEDGE), to.yes);
        }
        self.any_value(message, &MESSAGES, to);
        Ok(())
    }

    /// Tests for LAN emulation. All later tests are of the Ethernet frame in it.
    fn lane(&mut self, to: BranchTargets) -> Result {
        let header = self.headers.header;
        self.code.test(header.byte(0).has(0x0f, 0x01), to);
        self.headers = self.headers.ethernet(PacketOffset::fixed(6), Encapsulation::Lane(header.plus(4)));
        Ok(())
    }

    /// Returns the offset of MTP2, after the header of the link type if it has one.
    fn mtp2_header(&self) -> Result<PacketOffset> {
        match self.target.link_type {
            LinkType::MTP2 => Ok(PacketOffset::fixed(0)),
            LinkType::MTP2_WITH_PHDR => Ok(PacketOffset::fixed(4)),
            LinkType::ERF => Ok(PacketOffset::fixed(20)),
            _ => Err(self.unsupported("there is no SS7")),
        }
    }

    /// Tests the kind of a signal unit, which its length field determines.
    pub(super) fn mtp2(&mut self, kind: Mtp2, to: BranchTargets) -> Result {
        let at = self.mtp2_header()?;
        let low = |test: Test| Test { mask: 0x3f, ..test };
        let high = |test: Test| Test { mask: 0xff80, ..test };
        let (length, of_high_speed) = (at.byte(2), at.half(4));
        let more = |value: Value, than: u32| value.compares(Condition::Greater, than);
        match kind {
            Mtp2::Fisu => self.code.test(low(length.is(0)), to),
            Mtp2::HighSpeedFisu => self.code.test(high(of_high_speed.is(0)), to),
            Mtp2::Lssu => {
                self.require(low(more(length, 0)), to.no);
                self.code.test(low(length.at_most(2)), to);
            }
            Mtp2::HighSpeedLssu => {
                self.require(high(more(of_high_speed, 0)), to.no);
                self.code.test(high(of_high_speed.at_most(0x0100)), to);
            }
            Mtp2::Msu => self.code.test(low(more(length, 2)), to),
            Mtp2::HighSpeedMsu => self.code.test(high(more(of_high_speed, 0x0100)), to),
        }
        Ok(())
    }

    /// Tests a field of MTP3. The bits of point codes are not in the order of their bytes; they are compared as they
    /// are.
    pub(super) fn mtp3_field(&mut self, field: Mtp3Field, relation: Relation, value: u32, to: BranchTargets) -> Result {
        let header = self.mtp2_header()?;
        let at = if field.is_high_speed { header.plus(3) } else { header };
        let (loaded, mask, max, spread) = match field.name {
            Mtp3Name::Sio => (at.byte(3), u32::MAX, 0xff, value),
            Mtp3Name::Opc => {
                let spread = (value & 0x3c00) >> 10 | (value & 0x03fc) << 6 | (value & 0x0003) << 22;
                (at.word(4), 0x00c0_ff0f, 0x3fff, spread)
            }
            Mtp3Name::Dpc => (at.half(4), 0xff3f, 0x3fff, (value & 0x00ff) << 8 | (value & 0x3f00) >> 8),
            Mtp3Name::Sls => (at.byte(7), 0xf0, 0x0f, (value & 0x0f) << 4),
        };
        check_max(value, max)?;
        self.code.test(Test { mask, ..loaded.compares(relation.condition(), spread) }, to);
        Ok(())
    }
}

fn check_max(value: u32, max: u32) -> Result {
    if value <= max {
        return Ok(());
    }
    Err(Site::Operand(0).error(format!("expected a number up to {max}, found `{value}`")))
}
