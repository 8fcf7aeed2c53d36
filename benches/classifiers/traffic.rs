//! Packets for a set of rules: most of them match a rule.

use std::io::IoSlice;

use crate::areas::{Tuple, frame, tuple_of};
use crate::random::Random;
use crate::rule::Rule;

/// The share of packets made for some rule, in percent. The others are random ones, fragments, ICMP, and a few that are
/// not IPv4.
const FOR_A_RULE: usize = 80;

/// The number of hot packets, and the length of their random order.
const HOT: usize = 1_024;
const ORDER: usize = 1 << 16;

/// The number of cold packets: more than the caches next to a core hold.
const COLD: usize = 400_000;

/// The number of bytes of the fields of a packet.
const KEY: usize = 16;

/// Frames, and the order in which they run.
pub struct Traffic {
    pub frames: Vec<Vec<u8>>,
    /// The fields of each frame as librte_acl takes them; zeros for frames without IPv4.
    pub keys: Vec<[u8; KEY]>,
    /// Places in `frames`.
    pub order: Vec<u32>,
}

impl Traffic {
    /// Returns a few packets, in an order that branch predictors cannot memorise.
    pub fn hot(rules: &[Rule]) -> Traffic {
        let mut random = Random::new(1);
        Traffic::new(rules, HOT, (0..ORDER).map(|_| random.below(HOT) as u32).collect())
    }

    /// Returns many packets, each touched once a round.
    pub fn cold(rules: &[Rule], is_test: bool) -> Traffic {
        let count = if is_test { HOT } else { COLD };
        Traffic::new(rules, count, (0..count as u32).collect())
    }

    fn new(rules: &[Rule], count: usize, order: Vec<u32>) -> Traffic {
        let mut random = Random::new(count as u64);
        let frames: Vec<Vec<u8>> = (0..count).map(|_| frame_for(&mut random, rules)).collect();
        let keys = frames.iter().map(|frame| tuple_of(frame).map_or([0; KEY], key)).collect();
        Traffic { frames, keys, order }
    }

    /// Returns the packets in order.
    pub fn packets(&self) -> Vec<IoSlice<'_>> {
        self.order.iter().map(|&place| IoSlice::new(&self.frames[place as usize])).collect()
    }

    /// Returns the fields of the packets in order.
    pub fn keys(&self) -> Vec<IoSlice<'_>> {
        self.order.iter().map(|&place| IoSlice::new(&self.keys[place as usize])).collect()
    }
}

fn frame_for(random: &mut Random, rules: &[Rule]) -> Vec<u8> {
    if random.chance(FOR_A_RULE) {
        let tuple = rules[random.below(rules.len())].example(random);
        return frame(random, tuple);
    }
    let tuple = Tuple {
        source: random.number(),
        destination: random.number(),
        source_port: random.number() as u16 | 1,
        destination_port: random.number() as u16 | 1,
        protocol: random.choose(&[6, 17]),
    };
    let mut other = frame(random, tuple);
    match random.below(20) {
        // A later fragment.
        0 => other[20..22].copy_from_slice(&185_u16.to_be_bytes()),
        // ICMP.
        1 => other[23] = 1,
        // LLDP.
        2..=3 => other = [random.bytes(12), vec![0x88, 0xcc], random.bytes(46)].concat(),
        _ => {}
    }
    other
}

fn key(tuple: Tuple) -> [u8; KEY] {
    let mut key = [0; KEY];
    key[0] = tuple.protocol;
    key[3..7].copy_from_slice(&tuple.source.to_be_bytes());
    key[7..11].copy_from_slice(&tuple.destination.to_be_bytes());
    key[11..13].copy_from_slice(&tuple.source_port.to_be_bytes());
    key[13..15].copy_from_slice(&tuple.destination_port.to_be_bytes());
    key
}
