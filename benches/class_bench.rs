//! Rule sets in the shape of ClassBench's (Taylor and Turner, 2007): access control lists, firewalls, IP chains.

use std::collections::HashSet;

use crate::areas::{Area, TCP, Tuple, UDP};
use crate::random::Random;

/// The properties of one of ClassBench's seeds, in round figures: the share of rules with any source and with any
/// destination, the prefix lengths of the others, and the share with a protocol. Shares are in percent.
struct Seed {
    open: [usize; 2],
    lengths: &'static [u32],
    protocol: usize,
    /// The share of rules with any source port, of those with a protocol.
    source_port: usize,
}

const ACL: Seed = Seed {
    open: [10, 2],
    lengths: &[32, 32, 32, 32, 28, 27, 26, 25, 24, 24, 24, 23, 22, 21, 16],
    protocol: 92,
    source_port: 98,
};
const FW: Seed =
    Seed { open: [40, 25], lengths: &[32, 32, 32, 32, 32, 30, 28, 24, 24, 16], protocol: 85, source_port: 85 };
const IPC: Seed =
    Seed { open: [15, 10], lengths: &[32, 32, 32, 30, 28, 27, 24, 24, 22, 20, 16, 8], protocol: 80, source_port: 85 };

/// Returns `count` different rules with a matching tuple each, narrow ones first, as ClassBench's generator does; none
/// for other kinds than `acl`, `fw` and `ipc`.
pub fn rules(random: &mut Random, kind: &str, count: usize) -> Vec<(Area, Tuple)> {
    let pool = Pool::new(random, count);
    let seed = match kind {
        "acl" => ACL,
        "fw" => FW,
        "ipc" => IPC,
        _ => return Vec::new(),
    };
    let (mut rules, mut seen) = (Vec::new(), HashSet::new());
    while rules.len() < count {
        let rule = pool.rule(random, &seed);
        if seen.insert(rule.0) {
            rules.push(rule);
        }
    }
    rules.sort_by_key(|(area, _)| scope(area));
    rules
}

/// Returns a measure of the number of matching packets: the open bits, in halves.
pub fn scope(area: &Area) -> u32 {
    let addresses: u32 = [area.source, area.destination].map(|[low, high]| 2 * (low ^ high).count_ones()).iter().sum();
    if area.protocol == 0 {
        return addresses + 2 * (8 + 16 + 16);
    }
    // Any port adds nothing.
    let ports = [area.source_port, area.destination_port].into_iter().filter(|&port| port != Area::ANY_PORT);
    let ports = ports.map(|[low, high]| (2.0 * (f64::from(high - low) + 1.0).log2()) as u32);
    addresses + ports.sum::<u32>()
}

/// The prefixes that the rules of a set share: addresses, and numbers that select a length.
struct Pool {
    sources: Vec<(u32, u32)>,
    destinations: Vec<(u32, u32)>,
}

impl Pool {
    fn new(random: &mut Random, rules: usize) -> Pool {
        let mut side = |base: u32| {
            let count = (rules / 3).max(4);
            (0..count).map(|_| (base | random.number() >> 6, random.below(1_000) as u32)).collect()
        };
        Pool { sources: side(0x0a00_0000), destinations: side(0xac00_0000) }
    }

    fn rule(&self, random: &mut Random, seed: &Seed) -> (Area, Tuple) {
        let mut area = Area::ANY;
        let mut example = Tuple {
            source: random.number(),
            destination: random.number(),
            source_port: random.number() as u16,
            destination_port: random.number() as u16,
            protocol: TCP,
        };
        let mut ending = example.source;
        let sides = [
            (&self.sources, &mut area.source, &mut example.source),
            (&self.destinations, &mut area.destination, &mut example.destination),
        ];
        for ((prefixes, range, address), open) in sides.into_iter().zip(seed.open) {
            if random.chance(open) {
                continue;
            }
            let (prefix, which) = random.choose(prefixes);
            *range = Area::prefix(prefix, seed.lengths[which as usize % seed.lengths.len()]);
            *address = range[0] | ending & (range[0] ^ range[1]);
            ending = *address;
        }
        if random.chance(seed.protocol) {
            example.protocol = random.choose(&[TCP, TCP, TCP, UDP]);
            area.protocol = example.protocol;
            area.source_port = if random.chance(seed.source_port) { Area::ANY_PORT } else { [1_024, 65_535] };
            area.destination_port = Pool::destination_port(random);
            for (range, port) in
                [(area.source_port, &mut example.source_port), (area.destination_port, &mut example.destination_port)]
            {
                if range != Area::ANY_PORT {
                    *port = range[0];
                }
            }
        }
        (area, example)
    }

    fn destination_port(random: &mut Random) -> [u16; 2] {
        const SERVICES: [u16; 13] = [80, 443, 53, 22, 25, 110, 143, 1_433, 1_521, 3_306, 5_631, 6_789, 8_080];
        match random.below(100) {
            0..=69 => [random.choose(&SERVICES); 2],
            70..=79 => [1_024, 65_535],
            80..=89 => random.choose(&[[1_300, 1_349], [5_000, 5_010], [6_000, 6_063], [20, 21], [135, 139]]),
            _ => Area::ANY_PORT,
        }
    }
}
