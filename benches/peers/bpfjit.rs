//! NetBSD's JIT on sljit, from the C sources that the crate `bpfjit-sys` ships.
//!
//! The crate itself links libpcap, which a machine may lack. Cargo only fetches it, and the bench compiles its sources
//! at run time, with a C compiler and libpcap's headers.

use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use cbpf::Packet;
use cbpf::bpf::RawInstruction;
use libloading::Library;

use crate::compiler;
use crate::engine::{Loaded, Subject};

/// `bpf_args_t`
#[repr(C)]
struct Arguments {
    packet: *const u8,
    wire_len: usize,
    captured: usize,
    memory: *mut u32,
    argument: *mut c_void,
}

/// `bpfjit_func_t`; the context is for functions that a program calls, which no classic program does.
type Entry = unsafe extern "C" fn(*const c_void, *const Arguments) -> u32;

type Generate = unsafe extern "C" fn(*const c_void, *const RawInstruction, usize) -> Option<Entry>;

type Free = unsafe extern "C" fn(Entry);

/// A compiled program.
struct Code {
    entry: Entry,
    free: Free,
}

impl Code {
    fn new(subject: &Subject, generate: Generate, free: Free) -> Result<Code, String> {
        let instructions = subject.program.instructions();
        // SAFETY: our verifier accepted the program; the length is that of the slice.
        let entry = unsafe { generate(ptr::null(), instructions.as_ptr(), instructions.len()) };
        Ok(Code { entry: entry.ok_or("bpfjit refuses the program")?, free })
    }

    #[inline]
    fn run(&self, packet: Packet) -> u32 {
        let data = packet.data();
        let (memory, argument) = (ptr::null_mut(), ptr::null_mut());
        let wire_len = packet.wire_len() as usize;
        let arguments = Arguments { packet: data.as_ptr(), wire_len, captured: data.len(), memory, argument };
        // SAFETY: the code reads the packet up to the captured length, which is that of the slice.
        unsafe { (self.entry)(ptr::null(), &arguments) }
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: bpfjit made the code, and this is its only owner.
        unsafe { (self.free)(self.entry) }
    }
}

pub fn load(subject: &Subject) -> Loaded {
    let (generate, free) = functions()?;
    let code = Code::new(subject, generate, free)?;
    Ok(Box::new(move |packet: Packet| code.run(packet)))
}

/// Returns the time of the code generator.
pub fn loading_time(subject: &Subject) -> Result<Duration, String> {
    let (generate, free) = functions()?;
    let start = Instant::now();
    let code = Code::new(subject, generate, free)?;
    let time = start.elapsed();
    drop(code);
    Ok(time)
}

/// Returns `bpfjit_generate_code` and `bpfjit_free_code`.
fn functions() -> Result<(Generate, Free), String> {
    static LIBRARY: OnceLock<Result<Library, String>> = OnceLock::new();
    let library = LIBRARY.get_or_init(compile).as_ref().map_err(String::clone)?;
    // SAFETY: these are the prototypes of `bpfjit.h`; the library is never unloaded.
    let functions = unsafe { (library.get(b"bpfjit_generate_code\0"), library.get(b"bpfjit_free_code\0")) };
    match functions {
        (Ok(generate), Ok(free)) => Ok((*generate, *free)),
        (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
    }
}

fn compile() -> Result<Library, String> {
    let folder = sources()?;
    let [sljit, bpfjit] = ["sljit", "bpfjit"].map(|name| folder.join(name));
    let options = [
        "-DSLJIT_CONFIG_AUTO=1".to_owned(),
        "-DSLJIT_PROT_EXECUTABLE_ALLOCATOR=1".to_owned(),
        "-D_GNU_SOURCE=1".to_owned(),
        "-DHAVE_MEMFD_CREATE=1".to_owned(),
        "-DSLJIT_ARGUMENT_CHECKS=1".to_owned(),
        "-DSLJIT_DEBUG=0".to_owned(),
        "-DSLJIT_VERBOSE=0".to_owned(),
        format!("-I{}", sljit.display()),
        format!("-I{}", bpfjit.display()),
    ];
    compiler::library("cc", &options, &[sljit.join("sljitLir.c"), bpfjit.join("bpfjit.c")])
}

/// Returns the folder of the sources of `bpfjit-sys`, which cargo fetches if necessary.
fn sources() -> Result<PathBuf, String> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--locked", "--format-version", "1", "--manifest-path", manifest]);
    let output = command.output().map_err(|error| format!("cargo: {error}"))?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("cargo: {}", String::from_utf8_lossy(&output.stderr)))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let package = packages.iter().find(|package| package["name"] == "bpfjit-sys");
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let folder = manifest.and_then(|path| Path::new(path).parent());
    Ok(folder.ok_or("cargo metadata lacks bpfjit-sys")?.join("src"))
}
