//! The loop of a filter over batches, which is compiled for the first batch.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::bpf::verify::Verified;
use crate::codegen::{self, BatchCode, OnceBox, Words};
use crate::filter::FilterError;
use crate::ir::{Graph, Shape, Strategy};
use crate::packet::batch::Packets;

/// The loop of a filter: its code, which filters of one shape share, and its constants; `None` without native code.
#[derive(Clone)]
pub(crate) struct Batch {
    pub(crate) code: Arc<BatchLoop>,
    pub(crate) words: Option<Words>,
}

impl Batch {
    /// Writes the verdicts on all packets and returns `true`, or returns `false` if they must be run one by one.
    pub(crate) fn run(&self, packets: Packets, verdicts: &mut [u32]) -> bool {
        let Some(words) = &self.words else { return false };
        self.code.code().is_some_and(|code| code.run(packets, words, verdicts))
    }
}

/// The code of a loop, and what it is compiled of.
pub(crate) struct BatchLoop {
    source: BatchSource,
    strategy: Strategy,
    code: OnceBox<BatchCode>,
    has_failed: AtomicBool,
}

/// The input of the compilation.
pub(crate) enum BatchSource {
    /// A program rather than its graph or its steps: it is smaller, and mostly shared with its user.
    Program {
        program: Arc<Program>,
        dialect: Dialect,
        strategy: Strategy,
    },
    Graph(Box<Graph>),
}

impl BatchSource {
    pub(crate) fn new(verified: &Verified, strategy: Strategy) -> BatchSource {
        BatchSource::Program { program: verified.shared_program(), dialect: verified.dialect(), strategy }
    }
}

impl BatchLoop {
    /// Creates a loop that is not compiled yet; `strategy` is that of the graph.
    pub(crate) fn new(source: BatchSource, strategy: Strategy) -> BatchLoop {
        BatchLoop { source, strategy, code: OnceBox::new(), has_failed: AtomicBool::new(false) }
    }

    pub(crate) fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Returns the loop, which the first call compiles; `None` if it cannot be compiled.
    pub(crate) fn code(&self) -> Option<&BatchCode> {
        if self.code.get().is_none() && !self.has_failed.load(Ordering::Relaxed) {
            self.has_failed.store(self.compile().is_err(), Ordering::Relaxed);
        }
        self.code.get()
    }

    /// Compiles the loop if there is none yet.
    pub(crate) fn compile(&self) -> Result<(), FilterError> {
        if self.code.get().is_some() {
            return Ok(());
        }
        let code = match &self.source {
            BatchSource::Graph(graph) => codegen::compile_batch(graph)?,
            BatchSource::Program { program, dialect, strategy } => {
                let verified = program.verify(*dialect)?;
                codegen::compile_batch(&Graph::of_shape(&verified, &Shape::of(&verified), *strategy))?
            }
        };
        // If another thread was faster, its loop is the same.
        self.code.get_or_set(code);
        Ok(())
    }
}

impl fmt::Debug for BatchLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchLoop").field("strategy", &self.strategy).field("code", &self.code).finish_non_exhaustive()
    }
}
