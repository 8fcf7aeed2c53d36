//! C code that is compiled and loaded at run time.

use std::path::PathBuf;
use std::process::Command;

use libloading::Library;

/// Compiles C files to a library, and loads it.
pub fn library(compiler: &str, options: &[String], sources: &[PathBuf]) -> Result<Library, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("library.so");
    let mut command = Command::new(compiler);
    command.args(["-O3", "-shared", "-fPIC", "-w", "-o"]).arg(&path).args(options).args(sources);
    let output = command.output().map_err(|error| format!("{compiler}: {error}"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{compiler}: {}", message.lines().next().unwrap_or("failed")));
    }
    // SAFETY: the initialisers of the code, if any, are a project's own; it stays loaded after the folder is removed.
    unsafe { Library::new(&path) }.map_err(|error| error.to_string())
}
