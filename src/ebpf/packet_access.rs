//! Access to the bytes of a packet: how a hook lets a program check bounds and load numbers.
//!
//! Invariants
//! - Every direct load comes after a check on the pointer that it uses: the kernel's verifier takes no other. Where the
//!   graph has left a check out that it knows to hold, or that was made on another pointer, the check is made again.
//! - A pointer that depends on the packet is limited to [`MAX_OFFSET`] before it is added to the start of the packet,
//!   since the verifier gives up ranges beyond.
//! - If a helper fails, the packet does not match.

use crate::bpf::isa::{AluOp, Width};
use crate::ebpf::code::{Argument, Code, End, Label, Operand, Operation, Virtual};
use crate::ebpf::instruction::{Comparison, Helper, OperandSize, Size};
use crate::ir::scoped_map::Scoped;
use crate::ir::{Address, ByteOrder, Graph, Value, ValueId};

/// The largest offset of a packet that the verifier follows (`MAX_PACKET_OFF`).
const MAX_OFFSET: u32 = 0xffff;

/// Offsets from a computed base are split: multiples of this are added to the pointer.
const PART: u32 = 1 << 9;

/// The way to the bytes of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access {
    /// Loads from the packet itself, between two pointers.
    Direct { data: Virtual, data_end: Virtual },
    /// A helper that copies bytes of the packet of a context: `bpf_skb_load_bytes` or `bpf_xdp_load_bytes`.
    Copy { helper: Helper, context: Virtual, len: Virtual },
    /// `LD_ABS` and `LD_IND` of a context.
    LoadPacket { len: Virtual },
    /// `bpf_probe_read_kernel` of the bytes from an address on.
    ProbeRead { data: Virtual, len: Virtual },
}

/// A pointer into the packet that the verifier keeps a range for: the base, and a multiple of [`PART`] from there.
type PointerKey = (ValueId, u32);

/// The bounds that are known at a place of the code: they hold in all blocks that the block of the place dominates.
#[derive(Default)]
pub(crate) struct Bounds {
    pointers: Scoped<PointerKey, Pointer>,
    /// The number of bytes from the start of the packet on that are there.
    pub(crate) from_start: u32,
    /// The block whose pointers can be used, if not all can.
    pub(crate) only_of: Option<u32>,
}

/// A pointer into the packet.
#[derive(Clone, Copy, Debug)]
struct Pointer {
    register: Virtual,
    /// The number of bytes from the pointer on that are there.
    range: u32,
    /// [`Bounds::only_of`] where the pointer was made.
    of: Option<u32>,
}

/// The bounds that a test has found, for the block that it leads to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    pointer: Option<(PointerKey, Pointer)>,
    from_start: u32,
}

impl Bounds {
    /// Returns a mark for [`Bounds::forget`].
    pub(crate) fn mark(&self) -> (usize, u32) {
        (self.pointers.mark(), self.from_start)
    }

    /// Forgets what was found since a mark.
    pub(crate) fn forget(&mut self, (pointers, from_start): (usize, u32)) {
        self.pointers.forget(pointers);
        self.from_start = from_start;
    }

    /// Returns what is known of a place.
    pub(crate) fn found(&self, place: Place) -> Found {
        let key = place.base.map(|(base, _)| place.split(base).0);
        let pointer = key.and_then(|key| Some((key, self.pointer(key)?)));
        Found { pointer, from_start: self.from_start }
    }

    /// Adds what a test has found.
    pub(crate) fn add(&mut self, found: Found) {
        if let Some((key, pointer)) = found.pointer {
            self.pointers.insert(key, pointer);
        }
        self.from_start = self.from_start.max(found.from_start);
    }

    fn pointer(&self, key: PointerKey) -> Option<Pointer> {
        self.pointers.get(&key).copied().filter(|pointer| pointer.of == self.only_of)
    }
}

/// A load or check: an address whose base is in a register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) base: Option<(ValueId, Virtual)>,
    pub(crate) offset: u32,
    /// The largest number that the verifier takes the base for.
    pub(crate) max_base: u32,
    pub(crate) width: Width,
}

impl Place {
    pub(crate) fn new(address: Address, base: Option<Virtual>, max_base: u32, width: Width) -> Place {
        Place { base: address.base.zip(base), offset: address.offset, max_base, width }
    }

    fn end(&self) -> u64 {
        u64::from(self.offset) + u64::from(self.width.bytes())
    }

    /// Returns the key of the pointer, and the offset from there.
    fn split(&self, base: ValueId) -> (PointerKey, u32) {
        ((base, self.offset & !(PART - 1)), self.offset & (PART - 1))
    }
}

/// The number of operations that [`verifier_max`] follows.
pub(crate) const MAX_DEPTH: u32 = 8;

/// Returns the largest number that the verifier of every kernel takes a value for.
///
/// That is more than the graph knows: the verifier derives nothing from changes of byte order, divisions, or fields of
/// the context.
pub(crate) fn verifier_max(graph: &Graph, id: ValueId, depth: u32) -> u32 {
    let Some(depth) = depth.checked_sub(1) else { return u32::MAX };
    let of = |id| verifier_max(graph, id, depth);
    let sum = u32::saturating_add;
    match graph.value(id) {
        Value::Constant(k) => k,
        Value::Load(_, Width::Byte, _) => u8::MAX.into(),
        Value::Alu(AluOp::And, a, b) => of(a).min(of(b)),
        Value::Alu(AluOp::Add, a, b) => sum(of(a), of(b)),
        Value::Alu(AluOp::Or, a, b) => u32::MAX.checked_shr((of(a) | of(b)).leading_zeros()).unwrap_or(0),
        Value::Alu(AluOp::Lsh, a, count) => match graph.constant(count) {
            Some(count @ 0..32) if of(a).leading_zeros() >= count => of(a) << count,
            _ => u32::MAX,
        },
        Value::Alu(AluOp::Rsh, a, count) => match graph.constant(count) {
            Some(count @ 0..32) => of(a) >> count,
            _ => u32::MAX,
        },
        Value::Select(_, a, b) => of(a).max(of(b)),
        _ => u32::MAX,
    }
}

/// The bytes of the stack frame that helpers write to.
pub(crate) const BUFFER: i16 = -8;

impl Access {
    /// Emits a check: control goes to `fail` if the place is not in the packet.
    pub(crate) fn check(self, code: &mut Code, bounds: &mut Bounds, place: Place, fail: Label) {
        match self {
            Access::Direct { data, data_end } => check_direct(code, bounds, (data, data_end), place, fail),
            Access::Copy { len, .. } | Access::LoadPacket { len } | Access::ProbeRead { len, .. } => {
                check_len(code, len, place, fail);
            }
        }
    }

    /// Emits a load from a place that a check has found in the packet.
    pub(crate) fn load(
        self,
        code: &mut Code,
        bounds: &mut Bounds,
        place: Place,
        order: ByteOrder,
        fail: Label,
    ) -> Virtual {
        let size = Size::from(place.width);
        let number = match self {
            Access::Direct { data, data_end } => {
                let (pointer, offset) = readable(code, bounds, (data, data_end), place, fail);
                code.load(size, pointer, offset)
            }
            Access::Copy { helper, context, .. } => {
                let offset = position(code, place);
                let arguments = [context.into(), offset.into(), Argument::Stack(BUFFER), bytes(place).into()];
                let result = code.call(helper, arguments.into());
                read_buffer(code, result, size, fail)
            }
            Access::ProbeRead { data, .. } => {
                let offset = position(code, place);
                let address = code.add(data, offset);
                let arguments = [Argument::Stack(BUFFER), bytes(place).into(), address.into()];
                let result = code.call(Helper::ProbeReadKernel, arguments.into());
                read_buffer(code, result, size, fail)
            }
            Access::LoadPacket { .. } => {
                let number = load_packet(code, place);
                // The number is in the byte order of the machine, and conversion is its own inverse.
                return match order {
                    ByteOrder::Native if place.width != Width::Byte => code.network_order(place.width, number),
                    _ => number,
                };
            }
        };
        match order {
            ByteOrder::Big if place.width != Width::Byte => code.network_order(place.width, number),
            _ => number,
        }
    }
}

fn bytes(place: Place) -> i32 {
    place.width.bytes() as i32
}

/// Emits a load by `LD_ABS` or `LD_IND`, which ends the program with 0 if the place is not in the packet.
pub(crate) fn load_packet(code: &mut Code, place: Place) -> Virtual {
    let (dst, offset, width) = (code.create(), place.offset as i32, place.width);
    code.push(match place.base {
        None => Operation::LoadPacket { width, dst, offset },
        Some((_, index)) => Operation::LoadPacketIndirect { width, dst, index, offset },
    });
    dst
}

/// Emits the test of a helper's result, and the load of what it has written.
fn read_buffer(code: &mut Code, result: Virtual, size: Size, fail: Label) -> Virtual {
    code.branch_if(OperandSize::Full, result, Comparison::NotEqual, 0, fail);
    let dst = code.create();
    code.push(Operation::LoadStack { size, dst, offset: BUFFER });
    dst
}

/// Emits the position of a place in the packet.
fn position(code: &mut Code, place: Place) -> Operand {
    match place.base {
        None => (place.offset as i32).into(),
        Some((_, base)) if place.offset == 0 => base.into(),
        Some((_, base)) => code.add(base, place.offset as i32).into(),
    }
}

/// Emits a check by the length of the packet.
fn check_len(code: &mut Code, len: Virtual, place: Place, fail: Label) {
    // No packet is longer than 2^31 bytes.
    let Ok(end) = i32::try_from(place.end()) else { return fail_always(code, fail) };
    match place.base {
        None => code.branch_if(OperandSize::Half, len, Comparison::Less, end, fail),
        Some((_, base)) => {
            let end = code.add(base, end);
            code.branch_if(OperandSize::Full, end, Comparison::Greater, len, fail);
        }
    }
}

/// Emits a jump to `fail`, and continues in a block that nothing reaches.
fn fail_always(code: &mut Code, fail: Label) {
    let next = code.block_like(code.is_cold());
    code.end(End::Jump(fail, alloc::vec::Vec::new()));
    code.begin(next);
}

fn check_direct(code: &mut Code, bounds: &mut Bounds, packet: (Virtual, Virtual), place: Place, fail: Label) {
    let (data, data_end) = packet;
    match place.base {
        None => {
            let end = place.end();
            if end > u64::from(MAX_OFFSET) {
                return fail_always(code, fail);
            }
            let pointer = code.add(data, end as i32);
            code.branch_if(OperandSize::Full, pointer, Comparison::Greater, data_end, fail);
            bounds.from_start = bounds.from_start.max(end as u32);
        }
        Some((base, number)) => {
            let (key, offset) = place.split(base);
            let known = bounds.pointer(key);
            let register = match known {
                Some(pointer) => pointer.register,
                None => add_pointer(code, data, place, number, key.1, fail),
            };
            let end = offset + place.width.bytes();
            let last = code.add(register, end as i32);
            code.branch_if(OperandSize::Full, last, Comparison::Greater, data_end, fail);
            let range = known.map_or(end, |pointer| end.max(pointer.range));
            bounds.pointers.insert(key, Pointer { register, range, of: bounds.only_of });
        }
    }
}

/// Emits a pointer to a computed position, less than [`PART`] bytes before the place.
fn add_pointer(code: &mut Code, data: Virtual, place: Place, base: Virtual, part: u32, fail: Label) -> Virtual {
    let limit = MAX_OFFSET - 2 * PART;
    if u64::from(part) > u64::from(limit) {
        fail_always(code, fail);
    }
    let start = if part == 0 { base } else { code.add(base, part as i32) };
    if place.max_base > limit - part.min(limit) {
        code.branch_if(OperandSize::Full, start, Comparison::Greater, limit as i32, fail);
    }
    code.add(data, start)
}

/// Returns the pointer and the offset for a load, after a check of its own if the verifier has not seen one.
fn readable(
    code: &mut Code,
    bounds: &mut Bounds,
    packet: (Virtual, Virtual),
    place: Place,
    fail: Label,
) -> (Virtual, i16) {
    let is_seen = match place.base {
        None => u64::from(bounds.from_start) >= place.end(),
        Some((base, _)) => {
            let (key, offset) = place.split(base);
            bounds.pointer(key).is_some_and(|pointer| pointer.range >= offset + place.width.bytes())
        }
    };
    if !is_seen {
        check_direct(code, bounds, packet, place, fail);
    }
    match place.base {
        None => match i16::try_from(place.offset) {
            Ok(offset) => (packet.0, offset),
            Err(_) => (code.add(packet.0, place.offset as i32), 0),
        },
        Some((base, _)) => {
            let (key, offset) = place.split(base);
            // The check has added the pointer.
            (bounds.pointer(key).map_or(packet.0, |pointer| pointer.register), offset as i16)
        }
    }
}
