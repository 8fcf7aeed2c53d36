//! The start of a program: computes the lengths of headers of variable length, for the tests that need them.

use crate::bpf::assemble::{Label, Unresolved};
use crate::bpf::instruction::Instruction;
use crate::bpf::isa::{AluOp, Register};
use crate::bpf::program::Program;
use crate::bpf::verify::SCRATCH_WORDS;
use crate::lang::generate::Generator;
use crate::lang::generate::code_builder::{BranchTargets, CodeBuilder};
use crate::lang::generate::packet_headers::{HEADER_SLOT, PAYLOAD_SLOT, PacketOffset};
use crate::lang::link_layout::{LinkFamily, LinkLayout};
use crate::lang::link_type::LinkType;

/// The length of a Prism header, and the magic number of an AVS header, which some drivers write instead.
const PRISM_LENGTH: u32 = 144;
const AVS_MAGIC: u32 = 0x8021_1000;

/// The length of an 802.11 header with three addresses, and of the field that QoS data frames add.
const WLAN_LENGTH: u32 = 24;
const QOS_LENGTH: u32 = 2;

/// Bits of a radiotap header's first word, which is little-endian while loads are big-endian: it has a time stamp, it
/// has a flags field, more such words follow.
const HAS_TIME: u32 = (1_u32 << 0).swap_bytes();
const HAS_FLAGS: u32 = (1_u32 << 1).swap_bytes();
const HAS_MORE: u32 = (1_u32 << 31).swap_bytes();
/// A bit of radiotap's flags field: the 802.11 header is padded to a multiple of four bytes.
const PADDED: u32 = 0x20;

impl Generator<'_> {
    /// Returns the program, which starts with the prologue.
    pub(super) fn finish(self) -> Result<Program, Unresolved> {
        let link_type = self.target.link_type;
        let mut prologue = CodeBuilder::new();
        if link_type == LinkType::PPI {
            require_802_11(&mut prologue);
        }
        let is_read = |slot: u8| self.code.slots_read & 1 << slot != 0;
        for slot in (0..SCRATCH_WORDS as u8).filter(|&slot| self.initialized_slots & 1 << slot != 0 && is_read(slot)) {
            prologue.load_constant(0);
            prologue.store(Register::A, slot);
        }
        match LinkLayout::of(link_type).family {
            LinkFamily::Pflog if is_read(PAYLOAD_SLOT) => pflog_length(&mut prologue),
            LinkFamily::Wlan if is_read(PAYLOAD_SLOT) => {
                radio_length(&mut prologue, link_type);
                wlan_length(&mut prologue, link_type);
            }
            LinkFamily::Wlan if is_read(HEADER_SLOT) => radio_length(&mut prologue, link_type),
            _ => {}
        }
        Ok(Program::new(self.code.finish(prologue)?))
    }
}

/// Drops packets whose PPI header is not before 802.11.
fn require_802_11(code: &mut CodeBuilder) {
    // This comes before all stores: the kernel's check of scratch words continues after a return with the state before
    // it.
    let (yes, no) = (code.label(), code.label());
    let link_type = LinkType::IEEE802_11.number().swap_bytes();
    code.test(PacketOffset::fixed(4).word(0).is(link_type), BranchTargets { yes, no });
    code.bind(no);
    code.ret(0);
    code.bind(yes);
}

/// Computes the length of a pflog header, whose length field does not count the padding.
fn pflog_length(code: &mut CodeBuilder) {
    code.load(PacketOffset::fixed(0).byte(0));
    store_padded(code);
}

/// Computes the length of the header before 802.11.
fn radio_length(code: &mut CodeBuilder, link_type: LinkType) {
    let start = PacketOffset::fixed(0);
    match link_type {
        LinkType::PRISM => {
            let (avs, prism, both) = (code.label(), code.label(), code.label());
            code.test(start.word(0).has(0xffff_f000, AVS_MAGIC), BranchTargets { yes: avs, no: prism });
            code.bind(prism);
            code.load_constant(PRISM_LENGTH);
            code.jump(both);
            code.bind(avs);
            code.load(start.word(4));
            code.bind(both);
        }
        LinkType::AVS => code.load(start.word(4)),
        LinkType::IEEE802_11_RADIOTAP | LinkType::PPI => {
            // Two bytes, little-endian.
            code.load(start.byte(3));
            code.alu(AluOp::Lsh, 8);
            code.raw(Instruction::TransferAToX);
            code.load(start.byte(2));
            code.alu_x(AluOp::Or);
        }
        _ => return,
    }
    code.store(Register::A, HEADER_SLOT);
}

/// Computes the length of that and of the 802.11 header.
fn wlan_length(code: &mut CodeBuilder, link_type: LinkType) {
    let has_radio = link_type != LinkType::IEEE802_11;
    let header = if has_radio { PacketOffset::in_slot(HEADER_SLOT) } else { PacketOffset::fixed(0) };
    if has_radio {
        code.load_a(HEADER_SLOT);
        code.alu(AluOp::Add, WLAN_LENGTH);
    } else {
        code.load_constant(WLAN_LENGTH);
    }
    code.store(Register::A, PAYLOAD_SLOT);
    let done = code.label();
    let control = header.byte(0);
    code.require(control.any_of(0x08), done);
    code.require(control.none_of(0x04), done);
    // Only QoS data frames have the field.
    let no_qos = code.label();
    code.require(control.any_of(0x80), no_qos);
    code.load_a(PAYLOAD_SLOT);
    code.alu(AluOp::Add, QOS_LENGTH);
    code.store(Register::A, PAYLOAD_SLOT);
    code.bind(no_qos);
    if link_type == LinkType::IEEE802_11_RADIOTAP {
        radiotap_padding(code, done);
    }
    code.bind(done);
}

/// Adds the padding of the 802.11 header, which some drivers announce in the radiotap header.
fn radiotap_padding(code: &mut CodeBuilder, done: Label) {
    let (with_time, without_time, padded) = (code.label(), code.label(), code.label());
    let flags = PacketOffset::fixed(4).word(0);
    code.require(flags.any_of(HAS_FLAGS), done);
    code.require(flags.none_of(HAS_MORE), done);
    code.test(flags.any_of(HAS_TIME), BranchTargets { yes: with_time, no: without_time });
    for (label, offset) in [(with_time, 16), (without_time, 8)] {
        code.bind(label);
        code.test(PacketOffset::fixed(offset).byte(0).any_of(PADDED), BranchTargets { yes: padded, no: done });
    }
    code.bind(padded);
    code.load_a(PAYLOAD_SLOT);
    store_padded(code);
}

/// Stores A, rounded up to a multiple of four, as the offset of the payload.
fn store_padded(code: &mut CodeBuilder) {
    code.alu(AluOp::Add, 3);
    code.alu(AluOp::And, !3);
    code.store(Register::A, PAYLOAD_SLOT);
}
