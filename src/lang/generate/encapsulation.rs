//! Tests that also move the headers for all later primitives: tags, labels and tunnels.

use crate::bpf::assemble::Label;
use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::lang::generate::code_builder::{Base, BranchTargets, Test, Value};
use crate::lang::generate::link_protocol::last_mpls_label;
use crate::lang::generate::packet_headers::{Encapsulation, Headers, PacketOffset};
use crate::lang::generate::ports::after_ipv4_header;
use crate::lang::generate::{Ends, Generator, Result};
use crate::lang::link_layout::LinkFamily;
use crate::lang::link_type::LinkType;
use crate::lang::positions::Site;
use crate::packet::ancillary::Extension;
use crate::packet::protocols::*;

/// EtherTypes of VLAN tags.
const TAGS: [u32; 3] = [ETHERTYPE_VLAN, ETHERTYPE_QINQ, ETHERTYPE_QINQ_OLD];

/// The lengths of the headers of batman-adv before the frame that they carry, by version and type.
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

/// Returns the first number of a primitive, which is at most `max`.
fn bounded(number: u32, max: u32, what: &str) -> Result<u32> {
    bounded_at(Site::Operand(0), number, max, what)
}

fn bounded_at(site: Site, number: u32, max: u32, what: &str) -> Result<u32> {
    if number <= max {
        return Ok(number);
    }
    Err(site.error(format!("expected {what}, a number up to {max}, found `{number}`")))
}

impl Generator<'_> {
    pub(super) fn vlan(&mut self, tag: Option<u32>, to: BranchTargets) -> Result {
        if self.headers.labels > 0 {
            return Err("expected no `vlan` after `mpls`".into());
        }
        let tag = tag.map(|tag| bounded(tag, 0xfff, "a VLAN")).transpose()?;
        let (LinkFamily::Ethernet | LinkFamily::Wlan, Some(payload)) = (self.headers.family, self.headers.payload)
        else {
            return Err(self.unsupported("there are no VLANs"));
        };
        if self.headers.family == LinkFamily::Wlan && self.target.link_type == LinkType::PPI {
            return Err(self.unsupported("there are no VLANs"));
        }
        let network = self.network()?;
        let is_outermost = self.headers.tags == 0 && self.headers.encapsulation == Encapsulation::None;
        let is_plain = matches!(
            self.target.link_type,
            LinkType::ETHERNET | LinkType::NETANALYZER | LinkType::NETANALYZER_TRANSPARENT
        );
        self.headers.tags += 1;
        if self.target.is_live && is_outermost && is_plain {
            return self.vlan_of_device(tag, to);
        }
        self.vlan_in_frame(tag, network, to)?;
        self.headers.payload = Some(payload.plus(4));
        self.headers.protocol_field = self.headers.protocol_field.map(|offset| offset.plus(4));
        Ok(())
    }

    fn vlan_in_frame(&mut self, tag: Option<u32>, network: PacketOffset, to: BranchTargets) -> Result {
        let here = if tag.is_some() { self.code.label() } else { to.yes };
        let [first, second, third] = TAGS;
        for ether_type in [first, second] {
            let next = self.code.label();
            self.link_protocol(ether_type, BranchTargets { yes: here, no: next })?;
            self.code.bind(next);
        }
        self.link_protocol(third, BranchTargets { yes: here, no: to.no })?;
        if let Some(tag) = tag {
            self.code.bind(here);
            self.code.test(network.half(0).has(0xfff, tag), to);
        }
        Ok(())
    }

    /// Tests for a tag that the kernel or the device may have removed from the frame. If the frame has it, the headers
    /// move by its length.
    fn vlan_of_device(&mut self, tag: Option<u32>, to: BranchTargets) -> Result {
        let slot = self.new_slot()?;
        let (present, absent) = (self.code.label(), self.code.label());
        let is_present = Value::Extension(Extension::VlanPresent).is(1);
        self.code.test(is_present, BranchTargets { yes: present, no: absent });
        self.code.bind(absent);
        self.code.load_constant(4);
        self.code.store(Register::A, slot);
        let network = self.network()?;
        self.vlan_in_frame(tag, network, to)?;
        self.code.bind(present);
        match tag {
            Some(tag) => self.code.test(Value::Extension(Extension::VlanTci).has(0xfff, tag), to),
            None => self.code.jump(to.yes),
        }
        let moved = |offset: PacketOffset| PacketOffset { slot: Some(slot), ..offset };
        self.headers.payload = self.headers.payload.map(moved);
        self.headers.protocol_field = self.headers.protocol_field.map(moved);
        Ok(())
    }

    pub(super) fn mpls(&mut self, label: Option<u32>, to: BranchTargets) -> Result {
        let here = if label.is_some() { self.code.label() } else { to.yes };
        let is_mpls = BranchTargets { yes: here, no: to.no };
        let at = self.network()?;
        let is_ppp = self.target.link_type == LinkType::PPP || self.headers.encapsulation != Encapsulation::None;
        if self.headers.labels > 0 {
            // The label before this one must not be the last.
            self.code.test(last_mpls_label(at).has(0x01, 0), is_mpls);
        } else {
            match self.headers.family {
                LinkFamily::Ethernet | LinkFamily::CiscoHdlc => self.link_protocol(ETHERTYPE_MPLS, is_mpls)?,
                LinkFamily::Ppp if is_ppp => self.link_protocol(PPP_MPLS, is_mpls)?,
                _ => return Err(self.unsupported("there is no MPLS")),
            }
        }
        if let Some(label) = label {
            let label = bounded(label, 0xf_ffff, "an MPLS label")?;
            self.code.bind(here);
            self.code.test(at.word(0).has(0xffff_f000, label << 12), to);
        }
        self.headers.labels += 1;
        self.headers.network = self.headers.network.wrapping_add(4);
        self.headers.network_without_snap = self.headers.network_without_snap.map(|offset| offset.wrapping_add(4));
        Ok(())
    }

    pub(super) fn pppoe_session(&mut self, session: Option<u32>, to: BranchTargets) -> Result {
        let here = if session.is_some() { self.code.label() } else { to.yes };
        self.link_protocol(ETHERTYPE_PPPOE_SESSION, BranchTargets { yes: here, no: to.no })?;
        let at = self.network()?;
        if let Some(session) = session {
            let session = bounded(session, 0xffff, "a PPPoE session")?;
            self.code.bind(here);
            self.code.test(at.half(2).is(session), to);
        }
        self.headers = self.headers.ppp(at.plus(6));
        Ok(())
    }

    /// Generates `geneve`. The payload begins with an Ethernet header or a network header.
    pub(super) fn geneve(&mut self, network: Option<u32>, to: BranchTargets) -> Result {
        let network = network.map(|number| bounded(number, 0xff_ffff, "a Geneve network")).transpose()?;
        self.udp_payload(PORT_GENEVE, |byte| byte.has(0xc0, 0), network, to)?;
        // A holds the offset of the Geneve header.
        let (protocol, header, payload) = (self.new_slot()?, self.new_slot()?, self.new_slot()?);
        self.code.raw(Instruction::TransferAToX);
        self.code.alu(AluOp::Add, 2);
        self.code.store(Register::A, protocol);
        self.code.raw(Instruction::LoadIndirect { offset: 0, width: Width::Byte });
        self.code.alu(AluOp::And, 0x3f);
        self.code.alu(AluOp::Lsh, 2);
        self.code.alu(AluOp::Add, 8);
        self.code.alu_x(AluOp::Add);
        self.code.store(Register::A, header);
        self.code.store(Register::A, payload);
        self.code.raw(Instruction::LoadIndirect { offset: 2, width: Width::Half });
        let ethernet = self.code.label();
        let is_bridged = BranchTargets { yes: ethernet, no: to.yes };
        self.code.branch(Condition::Equal, Operand::Constant(ETHERTYPE_TRANSPARENT_BRIDGING), is_bridged);
        self.code.bind(ethernet);
        self.code.load_a(header);
        self.code.alu(AluOp::Add, 12);
        self.code.store(Register::A, protocol);
        self.code.alu(AluOp::Add, 2);
        self.code.store(Register::A, payload);
        self.code.jump(to.yes);
        self.headers = Headers {
            protocol_field: Some(PacketOffset::in_slot(protocol)),
            payload: Some(PacketOffset::in_slot(payload)),
            ..self.headers.ethernet(PacketOffset::in_slot(header), Encapsulation::Geneve)
        };
        Ok(())
    }

    /// Continues at `to.no` if Geneve does not carry an Ethernet header, so its payload is at the same offset.
    pub(super) fn require_geneve_ethernet(&mut self, to: BranchTargets) {
        if let (Some(header), Some(payload)) =
            (self.headers.header.slot, self.headers.payload.and_then(|offset| offset.slot))
        {
            let here = self.code.label();
            self.code.load_a(header);
            self.code.load_x(payload);
            self.code.branch(Condition::Equal, Operand::X, BranchTargets { yes: to.no, no: here });
            self.code.bind(here);
        }
    }

    pub(super) fn vxlan(&mut self, network: Option<u32>, to: BranchTargets) -> Result {
        let network = network.map(|number| bounded(number, 0xff_ffff, "a VXLAN network")).transpose()?;
        self.udp_payload(PORT_VXLAN, |byte| byte.is(0x08), network, to)?;
        let header = self.new_slot()?;
        self.code.alu(AluOp::Add, 8);
        self.code.store(Register::A, header);
        self.code.jump(to.yes);
        self.headers = self.headers.ethernet(PacketOffset::in_slot(header), Encapsulation::Other);
        Ok(())
    }

    /// Loads the offset of the UDP payload into A and continues with the next instruction if the packet is to `port`,
    /// its first byte passes the test, and three bytes from the fifth are the number of the network; else at `to.no`.
    fn udp_payload(
        &mut self,
        port: u32,
        first: impl Fn(Value) -> Test,
        network: Option<u32>,
        to: BranchTargets,
    ) -> Result {
        let at = self.network()?;
        let found = self.code.label();
        let ports = [port..=port];
        let ipv4 = |this: &mut Self, to: BranchTargets| {
            let here = this.code.label();
            this.ipv4_ports(&[IPPROTO_UDP], &ports, Ends::Destination, BranchTargets { yes: here, ..to })?;
            this.code.bind(here);
            let value = |offset, width| after_ipv4_header(at, UDP_LENGTH + offset, width);
            this.tunnel_header(&first, value, network, to.no);
            this.code.load_base(Base::Ipv4Header(at));
            this.code.raw(Instruction::TransferXToA);
            this.code.alu(AluOp::Add, at.at.wrapping_add(UDP_LENGTH));
            this.code.jump(found);
            Ok(())
        };
        let ipv6 = |this: &mut Self, to: BranchTargets| {
            let here = this.code.label();
            this.ipv6_ports(&[IPPROTO_UDP], &ports, Ends::Destination, BranchTargets { yes: here, ..to })?;
            this.code.bind(here);
            let payload = at.plus(IPV6_LENGTH + UDP_LENGTH);
            this.tunnel_header(&first, |offset, width| payload.value(offset, width), network, to.no);
            match payload.slot {
                Some(slot) => {
                    this.code.load_a(slot);
                    this.code.alu(AluOp::Add, payload.at);
                }
                None => this.code.load_constant(payload.at),
            }
            Ok(())
        };
        self.ip_versions(None, to, ipv4, ipv6)?;
        self.code.bind(found);
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

    pub(super) fn batadv(&mut self, version: Option<u32>, packet: Option<u32>, to: BranchTargets) -> Result {
        let here = if version.is_some() { self.code.label() } else { to.yes };
        self.link_protocol(ETHERTYPE_BATADV, BranchTargets { yes: here, no: to.no })?;
        let at = self.network()?;
        let Some(version) = version else { return Ok(()) };
        let version = bounded(version, 255, "a version of batman-adv")?;
        self.code.bind(here);
        let Some(packet) = packet else {
            self.code.test(at.byte(1).is(version), to);
            return Ok(());
        };
        if !matches!(version, 14 | 15) {
            let message = format!("expected version 14 or 15 of batman-adv before a type, found `{version}`");
            return Err(Site::Operand(0).error(message));
        }
        let packet = bounded_at(Site::Operand(1), packet, 255, "a type of packet")?;
        self.require(at.byte(1).is(version), to.no);
        self.code.test(at.byte(0).is(packet), to);
        if let Some((_, length)) = BATADV_HEADERS.iter().find(|(kind, _)| *kind == (version, packet)) {
            self.headers = self.headers.ethernet(at.plus(*length), Encapsulation::Other);
        }
        Ok(())
    }
}
