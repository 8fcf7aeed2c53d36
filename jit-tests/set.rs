//! Properties of all filter sets, shared by the trials and the fuzz target.

use arbitrary::{Result as Drawn, Unstructured};
use cbpf::filter_set::{BatchMatches, Matches};
use cbpf::{Dialect, FilterSet, Packet, Verified};

use crate::case::Sample;
use crate::{generate, linux};

/// The rules of a set, in order.
pub type Rules = Vec<(u32, Verified)>;

/// Returns rules with common conditions, and packets for them. There are few rules, or so many that keys have buckets.
pub fn rules_and_samples(u: &mut Unstructured, dialect: Dialect) -> Drawn<(Rules, Vec<Sample>)> {
    let mut rules = Rules::new();
    let (most, wildest) = if u.ratio(1, 3)? { (250, 40) } else { (40, 5) };
    for id in 0..u.int_in_range(0..=most)? {
        let program = match u.int_in_range(0..=wildest)? {
            0 if dialect == Dialect::Linux => linux::program(u)?,
            0 | 1 => generate::program(u, dialect)?,
            _ => generate::rule(u, dialect)?,
        };
        rules.extend(program.verify(dialect).ok().map(|program| (10 * id + 7, program)));
    }
    let mut samples = Vec::new();
    for _ in 0..u.int_in_range(1..=6)? {
        let is_of_linux = dialect == Dialect::Linux && u.ratio(1, 2)?;
        samples.push(if is_of_linux { linux::sample(u)? } else { generate::sample(u, dialect)? });
    }
    Ok((rules, samples))
}

/// Checks that a set agrees with its programs on whole and truncated packets, also after changes.
pub fn set_agrees(u: &mut Unstructured, mut rules: Rules, samples: &[Sample]) -> Result<(), String> {
    let mut set = FilterSet::new(rules.iter().cloned()).map_err(|error| error.to_string())?;
    answers_agree(&set, &rules, samples)?;
    for change in 0..u.int_in_range(0..=48).unwrap_or(0) {
        let place = u.choose_index(rules.len().max(1)).unwrap_or(0);
        let kind = if rules.is_empty() { 3 } else { u.int_in_range(0..=2).unwrap_or(0) };
        match kind {
            0 => {
                let (id, _) = rules.remove(place);
                set.remove(id).map_err(|error| error.to_string())?;
            }
            1 => {
                let other = rules[u.choose_index(rules.len()).unwrap_or(0)].1.clone();
                set.replace(rules[place].0, &other).map_err(|error| error.to_string())?;
                rules[place].1 = other;
            }
            2 if u.ratio(1, 2).unwrap_or(false) => {
                let (id, program) = (2_000_000 + change, rules[0].1.clone());
                set.insert_before(id, rules[place].0, &program).map_err(|error| error.to_string())?;
                rules.insert(place, (id, program));
            }
            2 => {
                let (id, program) = (1_000_000 + change, rules[place].1.clone());
                set.add(id, &program).map_err(|error| error.to_string())?;
                rules.push((id, program));
            }
            _ => break,
        }
    }
    answers_agree(&set, &rules, samples)
}

/// Checks that the first match, all matches, the verdicts and the batches agree with the programs.
pub fn answers_agree(set: &FilterSet, rules: &Rules, samples: &[Sample]) -> Result<(), String> {
    let mut matches = Matches::new();
    let mut cuts = Vec::new();
    for sample in samples {
        let len = sample.data.len();
        let lengths = (len.saturating_sub(70)..=len).chain([len / 2, len / 3, 0]);
        cuts.extend(lengths.map(|captured| sample.cut(captured)));
    }
    let packets: Vec<Packet> = cuts.iter().map(Sample::packet).collect();
    for packet in &packets {
        let verdicts = rules.iter().map(|(id, program)| (*id, program.interpret(packet)));
        let expected: Vec<(u32, u32)> = verdicts.filter(|&(_, verdict)| verdict != 0).collect();
        let differs = |answer: &str, got: String| {
            let programs: String = rules.iter().map(|(id, program)| format!("; {id}\n{}", program.program())).collect();
            Err(format!("{answer} of {:02x?} is {got}, not {expected:?}:\n{programs}", packet.data()))
        };
        let first = set.first_match(packet);
        if first != expected.first().map(|&(id, _)| id) || set.is_match(packet) != first.is_some() {
            return differs("the first match", format!("{first:?}"));
        }
        set.matches(packet, &mut matches);
        if !matches.ids().iter().eq(expected.iter().map(|(id, _)| id)) {
            return differs("all matches", format!("{:?}", matches.ids()));
        }
        set.verdicts(packet, &mut matches);
        let verdicts: Vec<(u32, u32)> = matches.ids().iter().copied().zip(matches.verdicts().iter().copied()).collect();
        if verdicts != expected {
            return differs("the verdicts", format!("{verdicts:?}"));
        }
    }
    batches_agree(set, &packets)
}

/// Checks that batches agree with single calls.
fn batches_agree(set: &FilterSet, packets: &[Packet]) -> Result<(), String> {
    let (mut firsts, mut ids, mut verdicts) = (vec![None; packets.len()], BatchMatches::new(), BatchMatches::new());
    set.first_match_batch(packets, &mut firsts);
    set.matches_batch(packets, &mut ids);
    set.verdicts_batch(packets, &mut verdicts);
    if [ids.len(), verdicts.len()] != [packets.len(); 2] {
        return Err(format!("{} and {} answers for {} packets", ids.len(), verdicts.len(), packets.len()));
    }
    let mut alone = Matches::new();
    for (place, packet) in packets.iter().enumerate() {
        set.verdicts(packet, &mut alone);
        let agree = firsts[place] == set.first_match(packet)
            && ids.ids(place) == alone.ids()
            && ids.verdicts(place).is_empty()
            && (verdicts.ids(place), verdicts.verdicts(place)) == (alone.ids(), alone.verdicts());
        if !agree {
            return Err(format!(
                "the answers to packet {place} of a batch differ from those of single calls: {:02x?}",
                packet.data()
            ));
        }
    }
    Ok(())
}
