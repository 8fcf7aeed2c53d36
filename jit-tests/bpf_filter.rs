//! libpcap, loaded at run time if the machine has it, and its interpreter: shared by the trials and the benches.

use std::ffi::CStr;
use std::sync::OnceLock;

use cbpf::bpf::RawInstruction;
use libloading::{Library, Symbol};

/// `bpf_filter(instructions, packet, wire_len, captured)`
pub type BpfFilter = unsafe extern "C" fn(*const RawInstruction, *const u8, u32, u32) -> u32;

pub fn bpf_filter() -> Result<BpfFilter, String> {
    // SAFETY: this is the prototype of `pcap/bpf.h`.
    Ok(unsafe { *symbol(library()?, c"bpf_filter")? })
}

/// Returns a function of the library.
///
/// # Safety
///
/// `T` must be the type of the function `name`.
pub unsafe fn symbol<T>(library: &'static Library, name: &CStr) -> Result<Symbol<'static, T>, String> {
    // SAFETY: the caller vouches for the type.
    unsafe { library.get(name.to_bytes_with_nul()) }.map_err(|error| error.to_string())
}

/// Returns libpcap, which is never unloaded.
pub fn library() -> Result<&'static Library, String> {
    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
    let names = ["libpcap.so.1", "libpcap.so.0.8", "libpcap.so"];
    // SAFETY: libpcap's initialisers have no requirements.
    let load = || names.into_iter().find_map(|name| unsafe { Library::new(name) }.ok());
    LIBRARY.get_or_init(load).as_ref().ok_or("there is no libpcap".to_owned())
}
