<<<<<<< HEAD
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
        Trial::test("analysis::planted_rules_are_found", planted_rules_are_found),
        Trial::test("analysis::planted_unions_are_found", planted_unions_are_found),
    ];
    for &dialect in Dialect::ALL {
        trials.push(Trial::test(format!("analysis::random::{dialect}"), move || {
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
=======
//! Random filters of system calls: what the analysis says of them against the interpreter.

use arbitrary::{Result, Unstructured};
use cbpf::bpf::{AluOp, Verified};
use cbpf::seccomp::{self, Action, AnalysisError, Arch, Difference, Explanation, SeccompData};
use cbpf::{Dialect, Program};
use libtest_mimic::{Failed, Trial};

use crate::{generate, random};

/// The architectures of random policies: 64 and 32 bits, both byte orders.
const ARCHES: [Arch; 4] = [Arch::X86_64, Arch(0x4000_0003), Arch(0x8000_0016), Arch::AARCH64];

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("analysis::merged_policies", || random::each_program(merged_policies)),
        Trial::test("analysis::merged_programs", || random::each_program(merged_programs)),
        Trial::test("analysis::explained_policies", || random::each_program(explained_policies)),
        Trial::test("analysis::explained_programs", || random::each_program(explained_programs)),
        Trial::test("analysis::differences", || random::each_program(differences)),
    ]
}

type Outcome = std::result::Result<(), Failed>;

fn merged_policies(bytes: &[u8]) -> Outcome {
    let u = &mut Unstructured::new(bytes);
    let stack = (0..u.int_in_range(1..=4)?).map(|_| policy(u)).collect::<Result<Vec<Verified>>>()?;
    let merged = seccomp::merge(&stack).map_err(|error| format!("{error}: {}", shown(&stack)))?;
    agrees(u, &stack, &merged)
}

/// Random programs may be too complex, but no result may be wrong, and few may be refused.
fn merged_programs(bytes: &[u8]) -> Outcome {
    let u = &mut Unstructured::new(bytes);
    let programs = (0..u.int_in_range(1..=2)?).map(|_| generate::program(u, Dialect::Seccomp));
    let programs = programs.collect::<Result<Vec<Program>>>()?;
    let stack: Vec<Verified> = programs.iter().filter_map(|program| program.verify(Dialect::Seccomp).ok()).collect();
    match seccomp::merge(&stack) {
        Ok(merged) => agrees(u, &stack, &merged),
        Err(AnalysisError::NotProven) => Err(format!("not proven: {}", shown(&stack)).into()),
        Err(_) => Ok(()),
    }
}

fn explained_policies(bytes: &[u8]) -> Outcome {
    let u = &mut Unstructured::new(bytes);
    let stack = (0..u.int_in_range(1..=3)?).map(|_| policy(u)).collect::<Result<Vec<Verified>>>()?;
    let explanation = seccomp::explain(&stack).map_err(|error| format!("{error}: {}", shown(&stack)))?;
    is_explained(u, &stack, &explanation)
}

fn explained_programs(bytes: &[u8]) -> Outcome {
    let u = &mut Unstructured::new(bytes);
    let Ok(verified) = generate::program(u, Dialect::Seccomp)?.verify(Dialect::Seccomp) else { return Ok(()) };
    let stack = [verified];
    seccomp::explain(&stack).map_or(Ok(()), |explanation| is_explained(u, &stack, &explanation))
}

/// The explanation has the action of the kernel, by the condition of one rule of one section.
fn is_explained(u: &mut Unstructured, stack: &[Verified], explanation: &Explanation) -> Outcome {
    explanation.to_string();
    for _ in 0..40 {
        let call = call(u)?;
        let expected = action(stack, &call);
        let mut sections = explanation.sections.iter().filter(|section| section.architectures.contains(&call));
        let (Some(section), None) = (sections.next(), sections.next()) else {
            return Err(format!("no section, or more than one, for {call:?}").into());
        };
        let rules = section.rules.iter().filter(|rule| rule.calls.contains(call.nr));
        let holds: Vec<_> = rules.map(|rule| (rule.action, rule.condition.matches(&call))).collect();
        let is_right = match explanation.action(&call) {
            Some(action) => action == expected && holds.iter().filter(|(_, holds)| *holds == Some(true)).count() == 1,
            None => holds.iter().any(|(action, holds)| *action == expected && holds.is_none()),
        };
        if !is_right {
            return Err(format!("{holds:?} instead of {expected} for {call:?}: {}\n{explanation}", shown(stack)).into());
>>>>>>> main
        }
    }
    Ok(())
}

<<<<<<< HEAD
/// Rules of which all pieces are earlier rules are never first. Without one of the pieces, they are.
fn planted_unions_are_found() -> Result<(), Failed> {
    let mut random = Random::new(2);
    for is_whole in [true, false] {
        let mut rules: Vec<Rule> = (0..OTHERS).map(|_| Rule::new(&mut random)).collect();
        let mut planted = Vec::new();
        for _ in 0..PLANTS {
            let whole = Rule::new(&mut random);
            let mut pieces = vec![whole];
            for _ in 0..1 + random.below(6) {
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
=======
/// A policy and the same with one instruction changed.
fn differences(bytes: &[u8]) -> Outcome {
    let u = &mut Unstructured::new(bytes);
    let before = policy(u)?;
    let mut instructions = before.program().instructions().to_vec();
    let place = u.int_in_range(0..=instructions.len() - 1)?;
    let changed = &mut instructions[place];
    match u.int_in_range(0..=3)? {
        0 => changed.k ^= 1,
        1 => changed.k = number(u)?,
        2 => std::mem::swap(&mut changed.jt, &mut changed.jf),
        _ => changed.k ^= 1 << u.int_in_range(0..=31)?,
    }
    let Ok(after) = Program::new(instructions).verify(Dialect::Seccomp) else { return Ok(()) };
    let (before, after) = ([before], [after]);
    let differences = seccomp::diff(&before, &after).map_err(|error| format!("{error}: {}", shown(&before)))?;
    let context = || format!("{differences:#?}\n{}{}", shown(&before), shown(&after));
    for difference in &differences {
        let example = difference.example.ok_or_else(|| format!("no example: {}", context()))?;
        let is_right = difference.calls.contains(example.nr)
            && difference.architectures.contains(&example)
            && difference.condition.matches(&example) != Some(false)
            && action(&before, &example) == difference.before
            && action(&after, &example) == difference.after
            && difference.before != difference.after;
        if !is_right {
            return Err(format!("wrong: {difference:?}: {}", context()).into());
        }
    }
    for _ in 0..60 {
        let call = call(u)?;
        let actions = (action(&before, &call), action(&after, &call));
        let is_of = |difference: &&Difference| {
            let is_call = difference.architectures.contains(&call) && difference.calls.contains(call.nr);
            is_call && difference.condition.matches(&call) != Some(false)
        };
        let found =
            differences.iter().find(|difference| is_of(difference) && (difference.before, difference.after) == actions);
        if found.is_none() != (actions.0 == actions.1) {
            return Err(format!("{actions:?} for {call:?}: {}", context()).into());
        }
    }
    Ok(())
}

fn agrees(u: &mut Unstructured, stack: &[Verified], merged: &Verified) -> Outcome {
    for _ in 0..40 {
        let call = call(u)?;
        let (expected, got) = (action(stack, &call), merged.interpret_seccomp(&call));
        if got != Some(expected) {
            return Err(format!("{got:?} instead of {expected} for {call:?}: {}", shown(stack)).into());
        }
    }
    Ok(())
}

fn shown(stack: &[Verified]) -> String {
    stack.iter().map(|filter| format!("\n{}", filter.program())).collect()
}

/// Returns the kernel's action for filters, oldest first.
fn action(stack: &[Verified], call: &SeccompData) -> Action {
    Action::strictest(stack.iter().rev().filter_map(|filter| filter.interpret_seccomp(call)))
}

/// Returns a call whose numbers are those of random policies.
fn call(u: &mut Unstructured) -> Result<SeccompData> {
    let mut args = [0; 6];
    for arg in &mut args {
        *arg = u64::from(number(u)?) << 32 | u64::from(number(u)?);
    }
    let arch = if u.ratio(1, 8)? { Arch(number(u)?) } else { *u.choose(&ARCHES)? };
    Ok(SeccompData { nr: call_number(u)? as i32, arch, instruction_pointer: number(u)?.into(), args })
}

fn call_number(u: &mut Unstructured) -> Result<u32> {
    let small = u.int_in_range(0..=15_u32)?;
    Ok(match u.int_in_range(0..=7)? {
        0..=4 => small,
        5 => small | 0x4000_0000,
        6 => small.wrapping_neg(),
        _ => u.arbitrary()?,
    })
}

fn number(u: &mut Unstructured) -> Result<u32> {
    let small = u.int_in_range(0..=3_u32)?;
    Ok(match u.int_in_range(0..=6)? {
        0..=3 => small,
        4 => small << 30,
        5 => small.wrapping_neg(),
        _ => u.arbitrary()?,
    })
}

/// Returns a policy as they are written: sections for architectures, and in each rules for calls and arguments.
fn policy(u: &mut Unstructured) -> Result<Verified> {
    let mut builder = Program::builder();
    let mut label = 0;
    let mut next = || {
        label += 1;
        format!("next {label}")
    };
    for _ in 0..u.int_in_range(1..=2)? {
        let other = next();
        if u.ratio(7, 8)? {
            builder = builder.load_word(4).jump_if_ne(u.choose(&ARCHES)?.0, &other);
        }
        if u.ratio(1, 3)? {
            let native = next();
            builder = builder.load_word(0).jump_if_lt(0x4000_0000, &native).ret(action_of(u)?.into()).label(&native);
        }
        for _ in 0..u.int_in_range(0..=8)? {
            let no = next();
            builder = builder.load_word(0);
            builder = match u.int_in_range(0..=5)? {
                0 => builder.jump_if_gt(call_number(u)?, &no),
                1 => builder.jump_if_lt(call_number(u)?, &no),
                _ => builder.jump_if_ne(call_number(u)?, &no),
            };
            for _ in 0..u.int_in_range(0..=2)? {
                builder = builder.load_word(8 + 4 * u.int_in_range(0..=13)?);
                if u.ratio(1, 3)? {
                    builder = builder.alu(AluOp::And, number(u)?);
                }
                let k = number(u)?;
                builder = match u.int_in_range(0..=5)? {
                    0 => builder.jump_if_ne(k, &no),
                    1 => builder.jump_if_eq(k, &no),
                    2 => builder.jump_if_gt(k, &no),
                    3 => builder.jump_if_ge(k, &no),
                    4 => builder.jump_if_lt(k, &no),
                    _ => builder.jump_if_set(k, &no),
                };
            }
            builder = builder.ret(action_of(u)?.into()).label(&no);
        }
        if u.ratio(1, 2)? {
            builder = builder.ret(action_of(u)?.into());
        }
        builder = builder.label(&other);
    }
    let program = builder.ret(action_of(u)?.into()).build().unwrap_or_default();
    program.verify(Dialect::Seccomp).map_err(|_| arbitrary::Error::IncorrectFormat)
}

fn action_of(u: &mut Unstructured) -> Result<Action> {
    Ok(match u.int_in_range(0..=12)? {
        0..=3 => Action::Allow,
        4..=6 => Action::Errno(u.int_in_range(0..=2)?),
        7 => Action::Trap(u.int_in_range(0..=1)?),
        8 => Action::KillThread,
        9 => Action::KillProcess,
        10 => Action::Log,
        11 => Action::Trace(u.int_in_range(0..=1)?),
        _ => Action::Unknown(0x0001_0000 | u32::from(u.arbitrary::<bool>()?)),
    })
>>>>>>> main
}
