//! What is kept of a capture that could not be written to its end.

use std::fs::File;
use std::io;
use std::path::Path;

use super::Reader;

/// The most records that are read at once.
const MOST: usize = 1 << 10;

/// Cuts a plain capture after its last whole record or block. Returns whether it has a header; a compressed one stays
/// as it is, since its readers return what is whole.
pub(super) fn cut_to_whole(path: &Path) -> io::Result<bool> {
    let Ok(mut reader) = Reader::open(path) else { return Ok(false) };
    if reader.is_compressed() {
        return Ok(true);
    }
    loop {
        let whole = reader.offset();
        match reader.piece(MOST) {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(true),
            Err(_) => {
                File::options().write(true).open(path)?.set_len(whole)?;
                return Ok(true);
            }
        }
    }
}
