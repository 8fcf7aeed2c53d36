//! Runs programs on packets that lie beside pages that cannot be read: shared by the trials and the fuzz target `diff`.

use std::ptr::{self, NonNull};
use std::slice;

use cbpf::{Extension, Filter, FilterConfig, Packet, Strategy, Verified};

use crate::generate::Sample;

/// Memory with a page before it and a page behind it that cannot be read.
struct Guarded {
    start: NonNull<u8>,
    len: usize,
}

impl Guarded {
    /// No machine has larger pages.
    const PAGE: usize = 64 * 1024;

    /// Memory of at least `len` bytes.
    fn new(len: usize) -> Guarded {
        let len = len.max(1).next_multiple_of(Guarded::PAGE);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a mapping in a place of its own.
        let all = unsafe { libc::mmap(ptr::null_mut(), len + 2 * Guarded::PAGE, libc::PROT_NONE, flags, -1, 0) };
        assert!(all != libc::MAP_FAILED, "no memory");
        // SAFETY: the middle of that mapping.
        let start = unsafe { all.cast::<u8>().add(Guarded::PAGE) };
        // SAFETY: as above.
        let outcome = unsafe { libc::mprotect(start.cast(), len, libc::PROT_READ | libc::PROT_WRITE) };
        assert_eq!(outcome, 0, "no memory");
        Guarded { start: NonNull::new(start).expect("not at 0"), len }
    }

    /// Puts bytes at the start of the memory, or at its end. What was there before is gone.
    fn put(&mut self, bytes: &[u8], is_at_end: bool) -> &[u8] {
        let at = if is_at_end { self.len - bytes.len() } else { 0 };
        // SAFETY: the memory is mapped, and nobody else has it.
        let memory = unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) };
        memory[at..at + bytes.len()].copy_from_slice(bytes);
        &memory[at..at + bytes.len()]
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made, which nobody has any more.
        unsafe { libc::munmap(self.start.as_ptr().sub(Guarded::PAGE).cast(), self.len + 2 * Guarded::PAGE) };
    }
}

/// What runs programs on packets that lie in guarded memory.
pub struct Judge {
    /// Two places, for the end and the start.
    memory: [Guarded; 2],
    /// The sizes of batches.
    batches: &'static [usize],
}

impl Judge {
    pub fn new(batches: &'static [usize]) -> Judge {
        Judge { memory: [Guarded::new(Guarded::PAGE), Guarded::new(Guarded::PAGE)], batches }
    }

    /// Gives a sample, and what is left when its end is cut, in each place to `judge`. Without a seed, nobody knows what
    /// random numbers give, so it has one.
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

    /// All shapes have the verdicts of the interpreter, one by one and in batches, and read nothing but the packets.
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

/// Batches of one packet many times, so that what is fetched ahead lies beside it, too.
fn batches(sizes: &[usize], filter: &Filter, verified: &Verified, packets: &[Packet]) -> Result<(), String> {
    // Without a seed, nobody knows what random numbers give.
    let instructions = verified.program().instructions();
    let draws = instructions.iter().any(|instruction| instruction.k == Extension::Random.offset());
    for packet in packets {
        let bare = if draws { *packet } else { Packet::new(packet.data()).with_wire_len(packet.wire_len()) };
        let whole = Packet::new(packet.data());
        for &size in sizes {
            let mut verdicts = vec![0; size];
            for packet in [*packet, bare] {
                filter.run_batch(&vec![packet; size], &mut verdicts);
                is_all(&verdicts, verified.interpret(packet), verified)?;
            }
            if !draws {
                filter.run_batch(&vec![packet.data(); size], &mut verdicts);
                is_all(&verdicts, verified.interpret(whole), verified)?;
            }
        }
    }
    Ok(())
}

fn is_all(verdicts: &[u32], expected: u32, verified: &Verified) -> Result<(), String> {
    match verdicts.iter().find(|&&verdict| verdict != expected) {
        Some(verdict) => Err(format!("a batch has {verdict}, not {expected}:\n{}", verified.program())),
        None => Ok(()),
    }
}
