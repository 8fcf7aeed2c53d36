//! The primitive `protochain`, which walks a chain of headers.

use crate::bpf::assemble::Label;
use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::lang::generate::code_builder::BranchTargets;
use crate::lang::generate::id_values::{ip_protocol_number, misplaced};
use crate::lang::generate::packet_headers::PacketOffset;
use crate::lang::generate::{Generator, Result};
use crate::lang::positions::Site;
use crate::lang::tree::Id;
use crate::lang::words::Protocol;
use crate::packet::protocols::*;

/// IPv6 headers whose first byte is the next protocol and whose second byte is the length, in units of eight bytes.
const OPTION_HEADERS: [u32; 4] = [IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT];

impl Generator<'_> {
    /// Generates `protochain`: tests for a header of that protocol in the chain of headers.
    pub(super) fn protocol_chain(&mut self, version: Option<Protocol>, id: &Id, to: BranchTargets) -> Result {
        if let Id::Dotted(..) | Id::Ipv6(..) | Id::Mac(_) | Id::Byte(_) = id {
            return Err(Site::Operand(0).error("expected a protocol after `protochain`, not an address"));
        }
        let number = ip_protocol_number(id, self.names())?;
        if let Some(protocol) = version.filter(|version| !matches!(version, Protocol::Ip | Protocol::Ip6)) {
            return Err(misplaced(protocol, "`protochain`"));
        }
        if self.payload()?.slot.is_some() {
            return Err(self.unsupported("`protochain` needs headers of a fixed length"));
        }
        self.ip_versions(version, to, |this, to| this.chain(number, false, to), |this, to| this.chain(number, true, to))
    }

    /// Walks the headers after that of IP. A holds the number of the next header, X its offset from the IP header.
    fn chain(&mut self, number: u32, is_ipv6: bool, to: BranchTargets) -> Result {
        let at = self.network()?;
        if !self.code.is_reachable() {
            // The link type does not carry this version of IP.
            return Ok(());
        }
        self.has_chain = true;
        if is_ipv6 {
            self.code.load(at.byte(IPV6_NEXT_HEADER));
            self.code.raw(Instruction::LoadConstant { dst: Register::X, value: IPV6_LENGTH });
        } else {
            self.code.load(at.byte(IPV4_PROTOCOL));
            self.code.raw(Instruction::LoadMemShift { offset: at.at });
        }
        for depth in 0..=self.chain_depth {
            let next = self.code.label();
            self.jump_if(number, to.yes);
            if depth == self.chain_depth {
                break;
            }
            let max = Dialect::Pcap.max_len();
            if self.code.len() > max {
                return Err(format!(
                    "expected fewer headers: with `protochain` the program exceeds {max} instructions"
                )
                .into());
            }
            self.jump_if(IPPROTO_NONE, to.no);
            let options = self.code.label();
            if is_ipv6 {
                OPTION_HEADERS.iter().for_each(|&header| self.jump_if(header, options));
            }
            let authentication = self.code.label();
            let targets = BranchTargets { yes: authentication, no: to.no };
            self.code.branch(Condition::Equal, Operand::Constant(IPPROTO_AH), targets);
            self.code.bind(authentication);
            self.next_header(at, 2, 2);
            if is_ipv6 {
                self.code.jump(next);
                self.code.bind(options);
                self.next_header(at, 1, 3);
            }
            self.code.bind(next);
        }
        self.code.jump(to.no);
        Ok(())
    }

    /// Continues at `yes` if A is the constant, else with the next instruction.
    fn jump_if(&mut self, constant: u32, yes: Label) {
        let no = self.code.label();
        self.code.branch(Condition::Equal, Operand::Constant(constant), BranchTargets { yes, no });
        self.code.bind(no);
    }

    /// Loads the first byte of the header at X into A, and adds the length of the header to X: its second byte and
    /// `more`, in units of 2^`shift` bytes.
    fn next_header(&mut self, at: PacketOffset, more: u32, shift: u32) {
        let slot = self.next_slot;
        let byte = |offset: u32| Instruction::LoadIndirect { offset: at.at + offset, width: Width::Byte };
        self.code.raw(byte(0));
        self.code.store(Register::A, slot);
        self.code.raw(byte(1));
        self.code.alu(AluOp::Add, more);
        self.code.alu(AluOp::Lsh, shift);
        self.code.alu_x(AluOp::Add);
        self.code.raw(Instruction::TransferAToX);
        self.code.load_a(slot);
    }
}
