//! Tests that also move the headers for everything behind them: tags, labels and tunnels.

use crate::bpf::assemble::Label;
use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::lang::generate::code::{Base, Exits, Test, Value};
use crate::lang::generate::layers::{Around, Family, Layers, Place};
use crate::lang::generate::network::{IP, IP6};
use crate::lang::generate::prologue::PPI;
use crate::lang::generate::transport::{UDP, behind_ipv4};
use crate::lang::generate::{Generator, Message};
use crate::lang::tree::Direction;
use crate::packet::ancillary::Extension;

/// EtherTypes of tags, of MPLS, PPPoE sessions, batman-adv, and of Ethernet in a tunnel.
const TAGS: [u32; 3] = [0x8100, 0x88a8, 0x9100];
const MPLS: u32 = 0x8847;
const PPPOE_SESSION: u32 = 0x8864;
const BATADV: u32 = 0x4305;
const BRIDGED: u32 = 0x6558;

/// PPP's number of MPLS.
const PPP_MPLS: u32 = 0x0281;

/// UDP ports.
const GENEVE_PORT: u32 = 6081;
const VXLAN_PORT: u32 = 4789;

/// How long the headers of batman-adv are before the frame that they carry, by version and type.
static BATADV_HEADERS: [((u32, u32), u32); 10] = [
    ((14, 0x03), 10),
    ((14, 0x04), 14),
    ((14, 0x06), 20),
    ((14, 0x09), 11),
    ((14, 0x0a), 46),
    ((15, 0x01), 14),
    ((15, 0x02), 46),
    ((15, 0x40), 10),
    ((15, 0x41), 20),
    ((15, 0x42), 18),
];

/// Whether a number is small enough.
fn bounded(number: u32, max: u32, what: &str) -> Result<u32, Message> {
    if number <= max { Ok(number) } else { Err(format!("expected {what}, a number up to {max}, found `{number}`")) }
}

impl Generator<'_> {
    pub(super) fn vlan(&mut self, tag: Option<u32>, to: Exits) -> Result<(), Message> {
        if self.layers.labels > 0 {
            return Err("expected no `vlan` behind `mpls`".to_owned());
        }
        let tag = tag.map(|tag| bounded(tag, 0xfff, "a VLAN")).transpose()?;
        let (Family::Ethernet | Family::Wlan, Some(payload)) = (self.layers.family, self.layers.payload) else {
            return Err(self.unsupported("there are no VLANs"));
        };
        if self.layers.family == Family::Wlan && self.target.link_type.number() == PPI {
            return Err(self.unsupported("there are no VLANs"));
        }
        let network = self.network()?;
        let is_outermost = self.layers.tags == 0 && self.layers.around == Around::Nothing;
        let is_plain = matches!(self.target.link_type.number(), 1 | 240 | 241);
        self.layers.tags += 1;
        if self.target.is_live && is_outermost && is_plain {
            return self.vlan_of_kernel(tag, to);
        }
        self.vlan_in_frame(tag, network, to)?;
        self.layers.payload = Some(payload.plus(4));
        self.layers.link_type = self.layers.link_type.map(|place| place.plus(4));
        Ok(())
    }

    fn vlan_in_frame(&mut self, tag: Option<u32>, network: Place, to: Exits) -> Result<(), Message> {
        let here = if tag.is_some() { self.code.label() } else { to.yes };
        for (index, kind) in TAGS.into_iter().enumerate() {
            let is_last = index + 1 == TAGS.len();
            let next = if is_last { to.no } else { self.code.label() };
            self.link_type(kind, Exits { yes: here, no: next })?;
            if !is_last {
                self.code.place(next);
            }
        }
        if let Some(tag) = tag {
            self.code.place(here);
            self.code.test(network.half(0).has(0xfff, tag), to);
        }
        Ok(())
    }

    /// The tag is not in the frame if the kernel or the card took it off; else the headers are moved by its length.
    fn vlan_of_kernel(&mut self, tag: Option<u32>, to: Exits) -> Result<(), Message> {
        let slot = self.new_slot()?;
        let (present, absent) = (self.code.label(), self.code.label());
        let is_present = Value::Extension(Extension::VlanPresent).is(1);
        self.code.test(is_present, Exits { yes: present, no: absent });
        self.code.place(absent);
        self.code.raw(Instruction::LoadConstant { dst: Register::A, value: 4 });
        self.code.store(Register::A, slot);
        let network = self.network()?;
        self.vlan_in_frame(tag, network, to)?;
        self.code.place(present);
        match tag {
            Some(tag) => self.code.test(Value::Extension(Extension::VlanTci).has(0xfff, tag), to),
            None => self.code.jump(to.yes),
        }
        let moved = |place: Place| Place { slot: Some(slot), ..place };
        self.layers.payload = self.layers.payload.map(moved);
        self.layers.link_type = self.layers.link_type.map(moved);
        Ok(())
    }

    pub(super) fn mpls(&mut self, label: Option<u32>, to: Exits) -> Result<(), Message> {
        let here = if label.is_some() { self.code.label() } else { to.yes };
        let is_mpls = Exits { yes: here, no: to.no };
        let at = self.network()?;
        let number = self.target.link_type.number();
        let is_tunnel = self.layers.around != Around::Nothing;
        if self.layers.labels > 0 {
            // The label before is not the last one.
            self.code.test(at.plus(2_u32.wrapping_neg()).byte(0).has(0x01, 0), is_mpls);
        } else {
            match self.layers.family {
                Family::Ethernet | Family::CiscoHdlc => self.link_type(MPLS, is_mpls)?,
                Family::Ppp if number == 9 || is_tunnel => self.link_type(PPP_MPLS, is_mpls)?,
                _ => return Err(self.unsupported("there is no MPLS")),
            }
        }
        if let Some(label) = label {
            let label = bounded(label, 0xf_ffff, "an MPLS label")?;
            self.code.place(here);
            self.code.test(at.word(0).has(0xffff_f000, label << 12), to);
        }
        self.layers.labels += 1;
        self.layers.network = self.layers.network.wrapping_add(4);
        self.layers.without_snap = self.layers.without_snap.map(|offset| offset.wrapping_add(4));
        Ok(())
    }

    pub(super) fn pppoe_session(&mut self, session: Option<u32>, to: Exits) -> Result<(), Message> {
        let here = if session.is_some() { self.code.label() } else { to.yes };
        self.link_type(PPPOE_SESSION, Exits { yes: here, no: to.no })?;
        let at = self.network()?;
        if let Some(session) = session {
            let session = bounded(session, 0xffff, "a PPPoE session")?;
            self.code.place(here);
            self.code.test(at.half(2).is(session), to);
        }
        self.layers = self.layers.ppp(at.plus(6));
        Ok(())
    }

    /// `geneve`: what it carries may begin with an Ethernet header or not.
    pub(super) fn geneve(&mut self, network: Option<u32>, to: Exits) -> Result<(), Message> {
        let network = network.map(|number| bounded(number, 0xff_ffff, "a Geneve network")).transpose()?;
        self.behind_udp(GENEVE_PORT, |byte| byte.has(0xc0, 0), network, to)?;
        // A is the offset of the Geneve header.
        let (kind, header, payload) = (self.new_slot()?, self.new_slot()?, self.new_slot()?);
        let byte = |offset, width| Instruction::LoadIndirect { offset, width };
        self.code.raw(Instruction::TransferAToX);
        self.code.alu(AluOp::Add, 2);
        self.code.store(Register::A, kind);
        self.code.raw(byte(0, Width::Byte));
        self.code.alu(AluOp::And, 0x3f);
        self.code.alu(AluOp::Lsh, 2);
        self.code.alu(AluOp::Add, 8);
        self.code.raw(Instruction::Alu { op: AluOp::Add, operand: Operand::X });
        self.code.store(Register::A, header);
        self.code.store(Register::A, payload);
        self.code.raw(byte(2, Width::Half));
        let ethernet = self.code.label();
        let is_bridged = Exits { yes: ethernet, no: to.yes };
        self.code.branch(Condition::Equal, Operand::Constant(BRIDGED), is_bridged);
        self.code.place(ethernet);
        self.code.load_a(header);
        self.code.alu(AluOp::Add, 12);
        self.code.store(Register::A, kind);
        self.code.alu(AluOp::Add, 2);
        self.code.store(Register::A, payload);
        self.code.jump(to.yes);
        self.layers = Layers {
            link_type: Some(Place::in_slot(kind)),
            payload: Some(Place::in_slot(payload)),
            ..self.layers.ethernet(Place::in_slot(header), Around::Geneve)
        };
        Ok(())
    }

    /// Whether Geneve carries an Ethernet header: then what is behind it begins later.
    pub(super) fn has_geneve_ethernet(&mut self, to: Exits) {
        if let (Some(header), Some(payload)) =
            (self.layers.header.slot, self.layers.payload.and_then(|place| place.slot))
        {
            let here = self.code.label();
            self.code.load_a(header);
            self.code.load_x(payload);
            self.code.branch(Condition::Equal, Operand::X, Exits { yes: to.no, no: here });
            self.code.place(here);
        }
    }

    pub(super) fn vxlan(&mut self, network: Option<u32>, to: Exits) -> Result<(), Message> {
        let network = network.map(|number| bounded(number, 0xff_ffff, "a VXLAN network")).transpose()?;
        self.behind_udp(VXLAN_PORT, |byte| byte.is(0x08), network, to)?;
        let header = self.new_slot()?;
        self.code.alu(AluOp::Add, 8);
        self.code.store(Register::A, header);
        self.code.jump(to.yes);
        self.layers = self.layers.ethernet(Place::in_slot(header), Around::Other);
        Ok(())
    }

    /// Goes on here, with the offset of what UDP carries in A, if the packet is for that port, its first byte is as it should
    /// be, and the three bytes from the fifth on are the number of a network.
    fn behind_udp(
        &mut self,
        port: u32,
        first: impl Fn(Value) -> Test,
        network: Option<u32>,
        to: Exits,
    ) -> Result<(), Message> {
        let at = self.network()?;
        let (four, six, found) = (self.code.label(), self.code.label(), self.code.label());
        self.link_type(IP, Exits { yes: four, no: six })?;
        self.code.place(four);
        let no = if self.layers.tells_protocols_apart() { to.no } else { six };
        let here = self.code.label();
        self.ports4(&[UDP], &[port..=port], Direction::Destination, Exits { yes: here, no })?;
        self.code.place(here);
        self.tunnel_header(&first, |offset, width| behind_ipv4(at, 8 + offset, width), network, no);
        self.code.point(Base::Ipv4Header(at));
        self.code.raw(Instruction::TransferXToA);
        self.code.alu(AluOp::Add, at.at.wrapping_add(8));
        self.code.jump(found);
        self.code.place(six);
        let (six, here) = (self.code.label(), self.code.label());
        self.link_type(IP6, Exits { yes: six, no: to.no })?;
        self.code.place(six);
        self.ports6(&[UDP], &[port..=port], Direction::Destination, Exits { yes: here, no: to.no })?;
        self.code.place(here);
        let value = |offset, width| Value::Bytes { base: at.base(), offset: at.at.wrapping_add(48 + offset), width };
        self.tunnel_header(&first, value, network, to.no);
        let behind = at.at.wrapping_add(48);
        match at.slot {
            Some(slot) => {
                self.code.load_a(slot);
                self.code.alu(AluOp::Add, behind);
            }
            None => self.code.raw(Instruction::LoadConstant { dst: Register::A, value: behind }),
        }
        self.code.place(found);
        Ok(())
    }

    fn tunnel_header(
        &mut self,
        first: impl Fn(Value) -> Test,
        value: impl Fn(u32, Width) -> Value,
        network: Option<u32>,
        no: Label,
    ) {
        self.require(first(value(0, Width::Byte)), no);
        if let Some(network) = network {
            self.require(value(4, Width::Word).has(0xffff_ff00, network << 8), no);
        }
    }

    pub(super) fn batadv(&mut self, version: Option<u32>, packet: Option<u32>, to: Exits) -> Result<(), Message> {
        let here = if version.is_some() { self.code.label() } else { to.yes };
        self.link_type(BATADV, Exits { yes: here, no: to.no })?;
        let at = self.network()?;
        let Some(version) = version else { return Ok(()) };
        let version = bounded(version, 255, "a version of batman-adv")?;
        self.code.place(here);
        let Some(packet) = packet else {
            self.code.test(at.byte(1).is(version), to);
            return Ok(());
        };
        if !matches!(version, 14 | 15) {
            return Err(format!("expected version 14 or 15 of batman-adv before a type, found `{version}`"));
        }
        let packet = bounded(packet, 255, "a type of packet")?;
        self.require(at.byte(1).is(version), to.no);
        self.code.test(at.byte(0).is(packet), to);
        if let Some((_, length)) = BATADV_HEADERS.iter().find(|(kind, _)| *kind == (version, packet)) {
            self.layers = self.layers.ethernet(at.plus(*length), Around::Other);
        }
        Ok(())
    }
}
