//! Deferred compilation: a filter that interprets its first packets, while another thread compiles it.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::bpf::verify::Verified;
use crate::codegen::OnceBox;
use crate::filter::Filter;
use crate::ir::Strategy;
use crate::packet::Packet;
use crate::packet::batch::Packets;

/// Lets one thread compile at a time, as a large program takes much memory. Only these threads wait for it.
static COMPILING: Mutex<()> = Mutex::new(());

/// A program that is interpreted until its filter is compiled.
pub(crate) struct Deferred {
    verified: Verified,
    strategy: Strategy,
    /// The number of packets before the compilation starts; 0 from then on.
    left: AtomicU32,
    compiled: OnceBox<Filter>,
}

impl Deferred {
    pub(crate) fn new(verified: &Verified, strategy: Strategy, packets: u32) -> Deferred {
        Deferred { verified: verified.clone(), strategy, left: AtomicU32::new(packets), compiled: OnceBox::new() }
    }

    /// Returns the filter, once it is compiled.
    pub(crate) fn compiled(&self) -> Option<&Filter> {
        self.compiled.get()
    }

    /// Runs a packet.
    pub(crate) fn run(self: &Arc<Deferred>, packet: Packet) -> u32 {
        if let Some(filter) = self.compiled() {
            return filter.run(packet);
        }
        self.count(1);
        self.verified.interpret(packet)
    }

    /// Writes the verdicts on packets, of which there are as many.
    pub(crate) fn run_batch(self: &Arc<Deferred>, packets: Packets, verdicts: &mut [u32]) {
        if let Some(filter) = self.compiled() {
            return filter.run_batch(packets, verdicts);
        }
        self.count(packets.len());
        let runs = packets.iter().map(|packet| self.verified.interpret(packet));
        verdicts.iter_mut().zip(runs).for_each(|(verdict, run)| *verdict = run);
    }

    /// Counts packets; at the last one before the compilation, starts it.
    fn count(self: &Arc<Deferred>, packets: usize) {
        if self.left.load(Ordering::Relaxed) == 0 {
            return;
        }
        let packets = u32::try_from(packets).unwrap_or(u32::MAX);
        let less = |left: u32| (left > 0).then(|| left.saturating_sub(packets));
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok_and(|before| before <= packets) {
            let deferred = self.clone();
            let builder = thread::Builder::new().name("cbpf-compile".to_owned());
            // Without a thread, the program stays interpreted.
            _ = builder.spawn(move || deferred.compile());
        }
    }

    fn compile(&self) {
        let _turn = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
        let filter = Filter::new(&self.verified, self.strategy);
        // The first batch would else compile its loop. It runs packet by packet if it has none.
        _ = filter.prepare_batch();
        self.compiled.get_or_set(filter);
    }
}

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferred").field("left", &self.left).finish_non_exhaustive()
    }
}
