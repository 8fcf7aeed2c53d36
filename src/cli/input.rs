//! What most subcommands read: a program, in whatever form, and captures.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use cbpf::{Form, Program};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::cli::capture::{Piece, Reader, Record, Records, input_name};
use crate::cli::failure::{Failure, say};
use crate::cli::link_types::KnownLinkTypes;
use crate::cli::program::ProgramArguments;
use crate::cli::progress::Progress;

/// The longest input that is read as a program, in bytes: a listing of 2^20 instructions is shorter.
const LONGEST_PROGRAM: u64 = 64 << 20;

/// Takes the name of one of these values.
pub fn one_of<T: Copy + Send + Sync + 'static>(
    values: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names = PossibleValuesParser::new(values.iter().copied().map(name));
    names.try_map(move |named| values.iter().copied().find(|&value| name(value) == named).ok_or("no such value"))
}

/// Takes the name of a form; `--help` describes each.
pub fn form() -> impl TypedValueParser<Value = Form> {
    let values = Form::ALL.iter().map(|form| PossibleValue::new(form.name()).help(form.description()));
    PossibleValuesParser::new(values)
        .try_map(|name| Form::ALL.iter().copied().find(|form| form.name() == name).ok_or("no such form"))
}

/// Takes a number of seconds.
pub fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e6).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds is expected".to_owned()),
    }
}

/// Reads a program in whatever form it is.
pub fn read_program(path: &Path) -> Result<Program, Failure> {
    let bytes = read_bytes(path)?;
    Program::parse(&bytes).map_err(|error| Failure::of_file(path, error))
}

/// Reads a file that may be a program.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    read(path).map_err(|error| Failure::Input(format!("cannot read {}: {error}", input_name(path))))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let mut bytes = Vec::new();
    source.take(LONGEST_PROGRAM + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST_PROGRAM {
        return Err(io::Error::other(format!("it is longer than {} MiB, and no program is", LONGEST_PROGRAM >> 20)));
    }
    Ok(bytes)
}

/// Refuses to read standard input for more than one of these.
pub fn input_once<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<(), Failure> {
    match paths.filter(|&path| path == Path::new("-")).count() {
        0 | 1 => Ok(()),
        _ => Err(Failure::Failed("standard input can be read only once".to_owned())),
    }
}

/// Captures to read, one after the other.
#[derive(Args)]
pub struct CaptureArguments {
    /// Capture to read: pcap or pcapng, plain or gzip; - for standard input; may be given more than once. The first Ctrl-C
    /// ends pipes and standard input, as if nothing more came, and a second one the program
    #[arg(short = 'r', long = "read", value_name = "CAPTURE", required = true)]
    captures: Vec<PathBuf>,
}

impl CaptureArguments {
    /// Opens all captures, so that one that is missing is found before any work is done.
    pub fn open(&self, program: &ProgramArguments) -> Result<Vec<Reader>, Failure> {
        open(self.paths().chain(program.captures()), program.files())
    }

    /// As [`CaptureArguments::open`], beside another file that is read.
    pub fn open_beside(&self, file: &Path) -> Result<Vec<Reader>, Failure> {
        open(self.paths(), [file].into_iter())
    }

    fn paths(&self) -> impl Iterator<Item = &Path> + Clone {
        self.captures.iter().map(PathBuf::as_path)
    }

    /// The paths of all captures, those of a program's words included.
    pub fn all_paths<'a>(&'a self, program: &'a ProgramArguments) -> impl Iterator<Item = &'a Path> {
        self.paths().chain(program.captures())
    }

    /// The name of a capture, for messages.
    pub fn name(&self, input: usize) -> String {
        self.captures.get(input).map_or(String::new(), |path| input_name(path).to_string())
    }

    /// The link types that are sure to occur, as far as that is known before `inputs` are read: those of pcap files, and of
    /// the first packets of pcapng files, or of their interfaces if there are no packets. Only regular files can be read
    /// twice.
    pub fn link_types(&self, inputs: &[Reader]) -> KnownLinkTypes {
        let mut known = KnownLinkTypes { are_all: true, ..KnownLinkTypes::default() };
        for (path, input) in self.captures.iter().zip(inputs) {
            if let Some(interface) = input.pcap_interface() {
                known.insert(interface);
                continue;
            }
            // What is wrong with a file will be told when it is read.
            let again = input.bytes_total().and_then(|_| Reader::open(path).ok());
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

/// Opens captures; `others` are read, too. Only a few stay open, since the system may not allow all at once; the others are
/// opened again when their turn comes.
fn open<'a>(
    captures: impl Iterator<Item = &'a Path> + Clone,
    others: impl Iterator<Item = &'a Path>,
) -> Result<Vec<Reader>, Failure> {
    input_once(captures.clone().chain(others))?;
    let mut readers = Vec::new();
    for path in captures {
        let mut reader = Reader::open(path)?;
        if readers.len() >= OPEN_AT_ONCE {
            reader.close_for_now();
        }
        readers.push(reader);
    }
    Ok(readers)
}

/// Gives the records of all inputs to `visit`: the input's place, the number of the packet from 1, and the record.
///
/// What is wrong with an input is reported, and the next one is read.
///
/// # Errors
/// The first one of `visit`, which ends the reading.
pub fn each_record<E>(
    inputs: &mut [Reader],
    progress: Progress,
    mut visit: impl FnMut(usize, u64, &Record) -> Result<(), E>,
) -> Result<Inputs, E> {
    each_batch(inputs, progress, |place, first, records| {
        (first..).zip(records.iter()).try_for_each(|(number, record)| visit(place, number, &record))
    })
}

/// As [`each_record`], for as many records at a time as are at hand; the number is that of the first.
///
/// # Errors
/// The first one of `visit`, which ends the reading.
pub fn each_batch<E>(
    inputs: &mut [Reader],
    progress: Progress,
    mut visit: impl FnMut(usize, u64, Records) -> Result<(), E>,
) -> Result<Inputs, E> {
    each_piece(inputs, progress, &Cell::new(None), |place, first, piece| match piece {
        Piece::Records(records) => visit(place, first, records),
        Piece::Block(_) | Piece::Pause => Ok(()),
    })
}

/// As [`each_batch`], with the blocks of pcapng that hold no packets, where the number is that of the next record, and with
/// pauses: `visit` gets one before a stream is waited for, to flush its output, and another one at the time that `due`
/// holds, if nothing comes before.
///
/// # Errors
/// The first one of `visit`, which ends the reading.
pub fn each_piece<E>(
    inputs: &mut [Reader],
    mut progress: Progress,
    due: &Cell<Option<Instant>>,
    mut visit: impl FnMut(usize, u64, Piece) -> Result<(), E>,
) -> Result<Inputs, E> {
    let mut outcome = Inputs::Whole;
    let mut next = 1;
    let mut bytes_before = 0;
    for (place, input) in inputs.iter_mut().enumerate() {
        loop {
            progress.show(bytes_before + input.bytes_read());
            let read = match input.piece(LARGEST_BATCH) {
                Ok(None) => break,
                Ok(Some(Piece::Records(records))) => {
                    visit(place, next, Piece::Records(records))?;
                    next += records.len() as u64;
                    Ok(())
                }
                Ok(Some(Piece::Block(block))) => {
                    visit(place, next, Piece::Block(block))?;
                    Ok(())
                }
                Ok(Some(Piece::Pause)) => {
                    visit(place, next, Piece::Pause)?;
                    input.wait(due.get())
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

/// How many captures stay open from the start: these can be renamed or removed meanwhile.
const OPEN_AT_ONCE: usize = 8;

/// The most records that are looked at together: their first lines stay in the first cache until the engine comes to them.
const LARGEST_BATCH: usize = 128;

/// Whether inputs were read to their ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Inputs {
    Whole,
    Damaged,
}

impl Inputs {
    /// The outcome of a subcommand that did all that it could with its inputs.
    pub fn outcome(self) -> Result<(), Failure> {
        match self {
            Inputs::Whole => Ok(()),
            Inputs::Damaged => Err(Failure::Damaged),
        }
    }
}
