//! What is common to all expressions: those of files, and how far `protochain` goes.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use cbpf::{Expr, Target};
use clap::Args;

use crate::cli::failure::{Failure, say};
use crate::cli::input::read_bytes;

/// How many headers of 8 bytes, the shortest ones, fit into an IPv6 packet.
const MOST_HEADERS: u32 = 65_535 / 8;

/// Reads an expression from a file, as `tcpdump -F` does: `#` begins a comment that goes to the end of the line.
pub fn read_expression(path: &Path) -> Result<String, Failure> {
    let bytes = without_comments(&read_bytes(path)?);
    String::from_utf8(bytes).map_err(|_| Failure::of_file(path, "an expression is a text"))
}

/// The same lines, without comments.
fn without_comments(bytes: &[u8]) -> Vec<u8> {
    let without_comment = |line: &[u8]| line.split(|&byte| byte == b'#').next().unwrap_or_default().to_vec();
    let lines: Vec<_> = bytes.split(|&byte| byte == b'\n').map(without_comment).collect();
    lines.join(&b'\n')
}

/// How far `protochain` goes.
#[derive(Args, Clone, Copy)]
pub struct ChainArguments {
    /// How many headers `protochain` in an expression goes through: a program cannot loop, and finds nothing behind
    /// more of them; 16 by default, 8 if the program would be too long
    #[arg(long, value_name = "HEADERS", value_parser = clap::value_parser!(u32).range(0..=i64::from(MOST_HEADERS)))]
    protochain_depth: Option<u32>,
}

impl ChainArguments {
    pub fn apply(self, target: Target) -> Target {
        match self.protochain_depth {
            Some(headers) => target.chain_depth(headers),
            None => target,
        }
    }

    /// Says once on standard error that nothing is found behind more headers, if a packet may have more.
    pub fn note(self, expression: &str, target: &Target) {
        static IS_SAID: AtomicBool = AtomicBool::new(false);
        if !expression.contains("protochain") {
            return;
        }
        let depth = expression.parse::<Expr>().ok().and_then(|expr| expr.chain_depth(target));
        if let Some(depth) = depth.filter(|&depth| depth < MOST_HEADERS)
            && !IS_SAID.swap(true, Ordering::Relaxed)
        {
            say(format_args!(
                "cbpf: note: `protochain` goes through at most {depth} headers, and finds nothing behind more of them \
                 (--protochain-depth)"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_end_with_their_lines() {
        let text = b"# \xff\nport 80 # web\r\nor#\n 443#";
        assert_eq!(without_comments(text), b"\nport 80 \nor\n 443");
        assert_eq!(without_comments(b""), b"");
        assert_eq!(without_comments(b"ip\n"), b"ip\n");
    }
}
