//! libpcap's interpreter, `bpf_filter`.

use cbpf::{Packet, RawInstruction};
use libloading::Library;

use crate::engine::{Loaded, Subject};

/// `bpf_filter(instructions, packet, wire_len, captured)`
type BpfFilter = unsafe extern "C" fn(*const RawInstruction, *const u8, u32, u32) -> u32;

pub fn load(subject: &Subject) -> Loaded {
    let library = library()?;
    // SAFETY: this is the prototype of `pcap/bpf.h`.
    let filter: BpfFilter = unsafe { *library.get(b"bpf_filter\0").map_err(|error| error.to_string())? };
    let program = subject.program.clone();
    Ok(Box::new(move |packet: Packet| {
        let _loaded = &library;
        let (data, captured) = (packet.data(), packet.data().len() as u32);
        // SAFETY: our verifier accepted the program; the length is that of the slice.
        unsafe { filter(program.instructions().as_ptr(), data.as_ptr(), packet.wire_len(), captured) }
    }))
}

pub fn library() -> Result<Library, String> {
    let names = ["libpcap.so.1", "libpcap.so.0.8", "libpcap.so"];
    // SAFETY: libpcap's initialisers have no requirements.
    let mut libraries = names.into_iter().filter_map(|name| unsafe { Library::new(name) }.ok());
    libraries.next().ok_or("there is no libpcap".to_owned())
}
