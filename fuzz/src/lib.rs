//! The generators and oracles of `jit-tests`, as the fuzz targets use them.

#[path = "../../jit-tests/case.rs"]
pub mod case;
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
