//! The error of compiling an expression.

use core::error::Error;
use core::fmt;

use crate::bpf::verify::VerifyError;
use crate::text::ParseError;

/// The error of parsing or compiling an expression.
///
/// ```
/// let error = "arp or tcp prt 81".parse::<cbpf::Expr>().unwrap_err();
/// assert_eq!(error.to_string(), "\
/// the expression is invalid: line 1, column 12: expected `and`, `or` or the end, found `prt`; did you mean `port`?
///   |
/// 1 | arp or tcp prt 81
///   |            ^");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExprError {
    /// The expression is invalid: it has a syntax error, or a part that has no meaning for the link type.
    ///
    /// The position is in the text that was given. For an [`Expr`](crate::Expr) that was built, it is in the text that
    /// the expression prints as.
    Invalid(ParseError),
    /// The expression rejects all packets: its parts contradict each other, as in `tcp and udp`, or contradict the link
    /// type, as `ip6` does on raw IPv4. [`Target::allow_reject_all`](crate::Target::allow_reject_all) allows it, and
    /// [`lint`](crate::lang::lint) tells which part is to blame.
    RejectsAll,
    /// The program is longer than the dialect allows.
    TooLong {
        /// The number of instructions in the program.
        instructions: usize,
        /// The largest number of instructions that the dialect allows.
        max: usize,
    },
    /// Verification of the program failed, which only happens to very long programs.
    Verify(VerifyError),
    /// The generated program has a jump without a target, which is a bug of this crate.
    Internal,
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExprError::Invalid(error) => write!(f, "the expression is invalid: {error}"),
            ExprError::RejectsAll => f.write_str("the expression rejects all packets"),
            ExprError::TooLong { instructions, max } => {
                write!(f, "the program has {instructions} instructions, but the dialect allows at most {max}")
            }
            ExprError::Internal => {
                f.write_str("the generated program is invalid; please report this bug with the expression")
            }
            ExprError::Verify(error) => write!(f, "verification of the program failed: {error}"),
        }
    }
}

impl Error for ExprError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ExprError::Invalid(error) => Some(error),
            ExprError::Verify(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ParseError> for ExprError {
    fn from(error: ParseError) -> ExprError {
        ExprError::Invalid(error)
    }
}

impl From<VerifyError> for ExprError {
    fn from(error: VerifyError) -> ExprError {
        ExprError::Verify(error)
    }
}
