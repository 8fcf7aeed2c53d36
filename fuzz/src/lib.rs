//! The generators and oracles of `jit-tests`, and [`check`], which runs an oracle on a generated input.

#[path = "../../jit-tests/case.rs"]
pub mod case;
/// What of `jit-tests/ebpf/` needs no kernel.
#[path = "../../jit-tests/ebpf"]
pub mod ebpf {
    pub mod checker;
    pub mod oracle;
    pub mod user;
}
#[path = "../../jit-tests/generate.rs"]
pub mod generate;
#[path = "../../jit-tests/guarded.rs"]
pub mod guarded;
#[path = "../../jit-tests/layouts.rs"]
pub mod layouts;
#[path = "../../jit-tests/linux.rs"]
pub mod linux;
#[path = "../../jit-tests/oracle.rs"]
pub mod oracle;
#[path = "../../jit-tests/set.rs"]
pub mod set;

use arbitrary::Unstructured;
use cbpf::Dialect;

/// Draws an input from the fuzzer's bytes, and panics if the oracle reports an error. Too few bytes are no input.
pub fn check<T>(
    bytes: &[u8],
    generate: impl FnOnce(&mut Unstructured) -> arbitrary::Result<T>,
    oracle: impl FnOnce(T, &mut Unstructured) -> Result<(), String>,
) {
    let mut u = Unstructured::new(bytes);
    if let Ok(input) = generate(&mut u) {
        oracle(input, &mut u).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Draws a dialect.
pub fn dialect(u: &mut Unstructured) -> arbitrary::Result<Dialect> {
    u.choose(Dialect::ALL).copied()
}
