//! The lengths of packets that code which computes fields may assume, since nearly all packets have them.

use crate::classifier::packet_fields::{PacketField, PacketFields};
use crate::ir::{Value, ValueId};

/// Lengths of a packet that code assumes. Packets that are shorter take a version without assumptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AssumedLengths {
    /// The least number of captured bytes.
    pub(crate) captured: u64,
    /// The least number of bytes after computed bases.
    pub(crate) after_bases: Vec<(ValueId, u64)>,
}

/// The most captured bytes that are assumed: a TCP segment without data or options.
const MOST_CAPTURED: u64 = 54;

/// The most bases after which bytes are assumed.
const MOST_BASES: usize = 2;

impl AssumedLengths {
    /// Returns the lengths that nearly all packets have, and the fields need.
    pub(crate) fn of(fields: &PacketFields) -> AssumedLengths {
        let mut assumed = AssumedLengths::default();
        let mut loads = Vec::new();
        for &field in &fields.list {
            match field {
                PacketField::Value(value) | PacketField::MachineOrder(value) | PacketField::Member(value, _) => {
                    loads_of(fields, value, &mut loads);
                }
                PacketField::InBounds(address, width) => {
                    loads.push((address.base, address.end(width)));
                    address.base.into_iter().for_each(|base| loads_of(fields, base, &mut loads));
                }
                PacketField::Captured(len) => loads.push((None, len.into())),
            }
        }
        for &(base, end) in &loads {
            match base {
                None if end <= MOST_CAPTURED => assumed.captured = assumed.captured.max(end),
                None => {}
                Some(base) => match assumed.after_bases.iter_mut().find(|(other, _)| *other == base) {
                    Some((_, most)) => *most = end.max(*most),
                    None => assumed.after_bases.push((base, end)),
                },
            }
        }
        let captured = assumed.captured;
        assumed.after_bases.retain(|&(base, _)| {
            let mut loads = Vec::new();
            loads_of(fields, base, &mut loads);
            loads.iter().all(|&(base, end)| base.is_none() && end <= captured)
        });
        assumed.after_bases.truncate(MOST_BASES);
        assumed
    }
}

/// Collects the bases of the loads of a value, and the ends of the loads relative to them.
fn loads_of(fields: &PacketFields, id: ValueId, loads: &mut Vec<(Option<ValueId>, u64)>) {
    if let Value::Load(address, width, _) = fields.values.value(id) {
        loads.push((address.base, address.end(width)));
    }
    fields.values.operands(id).for_each(|operand| loads_of(fields, operand, loads));
}
