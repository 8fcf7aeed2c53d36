//! `cbpf split`: writes the packets of each rule to a capture of its own, in one pass.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::capture::{CaptureError, Format, LeftOut, OutputLimits, OutputSet, Reader, Records, Rotation};
use crate::cli::failure::{Failure, say};
use crate::cli::input::Inputs;
use crate::cli::interrupt;
use crate::cli::live;
use crate::cli::output_format::FormatArguments;
use crate::cli::pipeline::{self, Event, ReadingArguments, Work};
use crate::cli::progress::Progress;
use crate::cli::rotation::RotationArguments;
use crate::cli::rule_matching::{RuleArguments, RuleMatcher, RuleMatching, RuleOptions, Rules, Selected, TableOptions};
use crate::cli::selection::{SelectionArguments, SnaplenArguments};

/// Write the packets that each of many rules matches to a capture of its own
///
/// Reads rules from a file, one `name: expression` a line; # begins a comment; or from arguments, one `name=expression`
/// each. Names consist of letters, digits, `_`, `-` and `.`, and must differ in more than case. The capture of a rule
/// is DIR/NAME.pcap if all inputs are pcap files of one link type, and DIR/NAME.pcapng otherwise, unless --format says
/// which; --compress adds .gz or another extension. It equals the output of `cbpf filter -w` for that expression, with
/// all that pcapng inputs hold besides packets. A rule that matches nothing gets a capture without packets. A rule
/// matches no packets of a link type for which it is invalid or contradictory, with a warning; it is an error if it is
/// invalid for all link types of the inputs. All captures appear when all are complete. Prints a table of packets and
/// bytes on standard output and a summary on standard error.
///
/// With -C and -G, each capture is followed by others of its own; these appear as soon as they are complete. With -C,
/// they are DIR/NAME.pcap, DIR/NAME.pcap1 .., with -G, DIR/NAME-20240501-100000.pcap .. for captures that begin then.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf split -r monday.pcap.gz -r tuesday.pcapng --rules services.txt -o by-service
  cbpf split -r in.pcap -e 'web=tcp port 443' -e 'dns=port 53' -G 1h -o by-hour")]
pub struct Arguments {
    #[command(flatten)]
    rules: RuleArguments,

    /// Write the captures to this directory, and create it if necessary
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    #[command(flatten)]
    format: FormatArguments,

    #[command(flatten)]
    selection: SelectionArguments,

    #[command(flatten)]
    snaplen: SnaplenArguments,

    #[command(flatten)]
    rotation: RotationArguments,

    #[command(flatten)]
    reading: ReadingArguments,

    /// Print the table and the summary as JSON
    #[arg(long)]
    json: bool,
}

/// The time in the names of captures that end after some seconds.
const CONVERSIONS: &str = "-%Y%m%d-%H%M%S";

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let rotation = arguments.rotation.rotation()?;
    // Packets that match only rules that get no more of them are counted apart, and none after the last one.
    let has_limits = arguments.selection.most().is_some() || rotation.is_active();
    let options = RuleOptions {
        selection: &arguments.selection,
        snaplen: arguments.snaplen.most(),
        interval: None,
        selected: if has_limits { Selected::All } else { Selected::Matching },
    };
    let (mut inputs, matching) = arguments.rules.open(options)?;
    let _folder = Folder::create(&arguments.output)?;
    let format = arguments.reading.format(arguments.format.format(None, &inputs)?);
    arguments.reading.check_rotation(&format, rotation)?;
    let left_out = LeftOut::of(&format);
    let outputs = create(arguments, matching.rules(), format, rotation, &inputs)?;
    live::start(&mut inputs, None, |link_type| matching.decision(link_type))?;
    let snaplen = options.snaplen.map_or(usize::MAX, |most| most as usize);
    let mut split = Split { matching, outputs, left_out, snaplen, written: Vec::new() };
    let progress = Progress::of(&inputs);
    let outcome = match pipeline::run(&mut inputs, progress, arguments.reading, &mut split) {
        Ok(outcome) => outcome,
        Err(failure) => {
            split.outputs.abandon();
            live::report(&inputs);
            return Err(failure);
        }
    };

    let Split { mut matching, outputs, left_out, .. } = split;
    arguments.reading.warn_of_unmerged(&outputs);
    let notes = outputs.notes(outcome == Inputs::Whole);
    outputs.finish(&inputs, outcome == Inputs::Whole)?;
    if !left_out.is_empty() {
        say(format_args!("cbpf: warning: {left_out}"));
    }
    notes.iter().for_each(|note| say(format_args!("cbpf: note: {note}")));
    matching.set_outcome(outcome, &inputs);
    matching.print(TableOptions::new(arguments.json))?;
    live::report(&inputs);
    // An invalid rule does not prevent the captures of the others.
    matching.rules().finish()?;
    outcome.outcome()
}

/// The rules and their outputs.
struct Split<'a> {
    matching: RuleMatching<'a>,
    outputs: OutputSet,
    left_out: LeftOut,
    snaplen: usize,
    /// The rules whose outputs got the packet.
    written: Vec<u32>,
}

impl<'a> Work for Split<'a> {
    type Matcher = RuleMatcher<'a>;

    fn matcher(&mut self) -> &mut RuleMatcher<'a> {
        &mut self.matching.matcher
    }

    fn prepare(&mut self, input: usize, records: Records) -> Result<(), Failure> {
        self.matching.prepare(input, records)
    }

    fn take(&mut self, input: usize, event: Event) -> Result<(), Failure> {
        let records = match event {
            Event::Selected(records) => records,
            Event::Pause => return Ok(self.outputs.flush_to_readers()?),
            Event::Block(block) => {
                self.left_out.block(&block);
                return Ok(self.outputs.block(input, &block)?);
            }
        };
        for (_, record, ids) in records.iter() {
            if self.outputs.are_full() {
                break;
            }
            let cut = record.cut(self.snaplen);
            self.written.clear();
            for &id in ids {
                if self.outputs.write(id as usize, input, &cut)? {
                    self.written.push(id);
                }
            }
            if !self.written.is_empty() {
                self.left_out.record(&cut);
            }
            self.matching.count(&record, &self.written, !ids.is_empty());
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.outputs.are_full()
    }

    fn takes_packets(&self) -> bool {
        true
    }

    fn is_divisible(&self) -> bool {
        self.matching.is_divisible() && !self.outputs.can_be_full()
    }
}

/// Creates an output for each rule.
fn create(
    arguments: &Arguments,
    rules: &Rules,
    format: Format,
    rotation: Rotation,
    inputs: &[Reader],
) -> Result<OutputSet, Failure> {
    let limits = OutputLimits {
        rotation,
        packets: arguments.selection.most(),
        snaplen: arguments.snaplen.most(),
        write_behind: arguments.reading.has_threads(),
    };
    let (folder, time) = match limits.rotation.seconds {
        Some(_) => (&without_conversions(&arguments.output), CONVERSIONS),
        None => (&arguments.output, ""),
    };
    let extensions = arguments.format.extensions(&format);
    let paths: Vec<_> = rules.names().map(|name| folder.join(format!("{name}{time}.{extensions}"))).collect();
    let compression = arguments.format.compression(Path::new(&extensions));
    Ok(OutputSet::create(paths, format, compression, limits, inputs)?)
}

/// Returns a path that `strftime` turns into this one.
fn without_conversions(path: &Path) -> PathBuf {
    path.to_str().map_or_else(|| path.to_path_buf(), |path| path.replace('%', "%%").into())
}

/// The output folder: on drop, removed again if it was created here and is empty.
struct Folder<'a>(Option<&'a Path>);

impl Folder<'_> {
    fn create(path: &Path) -> Result<Folder<'_>, Failure> {
        match interrupt::create_temporary(|| fs::create_dir(path).map(|()| path)) {
            Ok(made) => Ok(Folder(Some(made))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Folder(None)),
            Err(source) => Err(CaptureError::create(path, source).into()),
        }
    }
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            // Fails if the folder is not empty.
            let _ = fs::remove_dir(path);
        }
    }
}
