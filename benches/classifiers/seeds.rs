//! ClassBench's seeds: statistics of real rule sets, from which it generates others (Taylor and Turner, 2007).
//!
//! The files (`acl1_seed` and others) are those of ClassBench's folder `parameter_files`. Rules have the protocols,
//! kinds of port ranges, prefix lengths and skewed, correlated addresses of a seed. The depth of nesting and TCP flags
//! are not limited as they are there.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::areas::Area;
use crate::random::Random;

/// The kinds of source and destination ports, in the order in which the files have their shares.
const PORTS: [&str; 25] = [
    "wc_wc", "wc_hi", "hi_wc", "hi_hi", "wc_lo", "lo_wc", "hi_lo", "lo_hi", "lo_lo", "wc_ar", "ar_wc", "hi_ar",
    "ar_hi", "wc_em", "em_wc", "hi_em", "em_hi", "lo_ar", "ar_lo", "lo_em", "em_lo", "ar_ar", "ar_em", "em_ar",
    "em_em",
];

/// Choices with their shares.
type Shares<T> = Vec<(f64, T)>;

/// The statistics of a rule set.
pub struct Seed {
    /// Protocols, of which 0 is any, and the shares of the 25 kinds of ports.
    protocols: Shares<(u8, Shares<usize>)>,
    /// Ranges and single values of source ports and of destination ports.
    ports: HashMap<String, Shares<[u16; 2]>>,
    /// The sum of both prefix lengths, and the length of the source's, for each of the 25 kinds of ports.
    lengths: Vec<Shares<(u32, Shares<u32>)>>,
    /// For sources and destinations, at each depth of the tree of addresses: the share of nodes with one branch, and
    /// how much lighter the lighter one of two is.
    skews: [Vec<(f64, f64)>; 2],
    /// The share of destinations that go on as the source, at each depth.
    correlations: Vec<f64>,
}

/// Reads the files of a folder whose names end in `_seed`, and returns them by name.
pub fn read(folder: &Path) -> Result<Vec<(String, Seed)>, String> {
    let problem = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    let mut seeds = Vec::new();
    for file in fs::read_dir(folder).map_err(|error| problem(&error))? {
        let path = file.map_err(|error| problem(&error))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix("_seed"));
        if let Some(name) = name {
            let text = fs::read_to_string(&path).map_err(|error| problem(&error))?;
            let seed =
                Seed::parse(&text).ok_or_else(|| problem(&format!("{name}_seed is not a seed of ClassBench")))?;
            seeds.push((name.to_owned(), seed));
        }
    }
    seeds.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(seeds)
}

impl Seed {
    fn parse(text: &str) -> Option<Seed> {
        let mut sections: HashMap<&str, Vec<Vec<&str>>> = HashMap::new();
        let mut section = "";
        for line in text.lines().map(str::trim).filter(|&line| line != "#") {
            match line.strip_prefix('-') {
                Some(name) => section = name,
                None => sections.entry(section).or_default().push(line.split([' ', '\t', ',']).collect()),
            }
        }
        let lines = |name: &str| sections.get(name).map_or(&[][..], Vec::as_slice);
        let skew = |line: &Vec<&str>| Some((number(line, 1)?, number(line, 3)?));
        let skews = |name| lines(name).iter().map(skew).collect::<Option<Vec<_>>>();
        let ports = ["spar", "spem", "dpar", "dpem"].map(|name| {
            let ports = lines(name).iter().map(|line| Some((number(line, 0)?, port_range(line.get(1)?)?)));
            ports.collect::<Option<_>>().map(|ports| (name.to_owned(), ports))
        });
        Some(Seed {
            protocols: lines("prots").iter().map(|line| protocol(line)).collect::<Option<_>>()?,
            ports: ports.into_iter().collect::<Option<_>>()?,
            lengths: PORTS
                .iter()
                .map(|kind| lines(kind).iter().map(|line| lengths(line)).collect())
                .collect::<Option<_>>()?,
            skews: [skews("sskew")?, skews("dskew")?],
            correlations: lines("pcorr").iter().map(|line| number(line, 1)).collect::<Option<_>>()?,
        })
    }

    /// Returns a random rule.
    pub fn area(&self, random: &mut Random) -> Area {
        let (protocol, kinds) = choose(random, &self.protocols).expect("a seed has protocols");
        let kind = choose(random, kinds).copied().unwrap_or(0);
        let mut area = Area { protocol: *protocol, ..Area::ANY };
        // Others have no ports.
        if [0, 6, 17].contains(protocol) {
            let (source, destination) = PORTS[kind].split_once('_').expect("a kind of two names");
            area.source_port = self.port_range(random, 's', source);
            area.destination_port = self.port_range(random, 'd', destination);
        }
        let (all, sources) = choose(random, &self.lengths[kind]).map_or((0, &[][..]), |(all, sources)| (*all, sources));
        let len = choose(random, sources).copied().unwrap_or(all / 2).min(32);
        let source = self.address(random, 0, len, None);
        let destination = self.address(random, 1, (all - len.min(all)).min(32), Some((source, len)));
        area.source = Area::prefix(source, len);
        area.destination = Area::prefix(destination, (all - len.min(all)).min(32));
        area
    }

    fn port_range(&self, random: &mut Random, side: char, kind: &str) -> [u16; 2] {
        match kind {
            "hi" => [1_024, 65_535],
            "lo" => [1, 1_023],
            "ar" | "em" => choose(random, &self.ports[&format!("{side}p{kind}")]).copied().unwrap_or(Area::ANY_PORT),
            _ => Area::ANY_PORT,
        }
    }

    /// Walks down the tree of addresses of a side. A hash of the prefix decides which branches a node has and which one
    /// is heavier, so that the tree is the same for all rules.
    fn address(&self, random: &mut Random, side: usize, len: u32, mut source: Option<(u32, u32)>) -> u32 {
        let mut address = 0_u32;
        for depth in 0..len {
            let bit = 1 << (31 - depth);
            let node = Random::new(u64::from(address) << 32 | u64::from(depth) << 1 | side as u64).number();
            let (one_branch, skew) = self.skews[side].get(depth as usize).copied().unwrap_or((0.0, 0.0));
            let is_lighter = fraction(node) >= one_branch && fraction(random.number()) < (1.0 - skew) / (2.0 - skew);
            let mut is_set = (node & 1 == 1) != is_lighter;
            if let Some((other, other_len)) = source {
                let is_same = depth < other_len
                    && fraction(random.number()) < self.correlations.get(depth as usize).copied().unwrap_or(0.0);
                if is_same {
                    is_set = other & bit != 0;
                } else {
                    source = None;
                }
            }
            address |= if is_set { bit } else { 0 };
        }
        address
    }
}

fn number(line: &[&str], place: usize) -> Option<f64> {
    line.get(place)?.parse().ok()
}

/// Parses `PROTOCOL SHARE` and the shares of the 25 kinds of ports.
fn protocol(line: &[&str]) -> Option<(f64, (u8, Shares<usize>))> {
    let kinds = (0..PORTS.len()).map(|kind| Some((number(line, 2 + kind)?, kind)));
    Some((number(line, 1)?, (line.first()?.parse().ok()?, kinds.collect::<Option<_>>()?)))
}

/// Parses `SUM SHARE` and pairs of a source's length and its share.
fn lengths(line: &[&str]) -> Option<(f64, (u32, Shares<u32>))> {
    let words: Vec<&str> = line.iter().copied().filter(|word| !word.is_empty()).collect();
    let sources = words.get(2..)?.chunks(2).map(|pair| Some((number(pair, 1)?, pair[0].parse().ok()?)));
    Some((number(&words, 1)?, (words.first()?.parse().ok()?, sources.collect::<Option<_>>()?)))
}

/// Parses `LOW:HIGH`; port 0 stands for packets without ports here.
fn port_range(text: &str) -> Option<[u16; 2]> {
    let (low, high) = text.split_once(':')?;
    let range: [u16; 2] = [low.parse().ok()?, high.parse().ok()?];
    Some(range.map(|port| port.max(1)))
}

fn fraction(number: u32) -> f64 {
    f64::from(number) / (f64::from(u32::MAX) + 1.0)
}

/// Returns one of the choices, the last one if their shares add up to less than 1.
fn choose<'s, T>(random: &mut Random, choices: &'s [(f64, T)]) -> Option<&'s T> {
    let mut which = fraction(random.number());
    let found = choices.iter().find(|(share, _)| {
        which -= share;
        which < 0.0
    });
    found.or(choices.iter().rfind(|(share, _)| *share > 0.0)).map(|(_, choice)| choice)
}
