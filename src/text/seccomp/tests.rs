use super::*;

fn read(text: &str) -> Vec<RawInstruction> {
    parse_presuming(text, PRESUMED).unwrap_or_else(|error| panic!("{error}"))
}

fn message(text: &str) -> (usize, usize, String) {
    let error = parse_presuming(text, PRESUMED).unwrap_err();
    (error.line(), error.column(), error.message().to_owned())
}

#[cfg(feature = "syscall-names")]
#[test]
fn prints_as_seccomp_tools_does() {
    let text = " line  CODE  JT   JF      K
=================================
 0000: 0x20 0x00 0x00 0x00000004  A = arch
 0001: 0x15 0x00 0x08 0xc000003e  if (A != ARCH_X86_64) goto 0010
 0002: 0x20 0x00 0x00 0x00000000  A = sys_number
 0003: 0x35 0x06 0x00 0x40000000  if (A >= 0x40000000) goto 0010
 0004: 0x15 0x04 0x00 0x00000001  if (A == write) goto 0009
 0005: 0x15 0x03 0x00 0x00000003  if (A == close) goto 0009
 0006: 0x15 0x02 0x00 0x00000020  if (A == dup) goto 0009
 0007: 0x15 0x01 0x00 0x0000003c  if (A == exit) goto 0009
 0008: 0x06 0x00 0x00 0x00050005  return ERRNO(5)
 0009: 0x06 0x00 0x00 0x7fff0000  return ALLOW
 0010: 0x06 0x00 0x00 0x00000000  return KILL
";
    let program = read(text);
    assert_eq!(super::print(&program), text);
    // The statements alone give the same program.
    let statements = lines(&program, PRESUMED).into_iter().map(|line| format!("{} {}\n", &line[..6], &line[34..]));
    assert_eq!(read(&statements.collect::<String>()), program);
}

#[cfg(feature = "syscall-names")]
#[test]
fn reads_statements_and_labels() {
    let by_hand = read(
        "# check if arch is X86_64
         A = arch
         A == ARCH_X86_64 ? next : dead
         A = sys_number
         A >= 0x40000000 ? dead : next
         A == write ? ok : next
         A == close ? ok : next
         A == dup ? ok : next
         A == exit ? ok : next
         return ERRNO(5)
         ok:
         return ALLOW
         dead:
         return KILL",
    );
    assert_eq!(by_hand.len(), 11);
    assert_eq!(by_hand[1], RawInstruction::new(0x15, 0, 8, 0xc000_003e));
    assert_eq!(by_hand[10], RawInstruction::new(6, 0, 0, 0));
    let same = |a: &str, b: &str| assert_eq!(read(a), read(b), "{a} / {b}");
    same(
        "A == aarch64.write ? 0 : 1\nreturn A return A",
        "if (A == 64) goto next else goto end return A end: return A",
    );
    same("A == x32_execve ? 0 : 0\nreturn A", "A == 0x40000208 ? next : next\nreturn A");
}

#[test]
fn reads_all_forms_of_statements() {
    let same = |a: &str, b: &str| assert_eq!(read(a), read(b), "{a} / {b}");
    same("a = DATA[4] # arch\nRETURN allow", "A = arch return 0x7fff0000");
    same("A = args_h[1]\nA = instruction_pointer >> 32", "A = args[1] >> 32 A = data[12]");
    same("if ( # why\n A\n == 0x123\n) goto end\nend: return A", "A == 291 ? 0 : 0\nreturn A");
    same(
        "if (!(A & 1)) goto end else jmp 1\n A = -A end: return A",
        "if (A & (1)) goto 1 else goto 1\nA = -A return A",
    );
    same("if (!(A < 5)) jump 0\nreturn A", "A >= 5 ? next : next\nreturn A");
    same("A = -1 A += 010 A <<= 3 mem[2] = X X = mem[2]", "A = 0xffffffff A += 10 A <<= 0x3 mem[2] = x x = mem[2]");
    same("X = A A = X X = len A = len A %= X", "X=A A=X X=len A=len A%=X");
    same(
        "return KILL_THREAD return ERRNO(0x5) return TRAP return KILL_PROCESS(1)",
        "return KILL return 0x50005 return 196608 return 0x80000001",
    );
    same("A == AUDIT_ARCH_RISCV64 ? 0 : 0 return A", "A == arch_riscv64 ? 0 : 0 return A");
}

#[test]
fn locates_errors() {
    assert_eq!(message("A = arch\n  A ~ 5").1, 5);
    assert_eq!(
        message("B = 5"),
        (1, 1, "expected a statement (`A = ..`, `if (..) goto ..`, `return ..`) or a label".into())
    );
    assert_eq!(message("goto out\nreturn A"), (1, 6, "label `out` is not defined".into()));
    assert_eq!(message("goto 1\nreturn A"), (1, 6, "expected a target inside the program".into()));
    assert_eq!(message("up: A = X\ngoto up"), (2, 6, "expected a target further down: jumps go forward only".into()));
    assert_eq!(message("up: A = X\nup: A = X"), (2, 1, "label `up` is defined twice".into()));
    assert_eq!(message("next: A = X"), (1, 1, "expected another name: `next` stands for the next statement".into()));
    assert_eq!(message("A = args[6]"), (1, 5, "expected `args[0]` to `args[5]`".into()));
    assert_eq!(message("A = args[1] >> 4"), (1, 16, "expected 32, for the upper half of 64 bits".into()));
    assert_eq!(message("if (A = 5) goto 0"), (1, 7, "expected one of == != < <= > >= &".into()));
    assert_eq!(message("if (X == 5) goto 0"), (1, 5, "expected `A`".into()));
    assert_eq!(message("return ERRNO(65536)"), (1, 14, "expected the data of an action, from 0 to 65535".into()));
    assert_eq!(message("mem[1] = 5"), (1, 10, "expected `A` or `X`".into()));
    assert_eq!(message("A = mem[x]"), (1, 9, "expected a number".into()));
    assert_eq!(message("0000: 0x20 0x0 0x0\n"), (2, 1, "expected a number".into()));
    assert_eq!(message("0001: 0x20 0x0 0x0 0x0"), (1, 1, "expected the line of instruction 0".into()));
}

#[test]
fn rejects_statements_that_contradict_fields() {
    let contradicts = "expected a statement that agrees with the four fields; remove the fields to use the statement";
    assert_eq!(message(" 0000: 0x06 0x00 0x00 0x7fff0000  return KILL"), (1, 35, contradicts.into()));
    assert_eq!(message("0000: 0x15 0x00 0x01 0x00000001  if (A != 1) goto 0003").2, contradicts);
    let remarks = read(
        "0000: 0x20 0x00 0x00 0x00000010  A = addr # mmap(addr, len, prot, flags, fd, pgoff)
         0001: 0x15 0x00 0x00 0x00000005  /* no-op */
         0002: 0x15 0x01 0x01 0x00000005  goto 0004
         0003: 0x81 0x00 0x00 0x00000000  X = 64
         0004: 0x15 0x00 0x01 0x00000005  if (A != 5) goto 0006
         0005: 0xffff 0x01 0x02 0x00000005
         0006: 0x20 0x00 0x00 0x00000018  A = times # utime(filename, times)
         0007: 0x15 0x00 0x01 0x00000004  if (A != write) goto 0009 # of i386",
    );
    assert_eq!(remarks.len(), 8);
}

#[test]
fn prints_forbidden_instructions_as_remarks() {
    let refused =
        [RawInstruction::new(0x28, 0, 0, 12), RawInstruction::new(0xb1, 0, 0, 14), RawInstruction::new(7, 9, 9, 9)];
    let printed = super::print(&refused);
    assert!(printed.contains("# ldh [12]") && printed.contains("# ldxb 4*([14]&0xf)") && printed.contains("X = A"));
    assert_eq!(read(&printed), refused);
}

#[cfg(feature = "syscall-names")]
#[test]
fn names_calls_for_the_tested_architecture() {
    let program = read(
        "A = arch
         A == ARCH_AARCH64 ? arm : 0
         A = sys_number
         A == 64 ? end : end
         arm: A = sys_number
         A == 64 ? end : 0
         end: return ALLOW",
    );
    let printed = lines(&program, PRESUMED);
    assert!(printed[3].contains("A == semget"), "{}", printed[3]);
    assert!(printed[5].contains("A == aarch64.write"), "{}", printed[5]);
}

#[test]
fn orders_halves_by_the_architecture() {
    let s390x = Arch(0x8000_0016);
    let text = "A = args[0] A = args[0] >> 32 A = args_h[5] A = instruction_pointer A = data[16] return A";
    let offsets = |arch| parse_presuming(text, arch).unwrap().iter().map(|raw| raw.k).collect::<Vec<u32>>();
    assert_eq!(offsets(Arch::X86_64), [16, 20, 60, 8, 16, 0]);
    assert_eq!(offsets(s390x), [20, 16, 56, 12, 16, 0]);
    // A tested architecture overrides the presumed one.
    let dual = "A = arch
                A == ARCH_S390X ? big : next
                A = args[0]
                return A
                big: A = args[0]
                return A";
    for presumed in [Arch::X86_64, s390x] {
        let program = parse_presuming(dual, presumed).unwrap();
        assert_eq!(program[4].k, 20);
        assert_eq!(program[2].k, if presumed == s390x { 20 } else { 16 });
        assert!(lines(&program, presumed)[4].ends_with("A = args[0]"));
    }
    // A listing may be of any architecture, but of one only.
    let listing =
        |second| format!("0000: 0x20 0x00 0x00 0x00000010  A = args[0] >> 32\n0001: 0x20 0 0 {second}  A = args[1]");
    assert_eq!(read(&listing("0x1c")).len(), 2);
    assert_eq!(message(&listing("0x18")).0, 2);
}

#[test]
fn reads_argument_names_from_remarks() {
    let same = |a: &str, b: &str| assert_eq!(read(a), read(b), "{a} / {b}");
    same("A = fd # write(fd, buf, count)\nA = count >> 32 # write(fd, buf, count)", "A = args[0] A = args[2] >> 32");
    same("A = len # mmap(addr, len, prot)\nA = len # what it is", "A = args[1] A = len");
    same("0004: A = prot # i386.mprotect(start, len, prot)\nreturn A", "A = args[2] return A");
    if cfg!(feature = "syscall-names") {
        assert!(message("A = fd\nreturn A").2.ends_with("arguments are `args[0]` to `args[5]`"));
    }
    let contradicts = "0000: 0x20 0x00 0x00 0x00000010  A = buf # write(fd, buf, count)";
    assert_eq!(message(contradicts).1, 34);
}
