use super::*;
use crate::bpf::dialect::Dialect;
use crate::bpf::isa::{AluOp, Width};

fn compile(hook: Hook, text: &str) -> Result<Program, EbpfError> {
    let program: crate::Program = text.parse().expect("a program");
    Options::new(hook).big_endian(false).compile(&program.verify(Dialect::Linux).expect("a valid program"))
}

#[test]
fn encodes_as_the_standard_says() {
    let [half, full] = [OperandSize::Half, OperandSize::Full];
    let [r0, r1, r2] = [Register::R0, Register::R1, Register::R2];
    let cases: [(Instruction, u64, &str); 14] = [
        (Instruction::Move { size: full, dst: r1, src: r2.into() }, 0x0000_0000_0000_21bf, "(bf) r1 = r2"),
        (Instruction::Move { size: half, dst: r0, src: Source::Immediate(-1) }, 0xffff_ffff_0000_00b4, "(b4) w0 = -1"),
        (
            Instruction::Alu { size: half, op: AluOp::And, dst: r1, src: Source::Immediate(15) },
            0x0000_000f_0000_0154,
            "(54) w1 &= 15",
        ),
        (Instruction::Negate { dst: r2 }, 0x0000_0000_0000_0284, "(84) w2 = -w2"),
        (Instruction::NetworkOrder { width: Width::Half, dst: r1 }, 0x0000_0010_0000_01dc, "(dc) r1 = be16 r1"),
        (
            Instruction::Load { size: Size::U16, dst: r1, base: r2, offset: 12 },
            0x0000_0000_000c_2169,
            "(69) r1 = *(u16 *)(r2 +12)",
        ),
        (
            Instruction::Store { size: Size::U64, base: Register::FRAME, offset: -8, src: r1.into() },
            0x0000_0000_fff8_1a7b,
            "(7b) *(u64 *)(r10 -8) = r1",
        ),
        (
            Instruction::AtomicAdd { size: Size::U64, base: r0, offset: 0, src: r1 },
            0x0000_0000_0000_10db,
            "(db) lock *(u64 *)(r0 +0) += r1",
        ),
        (
            Instruction::LoadPacket { width: Width::Word, offset: -1 },
            0xffff_ffff_0000_0020,
            "(20) r0 = *(u32 *)skb[-1]",
        ),
        (Instruction::Jump { offset: 32_767 }, 0x0000_0000_7fff_0005, "(05) goto pc+32767"),
        (Instruction::JumpFar { offset: 32_768 }, 0x0000_8000_0000_0006, "(06) gotol pc+32768"),
        (
            Instruction::JumpIf {
                size: half,
                comparison: Comparison::Less,
                left: r1,
                right: Source::Immediate(16),
                offset: 2,
            },
            0x0000_0010_0002_01a6,
            "(a6) if w1 < 0x10 goto pc+2",
        ),
        (Instruction::Call(Helper::SkbLoadBytes), 0x0000_001a_0000_0085, "(85) call bpf_skb_load_bytes#26"),
        (Instruction::Exit, 0x0000_0000_0000_0095, "(95) exit"),
    ];
    for (instruction, code, text) in cases {
        let mut bytes = Vec::new();
        instruction.encode(false, &mut bytes);
        assert_eq!(bytes, code.to_le_bytes(), "{instruction}");
        assert_eq!(instruction.to_string(), text);
    }
    let mut bytes = Vec::new();
    Instruction::LoadMapValue { dst: r1, map: 0, offset: 4 }.encode(true, &mut bytes);
    assert_eq!(bytes, [0x18, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4]);
}

#[test]
fn names_what_a_hook_does_not_have() {
    let message = |hook, text| compile(hook, text).unwrap_err().to_string();
    assert_eq!(
        message(Hook::Xdp, "ld #1\n ld mark\n ret a"),
        "instruction 1: the hook `xdp` has no value for `mark`; it is there for tc, cgroup_skb, socket"
    );
    assert_eq!(
        message(Hook::Tc, "ld #1\n ld poff\n ret a"),
        "instruction 1: the hook `tc` has no value for `poff`; no hook has one"
    );
    assert_eq!(
        message(Hook::Tc, "ldb [-0x100000]\n ret a"),
        "instruction 0: the hook `tc` has no offsets that are relative to a header; count from the start of the packet, \
         or take the hook `socket`"
    );
    assert!(compile(Hook::Tc, "ld mark\n ret a").is_ok());
    assert!(compile(Hook::Socket, "ldb [-0x100000]\n ret a").is_ok());
}

#[test]
fn refuses_results_that_a_hook_does_not_take() {
    let program: crate::Program = "ret #2".parse().unwrap();
    let verified = program.verify(Dialect::Linux).unwrap();
    let with = |hook, action| Options::new(hook).on_match(action).compile(&verified);
    let refused = Err(EbpfError::Action { result: 2, hook: Hook::CgroupSkb });
    assert_eq!(with(Hook::CgroupSkb, Action::Verdict), refused);
    assert_eq!(with(Hook::CgroupSkb, Action::Return(2)), refused);
    assert_eq!(with(Hook::Socket, Action::Redirect(1)), Err(EbpfError::Redirect { hook: Hook::Socket }));
    let to_hash = Action::RedirectMap { kind: MapKind::Hash, key: None };
    assert_eq!(with(Hook::Xdp, to_hash), Err(EbpfError::Redirect { hook: Hook::Xdp }));
    let to_two_kinds = Options::new(Hook::Xdp).on_mismatch(Action::RedirectMap { kind: MapKind::CpuMap, key: None });
    let to_device = Action::RedirectMap { kind: MapKind::DevMap, key: Some(1) };
    assert_eq!(to_two_kinds.on_match(to_device).compile(&verified), Err(EbpfError::Redirect { hook: Hook::Xdp }));
    let to_devices = Action::RedirectMap { kind: MapKind::DevMap, key: None };
    let program = with(Hook::Xdp, to_devices).unwrap();
    assert_eq!((program.maps().len(), program.map_references()), (1, vec![(1, 0)]));
}

#[test]
fn jumps_reach_any_distance() {
    // There are more numbers than places in the stack frame, so they are loaded more than once.
    let tests: String = (0..24_000).map(|k| format!("ld [{}]\n jset #{}, keep\n", k % 800, 1 << (k / 800))).collect();
    let program: crate::Program = format!("{tests} ret #0\n keep: ret #1").parse().unwrap();
    let program = Options::new(Hook::Xdp).compile(&program.verify(Dialect::Pcap).unwrap()).unwrap();
    let far = program.instructions().iter().filter(|instruction| match instruction {
        Instruction::JumpFar { offset } => *offset > i32::from(i16::MAX),
        _ => false,
    });
    let far = far.count();
    assert!(far > 100, "{far} of {}", program.slots());
}

#[test]
fn values_that_do_not_fit_into_registers_go_to_the_stack() {
    let loads: String = (0..16).map(|k| format!("ldb [{k}]\n st M[{k}]\n")).collect();
    let adds: String = (0..16).rev().map(|k| format!("ldx M[{k}]\n mul x\n add x\n")).collect();
    let text = format!("{loads} ldb [40]\n {adds} ret a");
    for hook in [Hook::Xdp, Hook::Tc, Hook::Socket] {
        let program = compile(hook, &text.replace("[40]", "[x + 40]")).unwrap();
        let is_spill = |instruction: &&Instruction| matches!(instruction, Instruction::Store { .. });
        assert!(program.instructions().iter().any(|instruction| is_spill(&instruction)), "{program}");
    }
}
