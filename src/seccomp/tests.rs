//! Tests on the policies of systemd and Docker.

use std::path::Path;

use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::bpf::verify::Verified;
use crate::seccomp::{Action, Arch, SeccompData, merge};

/// Returns the policies of the corpus whose names begin with one of these.
fn policies(names: &[&str]) -> Vec<Verified> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("jit-tests/cases/policies");
    let policy = |name: &&str| {
        let text = std::fs::read(folder.join(format!("{name}.asm"))).unwrap();
        Program::parse(&text).unwrap().verify(Dialect::Seccomp).unwrap()
    };
    names.iter().map(policy).collect()
}

/// The filters that systemd installs for a service with many restrictions, and Docker's.
const STACKS: [&[&str]; 4] = [
    &[
        "systemd_system_service",
        "systemd_memory_deny_write_execute",
        "systemd_not_privileged",
        "systemd_restrict_namespaces",
        "systemd_restrict_suid_sgid",
    ],
    &["systemd_system_service", "systemd_system_service_i386", "systemd_system_service_x32"],
    &["docker_default"],
    &["docker_default", "systemd_restrict_suid_sgid", "libseccomp_arguments", "libseccomp_tree"],
];

#[test]
fn merged_stacks_execute_a_third() {
    for names in STACKS {
        let stack = policies(names);
        let start = std::time::Instant::now();
        let merged = merge(&stack).unwrap();
        let time = start.elapsed();
        let (mut before, mut after) = (0, 0);
        for arch in [Arch::X86_64, "i386".parse().unwrap(), Arch::AARCH64] {
            for nr in 0..=500 {
                for (first, third) in [(0, 0), (1, 7), (0x1000_0000, 4), (u64::MAX, u64::MAX)] {
                    for nr in [nr, nr | 0x4000_0000] {
                        let args = [first, 0o4755, third, 0o4755, 0, 0];
                        let data = SeccompData { nr, arch, instruction_pointer: 0, args };
                        let bytes = data.to_bytes();
                        let actions = stack.iter().rev().map(|filter| filter.interpret(&bytes).into());
                        assert_eq!(Action::strictest(actions), merged.interpret(&bytes).into(), "{data:?}");
                        if nr <= 500 && arch == Arch::X86_64 {
                            before += stack.iter().map(|filter| filter.trace(&bytes).iter().count()).sum::<usize>();
                            after += merged.trace(&bytes).iter().count();
                        }
                    }
                }
            }
        }
        let len: usize = stack.iter().map(|filter| filter.program().len()).sum();
        println!("{names:?}: {len} -> {}, executed {before} -> {after}, {time:?}", merged.program().len());
    }
}

#[test]
fn explains_policies() {
    for name in ["docker_default", "systemd_restrict_namespaces", "libseccomp_arguments", "libseccomp_architectures"] {
        println!("{name}\n{}", crate::seccomp::explain(&policies(&[name])).unwrap());
    }
}
