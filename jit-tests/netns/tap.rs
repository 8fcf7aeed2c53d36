//! Frames on a cable, packet sockets that see them, and the verdict of the kernel on what they see.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::time::Duration;

use cbpf::{Context, Extension, Instruction, Program, RawInstruction, socket};
use libtest_mimic::Failed;
use nix::libc::MSG_DONTWAIT;
use nix::sys::socket::{LinkAddr, MsgFlags, bind, sendto};
use socket2::{Domain, Socket, Type};

use super::namespace::{Namespace, packet_socket};
use super::ours::{Ours, Seen};
use crate::kernel;

/// Which of the two ends of the cable is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where frames are sent: as `PACKET_OUTGOING`, before the kernel has changed anything.
    Sending,
    /// Where they arrive: with the tag taken off.
    Receiving,
}

/// The mark of every frame that is sent.
const MARK: u32 = 0x8123_4567;

/// A frame that comes behind another one, and tells that the other one does not come any more.
const LAST: [u8; 20] = *b"\0\0\0\0\0\0\0\0\0\0\0\0\x99\x98enough";

/// A place where frames are seen by two sockets of one type: one that gets them all, and one whose filter is asked.
pub struct Tap {
    sender: Socket,
    to: LinkAddr,
    /// Sees each frame after the other one has, since it was bound first and the kernel goes from the last to the first.
    all: Socket,
    asked: Socket,
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
        let (all, asked) = (open()?, open()?);
        socket::report_context(&all).map_err(io::Error::other)?;
        // Without a filter, a packet of no bytes is not received.
        attach(&all, u32::MAX)?;
        all.set_read_timeout(Some(Duration::from_secs(10)))?;
        let sender = Socket::new(Domain::PACKET, Type::RAW, None)?;
        sender.set_mark(MARK)?;
        Ok(Tap { sender, to: namespace.a, all, asked, cpu: namespace.cpu, kind })
    }

    /// Does something with each kind of tap, one after the other: each sees all that is sent while it is there.
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

    fn receive(&self) -> io::Result<Seen> {
        let (mut buffer, mut context) = (vec![0; 4096], Context::default());
        let packet = socket::receive(&self.all, &mut buffer, &mut context).map_err(io::Error::other)?;
        let (data, wire_len) = (packet.data().to_vec(), packet.wire_len());
        Ok(Seen { data, wire_len, context })
    }

    /// What is seen of a frame; `None` if the kernel does not let it through.
    ///
    /// What a packet socket does not report is known otherwise, but for the hash and the queue.
    pub fn see(&self, frame: &[u8]) -> io::Result<Option<Seen>> {
        attach(&self.asked, 0)?;
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

    /// What is seen of a frame, with the hash and the queue as a filter sees them.
    pub fn see_all(&self, frame: &[u8]) -> Result<Option<Seen>, Failed> {
        let Some(mut seen) = self.see(frame)? else { return Ok(None) };
        let fact = |extension| {
            let program = [Instruction::LoadExtension(extension), Instruction::ReturnA].map(RawInstruction::from);
            kernel::verdict(&program, |question| self.keeps(question, frame))
        };
        let (receive_hash, queue) = (fact(Extension::ReceiveHash)?, fact(Extension::Queue)? as u16);
        seen.context = seen.context.receive_hash(receive_hash).queue(queue);
        Ok(Some(seen))
    }

    /// Whether a tag stands in the bytes of a frame, to a `SOCK_DGRAM` socket: the protocol that a filter sees is the tag's,
    /// and the one that is told is what is behind it (`packet_recvmsg` in `net/packet/af_packet.c`).
    pub fn tells_another_protocol(&self, frame: &[u8]) -> Result<bool, Failed> {
        let is_tagged: Program = "ld proto\njeq #0x8100, yes\njeq #0x88a8, yes\nret #0\nyes: ret #1".parse()?;
        Ok(self.kind == Type::DGRAM && self.keeps(is_tagged.instructions(), frame)?)
    }

    /// Whether a program keeps what is seen of a frame.
    pub fn keeps(&self, program: &[RawInstruction], frame: &[u8]) -> io::Result<bool> {
        socket::attach(&self.asked, &Program::new(program)).map_err(io::Error::other)?;
        self.send(frame)?;
        self.all.recv(&mut [MaybeUninit::uninit()])?;
        match self.asked.recv_with_flags(&mut [MaybeUninit::uninit()], MSG_DONTWAIT) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the interpreter, native code and the kernel agree about what is seen of a frame.
    pub fn agrees(&self, ours: &Ours, frame: &[u8], seen: &Seen) -> Result<(), Failed> {
        ours.agrees(seen, |question| self.keeps(question, frame))
    }
}

/// Attaches a program that gives every packet this verdict.
fn attach(socket: &Socket, verdict: u32) -> io::Result<()> {
    let program = Program::from_iter([Instruction::ReturnConstant { verdict }]);
    socket::attach(socket, &program).map_err(io::Error::other)
}
