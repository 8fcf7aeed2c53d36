//! Inputs of compiled code beside the packet: values of ancillary loads, header offsets, and functions to call.

use std::mem::offset_of;
use std::ptr;
use std::slice;

use crate::ir::ContextInputs;
use crate::packet::Packet;
use crate::packet::ancillary::Extension;
use crate::packet::context::Context;
use crate::packet::header::Header;
use crate::packet::{flow_dissector, netlink_attributes};

/// The context inputs of compiled code.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct ContextData<'c> {
    values: &'c AncillaryValues,
    /// [`Context::shift`] of each [`Header`].
    shifts: [u32; 2],
    /// Read by the functions that compiled code calls.
    context: &'c Context,
    /// The open constants of a filter.
    words: *const u32,
}

/// A value for each ancillary load: a number, or the address of the function that computes it.
#[derive(Debug)]
pub(crate) struct AncillaryValues([u64; Extension::COUNT]);

/// The function of `poff`: packet, captured length, length on the wire, context data.
type PayloadOffsetFn = unsafe extern "C" fn(*const u8, u64, u32, *const ContextData) -> u32;

/// The functions of `nla` and `nlan`: packet, captured length, A, X.
type FindAttributeFn = unsafe extern "C" fn(*const u8, u64, u32, u32) -> u32;

impl AncillaryValues {
    /// The value of a load that the context has no answer to. All others are below 2^32, the random seed, or addresses.
    pub(crate) const ABSENT: u64 = u64::MAX;

    /// No values, for code without ancillary loads.
    const NONE: AncillaryValues = AncillaryValues([AncillaryValues::ABSENT; Extension::COUNT]);

    /// Returns the values of the `wanted` loads.
    fn new(context: &Context, wanted: impl Iterator<Item = Extension>) -> AncillaryValues {
        let mut values = AncillaryValues::NONE;
        for extension in wanted {
            values.0[extension.index()] = match extension {
                Extension::Random => context.run_seed(),
                Extension::PayloadOffset => payload_offset as PayloadOffsetFn as usize as u64,
                Extension::NetlinkAttribute => find as FindAttributeFn as usize as u64,
                Extension::NestedNetlinkAttribute => find_nested as FindAttributeFn as usize as u64,
                _ => context.value(extension).map_or(AncillaryValues::ABSENT, u64::from),
            };
        }
        values
    }

    /// The offset of the value of a load, in bytes.
    pub(crate) fn offset(extension: Extension) -> i32 {
        (offset_of!(AncillaryValues, 0) + extension.index() * size_of::<u64>()) as i32
    }
}

impl<'c> ContextData<'c> {
    /// The offset of the address of the ancillary values, in bytes.
    pub(crate) const VALUES: i32 = offset_of!(ContextData, values) as i32;

    /// No context inputs and no words, for code that has none.
    pub(crate) const NONE: ContextData<'static> =
        ContextData { values: &AncillaryValues::NONE, shifts: [0; 2], context: &Context::DEFAULT, words: ptr::null() };

    /// The offset of the address of the words, in bytes.
    pub(crate) const WORDS: i32 = offset_of!(ContextData, words) as i32;

    /// Calls `run` with the data of the inputs, and the words of a filter. What code does not read is not computed.
    #[inline]
    pub(crate) fn with<R>(
        inputs: ContextInputs,
        context: &Context,
        words: &[u32],
        run: impl FnOnce(&ContextData) -> R,
    ) -> R {
        if inputs.has_extensions() {
            run(&ContextData::new(context, &AncillaryValues::new(context, inputs.extensions()), words))
        } else {
            run(&ContextData::new(context, &AncillaryValues::NONE, words))
        }
    }

    /// Borrows the inputs. This is cheap: code with computed offsets may need the headers, and hardly ever does.
    #[inline]
    fn new(context: &'c Context, values: &'c AncillaryValues, words: &'c [u32]) -> ContextData<'c> {
        let shifts = [Header::Network, Header::Link].map(|header| context.shift(header));
        ContextData { values, shifts, context, words: words.as_ptr() }
    }

    /// The offset of the shift of a header, in bytes.
    pub(crate) fn offset(header: Header) -> i32 {
        (offset_of!(ContextData, shifts) + header as usize * size_of::<u32>()) as i32
    }
}

/// Returns the captured bytes of a packet.
///
/// # Safety
/// `captured` bytes from `packet` on are initialised, and do not change during `'p`.
#[expect(unsafe_code, reason = "compiled code has packets as an address and a length")]
unsafe fn bytes<'p>(packet: *const u8, captured: u64) -> &'p [u8] {
    // SAFETY: the caller vouches for address and length.
    unsafe { slice::from_raw_parts(packet, captured as usize) }
}

/// # Safety
/// The first two arguments are those of [`bytes`], and `context` points to context data.
#[expect(unsafe_code, reason = "compiled code calls it")]
unsafe extern "C" fn payload_offset(
    packet: *const u8,
    captured: u64,
    wire_len: u32,
    context: *const ContextData,
) -> u32 {
    // SAFETY: the caller vouches for both; compiled code passes on its own arguments, which live until it returns.
    let (data, context) = unsafe { (bytes(packet, captured), (*context).context) };
    flow_dissector::payload_offset(&Packet::new(data).with_wire_len(wire_len).with_context(context))
}

/// # Safety
/// The first two arguments are those of [`bytes`].
#[expect(unsafe_code, reason = "compiled code calls it")]
unsafe extern "C" fn find(packet: *const u8, captured: u64, start: u32, wanted: u32) -> u32 {
    // SAFETY: the caller vouches for the packet; compiled code passes on its own, which lives until it returns.
    netlink_attributes::find(unsafe { bytes(packet, captured) }, start, wanted)
}

/// # Safety
/// The first two arguments are those of [`bytes`].
#[expect(unsafe_code, reason = "compiled code calls it")]
unsafe extern "C" fn find_nested(packet: *const u8, captured: u64, start: u32, wanted: u32) -> u32 {
    // SAFETY: the caller vouches for the packet; compiled code passes on its own, which lives until it returns.
    netlink_attributes::find_nested(unsafe { bytes(packet, captured) }, start, wanted)
}
