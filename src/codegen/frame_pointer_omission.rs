//! Leaves out the stack frame of a function that has nothing on the stack.
//!
//! On x86-64 Cranelift has every function save the caller's frame pointer and bring it back, needed or not: four
//! instructions, of eleven in the code for `arp`. A function that neither calls another nor keeps anything on the stack
//! never looks at it, so it can be entered behind the one and left before the other. On other machines Cranelift does as
//! much itself.
//!
//! Nothing is guessed of the machine code: the returns carry a mark through Cranelift, which says where each of them ends,
//! and one that does not end as expected leaves everything as it is.

use cranelift_codegen::CompiledCode;
use cranelift_codegen::ir::{Function, Opcode, SourceLoc};

/// `push rbp; mov rbp, rsp`
const SET_UP: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];

/// `mov rsp, rbp; pop rbp; ret`
const LEAVE: [u8; 5] = [0x48, 0x89, 0xec, 0x5d, 0xc3];

/// `ret`, and what is never reached.
const RETURN: [u8; 5] = [0xc3, 0xcc, 0xcc, 0xcc, 0xcc];

/// The same lines in Cranelift's disassembly, and what stands in their places.
const DISASSEMBLY: [(&str, &str); 2] =
    [("  pushq %rbp\n  movq %rsp, %rbp\n", ""), ("  movq %rbp, %rsp\n  popq %rbp\n  retq", "  retq")];

/// The place in a source that returns claim to be of.
fn mark() -> SourceLoc {
    SourceLoc::new(0)
}

/// Marks the returns of a function that is going to be compiled.
pub(crate) fn mark_returns(function: &mut Function) {
    let blocks: Vec<_> = function.layout.blocks().collect();
    for block in blocks {
        if let Some(last) = function.layout.last_inst(block)
            && function.dfg.insts[last].opcode() == Opcode::Return
        {
            function.set_srcloc(last, mark());
        }
    }
}

/// Takes the frame out of the code of a function, if it needs none, and says at which byte the function is entered.
pub(crate) fn leave_out(compiled: &CompiledCode, code: &mut [u8]) -> usize {
    if !is_needless(compiled) {
        return 0;
    }
    for end in return_ends(compiled) {
        code[end - LEAVE.len()..end].copy_from_slice(&RETURN);
    }
    SET_UP.len()
}

/// The disassembly of a function, without its frame if that is left out.
pub(crate) fn disassembly(compiled: &CompiledCode) -> String {
    let text = compiled.vcode.clone().unwrap_or_default();
    match is_needless(compiled) {
        true => DISASSEMBLY.iter().fold(text, |text, (frame, rest)| text.replace(frame, rest)),
        false => text,
    }
}

/// Whether a function has a frame, and is as well off without.
fn is_needless(compiled: &CompiledCode) -> bool {
    let code = compiled.code_buffer();
    let is_empty = compiled.buffer.frame_layout().is_some_and(|layout| layout.frame_to_fp_offset == 0);
    cfg!(target_arch = "x86_64")
        && is_empty
        && compiled.buffer.call_sites().next().is_none()
        && code.starts_with(&SET_UP)
        && return_ends(compiled).all(|end| code[..end].ends_with(&LEAVE))
}

/// Where the returns end, in bytes.
fn return_ends(compiled: &CompiledCode) -> impl Iterator<Item = usize> {
    let places = compiled.buffer.get_srclocs_sorted().iter();
    places.filter(|place| place.loc == mark()).map(|place| place.end as usize)
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use crate::debug::Graph;
    use crate::{Dialect, Program};

    fn native(text: &str) -> String {
        let program: Program = text.parse().expect("a program");
        let verified = program.verify(Dialect::Pcap).expect("a valid one");
        Graph::optimized(&verified).native().expect("native code")
    }

    #[test]
    fn what_needs_no_stack_has_no_frame() {
        let code = native("ldh [12]\n jne #0x806, drop\n ret #-1\n drop: ret #0");
        assert!(!code.contains("rbp") && code.contains("ret"), "{code}");
    }

    #[test]
    fn what_needs_the_stack_has_a_frame() {
        // Sixteen words that are all needed twice.
        let loads: String = (0..16).map(|slot| format!("ld [{}]\n st M[{slot}]\n", 4 * slot)).collect();
        let sums: String = (0..16).rev().map(|slot| format!("ldx M[{slot}]\n mul x\n add x\n")).collect();
        let again: String = (0..16).map(|slot| format!("ldx M[{slot}]\n div x\n xor x\n")).collect();
        let code = native(&format!("{loads}{sums}{again} ret a"));
        assert!(code.contains("pushq %rbp") && code.contains("popq %rbp"), "{code}");
    }
}
