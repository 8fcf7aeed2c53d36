//! Programs as source code in one file, compiled and loaded.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use cbpf::source::{Language, Options};
use cbpf::{Packet, Verified};

use crate::source::compilers;
use crate::source::context::{self, Fields};

/// A function with the context as all fields: data, end of data, length on the wire, context.
type Entry = unsafe extern "C" fn(*const u8, *const u8, u32, *const Fields) -> u32;

/// The compilers that have to accept all sources without a warning.
pub const CHECKS: [(&str, &[&str]); 4] = [
    ("clang", &["clang", "-std=c99", "-O2", "-ffreestanding", "-nostdinc"]),
    ("gcc", &["gcc", "-std=c99", "-O2", "-ffreestanding", "-nostdinc"]),
    ("gcc-without-optimisation", &["gcc", "-std=gnu17", "-O0", "-ffreestanding", "-nostdinc"]),
    ("clang-bpf", &["clang", "-target", "bpf", "-O2", "-nostdinc"]),
];

/// Returns the first compiler of a language that this machine has, if what it compiles runs in this process.
pub fn compiler(language: Language) -> Option<&'static str> {
    let is_of_this_machine = cfg!(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))
        && std::env::var_os("JIT_TESTS_EMULATOR").is_none();
    compilers(language).iter().copied().find(|compiler| is_of_this_machine && runs(compiler))
}

/// Returns whether a check can run.
pub fn can_compile(arguments: &[&str]) -> bool {
    compiler(Language::C).is_some() && runs(arguments[0])
}

fn runs(compiler: &str) -> bool {
    Command::new(compiler).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Compiles all programs as C, and discards the outcome.
pub fn check(name: &str, arguments: &[&str], programs: &[Verified]) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join(format!("{name}.c"));
    let (source, _) = file(Language::C, programs)?;
    fs::write(&path, source).map_err(|error| error.to_string())?;
    let mut command = Command::new(arguments[0]);
    command.args(&arguments[1..]).args(["-Wall", "-Wextra", "-Werror", "-c", "-o"]);
    run(command.arg(folder.path().join("object.o")).arg(&path))
}

/// The functions of many programs.
pub struct Library {
    /// The function of each program; equal sources are one function.
    entries: Vec<Entry>,
    _library: libloading::Library,
}

impl Library {
    /// Compiles programs, each of which has source.
    pub fn new(language: Language, programs: &[Verified]) -> Result<Library, String> {
        let compiler = compiler(language).ok_or("there is no compiler")?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let (source, places) = file(language, programs)?;
        let (path, output) = (folder.path().join("filters.source"), folder.path().join("filters.so"));
        fs::write(&path, source).map_err(|error| error.to_string())?;
        run(&mut command(language, compiler, &path, &output))?;
        // SAFETY: the code has no initialisers of its own; it stays loaded after the folder is removed.
        let library = unsafe { libloading::Library::new(&output) }.map_err(|error| error.to_string())?;
        let entry = |place: &usize| {
            let name = format!("run_{place}\0");
            // SAFETY: this is the prototype of these functions in `file`.
            unsafe { library.get::<Entry>(name.as_bytes()) }.map(|entry| *entry).map_err(|error| error.to_string())
        };
        let entries = places.iter().map(entry).collect::<Result<Vec<Entry>, String>>()?;
        Ok(Library { entries, _library: library })
    }

    /// Runs a program.
    pub fn verdict(&self, place: usize, packet: &Packet) -> u32 {
        let (data, fields) = (packet.data().as_ptr_range(), Fields::of(packet.context()));
        // SAFETY: the functions read nothing outside of the packet, which is what the trials are about, and a context
        // of this type.
        unsafe { self.entries[place](data.start, data.end, packet.wire_len(), &fields) }
    }
}

/// Returns the command that makes a library: C with traps at undefined behaviour, Rust with checks of overflow.
fn command(language: Language, compiler: &str, source: &Path, output: &Path) -> Command {
    let mut command = Command::new(compiler);
    match language {
        Language::Rust => {
            command.args(["--crate-type", "cdylib", "--crate-name", "filters", "--edition", "2021", "-D", "warnings"]);
            command.args(["-C", "debug-assertions", "-C", "opt-level=1", "-C", "panic=abort"]);
        }
        _ => {
            command.args(["-std=c99", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]);
            command.args(["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error", "-x", "c"]);
        }
    }
    command.arg("-o").arg(output).arg(source);
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    Err(message.lines().take(40).collect::<Vec<&str>>().join("\n"))
}

/// Returns a file with the functions `run_0`, `run_1`, ..., and the number of the function of each program.
fn file(language: Language, programs: &[Verified]) -> Result<(String, Vec<usize>), String> {
    let mut text = match language {
        Language::Rust => format!("#![no_std]\nextern crate std;\n{}", context::RUST),
        _ => context::C.to_owned(),
    };
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut places = Vec::new();
    for verified in programs {
        let generate = |name: String| Options::new(language).name(name).generate(verified);
        let anonymous = generate("filter".to_owned()).map_err(|error| error.to_string())?;
        let next = known.len();
        let place = *known.entry(anonymous).or_insert(next);
        if place == next {
            let source = generate(format!("filter_{place}")).map_err(|error| error.to_string())?;
            text.push_str(&match language {
                Language::Rust => rust_function(&source, place),
                _ => c_function(&source, place),
            });
        }
        places.push(place);
    }
    Ok((text, places))
}

fn c_function(source: &str, place: usize) -> String {
    let name = format!("filter_{place}_context");
    let (local, argument) = match context::in_c(source, &name) {
        Some(fields) => (format!("    struct {name} context = {fields};\n"), ", &context"),
        None => ("    (void)all;\n".to_owned(), ""),
    };
    let head = "(const void *data, const void *end, unsigned int len, const struct all_fields *all)";
    format!(
        "{source}\nunsigned int run_{place}{head};\nunsigned int run_{place}{head}\n{{\n{local}    return \
         filter_{place}(data, end, len{argument});\n}}\n"
    )
}

fn rust_function(source: &str, place: usize) -> String {
    let (local, argument) = match context::in_rust(source, &format!("Filter{place}Context")) {
        Some(fields) => (format!("let context = in_{place}::Filter{place}Context {fields};"), ", &context"),
        None => ("let _ = all;".to_owned(), ""),
    };
    format!(
        "#[deny(unsafe_code, missing_docs)]\nmod in_{place} {{\n{source}\n}}
#[no_mangle]
pub unsafe extern \"C\" fn run_{place}(data: *const u8, end: *const u8, len: u32, all: &AllFields) -> u32 {{
    let packet = core::slice::from_raw_parts(data, end.offset_from(data) as usize);
    {local}
    in_{place}::filter_{place}(packet, len{argument})
}}\n"
    )
}
