//! Objects of eBPF in the hands of those who load and read them: bpftool (with libbpf), aya, clang and llvm-objdump.
//!
//! Loading needs root. What the machine lacks is skipped by name.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};

use aya::Ebpf;
use aya::programs::{CgroupSkb, SchedClassifier, SocketFilter, Xdp};
use cbpf::ebpf::{Action, Hook, MapKind, Options, Program};
use cbpf::{LinkType, Packet, Target, Verified, compile_expression};
use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use crate::ebpf::bpf::Loaded;
use crate::ebpf::hooks::PLACES;
use crate::engine::Engine;

/// What a trial needs.
const BPFTOOL: &[&str] = &["bpftool", "version"];
const CLANG: &[&str] = &["clang", "-target", "bpf", "-x", "c", "-c", "/dev/null", "-o", "/dev/null"];
const OBJDUMP: &[&str] = &["llvm-objdump", "--version"];

const EXPRESSIONS: [&str; 4] = ["tcp port 443", "ip6 host 2001:db8::1 or arp", "", "port 1 or 3 or 5 or 7 or 9 or 11"];

type Test = fn() -> Result<(), Failed>;

pub fn trials() -> Vec<Trial> {
    let works = |command: &[&str]| {
        let status = Command::new(command[0]).args(&command[1..]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let (bpftool, is_root) = (works(BPFTOOL), PLACES[0].is_available());
    let trials: Vec<(&str, bool, Test)> = vec![
        ("bpftool_loads_them", bpftool && is_root, bpftool_loads_them),
        ("bpftool_knows_their_types", bpftool, bpftool_knows_their_types),
        ("objdump_disassembles_them", works(OBJDUMP), objdump_disassembles_them),
        ("functions_are_linked", bpftool && is_root && works(CLANG), functions_are_linked),
        ("aya_loads_them", is_root, aya_loads_them),
        ("aya_redirects_with_them", is_root, aya_redirects_with_them),
        #[cfg(feature = "std")]
        ("aya_changes_sets", is_root, aya_changes_sets),
    ];
    let trial =
        |(name, runs, test): (&str, bool, Test)| Trial::test(format!("objects::{name}"), test).with_ignored_flag(!runs);
    trials.into_iter().map(trial).collect()
}

fn verified(expression: &str, link_type: LinkType) -> Result<Verified, Failed> {
    let target = Target::new(link_type);
    Ok(compile_expression(expression, &target)?.verify(target.get_dialect())?)
}

/// Returns the program of an expression. Control groups pass packets from the IP header on.
fn program(expression: &str, options: &Options, hook: Hook) -> Result<Program, Failed> {
    let link_type = if hook == Hook::CgroupSkb { LinkType::RAW } else { LinkType::ETHERNET };
    Ok(options.compile(&verified(expression, link_type)?)?)
}

/// Runs a command that must succeed, and returns what it prints.
fn output(command: &[&str]) -> Result<String, Failed> {
    let output = Command::new(command[0]).args(&command[1..]).output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("{command:?}: {}{}", text(&output.stdout), text(&output.stderr)).into()),
    }
}

fn contains(text: &str, part: &str) -> Result<(), Failed> {
    if text.contains(part) { Ok(()) } else { Err(format!("`{part}` is not in {text}").into()) }
}

/// Loads an object with bpftool, and returns what that says about the program: a line, and the instructions.
fn load(folder: &Path, object: &str) -> Result<String, Failed> {
    const SCRIPT: &str = "mount -t bpf bpf \"$0\" && bpftool prog load \"$1\" \"$0/p\" && \
        bpftool prog show pinned \"$0/p\" && bpftool prog dump xlated pinned \"$0/p\"";
    output(&["unshare", "--mount", "sh", "-c", SCRIPT, &folder.display().to_string(), object])
}

fn bpftool_loads_them() -> Result<(), Failed> {
    let (folder, mount) = (TempDir::new()?, TempDir::new()?);
    let path = folder.path().join("object.o").display().to_string();
    let kinds =
        [(Hook::Xdp, "xdp"), (Hook::Tc, "sched_cls"), (Hook::CgroupSkb, "cgroup_skb"), (Hook::Socket, "socket")];
    for (hook, kind) in kinds {
        for expression in EXPRESSIONS {
            let program = program(expression, &Options::new(hook).name("a_filter"), hook)?;
            fs::write(&path, program.to_object()?)?;
            let text = load(mount.path(), &path)?;
            contains(&text, kind)?;
            contains(&text, "name a_filter")?;
            contains(&text, "int a_filter(struct ")?;
        }
    }
    // Other sections, for other places of the same hooks.
    for (hook, section) in [(Hook::Xdp, "xdp.frags"), (Hook::Tc, "tc"), (Hook::CgroupSkb, "cgroup_skb/egress")] {
        fs::write(&path, program("ip", &Options::new(hook), hook)?.to_object_in(section)?)?;
        load(mount.path(), &path)?;
    }
    Ok(())
}

fn bpftool_knows_their_types() -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let path = folder.path().join("object.o").display().to_string();
    for &hook in Hook::ALL {
        for is_big_endian in [false, true] {
            let options = Options::new(hook).name("a_filter").big_endian(is_big_endian);
            fs::write(&path, program("udp", &options, hook)?.to_object()?)?;
            let types = output(&["bpftool", "btf", "dump", "file", &path])?;
            contains(&types, "FUNC 'a_filter'")?;
            contains(&types, if hook == Hook::Function { "'wire_len'" } else { "'ctx'" })?;
        }
    }
    Ok(())
}

fn objdump_disassembles_them() -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let path = folder.path().join("object.o").display().to_string();
    for is_big_endian in [false, true] {
        let options = Options::new(Hook::Xdp).big_endian(is_big_endian);
        for expression in EXPRESSIONS {
            let program = program(expression, &options, Hook::Xdp)?;
            fs::write(&path, program.to_object()?)?;
            let text = output(&["llvm-objdump", "-d", &path])?;
            let is_instruction = |line: &&str| line.starts_with(' ') && line.contains('\t');
            let count = text.lines().filter(is_instruction).count();
            // Version 14 does not know tests of bits (`&`).
            let is_unknown = |line: &str| line.contains("<unknown>") && !line.contains(":\t46 ");
            if count != program.instructions().len() || text.lines().any(is_unknown) {
                return Err(format!("{} instructions: {text}\n{program}", program.instructions().len()).into());
            }
        }
    }
    Ok(())
}

/// A program of XDP that passes pointers to its packet, and one that passes addresses of the kernel.
const CALLERS: [(bool, &str); 2] = [
    (
        true,
        r#"extern unsigned a_filter(void *data, void *data_end, unsigned wire_len);
        struct xdp_md { unsigned data, data_end, data_meta, interface, queue, egress; };
        __attribute__((section("xdp"), used)) int program(struct xdp_md *ctx) {
            void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
            return a_filter(data, data_end, data_end - data) ? 2 : 1;
        }"#,
    ),
    (
        false,
        r#"extern unsigned a_filter(unsigned long long data, unsigned long long data_end, unsigned wire_len);
        __attribute__((section("raw_tp/netif_receive_skb"), used)) int program(unsigned long long *ctx) {
            return a_filter(ctx[0], ctx[0] + 60, 60);
        }"#,
    ),
];

fn functions_are_linked() -> Result<(), Failed> {
    let (folder, mount) = (TempDir::new()?, TempDir::new()?);
    let [source, caller, function, linked] =
        ["caller.c", "caller.o", "function.o", "linked.o"].map(|name| folder.path().join(name).display().to_string());
    let license = "\nchar license_[] __attribute__((section(\"license\"), used)) = \"GPL\";";
    for (is_direct, text) in CALLERS {
        fs::write(&source, [text, license].concat())?;
        output(&["clang", "-O2", "-g", "-target", "bpf", "-c", &source, "-o", &caller])?;
        let options = Options::new(Hook::Function).name("a_filter").direct_access(is_direct);
        fs::write(&function, program("tcp port 443", &options, Hook::Function)?.to_object()?)?;
        for objects in [[&caller, &function], [&function, &caller]] {
            output(&["bpftool", "gen", "object", &linked, objects[0], objects[1]])?;
            contains(&load(mount.path(), &linked)?, "unsigned int a_filter(")?;
        }
    }
    Ok(())
}

/// Loads a program with aya, and takes it as one to run on packets.
fn load_with_aya(object: &mut Ebpf, hook: Hook) -> Result<Loaded, Failed> {
    let program = object.program_mut("a_filter").ok_or("aya finds no program `a_filter`")?;
    macro_rules! loaded {
        ($kind:ty) => {{
            let program: &mut $kind = program.try_into()?;
            program.load()?;
            program.fd()?.as_fd().try_clone_to_owned()?
        }};
    }
    let fd = match hook {
        Hook::Xdp => loaded!(Xdp),
        Hook::Tc => loaded!(SchedClassifier),
        Hook::CgroupSkb => loaded!(CgroupSkb),
        _ => loaded!(SocketFilter),
    };
    Ok(Loaded { fd, maps: Vec::new() })
}

fn aya_loads_them() -> Result<(), Failed> {
    for place in &PLACES[..4] {
        let (options, hook) = (place.options().name("a_filter"), place.options());
        let hook = program("", &hook, Hook::Xdp)?.hook();
        for expression in EXPRESSIONS {
            let program = program(expression, &options, hook)?;
            let mut object = Ebpf::load(&program.to_object()?)?;
            let loaded = load_with_aya(&mut object, hook)?;
            let link_type = if hook == Hook::CgroupSkb { LinkType::RAW } else { LinkType::ETHERNET };
            let verified = verified(expression, link_type)?;
            for port in [443_u16, 80] {
                let data = frame(port);
                let data = if hook == Hook::CgroupSkb { &data[14..] } else { &data[..] };
                let packet = Packet::new(data);
                let expected = verified.interpret(packet);
                let expected = if hook == Hook::CgroupSkb { u32::from(expected != 0) } else { expected };
                let result = place.run(&loaded, &place.frame(&packet), 0)?;
                if result != expected {
                    return Err(format!("{hook}, {expression}, port {port}: {result}, expected {expected}").into());
                }
            }
        }
    }
    Ok(())
}

/// Returns an Ethernet frame with a TCP segment.
fn frame(port: u16) -> Vec<u8> {
    let mut frame = vec![0; 60];
    frame[12..16].copy_from_slice(&[8, 0, 0x45, 0]);
    frame[16..18].copy_from_slice(&46_u16.to_be_bytes());
    frame[22..24].copy_from_slice(&[64, 6]);
    frame[36..38].copy_from_slice(&port.to_be_bytes());
    frame
}

/// The map of targets is found by its name, and can be filled.
fn aya_redirects_with_them() -> Result<(), Failed> {
    let kinds = [(MapKind::DevMap, "DevMap"), (MapKind::CpuMap, "CpuMap"), (MapKind::XskMap, "XskMap")];
    for (kind, name) in kinds {
        let options = Options::new(Hook::Xdp).name("a_filter").on_match(Action::RedirectMap { kind, key: None });
        let program = program("tcp port 443", &options, Hook::Xdp)?;
        let mut object = Ebpf::load(&program.to_object()?)?;
        load_with_aya(&mut object, Hook::Xdp)?;
        let map = object.map("targets").ok_or("aya finds no map `targets`")?;
        contains(&format!("{map:?}"), name)?;
    }
    Ok(())
}

/// Rules are added to and removed from a set that aya has loaded: its maps are found by their names in the object.
#[cfg(feature = "std")]
fn aya_changes_sets() -> Result<(), Failed> {
    use aya::maps::{Map, PerCpuArray};
    use cbpf::FilterSet;

    use crate::ebpf::bpf;

    let options = Options::new(Hook::Xdp).name("a_filter").counters(true);
    let options = options.on_match(Action::Return(7)).on_mismatch(Action::Return(3));
    let rules = [(0, "tcp port 443"), (1, "tcp port 1000")];
    let set = FilterSet::from_expressions(rules, LinkType::ETHERNET)?.to_ebpf(&options)?;
    let mut object = Ebpf::load(&set.program().to_object()?)?;
    let loaded = load_with_aya(&mut object, Hook::Xdp)?;
    let check = |changes: Vec<cbpf::filter_set::MapUpdate>, results: [u32; 3]| {
        for change in changes {
            let name = set.program().name_in_object(change.map).ok_or("no such map")?;
            let Some(Map::Array(map)) = object.map(&name) else { return Err(format!("no map `{name}`").into()) };
            bpf::update(&map.fd().as_fd().try_clone_to_owned()?, &change.key, &change.value)?;
        }
        for (port, expected) in [443, 80, 1000].into_iter().zip(results) {
            let result = loaded.run(&frame(port), &[])?;
            if result != expected {
                return Err(format!("port {port}: {result}, expected {expected}").into());
            }
        }
        Ok::<(), Failed>(())
    };
    check(Vec::new(), [7, 3, 7])?;
    let mut changed = set.clone();
    check(changed.add(2, &verified("tcp port 80", LinkType::ETHERNET)?)?, [7, 7, 7])?;
    check(changed.remove(0)?, [3, 7, 7])?;
    check(changed.remove(2)?, [3, 3, 7])?;
    let counters: PerCpuArray<_, u64> = object.map("counters").ok_or("aya finds no map `counters`")?.try_into()?;
    let counted: u64 = counters.get(&1, 0)?.iter().sum();
    if counted == 4 { Ok(()) } else { Err(format!("{counted} packets of 4 were counted").into()) }
}
