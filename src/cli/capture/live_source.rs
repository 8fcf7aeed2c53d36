//! A network interface as an input: the packets of a ring that is shared with the kernel.
//!
//! - The packets are lent where the kernel has put them. A removed VLAN tag is in the frame again.
//! - The capture begins with the first piece, or with [`LiveSource::start`], which may give the kernel a filter.
//! - A signal stops it. Everything that had arrived by then is returned.
//! - After the interface was removed, everything that had arrived is returned, and then the error.

use std::cell::Cell;
use std::mem;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use cbpf::ebpf::{self, Action, Hook};
use cbpf::packet::Span;
use cbpf::socket::live::{self, Capture, CapturedPacket, Fanout, KernelFilter, Options};
use cbpf::socket::{self, Error};

use cbpf::{Dialect, FilterSet, Program, Verified};

use indicatif::HumanCount;

use super::error::CaptureErrorKind;
use super::record_batch::Metadata;
use super::{ByteOrder, Clock, Interface, Records};
use crate::cli::failure::say;
use crate::cli::interrupt;
use crate::cli::print::counted;

/// The most bytes of a packet, as in tcpdump.
const SNAPLEN: u32 = 262_144;

/// The bytes that the kernel passes on of packets that match no rule: their addresses and a VLAN tag are complete. A
/// program that did not match the whole packet does not match the begin of it, either: it reads the same, or ends
/// without a match where it reads more.
const BEGIN: i32 = 16;

/// The time after which a note says that an interface is down.
const PATIENCE: Duration = Duration::from_secs(1);

/// The time after which a waiting capture looks whether its counts were asked for.
const LOOK: Duration = Duration::from_millis(500);

/// A packet of an interface.
pub type Captured = CapturedPacket;

/// The counts of a capture.
pub type Statistics = live::Statistics;

/// A program that the kernel runs on packets.
pub enum KernelProgram {
    Classic(Program),
    /// A loaded program of eBPF.
    Ebpf(OwnedFd),
}

impl KernelProgram {
    /// Returns the program for the kernel: the optimised one, or one of eBPF if no classic program is valid. If there
    /// is none, a note says so.
    pub fn new(verified: &Verified) -> Option<KernelProgram> {
        if verified.dialect() == Dialect::Linux
            && let Ok(program) = verified.program().optimize(Dialect::Linux)
        {
            return Some(KernelProgram::Classic(program));
        }
        match ebpf::Options::new(Hook::Socket).compile(verified) {
            Ok(program) => KernelProgram::load(&program),
            Err(error) => {
                note_unfiltered(&error.to_string());
                None
            }
        }
    }

    /// Returns the program for a cooked capture: the kernel runs it before packets have their header. There is none for
    /// some.
    pub fn of_cooked(verified: &Verified) -> Option<KernelProgram> {
        if verified.dialect() != Dialect::Linux {
            return None;
        }
        let optimized = verified.program().optimize(Dialect::Linux).ok();
        let program = optimized.and_then(|program| live::without_header(&program));
        program.or_else(|| live::without_header(verified.program())).map(KernelProgram::Classic)
    }

    /// Returns the program that passes on packets that match some rule, and the begin of all others, which are counted.
    /// There is none if tables do not decide on all rules. If the kernel does not take it, a note says so.
    pub fn of_set(set: &FilterSet) -> Option<KernelProgram> {
        let (whole, begin) = (Action::Return(SNAPLEN as i32), Action::Return(BEGIN));
        let options = ebpf::Options::new(Hook::Socket).on_match(whole).on_mismatch(begin);
        KernelProgram::load(set.to_ebpf(&options).ok()?.program())
    }

    /// Returns the program that keeps at most so many bytes, as far as they do not decide.
    fn with_snaplen(&self, snaplen: u32) -> Option<KernelProgram> {
        match self {
            KernelProgram::Classic(program) => live::with_snaplen(program, snaplen).map(KernelProgram::Classic),
            KernelProgram::Ebpf(_) => None,
        }
    }

    fn load(program: &ebpf::Program) -> Option<KernelProgram> {
        let loaded = socket::load_ebpf(program);
        loaded.inspect_err(|error| note_unfiltered(&message(error))).ok().map(KernelProgram::Ebpf)
    }
}

fn note_unfiltered(reason: &str) {
    say(format_args!("cbpf: note: the kernel does not filter: {reason}"));
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
    /// The number of rings among which the kernel divides the packets.
    rings: u16,
    /// The captures of the other rings.
    others: Vec<LiveSource>,
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
    /// How often the counts were asked for, and printed.
    reports: usize,
}

impl LiveSource {
    /// Finds an interface by its name or index. Its packets are divided among some rings, by their flows.
    pub(super) fn find(name: &str, options: Options, rings: u16) -> Result<LiveSource, CaptureErrorKind> {
        let source = live::Interface::find(name).map_err(failed)?;
        interrupt::end_captures().map_err(CaptureErrorKind::Open)?;
        let interface = Interface {
            index: 0,
            link_type_number: source.link_type(),
            link_type_flags: 0,
            snaplen: SNAPLEN,
            clock: Clock::NANOSECONDS,
            order: ByteOrder::Little,
            name: Some(source.name().into()),
        };
        Ok(LiveSource {
            source,
            options: options.snaplen(SNAPLEN),
            interface,
            capture: None,
            has_started: false,
            rings,
            others: Vec::new(),
            taken: 0..0,
            spans: Vec::new(),
            metadata: Vec::new(),
            bytes: 0,
            ends_at: None,
            down: None,
            statistics: Cell::default(),
            reports: interrupt::report_requests(),
        })
    }

    /// Begins the capture. The kernel runs the program first, if there is one, and discards packets with verdict 0. At
    /// most `snaplen` bytes are wanted of packets; more may be captured.
    pub(super) fn start(
        &mut self,
        program: Option<&KernelProgram>,
        snaplen: Option<u32>,
    ) -> Result<(), CaptureErrorKind> {
        let mut note = None;
        let limited = snaplen.and_then(|snaplen| program?.with_snaplen(snaplen));
        if let (None, Some(snaplen)) = (program, snaplen) {
            self.options = self.options.clone().snaplen(snaplen.min(SNAPLEN));
        }
        let program = limited.as_ref().or(program);
        if self.rings < 2 {
            self.open(program, &mut note)?;
        } else {
            let options = self.options.clone();
            self.options = options.clone().fanout(Fanout::new());
            self.open(program, &mut note)?;
            for _ in 1..self.rings {
                let options =
                    options.clone().fanout(self.capture.as_ref().and_then(|first| first.fanout(Fanout::new()).ok()));
                let mut other = LiveSource::find(self.source.name(), options, 1)?;
                other.open(program, &mut note)?;
                self.others.push(other);
            }
        }
        if let Some(note) = note {
            note_unfiltered(&note);
        }
        let (name, link_type) = (self.source.name(), self.interface.link_type());
        let threads = if self.rings > 1 { format!(", {} threads", self.rings) } else { String::new() };
        say(format_args!("cbpf: listening on {name}, link type {link_type}{threads}"));
        Ok(())
    }

    /// Opens the ring. If the kernel does not take the program, `note` says why.
    fn open(&mut self, program: Option<&KernelProgram>, note: &mut Option<String>) -> Result<(), CaptureErrorKind> {
        let filter = match program {
            None => KernelFilter::All,
            Some(KernelProgram::Classic(program)) => KernelFilter::Program(program),
            Some(KernelProgram::Ebpf(program)) => KernelFilter::Ebpf(program.as_fd()),
        };
        let capture = match self.options.open(&self.source, filter) {
            // Packets are filtered here in any case.
            Err(error @ (Error::Kernel { .. } | Error::Program(_))) if program.is_some() => {
                *note = Some(message(&error));
                self.options.open(&self.source, KernelFilter::All).map_err(failed)?
            }
            result => result.map_err(failed)?,
        };
        (self.capture, self.has_started) = (Some(capture), true);
        Ok(())
    }

    /// Returns the captures of the other rings, to be read by other threads.
    pub(super) fn take_others(&mut self) -> Vec<LiveSource> {
        mem::take(&mut self.others)
    }

    /// Takes the captures of the other rings back, whose packets count.
    pub(super) fn join(&mut self, others: Vec<LiveSource>) {
        self.bytes += others.iter().map(|other| other.bytes).sum::<u64>();
        self.others = others;
    }

    /// Takes the next packets, up to `most`. Never waits.
    pub(super) fn advance(&mut self, most: usize) -> Result<Next, CaptureErrorKind> {
        if !self.has_started {
            self.start(None, None)?;
        }
        self.report_on_request();
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
        let look_at = Some(Instant::now() + LOOK);
        let until = [self.ends_at, due, note_at, look_at].into_iter().flatten().min();
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

    /// Prints the counts if they were asked for.
    fn report_on_request(&mut self) {
        let requests = interrupt::report_requests();
        if self.reports != requests {
            self.reports = requests;
            let Statistics { received, dropped, .. } = self.statistics();
            let (received, dropped) = (counted(received, "packet"), HumanCount(dropped));
            say(format_args!("cbpf: {received} received by the kernel's filter so far, {dropped} dropped"));
        }
    }

    /// Ends the capture. The counts stay available.
    pub(super) fn close(&mut self) {
        let own = self.capture.take().and_then(|capture| capture.statistics().ok());
        self.statistics.set(own.unwrap_or(self.statistics.get()));
        self.others.iter_mut().for_each(LiveSource::close);
    }

    pub(super) fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Returns the number of captured bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the counts of the kernel, of all rings.
    pub(super) fn statistics(&self) -> Statistics {
        let own = self.capture.as_ref().and_then(|capture| capture.statistics().ok());
        let others = self.others.iter().map(LiveSource::statistics);
        others.fold(own.unwrap_or(self.statistics.get()), |sum, other| sum + other)
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
