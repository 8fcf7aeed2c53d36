//! Expressions on all link types at all hooks of the kernel, on packets that are changed where the programs load.
//!
//! `EBPF_VERDICTS=10000000` is the number of verdicts that `ebpf::verdicts` compares; without it that trial is ignored.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use cbpf::{Context, Dialect, LinkType, Packet, Program, Target, Verified, compile_expression};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use super::bpf::Loaded;
use super::hooks::{PLACES, Place, depends_on_the_machine};
use super::oracle::lacks;
use crate::case;
use crate::engine::Engine;
use crate::splitmix64::Random;
use crate::{language, mutate, random};

/// The number of random expressions for each link type, and of packets for each expression and hook.
const RANDOM: usize = 10;
const PACKETS: usize = 12;

/// The time limit of each trial.
const TIME: Duration = Duration::from_secs(4);

/// The length of packets, in bytes.
const LONG: usize = 300;

/// The variable with the number of verdicts to compare.
const VERDICTS: &str = "EBPF_VERDICTS";

pub fn trials() -> Vec<Trial> {
    let is_absent = !PLACES[0].is_available();
    let trial = |place: &'static Place| {
        let check = move || check(place, &EXPRESSIONS).map(drop);
        Trial::test(format!("ebpf::expressions::{}", place.name()), check).with_ignored_flag(is_absent)
    };
    let mut trials: Vec<Trial> = PLACES.iter().map(trial).collect();
    let is_shared = shared().is_some();
    let of_libpcap = move |place: &'static Place| {
        let check = move || check(place, &SHARED).map(drop);
        Trial::test(format!("ebpf::libpcap::{}", place.name()), check).with_ignored_flag(is_absent || !is_shared)
    };
    trials.extend(PLACES.iter().map(of_libpcap));
    let is_wanted = std::env::var_os(VERDICTS).is_some();
    trials.push(Trial::test("ebpf::verdicts", many_verdicts).with_ignored_flag(is_absent || !is_wanted));
    trials.push(Trial::test("ebpf::large_sets", large_sets).with_ignored_flag(is_absent));
    trials
}

/// An expression, and its program for a link type.
struct Expression {
    text: String,
    link_type: LinkType,
    program: Verified,
}

/// All primitives on all link types, and random expressions of them.
static EXPRESSIONS: LazyLock<Vec<Expression>> = LazyLock::new(|| {
    let mut random = Random::new(0x6562_7066);
    let mut expressions = Vec::new();
    for (name, own) in language::LINK_TYPES {
        let texts = language::primitives(own).into_iter().map(str::to_owned);
        let compositions: Vec<String> = (0..RANDOM).map(|_| language::expression(own, &mut random)).collect();
        for text in texts.chain(compositions) {
            expressions.extend(name.parse().ok().and_then(|link_type| compile(text, link_type, 262_144)));
        }
    }
    shuffle(&mut expressions, &mut random);
    expressions
});

/// The expressions of libpcap's tests, without those that need names of hosts.
static SHARED: LazyLock<Vec<Expression>> = LazyLock::new(|| {
    let file = shared().unwrap_or_default();
    let mut expressions = Vec::new();
    for block in file["accept"].as_array().into_iter().flatten() {
        let Some(Ok(link_type)) = block["link_type"].as_str().map(str::parse) else { continue };
        let snaplen = block["snaplen"].as_str().and_then(|text| text.parse().ok()).unwrap_or(262_144);
        let texts = block["expressions"].as_array().into_iter().flatten().filter_map(Value::as_str);
        expressions.extend(texts.filter_map(|text| compile(text.to_owned(), link_type, snaplen)));
    }
    shuffle(&mut expressions, &mut Random::new(1));
    expressions
});

fn shared() -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/pcap-filter/libpcap-expressions.json");
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// Compiles an expression; `None` if it is not one for the link type.
fn compile(text: String, link_type: LinkType, snaplen: u32) -> Option<Expression> {
    let target = Target::new(link_type).snaplen(snaplen).allow_reject_all(true);
    let program = compile_expression(&text, &target).ok()?.verify(Dialect::Pcap).ok()?;
    Some(Expression { text, link_type, program })
}

/// Brings expressions into a random order, so that a time limit leaves out some of all kinds.
fn shuffle(expressions: &mut [Expression], random: &mut Random) {
    for end in (1..expressions.len()).rev() {
        expressions.swap(end, random.below(end + 1));
    }
}

/// Compares verdicts of expressions at a hook until the time is over; returns their number.
fn check(place: &Place, expressions: &[Expression]) -> Result<usize, Failed> {
    let (start, mut random, mut count) = (Instant::now(), Random::new(7), 0);
    let time = random::limit().map_or(TIME, |limit| 10 * limit);
    for expression in expressions {
        if start.elapsed() > time {
            break;
        }
        count += expression.compare(place, PACKETS, &mut random)?;
    }
    if count > 0 { Ok(count) } else { Err("no expressions".into()) }
}

/// Compares as many verdicts as the environment variable says, of all expressions at all hooks.
fn many_verdicts() -> Result<(), Failed> {
    let wanted: usize = std::env::var(VERDICTS)?.parse()?;
    let tasks = || EXPRESSIONS.iter().chain(SHARED.iter()).flat_map(|it| PLACES.iter().map(move |place| (it, place)));
    let each = wanted.div_ceil(tasks().count());
    let (start, mut random, mut count) = (Instant::now(), Random::new(8), 0);
    while count < wanted {
        for (expression, place) in tasks() {
            count += expression.compare(place, each, &mut random)?;
            if count >= wanted {
                break;
            }
        }
    }
    println!("{count} verdicts of {} programs in {:?}, 0 different", tasks().count(), start.elapsed());
    Ok(())
}

impl Expression {
    /// Compares verdicts on packets at a hook, and returns their number: 0 if the hook lacks what the program loads.
    fn compare(&self, place: &Place, packets: usize, random: &mut Random) -> Result<usize, String> {
        let context = format!("`{:.300}` on {}", self.text, self.link_type);
        let options = place.options();
        if depends_on_the_machine(self.program.program()) || lacks(&self.program, &options) {
            return Ok(0);
        }
        let loaded = place.load(&self.program, &options).map_err(|error| format!("{context}: {error}"))?;
        let (mut made, mut count) = (Packets::new(self, random), 0);
        for number in 0..packets {
            count +=
                usize::from(self.agrees(place, &loaded, made.next(number)).map_err(|e| format!("{context}: {e}"))?);
        }
        Ok(count)
    }

    /// Compares the verdict on a packet; `false` if the kernel does not take it.
    fn agrees(&self, place: &Place, loaded: &Loaded, data: &[u8]) -> Result<bool, String> {
        let packet = Packet::new(data);
        let frame = place.frame(&packet);
        if !place.takes_frame(&frame) {
            return Ok(false);
        }
        let context: Context = place.surroundings(&frame, 0);
        let packet = packet.with_context(&context);
        let expected = place.result(self.program.interpret(packet));
        match place.run(loaded, &frame, 0) {
            Ok(result) if result == expected => Ok(true),
            Ok(result) => {
                let case = case::write(self.program.program(), Dialect::Pcap, &packet, expected);
                Err(format!("result {result}, not {expected}:\n{case}"))
            }
            Err(error) => Err(format!("the judge failed: {error}")),
        }
    }
}

/// Packets that a program tests: bytes that it reads become constants that it compares with.
struct Packets<'e> {
    expression: &'e Expression,
    captured: &'static [(Vec<u8>, u32)],
    constants: Vec<u32>,
    random: &'e mut Random,
    data: Vec<u8>,
}

impl<'e> Packets<'e> {
    fn new(expression: &'e Expression, random: &'e mut Random) -> Packets<'e> {
        let captured = mutate::captures().get(&expression.link_type).map_or(&[][..], Vec::as_slice);
        let program: &Program = expression.program.program();
        // Jumps and arithmetic have constants.
        let of_tests = program.instructions().iter().filter(|raw| matches!(raw.code & 7, 4 | 5));
        let constants = of_tests.map(|raw| raw.k).chain([0, 1]).collect();
        Packets { expression, captured, constants, random, data: Vec::new() }
    }

    /// Returns the next packet: a new one, or the last one with a change where the program reads.
    fn next(&mut self, number: usize) -> &[u8] {
        match number % 6 {
            0 if number % 12 == 0 || self.captured.is_empty() => {
                self.data = if self.random.chance(50) { vec![0; LONG] } else { self.random.bytes(LONG) };
                language::plant(self.expression.program.program(), &mut self.data, self.random);
            }
            0 => self.data = self.captured[self.random.below(self.captured.len())].0.clone(),
            _ => self.change(),
        }
        let len = self.data.len();
        let cut = if self.random.chance(15) { self.random.below(len + 1) } else { len };
        &self.data[..cut]
    }

    fn change(&mut self) {
        let trace = self.expression.program.trace(&self.data[..]);
        let places: Vec<(usize, usize)> =
            trace.iter().filter_map(|executed| executed.read).map(|read| (read.offset, read.bytes.len())).collect();
        drop(trace);
        if places.is_empty() {
            return;
        }
        let (at, width) = self.random.choose(&places);
        let constant = self.random.choose(&self.constants).wrapping_add(self.random.choose(&[0, 0, 0, 1, u32::MAX]));
        let bytes = constant.to_be_bytes();
        match self.random.below(8) {
            0 => self.data[at + self.random.below(width)] ^= 1 << self.random.below(8),
            _ => self.data[at..at + width].copy_from_slice(&bytes[4 - width..]),
        }
    }
}

/// Thousands of ports and hosts are accepted at each hook, and have the right verdicts.
fn large_sets() -> Result<(), Failed> {
    let list = |items: Vec<String>| items.join(" or ");
    let ports = list((0..1_000).map(|n| format!("port {}", 1 + n * 61 % 65_535)).collect());
    let hosts = |count: u32| list((0..count).map(|n| format!("host {}", host(n))).collect());
    let mut random = Random::new(9);
    for text in [ports, hosts(1_000), hosts(10_000)] {
        let shown: String = text.chars().take(60).collect();
        let expression = compile(text, LinkType::ETHERNET, 262_144).ok_or_else(|| format!("`{shown}` is invalid"))?;
        for place in &PLACES {
            let compared = expression.compare(place, 60, &mut random);
            compared.map_err(|error| {
                let end = error.char_indices().rev().nth(2_000).map_or(0, |(at, _)| at);
                format!("`{shown}`, {}: {:.900}\n...\n{}", place.name(), error, &error[end..])
            })?;
        }
    }
    Ok(())
}

/// Returns one of many addresses without an order.
fn host(number: u32) -> std::net::Ipv4Addr {
    number.wrapping_mul(0x9e37_79b9).into()
}
