//! Tables that compiled code looks things up in, such as bitmaps: they stand behind the code, in the same place.
//!
//! Code finds them relative to itself, so they may be written through another mapping than they are read through.

use cranelift_codegen::ir::{ExternalName, Function, GlobalValue, GlobalValueData, UserExternalName};
use cranelift_module::{FuncId, ModuleReloc, ModuleRelocTarget};

/// The tables of one function, in the order in which they are referred to by number.
#[derive(Default)]
pub(super) struct Tables {
    /// All tables, each with what aligns the next.
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<u32>,
}

impl Tables {
    /// Each table begins at a multiple of this, in bytes: a cache line, so that a table touches as few as can be and
    /// none that code stands in.
    const ALIGN: u32 = 64;

    /// The namespace of the names of tables; the one of functions is 0, of data of other kinds 1.
    const NAMESPACE: u32 = 2;

    /// Adds a table, and makes a global value of `function` that is its address: `symbol_value` loads it.
    #[cfg_attr(not(test), expect(dead_code, reason = "no value needs a table yet"))]
    pub(super) fn add(&mut self, function: &mut Function, table: &[u8]) -> GlobalValue {
        let name = UserExternalName { namespace: Tables::NAMESPACE, index: self.starts.len() as u32 };
        self.starts.push(self.bytes.len() as u32);
        self.bytes.extend_from_slice(table);
        self.bytes.resize(self.bytes.len().next_multiple_of(Tables::ALIGN as usize), 0);
        let name = ExternalName::user(function.declare_imported_user_function(name));
        // It is near, so that its address is a distance from the code.
        let symbol = GlobalValueData::Symbol { name, offset: 0.into(), colocated: true, tls: false };
        function.create_global_value(symbol)
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
    }

    /// What the alignment of code must at least be, in bytes, that these tables stand behind.
    pub(super) fn align(&self) -> u32 {
        if self.bytes.is_empty() { 1 } else { Tables::ALIGN }
    }

    /// Puts the tables behind the code of `function`, and makes the relocations that name them find them there.
    pub(super) fn append_to(&self, code: &mut Vec<u8>, relocations: &mut [ModuleReloc], function: FuncId) {
        if self.bytes.is_empty() {
            return;
        }
        code.resize(code.len().next_multiple_of(Tables::ALIGN as usize), 0);
        for relocation in relocations {
            if let ModuleRelocTarget::User { namespace: Tables::NAMESPACE, index } = relocation.name {
                let offset = code.len() as u32 + self.starts[index as usize];
                relocation.name = ModuleRelocTarget::FunctionOffset(function, offset);
            }
        }
        code.extend_from_slice(&self.bytes);
    }
}
