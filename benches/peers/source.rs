//! The source code that `--to c-source` and `--to rust` print, compiled while the bench runs, and called through a
//! pointer.

use std::fs;
use std::process::Command;

use cbpf::Packet;
use cbpf::source::{Language, Options};
use libloading::Library;

use crate::compiler;
use crate::engine::{Loaded, Subject};

/// The function of both: data, end of data, length on the wire.
type Entry = unsafe extern "C" fn(*const u8, *const u8, u32) -> u32;

/// The C, compiled by `clang -O3`.
pub fn c(subject: &Subject) -> Loaded {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("filter.c");
    fs::write(&path, generate(Language::C, subject)?).map_err(|error| error.to_string())?;
    loaded(compiler::library("clang", &[], &[path])?, b"filter\0")
}

/// The Rust, compiled by `rustc -C opt-level=3`, with a function for callers in C.
pub fn rust(subject: &Subject) -> Loaded {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (path, output) = (folder.path().join("filter.rs"), folder.path().join("filter.so"));
    let source = generate(Language::Rust, subject)? + ENTRY;
    fs::write(&path, source).map_err(|error| error.to_string())?;
    let mut command = Command::new("rustc");
    command.args(["--crate-type", "cdylib", "--edition", "2021", "-C", "opt-level=3", "-C", "panic=abort", "-o"]);
    let outcome = command.arg(&output).arg(&path).output().map_err(|error| format!("rustc: {error}"))?;
    if !outcome.status.success() {
        let message = String::from_utf8_lossy(&outcome.stderr);
        return Err(format!("rustc: {}", message.lines().next().unwrap_or("failed")));
    }
    // SAFETY: the code has no initialisers of its own; it stays loaded after the folder is removed.
    loaded(unsafe { Library::new(&output) }.map_err(|error| error.to_string())?, b"entry\0")
}

/// The function in Rust with the parameters of the one in C.
const ENTRY: &str = "
#[no_mangle]
pub unsafe extern \"C\" fn entry(data: *const u8, end: *const u8, wire_len: u32) -> u32 {
    filter(core::slice::from_raw_parts(data, end.offset_from(data) as usize), wire_len)
}
";

fn generate(language: Language, subject: &Subject) -> Result<String, String> {
    Options::new(language).name("filter").generate(&subject.verified).map_err(|error| error.to_string())
}

fn loaded(library: Library, name: &[u8]) -> Loaded {
    // SAFETY: both functions have this prototype.
    let entry: Entry = unsafe { *library.get(name).map_err(|error| error.to_string())? };
    Ok(Box::new(move |packet: Packet| {
        let _loaded = &library;
        let data = packet.data().as_ptr_range();
        // SAFETY: the function reads no bytes outside of the slice.
        unsafe { entry(data.start, data.end, packet.wire_len()) }
    }))
}
