//! Relations between numbers.
//!
//! What is constant is computed here. The rest is computed in A; of two operands the one that needs more scratch words
//! comes first, so that those of the machine are enough for any expression that people write.

use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::lang::generate::address::misplaced;
use crate::lang::generate::code::{Base, Exits};
use crate::lang::generate::layers::{Family, Place};
use crate::lang::generate::network::{IP, IP6};
use crate::lang::generate::plan::{Plan, is_commutative};
use crate::lang::generate::protocol::ether_type;
use crate::lang::generate::{Generator, Message};
use crate::lang::tree::{Arithmetic, Relation, Step};
use crate::lang::words::Protocol;
use crate::packet::ancillary;
use crate::packet::ancillary::Extension;

/// How many scratch words the machine has.
const SLOTS: u8 = 16;

/// What is still to be done, the last first. `slot` is the first scratch word that is free.
enum Task {
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
    /// A = A op constant.
    Constant(AluOp, u32),
    /// A = A op scratch word.
    WithSlot(AluOp, u8),
    /// A = scratch word op A.
    SlotWith(AluOp, u8),
}

impl Relation {
    /// The relation with its sides exchanged.
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
    /// A relation; it does not hold in packets without the headers that it looks into.
    pub(super) fn relation(
        &mut self,
        left: &Arithmetic,
        relation: Relation,
        right: &Arithmetic,
        to: Exits,
    ) -> Result<(), Message> {
        self.has_headers(left.steps.iter().chain(&right.steps), to)?;
        let (left, right) = (Plan::new(left)?, Plan::new(right)?);
        let slot = self.next_slot;
        match (left.constant(), right.constant()) {
            (Some(left), Some(right)) => {
                self.code.jump(if relation.condition().eval(left, right) { to.yes } else { to.no });
                Ok(())
            }
            (_, Some(constant)) => self.compare(&left, relation, constant, to),
            (Some(constant), _) => self.compare(&right, relation.mirrored(), constant, to),
            _ => {
                // The side that needs more scratch words comes first.
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

    /// A comparison with a constant; `number & bits = 0` is one instruction.
    fn compare(&mut self, plan: &Plan, relation: Relation, constant: u32, to: Exits) -> Result<(), Message> {
        let slot = self.next_slot;
        if let (Step::Binary(AluOp::And), 0, Relation::Equal | Relation::NotEqual) =
            (plan.steps[plan.root()], constant, relation)
        {
            let (left, right) = plan.operands(plan.root());
            let operands = [(left, plan.costs[right].constant), (right, plan.costs[left].constant)];
            if let Some((operand, bits)) = operands.into_iter().find_map(|(step, bits)| Some((step, bits?))) {
                self.compute(plan, operand, slot)?;
                let is_set = relation == Relation::NotEqual;
                let condition = if is_set { Condition::BitsSet } else { Condition::BitsNotSet };
                self.code.branch(condition, Operand::Constant(bits), to);
                return Ok(());
            }
        }
        self.compute(plan, plan.root(), slot)?;
        self.code.branch(relation.condition(), Operand::Constant(constant), to);
        Ok(())
    }

    /// A = the value of a step.
    fn compute(&mut self, plan: &Plan, step: usize, slot: u8) -> Result<(), Message> {
        if slot.saturating_add(plan.costs[step].slots) > SLOTS {
            return Err(format!(
                "expected a simpler number: the machine has {SLOTS} scratch words for what is not computed yet"
            ));
        }
        let mut tasks = vec![Task::Compute { step, slot }];
        while let Some(task) = tasks.pop() {
            match task {
                Task::Compute { step, slot } => self.start(plan, step, slot, &mut tasks)?,
                Task::Store(slot) => self.code.store(Register::A, slot),
                Task::Load { protocol, size, slot } => self.load_at_a(protocol, width(size), slot)?,
                Task::Negate => self.code.raw(Instruction::Negate),
                Task::Constant(op, constant) => self.code.alu(op, constant),
                Task::WithSlot(op, slot) => {
                    self.code.load_x(slot);
                    self.code.raw(Instruction::Alu { op, operand: Operand::X });
                }
                Task::SlotWith(op, slot) => {
                    self.code.raw(Instruction::TransferAToX);
                    self.code.load_a(slot);
                    self.code.raw(Instruction::Alu { op, operand: Operand::X });
                }
            }
        }
        Ok(())
    }

    /// Computes a step that needs no others, or leaves what it needs to be done.
    fn start(&mut self, plan: &Plan, step: usize, slot: u8, tasks: &mut Vec<Task>) -> Result<(), Message> {
        if let Some(value) = plan.costs[step].constant {
            self.code.raw(Instruction::LoadConstant { dst: Register::A, value });
            return Ok(());
        }
        match plan.steps[step] {
            Step::Number(_) => {}
            Step::Length => self.code.raw(Instruction::LoadLength { dst: Register::A }),
            Step::Negate => tasks.extend([Task::Negate, Task::Compute { step: step - 1, slot }]),
            Step::Load(protocol, size) => match plan.costs[step - 1].constant {
                Some(index) => self.load_constant(protocol, width(size), index)?,
                None => tasks.extend([Task::Load { protocol, size, slot }, Task::Compute { step: step - 1, slot }]),
            },
            Step::Binary(op) => {
                let (left, right) = plan.operands(step);
                let (left_cost, right_cost) = (plan.costs[left], plan.costs[right]);
                if let Some(constant) = right_cost.constant {
                    tasks.extend([Task::Constant(op, constant), Task::Compute { step: left, slot }]);
                } else if let Some(constant) = left_cost.constant.filter(|_| is_commutative(op)) {
                    tasks.extend([Task::Constant(op, constant), Task::Compute { step: right, slot }]);
                } else if right_cost.slots >= left_cost.slots {
                    tasks.extend([
                        Task::WithSlot(op, slot),
                        Task::Compute { step: left, slot: slot + 1 },
                        Task::Store(slot),
                        Task::Compute { step: right, slot },
                    ]);
                } else {
                    let last = if is_commutative(op) { Task::WithSlot(op, slot) } else { Task::SlotWith(op, slot) };
                    tasks.extend([
                        last,
                        Task::Compute { step: right, slot: slot + 1 },
                        Task::Store(slot),
                        Task::Compute { step: left, slot },
                    ]);
                }
            }
        }
        Ok(())
    }

    /// A = what is at a constant index in a header.
    fn load_constant(&mut self, protocol: Protocol, width: Width, index: u32) -> Result<(), Message> {
        let (base, at) = self.indexed(protocol)?;
        if base == Base::Packet {
            self.load_absolute(at.at.wrapping_add(index), width);
            return Ok(());
        }
        self.code.point(base);
        match at.at.checked_add(index).filter(|&offset| i32::try_from(offset).is_ok()) {
            Some(offset) => self.code.raw(Instruction::LoadIndirect { offset, width }),
            // The machine says what lies so far behind, or before.
            None => {
                self.code.raw(Instruction::LoadConstant { dst: Register::A, value: index });
                self.code.raw(Instruction::Alu { op: AluOp::Add, operand: Operand::X });
                self.code.raw(Instruction::TransferAToX);
                self.code.raw(Instruction::LoadIndirect { offset: at.at, width });
            }
        }
        Ok(())
    }

    /// A = what is at an offset from the beginning of the packet.
    ///
    /// A negative one means something in the kernel: an ancillary load, or a place relative to a header. There, offsets
    /// of ancillary loads that do not exist are refused, unless the load is indirect; it finds nothing.
    fn load_absolute(&mut self, offset: u32, width: Width) {
        if offset < ancillary::BASE || Extension::from_offset(offset).is_some() {
            self.code.raw(Instruction::LoadAbsolute { offset, width });
        } else {
            self.code.raw(Instruction::LoadConstant { dst: Register::X, value: offset });
            self.code.raw(Instruction::LoadIndirect { offset: 0, width });
        }
    }

    /// A = what is at index A in a header.
    fn load_at_a(&mut self, protocol: Protocol, width: Width, slot: u8) -> Result<(), Message> {
        let (base, at) = self.indexed(protocol)?;
        match base {
            Base::Packet => {}
            Base::Ipv4Header(Place { slot: Some(_), .. }) => {
                self.code.store(Register::A, slot);
                self.code.point(base);
                self.code.load_a(slot);
                self.code.raw(Instruction::Alu { op: AluOp::Add, operand: Operand::X });
            }
            _ => {
                self.code.point(base);
                self.code.raw(Instruction::Alu { op: AluOp::Add, operand: Operand::X });
            }
        }
        self.code.raw(Instruction::TransferAToX);
        self.code.raw(Instruction::LoadIndirect { offset: at.at, width });
        Ok(())
    }

    /// Where the header of a protocol is that an index is from.
    fn indexed(&self, protocol: Protocol) -> Result<(Base, Place), Message> {
        let place = match protocol {
            Protocol::Link => self.layers.header,
            Protocol::Radio if self.has_radio() => Place::fixed(0),
            Protocol::Radio => return Err(self.unsupported("there is no radio header")),
            Protocol::Icmp6 => self.network()?.plus(40),
            _ if transport(protocol).is_some() => {
                let at = self.network()?;
                return Ok((Base::Ipv4Header(at), at));
            }
            _ => self.network()?,
        };
        Ok((place.base(), place))
    }

    /// Whether a radio header is in front, and no tunnel was entered.
    fn has_radio(&self) -> bool {
        self.layers.family == Family::Wlan && matches!(self.target.link_type.number(), 119 | 127 | 163)
    }

    /// Goes on here if the packet has the headers that these steps look into.
    fn has_headers<'s>(&mut self, steps: impl Iterator<Item = &'s Step>, to: Exits) -> Result<(), Message> {
        let mut seen: Vec<Protocol> = Vec::new();
        for step in steps {
            if let Step::Load(protocol, _) = *step
                && !seen.contains(&protocol)
            {
                seen.push(protocol);
                self.has_header(protocol, to)?;
            }
        }
        Ok(())
    }

    fn has_header(&mut self, protocol: Protocol, to: Exits) -> Result<(), Message> {
        let here = self.code.label();
        let is_there = Exits { yes: here, no: to.no };
        match protocol {
            Protocol::Link | Protocol::Radio => return Ok(()),
            Protocol::Icmp6 => {
                self.link_type(IP6, is_there)?;
                self.code.place(here);
                self.require(self.network()?.byte(6).is(58), to.no);
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
            | Protocol::Mopdl => {
                self.link_type(ether_type(protocol), is_there)?;
                self.code.place(here);
            }
            _ => {
                let number = transport(protocol).ok_or_else(|| misplaced(protocol, "`[`"))?;
                self.link_type(IP, is_there)?;
                self.code.place(here);
                let at = self.network()?;
                self.require(at.byte(9).is(number), to.no);
                self.require(at.half(6).none_of(0x1fff), to.no);
            }
        }
        Ok(())
    }
}

/// The IP protocol whose header an index can be from, behind that of IPv4.
fn transport(protocol: Protocol) -> Option<u32> {
    Some(match protocol {
        Protocol::Icmp => 1,
        Protocol::Igmp => 2,
        Protocol::Tcp => 6,
        Protocol::Igrp => 9,
        Protocol::Udp => 17,
        Protocol::Pim => 103,
        Protocol::Vrrp | Protocol::Carp => 112,
        Protocol::Sctp => 132,
        _ => return None,
    })
}

/// The parser takes no other sizes.
fn width(size: u32) -> Width {
    match size {
        1 => Width::Byte,
        2 => Width::Half,
        _ => Width::Word,
    }
}
