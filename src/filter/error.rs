//! Errors of compiling a filter.

use std::error::Error;
use std::fmt;

use crate::bpf::verify::VerifyError;
use crate::codegen::CompileError;
use crate::lang::ExprError;

/// The reason that there is no [`Filter`](crate::Filter).
#[derive(Debug)]
#[non_exhaustive]
pub enum FilterError {
    /// The expression is invalid.
    Expression(ExprError),
    /// Verification failed.
    Verify(VerifyError),
    /// There is no native code, which [`FilterConfig::require_native`](crate::FilterConfig::require_native) asked for.
    Compile(CompileError),
}

impl From<ExprError> for FilterError {
    fn from(error: ExprError) -> FilterError {
        FilterError::Expression(error)
    }
}

impl From<VerifyError> for FilterError {
    fn from(error: VerifyError) -> FilterError {
        FilterError::Verify(error)
    }
}

impl From<CompileError> for FilterError {
    fn from(error: CompileError) -> FilterError {
        FilterError::Compile(error)
    }
}

impl FilterError {
    fn inner(&self) -> &(dyn Error + 'static) {
        match self {
            FilterError::Expression(error) => error,
            FilterError::Verify(error) => error,
            FilterError::Compile(error) => error,
        }
    }
}

/// Prints the error that it wraps.
impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.inner(), f)
    }
}

impl Error for FilterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner().source()
    }
}
