//! Tests that need no privileges: blocks that are made here. Those of captures are in `jit-tests/cli/interfaces.rs`.

use super::packet::{Completion, RESERVED};
use super::*;
use crate::packet::Context;
use crate::packet::context::{Device, Vlan};

const ETHERNET: u16 = 1;
const COOKED: u16 = 276;
const LOOPBACK: u16 = 772;
const OUTGOING: u8 = 4;

/// The size of a block, and the place of its first packet.
const BLOCK: usize = 1024;
const FIRST: usize = 48;

/// A packet for a block: its `ARPHRD_*` and packet types, its tag, and its bytes.
struct Made<'a>(u16, u8, Option<Vlan>, &'a [u8]);

/// Returns a block as the kernel fills it.
fn block(packets: &[Made]) -> Vec<u8> {
    let mut block = vec![0xee; BLOCK];
    let put = |block: &mut [u8], at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(&mut block, 12, [packets.len() as u32, FIRST as u32].map(u32::to_ne_bytes).as_flattened());
    let mut at = FIRST;
    for Made(hardware_type, packet_type, vlan, bytes) in packets {
        let mac = 68 + RESERVED;
        let (next, len) = (256_u32, bytes.len() as u32);
        // TP_STATUS_USER, TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID.
        let status = if vlan.is_some() { 0x51 } else { 1 };
        put(&mut block, at, [next, 7, 9, len, len + 100, status].map(u32::to_ne_bytes).as_flattened());
        put(&mut block, at + 24, [mac as u16, mac as u16 + 14].map(u16::to_ne_bytes).as_flattened());
        let tag = vlan.unwrap_or_default();
        put(&mut block, at + 32, &u32::from(tag.tci).to_ne_bytes());
        put(&mut block, at + 36, &tag.tpid.to_ne_bytes());
        let (family, protocol) = (17_u16.to_ne_bytes(), 0x86dd_u16.to_be_bytes());
        let (index, hardware_type) = (0x0102_0304_u32.to_ne_bytes(), hardware_type.to_ne_bytes());
        let address = [&family[..], &protocol, &index, &hardware_type, &[*packet_type, 6], &[0xaa; 6], &[0; 2]];
        put(&mut block, at + 48, &address.concat());
        put(&mut block, at + mac, bytes);
        at += next as usize;
    }
    block
}

fn complete(link_type: u16, snaplen: usize, block: &mut [u8]) -> Vec<CapturedPacket> {
    let mut packets = Vec::new();
    Completion { link_type, snaplen }.complete(block, &mut packets);
    packets
}

#[test]
fn removed_tags_are_put_back() {
    let frame: Vec<u8> = (0..60).collect();
    let tag = Vlan::new(0xa005, 0x88a8);
    let mut block = block(&[Made(ETHERNET, 0, Some(tag), &frame), Made(ETHERNET, 0, None, &frame)]);
    let packets = complete(ETHERNET, 262_144, &mut block);
    let [tagged, plain] = &packets[..] else { panic!("{packets:?}") };

    let bytes = &block[tagged.range.clone()];
    assert_eq!(bytes, [&frame[..12], &[0x88, 0xa8, 0xa0, 0x05], &frame[12..]].concat());
    assert_eq!((tagged.wire_len, tagged.nanoseconds), (164, 7_000_000_009));
    let mut copy = Vec::new();
    assert_eq!(tagged.as_filtered(bytes, &mut copy), frame);
    let context = tagged.context();
    assert_eq!((context.get_vlan(), context.get_protocol(), context.get_network_header()), (Some(tag), 0x86dd, 14));

    assert_eq!((&block[plain.range.clone()], plain.wire_len), (&frame[..], 160));
    assert_eq!(plain.as_filtered(&frame, &mut copy), frame);
    assert_eq!(plain.context().get_vlan(), None);
}

#[test]
fn tags_count_for_the_snaplen() {
    let frame: Vec<u8> = (0..60).collect();
    let tag = Some(Vlan::new(5, 0x8100));
    let mut whole = block(&[Made(ETHERNET, 0, tag, &frame)]);
    let packets = complete(ETHERNET, 14, &mut whole);
    assert_eq!(&whole[packets[0].range.clone()], [&frame[..12], &[0x81, 0]].concat());
    let mut copy = Vec::new();
    assert_eq!(packets[0].as_filtered(&whole[packets[0].range.clone()], &mut copy), &frame[..12]);
    // A frame that was cut within its addresses has no place for a tag.
    let mut short = block(&[Made(ETHERNET, 0, tag, &frame[..11])]);
    let packets = complete(ETHERNET, 262_144, &mut short);
    assert_eq!((&short[packets[0].range.clone()], packets[0].is_tag_restored), (&frame[..11], false));
}

#[test]
fn cooked_packets_get_a_header() {
    let mut block = block(&[Made(ETHERNET, OUTGOING, None, &[0x60; 40])]);
    let packets = complete(COOKED, 262_144, &mut block);
    let header = [0x86, 0xdd, 0, 0, 1, 2, 3, 4, 0, 1, 4, 6, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0, 0];
    let bytes = &block[packets[0].range.clone()];
    assert_eq!((bytes, packets[0].wire_len), (&[&header[..], &[0x60; 40]].concat()[..], 160));
    // That is what a reader of the capture finds out.
    assert_eq!(Some(packets[0].context()), Context::captured(COOKED, bytes));
    assert_eq!(packets[0].context().get_device(), Some(Device::new(0x0102_0304, 1)));
}

#[test]
fn packets_of_loopback_are_not_doubled() {
    let sent_and_received = [Made(LOOPBACK, OUTGOING, None, &[1; 20]), Made(LOOPBACK, 0, None, &[2; 20])];
    let mut block = block(&sent_and_received);
    let packets = complete(ETHERNET, 262_144, &mut block);
    assert_eq!(packets.iter().map(|packet| block[packet.range.start]).collect::<Vec<_>>(), [2]);
}

/// The kernel fills blocks correctly; if it did not, nothing outside of the block would be read.
#[test]
fn any_block_is_safe() {
    let frame = [7; 60];
    for link_type in [ETHERNET, COOKED, 101] {
        for at in (8..120).step_by(4) {
            for value in [0, 1, 0x7f, 0xff] {
                let mut block = block(&[Made(ETHERNET, 0, Some(Vlan::new(1, 2)), &frame), Made(1, 0, None, &frame)]);
                block[at..at + 4].fill(value);
                for packet in complete(link_type, 262_144, &mut block) {
                    assert!(block.get(packet.range).is_some());
                }
            }
        }
        assert!(complete(link_type, 262_144, &mut []).is_empty());
    }
}

#[test]
fn interfaces_are_found_by_name_and_index() {
    let all = Interface::all().expect("a list");
    let Some(loopback) = all.iter().find(|interface| interface.name() == "lo") else { return };
    assert_eq!((loopback.hardware_type(), loopback.link_type()), (Some(LOOPBACK), ETHERNET));
    assert_eq!(Interface::find("lo").expect("by name"), *loopback);
    assert_eq!(Interface::find(&loopback.index().to_string()).expect("by index"), *loopback);
    assert_eq!(Interface::find("any").map(|any| (any.index(), any.link_type())).ok(), Some((0, COOKED)));
    let error = Interface::find("no such interface").expect_err("no interface has spaces in its name");
    assert_eq!(error.to_string(), "there is no interface `no such interface`");
}
