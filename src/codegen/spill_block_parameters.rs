//! Spills block parameters to the stack frame.
//!
//! The time of register allocation grows with the square of the parameters, and a program can have many times more of
//! them than instructions: one for each scratch word at each join. In the frame, a parameter costs a store on each edge
//! that changes it, and a load if its block or a later one uses it; one that is only passed on costs nothing.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{
    Block, BlockCall, Function, Inst, InstBuilder, MemFlagsData, StackSlot, StackSlotData, StackSlotKind, Value, types,
};

/// The size of a word of the frame, in bytes; all parameters are 32-bit values.
const WORD: u32 = 4;

/// The values of the words of the frame at some point, if they are the same on all paths to it.
type FrameContents = Vec<Option<Value>>;

/// Spills all 32-bit block parameters of `function`, besides its own. Its edges must lead to later blocks, except for
/// those of the loop around a graph.
pub(crate) fn spill(function: &mut Function) {
    let blocks: Vec<Block> = function.layout.blocks().collect();
    let mut plan = Plan::default();
    for &block in &blocks {
        plan.block(function, block);
    }
    let bytes = plan.words * WORD;
    let slot = function.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 2));
    for edge in &plan.edges {
        edge.apply(function, slot);
    }
    for &block in &blocks[1..] {
        if is_of_graph(function, block) {
            plan.load_parameters(function, block, slot);
        }
    }
}

/// An edge with arguments.
struct Edge {
    branch: Inst,
    /// The index of the destination of the branch.
    index: usize,
    /// The values to store, and their words.
    stores: Vec<(u32, Value)>,
}

#[derive(Default)]
struct Plan {
    /// The word of each parameter plus 1, or 0.
    words_of: SecondaryMap<Value, u32>,
    /// The number of words.
    words: u32,
    /// The frame at the start of each block, by the edges seen so far.
    frames: SecondaryMap<Block, Option<FrameContents>>,
    /// `true` for values that are used other than to be passed on in their words.
    is_used: SecondaryMap<Value, bool>,
    edges: Vec<Edge>,
}

impl Plan {
    /// Plans the edges out of a block, after those into it.
    fn block(&mut self, function: &Function, block: Block) {
        let mut frame = self.frames[block].take().unwrap_or_default();
        for &parameter in function.dfg.block_params(block) {
            if let Some(word) = self.word(parameter) {
                *entry(&mut frame, word) = Some(parameter);
            }
        }
        for inst in function.layout.block_insts(block) {
            for &argument in function.dfg.inst_args(inst) {
                self.is_used[argument] = true;
            }
        }
        let Some(branch) = function.layout.last_inst(block) else { return };
        for index in 0..destinations(function, branch).len() {
            self.edge(function, branch, index, &frame);
        }
    }

    /// Plans an edge, before which the frame holds `frame`.
    fn edge(&mut self, function: &Function, branch: Inst, index: usize, frame: &FrameContents) {
        let call = destinations(function, branch)[index];
        let pool = &function.dfg.value_lists;
        let target = call.block(pool);
        let arguments: Vec<Value> = call.args(pool).filter_map(|argument| argument.as_value()).collect();
        let parameters = function.dfg.block_params(target);
        if !is_of_graph(function, target) {
            // The header of a loop: no word keeps its value around the loop.
            arguments.iter().for_each(|&argument| self.is_used[argument] = true);
            self.frames[target] = Some(FrameContents::default());
            return;
        }
        self.assign_words(parameters, &arguments);
        let (mut after, mut stores) = (frame.clone(), Vec::new());
        for (&parameter, &argument) in parameters.iter().zip(&arguments) {
            let word = self.words_of[parameter] - 1;
            let held = entry(&mut after, word);
            if held.replace(argument) != Some(argument) {
                self.is_used[argument] = true;
                stores.push((word, argument));
            }
        }
        match &mut self.frames[target] {
            unseen @ None => *unseen = Some(after),
            Some(seen) => {
                seen.truncate(after.len());
                for (seen, after) in seen.iter_mut().zip(after) {
                    *seen = seen.filter(|&value| after == Some(value));
                }
            }
        }
        if !arguments.is_empty() {
            self.edges.push(Edge { branch, index, stores });
        }
    }

    /// Assigns a word to each parameter of a block: if possible, the word that holds its first argument.
    fn assign_words(&mut self, parameters: &[Value], arguments: &[Value]) {
        if parameters.first().is_none_or(|&first| self.words_of[first] != 0) {
            return;
        }
        let mut is_taken: Vec<bool> = Vec::new();
        for (&parameter, &argument) in parameters.iter().zip(arguments) {
            if let Some(word) = self.word(argument).filter(|&word| !std::mem::replace(entry(&mut is_taken, word), true))
            {
                self.words_of[parameter] = word + 1;
            }
        }
        let mut free = 0;
        for &parameter in parameters {
            if self.words_of[parameter] == 0 {
                while *entry(&mut is_taken, free) {
                    free += 1;
                }
                *entry(&mut is_taken, free) = true;
                self.words_of[parameter] = free + 1;
            }
            self.words = self.words.max(self.words_of[parameter]);
        }
    }

    fn word(&self, value: Value) -> Option<u32> {
        self.words_of[value].checked_sub(1)
    }

    /// Replaces the parameters of a block by loads, if they are used.
    fn load_parameters(&self, function: &mut Function, block: Block, slot: StackSlot) {
        let parameters = function.dfg.block_params(block).to_vec();
        function.dfg.detach_block_params(block);
        let mut cursor = FuncCursor::new(function).at_first_insertion_point(block);
        for parameter in parameters {
            if self.is_used[parameter] {
                let offset = (self.words_of[parameter] - 1) * WORD;
                let address = cursor.ins().stack_addr(types::I64, slot, offset as i32);
                let value = cursor.ins().load(types::I32, MemFlagsData::trusted(), address, 0);
                cursor.func.dfg.change_to_alias(parameter, value);
            }
        }
    }
}

impl Edge {
    /// Stores the arguments of the edge: before the branch if it has no other edge, else in a new block.
    fn apply(&self, function: &mut Function, slot: StackSlot) {
        let dfg = &mut function.dfg;
        let calls = dfg.insts[self.branch].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
        let is_only = calls.len() == 1;
        let call = &mut calls[self.index];
        call.clear(&mut dfg.value_lists);
        if self.stores.is_empty() {
            return;
        }
        if is_only {
            return store_all(FuncCursor::new(function).at_inst(self.branch), slot, &self.stores);
        }
        let target = call.block(&dfg.value_lists);
        let between = dfg.blocks.add();
        call.set_block(between, &mut dfg.value_lists);
        let Some(block) = function.layout.inst_block(self.branch) else { return };
        function.layout.insert_block_after(between, block);
        let mut cursor = FuncCursor::new(function).at_bottom(between);
        let jump = cursor.ins().jump(target, &[]);
        store_all(cursor.at_inst(jump), slot, &self.stores);
    }
}

fn store_all(mut cursor: FuncCursor, slot: StackSlot, stores: &[(u32, Value)]) {
    for &(word, value) in stores {
        let address = cursor.ins().stack_addr(types::I64, slot, (word * WORD) as i32);
        cursor.ins().store(MemFlagsData::trusted(), value, address, 0);
    }
}

/// Returns whether the parameters of a block are values of a graph, and not the counters of the loop around it.
fn is_of_graph(function: &Function, block: Block) -> bool {
    function.dfg.block_params(block).iter().all(|&parameter| function.dfg.value_type(parameter) == types::I32)
}

/// Returns the edges of a branch.
pub(crate) fn destinations(function: &Function, branch: Inst) -> &[BlockCall] {
    function.dfg.insts[branch].branch_destination(&function.dfg.jump_tables, &function.dfg.exception_tables)
}

/// Returns an element of a vector, which grows if necessary.
fn entry<T: Clone + Default>(vector: &mut Vec<T>, index: u32) -> &mut T {
    let index = index as usize;
    if index >= vector.len() {
        vector.resize(index + 1, T::default());
    }
    &mut vector[index]
}
