//! The families of rules, from fixed seeds.

use std::collections::HashSet;

use crate::areas::{Area, Tuple};
use crate::class_bench;
use crate::prefix_lengths;
use crate::random::Random;
use crate::rule::{self, Rule, rule};
use crate::seeds::Seed;

/// A kind of rules.
pub struct Family {
    pub name: String,
    generate: Generate,
    /// What engines for one kind of rules are told.
    pub nature: Nature,
    /// The number of different rules there are.
    pub most: usize,
}

enum Generate {
    Function(Generator),
    Seed(Box<Seed>),
}

/// What engines for one kind of rules look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    FiveTuple,
    /// A source or destination.
    Host,
    Port,
    HostAndPort,
    /// Prefixes of one address, the longest first.
    SourceNet,
    DestinationNet,
    /// Boxes of five-tuples, whose addresses are prefixes.
    Prefixes,
    /// Boxes of five-tuples.
    Ranges,
}

/// Returns as many rules.
type Generator = fn(&mut Random, usize) -> Vec<Rule>;

const FAMILIES: [(&str, Nature, Generator); 15] = [
    ("host", Nature::Host, |random, count| each_tuple(random, count, |tuple| rule::host(tuple.source))),
    ("port", Nature::Port, ports),
    ("host-port", Nature::HostAndPort, |random, count| {
        each_tuple(random, count, |tuple| rule::host_and_port(tuple.source, tuple.destination_port))
    }),
    ("five-tuple", Nature::FiveTuple, |random, count| each_tuple(random, count, five_tuple)),
    ("src-net", Nature::SourceNet, |random, count| {
        prefix_lengths::routes(random, count).into_iter().map(|(net, len)| rule::source_net(net, len)).collect()
    }),
    ("dst-net", Nature::DestinationNet, |random, count| {
        prefix_lengths::routes(random, count).into_iter().map(|(net, len)| rule::destination_net(net, len)).collect()
    }),
    ("acl", Nature::Prefixes, |random, count| like_class_bench(random, "acl", count)),
    ("fw", Nature::Prefixes, |random, count| like_class_bench(random, "fw", count)),
    ("ipc", Nature::Prefixes, |random, count| like_class_bench(random, "ipc", count)),
    ("port-range", Nature::Prefixes, |random, count| {
        distinct(random, count, |random, _| Area { destination_port: port_range(random), ..Area::ANY })
    }),
    ("port-ranges", Nature::Prefixes, |random, count| {
        let area = |random: &mut Random| Area {
            source_port: port_range(random),
            destination_port: port_range(random),
            ..Area::ANY
        };
        distinct(random, count, |random, _| area(random))
    }),
    ("address-range", Nature::Ranges, |random, count| {
        distinct(random, count, |random, _| Area { source: address_range(random), ..Area::ANY })
    }),
    ("address-ranges", Nature::Ranges, |random, count| {
        let area = |random: &mut Random| Area {
            source: address_range(random),
            destination: address_range(random),
            ..Area::ANY
        };
        distinct(random, count, |random, _| area(random))
    }),
    ("nested-net", Nature::Prefixes, |random, count| {
        narrow_first(distinct(random, count, |random, areas| Area {
            source: nested(random, areas, |area| area.source),
            ..Area::ANY
        }))
    }),
    ("nested-nets", Nature::Prefixes, |random, count| {
        narrow_first(distinct(random, count, |random, areas| Area {
            source: nested(random, areas, |area| area.source),
            destination: nested(random, areas, |area| area.destination),
            ..Area::ANY
        }))
    }),
];

/// Returns all families.
pub fn all() -> Vec<Family> {
    let family = |&(name, nature, function): &(&str, Nature, Generator)| Family {
        name: name.to_owned(),
        generate: Generate::Function(function),
        nature,
        most: if nature == Nature::Port { usize::from(u16::MAX) } else { usize::MAX },
    };
    FAMILIES.iter().map(family).collect()
}

impl Family {
    /// Returns the family of a seed of ClassBench.
    pub fn of_seed(name: String, seed: Seed) -> Family {
        Family { name, generate: Generate::Seed(Box::new(seed)), nature: Nature::Prefixes, most: usize::MAX }
    }

    /// Returns the first `count` rules, or fewer if a seed of ClassBench has no more.
    pub fn rules(&self, count: usize) -> Vec<Rule> {
        let mut random = Random::new(count as u64);
        match &self.generate {
            Generate::Function(function) => function(&mut random, count),
            Generate::Seed(seed) => {
                // Small seeds have fewer different rules than large sets need.
                let tries = (0..count * 20).map(|_| seed.area(&mut random));
                let mut seen = HashSet::new();
                narrow_first(tries.filter(|&area| seen.insert(area)).take(count).map(rule).collect())
            }
        }
    }
}

fn narrow_first(mut rules: Vec<Rule>) -> Vec<Rule> {
    rules.sort_by_key(|rule| class_bench::scope(&rule.areas[0]));
    rules
}

fn like_class_bench(random: &mut Random, kind: &str, count: usize) -> Vec<Rule> {
    class_bench::rules(random, kind, count).into_iter().map(|(area, _)| rule(area)).collect()
}

/// Returns a rule for each of as many different tuples.
fn each_tuple(random: &mut Random, count: usize, rule: impl Fn(Tuple) -> Rule) -> Vec<Rule> {
    let tuple = |number: u32| Tuple {
        source: 0x0a00_0000 + number * 7 + 1,
        destination: 0xc0a8_0000 | random.number() >> 16,
        source_port: 1_024 | random.number() as u16,
        destination_port: random.choose(&[80, 443, 53, 22, 8_080, 25, 123, 3_306]),
        protocol: random.choose(&[6, 6, 17]),
    };
    (0..count as u32).map(tuple).map(rule).collect()
}

fn five_tuple(tuple: Tuple) -> Rule {
    rule(Area {
        source: [tuple.source; 2],
        destination: [tuple.destination; 2],
        source_port: [tuple.source_port; 2],
        destination_port: [tuple.destination_port; 2],
        protocol: tuple.protocol,
    })
}

/// Returns rules for different ports; a product with an odd number is different for each of 65,536 numbers.
fn ports(_: &mut Random, count: usize) -> Vec<Rule> {
    (1..=count as u16).map(|number| rule::port(number.wrapping_mul(40_503))).collect()
}

/// Returns rules for different areas; the function sees those before.
fn distinct(random: &mut Random, count: usize, area: impl Fn(&mut Random, &[Area]) -> Area) -> Vec<Rule> {
    let (mut areas, mut seen) = (Vec::new(), HashSet::new());
    while areas.len() < count {
        let area = area(random, &areas);
        if seen.insert(area) {
            areas.push(area);
        }
    }
    areas.into_iter().map(rule).collect()
}

/// Returns ports from any on, from one to half of all: as many ranges of 1 to 2 as of 16,384 to 32,768.
fn port_range(random: &mut Random) -> [u16; 2] {
    let low = 1 + random.below(65_535) as u32;
    let most = 2 << random.below(15);
    [low as u16, (low + random.below(most) as u32).min(65_535) as u16]
}

/// Returns 1 to 4,096 addresses of 10.0.0.0/8.
fn address_range(random: &mut Random) -> [u32; 2] {
    let low = 0x0a00_0000 | random.number() >> 8;
    [low, low + random.below(4_096) as u32]
}

/// Returns a prefix of any length from 8 on, half of the time inside that of another area.
fn nested(random: &mut Random, areas: &[Area], side: impl Fn(&Area) -> [u32; 2]) -> [u32; 2] {
    let [mut outer, mut fewest] = [random.number(), 8];
    if !areas.is_empty() && random.chance(50) {
        let [low, high] = side(&random.choose(areas));
        outer = low | random.number() & (low ^ high);
        fewest = (low ^ high).leading_zeros();
    }
    Area::prefix(outer, fewest + random.below(33 - fewest as usize) as u32)
}
