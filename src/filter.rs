//! What users hold: a program as native code.

use std::fmt;

use crate::ancillary::Extension;
use crate::dialect::Dialect;
use crate::graph::{Graph, Shape};
use crate::jit::{self, Code, CompileError, Facts};
use crate::packet::Packet;
use crate::verify::Verified;

/// A program compiled to native code for this machine.
///
/// Clones share the code, which is freed with the last of them. Running a filter takes no lock and allocates nothing.
///
/// ```
/// use cbpf::{Dialect, Filter, Program};
/// let arp: Program = "ldh [12]\n jne #0x806, drop\n ret #-1\n drop: ret #0".parse()?;
/// let filter = Filter::compile(&arp.verify(Dialect::Linux)?)?;
///
/// let mut frame = [0; 60];
/// assert_eq!(filter.run(&frame), 0);
/// frame[12..14].copy_from_slice(&[0x08, 0x06]);
/// assert_eq!(filter.run(&frame), u32::MAX);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Filter {
    code: Code,
    dialect: Dialect,
    shape: Shape,
    /// The facts of the context that the code asks for, a bit each.
    facts: u16,
}

impl Filter {
    /// Compiles a verified program.
    ///
    /// # Errors
    /// If there is no native code for this machine (the interpreter still works), or no memory for it.
    pub fn compile(verified: &Verified) -> Result<Filter, CompileError> {
        Filter::compile_as(verified, Shape::default())
    }

    /// Compiles a verified program to code of a shape, if it is fit for that.
    ///
    /// # Errors
    /// As [`Filter::compile`].
    pub fn compile_as(verified: &Verified, shape: Shape) -> Result<Filter, CompileError> {
        Filter::from_graph(&Graph::shaped(verified, shape))
    }

    /// Compiles a graph as it is: the graph of a verified program, behind any passes in any order.
    ///
    /// # Errors
    /// As [`Filter::compile`].
    pub fn from_graph(graph: &Graph) -> Result<Filter, CompileError> {
        let code = jit::compile(graph)?;
        let facts = graph.extensions().fold(0, |facts, extension| facts | 1 << extension.index());
        Ok(Filter { code, dialect: graph.dialect, shape: graph.shape(), facts })
    }

    /// The verdict on a packet: how many bytes of it to keep, 0 for none.
    ///
    /// Bytes (`&[u8]`) are a packet that was captured whole; a [`Packet`] can say more.
    #[inline]
    pub fn run<'p>(&self, packet: impl Into<Packet<'p>>) -> u32 {
        let packet = packet.into();
        if self.facts == 0 {
            return self.code.call(packet.data(), packet.wire_len(), &Facts::NONE);
        }
        let wanted = Extension::all().filter(|extension| self.facts & 1 << extension.index() != 0);
        self.code.call(packet.data(), packet.wire_len(), &Facts::new(packet.context(), wanted))
    }

    /// The dialect that the program was verified for.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The shape that the code has.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The size of the native code, in bytes.
    pub fn code_size(&self) -> usize {
        self.code.size()
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("dialect", &self.dialect).field("code_size", &self.code_size()).finish()
    }
}
