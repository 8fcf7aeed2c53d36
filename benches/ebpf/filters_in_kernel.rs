//! Filters at the hook `xdp`, beside clang's code of the same filter.
//!
//! A line has the filter (those of `filters.rs`, and lists of ports and hosts), the slots of our program and of
//! clang's, which is `-O2` of the C source that `cbpf::source` writes, the milliseconds to load ours, and for both the
//! nanoseconds of a packet less those of a program that only returns. The verdicts are compared with the interpreter's
//! before anything is timed. Without clang and llvm-objcopy, their columns are empty, and so are the times of code with
//! tables of constants, which is not loaded.

use std::process::Command;
use std::time::Instant;
use std::{env, fs, io};

use cbpf::ebpf::{Hook, Options};
use cbpf::source::{self, Language};
use cbpf::{LinkType, Packet, Target, Verified, compile_expression};

use crate::bpf::{self, Loaded};
use crate::random::Random;
use crate::{XDP, empty, filters, packets, time};

/// The results for packets that match, and for others: `XDP_PASS` and `XDP_DROP`.
const RESULTS: [u32; 2] = [2, 1];

/// Prints the table of the filters that `is_wanted` by their names.
pub fn run(is_wanted: impl Fn(&str) -> bool) {
    println!("| filter | slots | clang's slots | load (ms) | ns | clang's ns |");
    println!("|---|---|---|---|---|---|");
    let listed = filters::FILTERS.iter().map(|(name, _)| (*name, filters::verify(name, &filters::program(name))));
    let lists = [("1,000 ports", ports(1_000)), ("10,000 hosts", hosts(10_000))];
    for (name, verified) in listed.chain(lists).filter(|(name, _)| is_wanted(name)) {
        match one(&verified) {
            Ok(line) => println!("| {name} | {line} |"),
            Err(error) => println!("| {name} | {} |", error.lines().next().unwrap_or_default()),
        }
    }
}

fn one(verified: &Verified) -> Result<String, String> {
    let packets = packets::mix(1_024, &filters::hosts());
    let program = Options::new(Hook::Xdp).compile(verified).map_err(|error| error.to_string())?;
    let loading = Instant::now();
    let ours = bpf::load(&[], &program, XDP)?;
    let load = loading.elapsed().as_secs_f64() * 1e3;
    let empty = empty()?;
    let timed = |loaded: &Loaded| -> Result<f64, String> {
        agree(loaded, verified, &packets)?;
        Ok(time(loaded, &packets.iter().collect::<Vec<_>>()) - empty)
    };
    let ns = timed(&ours)?;
    let (slots, clang) = match clang(verified) {
        Ok(bytes) => {
            // Tables of constants would be maps, which this loader does not make.
            let ns = match bpf::load_bytes(&bytes, XDP, "GPL") {
                Ok(loaded) => format!("{:.1}", timed(&loaded)?),
                Err(_) => "-".to_owned(),
            };
            ((bytes.len() / 8).to_string(), ns)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => ("-".to_owned(), "-".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    Ok(format!("{} | {slots} | {load:.1} | {ns:.1} | {clang}", program.slots()))
}

fn agree(loaded: &Loaded, verified: &Verified, packets: &[Vec<u8>]) -> Result<(), String> {
    for packet in packets {
        let result = loaded.run(packet, &[]).map_err(|error| error.to_string())?;
        let expected = if verified.interpret(Packet::new(packet)) != 0 { RESULTS[0] } else { RESULTS[1] };
        if result != expected {
            return Err(format!("{result} instead of {expected} for {packet:02x?}"));
        }
    }
    Ok(())
}

/// Compiles the C source of a filter with clang.
fn clang(verified: &Verified) -> io::Result<Vec<u8>> {
    let source = source::Options::new(Language::C).generate(verified).map_err(io::Error::other)?;
    let main = "
struct xdp_md { unsigned data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
__attribute__((section(\"xdp\"))) int program(struct xdp_md *context) {
    const void *data = (void *)(long)context->data, *data_end = (void *)(long)context->data_end;
    return cbpf_filter(data, data_end, (const char *)data_end - (const char *)data) ? 2 : 1;
}";
    let folder = env::temp_dir().join(format!("cbpf-bench-ebpf-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let [c, object, raw] = ["filter.c", "filter.o", "filter.raw"].map(|name| folder.join(name));
    fs::write(&c, source.replace("\nunsigned int cbpf_filter", "\nstatic inline unsigned int cbpf_filter") + main)?;
    let compiled =
        command(Command::new("clang").args(["-O2", "-target", "bpf", "-mcpu=v3", "-c", "-o"]).arg(&object).arg(&c))
            .and_then(|()| {
                command(
                    Command::new("llvm-objcopy").args(["-O", "binary", "--only-section=xdp"]).arg(&object).arg(&raw),
                )
            })
            .and_then(|()| fs::read(&raw));
    fs::remove_dir_all(&folder)?;
    compiled
}

fn command(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}

fn ports(count: usize) -> Verified {
    let mut random = Random::new(1);
    list((0..count).map(|_| format!("port {}", 1 + random.number() % 65_535)))
}

fn hosts(count: usize) -> Verified {
    let mut random = Random::new(2);
    list((0..count).map(|_| {
        let [a, b, c, d] = random.number().to_be_bytes();
        format!("host {}.{b}.{c}.{d}", 1 + a % 223)
    }))
}

fn list(primitives: impl Iterator<Item = String>) -> Verified {
    let expression = primitives.collect::<Vec<_>>().join(" or ");
    let program = compile_expression(&expression, &Target::new(LinkType::ETHERNET)).expect("a list");
    filters::verify("a list", &program)
}
