//! Merges identical tables whose guards are mutually exclusive, such as the source address of IPv4 and of ARP: one
//! lookup, of the key that the packet can have, serves for both.

use crate::classifier::entry_conditions::TableGuard;
use crate::classifier::packet_fields::{PacketField, PacketFields};
use crate::classifier::table::{MatchKind, Table};

/// A table that shares the lookup of an earlier one.
pub(crate) struct MergedTable<'t> {
    pub(crate) table: &'t Table,
    /// The guard of the earlier table that excludes this one.
    pub(crate) guard: &'t TableGuard,
}

/// Returns the tables for matches of a kind, each once, in order, some merged with a later one.
pub(crate) fn merge<'t>(
    fields: &PacketFields,
    tables: &'t [Table],
    kind: MatchKind,
) -> Vec<(&'t Table, Option<MergedTable<'t>>)> {
    let mut is_taken: Vec<bool> = tables.iter().map(|table| !table.is_for(kind)).collect();
    let mut merged = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        if std::mem::replace(&mut is_taken[index], true) {
            continue;
        }
        let mut others = (index + 1..tables.len()).filter(|&other| !is_taken[other]);
        let second = others.find_map(|other| Some((other, excluding_guard(fields, table, &tables[other])?)));
        merged.push((table, second.map(|(other, guard)| MergedTable { table: &tables[other], guard })));
        second.into_iter().for_each(|(other, _)| is_taken[other] = true);
    }
    merged
}

/// Returns the guard of the first of two identical tables that excludes matches in the second.
fn excluding_guard<'t>(fields: &PacketFields, table: &'t Table, other: &Table) -> Option<&'t TableGuard> {
    let look = |table: &Table| (table.start, table.lookup, table.slot_verdict, table.key.first().map(|key| key.factor));
    if table.slot_verdict.is_none() || look(table) != look(other) {
        return None;
    }
    let exclude = |guard: &&TableGuard| {
        guard.number().is_some() && other.guards.iter().any(|other| exclude_each_other(fields, guard, other))
    };
    table.guards.iter().find(exclude)
}

/// Returns whether no packet passes both guards, the first of which has one number.
fn exclude_each_other(fields: &PacketFields, guard: &TableGuard, other: &TableGuard) -> bool {
    if guard.field == other.field {
        return !other.numbers.contains(&guard.numbers[0]);
    }
    let in_packet_order = |guard: &TableGuard| match fields.list[usize::from(guard.field)] {
        // Ranges have the numbers of values in network order.
        PacketField::MachineOrder(value) => {
            let reorder = |&number| fields.width(value).map_or(number, |width| width.reorder(number));
            (PacketField::Value(value), guard.numbers.iter().map(reorder).collect())
        }
        field => (field, guard.numbers.clone()),
    };
    match [guard, other].map(in_packet_order) {
        [(PacketField::Value(value), numbers), (PacketField::Member(of, ranges), members)]
        | [(PacketField::Member(of, ranges), members), (PacketField::Value(value), numbers)]
            if value == of =>
        {
            numbers.iter().all(|&number| !members.contains(&fields.is_member(number, ranges)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::merge;
    use crate::classifier::build::Classifier;
    use crate::classifier::table::MatchKind;
    use crate::{Dialect, LinkType, Target, compile_expression};

    /// `host` compares the same addresses at four places: two lookups serve for four tables.
    #[test]
    fn halves_the_lookups_of_hosts() {
        let target = Target::new(LinkType::ETHERNET);
        let host = |k| compile_expression(&format!("host 10.0.1.{k}"), &target).expect("an expression");
        let programs = (0..200).map(|k| host(k).verify(Dialect::Pcap).expect("a valid program"));
        let Classifier { fields, tables, .. } = Classifier::new(&programs.collect());
        assert_eq!((tables.list.len(), merge(&fields, &tables.list, MatchKind::First).len()), (4, 2));
    }
}
