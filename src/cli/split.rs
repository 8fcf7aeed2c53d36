//! `cbpf split`: writes the packets of each rule to a capture of its own, in one pass.

use std::cell::Cell;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::capture::{CaptureError, Format, LeftOut, OutputLimits, OutputSet, Piece};
use crate::cli::failure::{Failure, say};
use crate::cli::input::each_piece_until;
use crate::cli::interrupt;
use crate::cli::output_format::FormatArguments;
use crate::cli::progress::Progress;
use crate::cli::rotation::RotationArguments;
use crate::cli::rule_matching::{RuleArguments, RuleCounts, Rules, TableOptions};
use crate::cli::selection::{SelectionArguments, SnaplenArguments, TimeSelection};

/// Write the packets that each of many rules matches to a capture of its own
///
/// Reads rules from a file, one `name: expression` a line; # begins a comment; or from arguments, one `name=expression`
/// each. Names consist of letters, digits, `_`,
/// `-` and `.`, and must differ in more than case. The capture of a rule is DIR/NAME.pcap if all inputs are pcap files
/// of one link type, and DIR/NAME.pcapng otherwise, unless --format says which; --compress adds .gz or another extension.
/// It equals the output of `cbpf filter -w` for that expression, with
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

    /// Print the table and the summary as JSON
    #[arg(long)]
    json: bool,
}

/// The time in the names of captures that end after some seconds.
const CONVERSIONS: &str = "-%Y%m%d-%H%M%S";

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (mut inputs, mut matcher) = arguments.rules.open()?;
    let _folder = Folder::create(&arguments.output)?;
    let format = arguments.format.format(None, &inputs)?;
    let mut left_out = LeftOut::of(&format);
    let mut outputs = create(arguments, matcher.rules(), format)?;
    let mut counts = RuleCounts::start(matcher.rules());
    let progress = Progress::of(&inputs);
    // The rules whose outputs got the packet.
    let mut written = Vec::new();
    let mut times = TimeSelection::new(&arguments.selection);
    let snaplen = arguments.snaplen.most().map_or(usize::MAX, |most| most as usize);
    let outcome = each_piece_until(&mut inputs, progress, &Cell::new(None), |input, _, piece| {
        let records = match piece {
            Piece::Records(records) => records,
            Piece::Block(block) => {
                left_out.block(&block);
                return Ok(ControlFlow::Continue(outputs.block(input, &block)?));
            }
            Piece::Pause => return Ok(ControlFlow::Continue(outputs.flush_to_readers()?)),
        };
        matcher.each(input, records, |record, ids| {
            if outputs.are_full() || !times.includes(record) {
                return Ok(());
            }
            outputs.read(input, record)?;
            let record = record.cut(snaplen);
            written.clear();
            for &id in ids {
                if outputs.write(id as usize, input, &record)? {
                    written.push(id);
                }
            }
            if !written.is_empty() {
                left_out.record(&record);
            }
            match written.is_empty() && !ids.is_empty() {
                true => counts.count_surplus(&record),
                false => counts.count(&record, &written),
            }
            Ok(())
        })?;
        let is_end = outputs.are_full();
        Ok::<_, Failure>(if is_end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    outputs.finish(&inputs)?;
    if !left_out.is_empty() {
        say(format_args!("cbpf: warning: {left_out}"));
    }
    counts.set_outside(times.take_outside());
    counts.print(matcher.rules(), TableOptions::new(arguments.json))?;
    // An invalid rule does not prevent the captures of the others.
    matcher.rules().finish()?;
    outcome.outcome()
}

/// Creates an output for each rule.
fn create(arguments: &Arguments, rules: &Rules, format: Format) -> Result<OutputSet, Failure> {
    let limits = OutputLimits {
        rotation: arguments.rotation.rotation()?,
        packets: arguments.selection.most(),
        snaplen: arguments.snaplen.most(),
    };
    let (folder, time) = match limits.rotation.seconds {
        Some(_) => (&without_conversions(&arguments.output), CONVERSIONS),
        None => (&arguments.output, ""),
    };
    let extensions = arguments.format.extensions(&format);
    let paths: Vec<_> = rules.names().map(|name| folder.join(format!("{name}{time}.{extensions}"))).collect();
    let compression = arguments.format.compression(Path::new(&extensions));
    Ok(OutputSet::create(paths, format, compression, limits)?)
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
