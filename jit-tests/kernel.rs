//! The Linux kernel as a judge: a filter on one end of a pair of Unix datagram sockets. No privileges are needed.
//!
//! The receiver gets a datagram if the filter keeps it. To observe all 32 bits, every return is replaced by a test of
//! the verdict: for the expected verdict and, if that fails, for each bit.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;

use arbitrary::Unstructured;
use cbpf::bpf::{Condition, RawInstruction};
use cbpf::{Context, Dialect, Instruction, Packet, Program};
use libtest_mimic::{Failed, Trial};
use socket2::{SockFilter, SockRef};

use crate::engine::{Engine, Loaded, Rejection};
use crate::{generate, random};

pub struct Kernel;

impl Engine for Kernel {
    fn name(&self) -> &'static str {
        "kernel"
    }

    fn is_available(&self) -> bool {
        static AVAILABLE: OnceLock<bool> = OnceLock::new();
        *AVAILABLE.get_or_init(|| attach(&[Instruction::ReturnConstant { verdict: 1 }.into()]).is_ok())
    }

    fn supports(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Linux
    }

    /// A datagram is captured whole, fits into a socket buffer, and has no device.
    fn takes(&self, packet: &Packet) -> bool {
        let is_whole = packet.wire_len() as usize == packet.data().len();
        is_whole && packet.data().len() <= 60_000 && *packet.context() == Context::default()
    }

    fn load(&self, program: &Program, _dialect: Dialect) -> Result<Box<dyn Loaded>, Rejection> {
        attach(program.instructions()).map_err(|error| Rejection::Judge(error.to_string()))?;
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
        let difference = differs(&self.0, expected, |test| self.keeps(test, packet.data()))?;
        Ok(difference.map(|verdict| verdict.to_string()))
    }

    /// Returns `true` if a program keeps the packet.
    fn keeps(&self, program: &[RawInstruction], data: &[u8]) -> io::Result<bool> {
        let (sender, receiver) = attach(program)?;
        sender.send(data)?;
        match receiver.recv(&mut [0; 16]) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Returns the verdict of a program if it is not `expected`. `keeps` returns `true` if a program keeps the packet.
pub fn differs(
    program: &[RawInstruction],
    expected: u32,
    mut keeps: impl FnMut(&[RawInstruction]) -> io::Result<bool>,
) -> io::Result<Option<u32>> {
    // A load out of bounds returns 0 before any test, so the test for 0 is that the verdict is not greater.
    let is_as_expected = match expected {
        0 => !keeps(&test(program, Condition::Greater, 0))?,
        _ => keeps(&test(program, Condition::Equal, expected))?,
    };
    if is_as_expected { Ok(None) } else { verdict(program, keeps).map(Some) }
}

/// Returns the verdict of a program, found bit by bit.
pub fn verdict(
    program: &[RawInstruction],
    mut keeps: impl FnMut(&[RawInstruction]) -> io::Result<bool>,
) -> io::Result<u32> {
    let mut verdict = 0;
    for bit in 0..32 {
        verdict |= u32::from(keeps(&test(program, Condition::BitsSet, 1 << bit))?) << bit;
    }
    Ok(verdict)
}

/// Returns a program that keeps a packet if the verdict of `program` passes a test.
fn test(program: &[RawInstruction], condition: Condition, k: u32) -> Vec<RawInstruction> {
    let [return_constant, return_a] = [Instruction::ReturnConstant { verdict: 0 }, Instruction::ReturnA]
        .map(|instruction| RawInstruction::from(instruction).code);
    let mut test = program.to_vec();
    let len = test.len();
    let mut returns_a = false;
    for (pc, raw) in test.iter_mut().enumerate() {
        if raw.code == return_constant {
            raw.k = condition.eval(raw.k, k).into();
        } else if raw.code == return_a {
            returns_a = true;
            *raw = Instruction::Jump { skip: (len - pc - 1) as u32 }.into();
        }
    }
    if returns_a {
        test.extend(test_of_a(condition, k).map(RawInstruction::from));
    }
    test
}

/// Returns instructions that keep the packet if A passes a test.
fn test_of_a(condition: Condition, k: u32) -> [Instruction; 3] {
    [
        Instruction::JumpIf { condition, operand: k.into(), skip_true: 1, skip_false: 0 },
        Instruction::ReturnConstant { verdict: 0 },
        Instruction::ReturnConstant { verdict: 1 },
    ]
}

/// Returns `true` if the kernel calls a program invalid. A program that exceeds a socket's memory is valid.
fn rejects(program: &Program) -> bool {
    attach(program.instructions()).is_err_and(|error| error.kind() == ErrorKind::InvalidInput)
}

pub fn trials() -> Vec<Trial> {
    let conversion = Trial::test("random::conversion::kernel", || random::each_program(conversion));
    vec![conversion.with_ignored_flag(!Kernel.is_available())]
}

/// The kernel rejects the same long programs as our verifier: jumps must fit after the conversion to eBPF.
fn conversion(bytes: &[u8]) -> Result<(), Failed> {
    let program = generate::long_program(&mut Unstructured::new(bytes))?;
    match (program.verify(Dialect::Linux), rejects(&program)) {
        (Ok(_), true) => Err(format!("the kernel rejects\n{program}").into()),
        (Err(error), false) => Err(format!("the kernel accepts, where {error}:\n{program}").into()),
        _ => Ok(()),
    }
}

/// Returns a pair of sockets, of which the second has a filter and does not block.
fn attach(program: &[RawInstruction]) -> io::Result<(UnixDatagram, UnixDatagram)> {
    let (sender, receiver) = UnixDatagram::pair()?;
    let filter: Vec<SockFilter> =
        program.iter().map(|&RawInstruction { code, jt, jf, k }| SockFilter::new(code, jt, jf, k)).collect();
    SockRef::from(&receiver).attach_filter(&filter)?;
    receiver.set_nonblocking(true)?;
    Ok((sender, receiver))
}
