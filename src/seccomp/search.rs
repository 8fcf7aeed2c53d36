//! The search for a call that shows a difference which depends on opaque values.

use alloc::vec::Vec;

use crate::bpf::instruction::Operand;
use crate::bpf::verify::{Step, Verified};
use crate::seccomp::expression::{call, words};
use crate::syscall::SeccompData;

/// The number of calls to try.
const TRIES: u32 = 4_000;

/// Returns a call like `base`, but with other arguments, for which `is_wanted` holds. Words are 0, the constants of the
/// filters and numbers near them, or any. In the result, as many words as possible are 0.
pub(super) fn search<'f>(
    filters: impl Iterator<Item = &'f Verified>,
    base: &SeccompData,
    is_wanted: impl Fn(&SeccompData) -> bool,
) -> Option<SeccompData> {
    let constants = filters.flat_map(|filter| filter.steps()).filter_map(|step| match *step {
        Step::Branch { operand: Operand::Constant(k), .. } | Step::Alu(_, Operand::Constant(k)) => Some(k),
        _ => None,
    });
    let mut numbers: Vec<u32> = vec![0, 0, 1, 2];
    numbers.extend(constants.flat_map(|k| [k, k.wrapping_add(1), k.wrapping_sub(1)]));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u64| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (state >> 33) % below
    };
    let base = words(base);
    for _ in 0..TRIES {
        let mut tried = base;
        for word in &mut tried[2..] {
            *word = match random(8) {
                0 => of_any_size(random(1 << 31)),
                1..=3 => 0,
                _ => numbers[random(numbers.len() as u64) as usize % numbers.len()],
            };
        }
        if is_wanted(&call(&tried)) {
            for place in 2..tried.len() {
                let zeroed = core::array::from_fn(|index| if index == place { 0 } else { tried[index] });
                if is_wanted(&call(&zeroed)) {
                    tried = zeroed;
                }
            }
            return Some(call(&tried));
        }
    }
    None
}

/// Returns a number of any size, with all sizes equally likely.
fn of_any_size(random: u64) -> u32 {
    (random as u32).wrapping_mul(2) >> (random % 32)
}
