//! Frame-pointer omission: removes the stack frame of a function that has nothing on the stack.
//!
//! On x86-64 Cranelift lets every function save and restore the caller's frame pointer: four instructions, of eleven in
//! the code for `arp`. A function that calls no other and has nothing on the stack does not use the frame pointer, so
//! its entry point can follow the save, and its returns can omit the restore. On other machines Cranelift does this
//! itself.
//!
//! Machine code is not searched: the returns carry a source location through Cranelift, which reports the end of each
//! of them. If it does not report as many as there are, or one does not end as expected, the code is left unchanged.

use cranelift_codegen::CompiledCode;
use cranelift_codegen::ir::{Function, Inst, Opcode, SourceLoc};

/// `push rbp; mov rbp, rsp`
const SET_UP: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];

/// `mov rsp, rbp; pop rbp; ret`
const LEAVE: [u8; 5] = [0x48, 0x89, 0xec, 0x5d, 0xc3];

/// `ret`, and padding.
const RETURN: [u8; 5] = [0xc3, 0xcc, 0xcc, 0xcc, 0xcc];

/// The same lines in Cranelift's disassembly, and their replacements.
const DISASSEMBLY: [(&str, &str); 2] =
    [("  pushq %rbp\n  movq %rsp, %rbp\n", ""), ("  movq %rbp, %rsp\n  popq %rbp\n  retq", "  retq")];

/// Returns the source location that marks returns.
fn return_mark() -> SourceLoc {
    SourceLoc::new(0)
}

/// Marks the returns of a function, before it is compiled.
pub(crate) fn mark_returns(function: &mut Function) {
    let returns: Vec<_> = returns(function).collect();
    for instruction in returns {
        function.set_srcloc(instruction, return_mark());
    }
}

/// Returns the return instructions of a function.
fn returns(function: &Function) -> impl Iterator<Item = Inst> {
    let last = function.layout.blocks().filter_map(|block| function.layout.last_inst(block));
    last.filter(|&instruction| function.dfg.insts[instruction].opcode() == Opcode::Return)
}

/// Removes the frame from the code of a function, if possible, and returns the offset of the entry point, in bytes.
pub(crate) fn omit(compiled: &CompiledCode, function: &Function, code: &mut [u8]) -> usize {
    if !can_omit(compiled, function) {
        return 0;
    }
    for end in return_ends(compiled) {
        code[end - LEAVE.len()..end].copy_from_slice(&RETURN);
    }
    SET_UP.len()
}

/// Returns the disassembly of a function, without its frame if that is omitted.
pub(crate) fn disassembly(compiled: &CompiledCode, function: &Function) -> String {
    let text = compiled.vcode.clone().unwrap_or_default();
    match can_omit(compiled, function) {
        true => DISASSEMBLY.iter().fold(text, |text, (frame, rest)| text.replace(frame, rest)),
        false => text,
    }
}

/// Returns whether a function has a frame and does not use it.
fn can_omit(compiled: &CompiledCode, function: &Function) -> bool {
    let code = compiled.code_buffer();
    let is_empty = compiled.buffer.frame_layout().is_some_and(|layout| layout.frame_to_fp_offset == 0);
    cfg!(target_arch = "x86_64")
        && is_empty
        && compiled.buffer.call_sites().next().is_none()
        && code.starts_with(&SET_UP)
        && return_ends(compiled).count() == returns(function).count()
        && return_ends(compiled).all(|end| code[..end].ends_with(&LEAVE))
}

/// Returns the ends of the returns, in bytes.
fn return_ends(compiled: &CompiledCode) -> impl Iterator<Item = usize> {
    let ranges = compiled.buffer.get_srclocs_sorted().iter();
    ranges.filter(|range| range.loc == return_mark()).map(|range| range.end as usize)
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
    fn omits_the_frame_of_code_without_stack() {
        let code = native("ldh [12]\n jne #0x806, drop\n ret #-1\n drop: ret #0");
        assert!(!code.contains("rbp") && code.contains("ret"), "{code}");
    }

    #[test]
    fn keeps_the_frame_of_code_with_spills() {
        // Sixteen words that are all used twice.
        let loads: String = (0..16).map(|slot| format!("ld [{}]\n st M[{slot}]\n", 4 * slot)).collect();
        let sums: String = (0..16).rev().map(|slot| format!("ldx M[{slot}]\n mul x\n add x\n")).collect();
        let again: String = (0..16).map(|slot| format!("ldx M[{slot}]\n div x\n xor x\n")).collect();
        let code = native(&format!("{loads}{sums}{again} ret a"));
        assert!(code.contains("pushq %rbp") && code.contains("popq %rbp"), "{code}");
    }
}
