//! Standard output of printed packets: collected, and written in large pieces.

use std::io::{self, Write, stdout};

use crate::cli::failure::Failure;
use crate::cli::print_packets::text::Text;

/// The length of text that is written at once, in bytes.
const PIECE: usize = 64 << 10;

/// Text on its way to standard output.
#[derive(Default)]
pub struct PacketOutput {
    pub text: Text,
    /// The reader went away, and the text is dropped.
    is_closed: bool,
    /// A closed pipe is no reason to end.
    goes_on: bool,
}

impl PacketOutput {
    /// Returns an output whose closed pipe ends the program, unless it `goes_on` without it.
    pub fn new(goes_on: bool) -> PacketOutput {
        PacketOutput { goes_on, ..PacketOutput::default() }
    }

    /// Writes the text if there is enough of it.
    #[inline]
    pub fn write_if_full(&mut self) -> Result<(), Failure> {
        if self.text.bytes.len() < PIECE { Ok(()) } else { self.flush() }
    }

    /// Writes the text.
    ///
    /// # Errors
    /// [`Failure::ClosedPipe`] if the reader went away.
    pub fn flush(&mut self) -> Result<(), Failure> {
        let text = &mut self.text.bytes;
        let written = if self.is_closed || text.is_empty() { Ok(()) } else { write(text) };
        text.clear();
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && self.goes_on => {
                self.is_closed = true;
                Ok(())
            }
            written => Ok(written?),
        }
    }
}

fn write(text: &[u8]) -> io::Result<()> {
    let mut output = stdout().lock();
    output.write_all(text)?;
    output.flush()
}
