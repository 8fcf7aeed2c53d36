//! Pseudo headers of captures, corrected as libpcap and Wireshark do when they read a file.
//!
//! - Some pseudo headers are in the byte order of the machine that captured, which is the order of the pcap file or pcapng
//!   section. They are swapped to little-endian, the order of the pcap files that `cbpf` writes, and back where a big-endian
//!   section of pcapng is copied.
//! - libpcap swaps to the order of the machine that reads. On little-endian machines that is the same. On big-endian ones
//!   `link[..]` reads other bytes in libpcap, while verdicts of `cbpf` do not depend on the machine.
//! - Link types and fields are those of libpcap 1.11 (`pcap-util.c`). A field that is cut off is not swapped.
//! - `NULL` and `ENC` are not swapped, as in libpcap: the order of a file does not tell theirs, so expressions, tcpdump and
//!   Wireshark read the address family in both orders.

use super::block::{half, word};

/// Where a field begins, and its width in bytes.
type Field = (usize, usize);

/// Swaps the fields of a packet with so many bytes on the wire, which are big-endian before or after.
type Swap = fn(&mut [u8], usize, Order);

/// The byte order of a header before it is swapped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn is_big(self) -> bool {
        self == Order::Big
    }
}

#[rustfmt::skip]
const SWAPPED: [(u16, Swap); 6] = [
    (113,          linux_sll),
    (117,          pflog),
    (189,          usb_linux),
    (usb::MMAPPED, usb_linux_mmapped),
    (239,          nflog),
    (276,          linux_sll2),
];

/// Corrects the header of a captured packet, and returns the packet's length on the wire.
#[inline]
pub(super) fn correct(link_type: u16, is_big_endian: bool, data: &mut [u8], wire_len: u32) -> u32 {
    if is_big_endian && let Some(swap) = swap_of(link_type) {
        swap(data, wire_len as usize, Order::Big);
    }
    if link_type == usb::MMAPPED { usb::wire_len(data, wire_len) } else { wire_len }
}

/// Whether packets of a link type have such a header.
#[inline]
pub(super) fn is_swapped(link_type: u16) -> bool {
    swap_of(link_type).is_some()
}

/// Takes back what [`correct`] did to a packet of a big-endian section.
pub(super) fn restore(link_type: u16, data: &mut [u8], wire_len: u32) {
    if let Some(swap) = swap_of(link_type) {
        swap(data, wire_len as usize, Order::Little);
    }
}

fn swap_of(link_type: u16) -> Option<Swap> {
    SWAPPED.iter().find(|(swapped, _)| *swapped == link_type).map(|&(_, swap)| swap)
}

/// Reverses the bytes of those fields that are captured as a whole.
fn reverse(data: &mut [u8], fields: &[Field]) {
    for &(at, width) in fields {
        if let Some(field) = data.get_mut(at..at + width) {
            field.reverse();
        }
    }
}

/// What was captured, or less if the packet claims to be shorter.
fn on_wire(data: &mut [u8], wire_len: usize) -> &mut [u8] {
    let len = data.len().min(wire_len);
    &mut data[..len]
}

/// The header of a cooked capture is in network order, a SocketCAN header behind it is not.
fn linux_sll(data: &mut [u8], wire_len: usize, _: Order) {
    if let Some((header, payload)) = on_wire(data, wire_len).split_first_chunk_mut::<16>() {
        socket_can(u16::from_be_bytes([header[14], header[15]]), payload);
    }
}

fn linux_sll2(data: &mut [u8], wire_len: usize, _: Order) {
    if let Some((header, payload)) = on_wire(data, wire_len).split_first_chunk_mut::<20>() {
        socket_can(u16::from_be_bytes([header[0], header[1]]), payload);
    }
}

fn socket_can(protocol: u16, frame: &mut [u8]) {
    match protocol {
        // CAN and CAN FD: the identifier.
        0x000c | 0x000d => reverse(frame, &[(0, 4)]),
        // CAN XL: priority and virtual network, payload length, acceptance field.
        0x000e => reverse(frame, &[(0, 4), (6, 2), (8, 4)]),
        _ => {}
    }
}

/// User and process, then those of the rule, as far as the header's own length goes.
fn pflog(data: &mut [u8], wire_len: usize, _: Order) {
    let Some(&header_len) = data.first() else { return };
    let header = on_wire(data, wire_len.min(header_len.into()));
    reverse(header, &[(44, 4), (48, 4), (52, 4), (56, 4)]);
}

fn usb_linux(data: &mut [u8], _wire_len: usize, _: Order) {
    // Request, bus, seconds, microseconds, status, lengths of the request and of the data.
    reverse(data, &[(0, 8), (12, 2), (16, 8), (24, 4), (28, 4), (32, 4), (36, 4)]);
    if usb::is_isochronous(data) {
        // Errors and descriptors. Other transfers have a setup packet there, which is little-endian.
        reverse(data, &[(40, 4), (44, 4)]);
    }
}

fn usb_linux_mmapped(data: &mut [u8], wire_len: usize, order: Order) {
    let descriptors = data.first_chunk().map_or(0, |header| usb::descriptors(header, order.is_big()));
    usb_linux(data, wire_len, order);
    // Interval, first frame, flags, descriptors that were captured.
    reverse(data, &[(48, 4), (52, 4), (56, 4), (60, 4)]);
    if let Some((header, rest)) = data.split_first_chunk_mut::<{ usb::HEADER_LEN }>()
        && usb::is_isochronous(header)
    {
        let descriptors = rest.chunks_mut(usb::DESCRIPTOR_LEN).take(descriptors);
        // Status, offset, length.
        descriptors.for_each(|descriptor| reverse(descriptor, &[(0, 4), (4, 4), (8, 4)]));
    }
}

/// Lengths and types of the attributes; their values are in network order.
fn nflog(data: &mut [u8], wire_len: usize, order: Order) {
    const HEADER_LEN: usize = 4;
    let longest = data.len().min(wire_len);
    if longest < HEADER_LEN || data[1] != 0 {
        return;
    }
    let mut at = HEADER_LEN;
    while let Some(attribute) = data.get_mut(at..at + 4) {
        let len = usize::from(half(attribute, 0, order.is_big())).next_multiple_of(4);
        reverse(attribute, &[(0, 2), (2, 2)]);
        at += len;
        if len < 4 || at > longest {
            return;
        }
    }
}

/// Headers of `USB_LINUX_MMAPPED`, in little-endian order unless told otherwise; those of `USB_LINUX` are their first 48 bytes.
mod usb {
    use super::word;

    pub(super) const MMAPPED: u16 = 220;
    pub(super) const HEADER_LEN: usize = 64;
    pub(super) const DESCRIPTOR_LEN: usize = 16;
    /// As many descriptors as Linux captures.
    const MAX_DESCRIPTORS: usize = 128;

    pub(super) fn is_isochronous(data: &[u8]) -> bool {
        data.get(9) == Some(&0)
    }

    /// How many descriptors follow a header.
    pub(super) fn descriptors(header: &[u8; HEADER_LEN], is_big_endian: bool) -> usize {
        word(header, 60, is_big_endian) as usize
    }

    /// Returns the length on the wire. Of isochronous data that came in, old versions of libpcap stated the length of the
    /// request; the right one is the end of the last packet that a descriptor describes.
    pub(super) fn wire_len(data: &[u8], claimed: u32) -> u32 {
        corrected_wire_len(data, claimed).unwrap_or(claimed)
    }

    /// The right length, if the claimed one is that of the request and all descriptors are there.
    fn corrected_wire_len(data: &[u8], claimed: u32) -> Option<u32> {
        let (header, rest) = data.split_first_chunk::<HEADER_LEN>()?;
        let (event, endpoint, has_data) = (header[8], header[10], header[15] == 0);
        let has_come_in = event == b'C' && is_isochronous(header) && endpoint & 0x80 != 0;
        let count = descriptors(header, false);
        if !has_data || !has_come_in || count > MAX_DESCRIPTORS {
            return None;
        }
        let descriptors = rest.get(..count * DESCRIPTOR_LEN)?;
        let headers_len = (HEADER_LEN + descriptors.len()) as u32;
        let request_len = word(header, 32, false);
        if claimed != headers_len.wrapping_add(request_len) {
            return None;
        }
        let end = |descriptor: &[u8]| match word(descriptor, 8, false) {
            0 => 0,
            len => len.saturating_add(word(descriptor, 4, false)),
        };
        let data_len = descriptors.chunks(DESCRIPTOR_LEN).map(end).max().unwrap_or(0);
        let wire_len = headers_len.saturating_add(data_len);
        let captured = data.len() as u32;
        Some(if wire_len >= captured { wire_len } else { claimed.max(captured) })
    }
}
