//! A [`Reader`] of either format: it looks at the magic, then hands out records.

use std::path::{Path, PathBuf};
use std::slice;
use std::time::Instant;

use super::error::{CaptureError, Fault, Foreign};
use super::pcap::{self, Pcap};
use super::pcapng::{self, Frame, Pcapng};
use super::records::{Found, Gathered};
use super::window::Window;
use super::{Block, Interface, Record, Records};

/// First bytes that are no capture, but that a user should be told more about.
const KNOWN: [(&[u8], Foreign); 8] = [
    (&[0x28, 0xb5, 0x2f, 0xfd], Foreign::Compressed("zstd")),
    (&[0xfd, 0x37, 0x7a, 0x58], Foreign::Compressed("xz")),
    (&[0x04, 0x22, 0x4d, 0x18], Foreign::Compressed("lz4")),
    (b"BZh", Foreign::Compressed("bzip2")),
    (&[0xa1, 0xb2, 0x34, 0xcd], Foreign::Variant("Navtel")),
    (&[0xcd, 0x34, 0xb2, 0xa1], Foreign::Variant("Navtel")),
    (&[0xa1, 0xe2, 0xcb, 0x12], Foreign::Variant("F. Mesquita")),
    (&[0x12, 0xcb, 0xe2, 0xa1], Foreign::Variant("F. Mesquita")),
];

/// What a capture holds, in order.
pub enum Piece<'a> {
    /// A block of pcapng without a packet, as it is stored.
    Block(Block<'a>),
    /// Records that follow each other.
    Records(Records<'a>),
    /// Nothing at the moment; [`Reader::wait`] waits until the stream goes on.
    Pause,
}

/// What comes next in a file.
enum First {
    Block(Frame),
    Record(Found),
}

/// Reads the records of one capture file.
pub struct Reader {
    path: PathBuf,
    window: Window,
    format: Format,
    gathered: Gathered,
    ended: bool,
    /// What ended it, while that is untold.
    failure: Option<Fault>,
}

enum Format {
    Pcap(Pcap, Interface),
    Pcapng(Pcapng, Vec<Interface>),
    /// A signal ended the stream before its header came.
    Unknown,
}

impl Reader {
    /// Opens a capture, or standard input for `-`, and reads its header, through gzip if need be. A stream is waited for.
    ///
    /// # Errors
    /// If it cannot be opened or read, or is not a capture.
    pub fn open(path: &Path) -> Result<Reader, CaptureError> {
        Reader::new(path, Window::open(path).map_err(|fault| fault.of(path))?)
    }

    /// A reader of what `window` shows, named `path` in errors.
    pub(super) fn new(path: &Path, mut window: Window) -> Result<Reader, CaptureError> {
        let format = match open_format(&mut window) {
            Err(Fault::CutShort) => Format::Unknown,
            format => format.map_err(|fault| fault.of(path))?,
        };
        let gathered = Gathered::default();
        Ok(Reader { path: path.to_path_buf(), window, format, gathered, ended: false, failure: None })
    }

    /// The next record, or none at the end. An error is told once; after it is the end.
    ///
    /// # Errors
    /// If the file cannot be read on, or is damaged from here.
    pub fn next(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        if self.is_at_end()? {
            return Ok(None);
        }
        match self.format.next(&mut self.window) {
            Ok(record) => Ok(record),
            Err(fault) => {
                self.ended = true;
                fault.at_end().map_or(Ok(None), |fault| Err(fault.of(&self.path)))
            }
        }
    }

    /// The next block, or the next record and those behind it that have been read already, up to another block, `most` in
    /// all; none at the end. Never waits for a stream.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn piece(&mut self, most: usize) -> Result<Option<Piece<'_>>, CaptureError> {
        if self.is_at_end()? {
            return Ok(None);
        }
        self.window.set_patient(false);
        let first = self.format.first(&mut self.window);
        self.window.set_patient(true);
        let frame = match first {
            Ok(Some(First::Record(first))) => {
                self.gathered.clear();
                self.gathered.push(self.window.bytes(), first);
                None
            }
            Ok(Some(First::Block(frame))) => Some(frame),
            Ok(None) => return Ok(None),
            Err(Fault::Held) => return Ok(Some(Piece::Pause)),
            Err(fault) => {
                self.ended = true;
                return fault.at_end().map_or(Ok(None), |fault| Err(fault.of(&self.path)));
            }
        };
        if let (Some(frame), Format::Pcapng(file, _)) = (frame, &self.format) {
            return Ok(Some(Piece::Block(file.take(&mut self.window, frame))));
        }
        self.window.hold(true);
        let end = self.format.gather(&mut self.window, &mut self.gathered, most);
        self.window.hold(false);
        if let Err(fault) = end {
            (self.ended, self.failure) = (true, fault.at_end());
        }
        Ok(Some(Piece::Records(self.gathered.records(self.window.bytes(), self.format.interfaces()))))
    }

    /// Waits until a stream goes on or ends, or until `due`.
    ///
    /// # Errors
    /// If the system fails to.
    pub fn wait(&self, due: Option<Instant>) -> Result<(), CaptureError> {
        self.window.wait(due).map_err(|fault| fault.of(&self.path))
    }

    /// Closes the file until the next record is read; streams stay open.
    pub fn close_for_now(&mut self) {
        self.window.close_for_now(&self.path);
    }

    /// Closes the input, which ends here, and frees its memory. Its interfaces and counts stay.
    pub fn close(&mut self) {
        self.ended = true;
        self.window.close();
    }

    /// Whether nothing more is to be read.
    ///
    /// # Errors
    /// What ended the reading, once.
    fn is_at_end(&mut self) -> Result<bool, CaptureError> {
        match self.failure.take() {
            Some(failure) => Err(failure.of(&self.path)),
            None => Ok(self.ended),
        }
    }

    /// Whether the header was read: a signal may have ended the stream before.
    pub fn has_header(&self) -> bool {
        !matches!(self.format, Format::Unknown)
    }

    /// The one interface of a pcap file; none for pcapng.
    pub fn pcap_interface(&self) -> Option<&Interface> {
        match &self.format {
            Format::Pcap(_, interface) => Some(interface),
            Format::Pcapng(..) | Format::Unknown => None,
        }
    }

    /// The interfaces of the section that is being read, as far as they were described; or the one of a pcap file.
    pub fn interfaces(&self) -> &[Interface] {
        self.format.interfaces()
    }

    /// Bytes of the file, compressed if it is, that have been read. Runs ahead of the records by a buffer or two.
    pub fn bytes_read(&self) -> u64 {
        self.window.stored_read()
    }

    /// Length of the file, if it is a regular one.
    pub fn bytes_total(&self) -> Option<u64> {
        self.window.stored_total()
    }
}

impl Format {
    fn next<'a>(&'a mut self, window: &'a mut Window) -> Result<Option<Record<'a>>, Fault> {
        match self {
            Format::Pcap(file, interface) => file.next(window, interface),
            Format::Pcapng(file, interfaces) => file.next(window, interfaces),
            Format::Unknown => Ok(None),
        }
    }

    /// What comes next; none at the end.
    fn first(&mut self, window: &mut Window) -> Result<Option<First>, Fault> {
        if let Format::Pcapng(file, interfaces) = self
            && let Some(frame) = file.describing_block(window, interfaces)?
        {
            return Ok(Some(First::Block(frame)));
        }
        Ok(self.next(window)?.as_ref().map(Found::of).map(First::Record))
    }

    /// Gathers what is at hand in a window that is held, up to `most` records.
    fn gather(&mut self, window: &mut Window, gathered: &mut Gathered, most: usize) -> Result<(), Fault> {
        let found = |record: Option<Record>| record.as_ref().map(Found::of);
        let end = match self {
            Format::Pcap(file, interface) => {
                gathered.fill(window, most, |window| file.next(window, interface).map(found))
            }
            Format::Pcapng(file, interfaces) => {
                gathered.fill(window, most, |window| file.packet(window, interfaces).map(found))
            }
            Format::Unknown => Ok(()),
        };
        match end {
            Err(Fault::Held) => Ok(()),
            end => end,
        }
    }

    fn interfaces(&self) -> &[Interface] {
        match self {
            Format::Pcap(_, interface) => slice::from_ref(interface),
            Format::Pcapng(_, interfaces) => interfaces,
            Format::Unknown => &[],
        }
    }
}

/// Reads what comes before the records.
fn open_format(window: &mut Window) -> Result<Format, Fault> {
    let magic = &*window.peek(4)?.to_vec();
    if magic.len() < 4 && window.is_interrupted() {
        return Err(Fault::CutShort);
    }
    if magic.is_empty() {
        return Err(Fault::Foreign(Foreign::Empty));
    }
    if magic == pcapng::MAGIC {
        return Ok(Format::Pcapng(Pcapng::open(window)?, Vec::new()));
    }
    if pcap::is_pcap(magic) {
        let (file, interface) = Pcap::open(window)?;
        return Ok(Format::Pcap(file, interface));
    }
    let known = KNOWN.into_iter().find(|(bytes, _)| magic.starts_with(bytes));
    Err(Fault::Foreign(known.map_or_else(|| Foreign::Magic(magic.to_vec()), |(_, foreign)| foreign)))
}
