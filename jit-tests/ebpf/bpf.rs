//! bpf(2): loads programs with their maps, and runs them on packets (`BPF_PROG_TEST_RUN`).

use std::ffi::CString;
use std::io::{self, Error};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use cbpf::ebpf::{Map, Program};

/// The commands (`enum bpf_cmd`).
#[derive(Clone, Copy)]
pub enum Command {
    MapCreate = 0,
    MapLookup = 1,
    MapUpdate = 2,
    ProgLoad = 5,
    ProgTestRun = 10,
    LinkCreate = 28,
}

/// The length of the verifier's log, of which the end is shown.
const LOG: usize = 1 << 20;
const SHOWN: usize = 3_000;

/// What `union bpf_attr` holds for each command; the kernel takes the rest of it as 0.
#[repr(C)]
#[derive(Default)]
struct MapCreate {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
    inner: u32,
    numa_node: u32,
    name: [u8; 16],
}

#[repr(C)]
struct MapElement {
    map: u64,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
#[derive(Default)]
struct ProgLoad {
    kind: u32,
    slots: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    device: u32,
    attach_type: u32,
}

#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: u32,
    result: u32,
    data_len: u32,
    data_out_len: u32,
    data: u64,
    data_out: u64,
    repeat: u32,
    nanoseconds: u32,
    context_len: u32,
    context_out_len: u32,
    context: u64,
    context_out: u64,
    flags: u32,
    cpu: u32,
    batch: u32,
    padding: u32,
}

/// Calls bpf(2).
fn bpf<T>(command: Command, attributes: &mut T) -> io::Result<RawFd> {
    // SAFETY: the kernel reads and writes `attributes`, and the buffers that it points to, which live until the end
    // of the caller's statement.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command as libc::c_long, &raw mut *attributes, size_of::<T>()) };
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result as RawFd) }
}

/// Calls bpf(2) for a new file descriptor.
pub fn create<T>(command: Command, attributes: &mut T) -> io::Result<OwnedFd> {
    let fd = bpf(command, attributes)?;
    // SAFETY: the kernel has just made it for this process.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn address<T: ?Sized>(place: &T) -> u64 {
    (&raw const *place).cast::<u8>() as usize as u64
}

fn name(text: &str) -> [u8; 16] {
    let mut name = [0; 16];
    name.iter_mut().zip(text.bytes().take(15)).for_each(|(place, byte)| *place = byte);
    name
}

/// A program in the kernel, with its maps.
pub struct Loaded {
    pub fd: OwnedFd,
    pub maps: Vec<OwnedFd>,
}

/// Loads a program that begins with `stub`; an error holds the verifier's log.
pub fn load(stub: &[u8], program: &Program, program_type: u32) -> Result<Loaded, String> {
    let maps: Vec<OwnedFd> =
        program.maps().iter().map(create_map).collect::<Result<_, _>>().map_err(|error| format!("a map: {error}"))?;
    let mut bytes = stub.to_vec();
    bytes.extend(program.to_bytes());
    for (slot, map) in program.map_references() {
        let place = stub.len() + 8 * slot + 4;
        bytes[place..place + 4].copy_from_slice(&maps[map as usize].as_raw_fd().to_ne_bytes());
    }
    load_bytes(&bytes, program_type, program.license()).map(|loaded| Loaded { maps, ..loaded })
}

/// Loads an XDP program without maps for packets of several buffers.
pub fn load_xdp_frags(program: &Program) -> Result<Loaded, String> {
    const XDP: u32 = 6;
    const XDP_HAS_FRAGS: u32 = 1 << 5;
    load_with_flags(&program.to_bytes(), XDP, program.license(), XDP_HAS_FRAGS)
}

/// Loads instructions.
pub fn load_bytes(bytes: &[u8], program_type: u32, license: &str) -> Result<Loaded, String> {
    load_with_flags(bytes, program_type, license, 0)
}

fn load_with_flags(bytes: &[u8], program_type: u32, license: &str, flags: u32) -> Result<Loaded, String> {
    let license = CString::new(license).map_err(|error| error.to_string())?;
    let attributes = |log: &mut [u8]| ProgLoad {
        kind: program_type,
        slots: (bytes.len() / 8) as u32,
        instructions: address(bytes),
        license: license.as_ptr() as usize as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: log.len() as u32,
        log: if log.is_empty() { 0 } else { address(log) },
        flags,
        name: name("cbpf_judge"),
        ..ProgLoad::default()
    };
    let fd = create(Command::ProgLoad, &mut attributes(&mut [])).or_else(|error| {
        let mut log = vec![0; LOG];
        match create(Command::ProgLoad, &mut attributes(&mut log)) {
            Ok(fd) => Ok(fd),
            Err(_) => {
                let text = String::from_utf8_lossy(&log);
                let text = text.trim_end_matches(['\0', '\n']);
                let start = text.char_indices().rev().nth(SHOWN).map_or(0, |(at, _)| at);
                Err(format!("the kernel refuses the program: {error}\n{}", &text[start..]))
            }
        }
    });
    fd.map(|fd| Loaded { fd, maps: Vec::new() })
}

/// Creates a map with its elements.
fn create_map(map: &Map) -> io::Result<OwnedFd> {
    let mut attributes = MapCreate {
        kind: map.kind as u32,
        key_size: map.key_size,
        value_size: map.value_size,
        max_entries: map.max_entries,
        flags: map.flags,
        name: name(&map.name),
        ..MapCreate::default()
    };
    let fd = create(Command::MapCreate, &mut attributes)?;
    map.elements.iter().try_for_each(|(key, value)| update(&fd, key, value))?;
    Ok(fd)
}

/// Writes an element of a map.
pub fn update(map: &OwnedFd, key: &[u8], value: &[u8]) -> io::Result<()> {
    let mut element = MapElement { map: map.as_raw_fd() as u64, key: address(key), value: address(value), flags: 0 };
    bpf(Command::MapUpdate, &mut element).map(drop)
}

/// Reads an element of a map into `value`.
pub fn lookup(map: &OwnedFd, key: &[u8], value: &mut [u8]) -> io::Result<()> {
    let value = value.as_mut_ptr() as usize as u64;
    let mut element = MapElement { map: map.as_raw_fd() as u64, key: address(key), value, flags: 0 };
    bpf(Command::MapLookup, &mut element).map(drop)
}

impl Loaded {
    /// Runs the program on a packet with a context, which may be empty, and returns its result.
    pub fn run(&self, data: &[u8], context: &[u8]) -> io::Result<u32> {
        Ok(self.run_often(data, context, 1)?.0)
    }

    /// Runs the program `repeat` times, and returns its result and the nanoseconds of a run.
    pub fn run_often(&self, data: &[u8], context: &[u8], repeat: u32) -> io::Result<(u32, u32)> {
        let mut run = TestRun {
            program: self.fd.as_raw_fd() as u32,
            data_len: data.len() as u32,
            data: address(data),
            repeat,
            context_len: context.len() as u32,
            context: if context.is_empty() { 0 } else { address(context) },
            ..TestRun::default()
        };
        bpf(Command::ProgTestRun, &mut run)?;
        Ok((run.result, run.nanoseconds))
    }
}
