//! `cbpf bench`: measures a program on the packets of captures.

mod timing;

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{BuildHasher, BuildHasherDefault};
use std::hint::black_box;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

use cbpf::filter::Strategy;
use cbpf::{Context, Filter, FilterConfig, LinkType, Packet, Verified};
use clap::Args;
use indicatif::HumanCount;
use serde_json::{Value, json};

use crate::cli::capture::{Reader, Record};
use crate::cli::engine::context;
use crate::cli::failure::{Failure, say};
use crate::cli::input::{CaptureArguments, Inputs, seconds};
use crate::cli::link_types::ByLinkType;
use crate::cli::program::ProgramArguments;
use timing::Quartiles;

/// The most packets, and bytes of packets, that are kept in memory.
const MOST_PACKETS: usize = 1 << 20;
const MOST_BYTES: usize = 256 << 20;

/// The number of packets in a batch.
const BATCH: usize = 1024;

/// Measure the speed of a program on the packets of captures
///
/// Prints nanoseconds a packet, the median of many rounds with its quartiles, for the interpreter and for each strategy
/// of native code, on single packets and on batches, in the order of the captures and shuffled. The engines take turns,
/// after their verdicts have been compared. An expression is compiled and reported for each link type of the packets.
///
/// Branch predictors memorise small samples: a capture of a few hundred packets, measured in order, shows times that
/// live traffic does not reach.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf bench -p arp.asm -r monday.pcap")]
pub struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    #[command(flatten)]
    captures: CaptureArguments,

    /// Measure for about this time
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.captures.is_live() {
        return Err(Failure::Failed(
            "packets of an interface cannot be measured; write them to a capture first".to_owned(),
        ));
    }
    let mut inputs = arguments.captures.open(&arguments.program)?;
    let mut subjects = ByLinkType::new(&arguments.program, &arguments.captures, &inputs, Subject::new)?;
    let outcome = read(&mut inputs, &mut subjects)?;
    subjects.finish(&inputs)?;
    let subjects: Vec<_> = subjects.into_items().filter(|(_, subject)| subject.records.len() > 0).collect();
    if subjects.is_empty() {
        return Err(Failure::Input("there are no packets to measure with".to_owned()));
    }
    let seconds = arguments.seconds / subjects.len() as f64;
    let is_only = subjects.len() == 1;
    for (index, (link_type, subject)) in subjects.into_iter().enumerate() {
        let report = subject.measure(seconds, link_type.filter(|_| !is_only))?;
        let gap = if index > 0 && !arguments.json { "\n" } else { "" };
        writeln!(stdout(), "{gap}{}", if arguments.json { report.json().to_string() } else { report.table() })?;
    }
    outcome.outcome()
}

/// Reads all packets, or the first ones up to the limits.
fn read(inputs: &mut [Reader], subjects: &mut ByLinkType<Subject>) -> Result<Inputs, Failure> {
    let mut outcome = Inputs::Whole;
    let (mut packets, mut bytes) = (0, 0);
    for (number, input) in inputs.iter_mut().enumerate() {
        while packets < MOST_PACKETS && bytes < MOST_BYTES {
            match input.next() {
                Ok(Some(record)) => {
                    if let Some(subject) = subjects.of_interface(number, record.interface)? {
                        subject.add(&record);
                        (packets, bytes) = (packets + 1, bytes + record.data.len());
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    say(format_args!("cbpf: warning: {error}"));
                    outcome = Inputs::Damaged;
                    break;
                }
            }
        }
        input.close();
    }
    Ok(outcome)
}

/// A program, and the packets to measure it with.
struct Subject {
    verified: Verified,
    engines: Vec<Engine>,
    needs_context: bool,
    records: Records,
}

impl Subject {
    fn new(verified: Verified) -> Result<Subject, Failure> {
        let engines = engines(&verified)?;
        let needs_context = |engine: &Engine| matches!(engine, Engine::Single(filter) if filter.needs_context());
        Ok(Subject { needs_context: engines.iter().any(needs_context), verified, engines, records: Records::default() })
    }

    fn add(&mut self, record: &Record) {
        self.records.bytes.extend_from_slice(record.data);
        self.records.ends.push((self.records.bytes.len(), record.wire_len));
        if self.needs_context {
            // All engines need the same random numbers.
            self.records.contexts.push(context(record).seed(0));
        }
    }

    fn measure(self, seconds: f64, link_type: Option<LinkType>) -> Result<Report, Failure> {
        let Subject { verified, engines, records, .. } = self;
        let packets = records.packets();
        let tuned = FilterConfig::new()
            .sample(&packets)
            .compile(&verified)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        compare(&verified, &engines, &packets)?;
        let time = Duration::from_secs_f64(seconds / 2.0);
        let packets = prefix_for(&verified, &packets, time / (engines.len() * timing::FEWEST_ROUNDS) as u32);
        if stderr().is_terminal() {
            let count = HumanCount(packets.len() as u64);
            say(format_args!("measuring {count} packets for about {seconds} s"));
        }
        let mut verdicts = vec![0; BATCH];
        let mut measure = |packets: &[Packet]| {
            let run = |engine: usize| {
                packets.chunks(BATCH).for_each(|batch| engines[engine].run(batch, &mut verdicts[..batch.len()]));
            };
            timing::measure(engines.len(), packets.len(), time, run)
        };
        let (in_order, shuffled) = (measure(packets), measure(&shuffle(packets)));
        let (packets, read) = (packets.len(), records.len());
        Ok(Report { link_type, engines, in_order, shuffled, tuned, packets, read })
    }
}

/// The packets of captures, in memory.
#[derive(Default)]
struct Records {
    bytes: Vec<u8>,
    /// The end of each packet in `bytes`, and its length on the wire.
    ends: Vec<(usize, u32)>,
    /// The context of each packet, if the program needs it.
    contexts: Vec<Context>,
}

impl Records {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn packets(&self) -> Vec<Packet<'_>> {
        let mut start = 0;
        let packet = |(index, &(end, wire_len)): (usize, &(usize, u32))| {
            let data = &self.bytes[std::mem::replace(&mut start, end)..end];
            let packet = Packet::new(data).with_wire_len(wire_len);
            self.contexts.get(index).map_or(packet, |context| packet.with_context(context))
        };
        self.ends.iter().enumerate().map(packet).collect()
    }
}

/// An engine to measure.
enum Engine {
    Interpreter(Verified),
    Single(Filter),
    Batch(Filter),
}

/// Returns the interpreter, and native code of each distinct strategy.
fn engines(verified: &Verified) -> Result<Vec<Engine>, Failure> {
    let failed = |error| Failure::Failed(format!("{error}"));
    let mut filters: Vec<Filter> = Vec::new();
    for &strategy in Strategy::ALL {
        let filter = FilterConfig::new().strategy(strategy).require_native(true).compile(verified).map_err(failed)?;
        if filters.iter().all(|other| other.strategy() != filter.strategy()) {
            filter.prepare_batch().map_err(failed)?;
            filters.push(filter);
        }
    }
    let native = filters.iter().cloned().map(Engine::Single).chain(filters.iter().cloned().map(Engine::Batch));
    Ok([Engine::Interpreter(verified.clone())].into_iter().chain(native).collect())
}

impl Engine {
    /// Returns the name of the engine, and the strategy of its code.
    fn name(&self) -> (&'static str, Option<&'static str>) {
        match self {
            Engine::Interpreter(_) => ("interpreter", None),
            Engine::Single(filter) => ("jit", Some(filter.strategy().name())),
            Engine::Batch(filter) => ("jit-batch", Some(filter.batch_strategy().name())),
        }
    }

    /// Writes the verdicts on the packets of a batch.
    fn run(&self, packets: &[Packet], verdicts: &mut [u32]) {
        let each = verdicts.iter_mut().zip(packets);
        match self {
            Engine::Interpreter(verified) => each.for_each(|(verdict, packet)| *verdict = verified.interpret(packet)),
            Engine::Single(filter) => each.for_each(|(verdict, packet)| *verdict = filter.run(packet)),
            Engine::Batch(filter) => filter.run_batch(packets, verdicts),
        }
        black_box(verdicts);
    }
}

/// Checks that all engines return the verdicts of the interpreter.
fn compare(verified: &Verified, engines: &[Engine], packets: &[Packet]) -> Result<(), Failure> {
    let [mut verdicts, mut expected] = [(); 2].map(|()| vec![0; BATCH]);
    for (batch, packets) in packets.chunks(BATCH).enumerate() {
        let (verdicts, expected) = (&mut verdicts[..packets.len()], &mut expected[..packets.len()]);
        Engine::Interpreter(verified.clone()).run(packets, expected);
        for engine in engines {
            engine.run(packets, verdicts);
            if let Some(index) = (0..packets.len()).find(|&index| verdicts[index] != expected[index]) {
                let number = (batch * BATCH + index + 1) as u64;
                return Err(Failure::disagreement(number, &packets[index], verdicts[index], expected[index]));
            }
        }
    }
    Ok(())
}

/// Returns the first packets, as many as the interpreter runs in that time.
fn prefix_for<'a, 'p>(verified: &Verified, packets: &'a [Packet<'p>], time: Duration) -> &'a [Packet<'p>] {
    let (start, mut count) = (Instant::now(), 0);
    for batch in packets.chunks(BATCH) {
        batch.iter().for_each(|packet| _ = black_box(verified.interpret(packet)));
        count += batch.len();
        if start.elapsed() > time {
            break;
        }
    }
    &packets[..count]
}

/// Returns the packets in a pseudorandom order, the same one in every run.
fn shuffle<'p>(packets: &[Packet<'p>]) -> Vec<Packet<'p>> {
    let mut order: Vec<usize> = (0..packets.len()).collect();
    order.sort_by_cached_key(|index| BuildHasherDefault::<DefaultHasher>::default().hash_one(index));
    order.into_iter().map(|index| packets[index]).collect()
}

/// The measured times.
struct Report {
    /// The link type, if there are several reports.
    link_type: Option<LinkType>,
    engines: Vec<Engine>,
    in_order: Vec<Quartiles>,
    shuffled: Vec<Quartiles>,
    tuned: Filter,
    /// The number of measured packets.
    packets: usize,
    /// The number of packets read.
    read: usize,
}

impl Report {
    fn table(&self) -> String {
        let (packets, read) = (HumanCount(self.packets as u64), HumanCount(self.read as u64));
        let link_type = self.link_type.map_or(String::new(), |link_type| format!("{link_type}: "));
        let mut text = format!("{link_type}Nanoseconds a packet, median (quartiles), {packets} of {read} packets\n\n");
        let mut line = |engine: &str, strategy: &str, in_order: &str, shuffled: &str| {
            let _ = writeln!(text, "{engine:11}  {strategy:10}  {in_order:24}  {shuffled}");
        };
        line("engine", "strategy", "in order", "shuffled");
        let shown = |Quartiles { lower, median, upper }: &Quartiles| format!("{median:.2} ({lower:.2} to {upper:.2})");
        for ((engine, in_order), shuffled) in self.engines.iter().zip(&self.in_order).zip(&self.shuffled) {
            let (name, strategy) = engine.name();
            line(name, strategy.unwrap_or("-"), &shown(in_order), &shown(shuffled));
        }
        let (single, batch) = self.tuned_strategies();
        let _ = write!(text, "\nFastest on these packets: {single} for single packets, {batch} for batches.");
        text
    }

    fn json(&self) -> Value {
        let rows = self.engines.iter().zip(&self.in_order).zip(&self.shuffled);
        let row = |((engine, in_order), shuffled): ((&Engine, &Quartiles), &Quartiles)| {
            let (name, strategy) = engine.name();
            json!({ "engine": name, "strategy": strategy, "in_order": in_order.json(), "shuffled": shuffled.json() })
        };
        let (single, batch) = self.tuned_strategies();
        json!({
            "unit": "nanoseconds a packet",
            "link_type": self.link_type.map(|link_type| link_type.to_string()),
            "packets_read": self.read,
            "packets": self.packets,
            "engines": rows.map(row).collect::<Vec<_>>(),
            "tuned": { "single": single, "batch": batch },
        })
    }

    fn tuned_strategies(&self) -> (&'static str, &'static str) {
        (self.tuned.strategy().name(), self.tuned.batch_strategy().name())
    }
}
