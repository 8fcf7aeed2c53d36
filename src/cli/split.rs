//! `cbpf split`: writes the packets of each rule to a capture of its own, in one pass.

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::capture::{CaptureError, Format, LeftOut, Output, Piece, Reader, Writer};
use crate::cli::failure::{Failure, say};
use crate::cli::input::each_piece;
use crate::cli::interrupt;
use crate::cli::live;
use crate::cli::progress::Progress;
use crate::cli::rule_matching::{RuleArguments, RuleCounts, Rules};

/// Write the packets that each of many rules matches to a capture of its own
///
/// Reads rules from a file, one `name: expression` a line; # begins a comment. Names consist of letters, digits, `_`,
/// `-` and `.`, and must differ in more than case. The capture of a rule is DIR/NAME.pcap if all inputs are pcap files
/// of one link type, and DIR/NAME.pcapng otherwise. It equals the output of `cbpf filter -w` for that expression, with
/// all that pcapng inputs hold besides packets. A rule that matches nothing gets a capture without packets. A rule
/// matches no packets of a link type for which it is invalid or contradictory, with a warning; it is an error if it is
/// invalid for all link types of the inputs. All captures appear when all are complete. Prints a table of packets and
/// bytes on standard output and a summary on standard error.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf split -r monday.pcap.gz -r tuesday.pcapng --rules services.txt -o by-service")]
pub struct Arguments {
    #[command(flatten)]
    rules: RuleArguments,

    /// Write the captures to this directory, and create it if necessary
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Print the table and the summary as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    arguments.rules.captures().require_one_thread()?;
    let (mut inputs, mut matcher) = arguments.rules.open()?;
    let _folder = Folder::create(&arguments.output)?;
    let mut writers = create(&arguments.output, matcher.rules(), &inputs)?;
    let mut counts = RuleCounts::start(matcher.rules());
    let progress = Progress::of(&inputs);
    let mut left_out = LeftOut::default();
    let outcome = each_piece(&mut inputs, progress, &Cell::new(None), |input, _, piece| match piece {
        Piece::Block(block) => {
            left_out.block(&block);
            Ok::<(), Failure>(writers.iter_mut().try_for_each(|writer| writer.block(input, &block))?)
        }
        Piece::Records(records) => matcher.each(input, records, |record, ids| {
            counts.count(record, ids);
            if !ids.is_empty() {
                left_out.record(record);
            }
            ids.iter().try_for_each(|&id| Ok(writers[id as usize].write(input, record)?))
        }),
        Piece::Pause => Ok(writers.iter_mut().try_for_each(Writer::flush_to_readers)?),
    })?;
    finish(writers, &inputs)?;
    if !left_out.is_empty() {
        say(format_args!("cbpf: warning: {left_out}"));
    }
    counts.print(matcher.rules(), arguments.json)?;
    live::report(&inputs);
    // An invalid rule does not prevent the captures of the others.
    matcher.rules().finish()?;
    outcome.outcome()
}

/// Creates a writer for each rule.
fn create(folder: &Path, rules: &Rules, inputs: &[Reader]) -> Result<Vec<Writer>, Failure> {
    let format = Format::of(inputs);
    let names = rules.names();
    let count = names.len();
    let writer = |name: &str| {
        let output = Output::create_one_of(count, &folder.join(format!("{name}.{}", format.extension())))?;
        Ok(Writer::new(output, &format)?)
    };
    names.map(writer).collect()
}

/// Completes all captures before the first one gets its name, so that a full disk leaves none.
fn finish(mut writers: Vec<Writer>, inputs: &[Reader]) -> Result<(), Failure> {
    writers.iter_mut().try_for_each(|writer| writer.complete(inputs))?;
    Ok(interrupt::uninterrupted(|| writers.into_iter().try_for_each(|writer| writer.finish(inputs)))?)
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
