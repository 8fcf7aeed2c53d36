//! Layout: the order of blocks, without blocks that do nothing and operations whose results nothing reads.

use alloc::vec::Vec;

use crate::ebpf::code::{Code, End, Label};

/// Leads jumps past blocks that only jump on, and removes operations that only write what nothing reads.
pub(crate) fn clean(code: &mut Code) {
    thread_jumps(code);
    let order = order(code);
    let mut is_read = vec![false; code.virtuals as usize];
    for &label in order.iter().rev() {
        let block = &mut code.blocks[label.index()];
        if let Some(end) = &block.end {
            end.reads(&mut |register| is_read[register.index()] = true);
        }
        let mut kept = Vec::with_capacity(block.operations.len());
        for operation in block.operations.drain(..).rev() {
            if !operation.is_call() && !is_read[operation.dst().index()] {
                continue;
            }
            operation.reads(&mut |register, _| is_read[register.index()] = true);
            kept.push(operation);
        }
        kept.reverse();
        block.operations = kept;
    }
}

/// Leads jumps to blocks that do nothing but jump to where those do.
fn thread_jumps(code: &mut Code) {
    let mut forward: Vec<Label> = (0..code.blocks.len() as u32).map(Label).collect();
    // Blocks mostly jump to later ones, so a walk from the end finds the final targets at once.
    for index in (0..code.blocks.len()).rev() {
        let block = &code.blocks[index];
        if let (true, true, Some(End::Jump(target, arguments))) =
            (block.operations.is_empty(), block.parameters.is_empty(), &block.end)
        {
            if arguments.is_empty() && target.index() != index && code.blocks[target.index()].parameters.is_empty() {
                forward[index] = forward[target.index()];
            }
        }
    }
    for block in &mut code.blocks {
        match &mut block.end {
            Some(End::Jump(target, _)) => *target = forward[target.index()],
            Some(End::Branch { then, otherwise, .. }) => {
                *then = forward[then.index()];
                *otherwise = forward[otherwise.index()];
            }
            Some(End::Exit(_)) | None => {}
        }
    }
    for index in 0..code.blocks.len() {
        match code.blocks[index].end {
            Some(End::Branch { then, otherwise, .. }) if then == otherwise => {
                code.blocks[index].end = Some(End::Jump(then, Vec::new()));
            }
            _ => {}
        }
    }
}

/// Returns the blocks that control reaches: in reverse postorder, so that a block follows all that lead to it but for
/// the ends of loops, and the cold ones last. The block after a branch that is not taken follows at once where it can.
pub(crate) fn order(code: &Code) -> Vec<Label> {
    let mut is_seen = vec![false; code.blocks.len()];
    let mut open = vec![(Label(0), false)];
    let mut order = Vec::new();
    while let Some((label, is_left)) = open.pop() {
        if is_left {
            order.push(label);
        } else if !core::mem::replace(&mut is_seen[label.index()], true) {
            open.push((label, true));
            // The target that is visited last comes first.
            let targets: Vec<Label> = code.blocks[label.index()].end.iter().flat_map(End::targets).collect();
            open.extend(targets.into_iter().rev().map(|target| (target, false)));
        }
    }
    order.reverse();
    let (hot, cold): (Vec<_>, Vec<_>) = order.into_iter().partition(|label| !code.blocks[label.index()].is_cold);
    [hot, cold].concat()
}
