//! The link types whose packets are longer than others, or have pseudo headers to correct.
//!
//! - Some pseudo headers are in the byte order of the machine that captured, which is the order of the pcap file or
//!   pcapng section. They are swapped to little-endian, the order of the pcap files that `cbpf` writes, and back where
//!   a big-endian section of pcapng is copied.
//! - libpcap swaps to the order of the machine that reads. On little-endian machines that is the same. On big-endian
//!   machines `link[..]` reads other bytes in libpcap, while verdicts of `cbpf` do not depend on the machine.
//! - Link types and fields are those of libpcap 1.11 (`pcap-util.c`). A truncated field is not swapped.
//! - `NULL` and `ENC` are not swapped, as in libpcap: the byte order of a file does not determine theirs, so
//!   expressions, tcpdump and Wireshark read the address family in both orders.

use super::ByteOrder;

/// The offset and width of a field, in bytes.
type Field = (usize, usize);

/// Swaps the fields of a packet. The arguments are its data, its length on the wire, and the byte order before the
/// swap.
type Swap = fn(&mut [u8], usize, ByteOrder);

/// A link type that differs from all others.
struct Row {
    /// Its LINKTYPE number.
    number: u16,
    max_packet: u32,
    swap: Option<Swap>,
}

#[rustfmt::skip]
static LINK_TYPES: [Row; 9] = [
    Row { number: 113, max_packet: ORDINARY_PACKET, swap: Some(linux_sll) },
    Row { number: 117, max_packet: ORDINARY_PACKET, swap: Some(pflog) },
    Row { number: 189, max_packet: ORDINARY_PACKET, swap: Some(usb_linux) },
    Row { number: usb::MMAPPED, max_packet: ORDINARY_PACKET, swap: Some(usb_linux_mmapped) },
    Row { number: 231, max_packet: LONGEST_PACKET,  swap: None }, // D-Bus
    Row { number: 239, max_packet: ORDINARY_PACKET, swap: Some(nflog) },
    Row { number: 249, max_packet: LONGEST_PACKET,  swap: None }, // USBPcap; as in Wireshark, 1 MiB in libpcap
    Row { number: 276, max_packet: ORDINARY_PACKET, swap: Some(linux_sll2) },
    Row { number: 279, max_packet: 8 << 20,         swap: None }, // EBHSCR
];

/// The maximum length of a packet, in bytes, as in libpcap.
const ORDINARY_PACKET: u32 = 256 << 10;
/// The maximum of all link types: 128 MiB, as in libpcap and Wireshark.
pub(super) const LONGEST_PACKET: u32 = 128 << 20;

fn row(link_type: u16) -> Option<&'static Row> {
    LINK_TYPES.iter().find(|row| row.number == link_type)
}

/// Returns the maximum length of a packet in a pcap file.
pub(super) fn max_packet(link_type: u16) -> u32 {
    row(link_type).map_or(ORDINARY_PACKET, |row| row.max_packet)
}

/// Returns whether packets have a pseudo header in the byte order of the capturing machine.
#[inline]
pub(super) fn is_swapped(link_type: u16) -> bool {
    row(link_type).is_some_and(|row| row.swap.is_some())
}

/// Returns whether [`correct`] may change something.
pub(super) fn is_corrected(link_type: u16, order: ByteOrder) -> bool {
    order == ByteOrder::Big && is_swapped(link_type) || link_type == usb::MMAPPED
}

/// Corrects the pseudo header of a captured packet, and returns the packet's length on the wire.
#[inline]
pub(super) fn correct(link_type: u16, order: ByteOrder, data: &mut [u8], wire_len: u32) -> u32 {
    if order == ByteOrder::Big {
        swap(link_type, data, wire_len, order);
    }
    if link_type == usb::MMAPPED { usb::wire_len(data, wire_len) } else { wire_len }
}

/// Reverts [`correct`] for a packet of a big-endian section.
pub(super) fn restore(link_type: u16, data: &mut [u8], wire_len: u32) {
    swap(link_type, data, wire_len, ByteOrder::Little);
}

fn swap(link_type: u16, data: &mut [u8], wire_len: u32, order: ByteOrder) {
    if let Some(swap) = row(link_type).and_then(|row| row.swap) {
        swap(data, wire_len as usize, order);
    }
}

/// Reverses the bytes of the fields that are captured completely.
fn reverse(data: &mut [u8], fields: &[Field]) {
    for &(at, width) in fields {
        if let Some(field) = data.get_mut(at..at + width) {
            field.reverse();
        }
    }
}

/// Returns the captured bytes, up to the length on the wire.
fn on_wire(data: &mut [u8], wire_len: usize) -> &mut [u8] {
    let len = data.len().min(wire_len);
    &mut data[..len]
}

/// Swaps the SocketCAN header after a header of a cooked capture, which is in network order.
fn linux_sll(data: &mut [u8], wire_len: usize, _: ByteOrder) {
    if let Some((header, payload)) = on_wire(data, wire_len).split_first_chunk_mut::<16>() {
        socket_can(u16::from_be_bytes([header[14], header[15]]), payload);
    }
}

fn linux_sll2(data: &mut [u8], wire_len: usize, _: ByteOrder) {
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

/// Swaps user and process, then those of the rule, within the stated length of the header.
fn pflog(data: &mut [u8], wire_len: usize, _: ByteOrder) {
    let Some(&header_len) = data.first() else { return };
    let header = on_wire(data, wire_len.min(header_len.into()));
    reverse(header, &[(44, 4), (48, 4), (52, 4), (56, 4)]);
}

fn usb_linux(data: &mut [u8], _wire_len: usize, _: ByteOrder) {
    // Request, bus, seconds, microseconds, status, lengths of the request and of the data.
    reverse(data, &[(0, 8), (12, 2), (16, 8), (24, 4), (28, 4), (32, 4), (36, 4)]);
    if usb::is_isochronous(data) {
        // Errors and descriptors. Other transfers have a little-endian setup packet there.
        reverse(data, &[(40, 4), (44, 4)]);
    }
}

fn usb_linux_mmapped(data: &mut [u8], wire_len: usize, order: ByteOrder) {
    let descriptors = data.first_chunk().map_or(0, |header| usb::descriptors(header, order));
    usb_linux(data, wire_len, order);
    // Interval, first frame, flags, captured descriptors.
    reverse(data, &[(48, 4), (52, 4), (56, 4), (60, 4)]);
    if let Some((header, rest)) = data.split_first_chunk_mut::<{ usb::HEADER_LEN }>()
        && usb::is_isochronous(header)
    {
        let descriptors = rest.chunks_mut(usb::DESCRIPTOR_LEN).take(descriptors);
        // Status, offset, length.
        descriptors.for_each(|descriptor| reverse(descriptor, &[(0, 4), (4, 4), (8, 4)]));
    }
}

/// Swaps lengths and types of the attributes; their values are in network order.
fn nflog(data: &mut [u8], wire_len: usize, order: ByteOrder) {
    const HEADER_LEN: usize = 4;
    let longest = data.len().min(wire_len);
    if longest < HEADER_LEN || data[1] != 0 {
        return;
    }
    let mut at = HEADER_LEN;
    while let Some(attribute) = data.get_mut(at..at + 4) {
        let len = usize::from(order.read_u16(attribute, 0)).next_multiple_of(4);
        reverse(attribute, &[(0, 2), (2, 2)]);
        at += len;
        if len < 4 || at > longest {
            return;
        }
    }
}

/// Headers of `USB_LINUX_MMAPPED`, whose first 48 bytes are those of `USB_LINUX`.
mod usb {
    use super::ByteOrder;

    pub(super) const MMAPPED: u16 = 220;
    pub(super) const HEADER_LEN: usize = 64;
    pub(super) const DESCRIPTOR_LEN: usize = 16;
    /// The maximum number of descriptors that Linux captures.
    const MAX_DESCRIPTORS: usize = 128;

    pub(super) fn is_isochronous(data: &[u8]) -> bool {
        data.get(9) == Some(&0)
    }

    /// Returns the number of descriptors after a header.
    pub(super) fn descriptors(header: &[u8; HEADER_LEN], order: ByteOrder) -> usize {
        order.read_u32(header, 60) as usize
    }

    /// Returns the length on the wire. For incoming isochronous data, old versions of libpcap stated the length of the
    /// request; the right one is the end of the last packet that a descriptor describes.
    pub(super) fn wire_len(data: &[u8], claimed: u32) -> u32 {
        corrected_wire_len(data, claimed).unwrap_or(claimed)
    }

    /// Returns the right length if the claimed one is that of the request and all descriptors are there.
    fn corrected_wire_len(data: &[u8], claimed: u32) -> Option<u32> {
        let (header, rest) = data.split_first_chunk::<HEADER_LEN>()?;
        let (event, endpoint, has_data) = (header[8], header[10], header[15] == 0);
        let is_incoming = event == b'C' && is_isochronous(header) && endpoint & 0x80 != 0;
        let count = descriptors(header, ByteOrder::Little);
        if !has_data || !is_incoming || count > MAX_DESCRIPTORS {
            return None;
        }
        let descriptors = rest.get(..count * DESCRIPTOR_LEN)?;
        let headers_len = (HEADER_LEN + descriptors.len()) as u32;
        let request_len = ByteOrder::Little.read_u32(header, 32);
        if claimed != headers_len.wrapping_add(request_len) {
            return None;
        }
        let end = |descriptor: &[u8]| match ByteOrder::Little.read_u32(descriptor, 8) {
            0 => 0,
            len => len.saturating_add(ByteOrder::Little.read_u32(descriptor, 4)),
        };
        let data_len = descriptors.chunks(DESCRIPTOR_LEN).map(end).max().unwrap_or(0);
        let wire_len = headers_len.saturating_add(data_len);
        let captured = data.len() as u32;
        Some(if wire_len >= captured { wire_len } else { claimed.max(captured) })
    }
}
