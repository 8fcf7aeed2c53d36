//! A kernel with one task and one socket, in which all memory is fixed.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;

use cbpf::Context;
use cbpf::bpf::RawInstruction;
use cbpf::seccomp::SeccompData;
use no_std_example::{Arena, Socket, Task};

/// `ld [0]; jeq #59, 0, 1; ret #0x50001; ret #0x7fff0000`: call 59 returns EPERM, all others are allowed.
static POLICY: [RawInstruction; 4] = [
    RawInstruction::new(0x20, 0, 0, 0),
    RawInstruction::new(0x15, 0, 1, 59),
    RawInstruction::new(0x06, 0, 0, 0x5_0001),
    RawInstruction::new(0x06, 0, 0, 0x7fff_0000),
];

/// `ldh [12]; jeq #0x806, 0, 1; ret #-1; ret #0`: ARP in Ethernet.
static ARP: [RawInstruction; 4] = [
    RawInstruction::new(0x28, 0, 0, 12),
    RawInstruction::new(0x15, 0, 1, 0x806),
    RawInstruction::new(0x06, 0, 0, u32::MAX),
    RawInstruction::new(0x06, 0, 0, 0),
];

/// Nothing here is known to the compiler, so that no code of the library is left out.
fn kernel() {
    let mut memory = [RawInstruction::default(); 64];
    let mut arena = Arena::new(&mut memory);
    let (mut task, mut socket) = (Task::default(), Socket::default());
    black_box(task.add_filter(black_box(&POLICY), &mut arena).is_ok());
    black_box(socket.attach(black_box(&ARP), &mut arena).is_ok());
    black_box(task.check(black_box(&SeccompData::default())));
    black_box(socket.receive(black_box(&[0; 60]), black_box(&Context::default())));
}

#[cfg(not(target_os = "none"))]
fn main() {
    kernel();
}

/// What a program without an operating system needs.
#[cfg(target_os = "none")]
mod bare_metal {
    use core::alloc::{GlobalAlloc, Layout};
    use core::panic::PanicInfo;

    #[unsafe(no_mangle)]
    extern "C" fn _start() -> ! {
        super::kernel();
        loop {}
    }

    /// An allocator without memory. The crate `alloc`, on which other parts of the library depend, demands one; since
    /// verifying and running borrowed programs never allocates, the linker removes it.
    struct NoMemory;

    unsafe impl GlobalAlloc for NoMemory {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 {
            core::ptr::null_mut()
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }

    #[global_allocator]
    static ALLOCATOR: NoMemory = NoMemory;

    #[panic_handler]
    fn panic(_: &PanicInfo) -> ! {
        loop {}
    }
}
