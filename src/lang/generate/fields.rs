//! Tests of single fields: lengths, bytes, pf, ATM and SS7.

use crate::bpf::instruction::Operand;
use crate::bpf::isa::{AluOp, Condition};
use crate::lang::generate::code::{Exits, Test, Value};
use crate::lang::generate::layers::{Around, Family, Place};
use crate::lang::generate::{Generator, Message};
use crate::lang::tree::{ByteTest, Pf, Relation};
use crate::lang::words::{AtmField, AtmName, Mtp2, Mtp3Field, Mtp3Name};

/// Q.2931 messages: setup, call proceeding, connect, release and release complete, and the acknowledgement of a connect,
/// which meta-signalling has none of.
const MESSAGES: [u32; 5] = [0x05, 0x02, 0x07, 0x4d, 0x5a];
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
    /// `less` and `greater`
    pub(super) fn length(&mut self, length: u32, is_less: bool, to: Exits) -> Result<(), Message> {
        let test = if is_less { Value::Length.at_most(length) } else { Value::Length.at_least(length) };
        self.code.test(test, to);
        Ok(())
    }

    /// `byte`
    pub(super) fn byte(&mut self, at: u32, test: ByteTest, value: u32, to: Exits) -> Result<(), Message> {
        if value > 255 {
            return Err(format!("expected a byte, a number up to 255, found `{value}`"));
        }
        let byte = self.layers.header.byte(at);
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

    /// A field of the header of pflog.
    pub(super) fn pf(&mut self, pf: &Pf, to: Exits) -> Result<(), Message> {
        if self.layers.family != Family::Pflog {
            return Err(self.unsupported("there is no header of pflog"));
        }
        let header = self.layers.header;
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

    /// A text at the beginning of a field, the last bytes first.
    fn text(&mut self, at: Place, text: &str, size: usize, to: Exits) -> Result<(), Message> {
        if text.len() >= size {
            return Err(format!("expected a name of at most {} bytes", size - 1));
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

    /// Where the pseudo-header of ATM is, unless a tunnel was entered, behind which the fields would be others.
    fn atm_header(&self) -> Result<Place, Message> {
        match self.layers.family {
            Family::SunAtm => Ok(self.layers.header),
            _ if self.target.link_type.number() == 123 => {
                Err("expected it before `lane` and tunnels, behind which there is no ATM".to_owned())
            }
            _ => Err(self.unsupported("there is no ATM")),
        }
    }

    /// `vpi` and `vci`
    pub(super) fn atm_field(
        &mut self,
        field: AtmField,
        relation: Relation,
        value: u32,
        to: Exits,
    ) -> Result<(), Message> {
        let header = self.atm_header()?;
        let (loaded, max) = match field {
            AtmField::Vpi => (header.byte(1), 255),
            AtmField::Vci => (header.half(2), 65_535),
        };
        if value > max {
            return Err(format!("expected a number up to {max}, found `{value}`"));
        }
        self.code.test(loaded.compares(relation.condition(), value), to);
        Ok(())
    }

    pub(super) fn atm(&mut self, name: AtmName, to: Exits) -> Result<(), Message> {
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
        let circuits = circuits.iter().map(|&number| circuit.is(number));
        if !matches!(name, AtmName::Connect | AtmName::MetaConnect) {
            self.code.one_of(circuits, to);
            return Ok(());
        }
        let here = self.code.label();
        self.code.one_of(circuits, Exits { yes: here, ..to });
        self.code.place(here);
        let message = header.byte(4 + 5);
        if name == AtmName::Connect {
            self.code.exclude(message.is(CONNECT_ACKNOWLEDGE), to.yes);
        }
        self.code.one_of(MESSAGES.iter().map(|&number| message.is(number)), to);
        Ok(())
    }

    /// LAN emulation; all that follows is about the Ethernet frame in it.
    fn lane(&mut self, to: Exits) -> Result<(), Message> {
        let header = self.layers.header;
        self.code.test(header.byte(0).has(0x0f, 0x01), to);
        self.layers = self.layers.ethernet(Place::fixed(6), Around::Lane(header.plus(4)));
        Ok(())
    }

    /// Where MTP2 begins; there may be a header before it.
    fn mtp2_header(&self) -> Result<Place, Message> {
        match self.target.link_type.number() {
            140 => Ok(Place::fixed(0)),
            139 => Ok(Place::fixed(4)),
            197 => Ok(Place::fixed(20)),
            _ => Err(self.unsupported("there is no SS7")),
        }
    }

    /// Signal units are told apart by the length that they state.
    pub(super) fn mtp2(&mut self, kind: Mtp2, to: Exits) -> Result<(), Message> {
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

    /// A field of MTP3; the codes of points are spread over their bytes, and compared as they are.
    pub(super) fn mtp3_field(
        &mut self,
        field: Mtp3Field,
        relation: Relation,
        value: u32,
        to: Exits,
    ) -> Result<(), Message> {
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
        if value > max {
            return Err(format!("expected a number up to {max}, found `{value}`"));
        }
        self.code.test(Test { mask, ..loaded.compares(relation.condition(), spread) }, to);
        Ok(())
    }
}
