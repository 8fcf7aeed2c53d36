//! A network interface as an input: the packets of a ring that is shared with the kernel.
//!
//! - The packets are lent where the kernel has put them. A removed VLAN tag is in the frame again.
//! - The capture begins with the first piece, or with [`LiveSource::start`], which may give the kernel a filter.
//! - A signal stops it. Everything that had arrived by then is returned.
//! - After the interface was removed, everything that had arrived is returned, and then the error.

use std::cell::Cell;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use cbpf::ebpf::{self, Hook};
use cbpf::packet::Span;
use cbpf::socket::live::{self, Capture, CapturedPacket, Fanout, KernelFilter, Options};
use cbpf::socket::{self, Error};

use cbpf::{Dialect, Program, Verified};

use super::error::CaptureErrorKind;
use super::record_batch::Metadata;
use super::{ByteOrder, Clock, Interface, Records};
use crate::cli::failure::say;
use crate::cli::interrupt;

/// The most bytes of a packet, as in tcpdump.
const SNAPLEN: u32 = 262_144;

/// The time after which a note says that an interface is down.
const PATIENCE: Duration = Duration::from_secs(1);

/// A packet of an interface.
pub type Captured = CapturedPacket;

/// The group of captures that share the packets of an interface.
pub type Group = Fanout;

/// The counts of a capture.
pub type Statistics = live::Statistics;

/// A program that the kernel runs on packets.
pub enum KernelProgram {
    Classic(Program),
    /// A loaded program of eBPF.
    Ebpf(OwnedFd),
}

impl KernelProgram {
    /// Returns the program for the kernel: the optimised one, or one of eBPF if no classic program is valid. If there is
    /// none, a note says so.
    pub fn new(verified: &Verified) -> Option<KernelProgram> {
        if verified.dialect() == Dialect::Linux
            && let Ok(program) = verified.program().optimize(Dialect::Linux)
        {
            return Some(KernelProgram::Classic(program));
        }
        let note = |error: String| say(format_args!("cbpf: note: the kernel does not filter: {error}"));
        let ebpf = ebpf::Options::new(Hook::Socket).compile(verified).map_err(|error| note(error.to_string())).ok()?;
        let loaded = socket::load_ebpf(&ebpf).map_err(|error| note(message(&error)));
        loaded.ok().map(KernelProgram::Ebpf)
    }
}

/// What comes next.
pub(super) enum Next {
    Records,
    Pause,
    End,
}

/// An interface to capture from.
pub(super) struct LiveSource {
    source: live::Interface,
    options: Options,
    interface: Interface,
    capture: Option<Capture>,
    has_started: bool,
    /// Set if the capture does not tell that it listens.
    is_quiet: bool,
    /// The packets of the current block that were taken last.
    taken: Range<usize>,
    spans: Vec<Span>,
    metadata: Vec<Metadata>,
    /// The number of bytes returned.
    bytes: u64,
    /// The time at which the capture ends, after a signal.
    ends_at: Option<Instant>,
    /// The time since when the interface is down, and whether a note has said so.
    down: Option<(Instant, bool)>,
    statistics: Cell<Statistics>,
}

impl LiveSource {
    /// Finds an interface by its name or index.
    pub(super) fn find(name: &str, options: Options, is_quiet: bool) -> Result<LiveSource, CaptureErrorKind> {
        let source = live::Interface::find(name).map_err(failed)?;
        interrupt::end_streams().map_err(CaptureErrorKind::Open)?;
        let interface = Interface {
            index: 0,
            link_type_number: source.link_type(),
            link_type_flags: 0,
            snaplen: SNAPLEN,
            clock: Clock::NANOSECONDS,
            order: ByteOrder::Little,
        };
        Ok(LiveSource {
            source,
            options: options.snaplen(SNAPLEN),
            interface,
            capture: None,
            has_started: false,
            is_quiet,
            taken: 0..0,
            spans: Vec::new(),
            metadata: Vec::new(),
            bytes: 0,
            ends_at: None,
            down: None,
            statistics: Cell::default(),
        })
    }

    /// Begins the capture. The kernel runs the program first, if there is one, and discards packets with verdict 0.
    pub(super) fn start(&mut self, program: Option<&KernelProgram>) -> Result<(), CaptureErrorKind> {
        let filter = match program {
            None => KernelFilter::All,
            Some(KernelProgram::Classic(program)) => KernelFilter::Program(program),
            Some(KernelProgram::Ebpf(program)) => KernelFilter::Ebpf(program.as_fd()),
        };
        let capture = match self.options.open(&self.source, filter) {
            // Packets are filtered here in any case.
            Err(error @ (Error::Kernel { .. } | Error::Program(_))) if program.is_some() => {
                let capture = self.options.open(&self.source, KernelFilter::All).map_err(failed)?;
                if !self.is_quiet {
                    say(format_args!("cbpf: note: the kernel does not filter: {}", message(&error)));
                }
                capture
            }
            result => result.map_err(failed)?,
        };
        (self.capture, self.has_started) = (Some(capture), true);
        if !self.is_quiet {
            self.tell("");
        }
        Ok(())
    }

    /// Tells that the capture listens, and `more` about it.
    pub(super) fn tell(&self, more: &str) {
        let (name, link_type) = (self.source.name(), self.interface.link_type());
        say(format_args!("cbpf: listening on {name}, link type {link_type}{more}"));
    }

    /// Takes the next packets, up to `most`. Never waits.
    pub(super) fn advance(&mut self, most: usize) -> Result<Next, CaptureErrorKind> {
        if !self.has_started {
            self.start(None)?;
        }
        let Some(capture) = &mut self.capture else { return Ok(Next::End) };
        if self.ends_at.is_none() && interrupt::streams_have_ended() {
            capture.stop().map_err(failed)?;
            self.ends_at = Some(Instant::now() + capture.last_wait());
        }
        self.taken = self.taken.end..self.taken.end;
        while self.taken.end >= capture.block().packets().len() {
            self.taken = 0..0;
            // The order matters: a block may be filled at the last moment.
            let is_over = self.ends_at.is_some_and(|end| end <= Instant::now());
            if !capture.advance() {
                return Ok(if is_over { Next::End } else { Next::Pause });
            }
        }
        let rest = &capture.block().packets()[self.taken.end..];
        let packets = &rest[..rest.len().min(most)];
        self.taken.end += packets.len();
        let spans = packets.iter().map(|packet| {
            let CapturedPacket { range, wire_len, .. } = packet;
            Span { start: range.start, captured: range.len(), wire_len: *wire_len }
        });
        self.spans.clear();
        self.spans.extend(spans);
        self.metadata.clear();
        self.metadata.extend(packets.iter().map(|packet| Metadata::of_interface(packet.nanoseconds, 0)));
        self.bytes += self.spans.iter().map(|span| span.captured as u64).sum::<u64>();
        Ok(Next::Records)
    }

    /// Returns the packets that were taken last.
    pub(super) fn last_records(&self) -> Records<'_> {
        let interfaces = std::slice::from_ref(&self.interface);
        let block = self.capture.as_ref().map(Capture::block);
        let (bytes, packets) = block.map_or((&[][..], &[][..]), |block| (block.bytes(), block.packets()));
        let packets = packets.get(self.taken.clone()).unwrap_or_default();
        let count = packets.len();
        Records::captured(bytes, &self.spans[..count], &self.metadata[..count], interfaces, packets)
    }

    /// Waits until packets have arrived, or the capture ends, or until `due`.
    ///
    /// # Errors
    /// If the interface was removed.
    pub(super) fn wait(&mut self, due: Option<Instant>) -> Result<(), CaptureErrorKind> {
        let Some(capture) = &mut self.capture else { return Ok(()) };
        let note_at = self.down.and_then(|(since, is_noted)| (!is_noted).then_some(since + PATIENCE));
        let until = [self.ends_at, due, note_at].into_iter().flatten().min();
        let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        let wake = interrupt::wake_descriptor().filter(|_| self.ends_at.is_none());
        capture.wait(wake, timeout).map_err(failed)?;
        self.down = match (capture.is_down(), self.down) {
            (false, _) => None,
            (true, None) => Some((Instant::now(), false)),
            (true, Some((since, false))) if since.elapsed() >= PATIENCE => {
                say(format_args!("cbpf: note: {} is down; it is waited for", self.source.name()));
                Some((since, true))
            }
            (true, down) => down,
        };
        Ok(())
    }

    /// Ends the capture. The counts stay available.
    pub(super) fn close(&mut self) {
        self.statistics.set(self.statistics());
        self.capture = None;
    }

    pub(super) fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Returns the group of the capture, for further members.
    pub(super) fn group(&self) -> Option<Group> {
        self.capture.as_ref()?.fanout(Fanout::new()).ok()
    }

    /// Returns the number of captured bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the counts of the kernel.
    pub(super) fn statistics(&self) -> Statistics {
        self.capture.as_ref().and_then(|capture| capture.statistics().ok()).unwrap_or(self.statistics.get())
    }
}

/// Returns the error of a capture.
fn failed(error: Error) -> CaptureErrorKind {
    CaptureErrorKind::Live(match error {
        Error::Kernel { .. } => format!("cannot capture packets: {}", message(&error)),
        Error::NoInterface { .. } => format!("{error}; `cbpf -D` lists all"),
        _ => error.to_string(),
    })
}

/// Returns the message of an error with that of its source.
fn message(error: &Error) -> String {
    std::error::Error::source(error).map_or(error.to_string(), |source| format!("{error}: {source}"))
}
