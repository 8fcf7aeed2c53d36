//! Expressions of the filter language: their options, the files that hold them, and their compilation.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use cbpf::lang::{Effect, Warning};
use cbpf::{
    Dialect, Expr, ExprError, Instruction, LinkType, Program, Target, Verified, VerifyError, compile_expression,
};
use clap::Args;

use crate::cli::failure::{Failure, say};
use crate::cli::input::{one_of, read_bytes};
use crate::cli::resolve::SystemResolver;
use crate::cli::warnings::WarningArguments;

/// The number of headers of 8 bytes, the shortest ones, that fit into an IPv6 packet.
const MOST_HEADERS: u32 = 65_535 / 8;

/// The longest part of an expression that a message quotes, in characters.
const LONGEST_QUOTE: usize = 60;

/// Options of expressions.
#[derive(Args)]
pub struct ExpressionArguments {
    /// Read the expression from this file, where # begins a comment; - for standard input. For `cbpf filter`, -F pcap
    /// and -F pcapng mean --format; write -F ./pcap for a file of that name
    #[arg(short = 'F', long, value_name = "FILE")]
    pub expression_file: Option<PathBuf>,

    /// Compile the expression for this link type: EN10MB, RAW, LINUX_SLL, ..., or a number [default: the link type of
    /// each capture, or EN10MB without captures]
    #[arg(long, value_name = "TYPE")]
    pub link_type: Option<LinkType>,

    /// Netmask of the captured network, for `ip broadcast`. By default, only 255.255.255.255 and 0.0.0.0 are broadcast
    /// addresses when captures are read, as in tcpdump -r; `cbpf compile` has no default
    #[arg(long, value_name = "MASK")]
    pub netmask: Option<Ipv4Addr>,

    #[command(flatten)]
    pub chain: ChainArguments,

    /// Verify the program by the rules of this dialect [default: pcap for an expression, linux for a program]
    #[arg(long, value_name = "DIALECT", value_parser = one_of(Dialect::ALL, Dialect::name))]
    pub dialect: Option<Dialect>,

    #[command(flatten)]
    pub warnings: WarningArguments,

    /// Set if packets come from an interface.
    #[arg(skip)]
    pub is_live: AtomicBool,
}

impl ExpressionArguments {
    /// Returns the expression: that of the file, if there is one, or the words.
    ///
    /// # Errors
    /// If the file cannot be read, or if there are both. They are not declared as conflicting arguments, since
    /// `cbpf filter` takes the names of formats out before.
    pub fn read(&self, words: &[String]) -> Result<String, Failure> {
        match &self.expression_file {
            Some(path) if !words.is_empty() => {
                let path = path.display();
                Err(Failure::Failed(format!("-F {path} cannot be used with an expression in the arguments")))
            }
            Some(path) => read_commented(path, "an expression"),
            None => Ok(words.join(" ")),
        }
    }

    /// Returns the target for a link type.
    pub fn target(&self, link_type: LinkType) -> Target {
        self.target_of(link_type, self.is_live.load(Ordering::Relaxed))
    }

    /// Returns the target for a link type, for packets of an interface or of a capture.
    pub fn target_of(&self, link_type: LinkType, is_live: bool) -> Target {
        let target = Target::new(link_type).allow_reject_all(true).dialect(self.dialect.unwrap_or(Dialect::Pcap));
        let target = self.chain.on_interfaces(is_live).apply(target);
        match self.netmask {
            Some(netmask) => target.netmask(netmask.to_bits()),
            None => target,
        }
    }
}

/// Options of the language, for expressions and rules: the depth of `protochain`, names, and the source of packets.
#[derive(Args, Clone, Copy)]
pub struct ChainArguments {
    /// Let `protochain` follow at most this many headers; packets with more of them do not match [default: 16, or 8 if
    /// the program would be too long]
    #[arg(long, value_name = "HEADERS", value_parser = clap::value_parser!(u32).range(0..=i64::from(MOST_HEADERS)))]
    protochain_depth: Option<u32>,

    /// Look up names that are in no table: hosts with the system's resolver, others in /etc/services, /etc/protocols,
    /// /etc/networks and /etc/ethers. A host with several addresses stands for each of them
    #[arg(long)]
    resolve: bool,
    /// Set if packets come from an interface.
    #[arg(skip)]
    is_live: bool,
}

impl ChainArguments {
    /// Sets whether packets come from an interface.
    pub fn on_interfaces(self, is_live: bool) -> ChainArguments {
        ChainArguments { is_live, ..self }
    }

    pub fn apply(self, target: Target) -> Target {
        let target = if self.resolve { target.resolver(SystemResolver) } else { target };
        let target = if self.is_live { target.linux_socket() } else { target };
        match self.protochain_depth {
            Some(headers) => target.chain_depth(headers),
            None => target,
        }
    }
}

/// A compiled expression.
pub struct Compiled {
    pub verified: Verified,
    /// `true` if the program matches no packet.
    pub rejects_all: bool,
}

/// Compiles an expression and verifies its program. Notes on standard error, once, if `protochain` has a limited depth.
///
/// # Errors
/// If the expression is invalid for the target.
pub fn compile(expression: &str, target: &Target) -> Result<Compiled, ExprError> {
    let program = compile_expression(expression, target)?;
    note_chain_depth(expression, target);
    let verified = program.verify(target.get_dialect())?;
    Ok(Compiled { rejects_all: verified.rejects_all(), verified })
}

impl Compiled {
    /// Returns the program that `cbpf compile` prints: the optimised one, or `ret #0` if no packet matches, also if
    /// only these warnings about the expression tell so.
    ///
    /// # Errors
    /// If the program is invalid, which a compiled expression never is.
    pub fn optimized(&self, warnings: &[Warning]) -> Result<Compiled, VerifyError> {
        let dialect = self.verified.dialect();
        let verified = self.verified.program().optimize(dialect)?.verify(dialect)?;
        let is_never = |warning: &Warning| warning.effect() == Effect::RejectsAll;
        if !self.rejects_all && !verified.rejects_all() && !warnings.iter().any(is_never) {
            return Ok(Compiled { verified, rejects_all: false });
        }
        let nothing = Program::from_iter([Instruction::ReturnConstant { verdict: 0 }]);
        Ok(Compiled { verified: nothing.verify(dialect)?, rejects_all: true })
    }
}

/// Returns whether an expression compiled to a program that matches some packet.
pub fn matches_some(compiled: &Result<Compiled, ExprError>) -> bool {
    matches!(compiled, Ok(Compiled { rejects_all: false, .. }))
}

fn note_chain_depth(expression: &str, target: &Target) {
    static IS_NOTED: AtomicBool = AtomicBool::new(false);
    if !expression.contains("protochain") {
        return;
    }
    let depth = expression.parse::<Expr>().ok().and_then(|expr| expr.chain_depth(target));
    if let Some(depth) = depth.filter(|&depth| depth < MOST_HEADERS)
        && !IS_NOTED.swap(true, Ordering::Relaxed)
    {
        say(format_args!(
            "cbpf: note: `protochain` follows at most {depth} headers; packets with more of them do not match \
             (--protochain-depth)"
        ));
    }
}

/// Returns the message of an error, without its position in the expression.
pub fn reason(error: &ExprError) -> String {
    match error {
        ExprError::Invalid(error) => error.message().to_owned(),
        other => other.to_string(),
    }
}

/// Quotes an expression for a message, or the beginning of a long one.
pub fn quoted(expression: &str) -> String {
    match expression.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("`{} ...`", &expression[..end]),
        None => format!("`{expression}`"),
    }
}

/// Reads a text without its comments: as for `tcpdump -F`, `#` begins one that goes to the end of the line.
///
/// # Errors
/// If the file cannot be read, or is not UTF-8 outside comments; `what` is the name of such a text in the message.
pub fn read_commented(path: &Path, what: &str) -> Result<String, Failure> {
    let bytes = read_bytes(path)?;
    let bytes = without_comments(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes));
    String::from_utf8(bytes).map_err(|_| Failure::of_file(path, format_args!("expected {what}, as UTF-8 text")))
}

/// The mark with which editors of Windows begin a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Removes the comments, and keeps the lines.
fn without_comments(bytes: &[u8]) -> Vec<u8> {
    let without_comment = |line: &[u8]| line.split(|&byte| byte == b'#').next().unwrap_or_default().to_vec();
    let lines: Vec<_> = bytes.split(|&byte| byte == b'\n').map(without_comment).collect();
    lines.join(&b'\n')
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
