//! Probably valid programs and packets for them, in all dialects: the engines agree, after all passes and after any
//! passes in any order, and read only the packet.
#![no_main]

use cbpf_fuzz::{check, dialect, generate, guarded, oracle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check(
    bytes,
    |u| {
        let (dialect, passes) = (dialect(u)?, generate::passes(u)?);
        Ok((dialect, passes, generate::program_and_samples(u, dialect)?))
    },
    |(dialect, passes, (program, samples)), _| {
        oracle::engines_agree(&program, dialect, &samples)?;
        oracle::passes_agree(&program, dialect, &samples, &passes)?;
        let Ok(verified) = program.verify(dialect) else { return Ok(()) };
        guarded::Judge::new(&[3]).filter(&verified, &samples)
    }
));
