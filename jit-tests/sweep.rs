//! All primitives for all link types in both compilers, as in `language`.
//!
//! `KNOWN` lists the differences, with their reasons; some only for libpcap before 1.11, whose language this crate has.

use std::collections::HashSet;

use cbpf::bpf::RawInstruction;
use cbpf::{LinkType, Program};
use libtest_mimic::{Failed, Trial};

use crate::language::Difference::{self, LibpcapRejects, OursRejects, Verdict};
use crate::language::{self, Programs};
use crate::libpcap::Compiler;
use crate::splitmix64::Random;

/// The number of packets for each pair of programs.
const PACKETS: usize = 24;

/// The number of iterations of a loop in libpcap's programs: one for each header.
const ROUNDS: usize = 20;

/// The number of differences to print, and the variable that changes it.
const PRINTED: usize = 20;
const MORE: &str = "SWEEP_PRINT";

/// Every primitive and operator of the language at least once.
#[rustfmt::skip]
static EXPRESSIONS: &[&str] = &[
    // All packets, and tests without headers.
    "", "1 = 1", "1 = 2", "len >= 0", "len > 100", "less 100", "greater 100", "not less 100",
    // Protocols over the link layer.
    "ip", "ip6", "arp", "rarp", "not ip", "not ip6", "ip or ip6", "atalk", "aarp", "decnet", "lat", "sca", "moprc",
    "mopdl", "iso", "stp", "ipx", "netbeui", "clnp", "esis", "isis", "not iso", "l1", "l2", "iih", "lsp", "snp",
    "csnp", "psnp", "ether proto 0x0800", "ether proto \\ip6", "link proto 1500", "link proto 1501", "link proto 0x42",
    "link proto 0xfe", "link proto 0xe0", "link proto 0xf0", "link proto 6", "link proto 0x809b", "link proto 0x600",
    "link proto 0", "link proto 65535", "link proto 65536", "iso proto 0x81", "iso proto \\isis", "isis proto 18",
    "link proto 0x21", "link proto 0x8847",
    // Link-layer addresses and direction.
    "ether host 1:2:3:4:5:6", "ether src 1:2:3:4:5:6", "ether dst 1:2:3:4:5:6", "ether src and dst 1:2:3:4:5:6",
    "link host $05", "link src $05", "ether broadcast", "broadcast", "ether multicast", "multicast",
    "wlan ra 1:2:3:4:5:6", "wlan ta 1:2:3:4:5:6", "wlan addr1 1:2:3:4:5:6", "wlan addr2 1:2:3:4:5:6",
    "wlan addr3 1:2:3:4:5:6", "wlan addr4 1:2:3:4:5:6", "inbound", "outbound", "ifindex 3",
    // Internet addresses.
    "host 10.0.0.1", "src host 10.0.0.1", "dst host 10.0.0.1", "src and dst host 10.0.0.1", "ip host 10.0.0.1",
    "arp host 10.0.0.1", "rarp src host 10.0.0.1", "host ::1", "ip6 src host ::1", "net 10.1", "net 10.0.0.0/9",
    "net 10.0.0.0 mask 255.240.0.0", "dst net 192.168", "net 0.0.0.0/0", "ip6 net 2001:db8::/33", "net ::/0",
    "decnet host 10.15", "decnet src 10.15", "decnet dst 10.15", "decnet host 1", "decnet net 10.15", "ip broadcast",
    "ip multicast", "ip6 multicast",
    // Internet protocols and ports.
    "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "igrp", "pim", "vrrp", "carp", "ah", "esp", "ip proto 47",
    "ip6 proto 47", "proto 47", "proto \\tcp", "port 80", "tcp port 80", "udp src port 53", "sctp dst port 5",
    "src and dst port 7", "portrange 10-20", "tcp dst portrange 10-20", "not port 80",
    "port 22 or port 80 and host 10.0.0.1", "protochain 6", "ip protochain 6", "ip6 protochain 6",
    // Fields.
    "link[0] = 5", "link[14:2] & 0xfff = 7", "link[len - 1] = 0", "ether[0:4] > 1", "ip[8] < 5", "ip6[6] = 6",
    "arp[6:2] = 1", "rarp[6:2] = 3", "tcp[13] & 2 != 0", "udp[4:2] > 20", "icmp[0] = 8", "icmp6[0] = 128",
    "igmp[0] = 17", "sctp[0:2] = 1", "ip[-4] = 1", "ip[ip[0] & 15] = 1",
    "ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) != 0", "radio[2] > 8", "byte 3 & 1", "byte 0 = 1",
    "6 % 4 + 1 = 1", "tcp[tcpflags] & tcp-syn != 0", "atalk[0] = 1", "decnet[0] = 1", "pim[0] = 1", "vrrp[0] = 1",
    "igrp[0] = 1", "iso[0] = 1",
    // Primitives that move the following headers.
    "vlan", "vlan 5", "vlan and ip", "vlan and vlan 5 and tcp", "mpls", "mpls 5", "mpls and ip",
    "mpls and mpls and host 10.0.0.1", "pppoed", "pppoes", "pppoes 5", "pppoes and ip", "geneve", "geneve 5 and ip",
    "vxlan", "vxlan 5 and ip",
    // Primitives of few link types.
    "llc", "llc i", "llc s", "llc u", "llc rr", "llc ui", "type mgt", "type data subtype qos", "subtype beacon",
    "dir tods", "ifname eth0", "ruleset a", "rulenum 3", "reason match", "action pass", "lane", "vpi 3", "vci > 5",
    "metac", "bcc", "oamf4", "oamf4sc", "oamf4ec", "oam", "sc", "ilmic", "connectmsg", "metaconnect", "lane and ip",
    "lane and vpi 3", "lane and lane", "fisu", "lssu", "msu", "hfisu", "hlssu", "hmsu", "sio 5", "opc 100",
    "dpc > 300", "sls 3", "hsio 5", "hopc 100", "hdpc 300", "hsls 3",
];

/// Known differences of one kind; comments give the reasons.
struct Known {
    /// Fixed in libpcap 1.11.
    is_old: bool,
    difference: Difference,
    /// Prefixes of the link types' names; none for all of them.
    link_types: &'static [&'static str],
    /// Parts of the expressions; none for all of them.
    texts: &'static [&'static str],
}

type Names = &'static [&'static str];

/// Returns a difference to all versions of libpcap.
const fn always(difference: Difference, link_types: Names, texts: Names) -> Known {
    Known { is_old: false, difference, link_types, texts }
}

/// Returns a difference to versions before 1.11.
const fn before_1_11(difference: Difference, link_types: Names, texts: Names) -> Known {
    Known { is_old: true, difference, link_types, texts }
}

static OSI: Names = &["iso proto", "clnp", "esis", "isis", "l1", "l2", "iih", "lsp", "snp"];

#[rustfmt::skip]
static UNKNOWN_NETWORK: Names = &[
    "JUNIPER_ES", "JUNIPER_SERVICES", "JUNIPER_VP", "JUNIPER_ISM", "JUNIPER_ST", "JUNIPER_VS", "JUNIPER_SRX_E2E",
    "JUNIPER_FIBRECHANNEL", "JUNIPER_ATM_CEMIC",
];

static KNOWN: &[Known] = &[
    // libpcap uses its mark for an unknown offset as the offset of the network header, or of OSI's.
    always(OursRejects, UNKNOWN_NETWORK, &[]),
    always(OursRejects, &["JUNIPER_", "IPNET"], OSI),
    // For protocols that are not 16-bit numbers, libpcap compiles a larger one to a program that matches no packet.
    always(OursRejects, &[], &["link proto 65536"]),
    // libpcap does not reach the Ethernet frame after this pseudo-header.
    always(LibpcapRejects, &["NETANALYZER"], &["llc"]),
    // libpcap does not store the offset of the outer headers, or in another scratch word.
    always(Verdict, &["IEEE802_11", "PPI", "PRISM_HEADER", "PFLOG"], &["pppoes", "geneve", "vxlan"]),
    // libpcap loses the protocol checks of the right operand.
    always(Verdict, &[], &["- ((tcp[12]"]),
    // libpcap loads bytes before a header only in optimised programs.
    always(Verdict, &[], &["ip[-4]"]),
    // libpcap generated ancillary loads, which programs for savefiles cannot have.
    before_1_11(OursRejects, &[], &["inbound", "outbound", "ifindex"]),
    before_1_11(Verdict, &["DSA_TAG_"], &["inbound", "outbound"]),
    // Addresses without a dot and networks were hosts, and LLC addresses could exceed 255.
    before_1_11(OursRejects, &[], &["decnet host 1", "decnet net", "link proto 1500"]),
    // A preamble was used as a protocol, and there were no addresses.
    before_1_11(OursRejects, &["BACNET_MS_TP"], &[]),
    before_1_11(LibpcapRejects, &["BACNET_MS_TP"], &["link host", "link src", "broadcast"]),
    // Fields of ATM were loaded from the payload.
    before_1_11(OursRejects, &["SUNATM"], &["lane and vpi", "lane and lane"]),
    // Loads included the two bytes after the field, which may be past the end.
    before_1_11(Verdict, &["MTP2", "ERF"], &["dpc"]),
    // Only the direction of these was supported, there was no `vxlan`, and PPI had no frame types.
    before_1_11(LibpcapRejects, &["DSA_TAG_"], &[]),
    before_1_11(LibpcapRejects, &[], &["vxlan"]),
    before_1_11(LibpcapRejects, &["PPI"], &["type", "dir"]),
    // The numbers of RFC 1051 were accepted, too.
    before_1_11(Verdict, &["ARCNET"], &[]),
    // Every packet that is not inbound was outbound.
    before_1_11(Verdict, &["SLIP"], &["outbound"]),
    // Addresses from 240.0.0.0 on were multicast.
    before_1_11(Verdict, &[], &["ip multicast"]),
    // Loads included bytes that the mask clears, which may be past the end.
    before_1_11(Verdict, &[], &["net 0.0.0.0/0", "net ::/0", "ip6 net"]),
    // PDU types had no mask, and another offset on Cisco's HDLC.
    before_1_11(Verdict, &[], OSI),
    // Offsets were those in the packet rather than in the link-layer header, and `&` meant `=`.
    before_1_11(Verdict, &[], &["byte "]),
];

pub fn trials() -> Vec<Trial> {
    let is_absent = Compiler::get().is_none();
    vec![Trial::test("language::sweep", sweep).with_ignored_flag(is_absent)]
}

fn sweep() -> Result<(), Failed> {
    let compiler = Compiler::get().ok_or("no libpcap")?;
    let is_old = compiler.version() < (1, 11);
    let (mut differences, mut random) = (Vec::new(), Random::new(0x7377_6565));
    // Many link types share programs.
    let mut seen = HashSet::new();
    for link_type in LinkType::all() {
        if is_old && compiler.compile("", link_type.dlt(), false).is_err() {
            // This libpcap has no programs for the link type.
            continue;
        }
        for text in EXPRESSIONS {
            if let Err((difference, message)) = compare(compiler, link_type, text, &mut seen, &mut random)
                && !KNOWN.iter().any(|known| (is_old || !known.is_old) && known.is(difference, link_type, text))
            {
                differences.push(format!("{link_type}: `{text}`: {difference:?}: {message}"));
            }
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    let printed = std::env::var(MORE).ok().and_then(|number| number.parse().ok()).unwrap_or(PRINTED);
    let count = differences.len();
    differences.truncate(printed);
    Err(format!("{count} differences\n{}", differences.join("\n")).into())
}

impl Known {
    fn is(&self, difference: Difference, link_type: LinkType, text: &str) -> bool {
        let name = link_type.name().unwrap_or_default();
        self.difference == difference
            && (self.link_types.is_empty() || self.link_types.iter().any(|start| name.starts_with(start)))
            && (self.texts.is_empty() || self.texts.iter().any(|part| text.contains(part)))
    }
}

/// Compares the programs of one expression for one link type, except for programs that were compared before.
fn compare(
    compiler: &Compiler,
    link_type: LinkType,
    text: &str,
    seen: &mut HashSet<Programs>,
    random: &mut Random,
) -> Result<(), (Difference, String)> {
    let Some([ours, theirs, optimized]) = language::compile(compiler, text, link_type)? else { return Ok(()) };
    let programs = [ours, unrolled(&theirs), unrolled(&optimized)];
    if seen.contains(&programs) {
        return Ok(());
    }
    let outcome = language::agree(&programs, link_type, PACKETS, random).map_err(Difference::verdict);
    seen.insert(programs);
    outcome
}

/// Unrolls the loop of a program such as that of `protochain`; the last iteration drops the packet.
fn unrolled(program: &Program) -> Program {
    let instructions = program.instructions();
    let is_backward = |raw: &RawInstruction| raw.code == 0x05 && i32::try_from(raw.k).is_err();
    if !instructions.iter().any(is_backward) {
        return program.clone();
    }
    let end = "ret #0".parse::<Program>().expect("a program").instructions()[0];
    // A backward jump leads to the same place in the next copy.
    let copy = |round| {
        instructions.iter().map(move |raw| match is_backward(raw) {
            true if round + 1 == ROUNDS => end,
            true => RawInstruction { k: raw.k.wrapping_add(instructions.len() as u32), ..*raw },
            false => *raw,
        })
    };
    Program::new((0..ROUNDS).flat_map(copy).collect::<Vec<_>>())
}
