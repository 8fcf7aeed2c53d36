//! The program as C, compiled by `clang -O3` while the bench runs, and called through a pointer.

use std::process::Command;

use cbpf::Packet;
use libloading::Library;

use crate::engine::{Loaded, Subject};
use crate::mechanical;

/// The function of the C file: packet, length on the wire, captured length.
type Entry = unsafe extern "C" fn(*const u8, u32, u32) -> u32;

pub fn load(subject: &Subject) -> Loaded {
    let library = compile(&mechanical::c(&subject.instructions))?;
    // SAFETY: this is the function's prototype.
    let entry: Entry = unsafe { *library.get(b"filter\0").map_err(|error| error.to_string())? };
    Ok(Box::new(move |packet: Packet| {
        let _loaded = &library;
        let (data, captured) = (packet.data(), packet.data().len() as u32);
        // SAFETY: each load stands behind a check of its end against the captured length, which is the slice's.
        unsafe { entry(data.as_ptr(), packet.wire_len(), captured) }
    }))
}

/// A C file as a loaded library.
fn compile(source: &str) -> Result<Library, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let [source_path, library_path] = ["filter.c", "filter.so"].map(|name| folder.path().join(name));
    std::fs::write(&source_path, source).map_err(|error| error.to_string())?;
    let mut command = Command::new("clang");
    command.args(["-O3", "-shared", "-fPIC", "-w", "-o"]).args([&library_path, &source_path]);
    let output = command.output().map_err(|error| format!("clang: {error}"))?;
    if !output.status.success() {
        return Err(format!("clang: {}", String::from_utf8_lossy(&output.stderr)));
    }
    // SAFETY: the library has no initialisers; what is loaded stays when the folder goes.
    unsafe { Library::new(&library_path) }.map_err(|error| error.to_string())
}
