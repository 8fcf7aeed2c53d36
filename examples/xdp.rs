//! Counts packets by rules in XDP, and adds a rule while packets flow.
//!
//! `cargo run --features elf --example xdp` creates a network namespace with a cable, sends packets on it, and attaches
//! the program to its other end. It needs Linux, root and the program `ip`, and changes nothing outside the namespace.

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("XDP is a hook of Linux.");
}

#[cfg(target_os = "linux")]
fn main() {
    if let Err(error) = linux::run() {
        println!("This example needs root, a kernel with BPF, and the program `ip`: {error}");
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::io::{self, Write};
    use std::os::fd::{AsFd, AsRawFd};
    use std::process::{Command, Stdio};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    use aya::Ebpf;
    use aya::maps::{Map, PerCpuArray};
    use aya::programs::Xdp;
    use aya::programs::xdp::XdpMode;
    use cbpf::ebpf::{Action, Hook, Options};
    use cbpf::filter_set::{MapUpdate, SetProgram};
    use cbpf::{FilterSet, LinkType, Target, compile_expression};
    use nix::ifaddrs::getifaddrs;
    use nix::sched::{CloneFlags, unshare};
    use nix::sys::socket::{LinkAddr, MsgFlags, sendto};
    use socket2::{Domain, Socket, Type};

    const XDP_PASS: i32 = 2;

    const RULES: [(u32, &str); 3] = [(0, "arp"), (1, "udp dst port 53"), (2, "tcp dst port 80")];
    const ADDED: (u32, &str) = (3, "udp dst port 123");

    pub(super) fn run() -> Result<(), Box<dyn Error>> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        create_cable()?;

        // The set becomes a program, and the program an object, which aya loads.
        let options = Options::new(Hook::Xdp).name("count").counters(true);
        let options = options.on_match(Action::Return(XDP_PASS)).on_mismatch(Action::Return(XDP_PASS));
        let mut set = FilterSet::from_expressions(RULES, LinkType::ETHERNET)?.to_ebpf(&options)?;
        let mut object = Ebpf::load(&set.program().to_object()?)?;
        let program: &mut Xdp = object.program_mut("count").ok_or("no program")?.try_into()?;
        program.load()?;
        program.attach("b", XdpMode::Skb)?;

        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| send_until(&is_over));
            let outcome = count(&mut set, &object);
            is_over.store(true, Ordering::Relaxed);
            outcome
        })
    }

    /// Prints the counters, and adds a rule half-way.
    fn count(set: &mut SetProgram, object: &Ebpf) -> Result<(), Box<dyn Error>> {
        let target = Target::new(LinkType::ETHERNET);
        let added = compile_expression(ADDED.1, &target)?.verify(target.get_dialect())?;
        for round in 0..6 {
            thread::sleep(Duration::from_millis(200));
            if round == 3 {
                let start = Instant::now();
                for change in set.add(ADDED.0, &added)? {
                    update(set, object, &change)?;
                }
                println!("added `{}` in {} us", ADDED.1, start.elapsed().as_micros());
            }
            let counters: PerCpuArray<_, u64> = object.map("counters").ok_or("no counters")?.try_into()?;
            for (id, expression) in RULES.into_iter().chain([ADDED]) {
                if let Some(counter) = set.counter(id) {
                    print!("{expression}: {:<8} ", counters.get(&counter, 0)?.iter().sum::<u64>());
                }
            }
            println!();
        }
        Ok(())
    }

    /// Makes a change in the map of the kernel. The length of its value is known at run time, which aya's types are not
    /// for.
    fn update(set: &SetProgram, object: &Ebpf, change: &MapUpdate) -> Result<(), Box<dyn Error>> {
        const BPF_MAP_UPDATE_ELEM: i32 = 2;
        let name = set.program().name_in_object(change.map).ok_or("no such map")?;
        let Some(Map::Array(map)) = object.map(&name) else { return Err("no such map".into()) };
        // `struct bpf_attr` for this command: the descriptor, key, value and flags.
        let fd = map.fd().as_fd().as_raw_fd() as u64;
        let attributes = [fd, change.key.as_ptr() as u64, change.value.as_ptr() as u64, 0];
        // SAFETY: the kernel reads the key and the value, which have the lengths of the map, and live long enough.
        let result = unsafe {
            libc::syscall(libc::SYS_bpf, BPF_MAP_UPDATE_ELEM, &raw const attributes, size_of_val(&attributes))
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error().into()) }
    }

    /// Creates two devices, which are the ends of a cable.
    fn create_cable() -> Result<(), Box<dyn Error>> {
        let mut ip = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn()?;
        let commands = "link add name a type veth peer name b\nlink set dev a up\nlink set dev b up\n";
        ip.stdin.take().ok_or("no pipe")?.write_all(commands.as_bytes())?;
        if ip.wait()?.success() { Ok(()) } else { Err("`ip` cannot create devices".into()) }
    }

    /// Sends frames from one end of the cable.
    fn send_until(is_over: &AtomicBool) {
        let is_a = |name: &str| name == "a";
        let address: Option<LinkAddr> = getifaddrs().ok().and_then(|mut devices| {
            devices.find_map(|device| device.address.filter(|_| is_a(&device.interface_name))?.as_link_addr().copied())
        });
        let (Some(address), Ok(socket)) = (address, Socket::new(Domain::PACKET, Type::RAW, None)) else { return };
        while !is_over.load(Ordering::Relaxed) {
            for (protocol, port) in [(17, 53), (6, 80), (17, 123), (6, 22)] {
                let _ = sendto(socket.as_raw_fd(), &frame(protocol, port), &address, MsgFlags::empty());
            }
            thread::sleep(Duration::from_micros(100));
        }
    }

    /// Returns an Ethernet frame with an IPv4 packet to a port.
    fn frame(protocol: u8, port: u16) -> [u8; 60] {
        let mut frame = [0; 60];
        frame[12..16].copy_from_slice(&[8, 0, 0x45, 0]);
        frame[16..18].copy_from_slice(&46_u16.to_be_bytes());
        frame[22..24].copy_from_slice(&[64, protocol]);
        frame[36..38].copy_from_slice(&port.to_be_bytes());
        frame
    }
}
