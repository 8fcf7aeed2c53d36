//! Frames on a cable, packet sockets that receive them, and the kernel's verdict on the received packets.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::time::Duration;

use cbpf::bpf::RawInstruction;
use cbpf::packet::Extension;
use cbpf::{Context, Instruction, Program, socket};
use libtest_mimic::Failed;
use nix::libc::MSG_DONTWAIT;
use nix::sys::socket::{LinkAddr, MsgFlags, bind, sendto};
use socket2::{Domain, Socket, Type};

use super::namespace::{Namespace, packet_socket};
use super::ours::Ours;
use crate::case::Sample;
use crate::kernel;

/// The two ends of the cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Packets are `PACKET_OUTGOING`, before the kernel has changed anything.
    Sending,
    /// Packets have arrived, and the kernel has removed a VLAN tag.
    Receiving,
}

/// The mark of every frame that is sent.
const MARK: u32 = 0x8123_4567;

/// A frame that follows another one: if it arrives first, the kernel has dropped the other one.
const LAST: [u8; 20] = *b"\0\0\0\0\0\0\0\0\0\0\0\0\x99\x98enough";

/// Two sockets of one type at one end of the cable: one receives all frames, and one has the filter.
pub struct Tap {
    sender: Socket,
    to: LinkAddr,
    /// Receives each frame after `filtered` does: the kernel starts with the socket that was bound last.
    all: Socket,
    filtered: Socket,
    cpu: u32,
    kind: Type,
}

impl Tap {
    pub fn new(namespace: &Namespace, kind: Type, end: End) -> io::Result<Tap> {
        let device = if end == End::Sending { namespace.a } else { namespace.b };
        let open = || -> io::Result<Socket> {
            let socket = packet_socket(kind)?;
            bind(socket.as_raw_fd(), &device)?;
            Ok(socket)
        };
        let (all, filtered) = (open()?, open()?);
        socket::report_context(&all).map_err(io::Error::other)?;
        // Without a filter, a packet without bytes is not received.
        attach(&all, u32::MAX)?;
        all.set_read_timeout(Some(Duration::from_secs(10)))?;
        let sender = Socket::new(Domain::PACKET, Type::RAW, None)?;
        sender.set_mark(MARK)?;
        Ok(Tap { sender, to: namespace.a, all, filtered, cpu: namespace.cpu, kind })
    }

    /// Calls `work` with each kind of tap in turn, since a tap receives all frames.
    pub fn each(namespace: &Namespace, mut work: impl FnMut(&str, &Tap) -> Result<(), Failed>) -> Result<(), Failed> {
        for end in [End::Sending, End::Receiving] {
            for kind in [Type::RAW, Type::DGRAM] {
                work(&format!("{end:?} {kind:?}"), &Tap::new(namespace, kind, end)?)?;
            }
        }
        Ok(())
    }

    fn send(&self, frame: &[u8]) -> io::Result<()> {
        sendto(self.sender.as_raw_fd(), frame, &self.to, MsgFlags::empty())?;
        Ok(())
    }

    fn receive(&self) -> io::Result<Sample> {
        let (mut buffer, mut context) = (vec![0; 4096], Context::default());
        let packet = socket::receive(&self.all, &mut buffer, &mut context).map_err(io::Error::other)?;
        let (data, wire_len) = (packet.data().to_vec(), packet.wire_len());
        Ok(Sample { data, wire_len, context })
    }

    /// Sends a frame, and returns the received packet, or `None` if the kernel drops it.
    ///
    /// The context lacks the hash and the queue, which packet sockets do not report.
    pub fn see(&self, frame: &[u8]) -> io::Result<Option<Sample>> {
        attach(&self.filtered, 0)?;
        self.send(frame)?;
        self.send(&LAST)?;
        let mut seen = self.receive()?;
        if seen.data.ends_with(&LAST[14..]) {
            return Ok(None);
        }
        self.receive()?;
        if seen.context.get_mark() != MARK {
            return Err(io::Error::other(format!("the mark has changed: {seen:x?}")));
        }
        seen.context = seen.context.cpu(self.cpu).seed(0);
        Ok(Some(seen))
    }

    /// Sends a frame, and returns the received packet with the hash and the queue, which programs load.
    pub fn see_all(&self, frame: &[u8]) -> Result<Option<Sample>, Failed> {
        let Some(mut seen) = self.see(frame)? else { return Ok(None) };
        let load = |extension| {
            let program = [Instruction::LoadExtension(extension), Instruction::ReturnA].map(RawInstruction::from);
            kernel::verdict(&program, |program| self.keeps(program, frame))
        };
        let (receive_hash, queue) = (load(Extension::ReceiveHash)?, load(Extension::Queue)? as u16);
        seen.context = seen.context.receive_hash(receive_hash).queue(queue);
        Ok(Some(seen))
    }

    /// Returns `true` if a `SOCK_DGRAM` socket receives a frame with a VLAN tag in its bytes: filters load the tag's
    /// protocol, and the socket reports the protocol after the tag (`packet_recvmsg` in `net/packet/af_packet.c`).
    pub fn reports_another_protocol(&self, frame: &[u8]) -> Result<bool, Failed> {
        let is_tagged: Program = "ld proto\njeq #0x8100, yes\njeq #0x88a8, yes\nret #0\nyes: ret #1".parse()?;
        Ok(self.kind == Type::DGRAM && self.keeps(is_tagged.instructions(), frame)?)
    }

    /// Returns `true` if a program in the kernel keeps a frame.
    pub fn keeps(&self, program: &[RawInstruction], frame: &[u8]) -> io::Result<bool> {
        socket::attach(&self.filtered, &Program::new(program)).map_err(io::Error::other)?;
        self.send(frame)?;
        self.all.recv(&mut [MaybeUninit::uninit()])?;
        match self.filtered.recv_with_flags(&mut [MaybeUninit::uninit()], MSG_DONTWAIT) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Checks that the interpreter, native code and the kernel agree on a frame that was received as `seen`.
    pub fn agrees(&self, ours: &Ours, frame: &[u8], seen: &Sample) -> Result<(), Failed> {
        ours.agrees(seen, |program| self.keeps(program, frame))
    }
}

/// Attaches a program that returns a constant verdict.
fn attach(socket: &Socket, verdict: u32) -> io::Result<()> {
    let program = Program::from_iter([Instruction::ReturnConstant { verdict }]);
    socket::attach(socket, &program).map_err(io::Error::other)
}
