//! The machine that this process runs on, as a target of Cranelift.

use std::error::Error;
use std::sync::{Arc, Mutex};

use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use target_lexicon::Triple;

use crate::codegen::error::CompileError;

/// The Cranelift settings that differ from the default, besides [`BY_SIZE`].
///
/// The graph is optimised already. The IR verifier doubles the time, so only debug builds run it. Code with a stack
/// frame of more than a page probes each page, so that it cannot skip the guard page of the stack.
const SETTINGS: [(&str, &str); 7] = [
    ("opt_level", "none"),
    ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
    ("is_pic", "false"),
    ("enable_probestack", "true"),
    ("probestack_strategy", "inline"),
    ("unwind_info", "false"),
    ("use_colocated_libcalls", "false"),
];

/// The settings for most graphs, and for very large ones: single-pass register allocation makes slower code, but its
/// time is not quadratic. The time of its checker is, so the checker is off.
const BY_SIZE: [[(&str, &str); 2]; 2] = [
    [
        ("regalloc_algorithm", "backtracking"),
        ("regalloc_checker", if cfg!(debug_assertions) { "true" } else { "false" }),
    ],
    [("regalloc_algorithm", "single_pass"), ("regalloc_checker", "false")],
];

/// This machine as a Cranelift target, with the settings of [`BY_SIZE`].
pub(crate) type Host = Arc<[OwnedTargetIsa; 2]>;

/// Returns the machine that this process runs on. A thread that finds the lock taken describes the machine anew: in a
/// forked process the owner of the lock may not exist.
pub(crate) fn host() -> Result<Host, CompileError> {
    static HOST: Mutex<Option<Host>> = Mutex::new(None);
    if let Some(host) = HOST.try_lock().ok().and_then(|host| host.clone()) {
        return Ok(host);
    }
    let [small, large] = BY_SIZE;
    let describe = || -> Result<_, Box<dyn Error>> { Ok(Arc::new([describe_host(small)?, describe_host(large)?])) };
    let host = describe().map_err(|error| CompileError::UnsupportedMachine(error.to_string()))?;
    if let Ok(mut kept) = HOST.try_lock() {
        *kept = Some(host.clone());
    }
    Ok(host)
}

fn describe_host(by_size: [(&str, &str); 2]) -> Result<OwnedTargetIsa, Box<dyn Error>> {
    let mut flags = settings::builder();
    for (name, value) in SETTINGS.into_iter().chain(by_size) {
        flags.set(name, value)?;
    }
    let mut isa = isa::lookup(Triple::host())?;
    use_extensions(&mut isa)?;
    Ok(isa.finish(settings::Flags::new(flags))?)
}

/// Enables the extensions of RISC-V that this processor has and that compiled code uses: without Zbb, a byte swap takes
/// ten instructions.
#[cfg(target_arch = "riscv64")]
fn use_extensions(isa: &mut isa::Builder) -> Result<(), Box<dyn Error>> {
    use std::arch::is_riscv_feature_detected as has;
    let found = [("has_zba", has!("zba")), ("has_zbb", has!("zbb")), ("has_zbs", has!("zbs"))];
    Ok(found.into_iter().filter(|(_, is_found)| *is_found).try_for_each(|(name, _)| isa.enable(name))?)
}

/// Rejects processors older than z14, whose instructions Cranelift always uses.
#[cfg(target_arch = "s390x")]
fn use_extensions(_isa: &mut isa::Builder) -> Result<(), Box<dyn Error>> {
    /// `HWCAP_S390_VXRS_EXT`: vector enhancements, which came with z14.
    const Z14: libc::c_ulong = 1 << 13;
    #[expect(unsafe_code, reason = "asks the system")]
    // SAFETY: the call only reads the auxiliary vector.
    let capabilities = unsafe { libc::getauxval(libc::AT_HWCAP) };
    if capabilities & Z14 == 0 { Err("the processor is older than z14".into()) } else { Ok(()) }
}

/// Does nothing: all processors have the instructions that compiled code uses.
#[cfg(not(any(target_arch = "riscv64", target_arch = "s390x")))]
fn use_extensions(_isa: &mut isa::Builder) -> Result<(), Box<dyn Error>> {
    Ok(())
}
