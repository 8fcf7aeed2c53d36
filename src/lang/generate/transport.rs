//! Tests behind the network header: ports, and chains of IPv6 headers.

use std::ops::RangeInclusive;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::lang::generate::address::misplaced;
use crate::lang::generate::code::{Base, Exits, Value};
use crate::lang::generate::layers::Place;
use crate::lang::generate::network::{IP, IP6};
use crate::lang::generate::protocol::ip_protocol;
use crate::lang::generate::{Generator, Message};
use crate::lang::tree::{Direction, Id, Qualifiers};
use crate::lang::words::Protocol;

const TCP: u32 = 6;
pub(super) const UDP: u32 = 17;
const SCTP: u32 = 132;

/// IPv6 headers of which the first byte names the next and the second is the length: hop-by-hop options, routing, fragment,
/// destination options. And those that are alike, but for the unit of the length; and the end.
const OPTION_HEADERS: [u32; 4] = [0, 60, 43, 44];
const AUTHENTICATION: u32 = 51;
const NO_NEXT: u32 = 59;

impl Generator<'_> {
    /// One of these ranges of ports; `named` is the IP protocol that the name of a service implies.
    pub(super) fn ports(
        &mut self,
        ports: &[RangeInclusive<u32>],
        qualifiers: Qualifiers,
        named: Option<u32>,
        to: Exits,
    ) -> Result<(), Message> {
        let direction = match qualifiers.direction {
            None => Direction::Either,
            Some(direction @ (Direction::Source | Direction::Destination | Direction::Either | Direction::Both)) => {
                direction
            }
            Some(_) => return Err("expected `src` or `dst`: ports have no other directions".to_owned()),
        };
        let asked = match qualifiers.protocol {
            None => None,
            Some(Protocol::Tcp) => Some(TCP),
            Some(Protocol::Udp) => Some(UDP),
            Some(Protocol::Sctp) => Some(SCTP),
            Some(protocol) => return Err(misplaced(protocol, "a port")),
        };
        if let (Some(asked), Some(named)) = (asked, named)
            && asked != named
        {
            let transport = if named == TCP { "tcp" } else { "udp" };
            return Err(format!("expected `{transport}`: the service has its port for that only"));
        }
        match asked.or(named) {
            Some(protocol) => self.ports_of(&[protocol], ports, direction, to),
            None => self.ports_of(&[TCP, UDP, SCTP], ports, direction, to),
        }
    }

    /// One of these ports with one of these IP protocols.
    pub(super) fn ports_of(
        &mut self,
        protocols: &[u32],
        ports: &[RangeInclusive<u32>],
        direction: Direction,
        to: Exits,
    ) -> Result<(), Message> {
        let (six, four) = (self.code.label(), self.code.label());
        self.link_type(IP6, Exits { yes: six, no: four })?;
        self.code.place(six);
        let no = if self.layers.tells_protocols_apart() { to.no } else { four };
        self.ports6(protocols, ports, direction, Exits { no, ..to })?;
        self.code.place(four);
        let here = self.code.label();
        self.link_type(IP, Exits { yes: here, no: to.no })?;
        self.code.place(here);
        self.ports4(protocols, ports, direction, to)
    }

    /// The same in a packet that is one of IPv6.
    pub(super) fn ports6(
        &mut self,
        protocols: &[u32],
        ports: &[RangeInclusive<u32>],
        direction: Direction,
        to: Exits,
    ) -> Result<(), Message> {
        let at = self.network()?;
        self.one_protocol(at.byte(6), protocols, to);
        self.either_port(ports, at.plus(40).half(0), at.plus(40).half(2), direction, to);
        Ok(())
    }

    /// The same in a packet that is one of IPv4; only a first fragment has ports.
    pub(super) fn ports4(
        &mut self,
        protocols: &[u32],
        ports: &[RangeInclusive<u32>],
        direction: Direction,
        to: Exits,
    ) -> Result<(), Message> {
        let at = self.network()?;
        self.one_protocol(at.byte(9), protocols, to);
        self.require(at.half(6).none_of(0x1fff), to.no);
        let port = |offset| behind_ipv4(at, offset, Width::Half);
        self.either_port(ports, port(0), port(2), direction, to);
        Ok(())
    }

    /// Goes to `no` unless the value is one of these protocols.
    fn one_protocol(&mut self, value: Value, protocols: &[u32], to: Exits) {
        let here = self.code.label();
        self.code.one_of(protocols.iter().map(|&protocol| value.is(protocol)), Exits { yes: here, ..to });
        self.code.place(here);
    }

    fn either_port(
        &mut self,
        ports: &[RangeInclusive<u32>],
        source: Value,
        destination: Value,
        direction: Direction,
        to: Exits,
    ) {
        if ports.iter().all(|range| range.start() == range.end()) {
            let ports: Vec<(u32, u32)> = ports.iter().map(|range| (*range.start(), u32::MAX)).collect();
            return self.either_word(&ports, source, destination, direction, to);
        }
        self.alternatives(ports.iter(), to, |this, range, to| {
            this.either(direction, to, |this, is_source, to| {
                let value = if is_source { source } else { destination };
                this.require(value.at_least(*range.start()), to.no);
                this.code.test(value.at_most(*range.end()), to);
            });
        });
    }

    /// `protochain`: a header of that protocol, behind others.
    pub(super) fn protocol_chain(&mut self, of: Option<Protocol>, id: &Id, to: Exits) -> Result<(), Message> {
        if let Id::Dotted(..) | Id::Ipv6(..) | Id::Mac(_) | Id::Byte(_) = id {
            return Err("expected a protocol after `protochain`, not an address".to_owned());
        }
        let number = ip_protocol(id)?;
        if let Some(protocol) = of.filter(|of| !matches!(of, Protocol::Ip | Protocol::Ip6)) {
            return Err(misplaced(protocol, "`protochain`"));
        }
        if self.payload()?.slot.is_some() {
            return Err(self.unsupported("headers of variable length and `protochain` do not go together"));
        }
        let (four, six, other) = (self.code.label(), self.code.label(), self.code.label());
        if of == Some(Protocol::Ip6) {
            self.code.jump(other);
        } else {
            let is_all = of == Some(Protocol::Ip);
            self.link_type(IP, Exits { yes: four, no: if is_all { to.no } else { other } })?;
            self.code.place(four);
            let no = if is_all || self.layers.tells_protocols_apart() { to.no } else { other };
            self.chain(number, false, Exits { no, ..to })?;
        }
        self.code.place(other);
        if of != Some(Protocol::Ip) {
            self.link_type(IP6, Exits { yes: six, no: to.no })?;
            self.code.place(six);
            self.chain(number, true, to)?;
        }
        Ok(())
    }

    /// The headers from that of IP on: A is the number of the next one, X its offset from the IP header.
    fn chain(&mut self, number: u32, is_ipv6: bool, to: Exits) -> Result<(), Message> {
        let at = self.network()?;
        if !self.code.is_live() {
            // With this link type there is no IP of that version.
            return Ok(());
        }
        self.has_chain = true;
        if is_ipv6 {
            self.code.load(at.byte(6));
            self.code.raw(Instruction::LoadConstant { dst: Register::X, value: 40 });
        } else {
            self.code.load(at.byte(9));
            self.code.raw(Instruction::LoadMemShift { offset: at.at });
        }
        for depth in 0..=self.chain_depth {
            let next = self.code.label();
            self.jump_if(number, to.yes);
            if depth == self.chain_depth {
                break;
            }
            let most = Dialect::Pcap.max_len();
            if self.code.len() > most {
                return Err(format!(
                    "expected fewer headers: with `protochain` the program exceeds {most} instructions"
                ));
            }
            self.jump_if(NO_NEXT, to.no);
            if is_ipv6 {
                let options = self.code.label();
                OPTION_HEADERS.iter().for_each(|&header| self.jump_if(header, options));
                let other = self.code.label();
                self.unless(AUTHENTICATION, to.no, other);
                self.next_header(at, 2, 2);
                self.code.jump(next);
                self.code.place(options);
                self.next_header(at, 1, 3);
            } else {
                let other = self.code.label();
                self.unless(AUTHENTICATION, to.no, other);
                self.next_header(at, 2, 2);
            }
            self.code.place(next);
        }
        self.code.jump(to.no);
        Ok(())
    }

    fn jump_if(&mut self, constant: u32, yes: crate::bpf::assemble::Label) {
        let no = self.code.label();
        self.code.branch(Condition::Equal, Operand::Constant(constant), Exits { yes, no });
        self.code.place(no);
    }

    /// Goes on at `here` if A is the constant.
    fn unless(&mut self, constant: u32, no: crate::bpf::assemble::Label, here: crate::bpf::assemble::Label) {
        self.code.branch(Condition::Equal, Operand::Constant(constant), Exits { yes: here, no });
        self.code.place(here);
    }

    /// A = the first byte of the header at X, and X goes behind it: its second byte and `more`, in units of a power of two.
    fn next_header(&mut self, at: Place, more: u32, shift: u32) {
        let slot = self.next_slot;
        let byte = |offset: u32| Instruction::LoadIndirect { offset: at.at + offset, width: Width::Byte };
        self.code.raw(byte(0));
        self.code.store(Register::A, slot);
        self.code.raw(byte(1));
        self.code.alu(AluOp::Add, more);
        self.code.alu(AluOp::Lsh, shift);
        self.code.raw(Instruction::Alu { op: AluOp::Add, operand: Operand::X });
        self.code.raw(Instruction::TransferAToX);
        self.code.load_a(slot);
    }
}

/// What is so far behind the IPv4 header that is at a place.
pub(super) fn behind_ipv4(at: Place, offset: u32, width: Width) -> Value {
    Value::Bytes { base: Base::Ipv4Header(at), offset: at.at.wrapping_add(offset), width }
}
