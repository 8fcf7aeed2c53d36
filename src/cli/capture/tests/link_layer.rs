//! Pseudo headers in the byte order of the capturing machine.

use super::build::{ByteOrder, MICRO, MODIFIED, NANO, ORDERS, PcapBytes, PcapngBytes, padded};
use super::{Random, records};
use crate::cli::capture::link_layer::correct;

/// Builds a packet on a machine of this order.
type Packet = fn(ByteOrder) -> Vec<u8>;

const PACKETS: [(u16, Packet); 12] = [
    (113, |order| cooked(order, 0x000c)),
    (113, |order| cooked(order, 0x000d)),
    (113, |order| cooked(order, 0x000e)),
    (113, |order| cooked(order, 0x0800)),
    (276, |order| cooked_2(order, 0x000c)),
    (276, |order| cooked_2(order, 0x000e)),
    (117, pflog),
    (189, |order| usb(order, CONTROL, 0)[..48].to_vec()),
    (189, |order| usb(order, ISOCHRONOUS, 0)[..48].to_vec()),
    (220, |order| usb(order, CONTROL, 0)),
    (220, |order| usb(order, ISOCHRONOUS, 3)),
    (239, nflog),
];

const ISOCHRONOUS: u8 = 0;
const CONTROL: u8 = 2;

fn cooked(order: ByteOrder, protocol: u16) -> Vec<u8> {
    [&[0; 2][..], &280u16.to_be_bytes(), &[0; 10], &protocol.to_be_bytes(), &payload(order, protocol)].concat()
}

fn cooked_2(order: ByteOrder, protocol: u16) -> Vec<u8> {
    [&protocol.to_be_bytes()[..], &[0, 0, 0, 0, 0, 3, 1, 24], &[0; 10], &payload(order, protocol)].concat()
}

fn payload(order: ByteOrder, protocol: u16) -> Vec<u8> {
    match protocol {
        0x000c | 0x000d => [&order.u32_bytes(0x8123_4567)[..], &[4, 0, 0, 0, 1, 2, 3, 4]].concat(),
        0x000e => {
            [&order.u32_bytes(0x0001_0123)[..], &[0x80, 3], &order.u16_bytes(4), &order.u32_bytes(0xaabb_ccdd), b"data"]
                .concat()
        }
        _ => vec![0x45; 20],
    }
}

fn pflog(order: ByteOrder) -> Vec<u8> {
    let ids = order.words(&[1000, 2000, 3000, 4000]);
    [&[61, 2, 0, 0][..], b"em0", &[0; 29], &[0, 0, 0, 3, 0, 0, 0, 4], &ids, &[1, 0, 0, 0], &[0x45; 20]].concat()
}

fn usb(order: ByteOrder, transfer: u8, descriptors: u32) -> Vec<u8> {
    let mut packet =
        [&order.u64_bytes(0x1122_3344_5566_7788)[..], &[b'C', transfer, 0x81, 5], &order.u16_bytes(2)].concat();
    packet.extend([b'-', 0]);
    packet.extend(order.u64_bytes(1_700_000_000));
    packet.extend(order.words(&[123_456, -2i32 as u32, 48, 12]));
    match transfer {
        ISOCHRONOUS => packet.extend(order.words(&[1, descriptors])),
        _ => packet.extend([0x80, 6, 0, 1, 0, 0, 0x12, 0]),
    }
    packet.extend(order.words(&[8, 77, 0x200, descriptors]));
    for number in 0..descriptors {
        packet.extend(order.words(&[number, number * 4, 4]));
        packet.extend([1, 2, 3, 4]);
    }
    packet.extend(b"twelve bytes");
    packet
}

fn nflog(order: ByteOrder) -> Vec<u8> {
    let mut packet = vec![2, 0, 0, 7];
    for (kind, value) in [(1, &[8, 0, 1, 0][..]), (10, b"a\0"), (4, &[0, 0, 0, 2]), (9, &[0x45; 21])] {
        packet.extend([order.u16_bytes(value.len() as u16 + 4), order.u16_bytes(kind)].concat());
        packet.extend(padded(value));
    }
    packet
}

/// Returns the packet as read from pcap files, and from a section of this order after one of the other.
fn read(order: ByteOrder, link_type: u16, wire_len: u32, packet: &[u8]) -> Vec<u8> {
    let other = if order == ByteOrder::Big { ByteOrder::Little } else { ByteOrder::Big };
    let pcapng = PcapngBytes::new(other).interface(link_type, 0, &[]).section(order).interface(link_type, 0, &[]);
    let pcapng = pcapng.enhanced(0, 1, wire_len, packet).obsolete(0, 1, wire_len, packet);
    let mut files = vec![pcapng.bytes];
    for magic in [MICRO, NANO, MODIFIED] {
        files.push(PcapBytes::new(order, magic, 0, link_type.into()).record(1, 2, wire_len, packet).bytes);
    }
    let seen: Vec<_> = files.iter().flat_map(|file| records(file)).collect();
    assert_eq!(seen.len(), 5);
    assert!(seen.iter().all(|one| (&one.data, one.wire_len) == (&seen[0].data, seen[0].wire_len)));
    seen.into_iter().next().unwrap().data
}

#[test]
fn packets_are_the_same_whatever_machine_captured_them() {
    for (link_type, packet) in PACKETS {
        for order in ORDERS {
            let packet_len = packet(order).len() as u32;
            assert_eq!(read(order, link_type, packet_len, &packet(order)), packet(ByteOrder::Little), "{link_type}");
        }
    }
}

/// Truncated fields are not swapped, all before them are.
#[test]
fn packets_may_be_cut_anywhere() {
    for (link_type, packet) in PACKETS {
        let (big, little) = (packet(ByteOrder::Big), packet(ByteOrder::Little));
        for cut in 0..big.len() {
            let seen = read(ByteOrder::Big, link_type, big.len() as u32, &big[..cut]);
            let same = seen.iter().zip(&little).take_while(|(a, b)| a == b).count();
            assert_eq!(seen[same..], big[same..cut], "{link_type}, {cut} bytes");
            assert!(cut - same < 8, "{link_type}, {cut} bytes");
        }
    }
}

#[test]
fn a_snaplen_cuts_before_fields_are_swapped() {
    let file = PcapBytes::new(ByteOrder::Big, MICRO, 13, 189).record(1, 2, 60, &usb(ByteOrder::Big, CONTROL, 0));
    let seen = records(&file.bytes);
    assert_eq!(seen[0].data, [&usb(ByteOrder::Little, CONTROL, 0)[..12], &[0]].concat());
}

#[test]
fn other_headers_stay_as_they_are() {
    // NULL, ENC, LOOP, SocketCAN, Ethernet, PPI, PKTAP.
    for link_type in [0, 109, 108, 227, 1, 192, 258] {
        let packet: Vec<u8> = (0..80).collect();
        assert_eq!(read(ByteOrder::Big, link_type, 80, &packet), packet);
    }
    // NFLOG of a later version, and attributes of no length.
    let later = [&[2, 1][..], &nflog(ByteOrder::Big)[2..]].concat();
    assert_eq!(read(ByteOrder::Big, 239, 100, &later), later);
    let nothing = [2, 0, 0, 0, 0, 0, 0, 9, 0, 8, 0, 9];
    assert_eq!(read(ByteOrder::Big, 239, 12, &nothing), [2, 0, 0, 0, 0, 0, 9, 0, 0, 8, 0, 9]);
    // The stated length of the PF header ends before the ids of the rule.
    let short = [&[52][..], &pflog(ByteOrder::Big)[1..]].concat();
    let swapped = [&[52][..], &pflog(ByteOrder::Little)[1..52], &short[52..]].concat();
    assert_eq!(read(ByteOrder::Big, 117, 100, &short), swapped);
}

#[test]
fn lengths_and_counts_that_lie_do_no_harm() {
    for (link_type, packet) in PACKETS {
        for wire_len in 0..70 {
            read(ByteOrder::Big, link_type, wire_len, &packet(ByteOrder::Big));
        }
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (link_type, packet) in PACKETS {
        for _ in 0..2000 {
            let mut bytes = packet(ByteOrder::Big);
            for _ in 0..3 {
                let at = random.below(bytes.len());
                bytes[at] = [0, 0xff, 1, random.below(256) as u8][random.below(4)];
            }
            bytes.truncate(random.below(bytes.len() + 1));
            correct(link_type, ByteOrder::Big, &mut bytes, [0, 5, 100, u32::MAX][random.below(4)]);
        }
    }
    let mut packet = usb(ByteOrder::Big, ISOCHRONOUS, 3);
    packet[60..64].fill(0xff);
    let mut swapped = usb(ByteOrder::Little, ISOCHRONOUS, 3);
    swapped[60..64].fill(0xff);
    // The data is interpreted as a descriptor.
    swapped[112..124].copy_from_slice(b"lewtb evsety");
    assert_eq!(read(ByteOrder::Big, 220, 200, &packet), swapped);
}

/// Old versions of libpcap stated the length of the request for isochronous data.
#[test]
fn the_length_of_isochronous_data_is_where_the_last_descriptor_ends() {
    let (headers, request) = (64 + 3 * 16, 48);
    for order in ORDERS {
        let wire_len = |wire_len, packet: &[u8]| {
            records(&PcapBytes::new(order, MICRO, 0, 220).record(1, 2, wire_len, packet).bytes)[0].wire_len
        };
        let packet = usb(order, ISOCHRONOUS, 3);
        assert_eq!(wire_len(headers + request, &packet), headers + 12);
        assert_eq!(wire_len(headers + request, &packet[..headers as usize]), headers + 12);
        // Another length, a missing descriptor, outgoing data, no data.
        assert_eq!(wire_len(headers + request + 1, &packet), headers + request + 1);
        assert_eq!(wire_len(headers + request, &packet[..headers as usize - 1]), headers + request);
        for (at, byte) in [(8, b'S'), (9, CONTROL), (10, 1), (15, b'<')] {
            let mut packet = packet.clone();
            packet[at] = byte;
            assert_eq!(wire_len(headers + request, &packet), headers + request);
        }
    }
}

/// The captured length of a simple packet block follows from the uncorrected length on the wire.
#[test]
fn a_simple_packet_with_a_wrong_length_is_copied() {
    for order in ORDERS {
        let mut packet = usb(order, ISOCHRONOUS, 1);
        // The length of the request is that of the data, and the descriptor ends far after it.
        let data_len = packet.len() as u32 - 80;
        packet[32..36].copy_from_slice(&order.u32_bytes(data_len));
        for len in [0, 4, 10_000] {
            packet[72..76].copy_from_slice(&order.u32_bytes(len));
            let file = PcapngBytes::new(order).interface(220, 0, &[]);
            let file = file.simple(packet.len() as u32, &packet).bytes;
            assert_eq!(super::write::copy(&[&file], usize::MAX), file, "{len}");
            let (whole, cut) = (&records(&file)[0], &records(&super::write::copy(&[&file], 70))[0]);
            assert_eq!((&cut.data[..], cut.wire_len), (&whole.data[..70], whole.wire_len), "{len}");
        }
    }
}

/// A pcapng file is copied byte for byte, although its packets are converted when read.
#[test]
fn headers_of_pcapng_stay_in_their_order() {
    for (link_type, packet) in PACKETS {
        for order in ORDERS {
            let packet = packet(order);
            let len = packet.len() as u32;
            let file = PcapngBytes::new(order).interface(link_type, 0, &[]).enhanced(0, 1, len, &packet);
            let file = file.simple(len, &packet).obsolete(0, 1, len, &packet).bytes;
            assert_eq!(super::write::copy(&[&file], usize::MAX), file, "{link_type}");
            // A cut packet has the first of the stored bytes.
            for keep in [0, 2, 18, 45, 66] {
                let cut = &packet[..keep.min(packet.len())];
                let file = |data: &[u8]| PcapngBytes::new(order).interface(link_type, 0, &[]).enhanced(0, 1, len, data);
                assert_eq!(super::write::copy(&[&file(&packet).bytes], keep), file(cut).bytes, "{link_type}, {keep}");
            }
        }
    }
}
