//! libpcap as a judge, loaded at run time if the machine has it.

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_void};
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use cbpf::bpf::RawInstruction;
use cbpf::{Context, Dialect, Packet, Program};

use crate::bpf_filter::{bpf_filter, library, symbol};
use crate::engine::{Engine, Loaded, Rejection};

pub struct Libpcap;

/// `bpf_validate(instructions, len)`
type BpfValidate = unsafe extern "C" fn(*const RawInstruction, i32) -> i32;

/// Returns `true` if libpcap accepts a program; `None` without libpcap.
pub fn accepts(program: &Program) -> Option<bool> {
    let instructions = program.instructions();
    // SAFETY: this is the prototype of `pcap/bpf.h`, and the length is that of the slice.
    unsafe {
        let validate = symbol::<BpfValidate>(library().ok()?, c"bpf_validate").ok()?;
        Some(validate(instructions.as_ptr(), instructions.len() as i32) != 0)
    }
}

impl Engine for Libpcap {
    fn name(&self) -> &'static str {
        "libpcap"
    }

    fn is_available(&self) -> bool {
        bpf_filter().is_ok()
    }

    fn supports(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Pcap
    }

    fn takes(&self, packet: &Packet) -> bool {
        *packet.context() == Context::default()
    }

    /// Runs our verifier first: libpcap aborts or loops on programs that it rejects.
    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Rejection> {
        program.verify(dialect).map_err(Rejection::Verifier)?;
        if accepts(program) != Some(true) {
            return Err(Rejection::Judge("bpf_validate rejects it".to_owned()));
        }
        let filter = bpf_filter().map_err(Rejection::Judge)?;
        let program = program.clone();
        Ok(Box::new(move |packet: &Packet| {
            let (data, captured) = (packet.data(), packet.data().len() as u32);
            // SAFETY: our verifier and its own accepted the program; the length is that of the slice.
            unsafe { filter(program.instructions().as_ptr(), data.as_ptr(), packet.wire_len(), captured) }
        }))
    }
}

/// `struct bpf_program`
#[repr(C)]
struct BpfProgram {
    len: u32,
    instructions: *mut RawInstruction,
}

/// libpcap's compiler of expressions. The lock is for old versions, which are not reentrant.
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
    /// Returns the compiler of this machine.
    pub fn get() -> Option<&'static Compiler> {
        static COMPILER: OnceLock<Option<Compiler>> = OnceLock::new();
        COMPILER.get_or_init(Compiler::load).as_ref()
    }

    fn load() -> Option<Compiler> {
        let library = library().ok()?;
        // SAFETY: these are the prototypes of `pcap/pcap.h`.
        unsafe {
            Some(Compiler {
                open_dead: *symbol(library, c"pcap_open_dead").ok()?,
                compile: *symbol(library, c"pcap_compile").ok()?,
                error: *symbol(library, c"pcap_geterr").ok()?,
                free_code: *symbol(library, c"pcap_freecode").ok()?,
                close: *symbol(library, c"pcap_close").ok()?,
                version: *symbol(library, c"pcap_lib_version").ok()?,
                lock: Mutex::new(()),
            })
        }
    }

    /// Returns the version: 1 and 10 for 1.10.3.
    pub fn version(&self) -> (u32, u32) {
        // SAFETY: the text is static.
        let text = unsafe { CStr::from_ptr((self.version)()) }.to_string_lossy();
        let numbers = text.trim_start_matches("libpcap version ").split('.').map(|number| number.parse().unwrap_or(0));
        let numbers: Vec<u32> = numbers.take(2).collect();
        (numbers[0], numbers.get(1).copied().unwrap_or(0))
    }

    /// Compiles an expression, or returns libpcap's message.
    pub fn compile(&self, text: &str, dlt: u32, optimize: bool) -> Result<Program, String> {
        let text = CString::new(text).map_err(|error| error.to_string())?;
        let _alone = self.lock.lock();
        let mut program = BpfProgram { len: 0, instructions: std::ptr::null_mut() };
        // SAFETY: the handle is closed once, after its last use; the program is read before it is freed, and only if it
        // was made.
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

/// The packets of a capture, up to the first that libpcap cannot read.
pub struct Capture {
    pub dlt: u32,
    /// Captured bytes and lengths on the wire.
    pub packets: Vec<(Vec<u8>, u32)>,
}

impl Capture {
    /// Reads at most `most` packets of a file; `None` if libpcap cannot open it.
    pub fn read(path: &Path, most: usize) -> Option<Capture> {
        type Open = unsafe extern "C" fn(*const c_char, *mut c_char) -> *mut c_void;
        type Datalink = unsafe extern "C" fn(*mut c_void) -> c_int;
        type Next = unsafe extern "C" fn(*mut c_void, *mut *const PacketHeader, *mut *const u8) -> c_int;
        type Close = unsafe extern "C" fn(*mut c_void);
        let (library, path) = (library().ok()?, CString::new(path.to_str()?).ok()?);
        let mut error = [0; 256];
        let (mut header, mut data) = (std::ptr::null(), std::ptr::null());
        let mut packets = Vec::new();
        // SAFETY: these are the prototypes of `pcap/pcap.h`; `error` is as long as PCAP_ERRBUF_SIZE; a packet is copied
        // before the next one is read; the handle is closed once, after its last use.
        unsafe {
            let open = symbol::<Open>(library, c"pcap_open_offline").ok()?;
            let datalink = symbol::<Datalink>(library, c"pcap_datalink").ok()?;
            let next = symbol::<Next>(library, c"pcap_next_ex").ok()?;
            let close = symbol::<Close>(library, c"pcap_close").ok()?;
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
