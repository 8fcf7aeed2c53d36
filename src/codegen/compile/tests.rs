use super::*;
use crate::ir::ContextInputs;
use crate::packet::Packet;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

/// Lowers a sum: `numbers[i] + bytes[i]`, where i is the length on the wire.
fn lower_sum(compiler: &mut Compiler, numbers: &[u8], bytes: &[u8]) {
    compiler.clear();
    let function = &mut compiler.context.func;
    function.signature = CodeKind::Single.signature(compiler.host[0].default_call_conv());
    let tables = [numbers, bytes].map(|table| compiler.tables.add(function, table));
    let mut builder = FunctionBuilder::new(function, &mut compiler.functions);
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    let index = builder.block_params(block)[2];
    let index = builder.ins().uextend(types::I64, index);
    let [numbers, bytes] = tables.map(|table| builder.ins().symbol_value(types::I64, table));
    let flags = MemFlagsData::trusted();
    let offset = builder.ins().ishl_imm_s(index, 2);
    let number = builder.ins().iadd(numbers, offset);
    let number = builder.ins().load(types::I32, flags, number, 0);
    let byte = builder.ins().iadd(bytes, index);
    let byte = builder.ins().uload8(types::I32, flags, byte, 0);
    let sum = builder.ins().iadd(number, byte);
    builder.ins().return_(&[sum]);
    builder.seal_all_blocks();
    builder.finalize(compiler.host[0].frontend_config());
}

#[test]
fn reads_its_constant_tables() -> Result<(), CompileError> {
    let numbers = [7u32, 1000, 0x1234_5678].map(u32::to_ne_bytes).concat();
    for _ in 0..3 {
        let function = with_compiler(|compiler| {
            lower_sum(compiler, &numbers, &[1, 2, 3]);
            let isa = compiler.host[0].clone();
            compiler.place(&isa)
        })?;
        #[expect(unsafe_code, reason = "vouches for the signature of the code")]
        // SAFETY: `lower_sum` has set the signature of `CodeKind::Single`, and reads no context data.
        let code = unsafe { FilterTemplate::new(function, ContextInputs::default(), Vec::new()) }.filter(&[]);
        let sums = [0, 1, 2].map(|i| code.run(Packet::new(&[]).with_wire_len(i)));
        assert_eq!(sums, [8, 1002, 0x1234_567b]);
    }
    Ok(())
}

/// If Cranelift lost the mark of a return, that would restore a frame pointer which nothing has saved.
#[cfg(target_arch = "x86_64")]
#[test]
fn unmarked_returns_keep_the_frame() -> Result<(), CompileError> {
    with_compiler(|compiler| {
        lower_sum(compiler, &[0; 4], &[0]);
        let isa = compiler.host[0].clone();
        compiler.context.compile(&*isa, &mut compiler.control).expect("valid code");
        let (compiled, function) = (compiler.compiled()?, &compiler.context.func);
        let mut code = compiled.code_buffer().to_vec();
        assert_eq!(frame_pointer_omission::omit(compiled, function, &mut code), 0);
        assert_eq!(code, compiled.code_buffer());
        Ok(())
    })
}

/// The memory of other systems works on Linux, too, where it can be looked at.
#[cfg(target_os = "linux")]
#[test]
fn provided_memory_is_executable_and_freed_with_its_last_owner() -> Result<(), CompileError> {
    use crate::codegen::provided_memory;

    let rights = |address: usize| {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("the mappings");
        maps.lines().find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let [start, end] = [start, end].map(|number| usize::from_str_radix(number, 16).expect("an address"));
            (start..end).contains(&address).then(|| rest[..3].to_owned())
        })
    };
    let provider = provided_memory::Provider::default();
    let entry = with_compiler(|compiler| {
        lower_sum(compiler, &7_u32.to_ne_bytes(), &[1]);
        let isa = compiler.host[0].clone();
        compiler.compile(&isa)?;
        let mut module = module(&isa, provider.clone());
        let (_, entry) = compiler.write(compiler.compiled()?, &mut module)?;
        assert!(module.finalize_definitions().is_ok());
        Ok(entry)
    })?;
    let code = provider.into_code().ok_or_else(no_code)?;
    let address = code.address().addr();
    let entry = code.address().wrapping_add(entry);
    let pages = code.into_pages();
    #[expect(unsafe_code, reason = "the call into compiled code")]
    // SAFETY: this is the signature of `CodeKind::Single`; the code reads its tables, and `pages` keeps it mapped.
    let sum = unsafe {
        let function: unsafe extern "C" fn(usize, u64, u32, usize) -> u32 = std::mem::transmute(entry);
        function(0, 0, 0, 0)
    };
    assert_eq!((sum, rights(address).as_deref()), (8, Some("r-x")));
    drop(pages);
    assert_ne!(rights(address).as_deref(), Some("r-x"));
    Ok(())
}

/// Lets the kernel refuse executable memory to this thread, as hardened systems do. Returns `false` if it has no
/// seccomp, as in emulators.
#[cfg(target_os = "linux")]
fn refuse_executable_memory() -> bool {
    let (map, protect) = (libc::SYS_mmap, libc::SYS_mprotect);
    let rights = if cfg!(target_endian = "big") { 36 } else { 32 };
    let text = format!(
        "ld [0]\n jeq #{map}, rights\n jeq #{protect}, rights, allow\n rights: ld [{rights}]\n
         jset #{}, deny, allow\n deny: ret #0x5000d\n allow: ret #0x7fff0000",
        libc::PROT_EXEC
    );
    let program: crate::Program = text.parse().expect("a program");
    let instructions = program.instructions().iter();
    let mut filter: Vec<libc::sock_filter> =
        instructions.map(|it| libc::sock_filter { code: it.code, jt: it.jt, jf: it.jf, k: it.k }).collect();
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    #[expect(unsafe_code, reason = "confines the thread")]
    // SAFETY: the kernel copies the filter, whose length is given.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    }
}

#[cfg(target_os = "linux")]
#[test]
fn interprets_if_executable_memory_is_refused() {
    use crate::codegen::provided_memory;
    use crate::{Dialect, Engine, Filter, FilterConfig, FilterError};

    let confined = thread::spawn(|| {
        if !refuse_executable_memory() {
            return eprintln!("skipped: the kernel has no seccomp");
        }
        // So large that it does not fit into memory that other tests have mapped.
        let steps: String = (0..2000).map(|step| format!("ld [x + {step}]\n xor #{step}\n tax\n")).collect();
        let program: crate::Program = format!("{steps} ret a").parse().expect("a program");
        let verified = program.verify(Dialect::Pcap).expect("a valid program");
        let filter = Filter::compile(&verified).expect("a filter");
        assert!(matches!(filter.engine(), Engine::Interpreter { why: CompileError::Memory(_) }), "{filter:?}");
        let required = FilterConfig::new().require_native(true).compile(&verified);
        assert!(matches!(required, Err(FilterError::Compile(CompileError::Memory(_)))));

        let provided = with_compiler(|compiler| {
            lower_sum(compiler, &7_u32.to_ne_bytes(), &[1]);
            let isa = compiler.host[0].clone();
            compiler.compile(&isa)?;
            compiler.write(compiler.compiled()?, &mut module(&isa, provided_memory::Provider::default()))
        });
        assert!(matches!(&provided, Err(CompileError::Memory(_))), "{provided:?}");
    });
    assert!(confined.join().is_ok());
}

/// Returns the number of block parameters of the lowered function, and of its loads and stores.
fn parameters_and_accesses(compiler: &Compiler) -> (usize, usize) {
    let function = &compiler.context.func;
    let blocks = || function.layout.blocks().skip(1);
    let is_access = |&inst: &ir::Inst| {
        let opcode = function.dfg.insts[inst].opcode();
        opcode.can_load() || opcode.can_store()
    };
    let insts = blocks().flat_map(|block| function.layout.block_insts(block));
    let accesses = insts.filter(is_access).count();
    (blocks().map(|block| function.dfg.block_params(block).len()).sum(), accesses)
}

/// Register allocation of this function, with 200 joins of 18 variables, takes time quadratic in its block
/// parameters. If they are spilled, few of them are stored or loaded.
#[test]
fn spills_block_parameters_of_many_joins() -> Result<(), CompileError> {
    let state = |first: u32| (0..16).map(|k| format!("ld #{}\nst M[{k}]\n", first + k)).collect::<String>();
    let rungs: String = (0..200).map(|k| format!("n{k}: jeq #{}, n{}, n{}\n", k % 7, k + 1, k + 2)).collect();
    let sum: String = (0..16).map(|k| format!("tax\nld M[{k}]\nadd x\n")).collect();
    let (first, second) = (state(0), state(100));
    let text = format!("{first}ldb [0]\njeq #77, n1\ntax\n{second}txa\n{rungs}n200: add #1\nn201: {sum}ret a");
    let program: crate::Program = text.parse().expect("a program");
    let graph = Graph::new(&program.verify(crate::Dialect::Pcap).expect("a valid one"));
    with_compiler(|compiler| {
        compiler.lower_without_spills(&graph, CodeKind::Single);
        let (parameters, accesses) = parameters_and_accesses(compiler);
        compiler.lower(&graph, CodeKind::Single);
        let (left, spilled_accesses) = parameters_and_accesses(compiler);
        assert!(parameters > 3000 && left == 0, "{parameters} parameters, and {left} after spilling");
        assert!(spilled_accesses - accesses < 100, "{spilled_accesses} loads and stores, {accesses} before");
        Ok(())
    })
}
