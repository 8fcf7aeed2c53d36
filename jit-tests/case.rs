//! Cases: programs in the assembler of the kernel's `bpf_asm`, with expectations in comments that begin with `;;`.
//!
//! ```text
//! ; The subject of the case.
//! ;; dialects linux pcap                  the dialects of the case; the default is linux and pcap
//!         ldh [12]
//!         lsh #32                         ;; error linux: ShiftTooFar
//!         ret a
//! ;; packet 000102 00x60 => 3             bytes in hexadecimal, `00x60` is one byte 60 times
//! ;; packet - wire 100 => linux 2, pcap 0 the empty packet, 100 bytes long on the wire; a verdict for each dialect
//! ;; packet 00 with mark=7 vlan=100:0x8100 device=3:1 network=14 link=0 seed=1 => 7
//! ;; call s390x 4 1 0x2 => 0x7fff0000      a system call: architecture, number and up to six arguments
//! ;; graph facts                          the graph after the passes up to this one follows; BLESS=1 rewrites it
//! ;; | block0:
//! ;; clif                                 the Cranelift IR, here after all passes
//! ;; | function u0:0...
//! ```
//!
//! `;; graph build` is the graph before the first pass. Golden output is that of the first dialect.
//!
//! `;; skip ENGINE: REASON` leaves out an engine, for example where C leaves a result undefined, and `big-endian` all
//! engines on big-endian machines, where packets hold numbers in the machine's order.
//!
//! An error stands on the line of its instruction, or on a line of its own if it concerns the whole program. Dialects
//! may differ: `;; error linux: JumpOutside, pcap: JumpBackward`. `raw CODE, JT, JF, K` is an instruction that
//! `bpf_asm` has no notation for. In cases with errors, each line is one instruction; elsewhere a far conditional jump
//! may become several.

use std::fs;
use std::path::{Path, PathBuf};

use cbpf::packet::{Device, Vlan};
use cbpf::seccomp::SeccompData;
use cbpf::{Context, Dialect, Packet, Program};

/// One file of the corpus.
#[derive(Clone)]
pub struct Case {
    pub path: PathBuf,
    pub name: String,
    pub program: Program,
    pub dialects: Vec<Dialect>,
    pub errors: Vec<ExpectedError>,
    pub packets: Vec<ExpectedVerdict>,
    /// The names of engines that do not run the case.
    pub skips: Vec<String>,
    /// The expected graphs and IR, in the first dialect.
    pub goldens: Vec<Golden>,
}

/// The graph or the IR of a program after a pass.
#[derive(Clone)]
pub struct Golden {
    /// The directive: `graph PASS`, `clif PASS`, or `clif`.
    pub directive: String,
    pub text: String,
}

/// The error that a dialect's verifier reports.
#[derive(Clone)]
pub struct ExpectedError {
    pub dialect: Dialect,
    pub pc: usize,
    /// The name of the rule.
    pub rule: String,
}

/// The verdicts on a packet.
#[derive(Clone)]
pub struct ExpectedVerdict {
    pub line: usize,
    pub sample: Sample,
    pub verdicts: Vec<(Dialect, u32)>,
}

/// The bytes of a packet, its length on the wire, and its context.
#[derive(Clone, Debug)]
pub struct Sample {
    pub data: Vec<u8>,
    pub wire_len: u32,
    pub context: Context,
}

impl Sample {
    pub fn packet(&self) -> Packet<'_> {
        Packet::new(&self.data).with_wire_len(self.wire_len).with_context(&self.context)
    }

    /// Returns the packet with only `captured` bytes left.
    pub fn cut(&self, captured: usize) -> Sample {
        let (data, context) = (self.data[..captured].to_vec(), self.context.clone());
        Sample { data, wire_len: self.wire_len, context }
    }
}

impl Case {
    pub fn error(&self, dialect: Dialect) -> Option<&ExpectedError> {
        self.errors.iter().find(|error| error.dialect == dialect)
    }
}

/// Returns all cases of the corpus, in the order of their names.
pub fn read_all() -> Result<Vec<Case>, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("jit-tests/cases");
    let mut paths = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() { folders.push(path) } else { paths.push(path) }
        }
    }
    paths.sort();
    paths.iter().map(|path| read(&root, path)).collect()
}

fn read(root: &Path, path: &Path) -> Result<Case, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let name = path.strip_prefix(root).unwrap_or(path).with_extension("").display().to_string();
    let program = text.parse::<Program>().map_err(|error| format!("{}: {error}", path.display()))?;
    let mut case = Case {
        path: path.to_owned(),
        name,
        program,
        dialects: vec![Dialect::Linux, Dialect::Pcap],
        errors: Vec::new(),
        packets: Vec::new(),
        skips: Vec::new(),
        goldens: Vec::new(),
    };
    let mut pc = 0;
    for (number, line) in text.lines().enumerate() {
        let (code, directive) = line.split_once(";;").unwrap_or((line, ""));
        let has_instruction = is_instruction(code);
        case.directive(directive.trim(), number + 1, if has_instruction { pc } else { 0 })
            .map_err(|error| format!("{}, line {}: {error}", path.display(), number + 1))?;
        pc += usize::from(has_instruction);
    }
    if pc != case.program.len() && !case.errors.is_empty() {
        return Err(format!("{}: with an error, each line must be one instruction", path.display()));
    }
    if case.packets.is_empty() && case.errors.is_empty() && case.goldens.is_empty() {
        return Err(format!("{}: the case expects nothing", path.display()));
    }
    Ok(case)
}

/// Returns `true` if a line has an instruction, perhaps after a label.
fn is_instruction(line: &str) -> bool {
    let line = line.split(';').next().unwrap_or("");
    let after_label = line.split_once(':').map_or(line, |(_, rest)| rest);
    !after_label.trim().is_empty()
}

impl Case {
    fn directive(&mut self, directive: &str, line: usize, pc: usize) -> Result<(), String> {
        let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
        match word {
            "" => {}
            "dialects" => self.dialects = rest.split_whitespace().map(dialect).collect::<Result<_, _>>()?,
            "error" => {
                for error in rest.split(',') {
                    let (dialects, rule) = error.split_once(':').ok_or("expected `error DIALECT...: RULE`")?;
                    for name in dialects.split_whitespace() {
                        self.errors.push(ExpectedError { dialect: dialect(name)?, pc, rule: rule.trim().to_owned() });
                    }
                }
            }
            "skip" => {
                let (engine, _reason) = rest.split_once(": ").ok_or("expected `skip ENGINE: REASON`")?;
                self.skips.push(engine.to_owned());
            }
            "packet" => self.packets.push(self.packet(rest, line)?),
            "call" => self.packets.push(self.call(rest, line)?),
            "graph" | "clif" => {
                self.goldens.push(Golden { directive: directive.to_owned(), text: String::new() });
            }
            "|" => {
                let golden = self.goldens.last_mut().ok_or("this line belongs below `graph` or `clif`")?;
                golden.text.push_str(&format!("{rest}\n"));
            }
            _ => return Err(format!("unknown directive `{word}`")),
        }
        Ok(())
    }

    fn packet(&self, text: &str, line: usize) -> Result<ExpectedVerdict, String> {
        let (packet, verdicts) = text.split_once("=>").ok_or("expected `packet BYTES => VERDICT`")?;
        let (packet, fields) = packet.split_once(" with ").unwrap_or((packet, ""));
        let (data, wire_len) = match packet.split_once(" wire ") {
            Some((data, wire_len)) => (bytes(data)?, number(wire_len)? as u32),
            None => (bytes(packet)?, bytes(packet)?.len() as u32),
        };
        let mut context = Context::default();
        fields.split_whitespace().try_for_each(|field| set(&mut context, field))?;
        let sample = Sample { data, wire_len, context };
        Ok(ExpectedVerdict { line, sample, verdicts: self.verdicts(verdicts)? })
    }

    fn call(&self, text: &str, line: usize) -> Result<ExpectedVerdict, String> {
        let (call, verdicts) = text.split_once("=>").ok_or("expected `call ARCH NUMBER ARGUMENTS => VERDICT`")?;
        let mut words = call.split_whitespace();
        let arch = words.next().unwrap_or("").parse().map_err(|error: cbpf::bpf::UnknownName| error.to_string())?;
        let numbers = words.map(number).collect::<Result<Vec<u64>, String>>()?;
        let (nr, given) = numbers.split_first().ok_or("expected the number of a call")?;
        let mut data = SeccompData { nr: *nr as i32, arch, ..SeccompData::default() };
        data.args.iter_mut().zip(given).for_each(|(arg, given)| *arg = *given);
        let data = data.to_bytes().to_vec();
        let sample = Sample { wire_len: data.len() as u32, data, context: Context::default() };
        Ok(ExpectedVerdict { line, sample, verdicts: self.verdicts(verdicts)? })
    }

    fn verdicts(&self, text: &str) -> Result<Vec<(Dialect, u32)>, String> {
        let verdicts = text.split(',').map(str::trim).collect::<Vec<_>>();
        match verdicts[..] {
            [verdict] if !verdict.contains(' ') => {
                let verdict = number(verdict)? as u32;
                Ok(self.dialects.iter().filter(|&&d| self.error(d).is_none()).map(|&d| (d, verdict)).collect())
            }
            _ => verdicts.into_iter().map(dialect_and_verdict).collect(),
        }
    }
}

fn dialect(name: &str) -> Result<Dialect, String> {
    name.parse().map_err(|error: cbpf::bpf::UnknownName| error.to_string())
}

fn dialect_and_verdict(text: &str) -> Result<(Dialect, u32), String> {
    let (name, verdict) = text.split_once(' ').ok_or("expected `DIALECT VERDICT`")?;
    Ok((dialect(name)?, number(verdict)? as u32))
}

/// Parses bytes such as `00 0102 ffx100`, or `-` for none.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut data = Vec::new();
    for word in text.split_whitespace().filter(|&word| word != "-") {
        let (digits, count) = word.split_once('x').map_or((word, Ok(1)), |(digits, count)| (digits, count.parse()));
        let count: usize = count.map_err(|_| format!("the repeat count of `{word}` is not a number"))?;
        if !digits.is_ascii() || digits.len() % 2 != 0 {
            return Err(format!("`{digits}` is not whole bytes"));
        }
        let byte =
            |at| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| format!("`{digits}` is not hexadecimal"));
        let run = (0..digits.len()).step_by(2).map(byte).collect::<Result<Vec<u8>, String>>()?;
        data.extend(run.repeat(count));
    }
    Ok(data)
}

fn number(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is not a number"))
}

/// Sets a field of a context: `mark=7`, `vlan=TCI:TPID`, ...
fn set(context: &mut Context, field: &str) -> Result<(), String> {
    let (name, value) = field.split_once('=').ok_or_else(|| format!("expected `NAME=VALUE`, not `{field}`"))?;
    let old = std::mem::take(context);
    if let "network" | "link" = name {
        let start: i32 = value.parse().map_err(|_| format!("`{value}` is not an offset"))?;
        *context = if name == "link" { old.link_header(start) } else { old.network_header(start) };
        return Ok(());
    }
    let (first, second) = value.split_once(':').unwrap_or((value, "0"));
    let (first, second) = (number(first)?, number(second)?);
    *context = match name {
        "proto" => old.protocol(first as u16),
        "type" => old.packet_type(first as u8),
        "device" => old.device(Device::new(first as u32, second as u16)),
        "mark" => old.mark(first as u32),
        "queue" => old.queue(first as u16),
        "rxhash" => old.receive_hash(first as u32),
        "cpu" => old.cpu(first as u32),
        "vlan" => old.vlan(Vlan::new(first as u16, second as u16)),
        "seed" => old.seed(first),
        _ => return Err(format!("unknown field `{name}`")),
    };
    Ok(())
}

/// Returns the text of a case file for one verdict.
pub fn write(program: &Program, dialect: Dialect, packet: &Packet, verdict: u32) -> String {
    let hex: String = packet.data().iter().map(|byte| format!("{byte:02x}")).collect();
    let hex = if hex.is_empty() { "-" } else { &hex };
    let context = packet.context();
    let mut fields = vec![
        ("proto", u64::from(context.get_protocol()).to_string()),
        ("type", context.get_packet_type().to_string()),
        ("mark", context.get_mark().to_string()),
        ("queue", context.get_queue().to_string()),
        ("rxhash", context.get_receive_hash().to_string()),
        ("cpu", context.get_cpu().to_string()),
        ("network", context.get_network_header().to_string()),
    ];
    fields.extend(context.get_device().map(|d| ("device", format!("{}:{}", d.index, d.hardware_type))));
    fields.extend(context.get_vlan().map(|vlan| ("vlan", format!("{}:{}", vlan.tci, vlan.tpid))));
    // The sign keeps a 0 from being filtered out.
    fields.extend(context.get_link_header().map(|start| ("link", format!("{start:+}"))));
    fields.extend(context.get_seed().map(|seed| ("seed", seed.to_string())));
    fields.retain(|(_, value)| value != "0");
    let fields: String = fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    let fields = if fields.is_empty() { fields } else { format!(" with{fields}") };
    format!(";; dialects {dialect}\n{program};; packet {hex} wire {}{fields} => {verdict}\n", packet.wire_len())
}
