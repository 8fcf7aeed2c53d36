//! Analyses of sets against packets and programs: random sets, and planted rules that are never first.

use arbitrary::Unstructured;
use cbpf::debug::HaltReason;
use cbpf::filter_set::{Analysis, AnalysisOptions, Overlap, RuleStatus, Uncaught};
use cbpf::{Dialect, FilterSet, LinkType, Packet};
use libtest_mimic::{Failed, Trial};

use crate::case::Sample;
use crate::splitmix64::Random;
use crate::{random, set};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("rule_analysis::planted_rules_are_found", planted_rules_are_found),
        Trial::test("rule_analysis::planted_unions_are_found", planted_unions_are_found),
    ];
    for &dialect in Dialect::ALL {
        trials.push(Trial::test(format!("rule_analysis::random::{dialect}"), move || {
            random::each_program(|bytes| {
                let mut u = Unstructured::new(bytes);
                let (rules, samples) = set::rules_and_samples(&mut u, dialect)?;
                Ok(analysis_holds(&rules, &samples)?)
            })
        }));
    }
    trials
}

/// Checks that the examples of analyses are what they are said to be, and that no packet contradicts the others.
fn analysis_holds(rules: &set::Rules, samples: &[Sample]) -> Result<(), String> {
    let set = FilterSet::new(rules.iter().cloned()).map_err(|error| error.to_string())?;
    let texts = || rules.iter().map(|(id, program)| format!("; {id}\n{}", program.program())).collect::<String>();
    let options = AnalysisOptions::new().work(1 << 18).proofs(4);
    let check = || {
        let analysis = options.analyze(&set);
        examples_hold(&set, &analysis, rules)?;
        for sample in samples {
            let whole = Sample { data: [sample.data.as_slice(), &[0; 1 << 12]].concat(), ..sample.clone() };
            if is_long_enough(rules, &whole.packet()) {
                no_packet_contradicts(&analysis, rules, &whole.packet())?;
            }
        }
        let analysis = options.clone().truncated(true).analyze(&set);
        examples_hold(&set, &analysis, rules)?;
        for sample in samples {
            let len = sample.data.len();
            for cut in [len, len / 2, len / 3, 20, 0].into_iter().filter(|&cut| cut <= len) {
                no_packet_contradicts(&analysis, rules, &sample.cut(cut).packet())?;
            }
        }
        Ok(())
    };
    check().map_err(|error: String| format!("{error}:\n{}", texts()))
}

/// Returns whether a packet has all bytes that rules load.
fn is_long_enough(rules: &set::Rules, packet: &Packet) -> bool {
    let ends_early = |end: Result<u32, HaltReason>| matches!(end, Err(HaltReason::OutOfBounds { .. }));
    !rules.iter().any(|(_, program)| ends_early(program.trace(packet).end()))
}

/// Checks all packets of an analysis.
fn examples_hold(set: &FilterSet, analysis: &Analysis, rules: &set::Rules) -> Result<(), String> {
    let is_random = rules.iter().any(|(_, program)| program.program().to_string().contains("rand"));
    for (id, status) in analysis.rules() {
        match status {
            RuleStatus::CanBeFirst(packet) if !is_random && set.first_match(packet.packet()) != Some(id) => {
                return Err(format!("rule {id} is not the first match of {packet}"));
            }
            RuleStatus::Shadowed { by } if by.is_empty() || by.contains(&id) => {
                return Err(format!("rule {id} is shadowed by {by:?}"));
            }
            _ => {}
        }
    }
    if let Uncaught::Packets(packets) = analysis.uncaught() {
        if let Some(packet) = packets.iter().find(|packet| !is_random && set.is_match(packet.packet())) {
            return Err(format!("a rule matches {packet}"));
        }
    }
    let keeps = |id: u32, packet: &Packet| rules.iter().any(|(own, it)| *own == id && it.interpret(packet) != 0);
    for conflict in analysis.conflicts(|id| id).take(40) {
        let Some(packet) = conflict.example.filter(|_| !is_random) else { continue };
        if ![conflict.earlier, conflict.later].iter().all(|&id| keeps(id, &packet.packet())) {
            return Err(format!("rules {} and {} do not both match {packet}", conflict.earlier, conflict.later));
        }
    }
    Ok(())
}

/// Checks what an analysis says that no packet does.
fn no_packet_contradicts(analysis: &Analysis, rules: &set::Rules, packet: &Packet) -> Result<(), String> {
    let matching: Vec<u32> =
        rules.iter().filter(|(_, program)| program.interpret(packet) != 0).map(|(id, _)| *id).collect();
    let fails = |what: String| Err(format!("{what}, but {matching:?} match {:02x?}", packet.data()));
    for (place, &id) in matching.iter().enumerate() {
        match analysis.status(id) {
            Some(RuleStatus::MatchesNothing) => return fails(format!("rule {id} matches nothing")),
            Some(RuleStatus::Shadowed { by }) if !by.iter().any(|other| matching[..place].contains(other)) => {
                return fails(format!("rule {id} is shadowed by {by:?}"));
            }
            _ => {}
        }
    }
    for (id, first) in analysis.duplicates() {
        if matching.contains(id) != matching.contains(first) {
            return fails(format!("rules {id} and {first} are equal"));
        }
    }
    if *analysis.uncaught() == Uncaught::Nothing && matching.is_empty() {
        return fails("each packet matches".to_owned());
    }
    Ok(())
}

/// A random rule of a firewall: a prefix of each address, a protocol, and a range of destination ports.
#[derive(Clone, Copy)]
struct Rule {
    source: (u32, u32),
    destination: (u32, u32),
    protocol: &'static str,
    ports: (u32, u32),
}

impl Rule {
    fn new(random: &mut Random) -> Rule {
        let mut net = |base: u32, lengths: &[u32]| (base | random.number() >> 8, random.choose(lengths));
        let source = net(0x0a00_0000, &[16, 20, 24, 28, 30]);
        let destination = net(0xac00_0000, &[12, 16, 24, 30]);
        let first = random.below(60_000) as u32;
        let protocol = random.choose(&["tcp", "udp"]);
        Rule { source, destination, protocol, ports: (first, first + random.below(2_000) as u32) }
    }

    fn text(&self) -> String {
        let net = |(address, len): (u32, u32)| {
            let address = std::net::Ipv4Addr::from_bits(address & u32::MAX << (32 - len));
            format!("net {address}/{len}")
        };
        let (source, destination) = (net(self.source), net(self.destination));
        let (first, last) = self.ports;
        format!("src {source} and dst {destination} and {} dst portrange {first}-{last}", self.protocol)
    }

    /// Returns two rules that together are this one.
    fn halves(self, random: &mut Random) -> [Rule; 2] {
        let (address, len) = self.source;
        let (first, last) = self.ports;
        let middle = first + (last - first) / 2;
        match random.below(3) {
            0 => [(first, middle), (middle + 1, last)].map(|ports| Rule { ports, ..self }),
            1 => {
                let (address, len) = self.destination;
                let bit = 1 << (31 - len);
                [address & !bit, address | bit].map(|address| Rule { destination: (address, len + 1), ..self })
            }
            _ => {
                let bit = 1 << (31 - len);
                [address & !bit, address | bit].map(|address| Rule { source: (address, len + 1), ..self })
            }
        }
    }

    /// Returns a part of this rule, or all of it.
    fn part(self, random: &mut Random) -> Rule {
        (0..random.below(4)).fold(self, |rule, _| {
            let halves = if rule.ports.0 + 2 < rule.ports.1 { rule.halves(random) } else { [rule; 2] };
            halves[random.below(2)]
        })
    }
}

/// The numbers of rules without and with a plant.
const OTHERS: usize = 300;
const PLANTS: usize = 60;

fn analyze(rules: &[Rule]) -> Result<(FilterSet, Analysis), Failed> {
    let texts: Vec<String> = rules.iter().map(Rule::text).collect();
    let rules = (0..).zip(texts.iter().map(String::as_str));
    let set = FilterSet::from_expressions(rules, LinkType::ETHERNET).map_err(|error| error.to_string())?;
    let analysis = set.analyze();
    if let Some((id, why)) = analysis.unknown().next() {
        return Err(format!("rule {id}, `{}`: {why}", texts[id as usize]).into());
    }
    for (id, status) in analysis.rules() {
        if let RuleStatus::CanBeFirst(packet) = status {
            if set.first_match(packet.packet()) != Some(id) {
                return Err(format!("rule {id} is not the first match of {packet}").into());
            }
        }
    }
    Ok((set, analysis))
}

/// Parts of earlier rules are never first, and are equal only if they are the same.
fn planted_rules_are_found() -> Result<(), Failed> {
    let mut random = Random::new(1);
    let mut rules: Vec<Rule> = (0..OTHERS).map(|_| Rule::new(&mut random)).collect();
    let mut planted = Vec::new();
    for _ in 0..PLANTS {
        let of = random.below(rules.len());
        let part = rules[of].part(&mut random);
        planted.push((rules.len() as u32, of as u32, part.text() == rules[of].text()));
        rules.push(part);
    }
    let (_, analysis) = analyze(&rules)?;
    for (id, of, is_same) in planted {
        match analysis.status(id) {
            Some(RuleStatus::Shadowed { by }) if by.len() == 1 && by[0] <= of => {}
            other => return Err(format!("rule {id} is a part of rule {of}, and {other:?}").into()),
        }
        if is_same && !analysis.duplicates().iter().any(|&(own, _)| own == id) {
            return Err(format!("rule {id} is equal to rule {of}").into());
        }
        let relation = analysis.conflicts(|other| other == id).find(|it| (it.earlier, it.later) == (of, id));
        let relation = relation.ok_or_else(|| format!("rules {of} and {id} do not overlap"))?.overlap;
        if relation != if is_same { Overlap::Equal } else { Overlap::Shadowed } {
            return Err(format!("rules {of} and {id}: {relation:?}").into());
        }
    }
    Ok(())
}

/// Rules of which all pieces are earlier rules are never first. Without one of the pieces, they are.
fn planted_unions_are_found() -> Result<(), Failed> {
    let mut random = Random::new(2);
    for is_whole in [true, false] {
        let mut rules: Vec<Rule> = (0..OTHERS).map(|_| Rule::new(&mut random)).collect();
        let mut planted = Vec::new();
        for _ in 0..PLANTS {
            let whole = Rule::new(&mut random);
            let mut pieces = vec![whole];
            for _ in 0..random.choose(&[1, 2, 3, 4, 5, 6, 60]) {
                let place = random.below(pieces.len());
                if pieces[place].ports.0 < pieces[place].ports.1
                    && pieces[place].source.1 < 31
                    && pieces[place].destination.1 < 31
                {
                    let piece = pieces.remove(place);
                    pieces.extend(piece.halves(&mut random));
                }
            }
            if pieces.len() < 2 {
                continue;
            }
            if !is_whole {
                let place = random.below(pieces.len());
                pieces.remove(place);
            }
            let from = rules.len() as u32;
            rules.extend(&pieces);
            planted.push((rules.len() as u32, from));
            rules.push(whole);
        }
        let (_, analysis) = analyze(&rules)?;
        for (id, from) in planted {
            let status = analysis.status(id);
            let is_right = match status {
                Some(RuleStatus::Shadowed { by }) => is_whole && by.iter().copied().eq(from..id),
                Some(RuleStatus::CanBeFirst(_)) => !is_whole,
                _ => false,
            };
            if !is_right {
                let whole = if is_whole { "all" } else { "all but one" };
                return Err(
                    format!("rules {from} to {} are {whole} pieces of rule {id}, and {status:?}", id - 1).into()
                );
            }
        }
    }
    Ok(())
}
