//! Tests of the location of headers and fields.

use crate::bpf::dialect::Dialect;
use crate::bpf::instruction::Instruction;
use crate::bpf::isa::Width;
use crate::lang::tests::{compiled, link_type, matches, message};
use crate::lang::{LinkType, Target, compile_expression};
use crate::packet::ancillary::Extension;

#[test]
fn tags_and_labels_move_the_headers() {
    let offset = |text: &str| compiled(text).to_string();
    assert!(offset("vlan and ip").contains("ldh [16]"));
    assert!(offset("vlan and vlan and ip").contains("ldh [20]"));
    assert!(offset("vlan or ip").contains("ldh [16]"), "not only behind `and`");
    assert!(offset("ip or vlan").contains("jeq") && !offset("ip or vlan").contains("ldh [16]"));
    assert!(offset("pppoes and ip").contains("ldh [20]"));
    assert!(offset("mpls and ip").contains("ldb [18]"));
}

#[test]
fn empty_expression_matches_every_packet() {
    for link_type in LinkType::all().chain([LinkType::new(20), LinkType::new(100_000)]) {
        for packet in [&[][..], &[0; 4], &[0xff; 60]] {
            assert!(matches("", link_type, packet), "{link_type}");
        }
    }
    // Every test is one of 802.11 after a PPI header.
    let [ppi_of_ethernet, ppi_of_wlan] = [[0, 0, 8, 0, 1, 0, 0, 0], [0, 0, 8, 0, 105, 0, 0, 0]];
    assert!(!matches("len >= 0", link_type("PPI"), &ppi_of_ethernet));
    assert!(matches("len >= 0", link_type("PPI"), &ppi_of_wlan));
}

#[test]
fn unknown_link_types_allow_only_bytes_and_length() {
    let old = ["EN3MB", "AX25", "PRONET", "CHAOS", "REDBACK_SMARTEDGE"].map(link_type);
    for link_type in old.into_iter().chain([20, 300, 100_000].map(LinkType::new)) {
        assert!(matches("link[1] = 5 and len = 2", link_type, &[0, 5]), "{link_type}");
        assert!(message("ip", link_type).contains("packets do not name their protocol"), "{link_type}");
    }
    // NetBSD's number of Cisco's HDLC.
    assert!(matches("ip6", link_type("HDLC"), &[0x0f, 0, 0x86, 0xdd]));
}

#[test]
fn isis_pdus_follow_the_padding_of_cisco_hdlc() {
    // After the address, 0, the protocol and the padding: IS-IS, and 18 (of level 1) in the fifth byte.
    let packet = [0x0f, 0, 0xfe, 0xfe, 3, 0x83, 27, 1, 0, 18];
    for (text, is_match) in [("isis proto 18", true), ("l1", true), ("lsp", true), ("l2", false), ("isis", true)] {
        assert_eq!(matches(text, link_type("C_HDLC"), &packet), is_match, "{text}");
    }
}

#[test]
fn direction_comes_from_switch_tags() {
    // To the CPU, from it, to the sniffer, forwarded.
    let packets = [0x00, 0x40, 0x80, 0xc0].map(|mode| [[0; 12].as_slice(), &[mode; 4]].concat());
    let of = |text| packets.each_ref().map(|packet| matches(text, link_type("DSA_TAG_DSA"), packet));
    assert_eq!(of("inbound"), [true, false, true, false]);
    assert_eq!(of("outbound"), [false, true, false, false]);
}

#[test]
fn constant_negative_offsets_are_absolute() {
    let target = Target::new(LinkType::ETHERNET).linux_socket();
    let loads = |text: &str| compile_expression(text, &target).unwrap().disassemble().next().unwrap();
    let extension = |text: &str| match loads(text) {
        Instruction::LoadAbsolute { offset, .. } => Extension::from_offset(offset),
        Instruction::LoadExtension(extension) => Some(extension),
        _ => None,
    };
    assert_eq!(extension("ether[-4096:2] = 8"), Some(Extension::Protocol));
    assert_eq!(extension("ether[-4088:4] = 1"), Some(Extension::InterfaceIndex));
    assert_eq!(extension("ether[-4056:4] = 0"), Some(Extension::XorX));
    assert_eq!(extension("ether[-4052:2] = 0"), Some(Extension::VlanTci));
    assert_eq!(extension("ether[-4048:1] = 0"), Some(Extension::VlanPresent));
    let before_header = Instruction::LoadAbsolute { offset: 0xfff0_0000, width: Width::Byte };
    assert_eq!(loads("ether[-0x100000] = 1"), before_header);
    // The kernel refuses ancillary loads that do not exist; this one finds nothing.
    for text in ["ether[-1] = 0", "ether[-4095] = 0"] {
        let program = compile_expression(text, &target).unwrap();
        assert_eq!(program.verify(Dialect::Linux).unwrap().interpret(&[0; 60]), 0, "{text}");
    }
    // A negative offset may lie within the packet, before the IP header.
    let packet = [[0; 10].as_slice(), &[7, 0, 0x08, 0x00], &[0x45; 20]].concat();
    assert!(matches("ip[-4] = 7", LinkType::ETHERNET, &packet));
}

#[test]
fn relations_need_all_their_headers() {
    let text = "ip[2:2] - ((ip[0]&0xf)<<2) - ((tcp[12]&0xf0)>>2) != 0";
    let packet = |protocol: u8, fragment: u8| {
        let mut packet = vec![0; 60];
        packet[21] = fragment;
        packet[12..18].copy_from_slice(&[0x08, 0x00, 0x45, 0, 0, 46]);
        packet[23] = protocol;
        packet[46] = 0x50;
        packet
    };
    assert!(matches(text, LinkType::ETHERNET, &packet(6, 0)));
    assert!(!matches(text, LinkType::ETHERNET, &packet(17, 0)));
    assert!(!matches(text, LinkType::ETHERNET, &packet(6, 5)));
}
