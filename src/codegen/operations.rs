//! Code of single operations, given their operands: shared by the lowering of graphs and that of classifiers.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Value, types};
use cranelift_frontend::FunctionBuilder;

use crate::bpf::isa::{AluOp, Width};
use crate::ir::ByteOrder;

/// Converts a 32-bit constant to an immediate.
pub(crate) fn signed(k: u32) -> i64 {
    i64::from(k.cast_signed())
}

/// Emits the address that a load counts from: the packet, or a computed offset in it.
pub(crate) fn packet_address(builder: &mut FunctionBuilder, packet: Value, base: Option<Value>) -> Value {
    base.map_or(packet, |base| {
        let base = builder.ins().uextend(types::I64, base);
        builder.ins().iadd(packet, base)
    })
}

/// Emits the end of a load, `end` bytes after `base`: 64 bits.
pub(crate) fn load_end(builder: &mut FunctionBuilder, base: Value, end: u64) -> Value {
    let base = builder.ins().uextend(types::I64, base);
    builder.ins().iadd_imm_s(base, end.cast_signed())
}

/// Emits whether a load is in bounds that ends `end` bytes after `base`, or after the start of the packet.
pub(crate) fn is_in_bounds(builder: &mut FunctionBuilder, base: Option<Value>, end: u64, captured: Value) -> Value {
    match base {
        None => {
            let end = builder.ins().iconst(types::I64, end.cast_signed());
            builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, captured, end)
        }
        Some(base) => {
            let end = load_end(builder, base, end);
            builder.ins().icmp(IntCC::UnsignedLessThanOrEqual, end, captured)
        }
    }
}

/// Emits a load from the packet, which must be in bounds. On little-endian machines the swap of a number in network
/// order is an instruction of its own: Cranelift has no loads in the opposite order there.
pub(crate) fn load(
    builder: &mut FunctionBuilder,
    address: Value,
    offset: i32,
    width: Width,
    order: ByteOrder,
) -> Value {
    const MACHINE: Endianness = if cfg!(target_endian = "big") { Endianness::Big } else { Endianness::Little };
    let flags = MemFlagsData::new().with_notrap().with_readonly();
    let flags = if order == ByteOrder::Big { flags.with_endianness(MACHINE) } else { flags };
    let ty = match width {
        Width::Byte => return builder.ins().uload8(types::I32, flags, address, offset),
        Width::Half if order == ByteOrder::Native => return builder.ins().uload16(types::I32, flags, address, offset),
        Width::Half => types::I16,
        Width::Word => types::I32,
    };
    let mut number = builder.ins().load(ty, flags, address, offset);
    if order == ByteOrder::Big && MACHINE == Endianness::Little {
        number = builder.ins().bswap(number);
    }
    if ty == types::I16 { builder.ins().uextend(types::I32, number) } else { number }
}

/// Emits arithmetic. A divisor must not be 0. `may_overshift` says that a shift may be by 32 or more, which gives 0,
/// while the machine would use the lower five bits of the count.
pub(crate) fn arithmetic(builder: &mut FunctionBuilder, op: AluOp, a: Value, b: Value, may_overshift: bool) -> Value {
    let ins = builder.ins();
    let result = match op {
        AluOp::Add => ins.iadd(a, b),
        AluOp::Sub => ins.isub(a, b),
        AluOp::Mul => ins.imul(a, b),
        AluOp::Div => ins.udiv(a, b),
        AluOp::Mod => ins.urem(a, b),
        AluOp::And => ins.band(a, b),
        AluOp::Or => ins.bor(a, b),
        AluOp::Xor => ins.bxor(a, b),
        AluOp::Lsh => ins.ishl(a, b),
        AluOp::Rsh => ins.ushr(a, b),
    };
    if !op.is_shift() || !may_overshift {
        return result;
    }
    let is_short = builder.ins().icmp_imm_s(IntCC::UnsignedLessThan, b, 32);
    let zero = builder.ins().iconst(types::I32, 0);
    builder.ins().select(is_short, result, zero)
}
