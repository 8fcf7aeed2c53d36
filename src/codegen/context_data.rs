//! What compiled code reads beside the packet, and the functions that it calls for what takes too much code.

use std::mem::offset_of;
use std::slice;

use crate::packet::Packet;
use crate::packet::ancillary::Extension;
use crate::packet::context::Context;
use crate::packet::header::Header;
use crate::packet::{flow_dissector, netlink_attributes};

/// What compiled code may ask for beside the packet.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct ContextData<'c> {
    entries: &'c AncillaryValues,
    /// What [`Context::shift`] gives for each [`Header`].
    shifts: [u32; 2],
    /// What the functions look at.
    context: &'c Context,
}

/// What ancillary loads give, an entry for each: a number, or the address of the function that finds it.
#[derive(Debug)]
pub(crate) struct AncillaryValues([u64; Extension::COUNT]);

/// `poff`: packet, captured length, length on the wire, facts.
type PayloadOffset = unsafe extern "C" fn(*const u8, u64, u32, *const ContextData) -> u32;

/// `nla` and `nlan`: packet, captured length, A, X.
type Find = unsafe extern "C" fn(*const u8, u64, u32, u32) -> u32;

impl AncillaryValues {
    /// The entry of a fact that the context does not have; all others are below 2^32, or the random seed, or addresses.
    pub(crate) const ABSENT: u64 = u64::MAX;

    /// No entries, for code that asks for none.
    pub(crate) const NONE: AncillaryValues = AncillaryValues([AncillaryValues::ABSENT; Extension::COUNT]);

    /// The entries of the loads that `wanted` names.
    pub(crate) fn new(context: &Context, wanted: impl Iterator<Item = Extension>) -> AncillaryValues {
        let mut entries = AncillaryValues::NONE;
        for extension in wanted {
            entries.0[extension.index()] = match extension {
                Extension::Random => context.run_seed(),
                Extension::PayloadOffset => payload_offset as PayloadOffset as usize as u64,
                Extension::NetlinkAttribute => find as Find as usize as u64,
                Extension::NestedNetlinkAttribute => find_nested as Find as usize as u64,
                _ => context.value(extension).map_or(AncillaryValues::ABSENT, u64::from),
            };
        }
        entries
    }

    /// Where the entry of a load stands, in bytes.
    pub(crate) fn offset(extension: Extension) -> i32 {
        (offset_of!(AncillaryValues, 0) + extension.index() * size_of::<u64>()) as i32
    }
}

impl<'c> ContextData<'c> {
    /// Where the address of the entries stands, in bytes.
    pub(crate) const ENTRIES: i32 = offset_of!(ContextData, entries) as i32;

    /// No facts, for code that asks for none.
    pub(crate) const NONE: ContextData<'static> =
        ContextData { entries: &AncillaryValues::NONE, shifts: [0; 2], context: &Context::DEFAULT };

    /// Little work, since code that finds X in a packet may ask for headers, and hardly ever does.
    #[inline]
    pub(crate) fn new(context: &'c Context, entries: &'c AncillaryValues) -> ContextData<'c> {
        ContextData { entries, shifts: [Header::Network, Header::Link].map(|header| context.shift(header)), context }
    }

    /// Where the shift of a header stands, in bytes.
    pub(crate) fn offset(header: Header) -> i32 {
        (offset_of!(ContextData, shifts) + header as usize * size_of::<u32>()) as i32
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
unsafe extern "C" fn payload_offset(packet: *const u8, captured: u64, wire_len: u32, facts: *const ContextData) -> u32 {
    // SAFETY: compiled code passes on what it was called with: a packet, which is there until it returns, and facts.
    let (data, facts) = unsafe { (bytes(packet, captured), &*facts) };
    flow_dissector::payload_offset(&Packet::new(data).with_wire_len(wire_len).with_context(facts.context))
}

/// # Safety
/// The first two arguments are those of [`bytes`].
#[expect(unsafe_code, reason = "compiled code calls it")]
unsafe extern "C" fn find(packet: *const u8, captured: u64, start: u32, wanted: u32) -> u32 {
    // SAFETY: compiled code passes on the packet that it was called with, which is there until it returns.
    netlink_attributes::find(unsafe { bytes(packet, captured) }, start, wanted)
}

/// # Safety
/// The first two arguments are those of [`bytes`].
#[expect(unsafe_code, reason = "compiled code calls it")]
unsafe extern "C" fn find_nested(packet: *const u8, captured: u64, start: u32, wanted: u32) -> u32 {
    // SAFETY: compiled code passes on the packet that it was called with, which is there until it returns.
    netlink_attributes::find_nested(unsafe { bytes(packet, captured) }, start, wanted)
}
