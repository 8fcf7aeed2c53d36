//! Judges of the programs that `cbpf::ebpf` compiles: a checker of the verifier's rules, a machine in user space, and
//! the hooks of the kernel.

#[cfg(target_os = "linux")]
#[cfg_attr(not(feature = "std"), expect(dead_code, reason = "sets and objects use it"))]
pub mod bpf;
pub mod checker;
#[cfg(target_os = "linux")]
mod expressions;
mod faults;
#[cfg(target_os = "linux")]
pub mod hooks;
pub mod oracle;
#[cfg(all(feature = "std", target_os = "linux"))]
pub mod paged;
mod random;
#[cfg(all(feature = "std", target_os = "linux"))]
mod sets;
pub mod user;

use cbpf::packet::Extension;
use cbpf::{Dialect, Packet, Program};
use libtest_mimic::Trial;

use crate::engine::{Engine, Loaded, Rejection};
use crate::oracle::may_load;
use oracle::lacks;
use user::Function;

pub fn trials() -> Vec<Trial> {
    let mut trials = random::trials();
    trials.extend(faults::trials());
    #[cfg(target_os = "linux")]
    trials.extend(expressions::trials());
    #[cfg(all(feature = "std", target_os = "linux"))]
    trials.extend(paged::trials().into_iter().chain(sets::trials()));
    trials
}

/// Returns the judges: the machine in user space, and the hooks of the kernel.
pub fn judges() -> impl Iterator<Item = &'static dyn Engine> {
    [&User as &dyn Engine].into_iter().chain(hooks())
}

/// Returns the hooks of the Linux kernel.
#[cfg(target_os = "linux")]
fn hooks() -> impl Iterator<Item = &'static dyn Engine> {
    hooks::PLACES.iter().map(|place| place as &dyn Engine)
}

/// Returns the hooks of the Linux kernel, which this system does not have.
#[cfg(not(target_os = "linux"))]
fn hooks() -> impl Iterator<Item = &'static dyn Engine> {
    [&crate::engine::Absent("ebpf-kernel") as &dyn Engine].into_iter()
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
        let calls = [Extension::Cpu, Extension::Random].iter().any(|&it| may_load(program, it));
        !calls && !program.verify(dialect).is_ok_and(|verified| lacks(&verified, &Function::options()))
    }

    /// Packets of the kernel are no longer, and the compiler limits offsets for the verifier.
    fn takes(&self, packet: &Packet) -> bool {
        packet.data().len() < 0xffff
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
