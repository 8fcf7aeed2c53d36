//! The hooks of the kernel as judges: programs are loaded, and run on packets by `BPF_PROG_TEST_RUN`. That needs root.
//!
//! The kernel has its own context for such packets, in which the interpreter gives the verdict to compare with.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::sync::OnceLock;

use cbpf::bpf::RawInstruction;
use cbpf::ebpf::{Action, Hook, Options};
use cbpf::packet::{Device, Extension};
use cbpf::{Context, Dialect, Instruction, Packet, Program, Verified};

use super::bpf::{self, Loaded as InKernel};
use super::checker;
use super::oracle::lacks;
use super::user::slot;
use crate::engine::{Engine, Loaded, Rejection};
use crate::{kernel, oracle};

/// A hook, and how its programs are loaded and run.
#[derive(Clone, Copy)]
pub struct Place {
    name: &'static str,
    hook: Hook,
    /// The type of the program, for functions that of the program which calls it (`BPF_PROG_TYPE_*`).
    program_type: u32,
    /// A function gets pointers to a packet, rather than addresses of the kernel.
    is_direct: bool,
    /// The bytes that the kernel removes from the start of the packet.
    prefix: usize,
}

const XDP: u32 = 6;

/// The lengths of frames that the kernel takes; it makes longer ones of several pages.
const LENGTHS: [usize; 2] = [14, 3_500];

#[rustfmt::skip]
pub static PLACES: [Place; 6] = [
    Place { name: "ebpf-xdp",        hook: Hook::Xdp,       program_type: XDP, is_direct: true,  prefix: 0 },
    Place { name: "ebpf-tc",         hook: Hook::Tc,        program_type: 3,   is_direct: true,  prefix: 0 },
    Place { name: "ebpf-socket",     hook: Hook::Socket,    program_type: 1,   is_direct: true,  prefix: 14 },
    Place { name: "ebpf-cgroup_skb", hook: Hook::CgroupSkb, program_type: 8,   is_direct: true,  prefix: 14 },
    Place { name: "ebpf-function",   hook: Hook::Function,  program_type: XDP, is_direct: true,  prefix: 0 },
    Place { name: "ebpf-probe",      hook: Hook::Function,  program_type: XDP, is_direct: false, prefix: 0 },
];

/// A start of a header that leaves all of it outside of the packet.
const NOWHERE: i32 = i32::MIN;

impl Place {
    pub fn hook(&self) -> Hook {
        self.hook
    }

    pub fn program_type(&self) -> u32 {
        self.program_type
    }

    /// Returns the options for programs whose result is the verdict; in control groups it is 1 for all that is not 0.
    pub fn options(&self) -> Options {
        let options = Options::new(self.hook).direct_access(self.is_direct);
        match self.hook {
            Hook::CgroupSkb => options,
            _ => options.on_match(Action::Verdict).on_mismatch(Action::Return(0)),
        }
    }

    /// Returns what the kernel runs before the program: functions are called by a program at the hook `xdp`.
    pub fn stub(&self) -> Vec<u8> {
        if self.hook != Hook::Function {
            return Vec::new();
        }
        // The length of the packet is that on the wire.
        let mut stub = vec![slot(0x61, 2, 1, 4), slot(0x61, 1, 1, 0), slot(0xbf, 3, 2, 0), slot(0x1f, 3, 1, 0)];
        if !self.is_direct {
            // The address of a packet becomes a number: its bytes are swapped twice.
            let mut swap = [slot(0xd7, 1, 0, 0), slot(0xd7, 2, 0, 0)];
            swap.iter_mut().for_each(|slot| slot[4..].copy_from_slice(&64_i32.to_ne_bytes()));
            stub.extend([swap, swap].concat());
        }
        let mut call = slot(0x85, 0, 1, 0);
        call[4..].copy_from_slice(&1_i32.to_ne_bytes());
        stub.extend([call, slot(0x95, 0, 0, 0)]);
        stub.concat()
    }

    /// Compiles, checks and loads a program.
    pub fn load(&self, verified: &Verified, options: &Options) -> Result<InKernel, String> {
        let program = options.compile(verified).map_err(|error| error.to_string())?;
        let shown = |error: String| format!("{error}\n{program}");
        checker::check(&program, self.is_direct).map_err(shown)?;
        bpf::load(&self.stub(), &program, self.program_type).map_err(shown)
    }

    /// Returns the packet as the kernel takes it, with a prefix: an Ethernet header, which gives a packet its protocol.
    pub fn frame(&self, packet: &Packet) -> Vec<u8> {
        let mut frame = vec![0; self.prefix];
        if self.prefix == 14 {
            frame[12..].copy_from_slice(&packet.context().get_protocol().to_be_bytes());
        }
        frame.extend_from_slice(packet.data());
        frame
    }

    /// Returns `true` if the kernel takes a frame: packets of IP have at least a header.
    pub fn takes_frame(&self, frame: &[u8]) -> bool {
        let least = match frame.get(12..14) {
            Some([0x08, 0x00]) if self.has_skb() => 34,
            Some([0x86, 0xdd]) if self.has_skb() => 54,
            _ => LENGTHS[0],
        };
        (least..=LENGTHS[1]).contains(&frame.len())
    }

    fn has_skb(&self) -> bool {
        !matches!(self.hook, Hook::Xdp | Hook::Function)
    }

    /// Returns the context that the kernel gives to a frame.
    pub fn surroundings(&self, frame: &[u8], mark: u32) -> Context {
        // The device is `lo`, whose address is 0.
        let context = Context::default().device(Device::new(1, 772));
        if !self.has_skb() {
            return context.network_header(NOWHERE);
        }
        // At the other hooks, offsets that are relative to a header are out of bounds.
        let context =
            if self.hook == Hook::Socket { context.network_header(0) } else { context.network_header(NOWHERE) };
        let protocol = match u16::from_be_bytes([frame[12], frame[13]]) {
            protocol @ 0x600.. => protocol,
            // Novell's frames, and IEEE 802.2.
            _ if frame.get(14..16) == Some(&[0xff, 0xff]) => 1,
            _ => 4,
        };
        let packet_type = match &frame[..6] {
            [0, 0, 0, 0, 0, 0] => 0,
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => 1,
            [first, ..] if first & 1 == 1 => 2,
            _ => 3,
        };
        context.protocol(protocol).packet_type(packet_type).mark(mark)
    }

    /// Returns the result of a program for a verdict.
    pub fn result(&self, verdict: u32) -> u32 {
        if self.hook == Hook::CgroupSkb { u32::from(verdict != 0) } else { verdict }
    }

    /// Runs a program on a frame.
    pub fn run(&self, program: &InKernel, frame: &[u8], mark: u32) -> io::Result<u32> {
        let mut context = [0; 192];
        context[8..12].copy_from_slice(&mark.to_ne_bytes());
        let has_context = mark != 0 && self.has_skb();
        let context = if has_context { &context[..] } else { &[] };
        program.run(frame, context)
    }
}

impl Engine for Place {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_available(&self) -> bool {
        static AVAILABLE: OnceLock<bool> = OnceLock::new();
        *AVAILABLE.get_or_init(|| {
            let program = Program::from_iter([Instruction::ReturnConstant { verdict: 1 }]);
            let verified = program.verify(Dialect::Linux);
            let compiled = verified.map(|verified| Options::new(Hook::Xdp).compile(&verified));
            matches!(compiled, Ok(Ok(program)) if bpf::load(&[], &program, XDP).is_ok())
        })
    }

    fn supports(&self, dialect: Dialect) -> bool {
        dialect != Dialect::Seccomp
    }

    fn can_have(&self, program: &Program, dialect: Dialect) -> bool {
        let has_not = depends_on_the_machine(program)
            || self.hook == Hook::Socket && loads_from_link_header(program)
            || program.verify(dialect).is_ok_and(|verified| lacks(&verified, &self.options()));
        !has_not
    }

    fn takes(&self, packet: &Packet) -> bool {
        packet.wire_len() as usize == packet.data().len() && self.takes_frame(&self.frame(packet))
    }

    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Rejection> {
        let verified = program.verify(dialect).map_err(Rejection::Verifier)?;
        let loaded = self.load(&verified, &self.options()).map_err(Rejection::Judge)?;
        Ok(Box::new(Attached { place: *self, verified, loaded, tests: RefCell::default() }))
    }
}

/// A program that the kernel accepted.
struct Attached {
    place: Place,
    verified: Verified,
    loaded: InKernel,
    /// For results of a bit: programs that return 1 if the verdict passes a test.
    tests: RefCell<HashMap<Vec<RawInstruction>, InKernel>>,
}

impl Loaded for Attached {
    /// Compares the verdict with that in the context that the kernel gives, which may not be the packet's.
    fn differs(&self, packet: &Packet, _expected: u32) -> Option<String> {
        let frame = self.place.frame(packet);
        let mark = packet.context().get_mark();
        let context = self.place.surroundings(&frame, mark);
        let expected = self.verified.interpret(packet.with_context(&context));
        match self.verdict_differs(&frame, mark, expected) {
            Ok(difference) => difference.map(|verdict| format!("{verdict}, not {expected} in the kernel's context")),
            Err(error) => Some(format!("the judge failed: {error}")),
        }
    }
}

impl Attached {
    fn verdict_differs(&self, frame: &[u8], mark: u32, expected: u32) -> io::Result<Option<u32>> {
        let result = self.place.run(&self.loaded, frame, mark)?;
        let is_whole = self.place.hook != Hook::CgroupSkb;
        if is_whole || result != u32::from(expected != 0) {
            return Ok((result != expected).then_some(result));
        }
        let program = self.verified.program().instructions();
        kernel::differs(program, expected, |test| self.passes(test, frame, mark))
    }

    /// Runs a test of the verdict.
    fn passes(&self, test: &[RawInstruction], frame: &[u8], mark: u32) -> io::Result<bool> {
        let mut tests = self.tests.borrow_mut();
        if !tests.contains_key(test) {
            let program = Program::new(test.to_vec());
            let verified = program.verify(self.verified.dialect()).map_err(io::Error::other)?;
            let loaded = self.place.load(&verified, &self.place.options()).map_err(io::Error::other)?;
            tests.insert(test.to_vec(), loaded);
        }
        Ok(self.place.run(&tests[test], frame, mark)? == 1)
    }
}

/// Returns `true` if a program loads values that differ from run to run.
pub fn depends_on_the_machine(program: &Program) -> bool {
    [Extension::Cpu, Extension::Random].iter().any(|&extension| oracle::may_load(program, extension))
}

/// Returns `true` if a program loads bytes of the link-layer header, which for sockets is the prefix.
fn loads_from_link_header(program: &Program) -> bool {
    let is_relative = |instruction| match instruction {
        Instruction::LoadAbsolute { offset, .. }
        | Instruction::LoadIndirect { offset, .. }
        | Instruction::LoadMemShift { offset } => (0xffe0_0000..0xfff0_0000).contains(&offset),
        _ => false,
    };
    program.disassemble().any(is_relative)
}
