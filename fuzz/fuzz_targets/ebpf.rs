//! Probably valid programs, and packets for them, at all hooks: our check of the verifier's rules accepts the compiled
//! programs, and a machine in user space gives the verdicts of the interpreter.
#![no_main]

use cbpf_fuzz::{check, dialect, ebpf, generate, linux};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(
    bytes,
    |u| {
        let dialect = dialect(u)?;
        let has_extensions = dialect == cbpf::Dialect::Linux && u.arbitrary()?;
        let input =
            if has_extensions { linux::program_and_samples(u)? } else { generate::program_and_samples(u, dialect)? };
        Ok((dialect, input))
    },
    |(dialect, (program, samples)), _| ebpf::oracle::ebpf_agrees(&program, dialect, &samples)
));
