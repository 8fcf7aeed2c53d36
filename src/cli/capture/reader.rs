//! A [`Reader`] of pcap and pcapng, which detects the format.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;
use std::time::Instant;

#[cfg(target_os = "linux")]
use cbpf::socket::live::Options;

use super::error::{CaptureError, CaptureErrorKind, Stop};
use super::input_source::InputSource;
use super::live_source::{KernelProgram, LiveSource, Next, Statistics};
use super::magic::Magic;
use super::part::Place;
use super::pcap::PcapReader;
use super::pcapng_reader::{BlockHeader, PcapngReader};
use super::read_buffer::ReadBuffer;
use super::record_batch::{RecordBatch, RecordLocation};
use super::{Block, Interface, Record, Records};

/// A piece of a capture.
pub enum Piece<'a> {
    /// A pcapng block without a packet, as it is stored.
    Block(Block<'a>),
    /// Consecutive records.
    Records(Records<'a>),
    /// Nothing yet; [`Reader::wait`] waits until the stream goes on.
    Pause,
}

/// The first block or record of a piece.
enum First {
    Block(BlockHeader),
    Record(RecordLocation),
}

/// Reads the records of one capture file.
pub struct Reader {
    path: PathBuf,
    buffer: ReadBuffer,
    decoder: Decoder,
    batch: RecordBatch,
    has_ended: bool,
    /// The error that ended the reading, until it is returned.
    error: Option<CaptureErrorKind>,
    /// The interface that is read in place of the buffer.
    live: Option<Box<LiveSource>>,
}

#[derive(Clone, PartialEq)]
pub(super) enum Decoder {
    Pcap(PcapReader),
    Pcapng(PcapngReader),
    /// A signal ended the stream before its header was read.
    None,
}

impl Reader {
    /// Opens a capture, or standard input for `-`, and reads its header. A stream is waited for.
    ///
    /// # Errors
    /// If it cannot be opened or read, or is not a capture.
    pub fn open(path: &Path) -> Result<Reader, CaptureError> {
        Reader::new(path, ReadBuffer::open(path).map_err(|error| error.of(path))?)
    }

    /// Returns a reader of `buffer`, named `path` in errors.
    pub(super) fn new(path: &Path, mut buffer: ReadBuffer) -> Result<Reader, CaptureError> {
        let decoder = match Decoder::open(&mut buffer) {
            Ok(decoder) => decoder,
            Err(Stop::Failed(error)) => return Err(error.of(path)),
            Err(Stop::Interrupted | Stop::WouldWait) => Decoder::None,
        };
        Ok(Reader::resumed(path, buffer, decoder))
    }

    /// Returns a reader of records that begin in `buffer`, with the state of a decoder there.
    pub(super) fn resumed(path: &Path, buffer: ReadBuffer, decoder: Decoder) -> Reader {
        let batch = RecordBatch::default();
        Reader { path: path.to_path_buf(), buffer, decoder, batch, has_ended: false, error: None, live: None }
    }

    /// Opens a live capture from the interface with this name or index, with some rings. It begins when it is read, or
    /// with [`Reader::start`].
    ///
    /// # Errors
    /// If there is no such interface.
    #[cfg(target_os = "linux")]
    pub fn listen(name: &str, options: Options, rings: u16) -> Result<Reader, CaptureError> {
        let path = Path::new(name);
        let live = LiveSource::find(name, options, rings).map_err(|error| error.of(path))?;
        Ok(Reader::live(path, live))
    }

    fn live(path: &Path, live: LiveSource) -> Reader {
        let buffer = ReadBuffer::new(InputSource::empty());
        Reader { live: Some(Box::new(live)), ..Reader::resumed(path, buffer, Decoder::None) }
    }

    /// Begins a live capture with a program that the kernel runs first, and that keeps at most `snaplen` bytes as far
    /// as they do not decide; does nothing for a file.
    ///
    /// # Errors
    /// If packets cannot be captured.
    pub fn start(&mut self, program: Option<&KernelProgram>, snaplen: Option<u32>) -> Result<(), CaptureError> {
        let Some(live) = &mut self.live else { return Ok(()) };
        live.start(program, snaplen).map_err(|error| error.of(&self.path))
    }

    /// Returns readers of the other rings of a live capture that has begun, for other threads.
    pub fn take_others(&mut self) -> Vec<Reader> {
        let others = self.live.as_mut().map(|live| live.take_others()).unwrap_or_default();
        others.into_iter().map(|live| Reader::live(&self.path, live)).collect()
    }

    /// Takes the readers of the other rings back, whose packets count.
    pub fn join(&mut self, others: Vec<Reader>) {
        if let Some(live) = &mut self.live {
            live.join(others.into_iter().filter_map(|other| other.live).map(|live| *live).collect());
        }
    }

    /// Returns whether this is a live capture.
    pub fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Returns the counts of the kernel for a live capture.
    pub fn statistics(&self) -> Option<Statistics> {
        self.live.as_ref().map(|live| live.statistics())
    }

    /// Returns the next record, or `None` at the end. An error is returned once, and followed by the end.
    ///
    /// # Errors
    /// If the file cannot be read on, or is damaged from here.
    pub fn next(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        if self.is_at_end()? {
            return Ok(None);
        }
        match self.decoder.next(&mut self.buffer) {
            Ok(record) => Ok(record),
            Err(stop) => {
                self.has_ended = true;
                stop.failure().map_or(Ok(None), |error| Err(error.of(&self.path)))
            }
        }
    }

    /// Returns the next block, or the next records, `None` at the end. Records are returned up to the next block, up to
    /// the end of the buffer, and up to `most`. Never waits for a stream.
    pub fn piece(&mut self, most: usize) -> Result<Option<Piece<'_>>, CaptureError> {
        if self.is_at_end()? {
            return Ok(None);
        }
        if let Some(live) = &mut self.live {
            return match live.advance(most) {
                Ok(Next::Records) => Ok(Some(Piece::Records(self.last_records()))),
                Ok(Next::Pause) => Ok(Some(Piece::Pause)),
                Ok(Next::End) => Ok(None),
                Err(error) => {
                    self.has_ended = true;
                    Err(error.of(&self.path))
                }
            };
        }
        self.buffer.set_waiting(false);
        let first = self.decoder.first(&mut self.buffer);
        self.buffer.set_waiting(true);
        match first {
            Ok(Some(First::Record(first))) => self.batch.start(self.buffer.bytes(), first),
            Ok(Some(First::Block(header))) => {
                return Ok(self.decoder.take_block(&mut self.buffer, header).map(Piece::Block));
            }
            Ok(None) => return Ok(None),
            Err(Stop::WouldWait) => return Ok(Some(Piece::Pause)),
            Err(stop) => {
                self.has_ended = true;
                return stop.failure().map_or(Ok(None), |error| Err(error.of(&self.path)));
            }
        }
        self.buffer.set_pinned(true);
        let end = self.decoder.fill(&mut self.buffer, &mut self.batch, most);
        self.buffer.set_pinned(false);
        match end {
            Ok(()) | Err(Stop::WouldWait) => {}
            Err(stop) => (self.has_ended, self.error) = (true, stop.failure()),
        }
        Ok(Some(Piece::Records(self.last_records())))
    }

    /// Returns the records of the last [`Piece::Records`], until the next piece is read.
    pub fn last_records(&self) -> Records<'_> {
        match &self.live {
            Some(live) => live.last_records(),
            None => self.batch.records(self.buffer.bytes(), self.decoder.interfaces()),
        }
    }

    /// Waits until a stream goes on or ends, or until `due`.
    ///
    /// # Errors
    /// If the stream fails.
    pub fn wait(&mut self, due: Option<Instant>) -> Result<(), CaptureError> {
        let waited = match &mut self.live {
            Some(live) => live.wait(due),
            None => self.buffer.wait(due),
        };
        waited.map_err(|error| error.of(&self.path))
    }

    /// Shares descriptors and memory with `count` inputs that are read by turns: a suspended file is open only while it
    /// is read.
    pub fn share(&mut self, count: usize) {
        self.buffer.share(count);
    }

    /// Lets another thread decompress a long file.
    pub fn read_ahead(&mut self) {
        self.buffer.read_ahead();
    }

    /// Closes the file until the next record is read. Streams stay open.
    pub fn suspend(&mut self) {
        self.buffer.suspend(&self.path);
    }

    /// Ends the reading, closes the input, and frees its memory. Interfaces and byte counts stay available.
    pub fn close(&mut self) {
        self.has_ended = true;
        self.buffer.close();
        if let Some(live) = &mut self.live {
            live.close();
        }
    }

    /// Returns whether the reading has ended.
    ///
    /// # Errors
    /// The error that ended the reading, once.
    fn is_at_end(&mut self) -> Result<bool, CaptureError> {
        match self.error.take() {
            Some(error) => Err(error.of(&self.path)),
            None => Ok(self.has_ended),
        }
    }

    /// Returns the place of the next record or block.
    pub fn place(&self) -> Place {
        Place { offset: self.buffer.offset(), decoder: self.decoder.clone() }
    }

    /// Returns the offset of the next record or block in the decompressed bytes.
    pub fn offset(&self) -> u64 {
        self.buffer.offset()
    }

    /// Ends the reading, and returns the memory for another reader.
    pub fn into_memory(self) -> Vec<u8> {
        self.buffer.into_memory()
    }

    /// Ends the reading at a place to which another reader came.
    pub fn end_at(&mut self, place: Place) {
        self.close();
        self.decoder = place.decoder;
    }

    /// Returns the path that was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> Option<Arc<File>> {
        self.buffer.file()
    }

    /// Returns whether the file is compressed. A closed one counts as it did when it was opened.
    pub fn is_compressed(&self) -> bool {
        self.buffer.is_compressed()
    }

    pub(super) fn into_buffer(self) -> ReadBuffer {
        self.buffer
    }

    /// Returns whether the header was read. It is missing if a signal ended the stream before.
    pub fn has_header(&self) -> bool {
        self.live.is_some() || !matches!(self.decoder, Decoder::None)
    }

    /// Returns the interface of a pcap file or of a live capture, or `None` for pcapng.
    pub fn pcap_interface(&self) -> Option<&Interface> {
        match &self.decoder {
            Decoder::Pcap(file) => Some(&file.interface),
            Decoder::None => self.live.as_ref().map(|live| live.interface()),
            Decoder::Pcapng(_) => None,
        }
    }

    /// Returns the interface of a pcap file, or the interfaces of the current section that were described so far.
    pub fn interfaces(&self) -> &[Interface] {
        self.live.as_ref().map_or(self.decoder.interfaces(), |live| slice::from_ref(live.interface()))
    }

    /// Returns the number of (compressed) bytes read from the file. It runs ahead of the records by a buffer or two.
    pub fn bytes_read(&self) -> u64 {
        self.live.as_ref().map_or(self.buffer.stored_read(), |live| live.bytes())
    }

    /// Returns the length of the file, if it is a regular one.
    pub fn bytes_total(&self) -> Option<u64> {
        self.buffer.stored_total()
    }
}

impl Decoder {
    /// Reads everything before the first record.
    fn open(buffer: &mut ReadBuffer) -> Result<Decoder, Stop> {
        let start = buffer.peek(4)?;
        let (len, magic) = (start.len(), Magic::of(start));
        if len < 4 && buffer.is_interrupted() {
            return Err(Stop::Interrupted);
        }
        match magic {
            Magic::Pcap(order, variant) => PcapReader::open(buffer, order, variant).map(Decoder::Pcap),
            Magic::Pcapng => PcapngReader::open(buffer).map(Decoder::Pcapng),
            Magic::Unsupported(unsupported) => Err(CaptureErrorKind::Unsupported(unsupported).into()),
        }
    }

    /// Returns the offset in `window` at which a record or block probably begins, if there is one.
    pub(super) fn find_record(&self, window: &[u8]) -> Option<usize> {
        match self {
            Decoder::Pcap(file) => file.find_record(window),
            Decoder::Pcapng(file) => file.find_block(window),
            Decoder::None => None,
        }
    }

    fn next<'a>(&'a mut self, buffer: &'a mut ReadBuffer) -> Result<Option<Record<'a>>, Stop> {
        match self {
            Decoder::Pcap(file) => file.next(buffer),
            Decoder::Pcapng(file) => file.next(buffer),
            Decoder::None => Ok(None),
        }
    }

    /// Reads the next block or record. Returns `None` at the end.
    fn first(&mut self, buffer: &mut ReadBuffer) -> Result<Option<First>, Stop> {
        if let Decoder::Pcapng(file) = self
            && let Some(header) = file.other_block(buffer)?
        {
            return Ok(Some(First::Block(header)));
        }
        Ok(self.next(buffer)?.as_ref().map(RecordLocation::of).map(First::Record))
    }

    fn take_block<'a>(&self, buffer: &'a mut ReadBuffer, header: BlockHeader) -> Option<Block<'a>> {
        let Decoder::Pcapng(file) = self else { return None };
        Some(file.take(buffer, header))
    }

    /// Adds the records that a pinned buffer holds, up to `most`.
    fn fill(&self, buffer: &mut ReadBuffer, batch: &mut RecordBatch, most: usize) -> Result<(), Stop> {
        let location = |record: Option<Record>| record.as_ref().map(RecordLocation::of);
        match self {
            Decoder::Pcap(file) => {
                file.fill(buffer, batch, most);
                batch.fill(buffer, most, |buffer| file.next(buffer).map(location))
            }
            Decoder::Pcapng(file) => batch.fill(buffer, most, |buffer| file.packet(buffer).map(location)),
            Decoder::None => Ok(()),
        }
    }

    fn interfaces(&self) -> &[Interface] {
        match self {
            Decoder::Pcap(file) => slice::from_ref(&file.interface),
            Decoder::Pcapng(file) => &file.interfaces,
            Decoder::None => &[],
        }
    }
}
