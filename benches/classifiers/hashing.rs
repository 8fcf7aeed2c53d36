//! Hash tables of hashbrown, with its default hash function, foldhash: what a program in Rust would do by hand.

use std::hash::Hash;
use std::io::IoSlice;

use hashbrown::HashMap;

use crate::areas::{Area, Tuple, tuple_of};
use crate::engine::{Built, Firsts, Loaded, Mode, NONE, Skip, Subject, Way};
use crate::families::Nature;

pub fn build(subject: &Subject) -> Loaded {
    match subject.nature {
        Nature::FiveTuple => built(subject, |area| five_tuple(corner(area)), |tuple| [five_tuple(tuple)]),
        Nature::Host => built(subject, |area| area.source[0], |tuple: Tuple| [tuple.source, tuple.destination]),
        Nature::Port => {
            built(subject, |area| area.source_port[0], |tuple: Tuple| [tuple.source_port, tuple.destination_port])
        }
        Nature::HostAndPort => built(
            subject,
            |area| pair(area.source[0], area.source_port[0]),
            |tuple: Tuple| {
                let Tuple { source, destination, source_port, destination_port, .. } = tuple;
                [
                    pair(source, source_port),
                    pair(source, destination_port),
                    pair(destination, source_port),
                    pair(destination, destination_port),
                ]
            },
        ),
        _ => Err(Skip::OtherRules),
    }
}

/// Builds a table of the rules' keys: that of the first area of each rule. A packet has several keys.
fn built<K: Copy + Eq + Hash + 'static, const N: usize>(
    subject: &Subject,
    key: impl Fn(&Area) -> K,
    keys: impl Fn(Tuple) -> [K; N] + 'static,
) -> Loaded {
    let mut table: HashMap<K, u32> = HashMap::with_capacity(subject.rules.len());
    for (id, rule) in (0..).zip(subject.rules) {
        table.entry(key(&rule.areas[0])).or_insert(id);
    }
    let bytes = table.allocation_size() as u64;
    let run = move |packets: &[IoSlice], ids: &mut [u32]| {
        for (packet, id) in packets.iter().zip(ids) {
            let found = tuple_of(packet)
                .and_then(|tuple| keys(tuple).into_iter().filter_map(|key| table.get(&key)).min().copied());
            *id = found.unwrap_or(NONE);
        }
    };
    let way = Way { name: "hashbrown", mode: Mode::Single, classify: Box::new(Firsts::new(run)) };
    Ok(Built { ways: vec![way], bytes: Some(bytes), set: None })
}

fn corner(area: &Area) -> Tuple {
    Tuple {
        source: area.source[0],
        destination: area.destination[0],
        source_port: area.source_port[0],
        destination_port: area.destination_port[0],
        protocol: area.protocol,
    }
}

/// Packs a tuple into two words, which take the least time to hash.
fn five_tuple(tuple: Tuple) -> (u64, u64) {
    let ports = u64::from(tuple.source_port) << 16 | u64::from(tuple.destination_port);
    (u64::from(tuple.source) << 32 | u64::from(tuple.destination), ports << 8 | u64::from(tuple.protocol))
}

fn pair(address: u32, port: u16) -> u64 {
    u64::from(address) << 16 | u64::from(port)
}
