//! Words: the open constants of a filter, as its code gets them. Up to two are an argument of their own, so that code
//! compares with a register as it would with an immediate; more are in memory.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::FunctionBuilder;

use crate::codegen::context_data::ContextData;
use crate::codegen::prologue::{POINTER, read};
use crate::ir::{Graph, OpenConstant};

/// The most words that are an argument.
const FEW: usize = 2;

/// The most words that a loop keeps in registers.
const KEPT: usize = 4;

/// The values of the open constants of a graph, in the order of [`Graph::open_constants`].
#[derive(Clone, Debug)]
pub(crate) enum Words {
    Few([u32; FEW]),
    Many(Arc<[u32]>),
}

impl Words {
    /// Returns the values for a program with these constants.
    pub(crate) fn new(open: &[OpenConstant], constants: &[u32]) -> Words {
        let values = open.iter().map(|open| open.value(constants));
        if open.len() > FEW {
            return Words::Many(values.collect());
        }
        let mut few = [0; FEW];
        few.iter_mut().zip(values).for_each(|(word, value)| *word = value);
        Words::Few(few)
    }

    /// Returns the argument of code that reads no context: the words themselves, or their address.
    #[inline]
    pub(crate) fn argument(&self) -> *const c_void {
        match self {
            // Native code is for machines with addresses of 64 bits.
            &Words::Few([first, second]) => {
                ptr::without_provenance((u64::from(second) << 32 | u64::from(first)) as usize)
            }
            Words::Many(words) => words.as_ptr().cast(),
        }
    }

    /// Returns the words, of few perhaps more than there are.
    pub(crate) fn as_slice(&self) -> &[u32] {
        match self {
            Words::Few(words) => words,
            Words::Many(words) => words,
        }
    }
}

/// Where code finds its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WordsAt {
    /// There are none, or they are the argument.
    Argument,
    /// The argument is their address.
    Address,
    /// Context data has their address.
    Context,
}

impl WordsAt {
    /// Returns where the code of a graph for one packet finds its words.
    pub(crate) fn of(graph: &Graph, count: usize) -> WordsAt {
        match () {
            () if !graph.context_inputs().is_empty() => WordsAt::Context,
            () if count > FEW => WordsAt::Address,
            () => WordsAt::Argument,
        }
    }

    /// Emits a word, given the last argument of the code.
    pub(crate) fn read(self, builder: &mut FunctionBuilder, argument: Value, index: usize) -> Value {
        let address = match self {
            WordsAt::Argument => {
                let shifted = if index == 0 { argument } else { builder.ins().ushr_imm_s(argument, 32) };
                return builder.ins().ireduce(types::I32, shifted);
            }
            WordsAt::Address => argument,
            WordsAt::Context => read(builder, POINTER, argument, ContextData::WORDS),
        };
        read_from(builder, address, index)
    }
}

/// The words of a loop.
pub(crate) enum LoopWords {
    Kept(Vec<Value>),
    /// The address of the words.
    At(Value),
}

impl LoopWords {
    /// Emits what makes `count` words available in a loop, given the address of context data.
    pub(crate) fn begin(builder: &mut FunctionBuilder, context: Value, count: usize) -> LoopWords {
        let address = read(builder, POINTER, context, ContextData::WORDS);
        match count {
            0..=KEPT => LoopWords::Kept((0..count).map(|index| read_from(builder, address, index)).collect()),
            _ => LoopWords::At(address),
        }
    }

    pub(crate) fn read(&self, builder: &mut FunctionBuilder, index: usize) -> Value {
        match self {
            LoopWords::Kept(words) => words[index],
            LoopWords::At(address) => read_from(builder, *address, index),
        }
    }
}

fn read_from(builder: &mut FunctionBuilder, address: Value, index: usize) -> Value {
    read(builder, types::I32, address, (index * size_of::<u32>()) as i32)
}
