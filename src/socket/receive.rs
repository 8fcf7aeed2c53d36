//! Packets from packet sockets, each with the context in which the kernel ran the filter.

use std::os::fd::AsFd;

use socket2::Type;

use super::error::{self, Error};
use super::system::{self, Message};
use crate::packet::Packet;
use crate::packet::context::{Context, Device};

/// Makes a packet socket report the context of each packet, for [`receive`]: `PACKET_AUXDATA`, and `SO_RCVMARK` if the
/// kernel has it (since 5.19) and the process has the privilege.
///
/// # Errors
/// Fails if the socket is not a packet socket.
pub fn report_context(socket: impl AsFd) -> Result<(), Error> {
    let socket = socket.as_fd();
    system::set_number(socket, system::AUXDATA, 1).map_err(Error::of(error::AUXDATA))?;
    // Contexts without marks are useful, too.
    let _ = system::set_number(socket, system::RECEIVE_MARK, 1);
    Ok(())
}

/// Receives a packet from a packet socket (`AF_PACKET`) after [`report_context`], with its length on the wire and its
/// context, so that a filter has the same verdict in this process as in the kernel.
///
/// The packet borrows `buffer` and `context`, which are overwritten. It has the bytes that the filter of the socket
/// kept and that fit into the buffer. The kernel does not report the queue, the receive hash and the processor. For a
/// frame with a VLAN tag in its bytes (sent with a tag, or received with two), it reports the protocol after the tag to
/// a `SOCK_DGRAM` socket, while filters and `SOCK_RAW` sockets get that of the tag.
///
/// # Errors
/// Returns [`Error::NoContext`] if the socket reports no context, and all errors of the kernel, including `WouldBlock`.
///
/// ```no_run
/// use cbpf::{Context, Dialect, Program, socket};
/// use socket2::{Domain, Socket, Type};
///
/// const ETH_P_ALL: u16 = 3;
/// let listener = Socket::new(Domain::PACKET, Type::RAW, Some(i32::from(ETH_P_ALL.to_be()).into()))?;
/// socket::report_context(&listener)?;
///
/// let program: Program = "ld vlan_tci\n ret a".parse()?;
/// let verified = program.verify(Dialect::Linux)?;
/// let (mut buffer, mut context) = (vec![0; 65_536], Context::default());
/// loop {
///     let packet = socket::receive(&listener, &mut buffer, &mut context)?;
///     println!("{} bytes, tag {}", packet.wire_len(), verified.interpret(packet));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn receive<'a>(socket: impl AsFd, buffer: &'a mut [u8], context: &'a mut Context) -> Result<Packet<'a>, Error> {
    let socket = socket.as_fd();
    let message = Message::receive(socket, buffer).map_err(Error::of(error::RECEIVE_MESSAGE))?;
    let auxdata = message.auxdata().ok_or(Error::NoContext)?;
    *context = Context::packet_socket(message.address(), Some(auxdata)).ok_or(Error::NoContext)?;
    context.mark = message.mark().unwrap_or(0);
    let has_ethernet_header = context.device.is_some_and(Device::has_ethernet_header);
    if has_ethernet_header && context.network_header == 0 && super::kind(&socket)? == Type::DGRAM {
        // The header lies before the received bytes.
        context.link_header = Some(-Device::ETHERNET_HEADER);
    }
    let wire_len = auxdata.get(4..).and_then(<[u8]>::first_chunk).ok_or(Error::NoContext)?;
    Ok(Packet::new(&buffer[..message.len]).with_wire_len(u32::from_ne_bytes(*wire_len)).with_context(context))
}
