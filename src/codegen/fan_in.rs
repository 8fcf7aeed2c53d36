//! Limits the predecessors of blocks: edges into a block with very many go through trees of blocks that only jump.
//!
//! Register allocation computes dominators. For a block with many predecessors that takes the sum of their depths in
//! the dominator tree, which is quadratic for a long chain of tests with a common exit: 3,000 times `not (host A and
//! port P)` took 0.4 s, and twice as many four times as long. With at most [`MOST_PREDECESSORS`] edges into a block it
//! takes the product of that number, the length of the chain and the depth of the tree.
//!
//! The machine code does not change: Cranelift threads branches through blocks that only jump.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, Function, Inst, InstBuilder};

use crate::codegen::spill_block_parameters::destinations;

/// The most edges into a block of a large function.
const MOST_PREDECESSORS: usize = 16;

/// The most blocks of a function that is left unchanged; fewer in debug builds, so that random programs are covered.
const SMALL: usize = if cfg!(debug_assertions) { 64 } else { 4096 };

/// An edge: a branch, and the index of the destination.
type Edge = (Inst, usize);

/// Limits the predecessors of all blocks without parameters, in a large function.
pub(crate) fn limit(function: &mut Function) {
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
        if edges[block].len() > MOST_PREDECESSORS && function.dfg.block_params(block).is_empty() {
            merge_edges(function, block, std::mem::take(&mut edges[block]));
        }
    }
}

/// Leads edges through new blocks, in as many levels as necessary.
fn merge_edges(function: &mut Function, target: Block, mut edges: Vec<Edge>) {
    while edges.len() > MOST_PREDECESSORS {
        edges = edges.chunks(MOST_PREDECESSORS).map(|group| (merge_into_one(function, target, group), 0)).collect();
    }
}

/// Leads edges through one new block, and returns its jump.
fn merge_into_one(function: &mut Function, target: Block, edges: &[Edge]) -> Inst {
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
