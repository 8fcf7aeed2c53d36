//! `cbpf split`: a capture for each rule, in one pass.

use std::cell::Cell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::capture::{CaptureError, Format, LeftOut, Output, Piece, Reader, Writer};
use crate::cli::failure::{Failure, say};
use crate::cli::input::each_piece;
use crate::cli::interrupt;
use crate::cli::progress::Progress;
use crate::cli::rule_matching::{Counts, RuleArguments, Rules};

/// Write the packets that each of many rules matches to a capture of its own
///
/// Rules are read from a file, `name: expression` a line; # begins a comment. Names have letters, digits, `_`, `-` and `.`,
/// and differ not only in case. The capture of a rule is DIR/NAME.pcap if all inputs are pcap files, with one link type,
/// and else DIR/NAME.pcapng; it is the same as `cbpf filter -w` writes for that expression, so each has all that pcapng
/// inputs hold besides packets. A rule that matches nothing gets a capture without packets. On a link type for which a
/// rule has no meaning, or which it contradicts, it matches nothing, with a warning; a rule that has no meaning for any
/// link type of the inputs is wrong. All captures appear when all are complete. A table of packets and bytes goes to
/// standard output, a summary to standard error.
#[derive(Args)]
#[command(after_help = "Example:
  cbpf split -r monday.pcap.gz -r tuesday.pcapng --rules services.txt -o by-service")]
pub struct Arguments {
    #[command(flatten)]
    rules: RuleArguments,

    /// Write the captures to this folder, which is made if it is not there
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Print the table and the summary as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (mut inputs, mut classifier) = arguments.rules.open()?;
    let _folder = Folder::create(&arguments.output)?;
    let mut writers = create(&arguments.output, classifier.rules(), &inputs)?;
    let mut counts = Counts::start(classifier.rules());
    let progress = Progress::of(&inputs);
    let mut left_out = LeftOut::default();
    let outcome = each_piece(&mut inputs, progress, &Cell::new(None), |input, _, piece| match piece {
        Piece::Block(block) => {
            left_out.block(&block);
            Ok::<(), Failure>(writers.iter_mut().try_for_each(|writer| writer.block(input, &block))?)
        }
        Piece::Records(records) => classifier.each(input, records, |record, ids| {
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
    counts.print(classifier.rules(), arguments.json)?;
    // What other rules matched is not to be lost.
    classifier.rules().finish()?;
    outcome.outcome()
}

/// A writer for each rule.
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

/// Writes all that is left before the first capture gets its name, so that a disk that is full leaves none.
fn finish(mut writers: Vec<Writer>, inputs: &[Reader]) -> Result<(), Failure> {
    writers.iter_mut().try_for_each(|writer| writer.complete(inputs))?;
    Ok(interrupt::uninterrupted(|| writers.into_iter().try_for_each(|writer| writer.finish(inputs)))?)
}

/// A folder; if it was made and nothing came into it, it goes.
struct Folder<'a>(Option<&'a Path>);

impl Folder<'_> {
    fn create(path: &Path) -> Result<Folder<'_>, Failure> {
        match interrupt::removed_when_interrupted(|| fs::create_dir(path).map(|()| path)) {
            Ok(made) => Ok(Folder(Some(made))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Folder(None)),
            Err(source) => Err(CaptureError::Create { path: path.to_path_buf(), source }.into()),
        }
    }
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            // That fails if there is something in it.
            let _ = fs::remove_dir(path);
        }
    }
}
