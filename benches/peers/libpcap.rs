//! libpcap's interpreter, `bpf_filter`, and its compiler.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use cbpf::{Packet, RawInstruction};
use libloading::{Library, Symbol};

use crate::engine::{Loaded, Subject};

/// `bpf_filter(instructions, packet, wire_len, captured)`
type BpfFilter = unsafe extern "C" fn(*const RawInstruction, *const u8, u32, u32) -> u32;

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
    let library = library()?;
    // SAFETY: this is the prototype of `pcap/bpf.h`.
    let filter: BpfFilter = unsafe { *symbol(library, c"bpf_filter")? };
    let program = subject.program.clone();
    Ok(Box::new(move |packet: Packet| {
        let (data, captured) = (packet.data(), packet.data().len() as u32);
        // SAFETY: our verifier accepted the program; the length is that of the slice.
        unsafe { filter(program.instructions().as_ptr(), data.as_ptr(), packet.wire_len(), captured) }
    }))
}

/// How long `pcap_compile` takes for the filter's expression.
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
        if status == 0 { Ok(time) } else { Err(format!("libpcap refuses the expression of {}", subject.name)) }
    }
}

/// What libpcap calls itself.
pub fn version() -> Option<String> {
    let library = library().ok()?;
    // SAFETY: this is the prototype of `pcap.h`; the text is static.
    unsafe {
        let version: Symbol<unsafe extern "C" fn() -> *const c_char> = symbol(library, c"pcap_lib_version").ok()?;
        Some(CStr::from_ptr(version()).to_string_lossy().into_owned())
    }
}

/// # Safety
///
/// `T` must be the type of what the library calls `name`.
unsafe fn symbol<T>(library: &'static Library, name: &CStr) -> Result<Symbol<'static, T>, String> {
    // SAFETY: the caller knows the type.
    unsafe { library.get(name.to_bytes_with_nul()) }.map_err(|error| error.to_string())
}

fn library() -> Result<&'static Library, String> {
    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
    let names = ["libpcap.so.1", "libpcap.so.0.8", "libpcap.so"];
    // SAFETY: libpcap's initialisers have no requirements.
    let load = || names.into_iter().find_map(|name| unsafe { Library::new(name) }.ok());
    LIBRARY.get_or_init(load).as_ref().ok_or("there is no libpcap".to_owned())
}
