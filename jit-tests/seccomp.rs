//! The Linux kernel as a judge of the seccomp dialect, without privileges; no call takes effect.
//!
//! Every return of a program is replaced by `ERRNO(1 + byte of the verdict)`, so four calls return all 32 bits,
//! whatever the call and the verdict. A division by zero gives verdict 0, which kills the thread.

use std::sync::OnceLock;

use cbpf::bpf::AluOp;
use cbpf::seccomp::{Action, Arch, SeccompData};
use cbpf::{Dialect, Instruction, Packet, Program};

use crate::confined::{self, KILLED, Task};
use crate::engine::{Engine, Loaded, Rejection};

pub struct KernelSeccomp;

impl Engine for KernelSeccomp {
    fn name(&self) -> &'static str {
        "kernel-seccomp"
    }

    fn is_available(&self) -> bool {
        static AVAILABLE: OnceLock<bool> = OnceLock::new();
        *AVAILABLE.get_or_init(|| {
            let program = Program::from_iter([Instruction::ReturnConstant { verdict: Action::Allow.into() }]);
            Arch::host().is_some() && is_accepted(&program)
        })
    }

    fn supports(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Seccomp
    }

    /// Returns `true` for a call that this machine can make; the instruction pointer cannot be chosen.
    fn takes(&self, packet: &Packet) -> bool {
        let data = packet.data().try_into().map(SeccompData::from_bytes);
        data.is_ok_and(|data| {
            Some(data.arch) == Arch::host() && data.instruction_pointer == 0 && !is_for_probes(data.nr)
        })
    }

    fn load(&self, program: &Program, _dialect: Dialect) -> Result<Box<dyn Loaded>, Rejection> {
        if !is_accepted(program) {
            return Err(Rejection::Judge("the kernel rejects the program".to_owned()));
        }
        Ok(Box::new(Bytes([0, 8, 16, 24].map(|shift| byte_of_verdict(program, shift)))))
    }
}

/// Returns `true` for `uretprobe` and `uprobe`, for which newer kernels on x86-64 run no filter.
fn is_for_probes(nr: i32) -> bool {
    cfg!(target_arch = "x86_64") && matches!(nr, 335 | 336)
}

/// Returns `true` if the kernel accepts the program.
fn is_accepted(program: &Program) -> bool {
    let outcome = confined::run(Task::Threads, std::slice::from_ref(program), &[]);
    outcome.is_ok_and(|outcome| outcome.results == [0])
}

/// Returns the program with one byte of its verdict, plus 1, as an error number.
fn byte_of_verdict(program: &Program, shift: u32) -> Program {
    let byte = |verdict: u32| Action::Errno((verdict >> shift & 0xff) as u16 + 1).into();
    let len = program.len();
    let replace = |(pc, instruction)| match instruction {
        Instruction::ReturnConstant { verdict } => Instruction::ReturnConstant { verdict: byte(verdict) },
        Instruction::ReturnA => Instruction::Jump { skip: (len - pc - 1) as u32 },
        instruction => instruction,
    };
    let alu = |op, k: u32| Instruction::Alu { op, operand: k.into() };
    let errno = u32::from(Action::Errno(0));
    let epilogue = [
        alu(AluOp::Rsh, shift),
        alu(AluOp::And, 0xff),
        alu(AluOp::Add, 1),
        alu(AluOp::Or, errno),
        Instruction::ReturnA,
    ];
    program.disassemble().map(plain).enumerate().map(replace).chain(epilogue).collect()
}

/// Returns the instruction with its unused fields cleared.
fn plain(instruction: Instruction) -> Instruction {
    let Instruction::Raw(raw) = instruction else { return instruction };
    match raw.code {
        0x06 => Instruction::ReturnConstant { verdict: raw.k },
        0x16 => Instruction::ReturnA,
        _ => instruction,
    }
}

/// Four variants of a program, one for each byte of the verdict.
struct Bytes([Program; 4]);

impl Loaded for Bytes {
    fn differs(&self, packet: &Packet, expected: u32) -> Option<String> {
        let data = SeccompData::from_bytes(packet.data().try_into().ok()?);
        let results = match confined::run(Task::Threads, &self.0, &[data]) {
            Ok(outcome) => outcome.results,
            Err(error) => return Some(format!("the judge failed: {error}")),
        };
        let bytes = |shift: u32| -i64::from((expected >> shift & 0xff) + 1);
        let is_as_expected = results == [0, 8, 16, 24].map(bytes) || expected == 0 && results == [KILLED; 4];
        (!is_as_expected).then(|| format!("-1 - each byte, lowest first: {results:?}"))
    }
}
