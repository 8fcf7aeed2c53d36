//! A small sniffer: the same filter in the kernel and in user space, over the same traffic, keeps the same packets.
//!
//! ```sh
//! cargo run --features socket --example sniffer
//! ```
//!
//! It runs in a network namespace of its own, so it sees what it sends over loopback and nothing else. That takes root, or
//! a kernel that lets users make namespaces, and the program `ip`; without them it says so and ends well. Where the counts
//! differ, the exit code is 1.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: packet sockets are there on Linux only");
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::fs;
    use std::io::{self, ErrorKind};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::fs::MetadataExt;
    use std::process::{Command, ExitCode};
    use std::time::Duration;

    use cbpf::{Context, Dialect, Filter, Packet, Program, socket};
    use nix::sched::{CloneFlags, unshare};
    use socket2::{Domain, Socket, Type};

    /// What is sent to this port, the filter keeps.
    const PORT: u16 = 5300;

    /// Every protocol, for a packet socket.
    const ETH_P_ALL: u16 = 3;

    pub fn main() -> ExitCode {
        if let Err(reason) = enter_namespace() {
            println!("skipped: {reason}");
            return ExitCode::SUCCESS;
        }
        match sniff() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("sniffer: {error}");
                ExitCode::FAILURE
            }
        }
    }

    /// A namespace with nothing but a loopback device, which goes away with this process.
    fn enter_namespace() -> Result<(), String> {
        // Root can have one at once; others need a namespace for users around it, where they are root.
        unshare(CloneFlags::CLONE_NEWNET)
            .map_err(io::Error::from)
            .or_else(|_| become_root_of_namespaces())
            .map_err(|error| format!("no network namespace: {error}"))?;
        let up = Command::new("ip").args(["link", "set", "dev", "lo", "up"]).status();
        match up {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("`ip link set dev lo up` failed: {status}")),
            Err(error) => Err(format!("cannot run `ip`: {error}")),
        }
    }

    fn become_root_of_namespaces() -> io::Result<()> {
        let user = fs::metadata("/proc/self")?.uid();
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
        fs::write("/proc/self/uid_map", format!("0 {user} 1"))
    }

    /// UDP over IPv4 to our port, wherever the network header begins. On loopback each packet is seen twice, as it leaves
    /// and as it comes in; what leaves (type 4) is not counted.
    fn program() -> Result<Program, cbpf::ParseError> {
        const NETWORK_HEADER: u32 = 0xfff0_0000;
        let [protocol, port] = [NETWORK_HEADER + 9, NETWORK_HEADER + 2];
        let text = format!(
            "       ld type
                    jeq #4, drop
                    ld proto
                    jne #0x800, drop
                    ldb [{protocol}]
                    jne #17, drop
                    ldxb 4*([{NETWORK_HEADER}]&0xf)
                    ldh [x + {port}]
                    jne #{PORT}, drop
                    ret #-1
             drop:  ret #0"
        );
        text.parse()
    }

    fn sniff() -> Result<bool, Box<dyn Error>> {
        let program = program()?;
        let verified = program.verify(Dialect::Linux)?;
        let filter = Filter::compile(&verified)?;

        let (filtered, unfiltered) = (listener()?, listener()?);
        socket::attach_drained(&filtered, &program)?;
        make_traffic()?;

        let mut in_kernel = 0;
        each_packet(&filtered, |_| in_kernel += 1)?;
        let (mut seen, mut interpreted, mut native) = (0, 0, 0);
        each_packet(&unfiltered, |packet| {
            seen += 1;
            interpreted += u32::from(verified.interpret(packet) != 0);
            native += u32::from(filter.run(packet) != 0);
        })?;
        println!("{seen} packets; kept by the kernel: {in_kernel}, interpreter: {interpreted}, native code: {native}");
        Ok(in_kernel > 0 && in_kernel == interpreted && in_kernel == native)
    }

    /// A socket that receives every packet of the namespace, with its context.
    fn listener() -> Result<Socket, Box<dyn Error>> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(i32::from(ETH_P_ALL.to_be()).into()))?;
        // The traffic is over when nothing has come for that long.
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        socket::report_context(&socket)?;
        Ok(socket)
    }

    /// Datagrams to our port and to others, and a connection.
    fn make_traffic() -> io::Result<()> {
        let ours = UdpSocket::bind(("127.0.0.1", PORT))?;
        let other = UdpSocket::bind("127.0.0.1:0")?;
        for number in 0..60_u8 {
            let to = if number % 3 == 0 { &ours } else { &other };
            other.send_to(&[number; 100], to.local_addr()?)?;
        }
        let listener = TcpListener::bind(("127.0.0.1", PORT))?;
        TcpStream::connect(listener.local_addr()?)?;
        Ok(())
    }

    /// Receives until nothing more comes.
    fn each_packet(listener: &Socket, mut work: impl FnMut(Packet)) -> Result<(), socket::Error> {
        let (mut buffer, mut context) = (vec![0; 65_536], Context::default());
        loop {
            match socket::receive(listener, &mut buffer, &mut context) {
                Ok(packet) => work(packet),
                Err(socket::Error::Kernel { error, .. }) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
