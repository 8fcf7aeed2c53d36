//! The room `codegen` of a build without native code: the same interface, of which no value can exist.

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
    CompileError::UnsupportedMachine("this build of cbpf has none (feature `jit`)".to_owned())
}

pub(crate) fn compile(_graph: &Graph) -> Result<Code, CompileError> {
    Err(absent())
}

pub(crate) fn compile_batch(_graph: &Graph) -> Result<BatchCode, CompileError> {
    Err(absent())
}

#[derive(Clone)]
pub(crate) enum Code {}

impl Code {
    pub(crate) fn run(&self, _packet: &Packet) -> u32 {
        match *self {}
    }

    pub(crate) fn size(&self) -> usize {
        match *self {}
    }
}

pub(crate) enum BatchCode {}

impl BatchCode {
    pub(crate) fn run(&self, _packets: Packets, _verdicts: &mut [u32]) -> bool {
        match *self {}
    }
}

/// Packets as compiled loops read them.
pub(crate) struct PacketRecords<'p>(Packets<'p>, Infallible);

impl<'p> PacketRecords<'p> {
    pub(crate) fn of(_packets: Packets<'p>) -> Option<PacketRecords<'p>> {
        None
    }

    pub(crate) fn packets(&self, _from: usize) -> impl Iterator<Item = Packet<'p>> {
        self.0.iter()
    }

    pub(crate) fn in_stretches(&self, _: Range<usize>, _: Option<PrefetchRange>, _run: impl FnMut(Range<usize>)) {
        match self.1 {}
    }
}

pub(crate) enum PrefetchRange {}

impl PrefetchRange {
    pub(crate) const SETS: Option<PrefetchRange> = None;
}

pub(crate) mod classifier {
    //! The code of tables.

    use std::sync::Arc;

    use super::{CompileError, PacketRecords, absent};
    use crate::classifier::packet_fields::PacketFields;
    use crate::classifier::table::Tables;
    use crate::packet::Packet;

    #[derive(Debug)]
    pub(crate) enum Code {}

    impl Code {
        pub(crate) fn room(&self) -> usize {
            match *self {}
        }

        pub(crate) fn call(&self, _packet: &Packet, _found: &mut [u64]) -> u64 {
            match *self {}
        }

        pub(crate) fn call_with_room(&self, _packet: &Packet, _found: &mut Vec<u64>) -> u64 {
            match *self {}
        }
    }

    #[derive(Debug)]
    pub(crate) enum SetBatchCode {}

    impl SetBatchCode {
        pub(crate) fn call_from(&self, _first: usize, _records: &PacketRecords, _answers: &mut [u32]) {
            match *self {}
        }
    }

    #[derive(Debug)]
    pub(crate) struct Native {
        pub(crate) first: Arc<Code>,
        pub(crate) all: Arc<Code>,
        pub(crate) batch: Option<SetBatchCode>,
    }

    impl Native {
        pub(crate) fn new(_fields: &PacketFields, _tables: &Arc<Tables>) -> Result<Native, CompileError> {
            Err(absent())
        }
    }
}

impl Graph {
    /// Prints the Cranelift IR that native code is made from.
    ///
    /// # Errors
    /// In this build always.
    pub fn clif(&self) -> Result<String, CompileError> {
        Err(absent())
    }

    /// Prints the native code, disassembled, and its size in bytes.
    ///
    /// # Errors
    /// In this build always.
    pub fn native(&self) -> Result<String, CompileError> {
        Err(absent())
    }
}
