//! Compiled code, and the call into it.

use std::mem::offset_of;
use std::sync::Arc;

use crate::ancillary::Extension;
use crate::jit::memory::{Mapping, Place};
use crate::packet::Context;

/// The facts of a context, as compiled code reads them: one entry for each ancillary load.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Facts([u64; Extension::COUNT]);

impl Facts {
    /// The entry of a fact that the context does not have; all others are below 2^32, or the random seed.
    pub(super) const ABSENT: u64 = u64::MAX;

    /// No facts, for code that asks for none.
    pub(crate) const NONE: Facts = Facts([Facts::ABSENT; Extension::COUNT]);

    /// The facts of `context` that `wanted` names.
    pub(crate) fn new(context: &Context, wanted: impl Iterator<Item = Extension>) -> Facts {
        let mut facts = Facts::NONE;
        for extension in wanted {
            facts.0[extension.index()] = match extension {
                Extension::Random => context.run_seed(),
                _ => context.value(extension).map_or(Facts::ABSENT, u64::from),
            };
        }
        facts
    }

    /// Where the entry of a load stands, in bytes.
    pub(super) fn offset(extension: Extension) -> i32 {
        (offset_of!(Facts, 0) + extension.index() * size_of::<u64>()) as i32
    }
}

/// The type of a compiled function: packet, captured length, length on the wire, facts.
type Entry = unsafe extern "C" fn(*const u8, u64, u32, *const Facts) -> u32;

/// A compiled program in executable memory, which lives as long as this or a clone of it.
#[derive(Clone)]
pub(crate) struct Code {
    entry: Entry,
    size: usize,
    _memory: Arc<Mapping>,
}

impl Code {
    /// The function that stands at `place`: a place comes only from a module that has written a whole function there.
    #[expect(unsafe_code, reason = "a function pointer is made of the address of compiled code")]
    pub(super) fn new(place: Place, size: usize) -> Code {
        // SAFETY: all functions that modules write have the signature of `lower`, which is `Entry`'s; `_memory` keeps
        // the code mapped.
        let entry = unsafe { std::mem::transmute::<*const u8, Entry>(place.executable()) };
        Code { entry, size, _memory: place.into_memory() }
    }

    /// Runs the code on a packet.
    #[inline]
    #[expect(unsafe_code, reason = "the call into compiled code")]
    pub(crate) fn call(&self, data: &[u8], wire_len: u32, facts: &Facts) -> u32 {
        // SAFETY: the code reads `data` behind bounds checks against its length, `facts` at the offsets of its entries
        // and the tables behind itself, and writes nothing; the memory that it stands in is mapped while `self` is.
        unsafe { (self.entry)(data.as_ptr(), data.len() as u64, wire_len, facts) }
    }

    /// The size of the code and its tables, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}
