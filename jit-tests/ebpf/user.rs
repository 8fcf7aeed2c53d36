//! The user-space machine `rbpf` as a judge of functions that read the packet directly. It checks each access, and
//! needs neither Linux nor privileges.

use cbpf::Packet;
use cbpf::ebpf::{Hook, Options, Program};

/// Loads r1 to r3 from the addresses and the number that r1 points to.
const STUB: [[u8; 8]; 3] = [slot(0x79, 3, 1, 16), slot(0x79, 2, 1, 8), slot(0x79, 1, 1, 0)];

/// Encodes an instruction without an immediate.
pub const fn slot(code: u8, dst: u8, src: u8, offset: i16) -> [u8; 8] {
    let registers = if cfg!(target_endian = "big") { dst << 4 | src } else { src << 4 | dst };
    let [low, high] = offset.to_ne_bytes();
    [code, registers, low, high, 0, 0, 0, 0]
}

/// Returns a slot as rbpf takes it on every machine.
fn little_endian(slot: &[u8]) -> [u8; 8] {
    let &[code, registers, o0, o1, i0, i1, i2, i3] = slot else { unreachable!("slots have 8 bytes") };
    match cfg!(target_endian = "big") {
        true => [code, registers.rotate_left(4), o1, o0, i3, i2, i1, i0],
        false => [code, registers, o0, o1, i0, i1, i2, i3],
    }
}

/// A function, behind a stub that gives it a packet.
pub struct Function {
    bytes: Vec<u8>,
}

impl Function {
    /// Returns the options that a function for this machine is compiled with.
    pub fn options() -> Options {
        Options::new(Hook::Function).direct_access(true)
    }

    pub fn new(program: &Program) -> Function {
        let slots: Vec<u8> = STUB.concat().into_iter().chain(program.to_bytes()).collect();
        Function { bytes: slots.chunks(8).flat_map(little_endian).collect() }
    }

    /// Returns the verdict on a packet.
    pub fn run(&self, packet: &Packet) -> Result<u64, String> {
        let data = packet.data();
        let start = data.as_ptr() as usize as u64;
        let arguments = [start, start + data.len() as u64, packet.wire_len().into()].map(u64::to_ne_bytes).concat();
        let vm = rbpf::EbpfVmMbuff::new(Some(&self.bytes)).map_err(|error| format!("{error:?}"))?;
        vm.execute_program(data, &arguments).map_err(|error| format!("{error:?}"))
    }
}
