//! `cbpf print`: prints the packets of captures that a program keeps, one a line.
//!
//! - `headers`, `link_headers`, `wireless_headers`, `ip_headers` and `transport_headers` read a packet,
//!   `protocol_names` names what they find; `line`, `fields` (columns and JSON) and `hex_dump` print it, with
//!   `time_stamp` and `colors`, into the `text` of a `packet_output`.
//! - Protocols above TCP, UDP and ICMP are not read: that is what Wireshark does.
//! - No byte of a packet reaches the terminal unless it is printable ASCII; comments are escaped.
//! - No packet, however damaged, ends the printing. Nothing is allocated for a packet.

mod colors;
mod fields;
mod headers;
mod hex_dump;
mod ip_headers;
mod line;
mod link_headers;
mod packet_output;
mod protocol_names;
mod text;
mod time_stamp;
mod transport_headers;
mod wireless_headers;

use clap::{ArgAction, Args, ColorChoice};

use crate::cli::capture::{Record, Records};
use crate::cli::engine::EngineChoice;
use crate::cli::failure::Failure;
use crate::cli::input::CaptureArguments;
use crate::cli::live;
use crate::cli::packet_matching::{PacketMatcher, PacketMatching, PacketOptions};
use crate::cli::pipeline::{self, Event, ReadingArguments, Work};
use crate::cli::program::ProgramArguments;
use crate::cli::progress::Progress;
use crate::cli::selection::SelectionArguments;

use colors::{Colors, is_colored};
use fields::{Field, field_name};
use headers::Headers;
use packet_output::PacketOutput;
use text::Text;
use time_stamp::{Time, TimeStyle, Times};

/// Print packets, one a line
///
/// Prints the packets that an expression or a program keeps, or all packets without one: the number of the packet,
/// counted from 1 through all captures, the time in UTC, addresses and ports, the protocol, what its headers say, and
/// the length on the wire, after the number of captured bytes if that differs. Packets are printed as they were
/// captured, even if the program truncates them. Headers that are not captured completely or contradict the packet are
/// marked: `[truncated TCP]`. Protocols above TCP, UDP and ICMP are not read. Colors appear on a terminal, if the
/// variable NO_COLOR is not set.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf print -r in.pcap 'tcp[tcpflags] & tcp-rst != 0' --hex
  cbpf print -r in.pcap arp --fields time,arp_sender,arp_sender_hw
  cbpf print -i eth0 'port 53'
  cbpf print -r in.pcap --json | jq 'select(.ttl < 5)'
  cbpf print -r in.pcap -ttt icmp")]
pub struct Arguments {
    #[command(flatten)]
    program: ProgramArguments,

    #[command(flatten)]
    captures: CaptureArguments,

    #[command(flatten)]
    selection: SelectionArguments,

    #[command(flatten)]
    lines: LineArguments,

    /// Print each packet as a JSON object with all --fields that it has
    #[arg(long, conflicts_with_all = ["times", "numbers", "hex", "fields", "color"])]
    json: bool,

    /// Run the program with this engine
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t = EngineChoice::Jit)]
    engine: EngineChoice,

    #[command(flatten)]
    reading: ReadingArguments,
}

/// The options of lines.
#[derive(Args)]
pub struct LineArguments {
    /// Choose the time in a line: -t none, -tt seconds since 1970, -ttt the difference to the previous line, -tttt with
    /// the date, -ttttt the difference to the first line [default: the time of day]
    #[arg(short = 't', action = ArgAction::Count, value_parser = clap::value_parser!(u8).range(..=5))]
    times: u8,

    /// Print only the number of each packet
    #[arg(long, conflicts_with_all = ["times", "hex", "fields"])]
    numbers: bool,

    /// Print the bytes of each packet after its line, in hexadecimal and ASCII
    #[arg(short = 'X', long, overrides_with = "hex", conflicts_with = "fields")]
    hex: bool,

    /// Print these fields instead of a line, separated by tabs; a field that a packet lacks is empty
    #[arg(long, value_name = "FIELD,..", value_delimiter = ',', value_parser = field_name(), conflicts_with = "times")]
    fields: Vec<&'static Field>,

    /// Color the lines
    #[arg(long, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
}

impl LineArguments {
    /// Returns the name of an option that was given.
    pub fn given(&self) -> Option<&'static str> {
        let options = [
            (self.times > 0, "-t"),
            (self.numbers, "--numbers"),
            (self.hex, "--hex"),
            (!self.fields.is_empty(), "--fields"),
            (self.color != ColorChoice::Auto, "--color"),
        ];
        options.into_iter().find(|(is_given, _)| *is_given).map(|(_, name)| name)
    }

    /// Returns a printer of packets, which `goes_on` without a reader of standard output or ends.
    pub fn printer(&self, goes_on: bool) -> Printer<'_> {
        let form = match (self.numbers, self.fields.is_empty()) {
            (true, _) => Form::Numbers,
            (false, false) => Form::Fields(&self.fields),
            (false, true) => Form::Lines { has_hex: self.hex },
        };
        Printer {
            form,
            times: Times::new(TimeStyle::of(self.times)),
            colors: Colors::new(is_colored(self.color)),
            output: PacketOutput::new(goes_on),
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut inputs = arguments.captures.open(&arguments.program)?;
    let options = PacketOptions {
        engine: arguments.engine,
        seed: None,
        selection: &arguments.selection,
        snaplen: None,
        passed_on: true,
    };
    let matching = PacketMatching::new(&arguments.program, &arguments.captures, &inputs, options)?;
    live::start(&mut inputs, None, |link_type| matching.decision(link_type))?;
    let mut printer = arguments.lines.printer(false);
    if arguments.json {
        printer.form = Form::Json;
    }
    let mut print = Print { matching, printer };
    let outcome = pipeline::run(&mut inputs, Progress::Hidden, arguments.reading, &mut print);
    // What was read before an error is printed.
    let flushed = print.printer.flush();
    let outcome = outcome?;
    flushed?;
    print.matching.finish(&inputs)?;
    live::report(&inputs);
    outcome.outcome()
}

/// The program and the output.
struct Print<'a> {
    matching: PacketMatching<'a>,
    printer: Printer<'a>,
}

impl<'a> Work for Print<'a> {
    type Matcher = PacketMatcher<'a>;

    fn matcher(&mut self) -> &mut PacketMatcher<'a> {
        &mut self.matching.matcher
    }

    fn prepare(&mut self, input: usize, records: Records) -> Result<(), Failure> {
        self.matching.prepare(input, records)
    }

    fn take(&mut self, _: usize, event: Event) -> Result<(), Failure> {
        match event {
            Event::Pause => self.printer.flush(),
            Event::Block(_) => Ok(()),
            Event::Selected(records) => {
                records.iter().try_for_each(|(number, record, _)| self.printer.print(number, &record))
            }
        }
    }

    fn is_done(&self) -> bool {
        self.matching.matcher.is_full()
    }

    fn takes_packets(&self) -> bool {
        true
    }

    fn is_divisible(&self) -> bool {
        self.matching.is_divisible()
    }
}

/// The form of printed packets.
enum Form<'a> {
    Lines { has_hex: bool },
    Numbers,
    Fields(&'a [&'static Field]),
    Json,
}

/// Prints packets on standard output.
pub struct Printer<'a> {
    form: Form<'a>,
    times: Times,
    colors: Colors,
    output: PacketOutput,
}

/// A packet to print.
struct PrintedPacket<'a> {
    number: u64,
    time: Time,
    record: &'a Record<'a>,
    headers: Headers<'a>,
}

/// Returns a packet as a line without its time and colors, and its date and time.
pub fn described(number: u64, record: &Record) -> [String; 2] {
    let packet = PrintedPacket { number, time: Time::of(record), record, headers: Headers::of(record) };
    let (mut line, mut time) = (Text::default(), Text::default());
    line::line(&packet, &mut Times::new(TimeStyle::None), &Colors::new(false), &mut line);
    Times::new(TimeStyle::DateAndTime).next(packet.time, &mut time);
    [line, time].map(|text| String::from_utf8_lossy(&text.bytes).trim_end().to_owned())
}

impl Printer<'_> {
    /// Prints the packet with this number.
    ///
    /// # Errors
    /// If standard output cannot be written, or is a pipe that was closed.
    #[inline]
    pub fn print(&mut self, number: u64, record: &Record) -> Result<(), Failure> {
        let text = &mut self.output.text;
        let packet = || PrintedPacket { number, time: Time::of(record), record, headers: Headers::of(record) };
        match self.form {
            Form::Numbers => _ = text.decimal(number),
            Form::Lines { .. } => line::line(&packet(), &mut self.times, &self.colors, text),
            Form::Fields(fields) => fields::columns(fields, &packet(), text),
            Form::Json => fields::json(&packet(), text),
        }
        text.byte(b'\n');
        if matches!(self.form, Form::Lines { has_hex: true }) {
            hex_dump::write(record.data, &mut self.output)?;
        }
        self.output.write_if_full()
    }

    /// Writes what was printed so far.
    ///
    /// # Errors
    /// As [`Printer::print`].
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.output.flush()
    }
}
