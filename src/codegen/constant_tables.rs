//! Read-only tables of compiled code, such as bitmaps: they follow the code in memory.
//!
//! Code addresses its tables by their distance, so both mappings of the memory hold the same bytes.

use cranelift_codegen::ir::{ExternalName, Function, GlobalValue, GlobalValueData, UserExternalName};
use cranelift_module::{FuncId, ModuleReloc, ModuleRelocTarget};

/// The tables of one function, numbered in the order in which they are added.
#[derive(Default)]
pub(crate) struct ConstantTables {
    /// The tables, each padded to the alignment.
    bytes: Vec<u8>,
    /// The offset of each table, in bytes.
    starts: Vec<u32>,
    /// The tables themselves, for the validation of code.
    #[cfg(test)]
    pub(crate) tables: Vec<Vec<u8>>,
}

impl ConstantTables {
    /// The alignment of tables, in bytes: a cache line, so that tables share none with code.
    const ALIGN: u32 = 64;

    /// The namespace of the tables' names; modules use 0 for functions and 1 for data.
    const NAMESPACE: u32 = 2;

    /// Adds a table, and returns a global value of `function` whose `symbol_value` is the address of the table.
    pub(crate) fn add(&mut self, function: &mut Function, table: &[u8]) -> GlobalValue {
        let name = UserExternalName { namespace: ConstantTables::NAMESPACE, index: self.starts.len() as u32 };
        #[cfg(test)]
        self.tables.push(table.to_vec());
        self.starts.push(self.bytes.len() as u32);
        self.bytes.extend_from_slice(table);
        self.bytes.resize(self.bytes.len().next_multiple_of(ConstantTables::ALIGN as usize), 0);
        let name = ExternalName::user(function.declare_imported_user_function(name));
        // Colocated: near enough to be addressed by distance.
        let symbol = GlobalValueData::Symbol { name, offset: 0.into(), colocated: true, tls: false };
        function.create_global_value(symbol)
    }

    pub(crate) fn clear(&mut self) {
        #[cfg(test)]
        self.tables.clear();
        self.bytes.clear();
        self.starts.clear();
    }

    /// The smallest alignment of code, in bytes, with which the tables are aligned.
    pub(crate) fn align(&self) -> u32 {
        if self.bytes.is_empty() { 1 } else { ConstantTables::ALIGN }
    }

    /// Appends the tables to the code of `function`, and lets the relocations that name them refer to it.
    pub(crate) fn append_to(&self, code: &mut Vec<u8>, relocations: &mut [ModuleReloc], function: FuncId) {
        if self.bytes.is_empty() {
            return;
        }
        code.resize(code.len().next_multiple_of(ConstantTables::ALIGN as usize), 0);
        for relocation in relocations {
            if let ModuleRelocTarget::User { namespace: ConstantTables::NAMESPACE, index } = relocation.name {
                let offset = code.len() as u32 + self.starts[index as usize];
                relocation.name = ModuleRelocTarget::FunctionOffset(function, offset);
            }
        }
        code.extend_from_slice(&self.bytes);
    }
}
