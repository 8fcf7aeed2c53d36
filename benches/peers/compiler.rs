//! C that is compiled while the bench runs, and loaded.

use std::path::PathBuf;
use std::process::Command;

use libloading::Library;

/// What `compiler` makes of C files, as a loaded library.
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
    // SAFETY: what is compiled here has no initialisers; what is loaded stays when the folder goes.
    unsafe { Library::new(&path) }.map_err(|error| error.to_string())
}
