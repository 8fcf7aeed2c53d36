//! Programs as constants in Rust.

use alloc::string::String;

use crate::bpf::instruction::RawInstruction;
use crate::bpf::program::Program;
use crate::source::{Language, SourceError, name};

impl Program {
    /// Returns the program as a constant in Rust, which needs no crate: `pub const NAME: [(u16, u8, u8, u32); N]`, with
    /// the fields `code`, `jt`, `jf` and `k` of each instruction.
    ///
    /// The numbers do not depend on the byte order of the machine. The program is not verified.
    ///
    /// # Errors
    /// [`SourceError::Name`] if the name is not an identifier of Rust.
    ///
    /// ```
    /// use cbpf::Program;
    /// let program: Program = "ld [0]\n jeq #59, deny\n ret #0x7fff0000\n deny: ret #0x00050001".parse()?;
    /// let source = program.to_rust_constant("NO_EXEC")?;
    /// assert!(source.contains("pub const NO_EXEC: [(u16, u8, u8, u32); 4] = ["));
    /// assert!(source.contains("    (0x15, 1, 0, 0x0000003b),\n"));
    /// // The constant is read back like any other form.
    /// assert_eq!(source.parse::<Program>()?, program);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_rust_constant(&self, name: &str) -> Result<String, SourceError> {
        name::check(Language::Rust, name)?;
        let len = self.len();
        let mut source = format!(
            "/// A program of classic BPF: the fields `code`, `jt`, `jf` and `k` of each `struct sock_filter`.\n\
             #[rustfmt::skip]\n\
             pub const {name}: [(u16, u8, u8, u32); {len}] = [\n"
        );
        for RawInstruction { code, jt, jf, k } in self.instructions() {
            source += &format!("    ({code:#04x}, {jt}, {jf}, {k:#010x}),\n");
        }
        source += "];\n";
        Ok(source)
    }
}
