//! The inputs of subcommands: programs in any form, and captures.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cbpf::Program;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::capture::{Piece, Reader, Record, input_name};
use crate::cli::failure::{Failure, say};
use crate::cli::limits;
use crate::cli::link_types::KnownLinkTypes;
use crate::cli::live::LiveArguments;
use crate::cli::program::ProgramArguments;
use crate::cli::progress::Progress;
use crate::cli::tcpdump_habits::TcpdumpHabits;

/// The maximum length of a program file, in bytes. A listing of 2^20 instructions is shorter.
const MAX_PROGRAM: u64 = 64 << 20;

/// The most captures that stay open from the start, so that they can be renamed or removed.
const MAX_OPEN: usize = 8;

/// The maximum number of records in a batch. Their first cache lines stay in the L1 cache until the engine reads them.
pub const MAX_BATCH: usize = 128;

/// Returns an argument parser that takes the name of one of these values.
pub fn one_of<T: Copy + Send + Sync + 'static>(
    values: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names = PossibleValuesParser::new(values.iter().copied().map(name));
    names.try_map(move |named| values.iter().copied().find(|&value| name(value) == named).ok_or("no such value"))
}

/// Parses a number of seconds.
pub fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e6).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds is expected".to_owned()),
    }
}

/// Reads a program in any form.
pub fn read_program(path: &Path) -> Result<Program, Failure> {
    let bytes = read_bytes(path)?;
    Program::parse(&bytes).map_err(|error| Failure::of_file(path, error))
}

/// Reads a file that is no longer than programs are.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    read(path).map_err(|error| Failure::Input(format!("cannot read {}: {error}", input_name(path))))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let mut bytes = Vec::new();
    source.take(MAX_PROGRAM + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_PROGRAM {
        return Err(io::Error::other(format!("it is longer than {} MiB, the limit for programs", MAX_PROGRAM >> 20)));
    }
    Ok(bytes)
}

/// Returns an error if more than one of these paths is standard input.
pub fn input_once<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<(), Failure> {
    match paths.filter(|&path| path == Path::new("-")).count() {
        0 | 1 => Ok(()),
        _ => Err(Failure::Failed("standard input can be read only once".to_owned())),
    }
}

/// The captures to read, one after the other.
#[derive(Args)]
pub struct CaptureArguments {
    /// Capture to read: pcap or pcapng, plain or compressed (gzip, zstd, lz4, xz, bzip2); - for standard input; may be
    /// given more than once. The first Ctrl-C ends the input from pipes and standard input, a second one ends the
    /// program
    #[arg(short = 'r', long = "read", value_name = "CAPTURE", conflicts_with = "interface")]
    captures: Vec<PathBuf>,

    /// Further captures to read
    #[arg(last = true, value_name = "CAPTURE", conflicts_with = "interface")]
    more_captures: Vec<PathBuf>,

    #[command(flatten)]
    live: LiveArguments,

    #[command(flatten)]
    habits: TcpdumpHabits,
}

impl CaptureArguments {
    /// Opens all captures, so that a missing one is reported before any work is done.
    pub fn open(&self, program: &ProgramArguments) -> Result<Vec<Reader>, Failure> {
        self.habits.check()?;
        program.set_live(self.is_live());
        match self.live.open()? {
            Some(_) if program.captures().next().is_some() => {
                Err(Failure::Failed("captures cannot be read beside an interface".to_owned()))
            }
            Some(reader) => Ok(vec![reader]),
            None => open(self.all_paths(program), program.files()).map_err(|failure| program.hinted(failure)),
        }
    }

    /// Opens all captures of a subcommand that may also read another file.
    pub fn open_beside(&self, file: Option<&Path>) -> Result<Vec<Reader>, Failure> {
        self.habits.check()?;
        match self.live.open()? {
            Some(reader) => Ok(vec![reader]),
            None => open(self.paths(), file.into_iter()),
        }
    }

    /// Fails if several threads were asked for, for subcommands that do not have them.
    pub fn require_one_thread(&self) -> Result<(), Failure> {
        match self.live.threads() {
            Some(_) => Err(Failure::Failed("--fanout is for `cbpf filter`, `print`, `count` and `split`".into())),
            None => Ok(()),
        }
    }

    /// Returns whether there are captures, or an interface.
    pub fn are_given(&self, program: &ProgramArguments) -> bool {
        self.is_live() || self.all_paths(program).next().is_some()
    }

    /// Returns whether the input is an interface.
    pub fn is_live(&self) -> bool {
        self.live.interface().is_some()
    }

    fn paths(&self) -> impl Iterator<Item = &Path> + Clone {
        let captures = self.captures.iter().chain(&self.more_captures).map(PathBuf::as_path);
        captures.chain(self.live.interface().map(Path::new))
    }

    /// Returns the paths of all captures, including those among the words of an expression.
    pub fn all_paths<'a>(&'a self, program: &'a ProgramArguments) -> impl Iterator<Item = &'a Path> + Clone {
        let [first, last] = [&self.captures, &self.more_captures].map(|paths| paths.iter().map(PathBuf::as_path));
        first.chain(program.captures()).chain(last)
    }

    /// Returns the name of a capture for messages.
    pub fn name(&self, input: usize) -> String {
        self.paths().nth(input).map_or(String::new(), |path| input_name(path).to_string())
    }

    /// Returns the link types that are known before `inputs` are read: those of pcap files, and of the first packets of
    /// pcapng files, or of their interfaces if there are no packets. Streams cannot be read twice, so theirs are
    /// unknown.
    pub fn link_types(&self, inputs: &[Reader]) -> KnownLinkTypes {
        let mut known = KnownLinkTypes { are_all: true, ..KnownLinkTypes::default() };
        for input in inputs {
            if let Some(interface) = input.pcap_interface() {
                known.insert(interface);
                continue;
            }
            // Errors are reported when the file is read.
            let again = input.bytes_total().and_then(|_| Reader::open(input.path()).ok());
            known.are_all = false;
            let Some(mut again) = again else { continue };
            match again.next() {
                Ok(Some(record)) => known.insert(record.interface),
                Ok(None) => again.interfaces().iter().for_each(|interface| known.insert(interface)),
                Err(_) => {}
            }
        }
        known
    }
}

/// Opens captures. Only a few stay open, since the system limits their number; the others are opened again later.
/// `others` are the other files that the subcommand reads.
fn open<'a>(
    captures: impl Iterator<Item = &'a Path> + Clone,
    others: impl Iterator<Item = &'a Path>,
) -> Result<Vec<Reader>, Failure> {
    if captures.clone().next().is_none() {
        let message = "expected a capture: give it with -r, or behind `--`";
        return Err(Failure::Failed(message.to_owned()));
    }
    input_once(captures.clone().chain(others))?;
    let mut readers = Vec::new();
    let most_open = (limits::open_files() / 8).clamp(1, MAX_OPEN);
    for path in captures {
        let mut reader = Reader::open(path)?;
        if readers.len() >= most_open {
            reader.suspend();
        }
        readers.push(reader);
    }
    Ok(readers)
}

/// Calls `visit` with each record of all inputs. Its arguments are the index of the input, the number of the packet
/// from 1, and the record. A damaged input is reported, and the next one is read.
///
/// # Errors
/// The first error of `visit`, which ends the reading.
pub fn each_record<E>(
    inputs: &mut [Reader],
    progress: Progress,
    mut visit: impl FnMut(usize, u64, &Record) -> Result<(), E>,
) -> Result<Inputs, E> {
    each_piece(inputs, progress, &Cell::new(None), |place, first, piece| match piece {
        Piece::Records(records) => {
            (first..).zip(records.iter()).try_for_each(|(number, record)| visit(place, number, &record))
        }
        Piece::Block(_) | Piece::Pause => Ok(()),
    })
}

/// Calls `visit` with each piece of all inputs. The number is that of its first record, or of the next one after a
/// block. A pause comes before a stream is waited for, so that `visit` can flush its output, and at the time in `due`,
/// if nothing was read before.
///
/// # Errors
/// The first error of `visit`, which ends the reading.
pub fn each_piece<E>(
    inputs: &mut [Reader],
    progress: Progress,
    due: &Cell<Option<Instant>>,
    mut visit: impl FnMut(usize, u64, Piece) -> Result<(), E>,
) -> Result<Inputs, E> {
    each_piece_until(inputs, progress, due, |place, first, piece| visit(place, first, piece).map(ControlFlow::Continue))
}

/// Calls `visit` with each piece, as [`each_piece`] does, until it breaks off the reading.
///
/// # Errors
/// The first error of `visit`, which ends the reading.
pub fn each_piece_until<E>(
    inputs: &mut [Reader],
    mut progress: Progress,
    due: &Cell<Option<Instant>>,
    mut visit: impl FnMut(usize, u64, Piece) -> Result<ControlFlow<()>, E>,
) -> Result<Inputs, E> {
    let mut outcome = Inputs::Whole;
    let mut next = 1;
    let mut bytes_before = 0;
    for (place, input) in inputs.iter_mut().enumerate() {
        loop {
            progress.show(bytes_before + input.bytes_read());
            let read = match input.piece(MAX_BATCH) {
                Ok(None) => break,
                Ok(Some(piece)) => {
                    let is_pause = matches!(piece, Piece::Pause);
                    let count = if let Piece::Records(records) = &piece { records.len() } else { 0 };
                    if visit(place, next, piece)?.is_break() {
                        return Ok(outcome);
                    }
                    next += count as u64;
                    if is_pause { input.wait(due.get()) } else { Ok(()) }
                }
                Err(error) => Err(error),
            };
            if let Err(error) = read {
                progress.pause(|| say(format_args!("cbpf: warning: {error}")));
                outcome = Inputs::Damaged;
                break;
            }
        }
        input.close();
        bytes_before += input.bytes_read();
    }
    Ok(outcome)
}

/// The outcome of reading all inputs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Inputs {
    Whole,
    Damaged,
}

impl Inputs {
    /// Returns the outcome of a subcommand that processed everything it could read.
    pub fn outcome(self) -> Result<(), Failure> {
        match self {
            Inputs::Whole => Ok(()),
            Inputs::Damaged => Err(Failure::Damaged),
        }
    }
}
