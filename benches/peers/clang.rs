//! The program as C, compiled by `clang -O3` while the bench runs, and called through a pointer.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use cbpf::Packet;
use libloading::Library;

use crate::compiler;
use crate::engine::{Loaded, Subject};
use crate::mechanical;

/// The function of the C file: packet, length on the wire, captured length.
type Entry = unsafe extern "C" fn(*const u8, u32, u32) -> u32;

pub fn load(subject: &Subject) -> Loaded {
    let library = compile(subject)?;
    // SAFETY: this is the function's prototype.
    let entry: Entry = unsafe { *library.get(b"filter\0").map_err(|error| error.to_string())? };
    Ok(Box::new(move |packet: Packet| {
        let _loaded = &library;
        let (data, captured) = (packet.data(), packet.data().len() as u32);
        // SAFETY: a check of the captured length, which is the slice's, precedes each load.
        unsafe { entry(data.as_ptr(), packet.wire_len(), captured) }
    }))
}

/// Returns the time of clang and the dynamic loader.
pub fn loading_time(subject: &Subject) -> Result<Duration, String> {
    let start = Instant::now();
    compile(subject)?;
    Ok(start.elapsed())
}

fn compile(subject: &Subject) -> Result<Library, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let source = folder.path().join("filter.c");
    fs::write(&source, mechanical::c(&subject.instructions)).map_err(|error| error.to_string())?;
    compiler::library("clang", &[], &[source])
}

/// Returns clang's version.
pub fn version() -> Option<String> {
    let output = Command::new("clang").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
}
