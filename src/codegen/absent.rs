//! The room `codegen` on machines and in builds without native code: the same interface, with types that have no
//! values.

mod error;
mod once_box;

use std::convert::Infallible;
use std::ops::Range;

use crate::ir::Graph;
use crate::packet::Packet;
use crate::packet::batch::Packets;

pub use error::CompileError;
pub(crate) use once_box::OnceBox;

fn absent() -> CompileError {
    let why = match cfg!(feature = "jit") {
        true => {
            "cbpf generates code for x86-64 and aarch64 on Linux, macOS, Windows, FreeBSD and Android, and for riscv64 \
             and s390x on Linux"
        }
        false => "cbpf was built without the feature `jit`",
    };
    CompileError::UnsupportedMachine(why.to_owned())
}

/// Returns the reason why there is no native code.
pub(crate) fn check_machine() -> Result<(), CompileError> {
    Err(absent())
}

pub(crate) fn compile(_graph: &Graph) -> Result<FilterTemplate, CompileError> {
    Err(absent())
}

pub(crate) fn compile_batch(_graph: &Graph) -> Result<BatchCode, CompileError> {
    Err(absent())
}

#[derive(Clone)]
pub(crate) struct Words(Infallible);

pub(crate) struct FilterTemplate(Infallible);

impl FilterTemplate {
    pub(crate) fn filter(&self, _constants: &[u32]) -> FilterCode {
        match self.0 {}
    }
}

#[derive(Clone)]
pub(crate) struct FilterCode(Infallible);

impl FilterCode {
    pub(crate) fn run(&self, _packet: Packet) -> u32 {
        match self.0 {}
    }

    pub(crate) fn words(&self) -> &Words {
        match self.0 {}
    }

    pub(crate) fn is_plain(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn size(&self) -> usize {
        match self.0 {}
    }
}

pub(crate) enum BatchCode {}

impl BatchCode {
    pub(crate) fn run(
        &self,
        _packets: Packets,
        _words: &Words,
        _vectors: Option<&VectorCode>,
        _verdicts: &mut [u32],
    ) -> bool {
        match *self {}
    }
}

pub(crate) enum VectorCode {}

impl VectorCode {
    pub(crate) fn new(_graph: &Graph) -> Option<VectorCode> {
        None
    }
}

pub(crate) struct PacketRecords<'p>(Packets<'p>, Infallible);

impl<'p> PacketRecords<'p> {
    pub(crate) fn of(_packets: Packets<'p>) -> Option<PacketRecords<'p>> {
        None
    }

    pub(crate) fn packets(&self, _from: usize) -> impl Iterator<Item = Packet<'p>> {
        self.0.iter()
    }

    pub(crate) const DISTANCE: usize = 0;

    pub(crate) fn in_chunks(
        &self,
        _: Range<usize>,
        _: Option<PrefetchRange>,
        _piece: usize,
        _run: impl FnMut(Range<usize>),
    ) {
        match self.1 {}
    }
}

pub(crate) enum PrefetchRange {}

impl PrefetchRange {
    pub(crate) const CLASSIFIER: Option<PrefetchRange> = None;
}

pub(crate) mod classifier {
    //! The code of classifiers.

    use std::sync::Arc;

    use super::{CompileError, PacketRecords, absent};
    use crate::classifier::packet_fields::PacketFields;
    use crate::classifier::table::Tables;
    use crate::packet::Packet;

    #[derive(Debug)]
    pub(crate) enum TableCode {}

    impl TableCode {
        pub(crate) fn output_len(&self) -> usize {
            match *self {}
        }

        pub(crate) fn call(&self, _packet: &Packet, _output: &mut [u64]) -> u64 {
            match *self {}
        }

        pub(crate) fn call_growing(&self, _packet: &Packet, _output: &mut Vec<u64>) -> u64 {
            match *self {}
        }
    }

    #[derive(Debug)]
    pub(crate) enum TableBatchCode {}

    impl TableBatchCode {
        pub(crate) fn is_by_vectors(&self) -> bool {
            match *self {}
        }

        pub(crate) fn run_from(
            &self,
            _first: usize,
            _records: &PacketRecords,
            _ranks: &mut [u32],
            _run_alone: impl FnOnce(&mut [u32]),
        ) {
            match *self {}
        }
    }

    #[derive(Debug)]
    pub(crate) struct ClassifierCode {
        pub(crate) first: Arc<TableCode>,
        pub(crate) all: Arc<TableCode>,
        pub(crate) batch: Option<TableBatchCode>,
    }

    impl ClassifierCode {
        pub(crate) fn new(_fields: &PacketFields, _tables: &Arc<Tables>) -> Result<ClassifierCode, CompileError> {
            Err(absent())
        }
    }
}

impl Graph {
    /// Returns the Cranelift IR of the native code, as text.
    ///
    /// # Errors
    /// In this build always.
    pub fn clif(&self) -> Result<String, CompileError> {
        Err(absent())
    }

    /// Returns Cranelift's disassembly of the native code, and the size in bytes.
    ///
    /// # Errors
    /// In this build always.
    pub fn native(&self) -> Result<String, CompileError> {
        Err(absent())
    }
}
