//! Tests that need no privileges; those of packet sockets are in `jit-tests/netns`.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;
use crate::bpf::verify::Rule;

fn program(text: &str) -> Program {
    text.parse().expect("a program")
}

fn udp() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").expect("a socket on loopback")
}

/// Returns the error number of a failed system call.
fn errno(error: Error) -> Option<i32> {
    match error {
        Error::Kernel { error, .. } => error.raw_os_error(),
        _ => None,
    }
}

#[test]
fn reads_back_the_attached_program() {
    let socket = udp();
    assert_eq!(read_back(&socket).expect("no filter"), None);
    let junk_in_unused_fields = Program::new([RawInstruction::new(0x87, 1, 2, 3), RawInstruction::new(0x16, 4, 5, 6)]);
    let longest = program(&["tax\n".repeat(4095), "ret a".to_owned()].concat());
    for expected in [program("ret #0"), program("ldh [0xfffff03c]\n ret a"), junk_in_unused_fields, longest] {
        attach(&socket, &expected).expect("a valid program");
        assert_eq!(read_back(&socket).expect("a filter"), Some(expected));
    }
    detach(&socket).expect("a filter to detach");
    assert_eq!(read_back(&socket).expect("no filter"), None);
    assert_eq!(errno(detach(&socket).unwrap_err()), Some(libc::ENOENT));
}

#[test]
fn invalid_programs_change_nothing() {
    let [socket, kept] = [udp(), udp()].map(|socket| {
        attach(&socket, &program("ret #9")).expect("a valid program");
        socket
    });
    let too_long = program(&"ret #0\n".repeat(65_537));
    let unset = program("ld M[3]\n ret a");
    for (invalid, rule) in [(unset, Rule::ScratchUnset), (too_long, Rule::TooLong { len: 65_537, max: 4096 })] {
        let (socket, invalid) = (&socket, &invalid);
        let results = [
            attach(socket, invalid),
            attach_drained(socket, invalid),
            attach_reuseport(socket, invalid),
            set_fanout_program(socket, invalid),
        ];
        for error in results.map(Result::unwrap_err) {
            assert!(matches!(&error, Error::Program(error) if error.rule == rule), "{error}");
        }
    }
    assert_eq!(read_back(&socket).expect("a filter"), read_back(&kept).expect("a filter"));
}

#[test]
fn locked_filters_stay() {
    let (socket, _other) = UnixDatagram::pair().expect("a pair");
    attach(&socket, &program("ret #1")).expect("a valid program");
    lock(&socket).expect("a lock");
    lock(&socket).expect("the same lock");
    let other = program("ret #2");
    for result in [attach(&socket, &other), attach_drained(&socket, &other), detach(&socket)] {
        assert_eq!(errno(result.unwrap_err()), Some(libc::EPERM));
    }
    assert_eq!(read_back(&socket).expect("a filter"), Some(program("ret #1")));
}

#[test]
fn rejects_draining_a_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket on loopback");
    let any = program("ret #-1");
    assert!(matches!(attach_drained(&listener, &any), Err(Error::Stream)));
    attach(&listener, &any).expect("a valid program");
}

/// Dropped packets arrive all the time; after [`attach_drained`] none of them is received.
#[test]
fn receives_no_dropped_packets_after_draining() {
    let sender = udp();
    let is_done = AtomicBool::new(false);
    let receivers: Vec<UdpSocket> = (0..4).map(|_| udp()).collect();
    let addresses: Vec<_> = receivers.iter().map(|socket| socket.local_addr().expect("its address")).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                addresses.iter().for_each(|address| _ = sender.send_to(b"noise", address));
            }
        });
        for receiver in &receivers {
            receiver.recv(&mut [0]).expect("noise");
            attach_drained(receiver, &program("ret #0")).expect("a valid program");
        }
        is_done.store(true, Ordering::Relaxed);
    });
    for receiver in &receivers {
        receiver.set_nonblocking(true).expect("a socket that does not wait");
        assert_eq!(receiver.recv(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}

#[test]
fn errors_name_the_cause() {
    let socket = udp();
    let any = program("ret #0");
    let messages = [attach_reuseport(&socket, &any), detach_reuseport(&socket), join_fanout(&socket, 1)]
        .map(|result| result.unwrap_err().to_string());
    assert_eq!(
        messages,
        [
            "setsockopt(SO_ATTACH_REUSEPORT_CBPF) failed: set SO_REUSEPORT before the socket is bound",
            "setsockopt(SO_DETACH_REUSEPORT_BPF) failed: the socket was bound without SO_REUSEPORT",
            "setsockopt(PACKET_FANOUT) failed: the socket is not a packet socket",
        ]
    );
}
