//! What compiled code reads beside the packet, and the functions that it calls for what takes too much code.

use std::mem::offset_of;
use std::slice;

use crate::ancillary::Extension;
use crate::context::Context;
use crate::graph::Fact;
use crate::packet::Packet;
use crate::{dissect, netlink};

/// The facts of a context, as compiled code reads them.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Facts<'c> {
    /// An entry for each [`Fact`]: a number, or the address of a function.
    entries: [u64; Fact::COUNT],
    /// What the functions look at.
    context: &'c Context,
}

/// `poff`: packet, captured length, length on the wire, facts.
type PayloadOffset = unsafe extern "C" fn(*const u8, u64, u32, *const Facts) -> u32;

/// `nla` and `nlan`: packet, captured length, A, X.
type Find = unsafe extern "C" fn(*const u8, u64, u32, u32) -> u32;

impl<'c> Facts<'c> {
    /// The entry of a fact that the context does not have; all others are below 2^32, or the random seed, or addresses.
    pub(super) const ABSENT: u64 = u64::MAX;

    /// No facts, for code that asks for none.
    pub(crate) const NONE: Facts<'static> = Facts { entries: [Facts::ABSENT; Fact::COUNT], context: &Context::DEFAULT };

    /// The facts of `context` that `wanted` names.
    pub(crate) fn new(context: &'c Context, wanted: impl Iterator<Item = Fact>) -> Facts<'c> {
        let mut facts = Facts { context, ..Facts::NONE };
        for fact in wanted {
            facts.entries[fact.index()] = match fact {
                Fact::Ancillary(Extension::Random) => context.run_seed(),
                Fact::Ancillary(Extension::PayloadOffset) => payload_offset as PayloadOffset as usize as u64,
                Fact::Ancillary(Extension::NetlinkAttribute) => find as Find as usize as u64,
                Fact::Ancillary(Extension::NestedNetlinkAttribute) => find_nested as Find as usize as u64,
                Fact::Ancillary(extension) => context.value(extension).map_or(Facts::ABSENT, u64::from),
                Fact::Header(header) => context.shift(header).into(),
            };
        }
        facts
    }

    /// Where an entry stands, in bytes.
    pub(super) fn offset(fact: Fact) -> i32 {
        (offset_of!(Facts, entries) + fact.index() * size_of::<u64>()) as i32
    }
}

/// The captured bytes of a packet.
///
/// # Safety
/// `captured` bytes from `packet` on are there, and stay as they are, as long as `'p`.
#[expect(unsafe_code, reason = "compiled code has packets as an address and a length")]
unsafe fn bytes<'p>(packet: *const u8, captured: u64) -> &'p [u8] {
    // SAFETY: the caller says so.
    unsafe { slice::from_raw_parts(packet, captured as usize) }
}

/// # Safety
/// The first two arguments are those of [`bytes`], and `facts` is the address of facts.
#[expect(unsafe_code, reason = "compiled code calls it")]
unsafe extern "C" fn payload_offset(packet: *const u8, captured: u64, wire_len: u32, facts: *const Facts) -> u32 {
    // SAFETY: compiled code passes on what it was called with: a packet, which is there until it returns, and facts.
    let (data, facts) = unsafe { (bytes(packet, captured), &*facts) };
    dissect::payload_offset(&Packet::new(data).with_wire_len(wire_len).with_context(facts.context))
}

/// # Safety
/// The first two arguments are those of [`bytes`].
#[expect(unsafe_code, reason = "compiled code calls it")]
unsafe extern "C" fn find(packet: *const u8, captured: u64, start: u32, wanted: u32) -> u32 {
    // SAFETY: compiled code passes on the packet that it was called with, which is there until it returns.
    netlink::find(unsafe { bytes(packet, captured) }, start, wanted)
}

/// # Safety
/// The first two arguments are those of [`bytes`].
#[expect(unsafe_code, reason = "compiled code calls it")]
unsafe extern "C" fn find_nested(packet: *const u8, captured: u64, start: u32, wanted: u32) -> u32 {
    // SAFETY: compiled code passes on the packet that it was called with, which is there until it returns.
    netlink::find_nested(unsafe { bytes(packet, captured) }, start, wanted)
}
