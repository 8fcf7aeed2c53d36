//! The loop of a filter over batches, which is compiled for the first batch.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::bpf::verify::Verified;
use crate::codegen::{self, BatchCode, OnceBox, VectorCode, Words};
use crate::filter::FilterError;
use crate::ir::{Graph, Shape, Strategy};
use crate::packet::batch::Packets;

/// The loop of a filter: its code, which filters of one shape share, its constants, and its vectors.
#[derive(Clone)]
pub(crate) struct Batch {
    code: Arc<BatchLoop>,
    /// `None` without native code.
    words: Option<Words>,
    vectors: Arc<BatchVectors>,
}

/// The vectors of a filter, which are made for the first batch, and the constants that its graph leaves open.
struct BatchVectors {
    constants: Box<[u32]>,
    code: OnceBox<Option<VectorCode>>,
}

impl Batch {
    /// Returns the loop of a filter with these open constants.
    pub(crate) fn new(code: Arc<BatchLoop>, words: Option<Words>, constants: &[u32]) -> Batch {
        let vectors = BatchVectors { constants: constants.into(), code: OnceBox::new() };
        Batch { code, words, vectors: Arc::new(vectors) }
    }

    pub(crate) fn code(&self) -> &BatchLoop {
        &self.code
    }

    /// Writes the verdicts on all packets and returns `true`, or returns `false` if they must be run one by one.
    pub(crate) fn run(&self, packets: Packets, verdicts: &mut [u32]) -> bool {
        let Some(words) = &self.words else { return false };
        self.code.code().is_some_and(|code| code.run(packets, words, self.vectors(), verdicts))
    }

    /// Returns the vectors; `None` if this machine has none, or the graph is not fit for them.
    fn vectors(&self) -> Option<&VectorCode> {
        let BatchVectors { constants, code } = &*self.vectors;
        let made = code.get().or_else(|| {
            let graph = self.code.with_branches().ok()?;
            // If another thread was faster, its vectors are the same.
            Some(code.get_or_set(VectorCode::new(&graph.with_constants(constants))).0)
        });
        made?.as_ref()
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

    /// Returns the graph with branches, in which constants are open.
    fn with_branches(&self) -> Result<Graph, FilterError> {
        match &self.source {
            BatchSource::Graph(graph) => Ok(Graph::clone(graph)),
            BatchSource::Program { program, dialect, .. } => {
                let verified = program.verify(*dialect)?;
                Ok(Graph::of_shape(&verified, &Shape::of(&verified), Strategy::Branches))
            }
        }
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
