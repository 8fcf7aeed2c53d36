//! A [`Reader`] of either format: it looks at the magic, then hands out records.

use std::path::{Path, PathBuf};
use std::slice;

use super::error::{CaptureError, Fault, Foreign};
use super::pcap::{self, Pcap};
use super::pcapng::{self, Pcapng};
use super::window::Window;
use super::{Interface, Record};

/// First bytes that are no capture, but that a user should be told more about.
const KNOWN: [(&[u8], Foreign); 9] = [
    (&[0x28, 0xb5, 0x2f, 0xfd], Foreign::Compressed("zstd")),
    (&[0xfd, 0x37, 0x7a, 0x58], Foreign::Compressed("xz")),
    (&[0x04, 0x22, 0x4d, 0x18], Foreign::Compressed("lz4")),
    (b"BZh", Foreign::Compressed("bzip2")),
    (&[0xa1, 0xb2, 0xcd, 0x34], Foreign::Variant("big-endian modified")),
    (&[0xa1, 0xb2, 0x34, 0xcd], Foreign::Variant("Navtel")),
    (&[0xcd, 0x34, 0xb2, 0xa1], Foreign::Variant("Navtel")),
    (&[0xa1, 0xe2, 0xcb, 0x12], Foreign::Variant("F. Mesquita")),
    (&[0x12, 0xcb, 0xe2, 0xa1], Foreign::Variant("F. Mesquita")),
];

/// Reads the records of one capture file.
pub struct Reader {
    path: PathBuf,
    window: Window,
    format: Format,
    ended: bool,
}

enum Format {
    Pcap(Pcap, Interface),
    Pcapng(Pcapng, Vec<Interface>),
}

impl Reader {
    /// Opens a capture, or standard input for `-`, and reads its header, through gzip if need be.
    ///
    /// # Errors
    /// If it cannot be opened or read, or is not a capture.
    pub fn open(path: &Path) -> Result<Reader, CaptureError> {
        Reader::new(path, Window::open(path)?)
    }

    /// A reader of what `window` shows, named `path` in errors.
    pub(super) fn new(path: &Path, mut window: Window) -> Result<Reader, CaptureError> {
        let format = open_format(&mut window).map_err(|fault| fault.of(path))?;
        Ok(Reader { path: path.to_path_buf(), window, format, ended: false })
    }

    /// The next record, or none at the end. An error is told once; after it is the end.
    ///
    /// # Errors
    /// If the file cannot be read on, or is damaged from here.
    pub fn next(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        let record = match &mut self.format {
            Format::Pcap(file, interface) => file.next(&mut self.window, interface),
            Format::Pcapng(file, interfaces) => file.next(&mut self.window, interfaces),
        };
        record.map_err(|fault| {
            self.ended = true;
            fault.of(&self.path)
        })
    }

    /// The interfaces known so far. Those of a pcapng file are described among its records.
    pub fn interfaces(&self) -> &[Interface] {
        match &self.format {
            Format::Pcap(_, interface) => slice::from_ref(interface),
            Format::Pcapng(_, interfaces) => interfaces,
        }
    }

    /// The one interface of a pcap file; none for pcapng.
    pub fn pcap_interface(&self) -> Option<&Interface> {
        match &self.format {
            Format::Pcap(_, interface) => Some(interface),
            Format::Pcapng(..) => None,
        }
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

/// Reads what comes before the records.
fn open_format(window: &mut Window) -> Result<Format, Fault> {
    if window.at_end()? {
        return Err(Fault::Foreign(Foreign::Empty));
    }
    let magic = window.peek(4)?;
    if magic == pcapng::MAGIC {
        return Ok(Format::Pcapng(Pcapng::open(window)?, Vec::new()));
    }
    if pcap::MAGICS.iter().any(|known| known == magic) {
        let (file, interface) = Pcap::open(window)?;
        return Ok(Format::Pcap(file, interface));
    }
    let known = KNOWN.into_iter().find(|(bytes, _)| magic.starts_with(bytes));
    Err(Fault::Foreign(known.map_or_else(|| Foreign::Magic(magic.to_vec()), |(_, foreign)| foreign)))
}
