//! Drives Cranelift: the settings, what is kept between compilations, and the border that panics do not cross.

use std::cell::RefCell;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, isa};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Module, ModuleError, default_libcall_names};
use target_lexicon::Triple;

use crate::graph::Graph;
use crate::jit::code::Code;
use crate::jit::error::CompileError;
use crate::jit::lower;
use crate::jit::memory::Provider;

/// The Cranelift settings that are not the default, besides [`BY_SIZE`].
///
/// The graph does the optimising, so Cranelift does none. The IR verifier doubles the time; debug builds have it. A stack
/// frame of more than a page touches each of its pages, so that it cannot step over the guard of the stack.
const SETTINGS: [(&str, &str); 7] = [
    ("opt_level", "none"),
    ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
    ("is_pic", "false"),
    ("enable_probestack", "true"),
    ("probestack_strategy", "inline"),
    ("unwind_info", "false"),
    ("use_colocated_libcalls", "false"),
];

/// The settings for graphs up to [`SMALL`], and those beyond: single-pass register allocation makes slower code, but the
/// time that the other one takes grows with the square of the joins, and so does that of its checker.
const BY_SIZE: [[(&str, &str); 2]; 2] = [
    [
        ("regalloc_algorithm", "backtracking"),
        ("regalloc_checker", if cfg!(debug_assertions) { "true" } else { "false" }),
    ],
    [("regalloc_algorithm", "single_pass"), ("regalloc_checker", "false")],
];

/// The most values and blocks of a graph that is worth the better allocation.
const SMALL: usize = 4096;

/// The most values and blocks of a graph that gets the better allocation after all, if the other one takes too much stack:
/// as many as a program that a kernel accepts can have, 4,096 joins of all variables. That one takes 13 s.
const LARGE: usize = 20 * 4096;

/// The largest stack frame of compiled code, in bytes: threads have little stack, and to run out of it is fatal.
const LARGEST_FRAME: u32 = 256 << 10;

/// Native code for a graph.
pub(crate) fn compile(graph: &Graph) -> Result<Code, CompileError> {
    with_compiler(|compiler| {
        compiler.lower(graph);
        let outcome = compiler.place(compiler.isa_for(graph).clone());
        match outcome {
            // Single-pass allocation keeps on the stack what need not be there.
            Err(CompileError::StackFrame { .. }) if size(graph) <= LARGE => {
                compiler.lower(graph);
                compiler.place(compiler.host[0].clone())
            }
            outcome => outcome,
        }
    })
}

/// What the time of register allocation depends on.
fn size(graph: &Graph) -> usize {
    graph.values.len() + graph.blocks.len()
}

impl Graph {
    /// The Cranelift IR that native code is made from, as text.
    ///
    /// # Errors
    /// If Cranelift knows nothing of this machine.
    pub fn clif(&self) -> Result<String, CompileError> {
        with_compiler(|compiler| {
            compiler.lower(self);
            Ok(compiler.context.func.display().to_string())
        })
    }

    /// The native code, disassembled as Cranelift does it, and the size in bytes.
    ///
    /// # Errors
    /// If the graph cannot be compiled on this machine.
    pub fn native(&self) -> Result<String, CompileError> {
        with_compiler(|compiler| {
            compiler.lower(self);
            compiler.context.set_disasm(true);
            let isa = compiler.isa_for(self);
            let compiled = compiler.context.compile(&**isa, &mut compiler.control);
            let compiled = compiled.map_err(|error| CompileError::Cranelift(error.inner.to_string()))?;
            let text = compiled.vcode.clone().unwrap_or_default();
            Ok(format!("{text}; {} bytes for {}\n", compiled.code_buffer().len(), isa.triple()))
        })
    }
}

/// What a thread keeps from one compilation to the next, so as not to allocate it again.
struct Compiler {
    /// This machine, with the settings for each size.
    host: &'static [OwnedTargetIsa; 2],
    context: Context,
    functions: FunctionBuilderContext,
    control: ControlPlane,
}

thread_local! {
    static COMPILER: RefCell<Option<Compiler>> = const { RefCell::new(None) };
}

/// Gives this thread's compiler to `work`. If Cranelift panics, the compiler is thrown away.
fn with_compiler<T>(work: impl FnOnce(&mut Compiler) -> Result<T, CompileError>) -> Result<T, CompileError> {
    // While a thread ends there is nothing kept, and nothing to keep.
    let mut compiler = match COMPILER.try_with(RefCell::take) {
        Ok(Some(compiler)) => compiler,
        Ok(None) | Err(_) => Compiler::new()?,
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut compiler)));
    let outcome = outcome.map_err(|panic| CompileError::Cranelift(panic_message(&*panic)))?;
    compiler.context.clear();
    let _ = COMPILER.try_with(|kept| kept.replace(Some(compiler)));
    outcome
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
        })
    }

    fn isa_for(&self, graph: &Graph) -> &'static OwnedTargetIsa {
        &self.host[usize::from(size(graph) > SMALL)]
    }

    fn lower(&mut self, graph: &Graph) {
        let isa = &self.host[0];
        self.context.clear();
        self.context.func.signature = lower::signature(isa.default_call_conv());
        lower::lower(graph, &mut self.context.func, &mut self.functions, isa.frontend_config());
    }

    /// Compiles what was lowered, and puts it into memory.
    fn place(&mut self, isa: OwnedTargetIsa) -> Result<Code, CompileError> {
        let provider = Provider::default();
        let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
        builder.memory_provider(Box::new(provider.clone()));
        let mut module = JITModule::new(builder);
        let function = module.declare_anonymous_function(&self.context.func.signature).map_err(module_error)?;
        let defined = module.define_function_with_control_plane(function, &mut self.context, &mut self.control);
        defined.map_err(module_error)?;
        module.finalize_definitions().map_err(module_error)?;
        drop(module);
        let place = provider.into_place().ok_or_else(|| CompileError::Cranelift("it made no code".to_owned()))?;
        let compiled = self.context.compiled_code();
        let frame = compiled.and_then(|c| c.buffer.frame_layout()).map_or(0, |layout| layout.frame_to_fp_offset);
        if frame > LARGEST_FRAME {
            return Err(CompileError::StackFrame { needed: frame, allowed: LARGEST_FRAME });
        }
        let size = compiled.map_or(0, |compiled| compiled.code_buffer().len());
        Ok(Code::new(place, size))
    }
}

fn module_error(error: ModuleError) -> CompileError {
    match error {
        ModuleError::Allocation { err } => CompileError::Memory(err),
        error => CompileError::Cranelift(error.to_string()),
    }
}

/// The machine that this process runs on, as Cranelift sees it.
fn host() -> Result<&'static [OwnedTargetIsa; 2], CompileError> {
    static HOST: OnceLock<Result<[OwnedTargetIsa; 2], String>> = OnceLock::new();
    let [small, large] = BY_SIZE;
    let describe = || -> Result<_, Box<dyn Error>> { Ok([describe_host(small)?, describe_host(large)?]) };
    let host = HOST.get_or_init(|| describe().map_err(|error| error.to_string()));
    host.as_ref().map_err(|why| CompileError::UnsupportedMachine(why.clone()))
}

fn describe_host(by_size: [(&str, &str); 2]) -> Result<OwnedTargetIsa, Box<dyn Error>> {
    if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        return Err("only x86-64 and aarch64 are tried".into());
    }
    let mut flags = settings::builder();
    for (name, value) in SETTINGS.into_iter().chain(by_size) {
        flags.set(name, value)?;
    }
    Ok(isa::lookup(Triple::host())?.finish(settings::Flags::new(flags))?)
}
