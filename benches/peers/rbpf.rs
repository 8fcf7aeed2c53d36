//! rbpf: the program as eBPF, compiled through Cranelift. rbpf's own JIT has no bounds checks, and no room for L1.

use std::time::{Duration, Instant};

use cbpf::Packet;
use rbpf::EbpfVmMbuff;

use crate::ebpf;
use crate::engine::{Loaded, Subject};

pub fn load(subject: &Subject) -> Loaded {
    let program = ebpf::translate(&subject.instructions)?.leak();
    let machine = compile(program)?;
    Ok(Box::new(move |packet: Packet| {
        let data = packet.data();
        // SAFETY: rbpf passes on the address and the length, and the program writes only to its stack.
        let data = unsafe { std::slice::from_raw_parts_mut(data.as_ptr().cast_mut(), data.len()) };
        machine.execute_program_cranelift(data, &mut []).unwrap_or(0) as u32
    }))
}

/// Returns the time from an eBPF program to code.
pub fn loading_time(subject: &Subject) -> Result<Duration, String> {
    let program = ebpf::translate(&subject.instructions)?;
    let start = Instant::now();
    let machine = compile(&program)?;
    let time = start.elapsed();
    drop(machine);
    Ok(time)
}

fn compile(program: &[u8]) -> Result<EbpfVmMbuff<'_>, String> {
    let mut machine = EbpfVmMbuff::new(Some(program)).map_err(|error| error.to_string())?;
    machine.cranelift_compile().map_err(|error| error.to_string())?;
    Ok(machine)
}
