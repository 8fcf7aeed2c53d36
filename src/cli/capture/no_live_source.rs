//! The place of live captures on systems other than Linux, where there are none.

use std::time::Instant;

use cbpf::{Context, FilterSet, Verified};

use super::error::CaptureErrorKind;
use super::{Interface, Records};

/// A packet of an interface.
#[derive(Debug)]
pub enum Captured {}

/// The counts of a capture.
#[derive(Debug)]
pub struct Statistics {
    pub received: u64,
    pub dropped: u64,
}

/// What comes next.
#[expect(dead_code, reason = "there are no live captures")]
pub(super) enum Next {
    Records,
    Pause,
    End,
}

/// A program that the kernel runs on packets.
pub enum KernelProgram {}

impl KernelProgram {
    pub fn new(_: &Verified) -> Option<KernelProgram> {
        None
    }

    pub fn of_cooked(_: &Verified) -> Option<KernelProgram> {
        None
    }

    pub fn of_set(_: &FilterSet) -> Option<KernelProgram> {
        None
    }
}

/// An interface to capture from.
pub(super) enum LiveSource {}

impl Captured {
    pub fn context(&self) -> Context {
        match *self {}
    }

    pub fn as_filtered<'a>(&self, _: &'a [u8], _: &'a mut Vec<u8>) -> &'a [u8] {
        match *self {}
    }
}

impl LiveSource {
    pub(super) fn start(&mut self, _: Option<&KernelProgram>, _: Option<u32>) -> Result<(), CaptureErrorKind> {
        match *self {}
    }

    pub(super) fn advance(&mut self, _: usize) -> Result<Next, CaptureErrorKind> {
        match *self {}
    }

    pub(super) fn last_records(&self) -> Records<'_> {
        match *self {}
    }

    pub(super) fn take_others(&mut self) -> Vec<LiveSource> {
        match *self {}
    }

    pub(super) fn join(&mut self, _: Vec<LiveSource>) {
        match *self {}
    }

    pub(super) fn wait(&mut self, _: Option<Instant>) -> Result<(), CaptureErrorKind> {
        match *self {}
    }

    pub(super) fn close(&mut self) {
        match *self {}
    }

    pub(super) fn interface(&self) -> &Interface {
        match *self {}
    }

    pub(super) fn bytes(&self) -> u64 {
        match *self {}
    }

    pub(super) fn statistics(&self) -> Statistics {
        match *self {}
    }
}
