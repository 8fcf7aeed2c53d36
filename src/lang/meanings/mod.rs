//! What the instructions of a program mean in terms of packet headers: `ethertype = IPv6`, `src port = 443`.
//!
//! One pass over the program, in its order since jumps go forward, follows what the registers hold, and which headers
//! the tests before an instruction imply. At joins, only what all paths have in common is kept. A meaning is left out
//! where the headers are not known, so it is never wrong for a packet that reaches the instruction.

mod content;
mod fields;
mod state;
#[cfg(test)]
mod tests;
mod wording;

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::Operand;
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::bpf::verify::{SCRATCH_WORDS, Source, Step, Verdict, Verified};
use crate::lang::link_layout::LinkLayout;
use crate::lang::link_type::LinkType;
use crate::lang::meanings::content::{Bytes, Content, Place, width_mask};
use crate::lang::meanings::state::State;
use crate::lang::meanings::wording::Wording;
use crate::packet::header::Header;
use crate::packet::protocols::{IPPROTO_AH, IPV6_LENGTH, MAX_802_3_LENGTH};

/// The length of the longest program that is described; longer ones have no meanings.
const MOST_INSTRUCTIONS: usize = 1 << 16;

/// Returns what each instruction of a program means for packets of a link type, if that is known.
///
/// A load is described by the fields that it reads, a test by the condition that it tests for, and a return by what is
/// done with the packet. Which headers a packet has follows from the tests before an instruction. Programs for system
/// calls, and programs of more than 65,536 instructions, have no meanings.
///
/// ```
/// use cbpf::{Dialect, LinkType, Target, compile_expression};
/// use cbpf::debug::meanings;
/// let program = compile_expression("ip and udp dst port 53", &Target::new(LinkType::ETHERNET))?;
/// let program = program.optimize(Dialect::Pcap)?.verify(Dialect::Pcap)?;
/// let meanings = meanings(&program, LinkType::ETHERNET);
/// let meanings: Vec<&str> = meanings.iter().map(|meaning| meaning.as_deref().unwrap_or("")).collect();
/// assert_eq!(meanings, [
///     "ethertype",
///     "ethertype = IPv4",
///     "ip protocol",
///     "ip protocol = UDP",
///     "ip flags, fragment offset",
///     "fragment offset > 0",
///     "ip header length",
///     "dst port",
///     "dst port = 53 (domain)",
///     "keep the packet",
///     "drop the packet",
/// ]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn meanings(program: &Verified, link_type: LinkType) -> Vec<Option<String>> {
    let steps = program.steps();
    if program.dialect() == Dialect::Seccomp || steps.len() > MOST_INSTRUCTIONS {
        return vec![None; steps.len()];
    }
    let wording = Wording::new();
    let mut states: Vec<Option<Box<State>>> = vec![None; steps.len()];
    states[0] = Some(Box::new(State::new(LinkLayout::of(link_type))));
    let mut walk = Walk { dialect: program.dialect(), wording, states };
    steps.iter().enumerate().map(|(pc, step)| walk.step(pc, step)).collect()
}

struct Walk {
    dialect: Dialect,
    wording: Wording,
    /// What is known before each instruction that is reached; those that were passed are removed.
    states: Vec<Option<Box<State>>>,
}

impl Walk {
    /// Describes an instruction, and passes on to its successors what is known after it.
    fn step(&mut self, pc: usize, step: &Step) -> Option<String> {
        // Unreachable instructions have no state.
        let mut state = self.states[pc].take()?;
        let meaning = self.meaning(step, &state);
        match *step {
            Step::Jump(target) => self.pass(target, state),
            Step::Branch { condition, operand, then, otherwise } => {
                let mut held = state.clone();
                learn(&mut held, condition, operand);
                learn(&mut state, condition.inverse(), operand);
                self.pass(then, held);
                self.pass(otherwise, state);
            }
            Step::Return(_) => {}
            _ => {
                self.execute(step, &mut state);
                self.pass(pc + 1, state);
            }
        }
        meaning
    }

    fn pass(&mut self, target: usize, state: Box<State>) {
        match &mut self.states[target] {
            Some(known) => known.join(&state),
            unknown => *unknown = Some(state),
        }
    }

    fn execute(&self, step: &Step, state: &mut State) {
        match *step {
            Step::Load(register, source) => {
                let content = match source {
                    Source::Constant(value) => Content::Constant(value),
                    Source::Scratch(slot) => state.scratch[slot % SCRATCH_WORDS],
                    Source::WireLen => Content::WireLen,
                };
                *register_of(state, register) = content;
            }
            Step::Store(register, slot) => state.scratch[slot % SCRATCH_WORDS] = *register_of(state, register),
            Step::Transfer(Register::A) => state.a = state.x,
            Step::Transfer(Register::X) => state.x = state.a,
            Step::LoadMemShift(_) => state.x = self.loaded(step, state),
            Step::Alu(op, operand) => state.a = computed(state.a, op, constant(operand, state.x), state),
            Step::Negate => state.a = Content::Unknown,
            _ => state.a = self.loaded(step, state),
        }
    }

    /// Returns what a load from the packet or from its metadata gives.
    fn loaded(&self, step: &Step, state: &State) -> Content {
        let bytes = |after, offset, width: Width| {
            let len = width.bytes();
            Content::Bytes(Bytes { after, offset, len, mask: width_mask(len), shift: 0 })
        };
        match *step {
            Step::LoadAbsolute(width, offset) => match self.position(offset, state) {
                Some(offset) => bytes(None, offset, width),
                None => Content::Unknown,
            },
            Step::LoadIndirect(width, offset) => match state.x {
                Content::Distance(place) if offset >= place.network && offset < Header::FIRST_OFFSET => {
                    bytes(Some(place), offset - place.network, width)
                }
                Content::Constant(x) => match x.checked_add(offset) {
                    Some(offset) if offset < Header::FIRST_OFFSET => bytes(None, offset, width),
                    _ => Content::Unknown,
                },
                _ => Content::Unknown,
            },
            Step::LoadMemShift(offset) => match self.position(offset, state) {
                Some(network) => Content::Distance(Place { network, extensions: 0 }),
                None => Content::Unknown,
            },
            Step::Ancillary(extension) => Content::Ancillary(extension),
            _ => Content::Unknown,
        }
    }

    /// Returns the offset in the packet; in Linux, negative ones are relative to a header.
    fn position(&self, offset: u32, state: &State) -> Option<u32> {
        if self.dialect != Dialect::Linux {
            return Some(offset);
        }
        match Header::of(offset) {
            None => Some(offset),
            Some(Header::Network) => state.network()?.checked_add(offset - Header::Network.base()),
            Some(Header::Link) => state.link_header().checked_add(offset - Header::Link.base()),
        }
    }

    fn meaning(&self, step: &Step, state: &State) -> Option<String> {
        match *step {
            Step::Return(Verdict::Constant(0)) => Some("drop the packet".to_string()),
            Step::Return(Verdict::Constant(0xffff..)) => Some("keep the packet".to_string()),
            Step::Return(Verdict::Constant(len)) => Some(format!("keep {len} bytes of the packet")),
            Step::Return(Verdict::A) => Some("keep A bytes of the packet".to_string()),
            Step::Load(_, Source::WireLen) => Some("length".to_string()),
            Step::LoadMemShift(offset) => {
                (self.position(offset, state) == state.network()).then(|| "ip header length".to_string())
            }
            Step::Branch { condition, operand, .. } => {
                let operand = match constant(operand, state.x) {
                    Content::Constant(constant) => constant,
                    _ => return None,
                };
                self.wording.test(state, condition, operand)
            }
            Step::LoadAbsolute(..) | Step::LoadIndirect(..) | Step::Ancillary(_) => {
                self.wording.content(state, self.loaded(step, state))
            }
            Step::Alu(op, operand) => {
                let content = computed(state.a, op, constant(operand, state.x), state);
                (content != state.a).then(|| self.wording.content(state, content)).flatten()
            }
            _ => None,
        }
    }
}

fn register_of(state: &mut State, register: Register) -> &mut Content {
    match register {
        Register::A => &mut state.a,
        Register::X => &mut state.x,
    }
}

/// Returns the content of an operand.
fn constant(operand: Operand, x: Content) -> Content {
    match operand {
        Operand::Constant(constant) => Content::Constant(constant),
        Operand::X => x,
    }
}

/// Returns the result of arithmetic: bits of loaded bytes, or the length of an IPv4 header.
fn computed(a: Content, op: AluOp, operand: Content, state: &State) -> Content {
    if let Some(content) = extension(a, op, operand, state) {
        return content;
    }
    let Content::Constant(constant) = operand else { return Content::Unknown };
    match (a, op) {
        (Content::Constant(a), _) => op.eval(a, constant).map_or(Content::Unknown, Content::Constant),
        (Content::Bytes(bytes), AluOp::And) => {
            Content::Bytes(Bytes { mask: bytes.mask & constant.checked_shl(bytes.shift).unwrap_or(0), ..bytes })
        }
        (Content::Bytes(bytes), AluOp::Rsh) if constant < 32 && bytes.shift + constant < 32 => {
            let shift = bytes.shift + constant;
            Content::Bytes(Bytes { mask: bytes.mask >> shift << shift, shift, ..bytes })
        }
        (Content::Bytes(Bytes { after: None, offset, len: 1, mask: 0xf, shift: 0 }), AluOp::Lsh)
            if constant == 2 && state.network() == Some(offset) =>
        {
            Content::Distance(Place { network: offset, extensions: 0 })
        }
        _ => Content::Unknown,
    }
}

/// Returns a step of the way from an extension header to the next one: its length in units, in bytes, and the distance
/// of the next header.
fn extension(a: Content, op: AluOp, operand: Content, state: &State) -> Option<Content> {
    let units = |is_authentication| Some(Content::ExtensionUnits(state.extension_of_length(a, is_authentication)?));
    let is_authentication = |place| state.is_protocol(Some(place), &[IPPROTO_AH]);
    match (a, op, operand) {
        (Content::Bytes(_), AluOp::Add, Content::Constant(1)) => units(false),
        (Content::Bytes(_), AluOp::Add, Content::Constant(2)) => units(true),
        (Content::ExtensionUnits(place), AluOp::Lsh, Content::Constant(shift)) => {
            let is_right = shift == if is_authentication(place) { 2 } else { 3 };
            is_right.then_some(Content::ExtensionBytes(place))
        }
        (Content::ExtensionBytes(place), AluOp::Add, operand) => {
            let is_start = match operand {
                Content::Distance(start) => start == place,
                Content::Constant(length) => length == IPV6_LENGTH && place.extensions == 0 && !state.is_ipv4(),
                _ => false,
            };
            is_start.then_some(Content::Distance(Place { extensions: place.extensions + 1, ..place }))
        }
        _ => None,
    }
}

/// Learns from a test that holds.
fn learn(state: &mut State, condition: Condition, operand: Operand) {
    let (Content::Bytes(bytes), Content::Constant(value)) = (state.a, constant(operand, state.x)) else { return };
    match condition {
        Condition::Equal => state.learn(&bytes, value, true),
        Condition::NotEqual => state.learn(&bytes, value, false),
        Condition::BitsSet => state.learn_bits(&bytes, value, true),
        Condition::BitsNotSet => state.learn_bits(&bytes, value, false),
        Condition::LessOrEqual if value <= MAX_802_3_LENGTH => state.learn_length(&bytes),
        Condition::Less if value <= MAX_802_3_LENGTH + 1 => state.learn_length(&bytes),
        _ => {}
    }
}
