//! The Linux kernel as a judge of the seccomp dialect, without privileges; the calls that it judges are never made.
//!
//! Every return of a program is replaced by `ERRNO(1 + byte of the verdict)`, so a call comes back with a part of the
//! verdict, whatever call it is and whatever the verdict would do: four calls show all 32 bits. A program that ends by a
//! division by zero has verdict 0, which kills the thread.

use std::sync::OnceLock;

use cbpf::{Action, AluOp, Arch, Dialect, Instruction, Packet, Program, SeccompData};

use crate::confined::{self, KILLED, Task};
use crate::engine::{Engine, Loaded, Refusal};

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

    fn speaks(&self, dialect: Dialect) -> bool {
        dialect == Dialect::Seccomp
    }

    /// A call that this machine can make; nobody can say where it is made.
    fn takes(&self, packet: &Packet) -> bool {
        let data = packet.data().try_into().map(SeccompData::from_bytes);
        data.is_ok_and(|data| {
            Some(data.arch) == Arch::host() && data.instruction_pointer == 0 && !is_for_probes(data.nr)
        })
    }

    fn load(&self, program: &Program, _dialect: Dialect) -> Result<Box<dyn Loaded>, Refusal> {
        if !is_accepted(program) {
            return Err(Refusal::Judge("the kernel refuses the program".to_owned()));
        }
        Ok(Box::new(Questions([0, 8, 16, 24].map(|shift| byte_of_verdict(program, shift)))))
    }
}

/// `uretprobe` and `uprobe`, about which newer kernels ask no filter on x86-64.
fn is_for_probes(nr: i32) -> bool {
    cfg!(target_arch = "x86_64") && matches!(nr, 335 | 336)
}

/// Whether the kernel takes the program as it is.
fn is_accepted(program: &Program) -> bool {
    let outcome = confined::run(Task::Threads, std::slice::from_ref(program), &[]);
    outcome.is_ok_and(|outcome| outcome.results == [0])
}

/// The program that returns 1 more than eight bits of its verdict as an error.
fn byte_of_verdict(program: &Program, shift: u32) -> Program {
    let byte = |verdict: u32| Action::Errno((verdict >> shift & 0xff) as u16 + 1).into();
    let len = program.len();
    let ask = |(pc, instruction)| match instruction {
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
    program.disassemble().map(plain).enumerate().map(ask).chain(epilogue).collect()
}

/// The instruction without what stands in fields that it does not use.
fn plain(instruction: Instruction) -> Instruction {
    let Instruction::Raw(raw) = instruction else { return instruction };
    match raw.code {
        0x06 => Instruction::ReturnConstant { verdict: raw.k },
        0x16 => Instruction::ReturnA,
        _ => instruction,
    }
}

/// A program four times, each telling eight bits of the verdict.
struct Questions([Program; 4]);

impl Loaded for Questions {
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
