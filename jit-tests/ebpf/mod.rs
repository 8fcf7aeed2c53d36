//! Judges of the programs that `cbpf::ebpf` compiles: a checker of the verifier's rules, a machine in user space, and the
//! hooks of the kernel.

#[cfg(target_os = "linux")]
pub mod bpf;
pub mod checker;
#[cfg(target_os = "linux")]
pub mod hooks;
pub mod user;

use cbpf::ebpf::{EbpfError, Hook, Options};
use cbpf::packet::Extension;
use cbpf::{Dialect, Packet, Program, Verified};

use crate::engine::{Engine, Loaded, Rejection};
use user::Function;

/// Returns `true` if the compiler says that the hook of these options lacks what a program loads, and the hook does.
pub fn lacks(verified: &Verified, options: &Options) -> bool {
    match options.compile(verified) {
        Err(EbpfError::Ancillary { extension, hook, .. }) => !has(hook, extension),
        Err(EbpfError::HeaderRelative { .. }) => true,
        _ => false,
    }
}

/// Returns `true` if programs at a hook can find out what an ancillary load loads.
fn has(hook: Hook, extension: Extension) -> bool {
    match extension {
        Extension::Cpu | Extension::Random | Extension::XorX => true,
        Extension::InterfaceIndex | Extension::Queue => hook != Hook::Function,
        Extension::HardwareType
        | Extension::NetlinkAttribute
        | Extension::NestedNetlinkAttribute
        | Extension::PayloadOffset => false,
        _ => matches!(hook, Hook::Tc | Hook::CgroupSkb | Hook::Socket),
    }
}

/// Functions that read the packet directly, in user space.
pub struct User;

impl Engine for User {
    fn name(&self) -> &'static str {
        "ebpf-user"
    }

    fn supports(&self, _dialect: Dialect) -> bool {
        true
    }

    fn can_have(&self, program: &Program, dialect: Dialect) -> bool {
        // The machine has no helpers.
        let calls = [Extension::Cpu, Extension::Random].iter().any(|&it| crate::oracle::may_load(program, it));
        program.verify(dialect).map_or(true, |verified| !calls && !lacks(&verified, &Function::options()))
    }

    fn load(&self, program: &Program, dialect: Dialect) -> Result<Box<dyn Loaded>, Rejection> {
        let verified = program.verify(dialect).map_err(Rejection::Verifier)?;
        let compiled = Function::options().compile(&verified).map_err(|error| Rejection::Judge(error.to_string()))?;
        checker::check(&compiled, true).map_err(|error| Rejection::Judge(format!("{error}\n{compiled}")))?;
        Ok(Box::new(InUserSpace(Function::new(&compiled))))
    }
}

struct InUserSpace(Function);

impl Loaded for InUserSpace {
    fn differs(&self, packet: &Packet, expected: u32) -> Option<String> {
        match self.0.run(packet) {
            Ok(verdict) => (verdict != u64::from(expected)).then(|| verdict.to_string()),
            Err(error) => Some(error),
        }
    }
}
