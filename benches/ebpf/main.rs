//! Programs of eBPF in the kernel: the times that `BPF_PROG_TEST_RUN` reports, as root.
//!
//! `cargo bench --bench ebpf -- NAME..` measures the filters and sets whose names contain all of these.

#[cfg(target_os = "linux")]
#[path = "../areas.rs"]
#[expect(dead_code, reason = "benches use a part of it")]
mod areas;
#[cfg(target_os = "linux")]
#[path = "../../jit-tests/ebpf/bpf.rs"]
#[expect(dead_code, reason = "benches use a part of it")]
mod bpf;
#[cfg(target_os = "linux")]
#[path = "../class_bench.rs"]
mod class_bench;
#[cfg(target_os = "linux")]
#[path = "../filters.rs"]
mod filters;
#[cfg(target_os = "linux")]
mod filters_in_kernel;
#[cfg(target_os = "linux")]
#[path = "../packets.rs"]
#[expect(dead_code, reason = "benches use a part of it")]
mod packets;
#[cfg(target_os = "linux")]
#[path = "../../jit-tests/splitmix64.rs"]
mod random;
#[cfg(target_os = "linux")]
#[path = "../rules.rs"]
#[expect(dead_code, reason = "benches use a part of it")]
mod rules;
#[cfg(target_os = "linux")]
mod sets;

/// `BPF_PROG_TYPE_XDP`
#[cfg(target_os = "linux")]
const XDP: u32 = 6;

/// The packets that are timed, the runs of one, and the times that this is tried.
#[cfg(target_os = "linux")]
const PACKETS: usize = 32;
#[cfg(target_os = "linux")]
const REPEAT: u32 = 20_000;
#[cfg(target_os = "linux")]
const TRIALS: usize = 5;

/// Returns the mean time of a packet, in nanoseconds.
#[cfg(target_os = "linux")]
fn time(loaded: &bpf::Loaded, packets: &[&Vec<u8>]) -> f64 {
    let packets = &packets[..packets.len().min(PACKETS)];
    let of_packet = |packet: &&Vec<u8>| {
        let runs = (0..TRIALS).filter_map(|_| loaded.run_often(packet, &[], REPEAT).ok());
        runs.map(|(_, nanoseconds)| f64::from(nanoseconds)).fold(f64::INFINITY, f64::min)
    };
    packets.iter().map(of_packet).sum::<f64>() / packets.len() as f64
}

/// Returns the time of a program that only returns.
#[cfg(target_os = "linux")]
fn empty() -> Result<f64, String> {
    let program: cbpf::Program = "ret #0".parse().map_err(|error| format!("{error}"))?;
    let verified = program.verify(cbpf::Dialect::Linux).map_err(|error| error.to_string())?;
    let options = cbpf::ebpf::Options::new(cbpf::ebpf::Hook::Xdp);
    let program = options.compile(&verified).map_err(|error| error.to_string())?;
    Ok(time(&bpf::load(&[], &program, XDP)?, &[&vec![0; 60]]))
}

fn main() {
    #[cfg(target_os = "linux")]
    {
        let has = |option: &str| std::env::args().any(|argument| argument == option);
        let words: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
        if words.is_empty() && !has("--bench") {
            return;
        }
        // The mode of tests has a filter and a set.
        let is_tested = |name: &str| !has("--test") || name == "S3" || name == "five-tuple 100";
        let is_wanted = |name: &str| words.iter().all(|word| name.contains(word.as_str())) && is_tested(name);
        filters_in_kernel::run(is_wanted);
        println!();
        sets::run(is_wanted);
    }
}
