//! Drives Cranelift: the settings, what is kept between compilations, and the border that panics do not cross.

use std::cell::RefCell;
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

/// The Cranelift settings that are not the default.
///
/// The graph does the optimising, so Cranelift does none. The IR verifier doubles the time; debug builds have it.
const SETTINGS: [(&str, &str); 8] = [
    ("opt_level", "none"),
    ("regalloc_algorithm", "backtracking"),
    ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
    ("regalloc_checker", if cfg!(debug_assertions) { "true" } else { "false" }),
    ("is_pic", "false"),
    ("enable_probestack", "false"),
    ("unwind_info", "false"),
    ("use_colocated_libcalls", "false"),
];

/// Native code for a graph.
pub(crate) fn compile(graph: &Graph) -> Result<Code, CompileError> {
    with_compiler(|compiler| {
        compiler.lower(graph);
        compiler.place()
    })
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
            let compiled = compiler.context.compile(&*compiler.isa, &mut compiler.control);
            let compiled = compiled.map_err(|error| CompileError::Cranelift(error.inner.to_string()))?;
            let text = compiled.vcode.clone().unwrap_or_default();
            Ok(format!("{text}; {} bytes for {}\n", compiled.code_buffer().len(), compiler.isa.triple()))
        })
    }
}

/// What a thread keeps from one compilation to the next, so as not to allocate it again.
struct Compiler {
    isa: OwnedTargetIsa,
    context: Context,
    functions: FunctionBuilderContext,
    control: ControlPlane,
}

thread_local! {
    static COMPILER: RefCell<Option<Compiler>> = const { RefCell::new(None) };
}

/// Gives this thread's compiler to `work`. If Cranelift panics, the compiler is thrown away.
fn with_compiler<T>(work: impl FnOnce(&mut Compiler) -> Result<T, CompileError>) -> Result<T, CompileError> {
    let mut compiler = match COMPILER.take() {
        Some(compiler) => compiler,
        None => Compiler::new()?,
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut compiler)));
    let outcome = outcome.map_err(|panic| CompileError::Cranelift(panic_message(&*panic)))?;
    compiler.context.clear();
    COMPILER.set(Some(compiler));
    outcome
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}

impl Compiler {
    fn new() -> Result<Compiler, CompileError> {
        Ok(Compiler {
            isa: host()?,
            context: Context::new(),
            functions: FunctionBuilderContext::new(),
            control: ControlPlane::default(),
        })
    }

    fn lower(&mut self, graph: &Graph) {
        self.context.clear();
        self.context.func.signature = lower::signature(self.isa.default_call_conv());
        lower::lower(graph, &mut self.context.func, &mut self.functions, self.isa.frontend_config());
    }

    /// Compiles what was lowered, and puts it into memory.
    #[expect(unsafe_code, reason = "names what was compiled a function")]
    fn place(&mut self) -> Result<Code, CompileError> {
        let provider = Provider::default();
        let mut builder = JITBuilder::with_isa(self.isa.clone(), default_libcall_names());
        builder.memory_provider(Box::new(provider.clone()));
        let mut module = JITModule::new(builder);
        let function = module.declare_anonymous_function(&self.context.func.signature).map_err(module_error)?;
        let defined = module.define_function_with_control_plane(function, &mut self.context, &mut self.control);
        defined.map_err(module_error)?;
        module.finalize_definitions().map_err(module_error)?;
        drop(module);
        let place = provider.into_place().ok_or_else(|| CompileError::Cranelift("it made no code".to_owned()))?;
        let size = self.context.compiled_code().map_or(0, |compiled| compiled.code_buffer().len());
        // SAFETY: the module wrote the function that `lower` made there, and made it visible to instruction fetches.
        Ok(unsafe { Code::new(place, size) })
    }
}

fn module_error(error: ModuleError) -> CompileError {
    match error {
        ModuleError::Allocation { err } => CompileError::Memory(err),
        error => CompileError::Cranelift(error.to_string()),
    }
}

/// The machine that this process runs on, as Cranelift sees it.
fn host() -> Result<OwnedTargetIsa, CompileError> {
    static HOST: OnceLock<Result<OwnedTargetIsa, String>> = OnceLock::new();
    let unsupported = CompileError::UnsupportedMachine;
    HOST.get_or_init(|| describe_host().map_err(|error| error.to_string())).clone().map_err(unsupported)
}

fn describe_host() -> Result<OwnedTargetIsa, Box<dyn std::error::Error>> {
    let mut flags = settings::builder();
    for (name, value) in SETTINGS {
        flags.set(name, value)?;
    }
    Ok(isa::lookup(Triple::host())?.finish(settings::Flags::new(flags))?)
}
