use super::*;
use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::bpf::verify::Verified;
use crate::lang::{LinkType, Target};
use crate::packet::random;

fn of_expressions(rules: &[&str]) -> Analysis {
    let rules = (0..).zip(rules.iter().copied());
    let target = Target::new(LinkType::ETHERNET).allow_reject_all(true);
    FilterSet::from_expressions(rules, target).expect("valid expressions").analyze()
}

/// Returns the shadowed rules with the rules that shadow them.
fn shadowed(rules: &[&str]) -> Vec<(u32, Vec<u32>)> {
    let analysis = of_expressions(rules);
    assert_eq!(analysis.unknown().next(), None, "{rules:?}");
    analysis.shadowed().map(|(id, by)| (id, by.to_vec())).collect()
}

#[test]
fn finds_rules_that_one_rule_shadows() {
    assert_eq!(shadowed(&["ip", "tcp port 80", "ip and udp", "arp"]), [(2, vec![0])]);
    assert_eq!(shadowed(&["port 80", "tcp dst port 80", "arp", "udp src port 80"]), [(1, vec![0]), (3, vec![0])]);
    assert_eq!(
        shadowed(&["src net 10.0.0.0/8", "src net 10.4.0.0/16 and tcp", "ip src 10.0.0.1"]),
        [(1, vec![0]), (2, vec![0])]
    );
    assert_eq!(shadowed(&["tcp portrange 1000-2000", "tcp dst port 1500", "udp port 1500"]), [(1, vec![0])]);
    assert_eq!(
        shadowed(&["ip[1] & 0x0c != 0", "ip[1] = 8", "ip[1] & 4 = 4", "ip[1] = 16"]),
        [(1, vec![0]), (2, vec![0])]
    );
    assert_eq!(shadowed(&["ip[0:2] = 0x4508", "ip[1] = 8 and ip[0] = 0x45", "ip[1] = 8"]), [(1, vec![0])]);
}

#[test]
fn finds_rules_that_several_rules_shadow() {
    let halves = ["src net 10.0.0.0/9", "tcp dst port 80", "src net 10.128.0.0/9", "src net 10.0.0.0/8 and tcp"];
    assert_eq!(shadowed(&halves), [(3, vec![0, 2])]);
    let ranges = ["ip[8] < 100", "ip[8] > 180", "arp", "ip[8] >= 90 and ip[8] <= 190", "ip and udp"];
    assert_eq!(shadowed(&ranges), [(4, vec![0, 1, 3])]);
    let ports = ["ip and dst port 80", "udp", "tcp[2:2] < 80", "tcp[2:2] > 80", "sctp", "ip and dst portrange 70-90"];
    assert_eq!(shadowed(&ports), [(5, vec![0, 1, 2, 3, 4])]);
    let hosts: Vec<String> = (0..64).map(|host| format!("src host 10.0.0.{host}")).collect();
    let mut rules: Vec<&str> = hosts.iter().map(String::as_str).collect();
    rules.extend(["src net 10.0.0.0/26", "src net 10.0.0.0/25"]);
    assert_eq!(shadowed(&rules), [(64, (0..64).collect())]);
}

#[test]
fn finds_equal_rules_and_rules_that_match_nothing() {
    let analysis =
        of_expressions(&["tcp port 80", "port 80 and tcp", "tcp and udp", "udp", "udp", "ip proto 17 or ip6 proto 17"]);
    assert_eq!(analysis.duplicates(), [(1, 0), (4, 3), (5, 3)]);
    assert!(analysis.matches_nothing().eq([2]));
    assert_eq!(of_expressions(&["ether[0] = 1 and ether[0:2] = 0x0201"]).matches_nothing().count(), 1);
}

#[test]
fn finds_packets_that_no_rule_matches() {
    assert_eq!(*of_expressions(&["ip", "not ip"]).uncaught(), Uncaught::Nothing);
    assert_eq!(*of_expressions(&["ip", "ip[8] > 7", ""]).uncaught(), Uncaught::Nothing);
    for rules in [&["ip", "arp"][..], &["not ip", "ip[8] > 3", "ip[8] < 3"], &["tcp port 80"], &[]] {
        let analysis = of_expressions(rules);
        let Uncaught::Packets(packets) = analysis.uncaught() else { panic!("{rules:?}: {:?}", analysis.uncaught()) };
        assert!(!packets.is_empty());
        assert!(packets.iter().all(|packet| !analysis.set.is_match(packet.packet())));
    }
}

#[test]
fn says_what_cannot_be_compared() {
    let [random, other] = ["ld rand\n and #1\n ret a", "ld #-4096\n ld rand\n jgt #7, drop\n ret #1\n drop: ret #0"]
        .map(|text| text.parse::<Program>().expect("a program").verify(Dialect::Linux).expect("a valid program"));
    let any = "ret #1".parse::<Program>().expect("a program").verify(Dialect::Linux).expect("a valid program");
    let set =
        FilterSet::new([(1, random.clone()), (2, random), (3, other.clone()), (4, any), (5, other)]).expect("a set");
    // The same program may draw another number, even if it has not done so for any example. Rule 3 is rarely first.
    for _ in 0..200 {
        assert!(!matches!(set.analyze().status(2), Some(RuleStatus::Shadowed { .. })));
    }
    let analysis = set.analyze();
    assert_eq!(analysis.status(5), Some(&RuleStatus::Shadowed { by: vec![4] }));
    assert_eq!(*analysis.uncaught(), Uncaught::Nothing);
}

/// Returns a random rule about the first two bytes.
fn small_rule(seed: u64) -> Verified {
    let mut drawn = 0;
    let mut draw = |below: u32| {
        drawn += 1;
        random::number(seed, drawn) % below
    };
    let mut text = String::new();
    for _ in 0..1 + draw(3) {
        let load = ["ldb [0]", "ldb [1]", "ldh [0]", "ldb [0]\n and #0x3", "ldb [1]\n and #0xa", "ldb [0]\n rsh #1"];
        let load = load[draw(6) as usize];
        let k = if load.starts_with("ldh") { draw(8) << 8 | draw(8) } else { draw(8) };
        let other = if load.starts_with("ldh") { draw(8) << 8 | draw(8) } else { draw(8) };
        text += &match draw(5) {
            0 => format!("{load}\n jeq #{k}, keep\n"),
            1 => format!("{load}\n jne #{k}, drop\n"),
            2 => format!("{load}\n jlt #{}, drop\n jgt #{}, drop\n", k.min(other), k.max(other)),
            3 => format!("{load}\n jgt #{k}, drop\n"),
            _ => format!("{load}\n jset #{}, drop\n", k & 7),
        };
    }
    let end = if draw(4) == 0 { "jmp drop" } else { "jmp keep" };
    let program: Program = format!("{text} {end}\n keep: ret #1\n drop: ret #0\n").parse().expect("a program");
    program.verify(Dialect::Pcap).expect("a valid program")
}

/// What all packets say of some rules.
struct Truth {
    rules: Vec<(u32, Verified)>,
    /// For each rule, whether it matches each packet.
    matches: Vec<Vec<bool>>,
    packets: usize,
}

impl Truth {
    fn new(seed: u64, packets: &[&[u8]]) -> Truth {
        let count = 2 + random::number(seed, 0) % 12;
        let rules: Vec<(u32, Verified)> =
            (0..count).map(|id| (FIRST_ID + id, small_rule(seed << 8 | u64::from(id)))).collect();
        let of_rule = |program: &Verified| packets.iter().map(|packet| program.interpret(*packet) != 0).collect();
        let matches = rules.iter().map(|(_, program)| of_rule(program)).collect();
        Truth { rules, matches, packets: packets.len() }
    }

    fn of(&self, id: u32) -> &[bool] {
        &self.matches[(id - FIRST_ID) as usize]
    }

    fn first(&self, packet: usize) -> Option<u32> {
        (0..self.rules.len()).find(|&rule| self.matches[rule][packet]).map(|rule| self.rules[rule].0)
    }

    fn is_first(&self, id: Option<u32>) -> bool {
        (0..self.packets).any(|packet| self.first(packet) == id)
    }

    fn covers(&self, id: u32, by: impl Iterator<Item = u32> + Clone) -> bool {
        (0..self.packets).all(|packet| !self.of(id)[packet] || by.clone().any(|by| self.of(by)[packet]))
    }

    /// Checks an analysis, and returns the number of rules that can be first, cannot, and match nothing; of pairs whose
    /// relation was found; and of questions without an answer.
    fn check(&self, set: &FilterSet, analysis: &Analysis) -> [usize; 5] {
        let mut counts = [0; 5];
        for (id, status) in analysis.rules() {
            let is_some = self.of(id).contains(&true);
            match status {
                RuleStatus::CanBeFirst(packet) => {
                    assert!(self.is_first(Some(id)) && set.first_match(packet.packet()) == Some(id), "{id}");
                    counts[0] += 1;
                }
                RuleStatus::Shadowed { by } => {
                    assert!(is_some && self.covers(id, by.iter().copied()), "{id} by {by:?}");
                    for other in by {
                        assert!(*other < id, "{id} by {by:?}");
                        let rest = by.iter().copied().filter(|by| by != other);
                        assert!(!self.covers(id, rest), "{id} does not need {other} of {by:?}");
                    }
                    counts[1] += 1;
                }
                RuleStatus::MatchesNothing => {
                    assert!(!is_some, "{id}");
                    counts[2] += 1;
                }
                RuleStatus::Unknown(_) => counts[4] += 1,
            }
        }
        for &(id, first) in analysis.duplicates() {
            assert_eq!(self.of(id), self.of(first), "{id} {first}");
        }
        match analysis.uncaught() {
            Uncaught::Nothing => assert!(!self.is_first(None)),
            Uncaught::Packets(packets) => {
                assert!(!packets.is_empty() && self.is_first(None));
                assert!(packets.iter().all(|packet| !set.is_match(packet.packet())));
            }
            Uncaught::Unknown(_) => counts[4] += 1,
        }
        for conflict in analysis.conflicts(|id| id) {
            let both = [conflict.earlier, conflict.later].map(|id| self.of(id));
            let is_some = |a: bool, b: bool| (0..self.packets).any(|at| (both[0][at], both[1][at]) == (a, b));
            assert!(is_some(true, true) || conflict.example.is_none(), "{conflict:?}");
            let expected = match (is_some(true, false), is_some(false, true)) {
                (false, false) => Overlap::Equal,
                (false, true) => Overlap::Exception,
                (true, false) => Overlap::Shadowed,
                (true, true) => Overlap::Partial,
            };
            assert_eq!(conflict.overlap, expected, "{conflict:?}");
            counts[3] += 1;
        }
        counts
    }
}

/// The id of the first rule.
const FIRST_ID: u32 = 10;

/// Checks that the answers for random small sets are those of trying all packets.
fn check_small_sets(options: &AnalysisOptions, packets: &[&[u8]]) {
    let mut counts = [0; 5];
    for seed in 0..if cfg!(miri) { 2 } else { 200 } {
        let truth = Truth::new(seed, packets);
        let set = FilterSet::new(truth.rules.iter().cloned()).expect("a set");
        let outcome =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| truth.check(&set, &options.analyze(&set))));
        let Ok(of_set) = outcome else {
            let rules = truth.rules.iter().map(|(id, program)| format!("; {id}\n{}", program.program()));
            panic!("seed {seed}:\n{}", rules.collect::<String>());
        };
        counts.iter_mut().zip(of_set).for_each(|(count, more)| *count += more);
    }
    assert!(cfg!(miri) || counts[..4].iter().all(|&count| count > 50), "{counts:?}");
    assert_eq!(counts[4], 0, "{counts:?}");
}

/// Most bits of two bytes are never tested, so few packets stand for all.
#[test]
fn answers_agree_with_all_packets() {
    let packets: Vec<[u8; 2]> =
        (0..=u16::MAX).map(u16::to_be_bytes).filter(|bytes| bytes.iter().all(|&byte| byte < 32)).collect();
    let packets: Vec<&[u8]> = packets.iter().map(<[u8; 2]>::as_slice).collect();
    check_small_sets(&AnalysisOptions::new(), &packets);
    let cut = packets.iter().flat_map(|packet| (0..=2).map(|len| &packet[..len]));
    check_small_sets(&AnalysisOptions::new().truncated(true), &cut.collect::<Vec<&[u8]>>());
}

#[test]
fn compares_whole_programs_that_areas_cannot_express() {
    let bytes: Vec<String> = (0..40).map(|place| format!("ether[{place}]")).collect();
    let sum = bytes.join(" + ");
    let rules = [format!("{sum} = 700"), format!("{sum} = 700 and ip"), format!("{sum} = 701 and udp")];
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    assert_eq!(shadowed(&rules), [(1, vec![0])]);

    let program = |text: &str| {
        let program: Program = format!("{text}, drop\n keep: ret #1\n drop: ret #0").parse().expect("a program");
        program.verify(Dialect::Linux).expect("a valid program")
    };
    let low = program("ld mark\n jge #100");
    let rules = [low, program("ld mark\n jlt #90"), program("ldh [12]\n jne #0x800, drop\n ld mark\n jlt #50")];
    let set = FilterSet::new((0..).zip(rules)).expect("a set");
    let analysis = set.analyze();
    assert_eq!(analysis.status(2), Some(&RuleStatus::Shadowed { by: vec![0, 1] }));
    let Some(RuleStatus::CanBeFirst(packet)) = analysis.status(1) else { panic!("a mark of 100 is of rule 1") };
    assert_eq!(set.first_match(packet.packet()), Some(1));
    assert_eq!(*analysis.uncaught(), Uncaught::Nothing);
    let without = AnalysisOptions::new().proofs(0).analyze(&set);
    assert_eq!(without.status(2), Some(&RuleStatus::Unknown(UnknownReason::Work)));
}
