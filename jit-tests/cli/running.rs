//! Control of a running `cbpf` process: its input, its output, signals, and its end.
//!
//! Every wait polls for an event, with a timeout.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::cli::{Bench, Outcome, cbpf, command, equal, example, expect};

/// The timeout of every wait.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// A length that cuts the example inside a record: 179 packets are complete, of which 2 are ARP, of 42 bytes each.
pub const CUT: usize = 30_000;
pub const ARP_OF_CUT: usize = 24 + 2 * (16 + 42);

/// Waits until `poll` returns a value.
pub fn await_event<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> Result<T, Failed> {
    let start = Instant::now();
    loop {
        match poll() {
            Some(found) => return Ok(found),
            None if start.elapsed() > TIMEOUT => return Err(format!("{what} did not happen").into()),
            None => thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// A running `cbpf` process.
pub struct Running {
    pub child: Child,
    pub input: Option<ChildStdin>,
    chunks: Receiver<Vec<u8>>,
    pub output: Vec<u8>,
    /// What was written to standard error, and the thread that reads it.
    messages: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start(arguments: &[&str]) -> Result<Running, Failed> {
        Running::spawn(command(arguments).stdin(Stdio::piped()))
    }

    pub fn spawn(command: &mut Command) -> Result<Running, Failed> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut output = child.stdout.take().ok_or("no standard output")?;
        let mut errors = child.stderr.take().ok_or("no standard error")?;
        let (sender, chunks) = channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut chunk)
                && sender.send(chunk[..count].to_vec()).is_ok()
            {}
        });
        let messages = Arc::default();
        let shared: Arc<Mutex<Vec<u8>>> = Arc::clone(&messages);
        let reader = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = errors.read(&mut chunk) {
                shared.lock().unwrap_or_else(PoisonError::into_inner).extend(&chunk[..count]);
            }
        });
        let input = child.stdin.take();
        Ok(Running { child, input, chunks, output: Vec::new(), messages, reader: Some(reader) })
    }

    fn messages(&self) -> Vec<u8> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until standard error contains this text, or the process has ended.
    pub fn await_message(&mut self, text: &str) -> Outcome {
        await_event(text, || {
            let is_there = String::from_utf8_lossy(&self.messages()).contains(text);
            (is_there || !matches!(self.child.try_wait(), Ok(None))).then_some(())
        })
    }

    pub fn feed(&mut self, bytes: &[u8]) -> Outcome {
        Ok(self.input.as_mut().ok_or("the input is closed")?.write_all(bytes)?)
    }

    /// Waits for the first `count` bytes of the output.
    pub fn await_output(&mut self, count: usize) -> Result<&[u8], Failed> {
        while self.output.len() < count {
            let missing = |_| format!("{} bytes of {count} came out", self.output.len());
            let chunk = self.chunks.recv_timeout(TIMEOUT).map_err(missing)?;
            self.output.extend(chunk);
        }
        Ok(&self.output)
    }

    /// Waits for the first `count` bytes of the output, for at most this many milliseconds.
    pub fn await_output_or(&mut self, count: usize, milliseconds: u64) -> Outcome {
        while self.output.len() < count
            && let Ok(chunk) = self.chunks.recv_timeout(Duration::from_millis(milliseconds))
        {
            self.output.extend(chunk);
        }
        Ok(())
    }

    /// Waits until the process catches SIGTERM.
    pub fn await_handlers(&self) -> Outcome {
        let status = format!("/proc/{}/status", self.child.id());
        await_event("catching signals", || {
            let status = fs::read_to_string(&status).ok()?;
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
            let is_caught = u64::from_str_radix(caught.trim(), 16).ok()? & 1 << (15 - 1) != 0;
            // The thread for signals is started last.
            (is_caught && status.lines().any(|line| line == "Threads:\t2")).then_some(())
        })
    }

    pub fn signal(&self, name: &str) -> Outcome {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status()?;
        equal(status.success(), true)
    }

    /// Closes the input, and waits for the process to exit.
    pub fn end_of_input(mut self) -> Result<Output, Failed> {
        drop(self.input.take());
        self.end()
    }

    /// Waits for the process to exit.
    pub fn end(mut self) -> Result<Output, Failed> {
        let status = match await_event("the end", || self.child.try_wait().transpose()) {
            Ok(status) => status?,
            Err(failed) => {
                self.child.kill()?;
                return Err(failed);
            }
        };
        drop(self.input.take());
        self.output.extend(self.chunks.iter().flatten());
        self.reader.take().ok_or("waited twice")?.join().map_err(|_| "a thread panicked")?;
        let stderr = self.messages();
        Ok(Output { status, stdout: self.output, stderr })
    }
}

pub fn mixed() -> Result<Vec<u8>, Failed> {
    Ok(fs::read(example("mixed.pcap"))?)
}

pub fn fifo(bench: &Bench, name: &str) -> Result<String, Failed> {
    let path = bench.path(name).display().to_string();
    equal(Command::new("mkfifo").arg(&path).status()?.success(), true)?;
    Ok(path)
}

/// Opens both ends of a named pipe, so that neither readers nor writers block when they open it.
pub fn both_ends(fifo: &str) -> Result<File, Failed> {
    Ok(OpenOptions::new().read(true).write(true).open(fifo)?)
}

/// Returns the number of temporary files in a folder.
pub fn unnamed(folder: &Path) -> usize {
    let is_unnamed = |name: &str| name.starts_with(".cbpf-");
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    names.filter(|entry| is_unnamed(&entry.file_name().to_string_lossy())).count()
}

/// Returns the offsets at which the records of a little-endian pcap file end.
pub fn ends_of_records(capture: &[u8]) -> Vec<usize> {
    let mut ends = vec![24];
    while let Some(length) = capture.get(ends[ends.len() - 1] + 8..).and_then(|rest| rest.first_chunk()) {
        ends.push(ends[ends.len() - 1] + 16 + u32::from_le_bytes(*length) as usize);
    }
    ends
}

/// Returns a pcapng file with two interfaces and the packets of the example.
pub fn pcapng(bench: &Bench) -> Result<Vec<u8>, Failed> {
    let (raw, both) = (bench.path("raw.pcap").display().to_string(), bench.path("both.pcapng").display().to_string());
    fs::write(&raw, [&mixed()?[..20], &101_u32.to_le_bytes()].concat())?;
    expect(
        &cbpf(&["filter", "-r", &example("mixed.pcap"), "-r", &raw, "less 65535", "-w", &both])?,
        0,
        &["260 match"],
    )?;
    Ok(fs::read(both)?)
}
