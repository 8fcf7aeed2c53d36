//! The packets of a block, completed in place: VLAN tags are put back, and cooked packets get their header.
//!
//! - The kernel leaves [`RESERVED`] bytes before each packet, so nothing but the packet itself is moved.
//! - The layouts are those of `include/uapi/linux/if_packet.h`; all accesses are checked.

use std::ops::Range;

use crate::packet::context::{Context, Vlan};
use crate::socket::live::interface::{COOKED, ETHERNET};

/// The number of bytes before a packet that the kernel leaves unused (`PACKET_RESERVE`): room for a cooked header.
pub(super) const RESERVED: usize = 32;

/// The fields of a block: the number of its packets, and the offset of the first one.
const PACKETS: usize = 12;
const FIRST: usize = 16;

/// The size of `struct tpacket3_hdr`, after which the address of a packet stands (`struct sockaddr_ll`).
const HEADER_LEN: usize = 48;
const ADDRESS_LEN: usize = 20;

/// `PACKET_OUTGOING`.
const OUTGOING: u8 = 4;

/// The length of the addresses before the VLAN tag, and of the tag.
const ADDRESSES: usize = 12;
const TAG: usize = 4;

/// The length of the header of a cooked capture (LINUX_SLL2).
pub(super) const COOKED_HEADER: usize = 20;

/// A captured packet in its [`Block`](super::Block).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CapturedPacket {
    /// The place of the packet in the bytes of the block. A removed VLAN tag is in it again.
    pub range: Range<usize>,
    /// The length on the wire, with the VLAN tag and with the header of a cooked capture.
    pub wire_len: u32,
    /// The time of capture, in nanoseconds since 1970.
    pub nanoseconds: u64,
    /// Set if the tag in [`Context::get_vlan`] was put back after the two addresses of the frame. Filters of the kernel
    /// ran on the frame without it.
    pub is_tag_restored: bool,
    context: RawContext,
}

/// What a context is made of.
#[derive(Clone, Copy, Debug)]
struct RawContext {
    address: [u8; ADDRESS_LEN],
    /// A `struct tpacket_auxdata`.
    auxdata: [u8; 20],
    is_cooked: bool,
}

impl CapturedPacket {
    /// Returns the context in which the kernel ran its filter, without mark, queue and receive hash, which a ring does
    /// not contain.
    ///
    /// The network header of a cooked packet follows its new header.
    pub fn context(&self) -> Context {
        let RawContext { address, auxdata, is_cooked } = self.context;
        let context = Context::packet_socket(&address, Some(&auxdata)).unwrap_or_default();
        match is_cooked {
            true => context.network_header(COOKED_HEADER as i32).link_header(None),
            false => context,
        }
    }

    /// Returns the packet as the filter of the kernel saw it: without a VLAN tag that was put back. `bytes` are those
    /// of the packet, and a frame that had a tag is copied to `copy`.
    pub fn as_filtered<'a>(&self, bytes: &'a [u8], copy: &'a mut Vec<u8>) -> &'a [u8] {
        match (self.is_tag_restored, bytes.split_at_checked(ADDRESSES)) {
            (true, Some((addresses, rest))) => {
                copy.clear();
                copy.extend(addresses);
                copy.extend(rest.get(TAG..).unwrap_or_default());
                copy
            }
            _ => bytes,
        }
    }
}

/// How packets are completed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Completion {
    /// The LINKTYPE number.
    pub(super) link_type: u16,
    /// The most bytes of a packet.
    pub(super) snaplen: usize,
}

impl Completion {
    /// Completes the packets of a block, and appends them to `packets`.
    ///
    /// The loopback interface delivers each packet twice; the one that is sent is left out, as in libpcap.
    pub(super) fn complete(self, block: &mut [u8], packets: &mut Vec<CapturedPacket>) {
        let [count, first] = [PACKETS, FIRST].map(|at| word(block, at).unwrap_or(0));
        let mut at = first as usize;
        for _ in 0..count {
            let Some((packet, next)) = self.packet(block, at) else { return };
            let address = &packet.context.address;
            let is_loopback = half(address, 8) == Some(libc::ARPHRD_LOOPBACK);
            if !(is_loopback && address[10] == OUTGOING) {
                packets.push(packet);
            }
            at = at.saturating_add(next as usize);
        }
    }

    /// Completes the packet whose header is at `at`. Returns it with the distance of the next header.
    fn packet(self, block: &mut [u8], at: usize) -> Option<(CapturedPacket, u32)> {
        let header = block.get(at..)?.get(..HEADER_LEN + ADDRESS_LEN)?;
        let [next, seconds, nanoseconds, captured, wire_len, status] =
            [0, 4, 8, 12, 16, 20].map(|offset| word(header, offset).unwrap_or(0));
        let [mac, net, tpid] = [24, 26, 36].map(|offset| half(header, offset).unwrap_or(0));
        let tci = word(header, 32).unwrap_or(0) as u16;
        let lengths = [status, wire_len, captured].map(u32::to_ne_bytes);
        let rest = [mac, net, tci, tpid].map(u16::to_ne_bytes);
        let mut auxdata = [0; 20];
        auxdata[..12].copy_from_slice(lengths.as_flattened());
        auxdata[12..].copy_from_slice(rest.as_flattened());
        let mut packet = CapturedPacket {
            range: 0..0,
            wire_len,
            nanoseconds: u64::from(seconds) * 1_000_000_000 + u64::from(nanoseconds),
            is_tag_restored: false,
            context: RawContext {
                address: *header[HEADER_LEN..].first_chunk()?,
                auxdata,
                is_cooked: self.link_type == COOKED,
            },
        };
        let start = at + usize::from(mac);
        packet.range = start..start.checked_add(captured as usize)?;
        block.get(packet.range.clone())?;
        match self.link_type {
            COOKED => packet.add_cooked_header(block)?,
            ETHERNET => packet.restore_tag(block)?,
            _ => {}
        }
        packet.range.end = packet.range.end.min(packet.range.start + self.snaplen);
        Some((packet, next))
    }
}

impl CapturedPacket {
    /// Puts the VLAN tag back that the kernel or the network card has removed.
    fn restore_tag(&mut self, block: &mut [u8]) -> Option<()> {
        let context = Context::packet_socket(&self.context.address, Some(&self.context.auxdata))?;
        let Some(Vlan { tci, tpid }) = context.get_vlan().filter(|_| self.range.len() >= ADDRESSES) else {
            return Some(());
        };
        let Range { start, .. } = self.range;
        block.copy_within(start..start + ADDRESSES, start.checked_sub(TAG)?);
        let tag = [tpid, tci].map(u16::to_be_bytes);
        block.get_mut(start - TAG + ADDRESSES..start + ADDRESSES)?.copy_from_slice(tag.as_flattened());
        (self.is_tag_restored, self.range.start) = (true, start - TAG);
        self.wire_len = self.wire_len.saturating_add(TAG as u32);
        Some(())
    }

    /// Writes the header of LINUX_SLL2 before the packet.
    fn add_cooked_header(&mut self, block: &mut [u8]) -> Option<()> {
        let address = &self.context.address;
        let mut header = [0; COOKED_HEADER];
        header[..2].copy_from_slice(&address[2..4]);
        header[4..8].copy_from_slice(&word(address, 4)?.to_be_bytes());
        header[8..10].copy_from_slice(&half(address, 8)?.to_be_bytes());
        header[10..20].copy_from_slice(&address[10..]);
        let start = self.range.start.checked_sub(COOKED_HEADER)?;
        block.get_mut(start..self.range.start)?.copy_from_slice(&header);
        self.range.start = start;
        self.wire_len = self.wire_len.saturating_add(COOKED_HEADER as u32);
        Some(())
    }
}

fn half(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}
