//! Tests on the policies of systemd and Docker.

use std::path::Path;

use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::bpf::verify::Verified;
use crate::seccomp::{Action, AnalysisError, Arch, SeccompData, diff, explain, merge};
#[cfg(feature = "syscall-names")]
use crate::seccomp::{Finding, FindingKind, audit};

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
        assert!(3 * after <= before, "{names:?}: {before} -> {after}");
    }
}

#[cfg(feature = "syscall-names")]
#[test]
fn explains_policies() {
    let text = explain(&policies(&["systemd_restrict_namespaces"])).unwrap().print(Arch::X86_64);
    let expected = "\
x86_64:
  ALLOW
    clone, unshare if arg0 & 0x5e020080 == 0
    setns if arg1 & 0x5e020080 == 0 and arg1 & 0xffffffffa1fdff7f != 0
    every other call
  ERRNO(1)
    clone, unshare if arg0 & 0x5e020080 != 0
    setns if arg1 & 0xffffffffa1fdff7f == 0 or arg1 & 0x5e020080 != 0
  ERRNO(38)
    clone3
x86_64, x32 ABI:
  ALLOW
    every call
every architecture but x86_64:
  ALLOW
    every call
";
    assert_eq!(text, expected);
    let text = explain(&policies(&["docker_default"])).unwrap().to_string();
    for line in [
        "i386:\n  ALLOW\n    restart_syscall, exit, fork, read,",
        "    personality if arg0 in {0, 8, 0x20000, 0x20008, 0xffffffff}\n",
        "    x32_clone if arg0 & 0x7e020000 == 0\n",
        "every architecture but i386, x86_64:\n  KILL\n    every call\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

/// Returns the verified filter of a text in the notation of seccomp-tools or of `bpf_asm`.
fn filter(text: &str) -> Verified {
    let program = Program::parse_seccomp(text, Arch::X86_64).or_else(|_| text.parse::<Program>());
    program.unwrap().verify(Dialect::Seccomp).unwrap()
}

#[test]
fn joins_the_halves_of_both_byte_orders() {
    for (arch, upper, lower) in [(Arch::X86_64, 20, 16), ("s390x".parse().unwrap(), 16, 20)] {
        let text = format!(
            "ld [4]\n jne #{:#x}, kill\n ld [0]\n jne #5, allow\n ld [{upper}]\n jne #0x12, allow\n ld [{lower}]
             jeq #0x34, kill\n allow: ret #0x7fff0000\n kill: ret #0x80000000",
            arch.0
        );
        let explanation = explain(&[filter(&text)]).unwrap();
        let section = explanation.sections.iter().find(|section| section.architectures.single() == Some(arch));
        let rules = &section.unwrap().rules;
        let killed = rules.iter().find(|rule| rule.action == Action::KillProcess).unwrap();
        assert_eq!(
            (killed.calls.ranges(), killed.condition.to_string()),
            (&[5..=5][..], "arg0 == 0x1200000034".into())
        );
    }
}

#[test]
fn tells_byte_orders_apart_where_no_architecture_is_checked() {
    let text = "ld [0]\n jne #5, allow\n ld [20]\n jne #0, allow\n ld [16]\n jeq #3, deny\n allow: ret #0x7fff0000
                deny: ret #0x00050001";
    let text = explain(&[filter(text)]).unwrap().print("riscv64".parse().unwrap());
    assert!(text.starts_with("every little-endian architecture:\n  ALLOW\n"), "{text}");
    assert!(text.contains("if arg0 == 3\nevery big-endian architecture:\n"), "{text}");
    assert!(text.ends_with("if arg0 == 0x300000000\n"), "{text}");
    let text =
        "ld [4]\n jeq #0xc000003e, kill\n jeq #0x16, kill\n ld [16]\n jset #8, kill\n ret #0x7fff0000\n kill: ret #0";
    let text = explain(&[filter(text)]).unwrap().to_string();
    assert!(
        text.contains("every little-endian architecture but x86_64:\n  ALLOW\n    every call if arg0 & 8 == 0\n"),
        "{text}"
    );
    assert!(
        text.contains("every big-endian architecture but s390:\n  ALLOW\n    every call if arg0 & 0x800000000 == 0\n"),
        "{text}"
    );
}

#[test]
fn explains_tests_of_numbers_and_computed_values() {
    let text = "ld [0]\n and #1\n jeq #1, odd\n ret #0x7fff0000\n odd: ret #0x00050001";
    let text = explain(&[filter(text)]).unwrap().to_string();
    assert!(text.contains("every architecture:\n  ALLOW\n    every call if nr & 1 == 0\n"), "{text}");
    let product = "ld [16]\n tax\n ld [24]\n mul x\n jeq #6, yes\n ret #0\n yes: ret #0x7fff0000";
    let text = explain(&[filter(product)]).unwrap().to_string();
    assert!(text.contains("every call if (data[24] * data[16]) == 6"), "{text}");
    let compared = "ld [16]\n tax\n ld [24]\n jgt x, yes\n ret #0\n yes: ret #0x7fff0000";
    let text = explain(&[filter(compared)]).unwrap().to_string();
    assert!(text.contains("every call if (data[24] > data[16])"), "{text}");
    assert!(text.contains("every call if !(data[24] > data[16])"), "{text}");
    for text in [product, compared] {
        assert_eq!(diff(&[filter(text)], &[merge(&[filter(text)]).unwrap()]), Ok(vec![]));
    }
}

#[test]
fn confirms_differences_of_computed_values() {
    let with = |operation: &str, k: u32| {
        filter(&format!("ld [16]\n tax\n ld [24]\n {operation}\n jeq #{k}, yes\n ret #0\n yes: ret #0x7fff0000"))
    };
    for (a, b) in [(with("mul x", 6), with("mul x", 8)), (with("mul x", 5), with("add x", 5))] {
        let differences = diff(std::slice::from_ref(&a), std::slice::from_ref(&b)).unwrap();
        assert_eq!(differences.len(), 2);
        for difference in differences {
            let example = difference.example.unwrap();
            assert_eq!(a.interpret_seccomp(&example), Some(difference.before));
            assert_eq!(b.interpret_seccomp(&example), Some(difference.after));
        }
    }
    // An even product is never 3, but the analysis does not know.
    let [never, kill] = [with("mul x\n mul #6", 3), filter("ret #0")];
    let differences = diff(&[never], &[kill]).unwrap();
    assert!(differences.iter().all(|difference| difference.example.is_none()), "{differences:?}");
}

/// Audits a filter that is followed by `allow`, `deny` and `kill`, and returns the findings by kind.
#[cfg(feature = "syscall-names")]
fn audited(text: &str) -> Vec<(FindingKind, Finding)> {
    let ends = "allow: ret #0x7fff0000\n deny: ret #0x00050001\n kill: ret #0x80000000";
    let filters = [filter(&format!("{text}\n{ends}"))];
    let findings = audit(&filters).unwrap();
    for finding in &findings {
        if let Some(example) = finding.example {
            assert_eq!(finding.action, filters[0].interpret_seccomp(&example), "{finding}");
        }
        assert!(!finding.to_string().is_empty() && !finding.instructions.is_empty(), "{finding:?}");
    }
    findings.into_iter().map(|finding| (finding.kind, finding)).collect()
}

/// The start of a policy for x86-64 without x32.
#[cfg(feature = "syscall-names")]
const X86_64: &str = "ld [4]\n jne #0xc000003e, kill\n ld [0]\n jge #0x40000000, kill\n";

#[cfg(feature = "syscall-names")]
#[test]
fn finds_planted_weaknesses() {
    use FindingKind::*;
    let kinds = |text: &str| audited(text).into_iter().map(|(kind, _)| kind).collect::<Vec<FindingKind>>();
    assert_eq!(kinds(&format!("{X86_64} jeq #1, allow\n jeq #2, allow, deny")), []);
    assert_eq!(kinds("ld [0]\n jeq #1, allow, deny"), [UncheckedArchitecture, Unreachable]);
    let half = "ld [0]\n jne #1, deny\n ld [16]\n jeq #7, allow, kill";
    assert_eq!(kinds(half), [UncheckedArchitecture, HalfArgument]);
    let open = "ld [4]\n jne #0xc000003e, allow\n ld [0]\n jge #0x40000000, kill\n jeq #1, allow, deny";
    assert_eq!(kinds(open), [OpenArchitecture]);
    let shared = "ld [4]\n jeq #0xc000003e, ok\n jne #0x40000003, kill\n ok: ld [0]\n jge #0x40000000, kill
                  jeq #1, allow, deny";
    assert_eq!(kinds(shared), [SharedNumbers]);
    let x32 = "ld [4]\n jne #0xc000003e, kill\n ld [0]\n jeq #1, deny\n jeq #0x40000000, deny, allow";
    assert_eq!(kinds(x32), [OpenX32, AllowByDefault, AllowByDefault]);
    assert_eq!(kinds(&format!("{X86_64} jeq #1, deny, allow")), [AllowByDefault]);
    assert_eq!(kinds(&format!("{X86_64} jne #1, deny\n ld [16]\n jeq #7, allow, deny")), [HalfArgument]);
    assert_eq!(kinds(&format!("{X86_64} jne #1, deny\n ld [20]\n jeq #7, allow, deny")), [HalfArgument]);
    // Flags, and a limit of 2^40.
    assert_eq!(kinds(&format!("{X86_64} jne #1, deny\n ld [16]\n jset #7, allow, deny")), []);
    assert_eq!(kinds(&format!("{X86_64} jne #1, deny\n ld [20]\n jge #0x100, deny, allow")), []);
    assert_eq!(kinds(&format!("{X86_64} jne #1, deny\n ret #0x10000")), [UnknownAction, Unreachable]);
    let twice = format!("{X86_64} jeq #1, allow\n jeq #2, allow\n jeq #1, deny\n jge #0, deny");
    let findings = audited(&twice);
    let decided = |word: &str| findings.iter().find(|(_, finding)| finding.message.contains(word)).unwrap();
    assert_eq!((decided("never holds").0, &decided("never holds").1.instructions), (DecidedTest, &vec![6]));
    assert_eq!(decided("always holds").1.instructions, [7]);
}

#[test]
fn refuses_what_it_cannot_analyse() {
    let packets = "ldh [12]\n ret #1".parse::<Program>().unwrap().verify(Dialect::Linux).unwrap();
    let fine = filter("ret #0x7fff0000");
    let error = AnalysisError::Dialect { filter: 1, dialect: Dialect::Linux };
    assert_eq!(merge(&[fine.clone(), packets.clone()]), Err(error.clone()));
    assert_eq!(explain(&[fine.clone(), packets.clone()]), Err(error.clone()));
    assert_eq!(diff(std::slice::from_ref(&fine), &[packets]), Err(error));
    // The verdict is any number.
    let wild = filter("ld [16]\n ret a");
    assert_eq!(merge(&[fine, wild]), Err(AnalysisError::TooComplex { filter: 1, pc: 1 }));
    assert_eq!(merge(&[]).unwrap().program().len(), 1);
}

/// Sums of products of many words, and every test of them.
#[test]
fn bounds_its_work() {
    let mut text = String::from("ld [16]\n st M[0]\n");
    for word in 0..12 {
        text += &format!("ld [{}]\n tax\n ld M[0]\n add x\n mul x\n st M[0]\n", 16 + 4 * word);
        text += &format!("jset #{:#x}, deny\n", 1 << word);
    }
    let text = format!("{text} ret #0x7fff0000\n deny: ret #0");
    let start = std::time::Instant::now();
    let filters = [filter(&text)];
    if let Ok(merged) = merge(&filters) {
        assert_eq!(diff(&filters, &[merged]), Ok(vec![]));
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(60));
}
