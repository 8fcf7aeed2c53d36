//! Tables that are one: they have the same words, and no packet has something in both, as a host is the source of a
//! datagram or of an ARP packet. One look then serves for both, at what the packet can have.

use crate::classifier::entry_conditions::TableGuard;
use crate::classifier::packet_fields::{PacketField, PacketFields, byte_swapped};
use crate::classifier::table::Table;

/// The other of two tables.
pub(crate) struct Twin<'t> {
    pub(crate) table: &'t Table,
    /// What holds for all packets that have something in the first, and for none that has in this one.
    pub(crate) guard: &'t TableGuard,
}

/// All tables, each once, in order, some together with a later one.
pub(crate) fn paired<'t>(fields: &PacketFields, tables: &'t [Table]) -> Vec<(&'t Table, Option<Twin<'t>>)> {
    let mut is_taken = vec![false; tables.len()];
    let mut paired = Vec::new();
    for (place, table) in tables.iter().enumerate() {
        if std::mem::replace(&mut is_taken[place], true) {
            continue;
        }
        let mut others = (place + 1..tables.len()).filter(|&other| !is_taken[other]);
        let twin = others.find_map(|other| Some((other, parting(fields, table, &tables[other])?)));
        paired.push((table, twin.map(|(other, guard)| Twin { table: &tables[other], guard })));
        twin.into_iter().for_each(|(other, _)| is_taken[other] = true);
    }
    paired
}

/// The guard that tells whether a packet can have something in the first of two tables or in the second, if they are
/// alike.
fn parting<'t>(fields: &PacketFields, table: &'t Table, other: &Table) -> Option<&'t TableGuard> {
    let look = |table: &Table| (table.start, table.slots, table.slot_verdict, table.key.first().map(|key| key.factor));
    if table.slot_verdict.is_none() || look(table) != look(other) {
        return None;
    }
    let exclude = |guard: &&TableGuard| {
        guard.number().is_some() && other.guards.iter().any(|other| exclude_each_other(fields, guard, other))
    };
    table.guards.iter().find(exclude)
}

/// Whether no packet passes both guards, the first of which has one number.
fn exclude_each_other(fields: &PacketFields, guard: &TableGuard, other: &TableGuard) -> bool {
    if guard.field == other.field {
        return !other.numbers.contains(&guard.numbers[0]);
    }
    let asked = |guard: &TableGuard| match fields.list[usize::from(guard.field)] {
        // Numbers as they stand in ranges.
        PacketField::ByteSwapped(value) => {
            let turn = |&number| fields.width(value).map_or(number, |width| byte_swapped(number, width));
            (PacketField::Value(value), guard.numbers.iter().map(turn).collect())
        }
        field => (field, guard.numbers.clone()),
    };
    match [guard, other].map(asked) {
        [(PacketField::Value(value), numbers), (PacketField::Member(of, ranges), members)]
        | [(PacketField::Member(of, ranges), members), (PacketField::Value(value), numbers)]
            if value == of =>
        {
            numbers.iter().all(|&number| !members.contains(&fields.is_member(number, ranges)))
        }
        _ => false,
    }
}
