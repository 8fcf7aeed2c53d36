//! Why an expression has no program.

use std::fmt;

use crate::bpf::verify::VerifyError;
use crate::text::ParseError;

/// Why an expression has no program.
///
/// ```
/// let error = "arp or tpc port 81".parse::<cbpf::Expr>().unwrap_err();
/// assert_eq!(error.to_string(), "\
/// line 1, column 8: expected a qualifier such as `host` or `port` before `tpc`; did you mean `tcp`?
///   |
/// 1 | arp or tpc port 81
///   |        ^");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExprError {
    /// A part of it is wrong: it is no expression, or has no meaning for the link type.
    ///
    /// The place is one in the text that was given, or, for an [`Expr`](crate::Expr) that was built, in the text that it
    /// prints as.
    Invalid(ParseError),
    /// It is sound, and no packet of the link type matches it: its parts contradict each other, as those of `tcp and udp`, or
    /// contradict the link type, as `ip6` does on raw IPv4. See
    /// [`Target::accept_nothing`](crate::Target::accept_nothing).
    RejectsAll,
    /// The program is longer than the dialect allows.
    TooLong {
        /// How many instructions it has.
        instructions: usize,
        /// How many are allowed.
        max: usize,
    },
    /// The program is too long in another way: it breaks this rule of the dialect.
    Refused(VerifyError),
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExprError::Invalid(error) => error.fmt(f),
            ExprError::RejectsAll => f.write_str("the expression rejects all packets"),
            ExprError::TooLong { instructions, max } => {
                write!(f, "the program has {instructions} instructions, and at most {max} are allowed")
            }
            ExprError::Refused(error) => write!(f, "the program is refused: {error}"),
        }
    }
}

impl std::error::Error for ExprError {}

impl From<ParseError> for ExprError {
    fn from(error: ParseError) -> ExprError {
        ExprError::Invalid(error)
    }
}
