//! Lowering of context inputs: ancillary loads, offsets relative to headers, random numbers, and calls of functions.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, AbiParam, BlockArg, InstBuilder, Signature, types};

use crate::codegen::context_data::{AncillaryValues, ContextData};
use crate::codegen::lower::Lowering;
use crate::codegen::prologue::{POINTER, number, read};
use crate::ir::ValueId;
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;
use crate::packet::random;

impl Lowering<'_, '_> {
    /// Emits the position in the packet of an offset that may be relative to a header.
    pub(crate) fn position(&mut self, id: ValueId, is_cold: bool) -> ir::Value {
        let (offset, known) = (self.value(id), self.graph.values.known(id));
        if known.is_relative() {
            return self.header_position(offset, known.headers());
        }
        // An offset that is computed from the packet is hardly ever relative to a header.
        let [far, next] = [(); 2].map(|()| self.builder.create_block());
        let position = self.builder.append_block_param(next, types::I32);
        let first = i64::from(Header::FIRST_OFFSET.cast_signed());
        let is_near = self.builder.ins().icmp_imm_s(IntCC::UnsignedLessThan, offset, first);
        self.builder.ins().brif(is_near, next, &[BlockArg::Value(offset)], far, &[]);
        self.begin(far, true);
        let relative = self.header_position(offset, known.headers());
        self.builder.ins().jump(next, &[BlockArg::Value(relative)]);
        self.begin(next, is_cold);
        position
    }

    /// Emits the position of an offset that is relative to one of `headers`, the nearest first.
    fn header_position(&mut self, offset: ir::Value, headers: &[Header]) -> ir::Value {
        let shifts: Vec<ir::Value> = headers.iter().map(|&header| self.shift(header)).collect();
        let shift = match shifts[..] {
            [network, link] => {
                let base = i64::from(Header::Network.base().cast_signed());
                let is_network = self.builder.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, offset, base);
                self.builder.ins().select(is_network, network, link)
            }
            [shift] => shift,
            _ => unreachable!("only offsets that may be relative to a header are resolved"),
        };
        self.builder.ins().iadd(offset, shift)
    }

    /// Emits a call of the function of an ancillary load, with the packet and two more arguments.
    pub(crate) fn call(&mut self, extension: Extension, arguments: [ir::Value; 2]) -> ir::Value {
        let mut signature = Signature::new(self.builder.func.signature.call_conv);
        let parameters = arguments.map(|argument| match self.builder.func.dfg.value_type(argument) {
            types::I32 => number(),
            ty => AbiParam::new(ty),
        });
        signature.params.extend([POINTER, types::I64].map(AbiParam::new).into_iter().chain(parameters));
        signature.returns.push(number());
        let signature = self.builder.import_signature(signature);
        let function = self.ancillary_value(extension);
        let captured = self.prologue.visible_len(&mut self.builder);
        let [first, second] = arguments;
        let call =
            self.builder.ins().call_indirect(signature, function, &[self.prologue.packet, captured, first, second]);
        self.builder.inst_results(call)[0]
    }

    /// Emits the number that an ancillary load gives.
    pub(crate) fn ancillary_number(&mut self, extension: Extension) -> ir::Value {
        let value = self.ancillary_value(extension);
        self.builder.ins().ireduce(types::I32, value)
    }

    /// Emits the value of an ancillary load: 64 bits, as in [`AncillaryValues`].
    pub(crate) fn ancillary_value(&mut self, extension: Extension) -> ir::Value {
        let context = self.prologue.context(&mut self.builder);
        let values = read(&mut self.builder, POINTER, context, ContextData::VALUES);
        read(&mut self.builder, types::I64, values, AncillaryValues::offset(extension))
    }

    /// Emits the number that turns an offset relative to a header into a position in the packet.
    fn shift(&mut self, header: Header) -> ir::Value {
        let context = self.prologue.context(&mut self.builder);
        read(&mut self.builder, types::I32, context, ContextData::offset(header))
    }

    /// Emits the same number as [`random::number`].
    pub(crate) fn random(&mut self, count: ValueId) -> ir::Value {
        let seed = self.ancillary_value(Extension::Random);
        let count = self.wide(count);
        let count = self.builder.ins().iadd_imm_s(count, 1);
        let steps = self.builder.ins().imul_imm_s(count, random::STEP.cast_signed());
        let mut z = self.builder.ins().iadd(seed, steps);
        for (shift, factor) in random::MIX {
            z = self.mix(z, shift);
            z = self.builder.ins().imul_imm_s(z, factor.cast_signed());
        }
        z = self.mix(z, random::LAST);
        z = self.builder.ins().ushr_imm_s(z, 32);
        self.builder.ins().ireduce(types::I32, z)
    }

    fn mix(&mut self, z: ir::Value, shift: u8) -> ir::Value {
        let high = self.builder.ins().ushr_imm_s(z, i64::from(shift));
        self.builder.ins().bxor(z, high)
    }
}
