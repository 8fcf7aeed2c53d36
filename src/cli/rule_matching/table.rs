//! The form of tables of counts.

use std::borrow::Cow;
use std::io::{self, Write};

use clap::Args;

/// The form of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    Csv,
    Json,
}

/// How a table is printed.
#[derive(Clone, Copy)]
pub struct TableOptions {
    pub form: Form,
    /// The number of rules that are shown; the others are summed up.
    pub top: Option<u64>,
    /// Whether the rows of time have bytes on the wire instead of packets.
    pub bytes: bool,
    /// Whether rows are printed before all are known.
    pub is_live: bool,
}

impl TableOptions {
    /// Returns the options of a table of all rules, as text or JSON.
    pub fn new(as_json: bool) -> TableOptions {
        TableOptions { form: if as_json { Form::Json } else { Form::Text }, top: None, bytes: false, is_live: false }
    }
}

/// Options of tables.
#[derive(Args)]
pub struct TableArguments {
    /// Print only the N rules with the most packets, beginning with the first, and the sum of the others
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    top: Option<u64>,

    /// With --by, print bytes on the wire instead of packets; JSON has both
    #[arg(long, requires = "by")]
    bytes: bool,

    /// Print tables as comma-separated values, with a header
    #[arg(long, conflicts_with = "json")]
    csv: bool,

    /// Print JSON, one line for each table, or with --by for each row
    #[arg(long)]
    json: bool,
}

impl TableArguments {
    pub fn options(&self) -> TableOptions {
        let form = match (self.csv, self.json) {
            (true, _) => Form::Csv,
            (_, true) => Form::Json,
            _ => Form::Text,
        };
        TableOptions { form, top: self.top, bytes: self.bytes, is_live: false }
    }
}

/// Writes a line of comma-separated values, quoted as in RFC 4180.
pub fn write_csv<S: AsRef<str>>(output: &mut impl Write, fields: impl IntoIterator<Item = S>) -> io::Result<()> {
    for (place, field) in fields.into_iter().enumerate() {
        if place > 0 {
            output.write_all(b",")?;
        }
        output.write_all(quoted(field.as_ref()).as_bytes())?;
    }
    output.write_all(b"\n")
}

fn quoted(field: &str) -> Cow<'_, str> {
    match field.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")).into(),
        false => field.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_necessary() {
        let mut line = Vec::new();
        write_csv(&mut line, ["a b", "", "1,5", "say \"no\"", "two\nlines"]).expect("memory can be written");
        assert_eq!(String::from_utf8_lossy(&line), "a b,,\"1,5\",\"say \"\"no\"\"\",\"two\nlines\"\n");
    }
}
