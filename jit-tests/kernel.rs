//! The Linux kernel as a judge: a filter on one end of a pair of Unix datagram sockets. No privileges are needed.
//!
//! A datagram that the filter drops never arrives; one that it keeps arrives cut to the verdict. So that all 32 bits
//! are seen, every return is replaced by a question about the verdict: whether it is the expected one, and, if that
//! fails, whether bit `i` is set, for each `i`.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;

use cbpf::{Condition, Context, Dialect, Instruction, Packet, Program, RawInstruction};
use socket2::{SockFilter, SockRef};

use crate::engine::{Engine, Loaded, Refusal};

pub struct Kernel;

impl Engine for Kernel {
    fn name(&self) -> &'static str {
        "kernel"
    }

    fn is_available(&self) -> bool {
        static AVAILABLE: OnceLock<bool> = OnceLock::new();
        *AVAILABLE.get_or_init(|| attach(&[Instruction::ReturnConstant { verdict: 1 }.into()]).is_ok())
    }

    fn speaks(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Linux
    }

    /// A datagram was captured whole, fits into a socket buffer, and comes from no device.
    fn takes(&self, packet: &Packet) -> bool {
        let is_whole = packet.wire_len() as usize == packet.data().len();
        is_whole && packet.data().len() <= 60_000 && *packet.context() == Context::default()
    }

    fn load(&self, program: &Program, _dialect: Dialect) -> Result<Box<dyn Loaded>, Refusal> {
        attach(program.instructions()).map_err(|error| Refusal::Judge(error.to_string()))?;
        Ok(Box::new(Attachable(program.instructions().to_vec())))
    }
}

/// A program that the kernel accepts.
struct Attachable(Vec<RawInstruction>);

impl Loaded for Attachable {
    fn differs(&self, packet: &Packet, expected: u32) -> Option<String> {
        match self.verdict_differs(packet, expected) {
            Ok(difference) => difference,
            Err(error) => Some(format!("the judge failed: {error}")),
        }
    }
}

impl Attachable {
    fn verdict_differs(&self, packet: &Packet, expected: u32) -> io::Result<Option<String>> {
        let difference = differs(&self.0, expected, |question| self.keeps(question, packet.data()))?;
        Ok(difference.map(|verdict| verdict.to_string()))
    }

    /// Whether the packet is kept by a program.
    fn keeps(&self, question: &[RawInstruction], data: &[u8]) -> io::Result<bool> {
        let (sender, receiver) = attach(question)?;
        sender.send(data)?;
        match receiver.recv(&mut [0; 16]) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// `None` if the verdict of a program is `expected`, else what it is; `keeps` tells whether the packet is kept by a program.
pub fn differs(
    program: &[RawInstruction],
    expected: u32,
    mut keeps: impl FnMut(&[RawInstruction]) -> io::Result<bool>,
) -> io::Result<Option<u32>> {
    // A load out of bounds returns 0 past all questions, so for 0 the question is whether it is anything else.
    let is_as_expected = match expected {
        0 => !keeps(&question(program, Condition::Greater, 0))?,
        _ => keeps(&question(program, Condition::Equal, expected))?,
    };
    if is_as_expected { Ok(None) } else { verdict(program, keeps).map(Some) }
}

/// The verdict of a program, bit by bit.
pub fn verdict(
    program: &[RawInstruction],
    mut keeps: impl FnMut(&[RawInstruction]) -> io::Result<bool>,
) -> io::Result<u32> {
    let mut verdict = 0;
    for bit in 0..32 {
        verdict |= u32::from(keeps(&question(program, Condition::BitsSet, 1 << bit))?) << bit;
    }
    Ok(verdict)
}

/// A program that keeps a packet just if the verdict of `program` on it passes a test.
fn question(program: &[RawInstruction], condition: Condition, k: u32) -> Vec<RawInstruction> {
    let [return_constant, return_a] = [Instruction::ReturnConstant { verdict: 0 }, Instruction::ReturnA]
        .map(|instruction| RawInstruction::from(instruction).code);
    let mut question = program.to_vec();
    let len = question.len();
    let mut asks_a = false;
    for (pc, raw) in question.iter_mut().enumerate() {
        if raw.code == return_constant {
            raw.k = condition.eval(raw.k, k).into();
        } else if raw.code == return_a {
            asks_a = true;
            *raw = Instruction::Jump { skip: (len - pc - 1) as u32 }.into();
        }
    }
    if asks_a {
        question.extend(test_of_a(condition, k).map(RawInstruction::from));
    }
    question
}

/// Keeps the packet if A passes a test.
fn test_of_a(condition: Condition, k: u32) -> [Instruction; 3] {
    [
        Instruction::JumpIf { condition, operand: k.into(), skip_true: 1, skip_false: 0 },
        Instruction::ReturnConstant { verdict: 0 },
        Instruction::ReturnConstant { verdict: 1 },
    ]
}

/// Whether the kernel calls a program invalid. What takes more memory than a socket may have is valid.
pub fn refuses(program: &Program) -> bool {
    attach(program.instructions()).is_err_and(|error| error.kind() == ErrorKind::InvalidInput)
}

/// A pair of sockets, the second with a filter, which never waits.
fn attach(program: &[RawInstruction]) -> io::Result<(UnixDatagram, UnixDatagram)> {
    let (sender, receiver) = UnixDatagram::pair()?;
    let filter: Vec<SockFilter> =
        program.iter().map(|&RawInstruction { code, jt, jf, k }| SockFilter::new(code, jt, jf, k)).collect();
    SockRef::from(&receiver).attach_filter(&filter)?;
    receiver.set_nonblocking(true)?;
    Ok((sender, receiver))
}
