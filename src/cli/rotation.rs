//! The options that end a capture and begin the next one.

use clap::Args;

use crate::cli::capture::Rotation;
use crate::cli::failure::Failure;
use crate::cli::time::duration;

const SECOND: i128 = 1_000_000_000;

/// The size and the time after which a capture is followed by the next one.
#[derive(Args, Clone, Copy)]
pub struct RotationArguments {
    /// Before a packet is written to a capture of more than SIZE million bytes, begin the next one: OUT, OUT1, OUT2 ..,
    /// or OUT.gz, OUT1.gz ... With a suffix k, m or g, SIZE counts KiB, MiB or GiB. Sizes are those before compression
    #[arg(short = 'C', value_name = "SIZE", value_parser = file_size)]
    size: Option<u64>,

    /// Begin the next capture with the packet that is SECONDS (or `1h30m`) later than the begin of the current one, by
    /// the time stamps. The name has conversions of strftime, in UTC: %Y%m%d%H%M%S
    #[arg(short = 'G', value_name = "SECONDS", value_parser = whole_seconds)]
    seconds: Option<u64>,

    /// With -C, number the captures 0 to COUNT - 1, and then replace the first one, and so on. With -G, end after COUNT
    /// captures. With both, number those of each period
    #[arg(short = 'W', value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    files: Option<u64>,
}

impl RotationArguments {
    /// Returns the limits of a file.
    ///
    /// # Errors
    /// If there is a number of files, but none would follow.
    pub fn rotation(self) -> Result<Rotation, Failure> {
        let rotation = Rotation { size: self.size, seconds: self.seconds, files: self.files };
        match self.files.is_some() && !rotation.is_active() {
            true => Err(Failure::Failed("-W needs -C or -G".to_owned())),
            false => Ok(rotation),
        }
    }
}

/// Parses a number of millions of bytes, or of binary units.
fn file_size(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1_000_000),
    };
    let size = number.parse::<u64>().ok().filter(|_| !number.starts_with('+')).and_then(|size| size.checked_mul(unit));
    size.filter(|&size| size > 0)
        .ok_or_else(|| "a number of millions of bytes, or with k, m or g, is expected".to_owned())
}

/// Parses a number of seconds, or a duration of whole seconds.
fn whole_seconds(text: &str) -> Result<u64, String> {
    match duration(text)? {
        nanoseconds if nanoseconds > 0 && nanoseconds % SECOND == 0 => Ok((nanoseconds / SECOND) as u64),
        _ => Err("one or more whole seconds are expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_sizes() {
        for (text, size) in [("1", 1_000_000), ("3k", 3 << 10), ("3K", 3 << 10), ("2M", 2 << 20), ("1g", 1 << 30)] {
            assert_eq!(file_size(text), Ok(size));
        }
        for text in ["", "k", "0", "-1", "+1", "1.5", "1kb", "1é", "18446744073709551615"] {
            assert!(file_size(text).is_err(), "{text}");
        }
        assert_eq!((whole_seconds("60"), whole_seconds("1h")), (Ok(60), Ok(3600)));
        assert!(whole_seconds("0").is_err() && whole_seconds("1.5").is_err() && whole_seconds("-1").is_err());
    }
}
