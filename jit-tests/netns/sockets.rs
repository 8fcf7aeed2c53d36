//! `cbpf::socket` with packet sockets.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use arbitrary::Unstructured;
use cbpf::{Context, Dialect, Program, socket};
use libtest_mimic::Failed;
use nix::sys::socket::{MsgFlags, bind, sendto};
use socket2::{Domain, Socket, Type};

use super::namespace::{Namespace, packet_socket};
use crate::generate;
use crate::random;
use crate::splitmix64::Random;

/// `read_back` returns the program that was attached.
pub fn read_back(_: &Namespace) -> Result<(), Failed> {
    let socket = packet_socket(Type::RAW)?;
    let mut random = Random::new(0x6261_636b);
    for _ in 0..300 {
        let program = generate::program(&mut Unstructured::new(&random::bytes(&mut random)), Dialect::Linux)?;
        if program.verify(Dialect::Linux).is_ok() {
            socket::attach(&socket, &program)?;
            let back = socket::read_back(&socket)?;
            if back.as_ref() != Some(&program) {
                return Err(format!("in:\n{program}out:\n{back:?}").into());
            }
        }
    }
    Ok(())
}

/// After `attach_drained`, only packets that the program keeps are received, on a device that is never quiet.
pub fn drained(namespace: &Namespace) -> Result<(), Failed> {
    let nothing: Program = "ret #0".parse()?;
    let is_done = AtomicBool::new(false);
    let sender = Socket::new(Domain::PACKET, Type::RAW, None)?;
    let sockets = (0..4).map(|_| packet_socket(Type::RAW)).collect::<io::Result<Vec<Socket>>>()?;
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let _ = sendto(sender.as_raw_fd(), &[2; 60], &namespace.a, MsgFlags::empty());
                // All namespaces share the backlog of a processor, so more frames would make others lose theirs.
                thread::sleep(Duration::from_micros(10));
            }
        });
        let attached = sockets.iter().try_for_each(|socket| {
            socket.recv(&mut [MaybeUninit::uninit()]).map_err(Failed::from)?;
            Ok(socket::attach_drained(socket, &nothing)?)
        });
        is_done.store(true, Ordering::Relaxed);
        attached
    })
    .and_then(|()| {
        for socket in &sockets {
            socket.set_nonblocking(true)?;
            if socket.recv(&mut [MaybeUninit::uninit()]).is_ok() {
                return Err("there is a packet left".into());
            }
        }
        Ok(())
    })
}

/// The verdict, modulo the number of sockets, selects the receiver; without a program, it is the first socket.
pub fn fanout(namespace: &Namespace) -> Result<(), Failed> {
    let sender = Socket::new(Domain::PACKET, Type::RAW, None)?;
    let program: Program = "ldb [0]\nret a".parse()?;
    let mut members = Vec::new();
    for _ in 0..3 {
        let member = packet_socket(Type::RAW)?;
        bind(member.as_raw_fd(), &namespace.b)?;
        if socket::set_fanout_program(&member, &program).is_ok() {
            return Err("a socket without a group accepts a program".into());
        }
        socket::join_fanout(&member, 7)?;
        member.set_nonblocking(true)?;
        members.push(member);
    }
    let receivers = |byte: u8| -> io::Result<Vec<usize>> {
        let frame = [[2; 12].as_slice(), &[0x99, 0x99, byte], &[0; 45]].concat();
        sendto(sender.as_raw_fd(), &frame, &namespace.a, MsgFlags::empty())?;
        let has_received = |place: &usize| members[*place].recv(&mut [MaybeUninit::uninit()]).is_ok();
        Ok((0..members.len()).filter(has_received).collect())
    };
    if receivers(1)? != [0] {
        return Err("without a program, the first socket does not receive".into());
    }
    socket::set_fanout_program(&members[1], &program)?;
    for byte in 0..=u8::MAX {
        let got = receivers(byte)?;
        if got != [usize::from(byte) % 3] {
            return Err(format!("verdict {byte}: {got:?} received").into());
        }
    }
    let again = socket::join_fanout(&members[0], 7).err().ok_or("it joined twice")?.to_string();
    let expected = "the socket is already in a group";
    if again.ends_with(expected) { Ok(()) } else { Err(format!("expected ..{expected}, got {again}").into()) }
}

/// A socket reports contexts only after `report_context`, and only if it is a packet socket.
pub fn needs_auxdata(namespace: &Namespace) -> Result<(), Failed> {
    let silent = packet_socket(Type::RAW)?;
    silent.set_read_timeout(Some(Duration::from_secs(10)))?;
    sendto(silent.as_raw_fd(), &[2; 60], &namespace.a, MsgFlags::empty())?;
    let (mut buffer, mut context) = ([0; 64], Context::default());
    let result = socket::receive(&silent, &mut buffer, &mut context);
    if !matches!(result, Err(socket::Error::NoContext)) {
        return Err(format!("a context without `report_context`: {result:?}").into());
    }
    let udp = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    let error = socket::report_context(&udp).err().ok_or("a UDP socket reports contexts")?.to_string();
    if error.ends_with("the socket is not a packet socket") { Ok(()) } else { Err(error.into()) }
}
