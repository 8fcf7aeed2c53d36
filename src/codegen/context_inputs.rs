//! How code comes to what does not stand in the packet: facts of the context, places behind headers, random numbers, and
//! what functions find.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, AbiParam, BlockArg, InstBuilder, Signature, types};

use crate::codegen::context_data::{AncillaryValues, ContextData};
use crate::codegen::entry::{POINTER, read};
use crate::codegen::lower::Lowering;
use crate::ir::ValueId;
use crate::packet::ancillary::Extension;
use crate::packet::header::Header;
use crate::packet::random;

impl Lowering<'_, '_> {
    /// The place in the packet that an offset names.
    pub(crate) fn position(&mut self, id: ValueId, is_cold: bool) -> ir::Value {
        let (offset, known) = (self.value(id), self.graph.values.known(id));
        if known.is_relative() {
            return self.behind_header(offset, known.headers());
        }
        // Hardly an offset is relative to a header where X comes from the packet.
        let [far, next] = [(); 2].map(|()| self.builder.create_block());
        let position = self.builder.append_block_param(next, types::I32);
        let first = i64::from(Header::FIRST_OFFSET.cast_signed());
        let is_near = self.builder.ins().icmp_imm_s(IntCC::UnsignedLessThan, offset, first);
        self.builder.ins().brif(is_near, next, &[BlockArg::Value(offset)], far, &[]);
        self.begin(far, true);
        let relative = self.behind_header(offset, known.headers());
        self.builder.ins().jump(next, &[BlockArg::Value(relative)]);
        self.begin(next, is_cold);
        position
    }

    /// The place in the packet that an offset names which is relative to one of these headers, the nearest first.
    fn behind_header(&mut self, offset: ir::Value, headers: &[Header]) -> ir::Value {
        let shifts: Vec<ir::Value> = headers.iter().map(|&header| self.shift(header)).collect();
        let shift = match shifts[..] {
            [network, link] => {
                let base = i64::from(Header::Network.base().cast_signed());
                let is_network = self.builder.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, offset, base);
                self.builder.ins().select(is_network, network, link)
            }
            [shift] => shift,
            _ => unreachable!("the position of an offset that is relative to no header is the offset"),
        };
        self.builder.ins().iadd(offset, shift)
    }

    /// What a function makes of the packet and two more arguments.
    pub(crate) fn call(&mut self, extension: Extension, arguments: [ir::Value; 2]) -> ir::Value {
        let mut signature = Signature::new(self.builder.func.signature.call_conv);
        let types = arguments.map(|argument| self.builder.func.dfg.value_type(argument));
        signature.params.extend([POINTER, types::I64].into_iter().chain(types).map(AbiParam::new));
        signature.returns.push(AbiParam::new(types::I32));
        let signature = self.builder.import_signature(signature);
        let function = self.entry_of(extension);
        let captured = self.entry.visible(&mut self.builder);
        let [first, second] = arguments;
        let call = self.builder.ins().call_indirect(signature, function, &[self.entry.packet, captured, first, second]);
        self.builder.inst_results(call)[0]
    }

    /// What an ancillary load gives, if that is a number.
    pub(crate) fn number(&mut self, extension: Extension) -> ir::Value {
        let entry = self.entry_of(extension);
        self.builder.ins().ireduce(types::I32, entry)
    }

    /// The entry of an ancillary load.
    pub(crate) fn entry_of(&mut self, extension: Extension) -> ir::Value {
        let facts = self.entry.facts(&mut self.builder);
        let entries = read(&mut self.builder, POINTER, facts, ContextData::ENTRIES);
        read(&mut self.builder, types::I64, entries, AncillaryValues::offset(extension))
    }

    /// What makes offsets that are relative to a header places in the packet.
    fn shift(&mut self, header: Header) -> ir::Value {
        let facts = self.entry.facts(&mut self.builder);
        read(&mut self.builder, types::I32, facts, ContextData::offset(header))
    }

    /// The same as [`random::number`].
    pub(crate) fn random(&mut self, count: ValueId) -> ir::Value {
        let seed = self.entry_of(Extension::Random);
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
