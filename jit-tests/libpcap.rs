//! libpcap as a judge, loaded at run time if the machine has it.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use cbpf::{Context, Dialect, Packet, Program, RawInstruction};
use libloading::Library;

use crate::engine::{Engine, Loaded, Refusal};

pub struct Libpcap;

/// `bpf_filter(instructions, packet, wire_len, captured)`
type BpfFilter = unsafe extern "C" fn(*const RawInstruction, *const u8, u32, u32) -> u32;

/// `bpf_validate(instructions, len)`
type BpfValidate = unsafe extern "C" fn(*const RawInstruction, i32) -> i32;

struct Functions {
    filter: BpfFilter,
    validate: BpfValidate,
}

fn functions() -> Option<&'static Functions> {
    static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
    FUNCTIONS.get_or_init(load).as_ref()
}

/// libpcap, if the machine has it; it stays.
fn library() -> Option<&'static Library> {
    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
    let names = ["libpcap.so.1", "libpcap.so.0.8", "libpcap.so"];
    // SAFETY: libpcap's initialisers have no requirements.
    LIBRARY.get_or_init(|| names.into_iter().find_map(|name| unsafe { Library::new(name) }.ok())).as_ref()
}

fn load() -> Option<Functions> {
    let library = library()?;
    // SAFETY: these are the prototypes of `pcap/bpf.h`.
    unsafe {
        let (filter, validate) = (library.get(b"bpf_filter\0").ok()?, library.get(b"bpf_validate\0").ok()?);
        Some(Functions { filter: *filter, validate: *validate })
    }
}

/// Whether libpcap accepts a program; `None` if there is no libpcap.
pub fn accepts(program: &Program) -> Option<bool> {
    let instructions = program.instructions();
    // SAFETY: the length is that of the slice.
    Some(unsafe { (functions()?.validate)(instructions.as_ptr(), instructions.len() as i32) } != 0)
}

impl Engine for Libpcap {
    fn name(&self) -> &'static str {
        "libpcap"
    }

    fn is_available(&self) -> bool {
        functions().is_some()
    }

    fn speaks(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Pcap
    }

    fn takes(&self, packet: &Packet) -> bool {
        *packet.context() == Context::default()
    }

    /// It aborts or loops on programs that our verifier refuses, so those never reach it.
    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Refusal> {
        program.verify(dialect).map_err(Refusal::Verifier)?;
        let Some(functions) = functions().filter(|_| accepts(program) == Some(true)) else {
            return Err(Refusal::Judge("bpf_validate refuses it".to_owned()));
        };
        let program = program.clone();
        Ok(Box::new(move |packet: &Packet| {
            let (data, captured) = (packet.data(), packet.data().len() as u32);
            // SAFETY: our verifier and its own accepted the program; the length is that of the slice.
            unsafe { (functions.filter)(program.instructions().as_ptr(), data.as_ptr(), packet.wire_len(), captured) }
        }))
    }
}

/// `struct bpf_program`
#[repr(C)]
struct BpfProgram {
    len: u32,
    instructions: *mut RawInstruction,
}

/// libpcap's compiler of expressions. Old versions are not reentrant.
pub struct Compiler {
    open_dead: unsafe extern "C" fn(c_int, c_int) -> *mut c_void,
    compile: unsafe extern "C" fn(*mut c_void, *mut BpfProgram, *const c_char, c_int, u32) -> c_int,
    error: unsafe extern "C" fn(*mut c_void) -> *mut c_char,
    free_code: unsafe extern "C" fn(*mut BpfProgram),
    close: unsafe extern "C" fn(*mut c_void),
    version: unsafe extern "C" fn() -> *const c_char,
    lock: Mutex<()>,
}

impl Compiler {
    /// The one of this machine.
    pub fn get() -> Option<&'static Compiler> {
        static COMPILER: OnceLock<Option<Compiler>> = OnceLock::new();
        COMPILER.get_or_init(Compiler::load).as_ref()
    }

    fn load() -> Option<Compiler> {
        let library = library()?;
        // SAFETY: these are the prototypes of `pcap/pcap.h`.
        unsafe {
            Some(Compiler {
                open_dead: *library.get(b"pcap_open_dead\0").ok()?,
                compile: *library.get(b"pcap_compile\0").ok()?,
                error: *library.get(b"pcap_geterr\0").ok()?,
                free_code: *library.get(b"pcap_freecode\0").ok()?,
                close: *library.get(b"pcap_close\0").ok()?,
                version: *library.get(b"pcap_lib_version\0").ok()?,
                lock: Mutex::new(()),
            })
        }
    }

    /// Its version: 1 and 10 for 1.10.3.
    pub fn version(&self) -> (u32, u32) {
        // SAFETY: it takes nothing, and gives a text that stays.
        let text = unsafe { CStr::from_ptr((self.version)()) }.to_string_lossy();
        let numbers = text.trim_start_matches("libpcap version ").split('.').map(|number| number.parse().unwrap_or(0));
        let numbers: Vec<u32> = numbers.take(2).collect();
        (numbers[0], numbers.get(1).copied().unwrap_or(0))
    }

    /// The program of an expression, or why there is none.
    pub fn compile(&self, text: &str, dlt: u32, optimize: bool) -> Result<Program, String> {
        let text = CString::new(text).map_err(|error| error.to_string())?;
        let _alone = self.lock.lock();
        let mut program = BpfProgram { len: 0, instructions: std::ptr::null_mut() };
        // SAFETY: the handle is closed once, after its last use; the program is read before it is freed, and only if it was
        // made.
        unsafe {
            let handle = (self.open_dead)(dlt as c_int, 262_144);
            let outcome = (self.compile)(handle, &mut program, text.as_ptr(), optimize.into(), u32::MAX);
            let compiled = if outcome == 0 {
                let instructions = std::slice::from_raw_parts(program.instructions, program.len as usize);
                let compiled = Program::new(instructions);
                (self.free_code)(&mut program);
                Ok(compiled)
            } else {
                Err(CStr::from_ptr((self.error)(handle)).to_string_lossy().into_owned())
            };
            (self.close)(handle);
            compiled
        }
    }
}

/// `struct pcap_pkthdr`
#[repr(C)]
struct PacketHeader {
    time: [c_long; 2],
    captured: u32,
    wire_len: u32,
}

/// The packets of a capture, as far as libpcap reads it.
pub struct Capture {
    pub dlt: u32,
    /// Captured bytes and lengths on the wire.
    pub packets: Vec<(Vec<u8>, u32)>,
}

impl Capture {
    /// At most so many packets of a file; `None` if libpcap doesn't open it.
    pub fn read(path: &Path, most: usize) -> Option<Capture> {
        type Open = unsafe extern "C" fn(*const c_char, *mut c_char) -> *mut c_void;
        type Datalink = unsafe extern "C" fn(*mut c_void) -> c_int;
        type Next = unsafe extern "C" fn(*mut c_void, *mut *const PacketHeader, *mut *const u8) -> c_int;
        type Close = unsafe extern "C" fn(*mut c_void);
        let (library, path) = (library()?, CString::new(path.to_str()?).ok()?);
        let mut error = [0; 256];
        let (mut header, mut data) = (std::ptr::null(), std::ptr::null());
        let mut packets = Vec::new();
        // SAFETY: these are the prototypes of `pcap/pcap.h`; `error` is as long as PCAP_ERRBUF_SIZE; a packet is copied before
        // the next one is read; the handle is closed once, after its last use.
        unsafe {
            let open = library.get::<Open>(b"pcap_open_offline\0").ok()?;
            let datalink = library.get::<Datalink>(b"pcap_datalink\0").ok()?;
            let next = library.get::<Next>(b"pcap_next_ex\0").ok()?;
            let close = library.get::<Close>(b"pcap_close\0").ok()?;
            let handle = open(path.as_ptr(), error.as_mut_ptr());
            if handle.is_null() {
                return None;
            }
            let dlt = datalink(handle) as u32;
            while packets.len() < most && next(handle, &mut header, &mut data) == 1 {
                let PacketHeader { captured, wire_len, .. } = *header;
                packets.push((std::slice::from_raw_parts(data, captured as usize).to_vec(), wire_len));
            }
            close(handle);
            Some(Capture { dlt, packets })
        }
    }
}
