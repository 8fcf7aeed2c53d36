//! libpcap's interpreter, `bpf_filter`, and its compiler.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::time::{Duration, Instant};

use cbpf::Packet;
use cbpf::bpf::RawInstruction;
use libloading::Symbol;

use crate::bpf_filter::{bpf_filter, library, symbol};
use crate::engine::{Loaded, Subject};

/// `struct bpf_program`
#[repr(C)]
struct BpfProgram {
    len: u32,
    instructions: *mut RawInstruction,
}

/// `pcap_open_dead(link_type, captured)`
type OpenDead = unsafe extern "C" fn(c_int, c_int) -> *mut c_void;

/// `pcap_compile(handle, program, expression, is_optimized, netmask)`
type Compile = unsafe extern "C" fn(*mut c_void, *mut BpfProgram, *const c_char, c_int, u32) -> c_int;

/// `DLT_EN10MB`
const ETHERNET: c_int = 1;

/// `PCAP_NETMASK_UNKNOWN`
const NETMASK: u32 = u32::MAX;

pub fn load(subject: &Subject) -> Loaded {
    let filter = bpf_filter()?;
    let program = subject.program.clone();
    Ok(Box::new(move |packet: Packet| {
        let (data, captured) = (packet.data(), packet.data().len() as u32);
        // SAFETY: our verifier accepted the program; the length is that of the slice.
        unsafe { filter(program.instructions().as_ptr(), data.as_ptr(), packet.wire_len(), captured) }
    }))
}

/// Returns the time of `pcap_compile` for the filter's expression.
pub fn compile_time(subject: &Subject) -> Result<Duration, String> {
    let expression = CString::new(subject.expression()?).map_err(|error| error.to_string())?;
    let library = library()?;
    let mut program = BpfProgram { len: 0, instructions: ptr::null_mut() };
    // SAFETY: these are the prototypes of `pcap.h`; the handle is live from opening to closing, and the program from
    // compiling to freeing.
    unsafe {
        let open: Symbol<OpenDead> = symbol(library, c"pcap_open_dead")?;
        let compile: Symbol<Compile> = symbol(library, c"pcap_compile")?;
        let free: Symbol<unsafe extern "C" fn(*mut BpfProgram)> = symbol(library, c"pcap_freecode")?;
        let close: Symbol<unsafe extern "C" fn(*mut c_void)> = symbol(library, c"pcap_close")?;
        let handle = open(ETHERNET, 262_144);
        let start = Instant::now();
        let status = compile(handle, &mut program, expression.as_ptr(), 1, NETMASK);
        let time = start.elapsed();
        free(&mut program);
        close(handle);
        if status == 0 { Ok(time) } else { Err(format!("libpcap rejects the expression of {}", subject.name)) }
    }
}

/// Returns libpcap's version.
pub fn version() -> Option<String> {
    let library = library().ok()?;
    // SAFETY: this is the prototype of `pcap.h`; the text is static.
    unsafe {
        let version: Symbol<unsafe extern "C" fn() -> *const c_char> = symbol(library, c"pcap_lib_version").ok()?;
        Some(CStr::from_ptr(version()).to_string_lossy().into_owned())
    }
}
