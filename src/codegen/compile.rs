//! Drives Cranelift: settings, memory that is reused between compilations, and a boundary that panics do not cross.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Signature;
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::{CompiledCode, Context};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITMemoryProvider, JITModule};
use cranelift_module::{Module, ModuleError, ModuleReloc, default_libcall_names};

use crate::codegen::code::{BatchCode, CompiledFunction, FilterTemplate};
use crate::codegen::constant_tables::ConstantTables;
use crate::codegen::error::CompileError;
use crate::codegen::host::{Host, host};
use crate::codegen::memory::Provider;
use crate::codegen::prologue::CodeKind;
use crate::codegen::records::PrefetchRange;
use crate::codegen::{fan_in, frame_pointer_omission, lower, memory, spill_block_parameters};
use crate::ir::Graph;

/// The most values and blocks of a graph with backtracking allocation: those of any program that a kernel accepts, with
/// 4,096 joins of all variables.
const LARGE: usize = 20 * 4096;

/// The most blocks of such a graph: four times as many as the longest program that a kernel accepts can have.
const MANY_BLOCKS: usize = 4 * 4096;

/// The most block parameters of a graph; those of larger graphs are spilled. The time of register allocation grows with
/// their square: 1,700 take 15 ms, 68,000 take 13 s, and 20 ms if spilled. The limit is lower in debug builds, so that
/// random programs are covered.
const MANY_PARAMETERS: usize = if cfg!(debug_assertions) { 16 } else { 256 };

/// The most IR values of a function after which a thread keeps its compiler; the memory of a larger one is freed.
const KEPT: usize = 8192;

/// The largest stack frame of compiled code, in bytes: threads have little stack, and an overflow is fatal.
const LARGEST_FRAME: u32 = 256 << 10;

/// The stack that is reserved for Cranelift, in bytes. It uses 128 KiB.
const STACK: usize = 256 << 10;

/// The alignment of code, in bytes: a cache line.
const ALIGN: u32 = 64;

/// Compiles a graph to code that runs one packet.
#[expect(unsafe_code, reason = "vouches for the kind and the inputs of the code")]
pub(crate) fn compile(graph: &Graph) -> Result<FilterTemplate, CompileError> {
    let function = compile_kind(graph, CodeKind::Single)?;
    // SAFETY: the function was lowered as this kind, from this graph, whose loads all follow their bounds checks.
    Ok(unsafe { FilterTemplate::new(function, graph.context_inputs(), graph.open_constants()) })
}

/// Compiles a graph to code that runs a batch of packets.
#[expect(unsafe_code, reason = "vouches for the kind and the inputs of the code")]
pub(crate) fn compile_batch(graph: &Graph) -> Result<BatchCode, CompileError> {
    let function = compile_kind(graph, CodeKind::Batch)?;
    // SAFETY: as in `compile`.
    let words = graph.open_constants().len();
    Ok(unsafe { BatchCode::new(function, graph.context_inputs(), PrefetchRange::of(graph), words) })
}

fn compile_kind(graph: &Graph, kind: CodeKind) -> Result<CompiledFunction, CompileError> {
    with_compiler(|compiler| {
        compiler.lower(graph, kind);
        let isa = compiler.isa_for(graph);
        compiler.place(&isa)
    })
}

/// Compiles a function that is not lowered from a graph, and has no constant tables.
pub(crate) fn compile_function(
    signature: impl FnOnce(CallConv) -> Signature + Send,
    fill: impl FnOnce(&mut FunctionBuilder) + Send,
) -> Result<CompiledFunction, CompileError> {
    with_compiler(|compiler| {
        compiler.clear();
        let isa = compiler.host[0].clone();
        compiler.context.func.signature = signature(isa.default_call_conv());
        let mut builder = FunctionBuilder::new(&mut compiler.context.func, &mut compiler.functions);
        fill(&mut builder);
        builder.seal_all_blocks();
        builder.finalize(isa.frontend_config());
        compiler.place(&isa)
    })
}

impl Graph {
    /// Returns the Cranelift IR of the native code, as text.
    ///
    /// # Errors
    /// [`CompileError::UnsupportedMachine`] if there is no native code for this machine.
    pub fn clif(&self) -> Result<String, CompileError> {
        with_compiler(|compiler| {
            compiler.lower(self, CodeKind::Single);
            Ok(compiler.context.func.display().to_string())
        })
    }

    /// Returns Cranelift's disassembly of the native code, and the size in bytes.
    ///
    /// # Errors
    /// If the graph cannot be compiled on this machine.
    pub fn native(&self) -> Result<String, CompileError> {
        with_compiler(|compiler| {
            compiler.lower(self, CodeKind::Single);
            compiler.context.set_disasm(true);
            let isa = compiler.isa_for(self);
            compiler.compile(&isa)?;
            let compiled = compiler.compiled()?;
            let text = frame_pointer_omission::disassembly(compiled, &compiler.context.func);
            Ok(format!("{text}; {} bytes for {}\n", compiled.code_buffer().len(), isa.triple()))
        })
    }
}

/// Calls `work` with the IR of a graph as Cranelift gets it, and its tables.
#[cfg(test)]
pub(crate) fn with_ir<T: Send>(
    graph: &Graph,
    kind: CodeKind,
    work: impl FnOnce(&cranelift_codegen::ir::Function, &ConstantTables) -> T + Send,
) -> Result<T, CompileError> {
    with_compiler(|compiler| {
        compiler.lower(graph, kind);
        fan_in::limit(&mut compiler.context.func);
        Ok(work(&compiler.context.func, &compiler.tables))
    })
}

/// The compiler of a thread, whose memory is reused.
struct Compiler {
    host: Host,
    context: Context,
    functions: FunctionBuilderContext,
    control: ControlPlane,
    /// The tables of the function that was lowered last.
    tables: ConstantTables,
}

thread_local! {
    static COMPILER: RefCell<Option<Box<Compiler>>> = const { RefCell::new(None) };
}

/// Calls `work` with this thread's compiler. If Cranelift panics, the compiler is dropped.
fn with_compiler<T: Send>(
    work: impl FnOnce(&mut Compiler) -> Result<T, CompileError> + Send,
) -> Result<T, CompileError> {
    // At the end of a thread its compiler is gone already.
    let mut compiler = match COMPILER.try_with(RefCell::take) {
        Ok(Some(compiler)) => compiler,
        Ok(None) | Err(_) => Box::new(Compiler::new()?),
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| with_stack(|| work(&mut compiler))));
    let outcome = outcome.map_err(|panic| CompileError::Cranelift(panic_message(&*panic)))?;
    if compiler.context.func.dfg.num_values() <= KEPT {
        compiler.clear();
        let _ = COMPILER.try_with(|kept| kept.replace(Some(compiler)));
    }
    outcome
}

/// Runs `work` with enough stack for Cranelift: in this thread, or in a new one.
fn with_stack<T: Send>(work: impl FnOnce() -> Result<T, CompileError> + Send) -> Result<T, CompileError> {
    if memory::stack_left().is_none_or(|left| left >= STACK) {
        return work();
    }
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("cbpf-compile".to_owned()).stack_size(2 * STACK);
        let thread = builder.spawn_scoped(scope, work).map_err(CompileError::Memory)?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}

impl Compiler {
    fn new() -> Result<Compiler, CompileError> {
        Ok(Compiler {
            host: host()?,
            context: Context::new(),
            functions: FunctionBuilderContext::new(),
            control: ControlPlane::default(),
            tables: ConstantTables::default(),
        })
    }

    fn clear(&mut self) {
        self.context.clear();
        self.tables.clear();
    }

    fn isa_for(&self, graph: &Graph) -> OwnedTargetIsa {
        let (values, blocks) = (graph.values.len(), graph.blocks.len());
        self.host[usize::from(values + blocks > LARGE || blocks > MANY_BLOCKS)].clone()
    }

    fn lower(&mut self, graph: &Graph, kind: CodeKind) {
        self.lower_without_spills(graph, kind);
        let parameters: usize = graph.blocks.iter().map(|block| block.parameters.len()).sum();
        if parameters > MANY_PARAMETERS {
            spill_block_parameters::spill(&mut self.context.func);
        }
    }

    fn lower_without_spills(&mut self, graph: &Graph, kind: CodeKind) {
        let isa = self.host[0].clone();
        self.clear();
        self.context.func.signature = kind.signature(isa.default_call_conv());
        let (function, config) = (&mut self.context.func, isa.frontend_config());
        lower::lower(graph, kind, function, &mut self.functions, config, &mut self.tables);
    }

    /// Compiles the lowered function.
    fn compile(&mut self, isa: &OwnedTargetIsa) -> Result<(), CompileError> {
        fan_in::limit(&mut self.context.func);
        frame_pointer_omission::mark_returns(&mut self.context.func);
        let outcome = self.context.compile(&**isa, &mut self.control);
        outcome.map(|_| ()).map_err(|error| CompileError::Cranelift(error.inner.to_string()))
    }

    fn compiled(&self) -> Result<&CompiledCode, CompileError> {
        self.context.compiled_code().ok_or_else(no_code)
    }

    /// Compiles the lowered function, and puts it into executable memory.
    fn place(&mut self, isa: &OwnedTargetIsa) -> Result<CompiledFunction, CompileError> {
        self.compile(isa)?;
        let compiled = self.compiled()?;
        let frame = compiled.buffer.frame_layout().map_or(0, |layout| layout.frame_to_fp_offset);
        if frame > LARGEST_FRAME {
            return Err(CompileError::StackFrame { needed: frame, allowed: LARGEST_FRAME });
        }
        let provider = Provider::default();
        let mut module = module(isa, provider.clone());
        let (size, entry) = self.write(compiled, &mut module)?;
        drop(module);
        let code = provider.into_code().ok_or_else(no_code)?;
        Ok(CompiledFunction { code, entry, size })
    }

    /// Writes the code and its tables into the memory of a module. Returns the size and the offset of the entry point,
    /// in bytes.
    fn write(&self, compiled: &CompiledCode, module: &mut JITModule) -> Result<(usize, usize), CompileError> {
        let function = &self.context.func;
        let id = module.declare_anonymous_function(&function.signature).map_err(module_error)?;
        let relocations = compiled.buffer.relocs().iter();
        let mut relocations: Vec<_> = relocations.map(|r| ModuleReloc::from_mach_reloc(r, function, id)).collect();
        let mut code = compiled.code_buffer().to_vec();
        let entry = frame_pointer_omission::omit(compiled, function, &mut code);
        self.tables.append_to(&mut code, &mut relocations, id);
        let align = self.tables.align().max(ALIGN).max(compiled.buffer.alignment);
        module.define_function_bytes(id, align.into(), &code, &relocations).map_err(module_error)?;
        module.finalize_definitions().map_err(module_error)?;
        Ok((code.len(), entry))
    }
}

fn module(isa: &OwnedTargetIsa, provider: impl JITMemoryProvider + Send + 'static) -> JITModule {
    let mut builder = JITBuilder::with_isa(isa.clone(), default_libcall_names());
    builder.memory_provider(Box::new(provider));
    JITModule::new(builder)
}

fn no_code() -> CompileError {
    CompileError::Cranelift("it made no code".to_owned())
}

fn module_error(error: ModuleError) -> CompileError {
    match error {
        ModuleError::Allocation { err } => CompileError::Memory(err),
        error => CompileError::Cranelift(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
