//! Prefixes as in a routing table of the Internet.

use std::collections::HashSet;

use crate::random::Random;

/// A leading part of the address space: its first address and the length of its prefix; and how many routes to prefixes
/// of 8 to 32 bits it has.
struct Part {
    address: u32,
    len: u32,
    routes: [u32; 25],
}

/// The routes of a real router, as DPDK publishes their numbers for its own tests of rte_lpm and rte_fib: app/test/
/// test_lpm_perf.c of DPDK 22.11 (Intel), without prefixes shorter than 8 bits. 57 % of them have 24 bits.
const PARTS: [Part; 3] = [
    Part {
        address: 0,
        len: 1,
        routes: [
            185, 26, 16, 39, 144, 233, 528, 866, 3_856, 3_268, 5_662, 17_301, 22_226, 11_147, 16_746, 17_120, 77_578,
            401, 656, 1_107, 1_121, 2_316, 717, 10, 66,
        ],
    },
    Part {
        address: 0x8000_0000,
        len: 2,
        routes: [
            3, 3, 30, 25, 168, 305, 569, 1_129, 50_800, 1_645, 1_820, 3_506, 3_258, 3_424, 4_971, 6_885, 39_771, 424,
            170, 433, 92, 366, 377, 2, 200,
        ],
    },
    Part {
        address: 0xc000_0000,
        len: 3,
        routes: [
            12, 8, 9, 33, 69, 237, 1_007, 1_717, 14_663, 8_070, 16_185, 48_261, 36_870, 33_960, 50_638, 61_422,
            466_549, 1_829, 4_824, 4_927, 5_914, 10_254, 4_905, 1, 716,
        ],
    },
];

/// Returns `count` different prefixes with the lengths of [`PARTS`], long ones first: the first match of an address is
/// the longest.
pub fn routes(random: &mut Random, count: usize) -> Vec<(u32, u32)> {
    let all: u32 = PARTS.iter().flat_map(|part| part.routes).sum();
    let mut routes = HashSet::new();
    let mut found = Vec::new();
    while found.len() < count {
        let route = route(random, all);
        if routes.insert(route) {
            found.push(route);
        }
    }
    found.sort_by_key(|&(_, len)| 32 - len);
    found
}

fn route(random: &mut Random, all: u32) -> (u32, u32) {
    let mut which = random.below(all as usize) as u32;
    let lengths = PARTS.iter().flat_map(|part| (8..).zip(part.routes).map(move |(len, routes)| (part, len, routes)));
    for (part, len, routes) in lengths {
        if which < routes {
            return (part.address | random.number() >> part.len & u32::MAX << (32 - len), len);
        }
        which -= routes;
    }
    unreachable!("a number below the sum of all routes")
}
