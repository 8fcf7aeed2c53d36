//! Tables that compiled code looks things up in, such as bitmaps: read-only, and behind the code, in the same place.
//!
//! Code finds its tables by their distance, so that it does not matter through which mapping they were written.

use cranelift_codegen::ir::{ExternalName, Function, GlobalValue, GlobalValueData, UserExternalName};
use cranelift_module::{FuncId, ModuleReloc, ModuleRelocTarget};

/// The tables of one function, numbered in the order in which they are added.
#[derive(Default)]
pub(crate) struct Tables {
    /// All of them, each followed by what aligns the next.
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<u32>,
}

impl Tables {
    /// Each table begins at a multiple of this, in bytes: a cache line, which code does not share with it.
    const ALIGN: u32 = 64;

    /// The namespace of their names; modules have 0 for functions and 1 for data.
    const NAMESPACE: u32 = 2;

    /// Adds a table, and gives `function` a global value that is its address: `symbol_value` of it is a pointer.
    pub(crate) fn add(&mut self, function: &mut Function, table: &[u8]) -> GlobalValue {
        let name = UserExternalName { namespace: Tables::NAMESPACE, index: self.starts.len() as u32 };
        self.starts.push(self.bytes.len() as u32);
        self.bytes.extend_from_slice(table);
        self.bytes.resize(self.bytes.len().next_multiple_of(Tables::ALIGN as usize), 0);
        let name = ExternalName::user(function.declare_imported_user_function(name));
        // Colocated: near enough for its address to be a distance.
        let symbol = GlobalValueData::Symbol { name, offset: 0.into(), colocated: true, tls: false };
        function.create_global_value(symbol)
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
    }

    /// What the code must at least be aligned to, in bytes, for its tables to be.
    pub(crate) fn align(&self) -> u32 {
        if self.bytes.is_empty() { 1 } else { Tables::ALIGN }
    }

    /// Puts the tables behind the code of `function`, where the relocations that name them are to find them.
    pub(crate) fn append_to(&self, code: &mut Vec<u8>, relocations: &mut [ModuleReloc], function: FuncId) {
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
