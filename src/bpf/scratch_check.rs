//! The check that each scratch word is stored, on every path, before it is read. It takes 512 bytes of stack.

use core::borrow::Borrow;

use crate::bpf::dialect::Dialect;
use crate::bpf::verified_ref::Steps;
use crate::bpf::verify::{SCRATCH_WORDS, Source, Step};

/// A set of scratch words, a bit for each.
type ScratchSet = u16;

const _: () = assert!(SCRATCH_WORDS == ScratchSet::BITS as usize);

/// Returns the first instruction that reads a scratch word that is not stored on every path.
///
/// There is a pass for each scratch word that is read. Programs rarely read more than two.
pub(crate) fn first_unset_read(steps: &(impl Steps + ?Sized)) -> Option<usize> {
    let read = steps.steps_from(0).fold(0, |read: ScratchSet, step| match *step.borrow() {
        Step::Load(_, Source::Scratch(slot)) => read | 1 << slot,
        _ => read,
    });
    let slots = (0..SCRATCH_WORDS).filter(|slot| read & 1 << slot != 0);
    slots.filter_map(|slot| first_unset_read_of(steps, slot)).min()
}

/// Returns the first instruction that reads this scratch word while it is not stored on every path.
///
/// As in the kernel, a return continues with the next instruction, and everything counts as stored in unreachable code.
fn first_unset_read_of(steps: &(impl Steps + ?Sized), slot: usize) -> Option<usize> {
    // A bit for each instruction that a jump reaches without a store.
    let mut unset = [0_u32; Dialect::Linux.max_len() / 32];
    let mut is_stored = false;
    for (pc, step) in steps.steps_from(0).enumerate() {
        is_stored &= unset.get(pc / 32).is_some_and(|word| word & 1 << (pc % 32) == 0);
        let targets = match *step.borrow() {
            Step::Store(_, stored) => {
                is_stored |= stored == slot;
                continue;
            }
            Step::Load(_, Source::Scratch(read)) if read == slot && !is_stored => return Some(pc),
            Step::Jump(target) => [target; 2],
            Step::Branch { then, otherwise, .. } => [then, otherwise],
            _ => continue,
        };
        for target in targets {
            if let Some(word) = unset.get_mut(target / 32) {
                *word |= u32::from(!is_stored) << (target % 32);
            }
        }
        is_stored = true;
    }
    None
}
