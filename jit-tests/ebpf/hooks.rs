//! The hooks of the kernel as judges: programs are loaded, and run on packets by `BPF_PROG_TEST_RUN`. That needs root.
//!
//! The kernel has its own context for such packets: [`Place::surroundings`] returns it, and programs that load something
//! else of a context do not run on that packet.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::sync::OnceLock;

use cbpf::bpf::RawInstruction;
use cbpf::ebpf::{Action, Hook, Options};
use cbpf::packet::{Device, Extension};
use cbpf::{Context, Dialect, Instruction, Packet, Program, Verified};

use super::bpf::{self, Loaded as InKernel};
use super::user::slot;
use super::{checker, lacks};
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
    /// The length of the packets that the kernel takes, with the prefix.
    lengths: [usize; 2],
}

const XDP: u32 = 6;
/// The kernel makes longer packets of several pages, which programs without `xdp.frags` do not get.
const PAGE: [usize; 2] = [14, 3_500];

#[rustfmt::skip]
pub static PLACES: [Place; 6] = [
    Place { name: "ebpf-xdp",        hook: Hook::Xdp,       program_type: XDP, is_direct: true,  prefix: 0,  lengths: PAGE },
    Place { name: "ebpf-tc",         hook: Hook::Tc,        program_type: 3,   is_direct: true,  prefix: 0,  lengths: PAGE },
    Place { name: "ebpf-socket",     hook: Hook::Socket,    program_type: 1,   is_direct: true,  prefix: 14, lengths: PAGE },
    Place { name: "ebpf-cgroup_skb", hook: Hook::CgroupSkb, program_type: 8,   is_direct: true,  prefix: 14, lengths: PAGE },
    Place { name: "ebpf-function",   hook: Hook::Function,  program_type: XDP, is_direct: true,  prefix: 0,  lengths: PAGE },
    Place { name: "ebpf-probe",      hook: Hook::Function,  program_type: XDP, is_direct: false, prefix: 0,  lengths: PAGE },
];

impl Place {
    /// Returns the options for programs whose result is the verdict; in control groups it is 1 for all that is not 0.
    pub fn options(&self) -> Options {
        let options = Options::new(self.hook).direct_access(self.is_direct);
        match self.hook {
            Hook::CgroupSkb => options,
            _ => options.on_match(Action::Verdict).on_mismatch(Action::Return(0)),
        }
    }

    /// Returns what the kernel runs before the program: functions are called by a program at the hook `xdp`.
    fn stub(&self) -> Vec<u8> {
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
        bpf::load_after(&self.stub(), &program, self.program_type).map_err(shown)
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

    /// Returns `true` if the kernel takes packets of this length.
    pub fn takes_len(&self, len: usize) -> bool {
        (self.lengths[0]..=self.lengths[1]).contains(&(len + self.prefix))
    }

    /// Returns the context that the kernel gives to a frame.
    pub fn surroundings(&self, frame: &[u8], mark: u32) -> Context {
        // The device is `lo`, whose address is 0.
        let context = Context::default().device(Device::new(1, 772));
        if matches!(self.hook, Hook::Xdp | Hook::Function) {
            return context;
        }
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

    /// Runs a program on a frame.
    pub fn run(&self, program: &InKernel, frame: &[u8], mark: u32) -> io::Result<u32> {
        let mut context = [0; 192];
        context[8..12].copy_from_slice(&mark.to_ne_bytes());
        let has_context = mark != 0 && !matches!(self.hook, Hook::Xdp | Hook::Function);
        let context = if has_context { &context[..] } else { &[] };
        Ok(program.run(frame, context, 1)?.result)
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
            matches!(compiled, Ok(Ok(program)) if bpf::load(&program, XDP).is_ok())
        })
    }

    fn supports(&self, dialect: Dialect) -> bool {
        dialect != Dialect::Seccomp
    }

    fn can_have(&self, program: &Program, dialect: Dialect) -> bool {
        program.verify(dialect).map_or(true, |verified| !lacks(&verified, &self.options()))
    }

    fn takes(&self, packet: &Packet) -> bool {
        packet.wire_len() as usize == packet.data().len() && self.takes_len(packet.data().len())
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
    fn differs(&self, packet: &Packet, expected: u32) -> Option<String> {
        let frame = self.place.frame(packet);
        let mark = packet.context().get_mark();
        let is_given = self.place.surroundings(&frame, mark);
        if Extension::all().any(|extension| {
            oracle::may_load(self.verified.program(), extension) && !has_same(extension, packet.context(), &is_given)
        }) {
            return None;
        }
        match self.verdict_differs(&frame, mark, expected) {
            Ok(difference) => difference.map(|verdict| verdict.to_string()),
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

/// Returns `true` if an ancillary load has the same value in both contexts.
fn has_same(extension: Extension, a: &Context, b: &Context) -> bool {
    match extension {
        Extension::Protocol => a.get_protocol() == b.get_protocol(),
        Extension::PacketType => a.get_packet_type() == b.get_packet_type(),
        Extension::InterfaceIndex => a.get_device().map(|it| it.index) == b.get_device().map(|it| it.index),
        Extension::HardwareType => a.get_device() == b.get_device(),
        Extension::Mark => a.get_mark() == b.get_mark(),
        Extension::Queue => a.get_queue() == b.get_queue(),
        Extension::ReceiveHash => a.get_receive_hash() == b.get_receive_hash(),
        Extension::VlanTci | Extension::VlanPresent | Extension::VlanTpid => a.get_vlan() == b.get_vlan(),
        Extension::Cpu | Extension::Random => false,
        _ => true,
    }
}
