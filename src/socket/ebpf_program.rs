//! Programs of eBPF for sockets: loading by bpf(2), for filters that are too long for a classic program.
//!
//! A loaded program keeps its maps, so only its descriptor is returned. Whoever changes maps later uses a loader such as
//! aya.
//!
//! Source: `union bpf_attr` in `include/uapi/linux/bpf.h`, and `bpf_check_uarg_tail_zero` in `kernel/bpf/syscall.c`: the
//! kernel takes what follows the given fields as 0.

#![expect(unsafe_code, reason = "a system call that reads through pointers")]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use libc::c_long;

use crate::ebpf::{Hook, Map, Program};
use crate::socket::error::{self, Error};
use crate::socket::system;

/// `BPF_MAP_CREATE`, `BPF_MAP_UPDATE_ELEM` and `BPF_PROG_LOAD`.
const MAP_CREATE: c_long = 0;
const MAP_UPDATE: c_long = 2;
const PROGRAM_LOAD: c_long = 5;

#[repr(C)]
struct MapCreate {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
}

#[repr(C)]
struct MapUpdate {
    map: u64,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgramLoad {
    kind: u32,
    slots: u32,
    instructions: u64,
    license: u64,
}

/// Loads a program of eBPF for [`Hook::Socket`], with its maps.
///
/// # Errors
/// Fails if the process lacks `CAP_BPF`, if the verifier of the kernel refuses the program, and with `EINVAL` if the
/// program is for another hook.
///
/// ```no_run
/// use cbpf::ebpf::{Hook, Options};
/// use cbpf::{LinkType, Target, socket};
/// use socket2::{Domain, Socket, Type};
///
/// let hosts: Vec<_> = (0..5_000).map(|host| format!("10.0.{}.{}", host / 256, host % 256)).collect();
/// let expression = format!("host ({})", hosts.join(" or "));
/// let program = Options::new(Hook::Socket).from_expression(&expression, LinkType::ETHERNET)?;
/// let listener = Socket::new(Domain::PACKET, Type::RAW, None)?;
/// socket::attach_ebpf(&listener, &socket::load_ebpf(&program)?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_ebpf(program: &Program) -> Result<OwnedFd, Error> {
    load(program).map_err(Error::of(error::LOAD_EBPF))
}

/// Attaches a loaded program of eBPF to a socket, as [`attach`](super::attach) does with a classic one.
///
/// # Errors
/// Fails if the descriptor is no program for sockets, or the filter is locked.
pub fn attach_ebpf(socket: impl AsFd, program: impl AsFd) -> Result<(), Error> {
    let program = program.as_fd().as_raw_fd();
    system::set_number(socket.as_fd(), system::ATTACH_EBPF, program).map_err(Error::of(error::ATTACH_EBPF))
}

fn load(program: &Program) -> io::Result<OwnedFd> {
    let kind = Hook::Socket.program_type().filter(|_| program.hook() == Hook::Socket);
    let kind = kind.ok_or(io::ErrorKind::InvalidInput)?;
    let maps = program.maps().iter().map(create_map).collect::<io::Result<Vec<OwnedFd>>>()?;
    let mut instructions = program.to_bytes();
    for (slot, map) in program.map_references() {
        let fd = maps.get(map as usize).ok_or(io::ErrorKind::InvalidInput)?.as_raw_fd();
        // The immediate is the second word of an instruction.
        let place = instructions.get_mut(8 * slot + 4..8 * slot + 8).ok_or(io::ErrorKind::InvalidInput)?;
        place.copy_from_slice(&fd.to_ne_bytes());
    }
    let license = CString::new(program.license())?;
    let slots = program.slots() as u32;
    let (instructions, license) = (address(&instructions), address(license.as_bytes_with_nul()));
    // SAFETY: the fields are those of the command. The instructions and the licence, which ends with a zero, live until
    // the end of the function.
    unsafe { create(PROGRAM_LOAD, &ProgramLoad { kind, slots, instructions, license }) }
}

/// Creates a map with its elements.
fn create_map(map: &Map) -> io::Result<OwnedFd> {
    let Map { kind, key_size, value_size, max_entries, flags, ref elements, .. } = *map;
    // SAFETY: the fields are those of the command, without pointers.
    let fd = unsafe { create(MAP_CREATE, &MapCreate { kind: kind as u32, key_size, value_size, max_entries, flags }) }?;
    for (key, value) in elements {
        if key.len() != key_size as usize || value.len() != value_size as usize {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let element = MapUpdate { map: fd.as_raw_fd() as u64, key: address(key), value: address(value), flags: 0 };
        // SAFETY: the fields are those of the command, and key and value have the lengths of the map. Maps with an
        // element for each processor are created without elements.
        unsafe { bpf(MAP_UPDATE, &element) }?;
    }
    Ok(fd)
}

fn address(bytes: &[u8]) -> u64 {
    bytes.as_ptr() as usize as u64
}

/// Calls bpf(2) for a new descriptor.
///
/// # Safety
/// As [`bpf`].
unsafe fn create<T>(command: c_long, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the caller guarantees the requirements.
    let fd = unsafe { bpf(command, attributes) }?;
    // SAFETY: the kernel has just made the descriptor for this process.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as _) })
}

/// Calls bpf(2).
///
/// # Safety
/// The attributes are those of the command, which only reads through their pointers, as far as lengths say.
unsafe fn bpf<T>(command: c_long, attributes: &T) -> io::Result<c_long> {
    let pointer = std::ptr::from_ref(attributes);
    // SAFETY: the caller guarantees the type of the attributes and the pointers in them.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, pointer, size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
