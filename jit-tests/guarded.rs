//! Programs on packets next to pages that cannot be read: shared by the trials and the fuzz target `diff`.

use std::ptr::{self, NonNull};
use std::slice;

use cbpf::filter::Strategy;
use cbpf::packet::Extension;
use cbpf::{Filter, FilterConfig, Packet, Verified};

use crate::case::Sample;
use crate::oracle;

/// Memory between two pages that cannot be read.
struct Guarded {
    start: NonNull<u8>,
    len: usize,
}

impl Guarded {
    /// The size of a guard page, in bytes: no machine has larger pages.
    const PAGE: usize = 64 * 1024;

    /// Maps at least `len` bytes.
    fn new(len: usize) -> Guarded {
        let len = len.max(1).next_multiple_of(Guarded::PAGE);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: the system chooses an unused address.
        let all = unsafe { libc::mmap(ptr::null_mut(), len + 2 * Guarded::PAGE, libc::PROT_NONE, flags, -1, 0) };
        assert!(all != libc::MAP_FAILED, "no memory");
        // SAFETY: the middle of that mapping.
        let start = unsafe { all.cast::<u8>().add(Guarded::PAGE) };
        // SAFETY: as above.
        let outcome = unsafe { libc::mprotect(start.cast(), len, libc::PROT_READ | libc::PROT_WRITE) };
        assert_eq!(outcome, 0, "no memory");
        Guarded { start: NonNull::new(start).expect("not at 0"), len }
    }

    /// Copies bytes to the start of the memory, or to its end.
    fn put(&mut self, bytes: &[u8], is_at_end: bool) -> &[u8] {
        let at = if is_at_end { self.len - bytes.len() } else { 0 };
        // SAFETY: the memory is mapped, and this borrow is the only one.
        let memory = unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) };
        memory[at..at + bytes.len()].copy_from_slice(bytes);
        &memory[at..at + bytes.len()]
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: `new` made this mapping, and no borrow of it is left.
        unsafe { libc::munmap(self.start.as_ptr().sub(Guarded::PAGE).cast(), self.len + 2 * Guarded::PAGE) };
    }
}

/// A judge that runs programs on packets in guarded memory.
pub struct Judge {
    /// Memory for packets at the end, and for packets at the start.
    memory: [Guarded; 2],
    /// The sizes of batches.
    batches: &'static [usize],
}

impl Judge {
    pub fn new(batches: &'static [usize]) -> Judge {
        Judge { memory: [Guarded::new(Guarded::PAGE), Guarded::new(Guarded::PAGE)], batches }
    }

    /// Calls `judge` with a sample and its prefixes, each in both places. A sample without a seed gets one.
    pub fn each(
        &mut self,
        sample: &Sample,
        mut judge: impl FnMut(&[Packet]) -> Result<(), String>,
    ) -> Result<(), String> {
        let context = sample.context.clone().seed(sample.context.get_seed().unwrap_or(1));
        let len = sample.data.len();
        let cuts = [0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 40].map(|cut| len.saturating_sub(cut));
        for captured in cuts.into_iter().chain([13, 14, 15, 33, 34, 1, 0]).filter(|&captured| captured <= len) {
            let [ends, begins] = &mut self.memory;
            let places = [ends.put(&sample.data[..captured], true), begins.put(&sample.data[..captured], false)];
            let packet = |data| Packet::new(data).with_wire_len(sample.wire_len).with_context(&context);
            judge(&places.map(packet))?;
        }
        Ok(())
    }

    /// Native code has the verdicts of the interpreter, alone and in batches, and reads only the packets.
    pub fn filter(&mut self, verified: &Verified, samples: &[Sample]) -> Result<(), String> {
        let sizes = self.batches;
        for &strategy in Strategy::ALL {
            let filter = FilterConfig::new()
                .strategy(strategy)
                .require_native(true)
                .compile(verified)
                .map_err(|error| error.to_string())?;
            filter.prepare_batch().map_err(|error| error.to_string())?;
            for sample in samples {
                self.each(sample, |packets| {
                    let expected = verified.interpret(packets[0]);
                    for packet in packets {
                        if filter.run(*packet) != expected {
                            return Err(format!(
                                "{strategy:?}: not {expected}, on {:02x?}:\n{}",
                                packet.data(),
                                verified.program()
                            ));
                        }
                    }
                    batches(sizes, &filter, verified, packets)
                })?;
            }
        }
        Ok(())
    }
}

/// Runs batches that repeat one packet, so that prefetches reach past its end, too.
fn batches(sizes: &[usize], filter: &Filter, verified: &Verified, packets: &[Packet]) -> Result<(), String> {
    // Without a seed, random numbers differ from run to run.
    let is_random = oracle::may_load(verified.program(), Extension::Random);
    for packet in packets {
        let bare = if is_random { *packet } else { Packet::new(packet.data()).with_wire_len(packet.wire_len()) };
        let whole = Packet::new(packet.data());
        for &size in sizes {
            let mut verdicts = vec![0; size];
            for packet in [*packet, bare] {
                filter.run_batch(&vec![packet; size], &mut verdicts);
                is_all(&verdicts, verified.interpret(packet), verified)?;
            }
            if !is_random {
                filter.run_batch(&vec![packet.data(); size], &mut verdicts);
                is_all(&verdicts, verified.interpret(whole), verified)?;
            }
        }
    }
    Ok(())
}

fn is_all(verdicts: &[u32], expected: u32, verified: &Verified) -> Result<(), String> {
    match verdicts.iter().find(|&&verdict| verdict != expected) {
        Some(verdict) => Err(format!("the verdict in a batch is {verdict}, not {expected}:\n{}", verified.program())),
        None => Ok(()),
    }
}
