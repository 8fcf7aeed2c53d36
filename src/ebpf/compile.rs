//! The compiler: from a verified program to instructions for a hook.
//!
//! 1. [`compile`] takes the decision graph through the passes of the optimiser.
//! 2. [`lower`](mod@crate::ebpf::lower) turns the graph into [`code`](crate::ebpf::code) over virtual registers.
//!    [`packet_access`](crate::ebpf::packet_access) emits checks and loads in the way of the hook,
//!    [`search_tree`](crate::ebpf::search_tree) tests for membership in a set, and [`results`](crate::ebpf::results)
//!    return what the caller wants.
//! 3. [`layout`] puts the blocks in order, and removes what does nothing.
//! 4. [`allocation`] gives each virtual register a register or a place in the stack frame.
//! 5. [`emission`] writes instructions, and [`relaxation`] finds the distances of jumps.

use alloc::vec::Vec;

use crate::bpf::isa::AluOp;
use crate::bpf::verify::{Step, Verified};
use crate::ebpf::code::{Code, Virtual};
use crate::ebpf::error::EbpfError;
use crate::ebpf::hook::{Hook, SKB, XDP};
use crate::ebpf::instruction::{Helper, Instruction, OperandSize, Size};
use crate::ebpf::lower::{MAX_COMPUTED, Reuse, Surroundings, lower};
use crate::ebpf::options::Options;
use crate::ebpf::packet_access::{Access, BUFFER};
use crate::ebpf::program::{Map, Program};
use crate::ebpf::results::Results;
use crate::ebpf::{allocation, emission, layout, relaxation};
use crate::ir::{Check, Graph, Terminator, Value};
use crate::opt::{Pass, test_sharing};
use crate::packet::ancillary::Extension;

/// The most instructions that the kernel takes of a program (`BPF_COMPLEXITY_LIMIT_INSNS`).
const MAX_SLOTS: usize = 1_000_000;

/// Compiles a program.
pub(crate) fn compile(options: &Options, verified: &Verified) -> Result<Program, EbpfError> {
    let graph = optimized(options, verified);
    check_context(&graph, options.hook, verified)?;
    let (instructions, maps) = match instructions(options, &graph, Reuse::Always) {
        Err(EbpfError::TooManyValues { .. }) => instructions(options, &graph, Reuse::Nearby)?,
        done => done?,
    };
    let program = Program {
        hook: options.hook,
        name: options.name.clone(),
        license: options.license.clone(),
        is_big_endian: options.is_big_endian,
        has_direct_access: options.has_direct_access,
        instructions,
        maps,
    };
    match program.slots() {
        slots if slots > MAX_SLOTS => Err(EbpfError::TooLong { slots }),
        _ => Ok(program),
    }
}

/// Returns the instructions of a graph, and the maps that they refer to.
fn instructions(options: &Options, graph: &Graph, reuse: Reuse) -> Result<(Vec<Instruction>, Vec<Map>), EbpfError> {
    let (code, results) = lowered(options, graph, reuse)?;
    Ok((assemble(code)?, results.maps()))
}

/// Returns the instructions of code.
pub(crate) fn assemble(mut code: Code) -> Result<Vec<Instruction>, EbpfError> {
    layout::clean(&mut code);
    let order = layout::order(&code);
    let allocation = allocation::allocate(&code, &order)?;
    let items = emission::emit(&code, &order, &allocation);
    Ok(relaxation::resolve(&items, code.blocks.len()))
}

/// Returns the graph after the passes that help the hook.
fn optimized(options: &Options, verified: &Verified) -> Graph {
    let mut graph = Graph::new(verified);
    // Loads of a socket filter are in the order of the machine already, and constants are swapped for this machine.
    let swaps = options.hook != Hook::Socket && options.is_big_endian == cfg!(target_endian = "big");
    let passes = Pass::ALL.iter().filter(|&&pass| match pass {
        Pass::IfConversion => false,
        Pass::ByteSwapFolding => swaps,
        _ => true,
    });
    passes.for_each(|&pass| graph.run(pass));
    test_sharing::run(&mut graph);
    graph
}

/// Lowers a graph for a hook.
fn lowered(options: &Options, graph: &Graph, reuse: Reuse) -> Result<(Code, Results), EbpfError> {
    let hook = options.hook;
    let mut code = Code::new(if hook == Hook::Function { 3 } else { 1 });
    // The bytes that helpers write to.
    code.stack = BUFFER.unsigned_abs();
    let context = code.arguments[0];
    let verdicts = verdicts(graph);
    let mut results = Results::new(hook, (options.on_match, options.on_mismatch), context, &verdicts)?;
    let mut surroundings =
        Surroundings { hook, is_big_endian: options.is_big_endian, context, wire_len: Virtual(0), reuse };
    let mut computed = 0;
    let load = |code: &mut Code, offset| code.load(Size::U32, context, offset);
    // The fields of the start and end of what can be read directly, the helper that copies other bytes, and the length.
    let (data, data_end, helper) = match hook {
        Hook::Xdp => (XDP.data, XDP.data_end, Helper::XdpLoadBytes),
        _ => (SKB.data, SKB.data_end, Helper::SkbLoadBytes),
    };
    let len = |code: &mut Code| match hook {
        Hook::Xdp => code.call(Helper::XdpGetBuffLen, vec![context.into()]),
        _ => load(code, SKB.len),
    };
    match hook {
        Hook::Xdp if !options.has_xdp_frags => {
            let (data, data_end) = (load(&mut code, data), load(&mut code, data_end));
            surroundings.wire_len = code.alu(OperandSize::Full, AluOp::Sub, data_end, data);
            computed += lower(graph, &mut code, surroundings, Access::Direct { data, data_end }, None, &mut results);
        }
        Hook::Socket => {
            code.context = Some(context);
            surroundings.wire_len = len(&mut code);
            let access = Access::LoadPacket { len: surroundings.wire_len };
            computed += lower(graph, &mut code, surroundings, access, None, &mut results);
        }
        Hook::Xdp | Hook::Tc | Hook::CgroupSkb => {
            let draws = graph.values.iter().any(|value| matches!(value, Value::Random(_)));
            let slow = code.block_like(!draws);
            if draws {
                code.jump(slow);
            } else {
                let reads_len = graph.values.iter().any(|value| value == Value::WireLen);
                surroundings.wire_len = if reads_len { len(&mut code) } else { context };
                let (data, data_end) = (load(&mut code, data), load(&mut code, data_end));
                let access = Access::Direct { data, data_end };
                computed += lower(graph, &mut code, surroundings, access, Some(slow), &mut results);
            }
            code.begin(slow);
            surroundings.wire_len = len(&mut code);
            let access = Access::Copy { helper, context, len: surroundings.wire_len };
            computed += lower(graph, &mut code, surroundings, access, None, &mut results);
        }
        Hook::Function => {
            let [data, data_end, wire_len] = [code.arguments[0], code.arguments[1], code.arguments[2]];
            surroundings.wire_len = wire_len;
            let access = if options.has_direct_access {
                Access::Direct { data, data_end }
            } else {
                Access::ProbeRead { data, len: code.alu(OperandSize::Full, AluOp::Sub, data_end, data) }
            };
            computed += lower(graph, &mut code, surroundings, access, None, &mut results);
        }
    }
    match computed {
        ..=MAX_COMPUTED => Ok((code, results)),
        _ => Err(EbpfError::TooLong { slots: computed as usize }),
    }
}

/// Returns the verdicts of a graph, with `None` for those that are computed.
fn verdicts(graph: &Graph) -> Vec<Option<u32>> {
    let mut verdicts: Vec<Option<u32>> = Vec::new();
    for block in &graph.blocks {
        if let Terminator::Return(verdict) = block.terminator {
            verdicts.push(graph.constant(verdict));
        }
        for check in &block.checks {
            if let Check::Present(_, verdict) = *check {
                verdicts.push(graph.constant(verdict));
            }
        }
    }
    verdicts.sort_unstable();
    verdicts.dedup();
    verdicts
}

/// Checks that the hook has all that the graph reads beside the packet.
fn check_context(graph: &Graph, hook: Hook, verified: &Verified) -> Result<(), EbpfError> {
    let mut rest: Vec<_> = graph.blocks.iter().flat_map(|block| block.values()).collect();
    let mut is_seen = vec![false; graph.values.len()];
    let find = |is_wanted: &dyn Fn(&Step) -> bool| verified.steps().iter().position(is_wanted).unwrap_or(0);
    let ancillary = |extension: Extension| {
        let pc = find(&|step| *step == Step::Ancillary(extension));
        Err(EbpfError::Ancillary { pc, extension, hook })
    };
    for check in graph.blocks.iter().flat_map(|block| &block.checks) {
        match *check {
            Check::Present(extension, _) if hook.context_field(extension).is_none() => return ancillary(extension),
            _ => {}
        }
    }
    while let Some(id) = rest.pop() {
        if core::mem::replace(&mut is_seen[id.index()], true) {
            continue;
        }
        rest.extend(graph.values.operands(id));
        match graph.value(id) {
            Value::Ancillary(Extension::Cpu) => {}
            Value::Ancillary(extension) if hook.context_field(extension).is_none() => return ancillary(extension),
            Value::FindAttribute(extension, ..) => return ancillary(extension),
            Value::ResolvedOffset(_) if hook != Hook::Socket => {
                let pc = find(&|step| step.may_be_header_relative());
                return Err(EbpfError::HeaderRelative { pc, hook });
            }
            _ => {}
        }
    }
    Ok(())
}
