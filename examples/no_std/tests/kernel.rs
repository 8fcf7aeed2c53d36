//! The example on the host, and proof that verifying and running borrowed programs allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::{fs, thread};

use cbpf::bpf::{RawInstruction, VerifiedRef};
use cbpf::seccomp::{Action, SeccompData};
use cbpf::{Context, Dialect, Packet, Program};
use no_std_example::{Arena, Refused, Socket, Task};

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn program(text: &str) -> Program {
    text.parse().expect("a program")
}

#[test]
fn checks_system_calls() {
    let mut memory = [RawInstruction::default(); 12];
    let mut arena = Arena::new(&mut memory);
    let mut task = Task::default();
    let call = |nr| SeccompData { nr, ..SeccompData::default() };
    assert_eq!(task.check(&call(59)), Action::Allow);
    let deny = program("ld [0]\n jeq #59, deny\n ret #0x7fff0000\n deny: ret #0x00050001");
    task.add_filter(deny.instructions(), &mut arena).expect("a valid filter");
    task.add_filter(program("ret #0x7ffc0000").instructions(), &mut arena).expect("a valid filter");
    assert_eq!(task.check(&call(59)), Action::Errno(1));
    assert_eq!(task.check(&call(60)), Action::Log);
    let unset = program("ld M[3]\n ret a");
    assert!(matches!(task.add_filter(unset.instructions(), &mut arena), Err(Refused::Invalid(error)) if error.pc == 0));
    assert_eq!(task.add_filter(&[RawInstruction::default(); 9], &mut arena), Err(Refused::NoMemory));
}

#[test]
fn filters_packets() {
    let mut memory = [RawInstruction::default(); 8];
    let mut arena = Arena::new(&mut memory);
    let mut socket = Socket::default();
    socket
        .attach(program("ld proto\n jne #0x806, drop\n ret #20\n drop: ret #0").instructions(), &mut arena)
        .expect("valid");
    assert_eq!(socket.receive(&[0; 60], &Context::default().protocol(0x806)), 20);
    assert_eq!(socket.receive(&[0; 60], &Context::default()), 0);
}

/// Returns all programs of the corpus, valid or not, and the longest ones that the checks of whole programs take.
fn programs() -> Vec<Program> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../jit-tests/cases");
    let mut programs = Vec::new();
    for folder in fs::read_dir(corpus).expect("the corpus") {
        for case in fs::read_dir(folder.expect("a folder").path()).expect("a folder") {
            let text = fs::read_to_string(case.expect("a file").path()).expect("a text");
            programs.extend(text.parse::<Program>());
        }
    }
    assert!(programs.len() > 300, "{} programs", programs.len());
    let [load, store, jump, ret] =
        [(0x60, 15), (0x02, 15), (0x05, 4000), (0x16, 0)].map(|(code, k)| RawInstruction::new(code, 0, 0, k));
    let slow = RawInstruction::new(0xb1, 0, 0, 0xffff);
    programs.push(Program::new([vec![store], vec![load; 4094], vec![ret]].concat()));
    programs.push(Program::new([vec![jump], vec![slow; 4094], vec![ret]].concat()));
    programs
}

#[test]
fn nothing_is_allocated() {
    let data: Vec<u8> = (0..=255).collect();
    let context = Context::default().protocol(0x800).network_header(14).seed(1);
    let (mut accepted, mut refused) = (0, 0);
    for program in programs() {
        for &dialect in Dialect::ALL {
            let before = COUNT.get();
            match VerifiedRef::new(program.instructions(), dialect) {
                Ok(verified) => {
                    accepted += 1;
                    for len in [0, 14, 34, 64, 256] {
                        verified.interpret(Packet::new(&data[..len]).with_context(&context));
                    }
                    verified.interpret_seccomp(&SeccompData::default());
                }
                Err(_) => refused += 1,
            }
            assert_eq!(COUNT.get(), before, "{dialect}:\n{program}");
        }
    }
    assert!(accepted > 500 && refused > 100, "{accepted} accepted, {refused} refused");
}

/// Even in a debug build, in a thread of the standard library, 16 KiB are enough: the size of a stack in Linux.
#[test]
fn a_small_stack_is_enough() {
    let programs = programs();
    let run = move || {
        for program in programs {
            for &dialect in Dialect::ALL {
                let Ok(verified) = VerifiedRef::new(program.instructions(), dialect) else { continue };
                verified.interpret(Packet::new(&[0; 64]));
            }
        }
    };
    thread::Builder::new().stack_size(16 << 10).spawn(run).expect("a thread").join().expect("no overflow");
}
