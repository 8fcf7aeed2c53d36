//! What a program does first: the lengths of headers that packets state themselves, for those tests that need them.

use crate::bpf::assemble::Label;
use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::isa::{AluOp, Condition, Register, Width};
use crate::bpf::program::Program;
use crate::lang::generate::Generator;
use crate::lang::generate::code::{Base, Code, Exits, Value};
use crate::lang::generate::layers::{Family, HEADER_SLOT, Layers, PAYLOAD_SLOT, Place};
use crate::lang::link_type::LinkType;

/// Headers in front of 802.11.
const PRISM: u32 = 119;
const RADIOTAP: u32 = 127;
const AVS: u32 = 163;
pub(super) const PPI: u32 = 192;

/// How long a Prism header is, and the magic number of an AVS header, which some drivers have instead.
const PRISM_LENGTH: u32 = 144;
const AVS_MAGIC: u32 = 0x8021_1000;

/// An 802.11 header with three addresses, and the field of frames with quality of service.
const WLAN_LENGTH: u32 = 24;
const QOS_LENGTH: u32 = 2;

/// The flags of a radiotap header that is little-endian, as a big-endian load gives them: the flags field is there, more
/// words of flags follow, a time stamp is there.
const HAS_FLAGS: u32 = 0x0200_0000;
const HAS_MORE: u32 = 0x0000_0080;
const HAS_TIME: u32 = 0x0100_0000;
/// In the flags field: the 802.11 header is padded to a multiple of four bytes.
const PADDED: u32 = 0x20;

impl Generator<'_> {
    /// The program, behind its prologue.
    pub(super) fn finish(self) -> Program {
        let number = self.target.link_type.number();
        let read = self.code.read;
        let mut prologue = Code::new();
        let family = Layers::of(self.target.link_type).family;
        if number == PPI {
            ppi_of_wlan(&mut prologue);
        }
        for slot in (0..16).filter(|slot| self.zeroed & read & 1 << slot != 0) {
            prologue.raw(Instruction::LoadConstant { dst: Register::A, value: 0 });
            prologue.store(Register::A, slot);
        }
        let wants = |slot: u8| read & 1 << slot != 0;
        match family {
            Family::Pflog if wants(PAYLOAD_SLOT) => pflog_length(&mut prologue),
            Family::Wlan if wants(PAYLOAD_SLOT) => {
                radio_length(&mut prologue, number);
                wlan_length(&mut prologue, number);
            }
            Family::Wlan if wants(HEADER_SLOT) => radio_length(&mut prologue, number),
            _ => {}
        }
        Program::new(self.code.finish(prologue))
    }
}

/// Nothing but 802.11 is looked for behind PPI.
fn ppi_of_wlan(code: &mut Code) {
    // Before anything is stored: the kernel takes what stands behind a return for what comes after it.
    let (yes, no) = (code.label(), code.label());
    let link_type = LinkType::IEEE802_11.number().swap_bytes();
    code.test(Place::fixed(4).word(0).is(link_type), Exits { yes, no });
    code.place(no);
    code.ret(0);
    code.place(yes);
}

/// The length of pflog's header, which states it without the padding.
fn pflog_length(code: &mut Code) {
    code.load(Place::fixed(0).byte(0));
    code.alu(AluOp::Add, 3);
    code.alu(AluOp::And, !3);
    code.store(Register::A, PAYLOAD_SLOT);
}

/// The length of the header in front of 802.11.
fn radio_length(code: &mut Code, number: u32) {
    let start = Place::fixed(0);
    match number {
        PRISM => {
            let (avs, prism, both) = (code.label(), code.label(), code.label());
            code.test(start.word(0).has(0xffff_f000, AVS_MAGIC), Exits { yes: avs, no: prism });
            code.place(prism);
            code.raw(Instruction::LoadConstant { dst: Register::A, value: PRISM_LENGTH });
            code.jump(both);
            code.place(avs);
            code.load(start.word(4));
            code.place(both);
        }
        AVS => code.load(start.word(4)),
        RADIOTAP | PPI => {
            // Two bytes, little-endian.
            code.load(start.byte(3));
            code.alu(AluOp::Lsh, 8);
            code.raw(Instruction::TransferAToX);
            code.load(start.byte(2));
            code.raw(Instruction::Alu { op: AluOp::Or, operand: Operand::X });
        }
        _ => return,
    }
    code.store(Register::A, HEADER_SLOT);
}

/// The length of that and of the 802.11 header.
fn wlan_length(code: &mut Code, number: u32) {
    let is_behind_radio = number != 105;
    let header = if is_behind_radio { Place::in_slot(HEADER_SLOT) } else { Place::fixed(0) };
    if is_behind_radio {
        code.load_a(HEADER_SLOT);
        code.alu(AluOp::Add, WLAN_LENGTH);
    } else {
        code.raw(Instruction::LoadConstant { dst: Register::A, value: WLAN_LENGTH });
    }
    code.store(Register::A, PAYLOAD_SLOT);
    let done = code.label();
    let control = header.byte(0);
    code.require(control.any_of(0x08), done);
    code.require(control.none_of(0x04), done);
    // Only frames with quality of service have the field for it.
    let no_qos = code.label();
    code.require(control.any_of(0x80), no_qos);
    code.load_a(PAYLOAD_SLOT);
    code.alu(AluOp::Add, QOS_LENGTH);
    code.store(Register::A, PAYLOAD_SLOT);
    code.place(no_qos);
    if number == RADIOTAP {
        radiotap_padding(code, done);
    }
    code.place(done);
}

/// Some drivers pad the 802.11 header, and say so in the radiotap header.
fn radiotap_padding(code: &mut Code, done: Label) {
    let (with_time, without_time, padded) = (code.label(), code.label(), code.label());
    let flags = Place::fixed(4).word(0);
    code.require(flags.any_of(HAS_FLAGS), done);
    code.require(flags.none_of(HAS_MORE), done);
    code.test(flags.any_of(HAS_TIME), Exits { yes: with_time, no: without_time });
    for (label, offset) in [(with_time, 16), (without_time, 8)] {
        code.place(label);
        let byte = Value::Bytes { base: Base::Packet, offset, width: Width::Byte };
        code.test(byte.compares(Condition::BitsSet, PADDED), Exits { yes: padded, no: done });
    }
    code.place(padded);
    code.load_a(PAYLOAD_SLOT);
    code.alu(AluOp::Add, 3);
    code.alu(AluOp::And, !3);
    code.store(Register::A, PAYLOAD_SLOT);
}
