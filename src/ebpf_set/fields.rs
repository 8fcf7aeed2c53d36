//! The fields of a packet as eBPF. They are stored in the frame, and a register has a bit for each field that the
//! packet has.
//!
//! Where packets are read directly, one version assumes some lengths, which most packets have. Other packets take a
//! version that checks each load. At hooks with a `struct __sk_buff`, that version copies bytes by a helper, wherever
//! the kernel keeps them.

use crate::bpf::isa::{AluOp, Width};
use crate::classifier::assumed_lengths::AssumedLengths;
use crate::classifier::packet_fields::{PacketField, PacketFields};
use crate::ebpf::hook::{SKB, XDP};
use crate::ebpf::{Comparison, Helper, Hook, Instruction, OperandSize, Options, Register, Size, Source};
use crate::ebpf_set::assembler::{Assembler, Label, immediate};
use crate::ebpf_set::frame;
use crate::ebpf_set::maps::TablesValue;
use crate::ir::{Address, ByteOrder, Range, Value, ValueId};

use Register::{R0, R1, R2, R3, R4, R6, R7, R8, R9, R10};

/// The register of the context, or of the length on the wire of a [`Hook::Function`].
pub(crate) const CONTEXT: Register = R6;
/// The registers of the first byte of the packet and of its end, if it is read directly.
const DATA: Register = R7;
const END: Register = R8;
/// The address after which some bytes are, and the register that collects the fields that the packet has.
const FIRST_BASE: Register = R9;
const PRESENT: Register = R0;

/// The largest offset that is added to the address of a packet: the verifier follows no larger ones.
const MAX_OFFSET: i32 = 0xff00;

/// The way to the bytes of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Direct,
    /// `bpf_skb_load_bytes` or `bpf_xdp_load_bytes`
    Copy(Helper),
    /// `bpf_probe_read_kernel`
    Probe,
}

/// Emits the fields.
pub(crate) struct FieldCode<'a> {
    asm: &'a mut Assembler,
    constants: &'a mut TablesValue,
    fields: &'a PacketFields,
    hook: Hook,
    access: Access,
    /// `true` if the packet may have bytes that cannot be read directly.
    has_more: bool,
    assumed: AssumedLengths,
    /// The target if an assumption does not hold, if there are assumptions.
    general: Option<Label>,
    /// The fields that every packet has which comes to the place.
    available: Vec<(ValueId, u8)>,
    operands: usize,
}

/// Emits the start of the program and the fields, and leaves the bits of the fields that the packet has in `r6` and the
/// context in the frame.
pub(crate) fn emit(asm: &mut Assembler, value: &mut TablesValue, fields: &PacketFields, options: &Options) {
    let (hook, has_direct_access) = (options.hook, options.has_direct_access);
    let joined = asm.label();
    asm.copy(CONTEXT, if hook == Hook::Function { Register::R3 } else { R1 });
    let slow = match hook {
        Hook::Xdp if options.has_xdp_frags => Access::Copy(Helper::XdpLoadBytes),
        Hook::Xdp => Access::Direct,
        Hook::Function if has_direct_access => Access::Direct,
        Hook::Function => Access::Probe,
        _ => Access::Copy(Helper::SkbLoadBytes),
    };
    match hook {
        Hook::Function => {
            asm.copy(DATA, R1);
            asm.copy(END, R2);
        }
        Hook::Xdp | Hook::Tc | Hook::CgroupSkb => {
            if slow == Access::Copy(Helper::XdpLoadBytes) {
                asm.call(Helper::XdpGetBuffLen);
                asm.store(Size::U32, R10, frame::LEN, R0);
            }
            let [data, end] = if hook == Hook::Xdp { [XDP.data, XDP.data_end] } else { [SKB.data, SKB.data_end] };
            asm.load(Size::U32, DATA, CONTEXT, data);
            asm.load(Size::U32, END, CONTEXT, end);
        }
        Hook::Socket => {}
    }
    let is_direct = slow == Access::Direct || matches!(hook, Hook::Xdp | Hook::Tc | Hook::CgroupSkb);
    let general = asm.label();
    if is_direct {
        let assumed = AssumedLengths::of(fields);
        let general = (assumed != AssumedLengths::default() || slow != Access::Direct).then_some(general);
        FieldCode::new((asm, value), fields, (hook, Access::Direct, slow), assumed, general).all();
        asm.jump(joined);
    }
    asm.bind(general);
    FieldCode::new((asm, value), fields, (hook, slow, slow), AssumedLengths::default(), None).all();
    asm.bind(joined);
    asm.store(Size::U64, R10, frame::CONTEXT, CONTEXT);
    asm.copy(R6, PRESENT);
}

impl<'a> FieldCode<'a> {
    fn new(
        (asm, constants): (&'a mut Assembler, &'a mut TablesValue),
        fields: &'a PacketFields,
        (hook, access, slow): (Hook, Access, Access),
        assumed: AssumedLengths,
        general: Option<Label>,
    ) -> FieldCode<'a> {
        let has_more = matches!(slow, Access::Copy(_));
        FieldCode {
            asm,
            constants,
            fields,
            hook,
            access,
            has_more,
            assumed,
            general,
            available: Vec::new(),
            operands: 0,
        }
    }

    /// Emits all fields, and the bits of those that the packet has.
    fn all(mut self) {
        self.check_assumptions();
        let sure: Vec<bool> = self.fields.list.iter().map(|&field| self.is_sure(field)).collect();
        // The bits of fields that packets may lack are collected in the frame.
        let bits = (0..).zip(&sure).fold(0, |bits, (number, &is_sure)| bits | u64::from(is_sure) << number);
        let all_sure = sure.iter().all(|&is_sure| is_sure);
        if !all_sure {
            self.bits(R1, bits);
            self.asm.store(Size::U64, R10, frame::PRESENT, R1);
        }
        for (number, is_sure) in (0..).zip(sure) {
            let field = self.fields.list[usize::from(number)];
            if is_sure {
                let general = self.general.unwrap_or_else(|| self.asm.label());
                self.field(field, general);
                self.asm.store(Size::U32, R10, frame::field(number), R0);
                if let PacketField::Value(value) = field {
                    self.available.push((value, number));
                }
                continue;
            }
            let [absent, end] = [self.asm.label(), self.asm.label()];
            self.field(field, absent);
            self.asm.store(Size::U32, R10, frame::field(number), R0);
            self.bits(R1, 1 << number);
            self.asm.load(Size::U64, R2, R10, frame::PRESENT);
            self.asm.alu(AluOp::Or, R1, R2);
            self.asm.store(Size::U64, R10, frame::PRESENT, R1);
            self.asm.jump(end);
            self.asm.bind(absent);
            self.asm.store(Size::U32, R10, frame::field(number), Source::Immediate(0));
            self.asm.bind(end);
        }
        // The verifier knows no number in a place whose second half is written, too.
        if self.fields.list.len() % 2 == 1 {
            let other = frame::field(self.fields.list.len() as u8);
            self.asm.store(Size::U32, R10, other, Source::Immediate(0));
        }
        match all_sure {
            true => self.bits(PRESENT, bits),
            false => self.asm.load(Size::U64, PRESENT, R10, frame::PRESENT),
        }
    }

    /// Emits bits that the verifier does not know. Overwrites `r2`.
    fn bits(&mut self, dst: Register, bits: u64) {
        let (lower, upper) = (bits as u32, (bits >> 32) as u32);
        self.constants.unknown_constant(self.asm, dst, lower);
        if upper != 0 {
            self.constants.unknown_constant(self.asm, R2, upper);
            self.asm.alu(AluOp::Lsh, R2, Source::Immediate(32));
            self.asm.alu(AluOp::Or, dst, R2);
        }
    }

    /// Emits the checks of the lengths that later code assumes.
    fn check_assumptions(&mut self) {
        let Some(general) = self.general else { return };
        let AssumedLengths { captured, after_bases } = self.assumed.clone();
        if captured > 0 {
            self.asm.copy(R2, DATA);
            self.asm.alu(AluOp::Add, R2, immediate(captured as u32));
            self.asm.jump_if(R2, Comparison::Greater, END, general);
        }
        for (number, (base, end)) in after_bases.into_iter().enumerate() {
            self.value(base, general);
            self.asm.jump_if(R0, Comparison::Greater, Source::Immediate(MAX_OFFSET), general);
            self.asm.alu(AluOp::Add, R0, DATA);
            self.asm.copy(R2, R0);
            self.asm.alu(AluOp::Add, R2, immediate(end as u32));
            self.asm.jump_if(R2, Comparison::Greater, END, general);
            match number {
                0 => self.asm.copy(FIRST_BASE, R0),
                _ => self.asm.store(Size::U64, R10, frame::SECOND_BASE, R0),
            }
        }
    }

    /// Returns whether every packet has a field, as far as it has the lengths that are assumed.
    fn is_sure(&self, field: PacketField) -> bool {
        match field {
            PacketField::Value(value) | PacketField::MachineOrder(value) | PacketField::Member(value, _) => {
                self.is_sure_value(value)
            }
            PacketField::InBounds(address, width) => self.is_assumed(address.base, address.end(width)),
            PacketField::Captured(len) => self.is_assumed(None, len.into()),
        }
    }

    /// Values are small, so the recursion is shallow.
    fn is_sure_value(&self, id: ValueId) -> bool {
        let values = &self.fields.values;
        let own = match values.value(id) {
            Value::Load(address, width, _) => self.is_assumed(address.base, address.end(width)),
            Value::Alu(op, _, divisor) => !op.is_division() || values.known(divisor).min > 0,
            _ => true,
        };
        own && values.operands(id).all(|operand| self.is_sure_value(operand))
    }

    /// Returns whether this number of bytes after a base, or from the start on, is assumed.
    fn is_assumed(&self, base: Option<ValueId>, len: u64) -> bool {
        match base {
            None => len <= self.assumed.captured,
            Some(base) => self.assumed.after_bases.iter().any(|&(other, most)| other == base && len <= most),
        }
    }

    /// Emits a field in `r0`.
    fn field(&mut self, field: PacketField, absent: Label) {
        match field {
            PacketField::Value(value) | PacketField::MachineOrder(value) => self.value(value, absent),
            PacketField::Member(value, ranges) => {
                self.value(value, absent);
                let ranges = self.fields.ranges(ranges).to_vec();
                self.is_member(&ranges);
            }
            PacketField::InBounds(address, width) => {
                self.load(address, width, absent);
                self.asm.constant(R0, 0);
            }
            PacketField::Captured(len) => {
                self.captured(len, absent);
                self.asm.constant(R0, 0);
            }
        }
    }

    /// Emits 1 if `r0` lies in some ranges, and else 0.
    fn is_member(&mut self, ranges: &[Range]) {
        let [inside, end] = [self.asm.label(), self.asm.label()];
        for &(low, high) in ranges {
            if low == high {
                self.asm.jump_if32(R0, Comparison::Equal, immediate(low), inside);
            } else {
                self.asm.copy(R1, R0);
                self.asm.alu32(AluOp::Sub, R1, immediate(low));
                self.asm.jump_if32(R1, Comparison::LessOrEqual, immediate(high - low), inside);
            }
        }
        self.constants.unknown_constant(self.asm, R0, 0);
        self.asm.jump(end);
        self.asm.bind(inside);
        self.constants.unknown_constant(self.asm, R0, 1);
        self.asm.bind(end);
    }

    /// Emits a value in `r0`, whose upper 32 bits are 0. Values are small, so the recursion is shallow.
    fn value(&mut self, id: ValueId, absent: Label) {
        if let Some(&(_, number)) = self.available.iter().find(|(known, _)| *known == id) {
            return self.asm.load(Size::U32, R0, R10, frame::field(number));
        }
        match self.fields.values.value(id) {
            Value::Constant(k) => self.asm.constant(R0, k),
            Value::WireLen => self.wire_len(R0),
            Value::Load(address, width, order) => {
                self.load(address, width, absent);
                if order == ByteOrder::Big && width != Width::Byte {
                    self.asm.push(Instruction::NetworkOrder { width, dst: R0 });
                }
            }
            Value::Alu(op, left, right) => self.arithmetic(op, left, right, absent),
            Value::Negate(value) => {
                self.value(value, absent);
                self.asm.push(Instruction::Negate { dst: R0 });
            }
            _ => unreachable!("fields consist of these values"),
        }
    }

    fn arithmetic(&mut self, op: AluOp, left: ValueId, right: ValueId, absent: Label) {
        self.value(left, absent);
        if let Some(k) = self.fields.values.as_constant(right) {
            return match k {
                32.. if op.is_shift() => self.asm.constant(R0, 0),
                0 if op.is_division() => self.asm.jump(absent),
                _ => self.asm.alu32(op, R0, immediate(k)),
            };
        }
        let kept = frame::operand(self.operands);
        self.asm.store(Size::U32, R10, kept, R0);
        self.operands += 1;
        self.value(right, absent);
        self.operands -= 1;
        self.asm.copy(R1, R0);
        self.asm.load(Size::U32, R0, R10, kept);
        let known = self.fields.values.known(right);
        if op.is_division() && known.min == 0 {
            self.asm.jump_if32(R1, Comparison::Equal, Source::Immediate(0), absent);
        }
        if op.is_shift() && known.max >= 32 {
            let fits = self.asm.label();
            self.asm.jump_if32(R1, Comparison::Less, Source::Immediate(32), fits);
            self.asm.constant(R0, 0);
            self.asm.constant(R1, 0);
            self.asm.bind(fits);
        }
        self.asm.alu32(op, R0, R1);
    }

    fn wire_len(&mut self, dst: Register) {
        match self.hook {
            Hook::Function => {
                let src = Source::Register(CONTEXT);
                self.asm.push(Instruction::Move { size: OperandSize::Half, dst, src });
            }
            _ => self.captured_len(dst),
        }
    }

    /// Emits the number of captured bytes, wherever they are.
    fn captured_len(&mut self, dst: Register) {
        match self.hook {
            Hook::Xdp if self.has_more => self.asm.load(Size::U32, dst, R10, frame::LEN),
            _ if self.has_more => self.asm.load(Size::U32, dst, CONTEXT, SKB.len),
            _ => {
                self.asm.copy(dst, END);
                self.asm.alu(AluOp::Sub, dst, DATA);
            }
        }
    }

    /// Emits a check that some bytes were captured.
    fn captured(&mut self, len: u32, absent: Label) {
        if self.is_assumed(None, len.into()) {
            return;
        }
        self.captured_len(R1);
        self.asm.jump_if32(R1, Comparison::Less, immediate(len), absent);
    }

    /// Emits a load in `r0`, in the order of the machine.
    fn load(&mut self, address: Address, width: Width, absent: Label) {
        let size = Size::from(width);
        let end = address.end(width);
        if self.access == Access::Direct && self.is_assumed(address.base, end) {
            let base = match address.base {
                None => DATA,
                Some(base) if self.assumed.after_bases[0].0 == base => FIRST_BASE,
                Some(_) => {
                    self.asm.load(Size::U64, R1, R10, frame::SECOND_BASE);
                    R1
                }
            };
            return self.asm.load(size, R0, base, address.offset as i16);
        }
        match address.base {
            None => self.asm.constant(R0, 0),
            Some(base) => self.value(base, absent),
        }
        match self.access {
            Access::Direct => self.load_directly(address.base.is_some(), address, width, absent),
            Access::Copy(helper) => {
                self.asm.copy(R2, R0);
                self.asm.alu(AluOp::Add, R2, immediate(address.offset));
                self.asm.jump_if(R2, Comparison::Greater, Source::Immediate(i32::MAX), absent);
                self.asm.copy(R1, CONTEXT);
                self.copy_by(helper, [R3, R4], size, absent);
            }
            Access::Probe => {
                self.asm.copy(R3, DATA);
                self.asm.alu(AluOp::Add, R3, R0);
                self.asm.copy(R1, R3);
                self.asm.alu(AluOp::Add, R1, immediate(end as u32));
                self.asm.jump_if(R1, Comparison::Greater, END, absent);
                self.asm.alu(AluOp::Add, R3, immediate(address.offset));
                self.copy_by(Helper::ProbeReadKernel, [R1, R2], size, absent);
            }
        }
    }

    /// Emits a call that copies bytes to the frame, and the load of these. A helper that fails finds no bytes.
    fn copy_by(&mut self, helper: Helper, [to, len]: [Register; 2], size: Size, absent: Label) {
        self.asm.copy(to, R10);
        self.asm.alu(AluOp::Add, to, Source::Immediate(frame::BUFFER.into()));
        self.asm.copy(len, immediate(size.bytes()));
        self.asm.call(helper);
        self.asm.jump_if(R0, Comparison::NotEqual, Source::Immediate(0), absent);
        self.asm.load(size, R0, R10, frame::BUFFER);
    }

    /// Emits a load at the offset `r0` plus that of the address.
    fn load_directly(&mut self, has_base: bool, address: Address, width: Width, absent: Label) {
        let end = immediate(address.end(width) as u32);
        // Bytes beyond the end may be elsewhere, so the other version looks for them.
        let elsewhere = self.general.filter(|_| self.has_more);
        if has_base {
            self.asm.jump_if(R0, Comparison::Greater, Source::Immediate(MAX_OFFSET), elsewhere.unwrap_or(absent));
        }
        self.asm.copy(R1, DATA);
        if has_base {
            self.asm.alu(AluOp::Add, R1, R0);
        }
        self.asm.copy(R2, R1);
        self.asm.alu(AluOp::Add, R2, end);
        match elsewhere {
            None => self.asm.jump_if(R2, Comparison::Greater, END, absent),
            Some(general) => {
                let inside = self.asm.label();
                self.asm.jump_if(R2, Comparison::LessOrEqual, END, inside);
                self.asm.alu(AluOp::Add, R0, end);
                self.captured_len(R1);
                self.asm.jump_if(R0, Comparison::LessOrEqual, R1, general);
                self.asm.jump(absent);
                self.asm.bind(inside);
            }
        }
        self.asm.load(Size::from(width), R0, R1, address.offset as i16);
    }
}
