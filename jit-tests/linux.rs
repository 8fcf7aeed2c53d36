//! Generators of programs for the loads that only Linux has, and of packets for them: ancillary loads, header-relative
//! offsets, stacks of headers, and netlink attributes.

use arbitrary::{Result, Unstructured};
use cbpf::packet::Extension;
use cbpf::{Dialect, Instruction, Program};

use crate::case::Sample;
use crate::generate;

/// Returns a program with many ancillary and header-relative loads, and packets for it.
pub fn program_and_samples(u: &mut Unstructured) -> Result<(Program, [Sample; 2])> {
    Ok((program(u)?, [sample(u)?, sample(u)?]))
}

/// Returns a program with many ancillary and header-relative loads.
pub fn program(u: &mut Unstructured) -> Result<Program> {
    let mut program = Vec::new();
    for left in (0..u.int_in_range(1..=20)?).rev() {
        program.push(match u.int_in_range(0..=9)? {
            0..=2 => Instruction::LoadExtension(generate::extension(u)?),
            3 => Instruction::LoadExtension(*u.choose(&IN_PACKET)?),
            4 => Instruction::LoadAbsolute { offset: generate::relative_offset(u)?, width: generate::width(u)? },
            5 => Instruction::LoadIndirect { offset: generate::relative_offset(u)?, width: generate::width(u)? },
            6 => Instruction::LoadMemShift { offset: generate::relative_offset(u)? },
            7 => generate::jump(u, left)?,
            _ => generate::instruction(u, Dialect::Linux, 0)?,
        });
    }
    program.push(Instruction::ReturnA);
    Ok(program.into_iter().collect())
}

/// The ancillary loads that read the packet.
const IN_PACKET: [Extension; 3] =
    [Extension::NetlinkAttribute, Extension::NestedNetlinkAttribute, Extension::PayloadOffset];

pub fn sample(u: &mut Unstructured) -> Result<Sample> {
    let sample = generate::sample(u, Dialect::Linux)?;
    let (protocol, mut data) = match u.int_in_range(0..=3)? {
        0 => return Ok(sample),
        1 => (sample.context.get_protocol(), attributes(u)?),
        _ => headers(u)?,
    };
    let mut context = sample.context.protocol(protocol);
    if u.ratio(1, 2)? {
        // An Ethernet header comes first.
        data.splice(..0, [2; 14]);
        context = context.network_header(14).link_header(0);
    }
    if u.ratio(1, 4)? && !data.is_empty() {
        let place = u.choose_index(data.len())?;
        data[place] = u.arbitrary()?;
    }
    data.truncate(if u.ratio(1, 4)? { u.int_in_range(0..=data.len())? } else { data.len() });
    let wire_len = if u.ratio(1, 4)? { u.arbitrary()? } else { data.len() as u32 };
    Ok(Sample { data, wire_len, context })
}

/// The kind of number that identifies a header.
#[derive(Clone, Copy, PartialEq)]
enum Name {
    EtherType,
    Protocol,
}

/// A header: its identifier, first bytes and length, and the kind and offset of the next header's identifier.
type Header = (Name, u16, &'static [u8], usize, Option<(Name, usize)>);

#[rustfmt::skip]
const HEADERS: [Header; 20] = [
    (Name::EtherType, 0x0800, &[0x45],       20, Some((Name::Protocol, 9))),
    (Name::EtherType, 0x0800, &[0x4b],       44, Some((Name::Protocol, 9))),
    (Name::EtherType, 0x86dd, &[0x60],       40, Some((Name::Protocol, 6))),
    (Name::EtherType, 0x8100, &[],            4, Some((Name::EtherType, 2))),
    (Name::EtherType, 0x88a8, &[],            4, Some((Name::EtherType, 2))),
    (Name::EtherType, 0x892f, &[],            6, Some((Name::EtherType, 4))),
    (Name::EtherType, 0x4305, &[0x40, 15],   24, Some((Name::EtherType, 22))),
    (Name::EtherType, 0x8847, &[],            4, None),
    (Name::EtherType, 0x8864, &[0x11, 0, 0, 0, 0, 0, 0xc0, 0x21], 8, None),
    (Name::EtherType, 0x0806, &[],           28, None),
    (Name::Protocol,  0,      &[],            8, Some((Name::Protocol, 0))),
    (Name::Protocol,  43,     &[0, 1],       16, Some((Name::Protocol, 0))),
    (Name::Protocol,  44,     &[],            8, Some((Name::Protocol, 0))),
    (Name::Protocol,  47,     &[],            4, Some((Name::EtherType, 2))),
    (Name::Protocol,  47,     &[0xb0],       16, Some((Name::EtherType, 2))),
    (Name::Protocol,  6,      &[],           20, None),
    (Name::Protocol,  17,     &[],            8, None),
    (Name::Protocol,  58,     &[],            8, None),
    (Name::Protocol,  132,    &[],           12, None),
    (Name::Protocol,  99,     &[],            4, None),
];

/// Returns a stack of headers, and the EtherType of the first.
fn headers(u: &mut Unstructured) -> Result<(u16, Vec<u8>)> {
    // The EtherType of the first header is stored first, and split off at the end.
    let (mut data, mut next) = (vec![0; 2], Some((Name::EtherType, 0)));
    for _ in 0..u.int_in_range(1..=20)? {
        let Some((name, place)) = next else { break };
        let known: Vec<&Header> = HEADERS.iter().filter(|header| header.0 == name).collect();
        let &(_, number, start, len, following) = *u.choose(&known)?;
        match name {
            Name::EtherType => data[place..place + 2].copy_from_slice(&number.to_be_bytes()),
            Name::Protocol => data[place] = number as u8,
        }
        next = following.map(|(name, place)| (name, data.len() + place));
        data.extend_from_slice(start);
        data.resize(data.len() - start.len() + len, 0);
    }
    let payload = data.split_off(2);
    Ok((u16::from_be_bytes([data[0], data[1]]), payload))
}

/// Returns netlink attributes, some of them nested.
fn attributes(u: &mut Unstructured) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    for _ in 0..u.int_in_range(0..=8)? {
        let (len, kind) = (u.int_in_range(0..=24)?, u.int_in_range(0..=4)?);
        let flags = *u.choose(&[0, 0, 0x8000, 0x4000])?;
        data.extend([len, kind | flags].map(u16::to_ne_bytes).concat());
        // A longer attribute contains the following ones.
        data.resize(data.len() + *u.choose(&[0, 0, 4, 8])?, 0);
    }
    Ok(data)
}
