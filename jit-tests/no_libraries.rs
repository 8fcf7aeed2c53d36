//! Stands for `bpf_filter.rs` where no library can be loaded.

use std::ffi::CStr;

use cbpf::bpf::RawInstruction;

pub type BpfFilter = unsafe extern "C" fn(*const RawInstruction, *const u8, u32, u32) -> u32;

pub fn bpf_filter() -> Result<BpfFilter, String> {
    library().map(|library| match *library {})
}

/// Returns nothing: there are no libraries.
///
/// # Safety
///
/// None is needed.
pub unsafe fn symbol<T>(library: &'static Library, _name: &CStr) -> Result<&'static T, String> {
    match *library {}
}

/// A library, of which there is none.
pub enum Library {}

pub fn library() -> Result<&'static Library, String> {
    Err("this system cannot load libraries".to_owned())
}
