//! libpcap as a judge, loaded at run time if the machine has it.

use std::sync::OnceLock;

use cbpf::{Context, Dialect, Packet, Program, RawInstruction};
use libloading::Library;

use crate::engine::{Engine, Loaded, Refusal};

pub struct Libpcap;

/// `bpf_filter(instructions, packet, wire_len, captured)`
type BpfFilter = unsafe extern "C" fn(*const RawInstruction, *const u8, u32, u32) -> u32;

/// `bpf_validate(instructions, len)`
type BpfValidate = unsafe extern "C" fn(*const RawInstruction, i32) -> i32;

struct Functions {
    filter: BpfFilter,
    validate: BpfValidate,
}

fn functions() -> Option<&'static Functions> {
    static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
    FUNCTIONS.get_or_init(load).as_ref()
}

fn load() -> Option<Functions> {
    let names = ["libpcap.so.1", "libpcap.so.0.8", "libpcap.so"];
    // SAFETY: libpcap's initialisers have no requirements.
    let library = names.into_iter().find_map(|name| unsafe { Library::new(name) }.ok())?;
    let library: &'static Library = Box::leak(Box::new(library));
    // SAFETY: these are the prototypes of `pcap/bpf.h`.
    unsafe {
        let (filter, validate) = (library.get(b"bpf_filter\0").ok()?, library.get(b"bpf_validate\0").ok()?);
        Some(Functions { filter: *filter, validate: *validate })
    }
}

/// Whether libpcap accepts a program; `None` if there is no libpcap.
pub fn accepts(program: &Program) -> Option<bool> {
    let instructions = program.instructions();
    // SAFETY: the length is that of the slice.
    Some(unsafe { (functions()?.validate)(instructions.as_ptr(), instructions.len() as i32) } != 0)
}

impl Engine for Libpcap {
    fn name(&self) -> &'static str {
        "libpcap"
    }

    fn is_available(&self) -> bool {
        functions().is_some()
    }

    fn speaks(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Pcap
    }

    fn takes(&self, packet: &Packet) -> bool {
        *packet.context() == Context::default()
    }

    /// It aborts or loops on programs that our verifier refuses, so those never reach it.
    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Refusal> {
        program.verify(dialect).map_err(Refusal::Verifier)?;
        let Some(functions) = functions().filter(|_| accepts(program) == Some(true)) else {
            return Err(Refusal::Judge("bpf_validate refuses it".to_owned()));
        };
        let program = program.clone();
        Ok(Box::new(move |packet: &Packet| {
            let (data, captured) = (packet.data(), packet.data().len() as u32);
            // SAFETY: our verifier and its own accepted the program; the length is that of the slice.
            unsafe { (functions.filter)(program.instructions().as_ptr(), data.as_ptr(), packet.wire_len(), captured) }
        }))
    }
}
