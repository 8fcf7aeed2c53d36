//! Merges identical tables whose guards are mutually exclusive, such as the source address of IPv4 and of ARP: one
//! lookup, of the key that the packet can have, serves for both.

use crate::classifier::entry_conditions::Guard;
use crate::classifier::field::{Field, Fields, turned};
use crate::classifier::table::Table;

/// A table that shares the lookup of an earlier one.
pub(crate) struct MergedTable<'t> {
    pub(crate) table: &'t Table,
    /// The guard of the earlier table that excludes this one.
    pub(crate) guard: &'t Guard,
}

/// Returns all tables, each once, in order, some merged with a later one.
pub(crate) fn merge<'t>(fields: &Fields, tables: &'t [Table]) -> Vec<(&'t Table, Option<MergedTable<'t>>)> {
    let mut is_taken = vec![false; tables.len()];
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
fn excluding_guard<'t>(fields: &Fields, table: &'t Table, other: &Table) -> Option<&'t Guard> {
    let look = |table: &Table| (table.start, table.slots, table.told, table.key.first().map(|key| key.factor));
    if table.told.is_none() || look(table) != look(other) {
        return None;
    }
    let exclude = |guard: &&Guard| {
        guard.number().is_some() && other.guards.iter().any(|other| exclude_each_other(fields, guard, other))
    };
    table.guards.iter().find(exclude)
}

/// Returns whether no packet passes both guards, the first of which has one number.
fn exclude_each_other(fields: &Fields, guard: &Guard, other: &Guard) -> bool {
    if guard.field == other.field {
        return !other.numbers.contains(&guard.numbers[0]);
    }
    let in_packet_order = |guard: &Guard| match fields.list[usize::from(guard.field)] {
        // Ranges have the numbers of values whose bytes are not swapped.
        Field::Turned(value) => {
            let turn = |&number| fields.width(value).map_or(number, |width| turned(number, width));
            (Field::Value(value), guard.numbers.iter().map(turn).collect())
        }
        field => (field, guard.numbers.clone()),
    };
    match [guard, other].map(in_packet_order) {
        [(Field::Value(value), numbers), (Field::Member(of, ranges), members)]
        | [(Field::Member(of, ranges), members), (Field::Value(value), numbers)]
            if value == of =>
        {
            numbers.iter().all(|&number| !members.contains(&fields.is_member(number, ranges)))
        }
        _ => false,
    }
}
