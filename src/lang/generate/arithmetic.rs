//! Relations between numbers.
//!
//! Constants are computed at compile time, everything else in A. Of two operands, the one that needs more scratch words
//! is computed first, so the scratch words of the machine are enough for any expression that people write.

use alloc::vec::Vec;

use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::bpf::verify::SCRATCH_WORDS;
use crate::lang::generate::arithmetic_costs::{CostedArithmetic, is_commutative};
use crate::lang::generate::code_builder::{Base, BranchTargets};
use crate::lang::generate::id_values::misplaced;
use crate::lang::generate::packet_headers::PacketOffset;
use crate::lang::generate::protocol_primitives::{ip_protocol, link_protocol};
use crate::lang::generate::{Generator, PrimitiveError, Result};
use crate::lang::link_layout::LinkFamily;
use crate::lang::link_type::LinkType;
use crate::lang::positions::Site;
use crate::lang::tree::{Arithmetic, Relation, Step};
use crate::lang::words::Protocol;
use crate::packet::ancillary;
use crate::packet::ancillary::Extension;
use crate::packet::protocols::*;

/// A pending step of a computation; the last one is next. `slot` is the first free scratch word.
enum ComputeTask {
    Compute {
        step: usize,
        slot: u8,
    },
    Store(u8),
    Load {
        protocol: Protocol,
        size: u32,
        slot: u8,
    },
    Negate,
    /// Computes A op constant.
    Constant(AluOp, u32),
    /// Computes A op scratch word.
    WithSlot(AluOp, u8),
    /// Computes scratch word op A.
    SlotWith(AluOp, u8),
}

impl Relation {
    /// Returns the relation with its sides exchanged.
    fn mirrored(self) -> Relation {
        match self {
            Relation::Greater => Relation::Less,
            Relation::GreaterOrEqual => Relation::LessOrEqual,
            Relation::Less => Relation::Greater,
            Relation::LessOrEqual => Relation::GreaterOrEqual,
            same => same,
        }
    }
}

impl Generator<'_> {
    /// Tests a relation, which does not hold in packets without the headers that it loads from.
    pub(super) fn relation(
        &mut self,
        left: &Arithmetic,
        relation: Relation,
        right: &Arithmetic,
        to: BranchTargets,
    ) -> Result {
        self.require_headers(left.steps.iter().chain(&right.steps), to)?;
        let (left, right) = (CostedArithmetic::new(left, 0)?, CostedArithmetic::new(right, left.steps.len())?);
        let slot = self.next_slot;
        match (left.constant(), right.constant()) {
            (Some(left), Some(right)) => {
                self.code.jump(if relation.condition().eval(left, right) { to.yes } else { to.no });
                Ok(())
            }
            (_, Some(constant)) => self.compare(&left, relation, constant, to),
            (Some(constant), _) => self.compare(&right, relation.mirrored(), constant, to),
            _ => {
                // The side that needs more scratch words is computed first.
                let is_right_first = right.costs[right.root()].slots >= left.costs[left.root()].slots;
                let (first, second) = if is_right_first { (&right, &left) } else { (&left, &right) };
                let relation = if is_right_first { relation } else { relation.mirrored() };
                self.compute(first, first.root(), slot)?;
                self.code.store(Register::A, slot);
                self.compute(second, second.root(), slot + 1)?;
                self.code.load_x(slot);
                self.code.branch(relation.condition(), Operand::X, to);
                Ok(())
            }
        }
    }

    /// Tests a relation to a constant. `number & bits = 0` takes one instruction.
    fn compare(&mut self, costed: &CostedArithmetic, relation: Relation, constant: u32, to: BranchTargets) -> Result {
        let slot = self.next_slot;
        if let (Step::Binary(AluOp::And), 0, Relation::Equal | Relation::NotEqual) =
            (costed.steps[costed.root()], constant, relation)
        {
            let (left, right) = costed.operands(costed.root());
            let operands = [(left, costed.costs[right].constant), (right, costed.costs[left].constant)];
            if let Some((operand, bits)) = operands.into_iter().find_map(|(step, bits)| Some((step, bits?))) {
                self.compute(costed, operand, slot)?;
                let is_set = relation == Relation::NotEqual;
                let condition = if is_set { Condition::BitsSet } else { Condition::BitsNotSet };
                self.code.branch(condition, Operand::Constant(bits), to);
                return Ok(());
            }
        }
        self.compute(costed, costed.root(), slot)?;
        self.code.branch(relation.condition(), Operand::Constant(constant), to);
        Ok(())
    }

    /// Computes a step in A.
    fn compute(&mut self, costed: &CostedArithmetic, step: usize, slot: u8) -> Result {
        if usize::from(slot.saturating_add(costed.costs[step].slots)) > SCRATCH_WORDS {
            return Err(format!(
                "expected a simpler number: the machine has {SCRATCH_WORDS} scratch words for what is not computed yet"
            )
            .into());
        }
        let mut tasks = vec![ComputeTask::Compute { step, slot }];
        while let Some(task) = tasks.pop() {
            match task {
                ComputeTask::Compute { step, slot } => self.start(costed, step, slot, &mut tasks)?,
                ComputeTask::Store(slot) => self.code.store(Register::A, slot),
                ComputeTask::Load { protocol, size, slot } => self.load_at_a(protocol, width(size), slot)?,
                ComputeTask::Negate => self.code.raw(Instruction::Negate),
                ComputeTask::Constant(op, constant) => self.code.alu(op, constant),
                ComputeTask::WithSlot(op, slot) => {
                    self.code.load_x(slot);
                    self.code.alu_x(op);
                }
                ComputeTask::SlotWith(op, slot) => {
                    self.code.raw(Instruction::TransferAToX);
                    self.code.load_a(slot);
                    self.code.alu_x(op);
                }
            }
        }
        Ok(())
    }

    /// Computes a step without operands, or pushes the tasks for its operands.
    fn start(&mut self, costed: &CostedArithmetic, step: usize, slot: u8, tasks: &mut Vec<ComputeTask>) -> Result {
        if let Some(value) = costed.costs[step].constant {
            self.code.load_constant(value);
            return Ok(());
        }
        match costed.steps[step] {
            Step::Number(_) => {}
            Step::Length => self.code.raw(Instruction::LoadLength { dst: Register::A }),
            Step::Negate => tasks.extend([ComputeTask::Negate, ComputeTask::Compute { step: step - 1, slot }]),
            Step::Load(protocol, size) => match costed.costs[step - 1].constant {
                Some(index) => self.load_at_constant(protocol, width(size), index)?,
                None => tasks.extend([
                    ComputeTask::Load { protocol, size, slot },
                    ComputeTask::Compute { step: step - 1, slot },
                ]),
            },
            Step::Binary(op) => {
                let (left, right) = costed.operands(step);
                let (left_cost, right_cost) = (costed.costs[left], costed.costs[right]);
                if let Some(constant) = right_cost.constant {
                    tasks.extend([ComputeTask::Constant(op, constant), ComputeTask::Compute { step: left, slot }]);
                } else if let Some(constant) = left_cost.constant.filter(|_| is_commutative(op)) {
                    tasks.extend([ComputeTask::Constant(op, constant), ComputeTask::Compute { step: right, slot }]);
                } else if right_cost.slots >= left_cost.slots {
                    tasks.extend([
                        ComputeTask::WithSlot(op, slot),
                        ComputeTask::Compute { step: left, slot: slot + 1 },
                        ComputeTask::Store(slot),
                        ComputeTask::Compute { step: right, slot },
                    ]);
                } else {
                    let last = if is_commutative(op) {
                        ComputeTask::WithSlot(op, slot)
                    } else {
                        ComputeTask::SlotWith(op, slot)
                    };
                    tasks.extend([
                        last,
                        ComputeTask::Compute { step: right, slot: slot + 1 },
                        ComputeTask::Store(slot),
                        ComputeTask::Compute { step: left, slot },
                    ]);
                }
            }
        }
        Ok(())
    }

    /// Loads a value at a constant index in a header.
    fn load_at_constant(&mut self, protocol: Protocol, width: Width, index: u32) -> Result {
        let (base, at) = self.indexed(protocol)?;
        if base == Base::Packet {
            self.load_absolute(at.at.wrapping_add(index), width);
            return Ok(());
        }
        self.code.load_base(base);
        match at.at.checked_add(index).filter(|&offset| i32::try_from(offset).is_ok()) {
            Some(offset) => self.code.raw(Instruction::LoadIndirect { offset, width }),
            // The index is too large or negative, so the addition is left to the machine.
            None => {
                self.code.load_constant(index);
                self.code.alu_x(AluOp::Add);
                self.code.raw(Instruction::TransferAToX);
                self.code.raw(Instruction::LoadIndirect { offset: at.at, width });
            }
        }
        Ok(())
    }

    /// Loads a value at an offset from the start of the packet.
    ///
    /// The kernel takes a negative offset for an ancillary load or an offset relative to a header. It rejects absolute
    /// loads of unknown ancillary data, but accepts indirect ones, which find nothing.
    fn load_absolute(&mut self, offset: u32, width: Width) {
        if offset < ancillary::BASE || Extension::from_offset(offset).is_some() {
            self.code.raw(Instruction::LoadAbsolute { offset, width });
        } else {
            self.code.raw(Instruction::LoadConstant { dst: Register::X, value: offset });
            self.code.raw(Instruction::LoadIndirect { offset: 0, width });
        }
    }

    /// Loads a value at index A in a header.
    fn load_at_a(&mut self, protocol: Protocol, width: Width, slot: u8) -> Result {
        let (base, at) = self.indexed(protocol)?;
        match base {
            Base::Packet => {}
            Base::Ipv4Header(PacketOffset { slot: Some(_), .. }) => {
                self.code.store(Register::A, slot);
                self.code.load_base(base);
                self.code.load_a(slot);
                self.code.alu_x(AluOp::Add);
            }
            _ => {
                self.code.load_base(base);
                self.code.alu_x(AluOp::Add);
            }
        }
        self.code.raw(Instruction::TransferAToX);
        self.code.raw(Instruction::LoadIndirect { offset: at.at, width });
        Ok(())
    }

    /// Returns the base and the offset of the header that an index into a protocol starts from.
    fn indexed(&self, protocol: Protocol) -> Result<(Base, PacketOffset)> {
        let place = match protocol {
            Protocol::Link => self.headers.header,
            Protocol::Radio if self.has_radio() => PacketOffset::fixed(0),
            Protocol::Radio => return Err(self.unsupported("there is no radio header")),
            Protocol::Icmp6 => self.network()?.plus(IPV6_LENGTH),
            _ if ipv4_payload(protocol).is_some() => {
                let at = self.network()?;
                return Ok((Base::Ipv4Header(at), at));
            }
            _ => self.network()?,
        };
        Ok((place.base(), place))
    }

    /// Returns whether the packet starts with a radio header, and the headers are not in a tunnel.
    fn has_radio(&self) -> bool {
        let link_type = self.target.link_type;
        self.headers.family == LinkFamily::Wlan
            && matches!(link_type, LinkType::PRISM | LinkType::IEEE802_11_RADIOTAP | LinkType::AVS)
    }

    /// Continues with the next instruction if the packet has the headers that these steps load from, else at `to.no`.
    fn require_headers<'s>(&mut self, steps: impl Iterator<Item = &'s Step>, to: BranchTargets) -> Result {
        let mut seen: Vec<Protocol> = Vec::new();
        for (index, step) in steps.enumerate() {
            if let Step::Load(protocol, _) = *step {
                if !seen.contains(&protocol) {
                    seen.push(protocol);
                    let required = self.require_header(protocol, to);
                    // An error is about the protocol, which is at the position of the step.
                    required.map_err(|error| PrimitiveError { site: Site::Operand(index), ..error })?;
                }
            }
        }
        Ok(())
    }

    fn require_header(&mut self, protocol: Protocol, to: BranchTargets) -> Result {
        match protocol {
            Protocol::Link | Protocol::Radio => {}
            Protocol::Icmp6 => {
                self.require_link_protocol(ETHERTYPE_IPV6, to.no)?;
                self.require(self.network()?.byte(IPV6_NEXT_HEADER).is(IPPROTO_ICMPV6), to.no);
            }
            Protocol::Ip
            | Protocol::Ip6
            | Protocol::Arp
            | Protocol::Rarp
            | Protocol::Atalk
            | Protocol::Decnet
            | Protocol::Lat
            | Protocol::Sca
            | Protocol::Moprc
            | Protocol::Mopdl => self.require_link_protocol(link_protocol(protocol), to.no)?,
            _ => {
                let number = ipv4_payload(protocol).ok_or_else(|| misplaced(protocol, "`[`"))?;
                self.require_link_protocol(ETHERTYPE_IPV4, to.no)?;
                let at = self.network()?;
                self.require(at.byte(IPV4_PROTOCOL).is(number), to.no);
                self.require(at.half(IPV4_FRAGMENT).none_of(FRAGMENT_OFFSET), to.no);
            }
        }
        Ok(())
    }
}

/// Returns the number of an IP protocol into which an expression can index, after an IPv4 header.
fn ipv4_payload(protocol: Protocol) -> Option<u32> {
    let is_indexed = !matches!(protocol, Protocol::Esp | Protocol::Ah | Protocol::Icmp6);
    ip_protocol(protocol).filter(|_| is_indexed).map(|(number, _)| number)
}

/// Returns the width of a size, which the parser limits to 1, 2 and 4.
fn width(size: u32) -> Width {
    match size {
        1 => Width::Byte,
        2 => Width::Half,
        _ => Width::Word,
    }
}
