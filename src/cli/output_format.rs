//! The format and the compression of a written capture: chosen by its name, or by options.
//!
//! - The name decides by its extensions, `.pcap` and `.pcapng` before those of the compressions. Another name leaves
//!   the format to the inputs, and is not compressed.
//! - A pcap file that was asked for is an error if the inputs do not fit into one: before packets are read if that is
//!   known then.

use std::path::Path;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::capture::{COMPRESSIONS, Compression, Format, Interface, Reader, input_name};
use crate::cli::failure::Failure;

/// The value of `--compress` for no compression.
const NONE: &str = "none";

/// A capture format that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatName {
    Pcap,
    Pcapng,
}

#[rustfmt::skip]
static FORMATS: [(&str, FormatName); 2] = [
    ("pcap",   FormatName::Pcap),
    ("pcapng", FormatName::Pcapng),
];

impl FormatName {
    /// Returns the format with this name, which is also its file name extension.
    pub fn named(name: &str) -> Option<FormatName> {
        FORMATS.iter().find(|(format, _)| *format == name).map(|(_, format)| *format)
    }
}

/// Options of written captures.
#[derive(Args)]
pub struct FormatArguments {
    /// Write captures in this format [default: what the extension says, .pcap or .pcapng; else pcap if all inputs are
    /// pcap files of one link type, and pcapng otherwise]
    #[arg(long, value_name = "FORMAT", value_parser = format_name())]
    format: Option<FormatName>,

    /// Compress written captures, or do not [default: what the extension says: .gz, .zst, .lz4, .xz, .bz2]
    #[arg(long, value_name = "COMPRESSION", value_parser = compression())]
    compress: Option<Choice>,
}

/// A compression, or none.
type Choice = (Option<&'static Compression>,);

fn format_name() -> impl TypedValueParser<Value = FormatName> {
    let names = PossibleValuesParser::new(FORMATS.iter().map(|(name, _)| *name));
    names.try_map(|name| FormatName::named(&name).ok_or("no such format"))
}

fn compression() -> impl TypedValueParser<Value = Choice> {
    let names = COMPRESSIONS.iter().map(|compression| compression.name).chain([NONE]);
    PossibleValuesParser::new(names).map(|name| (Compression::named(&name),))
}

impl FormatArguments {
    /// Sets the format, unless there is an option for it.
    pub fn set_format(&mut self, format: Option<FormatName>) {
        self.format = self.format.or(format);
    }

    /// Returns the compression of an output: that of the option or else of the name.
    pub fn compression(&self, path: &Path) -> Option<&'static Compression> {
        self.compress.map_or_else(|| Extensions::of(path).compression, |(compression,)| compression)
    }

    /// Returns the format of an output with this name, or of outputs that get their names from the format.
    ///
    /// # Errors
    /// If it must be pcap, and the inputs are known not to fit.
    pub fn format(&self, path: Option<&Path>, inputs: &[Reader]) -> Result<Format, Failure> {
        let named = path.and_then(|path| Extensions::of(path).format);
        match (self.format.or(named), Format::of(inputs)) {
            (Some(FormatName::Pcapng), _) => Ok(Format::Pcapng),
            (Some(FormatName::Pcap), Format::Pcapng) => {
                check_link_types(path, inputs)?;
                Ok(Format::pcap_of_first(inputs))
            }
            (_, usual) => Ok(usual),
        }
    }

    /// Returns the file name extensions of outputs that get their names from their format.
    pub fn extensions(&self, format: &Format) -> String {
        let compression = self.compress.and_then(|(compression,)| compression);
        let compression = compression.map_or(String::new(), |compression| format!(".{}", compression.extension));
        format!("{}{compression}", format.extension())
    }
}

/// Checks that no two pcap inputs have different link types.
fn check_link_types(output: Option<&Path>, inputs: &[Reader]) -> Result<(), Failure> {
    let field = |interface: &Interface| (interface.link_type_number, interface.link_type_flags);
    let mut known = inputs.iter().filter_map(|input| Some((input_name(input.path()), input.pcap_interface()?)));
    let Some((first, interface)) = known.next() else { return Ok(()) };
    let Some((name, other)) = known.find(|(_, other)| field(other) != field(interface)) else { return Ok(()) };
    let (expected, found) = (interface.link_type(), other.link_type());
    let difference = match expected == found {
        true => format!("the link type fields of {first} and {name} differ"),
        false => format!("{first} is of {expected}, {name} of {found}"),
    };
    let output = output.map_or("captures".to_owned(), |path| match path == Path::new("-") {
        true => "standard output".to_owned(),
        false => path.display().to_string(),
    });
    Err(Failure::Failed(format!(
        "cannot write {output} as pcap, which has one link type: {difference}; use --format pcapng"
    )))
}

/// What the extensions of a file name say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Extensions {
    format: Option<FormatName>,
    compression: Option<&'static Compression>,
}

impl Extensions {
    fn of(path: &Path) -> Extensions {
        let extension = |path: &Path| path.extension().and_then(|extension| Some(extension.to_str()?.to_lowercase()));
        let compression = extension(path).and_then(|extension| Compression::with_extension(&extension));
        let name = if compression.is_some() { path.file_stem().map(Path::new) } else { Some(path) };
        let format = name.and_then(extension).and_then(|extension| FormatName::named(&extension));
        Extensions { format, compression }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_name_format_and_compression() {
        let gzip = Compression::named("gzip");
        let zstd = Compression::named("zstd");
        for (path, format, compression) in [
            ("x.pcap", Some(FormatName::Pcap), None),
            ("a.b/x.PCAPNG", Some(FormatName::Pcapng), None),
            ("x.pcap.gz", Some(FormatName::Pcap), gzip),
            ("x.pcapng.ZST", Some(FormatName::Pcapng), zstd),
            ("x.gz", None, gzip),
            ("x.cap.zst", None, zstd),
            ("pcap", None, None),
            (".pcap", None, None),
            ("x.pcap.1", None, None),
            ("x.pcap/y", None, None),
            ("-", None, None),
            ("", None, None),
        ] {
            assert_eq!(Extensions::of(Path::new(path)), Extensions { format, compression }, "{path}");
        }
    }
}
