//! The outputs of a run: one capture, or one for each rule, each of which may be followed by further files.
//!
//! - A file gets its name when it is complete. The last file of each output gets it only if all are complete.
//! - All files of pcapng are complete: they begin with the blocks of a [`Preamble`].
//! - A file that is followed by another one is closed, so the number of open files does not grow.
//! - A file never replaces the one before it. A name that recurs later replaces the file with this name.
//! - An input is replaced only when all of it was read: what was not read would be lost.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::CaptureErrorKind;
use super::file_identity::FileIdentity;
use super::preamble::Preamble;
use super::rotation::Rotation;
use super::{Block, CaptureError, Compression, Format, Interface, Output, Reader, Record, Writer};
use crate::cli::failure::say;
use crate::cli::print::counted;
use crate::cli::{interrupt, time};

/// The time after which the outputs of a live capture are flushed when it has a pause.
const FLUSH_AFTER: Duration = Duration::from_secs(1);

/// The limits of outputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutputLimits {
    pub rotation: Rotation,
    /// The most packets of an output.
    pub packets: Option<u64>,
    /// The most bytes of a packet, for headers. Records are cut by the caller.
    pub snaplen: Option<u32>,
    /// Whether another thread may write a single output.
    pub write_behind: bool,
}

/// Writes records to several outputs.
pub struct OutputSet {
    format: Format,
    compression: Option<&'static Compression>,
    limits: OutputLimits,
    outputs: Vec<RotatedOutput>,
    preamble: Preamble,
    /// Set unless files begin with the first record that is written, which has not come yet.
    has_begun: bool,
    /// The number of outputs that get no more packets.
    full: usize,
    inputs: BTreeSet<FileIdentity>,
    /// The interface of a live capture, whose packets cannot be captured again.
    interface: Option<Interface>,
    /// The time at which all files were flushed.
    flushed: Instant,
}

/// One output.
struct RotatedOutput {
    pattern: PathBuf,
    /// The name of the current file without its number.
    base: PathBuf,
    writer: Option<Writer>,
    /// The second since 1970 at which the current period began.
    began_at: i128,
    /// The number of periods that have ended.
    periods: u64,
    /// The number of the current file in its period.
    number: u64,
    /// The packets of the current file, and of all.
    packets_of_file: u64,
    packets: u64,
    is_full: bool,
    replaces_input: bool,
    /// The packets of the finished files of a ring, and those of files that later ones have replaced.
    ring: VecDeque<u64>,
    replaced_packets: u64,
}

impl OutputSet {
    /// Creates the outputs of these inputs with these paths. If files end after some time, the names depend on the
    /// first packet that is written to any output, and files are created when it has come.
    ///
    /// # Errors
    /// If a file cannot be created, or its name has invalid conversions, or files would replace each other or an input.
    pub fn create(
        paths: impl IntoIterator<Item = PathBuf>,
        format: Format,
        compression: Option<&'static Compression>,
        limits: OutputLimits,
        inputs: &[Reader],
    ) -> Result<OutputSet, CaptureError> {
        let format = format.with_snaplen(limits.snaplen);
        let outputs = paths.into_iter().map(RotatedOutput::new).collect();
        let (preamble, full) = (Preamble::default(), 0);
        let files = inputs.iter().filter(|input| !input.is_live());
        let identities = files.filter_map(|input| FileIdentity::of(input.path())).collect();
        let live = inputs.iter().find(|input| input.is_live());
        let mut set = OutputSet {
            format,
            compression,
            limits,
            outputs,
            preamble,
            has_begun: false,
            full,
            inputs: identities,
            interface: live.and_then(Reader::pcap_interface).cloned(),
            flushed: Instant::now(),
        };
        match limits.rotation.seconds {
            Some(_) => set.outputs.iter().try_for_each(|output| output.check(limits.rotation))?,
            None => set.begin(None)?,
        }
        Ok(set)
    }

    /// Writes a record of an input to the output at this place, unless that is full. Returns whether it was written.
    #[inline]
    pub fn write(&mut self, place: usize, input: usize, record: &Record<'_>) -> Result<bool, CaptureError> {
        if !self.has_begun {
            self.begin(Some((input, record)))?;
        }
        if self.outputs[place].is_full {
            return Ok(false);
        }
        if self.limits.rotation.is_active() {
            self.rotate(place, input, record)?;
        }
        let output = &mut self.outputs[place];
        let Some(writer) = &mut output.writer else { return Ok(false) };
        writer.write(input, record)?;
        output.packets_of_file += 1;
        output.packets += 1;
        if Some(output.packets) == self.limits.packets {
            output.is_full = true;
            self.full += 1;
        }
        Ok(true)
    }

    /// Returns whether no output gets more packets.
    pub fn are_full(&self) -> bool {
        self.full == self.outputs.len() && self.full > 0
    }

    /// Returns the number of blocks and lists of options that could not be merged.
    pub fn unmerged(&self) -> u64 {
        self.outputs.iter().filter_map(|output| output.writer.as_ref()).map(Writer::unmerged).sum()
    }

    /// Returns notes: that the number of files was reached, that files of a ring were replaced, and that inputs are,
    /// if they `are_whole`.
    pub fn notes(&self, are_whole: bool) -> Vec<String> {
        let rotation = self.limits.rotation;
        let mut notes = Vec::new();
        let ended = self.outputs.iter().filter(|output| rotation.ends_after(output.periods));
        let (outputs, packets) =
            ended.fold((0, 0), |(outputs, packets), output| (outputs + 1, packets + output.packets));
        if outputs > 0 {
            let files = counted(outputs * rotation.files.unwrap_or(0), "file");
            notes.push(format!("the output ended after {files} with {} (-W)", counted(packets, "packet")));
        }
        let replaced: u64 = self.outputs.iter().map(|output| output.replaced_packets).sum();
        if replaced > 0 {
            notes.push(format!("{} were in files that later ones have replaced (-W)", counted(replaced, "packet")));
        }
        let inputs = self.outputs.iter().filter(|output| output.replaces_input && are_whole);
        notes.extend(inputs.map(|output| format!("{} was an input, and is replaced", output.base.display())));
        notes
    }

    /// Returns whether there are limits after which an output gets no more packets.
    pub fn can_be_full(&self) -> bool {
        self.limits.packets.is_some() || self.limits.rotation.ends()
    }

    /// Writes a block without a packet of an input to all outputs that are not full.
    pub fn block(&mut self, input: usize, block: &Block<'_>) -> Result<(), CaptureError> {
        if self.limits.rotation.is_active() && !self.preamble.push(input, block) {
            let path = self.outputs.first().map_or(Path::new(""), |output| &output.pattern);
            let message = "the blocks before its packets are too long to be repeated in each file";
            return Err(CaptureErrorKind::Write(io::Error::other(message)).of(path));
        }
        self.writers().try_for_each(|writer| writer.block(input, block))
    }

    /// Flushes the outputs that are pipes or devices; of a live capture, all outputs after some time, so that little is
    /// lost if the process is killed.
    pub fn flush_to_readers(&mut self) -> Result<(), CaptureError> {
        if self.interface.is_some() && self.flushed.elapsed() >= FLUSH_AFTER {
            self.flushed = Instant::now();
            return self.outputs.iter_mut().flat_map(|output| &mut output.writer).try_for_each(Writer::flush);
        }
        self.outputs.iter_mut().flat_map(|output| &mut output.writer).try_for_each(Writer::flush_to_readers)
    }

    /// Completes all outputs, and then gives their last files their names, so that a full disk leaves none of these.
    /// The inputs `are_whole` if they could be read to their ends.
    ///
    /// # Errors
    /// If a file cannot be written or renamed, or would replace an input that could not be read.
    pub fn finish(mut self, inputs: &[Reader], are_whole: bool) -> Result<(), CaptureError> {
        if let Some(output) = self.outputs.iter().find(|output| output.replaces_input && !are_whole) {
            let error = io::Error::other("it is an input that could not be read to its end, and stays as it is");
            return Err(CaptureErrorKind::Write(error).of(&output.base));
        }
        if !self.has_begun {
            self.begin(None)?;
        }
        let mut writers: Vec<Writer> = self.outputs.into_iter().filter_map(|output| output.writer).collect();
        if let Err(error) = writers.iter_mut().try_for_each(|writer| writer.complete(inputs)) {
            if self.interface.is_some() {
                keep_written(writers);
            }
            return Err(error);
        }
        interrupt::uninterrupted(|| writers.into_iter().try_for_each(|writer| writer.finish(inputs)))
    }

    /// Keeps what was written of a live capture before an error. Outputs of files are removed; they can be made again.
    pub fn abandon(self) {
        if self.interface.is_some() {
            keep_written(self.outputs.into_iter().filter_map(|output| output.writer).collect());
        }
    }

    fn writers(&mut self) -> impl Iterator<Item = &mut Writer> {
        self.outputs.iter_mut().filter(|output| !output.is_full).filter_map(|output| output.writer.as_mut())
    }

    /// Opens the first file of each output, for a record of an input, or now if there are no records.
    #[cold]
    fn begin(&mut self, first: Option<(usize, &Record<'_>)>) -> Result<(), CaptureError> {
        let second = first.map_or_else(time::now, |(_, record)| record.interface.clock.seconds(record.ticks));
        for place in 0..self.outputs.len() {
            self.outputs[place].begin_period(self.limits.rotation, second)?;
            self.open(place, first)?;
        }
        self.preamble.begin();
        self.has_begun = true;
        Ok(())
    }

    /// Begins the next file if the record does not belong to the current one.
    fn rotate(&mut self, place: usize, input: usize, record: &Record<'_>) -> Result<(), CaptureError> {
        let (rotation, output) = (self.limits.rotation, &mut self.outputs[place]);
        let second = rotation.seconds.map(|seconds| (record.interface.clock.seconds(record.ticks), seconds));
        if let Some((second, seconds)) = second
            && second - output.began_at >= i128::from(seconds)
        {
            output.finish_file()?;
            output.periods += 1;
            if rotation.ends_after(output.periods) {
                output.is_full = true;
                self.full += 1;
                return Ok(());
            }
            output.begin_period(rotation, second)?;
        } else if let Some(writer) = &output.writer
            && rotation.size.is_some_and(|size| writer.len() > size)
            && output.packets_of_file > 0
        {
            output.finish_file()?;
            output.ring.push_back(output.packets_of_file);
            if rotation.files == Some(output.ring.len() as u64) {
                output.replaced_packets += output.ring.pop_front().unwrap_or(0);
            }
            output.number = rotation.next(output.number);
        } else {
            return Ok(());
        }
        self.open(place, Some((input, record)))
    }

    /// Opens the current file of an output, and writes what comes before its first record.
    fn open(&mut self, place: usize, first: Option<(usize, &Record<'_>)>) -> Result<(), CaptureError> {
        let count = self.outputs.len();
        let (rotation, output) = (self.limits.rotation, &mut self.outputs[place]);
        let path = rotation.numbered(output.base.clone(), output.number);
        if FileIdentity::of(&path).is_some_and(|file| self.inputs.contains(&file)) {
            if rotation.is_active() {
                let error = io::Error::other("it is an input, which is still read");
                return Err(CaptureError::create(&path, error));
            }
            output.replaces_input = true;
        }
        let file = if count == 1 { Output::create(&path)? } else { Output::create_one_of(count, &path)? };
        if rotation.is_active() && file.temporary().is_none() {
            let error = io::Error::other("-C and -G need a file, not a pipe or a device");
            return Err(CaptureError::create(&path, error));
        }
        let mut file = file.compressed(self.compression)?;
        if self.limits.write_behind {
            file.write_behind();
        }
        let mut writer = Writer::new(file, &self.format)?;
        writer.set_snaplen(self.limits.snaplen);
        self.preamble.write(&mut writer, first.map_or(0, |(input, _)| input))?;
        if let Some((input, record)) = first {
            writer.begin(input, record)?;
        } else if let Some(interface) = &self.interface {
            writer.begin_interface(interface)?;
        }
        if self.interface.is_some() {
            writer.flush()?;
        }
        output.writer = Some(writer);
        output.packets_of_file = 0;
        Ok(())
    }
}

/// Keeps what was written, and tells that.
fn keep_written(writers: Vec<Writer>) {
    let kept = interrupt::uninterrupted(|| writers.into_iter().map(Writer::keep_written).filter(|kept| *kept).count());
    if kept > 0 {
        say("cbpf: note: what was written before the error is kept, up to the last whole packet");
    }
}

impl RotatedOutput {
    fn new(pattern: PathBuf) -> RotatedOutput {
        RotatedOutput {
            pattern,
            base: PathBuf::new(),
            writer: None,
            began_at: 0,
            periods: 0,
            number: 0,
            packets_of_file: 0,
            packets: 0,
            is_full: false,
            replaces_input: false,
            ring: VecDeque::new(),
            replaced_packets: 0,
        }
    }

    /// Checks the conversions in the name: they are valid, and there are some unless there is only one file.
    fn check(&self, rotation: Rotation) -> Result<(), CaptureError> {
        let base = |second| rotation.base(&self.pattern, second).map_err(|error| self.create_error(error));
        // All conversions of dates and times differ between these; the second is Saturday, 2031-12-27 23:59:58.
        let differs = base(0)? != base(1_956_182_398)?;
        if differs || rotation.ends_after(1) { Ok(()) } else { Err(self.replaced()) }
    }

    /// Begins the period of a second since 1970.
    fn begin_period(&mut self, rotation: Rotation, second: i128) -> Result<(), CaptureError> {
        let base = rotation.base(&self.pattern, second).map_err(|error| self.create_error(error))?;
        if base == self.base {
            return Err(self.replaced());
        }
        (self.base, self.began_at, self.number) = (base, second, 0);
        self.ring.clear();
        Ok(())
    }

    /// Completes the current file and gives it its name.
    fn finish_file(&mut self) -> Result<(), CaptureError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        match writer.temporary().map(Path::to_path_buf) {
            Some(path) => interrupt::keep(&path, || writer.finish(&[])),
            None => writer.finish(&[]),
        }
    }

    #[cold]
    fn create_error(&self, error: io::Error) -> CaptureError {
        CaptureError::create(&self.pattern, error)
    }

    /// Returns the error that the next file would have the name of the current one.
    fn replaced(&self) -> CaptureError {
        let message = "with -G, a file would replace the one before it; the name needs finer conversions, such as \
                       %Y%m%d%H%M%S";
        self.create_error(io::Error::other(message))
    }
}
