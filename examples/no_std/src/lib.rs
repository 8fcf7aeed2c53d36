//! Filters of system calls and of packets as a kernel calls them, without an allocator.
//!
//! Programs come from user space. They are copied to fixed memory, verified there, and never changed again: a
//! [`VerifiedRef`] borrows them, so the compiler holds the kernel to that.

#![no_std]
#![forbid(unsafe_code)]

use cbpf::bpf::{RawInstruction, VerifiedRef};
use cbpf::seccomp::{Action, SeccompData};
use cbpf::{Context, Dialect, Packet, VerifyError};

/// Memory for programs.
pub struct Arena<'m> {
    free: &'m mut [RawInstruction],
}

impl<'m> Arena<'m> {
    pub fn new(memory: &'m mut [RawInstruction]) -> Arena<'m> {
        Arena { free: memory }
    }

    /// Verifies a copy of a program from user space.
    fn add(&mut self, program: &[RawInstruction], dialect: Dialect) -> Result<VerifiedRef<'m>, Refused> {
        let memory = core::mem::take(&mut self.free);
        let Some((copy, free)) = memory.split_at_mut_checked(program.len()) else { return Err(Refused::NoMemory) };
        self.free = free;
        copy.iter_mut().zip(program).for_each(|(to, from)| *to = *from);
        VerifiedRef::new(copy, dialect).map_err(Refused::Invalid)
    }
}

/// The reason for which a program is not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    Invalid(VerifyError),
    NoMemory,
    TooManyFilters,
}

/// A task, with the filters of its system calls.
#[derive(Default)]
pub struct Task<'m> {
    filters: [Option<VerifiedRef<'m>>; 8],
}

impl<'m> Task<'m> {
    /// Adds a filter, as `seccomp(SECCOMP_SET_MODE_FILTER)` does.
    pub fn add_filter(&mut self, program: &[RawInstruction], arena: &mut Arena<'m>) -> Result<(), Refused> {
        let place = self.filters.iter_mut().rev().find(|filter| filter.is_none()).ok_or(Refused::TooManyFilters)?;
        *place = Some(arena.add(program, Dialect::Seccomp)?);
        Ok(())
    }

    /// Returns what to do about a system call: the strictest action of all filters.
    pub fn check(&self, call: &SeccompData) -> Action {
        // The newest filter stands first. A filter of another dialect, which cannot be here, kills.
        let filters = self.filters.iter().flatten();
        Action::strictest(filters.map(|filter| filter.interpret_seccomp(call).unwrap_or(Action::KillProcess)))
    }
}

/// A socket, with the filter of its packets.
#[derive(Default)]
pub struct Socket<'m> {
    filter: Option<VerifiedRef<'m>>,
}

impl<'m> Socket<'m> {
    /// Sets the filter, as `setsockopt(SO_ATTACH_FILTER)` does.
    pub fn attach(&mut self, program: &[RawInstruction], arena: &mut Arena<'m>) -> Result<(), Refused> {
        self.filter = Some(arena.add(program, Dialect::Linux)?);
        Ok(())
    }

    /// Returns the number of bytes of a packet to keep; 0 drops it.
    ///
    /// A kernel sets a seed from its own random numbers, for programs that load `rand`.
    pub fn receive(&self, data: &[u8], context: &Context) -> usize {
        let Some(filter) = &self.filter else { return data.len() };
        data.len().min(filter.interpret(Packet::new(data).with_context(context)) as usize)
    }
}
