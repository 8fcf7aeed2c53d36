//! The generators and oracles of `jit-tests`, as the fuzz targets use them.

#[path = "../../jit-tests/case.rs"]
pub mod case;
#[path = "../../jit-tests/generate.rs"]
pub mod generate;
#[path = "../../jit-tests/oracle.rs"]
pub mod oracle;
