//! Divides the edges into a block that has very many of them among blocks that only jump on to it.
//!
//! The allocation of registers computes dominators. For a block with many predecessors that takes the sum of their
//! depths in the dominator tree, which is quadratic for a long chain of tests with a common exit: 3,000 times
//! `not (host A and port P)` took 0.4 s for it, and twice as many four times as long. With at most [`MOST`] edges into a
//! block, in a tree of blocks, it takes the product of [`MOST`], the length of the chain and the depth of the tree.
//!
//! No code comes of it: Cranelift leads branches past blocks that only jump.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, Function, Inst, InstBuilder};

use crate::codegen::spill_block_parameters::destinations;

/// The most edges into a block of a function that is large.
const MOST: usize = 16;

/// The most blocks of a function that stays as it is; debug builds have fewer, so that random programs are divided as well.
const SMALL: usize = if cfg!(debug_assertions) { 64 } else { 4096 };

/// An edge: a branch, and which of its destinations.
type Edge = (Inst, usize);

/// Divides the edges into all blocks of a large function that have more than [`MOST`] of them and no parameters.
pub(crate) fn divide(function: &mut Function) {
    if function.dfg.num_blocks() <= SMALL {
        return;
    }
    let blocks: Vec<Block> = function.layout.blocks().collect();
    let mut edges: SecondaryMap<Block, Vec<Edge>> = SecondaryMap::new();
    for branch in blocks.iter().filter_map(|&block| function.layout.last_inst(block)) {
        for (index, call) in destinations(function, branch).iter().enumerate() {
            edges[call.block(&function.dfg.value_lists)].push((branch, index));
        }
    }
    for block in blocks {
        if edges[block].len() > MOST && function.dfg.block_params(block).is_empty() {
            divide_edges(function, block, std::mem::take(&mut edges[block]));
        }
    }
}

/// Leads edges to a block through blocks in between, in as many levels as it takes.
fn divide_edges(function: &mut Function, target: Block, mut edges: Vec<Edge>) {
    while edges.len() > MOST {
        edges = edges.chunks(MOST).map(|group| (lead_through_one(function, target, group), 0)).collect();
    }
}

/// Leads edges to a block through a new one, and returns the jump from there.
fn lead_through_one(function: &mut Function, target: Block, edges: &[Edge]) -> Inst {
    let between = function.dfg.blocks.add();
    function.layout.insert_block(between, target);
    if function.layout.is_cold(target) {
        function.layout.set_cold(between);
    }
    for &(branch, index) in edges {
        let dfg = &mut function.dfg;
        let calls = dfg.insts[branch].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
        calls[index].set_block(between, &mut dfg.value_lists);
    }
    FuncCursor::new(function).at_bottom(between).ins().jump(target, &[])
}
