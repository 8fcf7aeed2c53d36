//! A small sniffer: the same filter keeps the same packets in the kernel and in user space.
//!
//! ```sh
//! cargo run --features socket --example sniffer
//! ```
//!
//! It runs in a network namespace of its own, in which only its own loopback traffic exists. That takes root, or a
//! kernel that lets users create namespaces, and the program `ip`; without them it prints a message and exits with 0.
//! If the counts differ, the exit code is 1.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: packet sockets exist on Linux only");
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

    /// The destination port of the packets that the filter keeps.
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

    /// Enters a namespace with only a loopback device, which lives as long as this process.
    fn enter_namespace() -> Result<(), String> {
        // Users other than root need a user namespace, in which they are root.
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

    /// Returns a program for UDP over IPv4 to the port. On loopback each packet appears twice; the outgoing one (type
    /// 4) is dropped.
    fn program() -> Result<Program, cbpf::text::ParseError> {
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

    /// Returns a socket that receives every packet of the namespace, with its context.
    fn listener() -> Result<Socket, Box<dyn Error>> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(i32::from(ETH_P_ALL.to_be()).into()))?;
        // After a pause of this length, the traffic is over.
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        socket::report_context(&socket)?;
        Ok(socket)
    }

    /// Sends datagrams to the port and to others, and opens a connection.
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

    /// Receives packets until a timeout.
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
