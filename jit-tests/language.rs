//! Random expressions, ours against libpcap's: the same ones are refused, and the programs of the others have the same
//! verdicts on packets that were made for them.
//!
//! On a packet that is long enough for all loads, ours agrees with libpcap's unoptimised code; on a shorter one with that or
//! with the optimised code, which may look at other bytes first.

use cbpf::{Dialect, LinkType, Program, Target, compile_expression};
use libtest_mimic::{Failed, Trial};

use crate::libpcap::Compiler;
use crate::oracle;
use crate::random::xorshift;

/// How many expressions are tried for each link type, and how many packets with each.
const EXPRESSIONS: usize = 400;
const PACKETS: usize = 60;

/// Longer than what any load of these expressions reaches, but for lengths that a packet states.
const LONG: usize = 1600;

/// Link types, and the primitives that make sense with them, besides those of all.
pub static LINK_TYPES: [(&str, &[&str]); 29] = [
    (
        "EN10MB",
        &[
            "ether host 1:2:3:4:5:6",
            "ether src or dst 0:0:0:0:0:1",
            "ether multicast",
            "broadcast",
            "stp",
            "ipx",
            "atalk",
            "aarp",
            "netbeui",
            "iso",
            "clnp",
            "esis",
            "llc",
            "llc s",
            "llc ui",
            "ether proto 0x42",
            "ether[0] & 1 = 0",
            "decnet src 10.15",
            "lat",
            "moprc",
        ],
    ),
    ("RAW", &[]),
    ("NULL", &[]),
    ("LOOP", &[]),
    ("LINUX_SLL", &["stp", "ipx", "atalk", "inbound", "outbound", "iso"]),
    ("LINUX_SLL2", &["inbound", "outbound", "ifindex 3"]),
    ("PPP", &["iso", "ipx", "stp", "mpls and ip"]),
    ("C_HDLC", &["iso", "clnp", "mpls 5"]),
    ("FDDI", &["ether host 1:2:3:4:5:6", "fddi multicast", "broadcast", "iso", "stp", "llc rr"]),
    ("IEEE802", &["tr host 1:2:3:4:5:6", "tr multicast", "stp", "llc i"]),
    ("IP_OVER_FC", &["ether dst 1:2:3:4:5:6", "multicast"]),
    (
        "IEEE802_11",
        &[
            "wlan src 1:2:3:4:5:6",
            "wlan addr2 1:2:3:4:5:6",
            "wlan ta 1:2:3:4:5:6",
            "type mgt",
            "type data subtype qos",
            "dir tods",
            "multicast",
            "llc",
        ],
    ),
    ("IEEE802_11_RADIO", &["wlan host 1:2:3:4:5:6", "type ctl subtype ack", "radio[2] > 8", "link[1] & 3 = 0"]),
    ("SUNATM", &["vpi 3", "vci > 5", "oam", "metac", "connectmsg", "llc", "lane and ip"]),
    ("MTP2", &["fisu", "lssu", "msu", "sio 5", "opc 100", "dpc > 300", "hsls 3", "len > 100"]),
    ("IPV4", &[]),
    ("IPV6", &[]),
    ("ENC", &[]),
    ("PPP_BSDOS", &["iso"]),
    ("PPP_SERIAL", &["iso"]),
    ("NETANALYZER", &["ether src 1:2:3:4:5:6", "stp", "ipx", "broadcast"]),
    ("SYMANTEC_FIREWALL", &["stp"]),
    ("ATM_RFC1483", &["stp", "iso", "llc ui", "atalk"]),
    ("FRELAY", &["iso", "clnp"]),
    ("IPNET", &["inbound", "outbound"]),
    ("PRISM_HEADER", &["wlan src 1:2:3:4:5:6", "type data", "multicast"]),
    ("IEEE802_11_RADIO_AVS", &["wlan dst 1:2:3:4:5:6", "dir fromds"]),
    ("PPI", &["wlan src 1:2:3:4:5:6", "llc", "multicast"]),
    ("ERF", &["opc 5", "fisu", "sls 3", "hlssu"]),
];

/// Primitives of all link types.
static PRIMITIVES: &[&str] = &[
    "ip",
    "ip6",
    "arp",
    "rarp",
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmp6",
    "igmp",
    "pim",
    "esp",
    "ah",
    "vrrp",
    "host 10.0.0.1",
    "src host 10.0.0.1",
    "dst 10.0.0.2",
    "src and dst host 10.0.0.1",
    "ip host 10.0.0.1",
    "arp host 10.0.0.2",
    "host ::1",
    "ip6 src host fe80::1",
    "ip6 dst net 2001:db8::ff00/120",
    "net 10.1",
    "net 192.168.0.0/16",
    "dst net 172.16.0.0 mask 255.240.0.0",
    "ip src net 10",
    "port 80",
    "tcp port 443",
    "udp dst port 53",
    "src port domain",
    "portrange 6000-6008",
    "tcp src portrange 10-1",
    "sctp port 5",
    "ip proto 6",
    "ip6 proto 17",
    "proto \\icmp",
    "ip proto 47",
    "less 300",
    "greater 100",
    "len != 64",
    "ip[8] < 5",
    "ip[0] & 0xf != 5",
    "ip[2:2] > 576",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "tcp[13] = 18",
    "udp[4:2] > 20",
    "icmp[icmptype] = 8",
    "ip6[6] = 58",
    "ip[ip[0] & 0xf] = 3",
    "tcp[(tcp[12] & 0xf0) >> 2] = 1",
    "ip[16] >= 224",
    "ip[9] - 1 = 5",
    "ip[2:2] - ((ip[0] & 0xf) << 2) > (tcp[12] & 0xf0) >> 2",
    "-ip[1] = 0",
    "6 % 4 + 1 = 1",
    "ip[4:2] % 7 = 3",
    "ip[6] * 3 + ip[7] / 2 = 12",
    "arp[6:2] = 1",
    "1 < 2",
];

/// Primitives that move the headers, which few link types know.
static MOVING: &[&str] = &["vlan", "vlan 3", "mpls", "mpls 7", "pppoes", "pppoes 9", "pppoed", "geneve", "geneve 4"];

/// Addresses, ports and protocols that inherit the qualifiers before them.
static INHERITING: &[(&str, &[&str])] = &[
    ("port 80", &["443", "53", "smtp"]),
    ("tcp dst port 22", &["23", "80", "(1 or 2)"]),
    ("host 10.0.0.1", &["10.0.0.2", "10.0.0.3", "::1"]),
    ("net 10.1", &["10.2", "192.168"]),
    ("ip proto 6", &["17", "1"]),
];

pub fn trials() -> Vec<Trial> {
    let is_absent = Compiler::get().is_none();
    let trial = |&(name, own): &(&'static str, &'static [&'static str])| {
        Trial::test(format!("language::{name}"), move || check(name, own)).with_ignored_flag(is_absent)
    };
    let soup = Trial::test("language::any_words", any_words);
    LINK_TYPES.iter().map(trial).chain([soup]).collect()
}

/// Words and symbols in any order, mostly no expression: what is one is sound.
fn any_words() -> Result<(), Failed> {
    let own = LINK_TYPES.iter().flat_map(|(_, own)| own.iter());
    let inheriting = INHERITING.iter().flat_map(|(first, others)| others.iter().chain([first]));
    let texts = own.chain(PRIMITIVES).chain(MOVING).chain(inheriting).copied();
    let symbols =
        ["and", "or", "not", "(", ")", "-", "+", "%", "[", "]", ":", "=", "0", "4294967295", "vxlan", "\\x", "mask"];
    let words: Vec<&str> = texts.flat_map(|text| text.split(' ')).chain(symbols).collect();
    let link_types: Vec<LinkType> = LinkType::all().collect();
    let mut state = 0x776f_7264;
    let mut below = |limit: usize| (xorshift(&mut state) >> 16) as usize % limit;
    for _ in 0..20_000 {
        let text: Vec<&str> = (0..1 + below(9)).map(|_| words[below(words.len())]).collect();
        oracle::expression_is_sound(&text.join(" "), link_types[below(link_types.len())])?;
    }
    Ok(())
}

fn check(name: &str, own: &[&str]) -> Result<(), Failed> {
    let compiler = Compiler::get().ok_or("no libpcap")?;
    let link_type: LinkType = name.parse()?;
    let target = target(link_type);
    let mut state = 0x6c61_6e67 ^ u64::from(link_type.number());
    let mut accepted = 0;
    for _ in 0..EXPRESSIONS {
        let text = expression(own, &mut state);
        if is_known_defect(name, &text) {
            continue;
        }
        let ours = compile_expression(&text, &target);
        let [theirs, optimized] = [false, true].map(|optimize| compiler.compile(&text, link_type.dlt(), optimize));
        let (ours, theirs) = match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => (ours, theirs),
            (Err(_), Err(_)) => continue,
            (Err(error), Ok(_)) => return Err(format!("`{text}`: libpcap accepts it; {error}").into()),
            (Ok(_), Err(error)) => return Err(format!("`{text}`: libpcap refuses it: {error}").into()),
        };
        accepted += 1;
        oracle::expression_is_sound(&text, link_type)?;
        let optimized = optimized.unwrap_or_else(|_| "ret #0".parse().expect("a program"));
        agree(&ours, &theirs, &optimized, &mut state).map_err(|error| format!("`{text}`: {error}"))?;
    }
    if accepted < EXPRESSIONS / 20 { Err(format!("only {accepted} expressions were accepted").into()) } else { Ok(()) }
}

/// What `pcap_open_dead` is taken for: a device of this machine.
pub fn target(link_type: LinkType) -> Target {
    Target::new(link_type).address_families(2, 10, cfg!(target_endian = "big")).allow_reject_all(true)
}

/// What libpcap gets wrong, so that there is nothing to compare with.
pub fn is_known_defect(link_type: &str, text: &str) -> bool {
    let has_arithmetic = text.contains(['[', '=', '<', '>']);
    let is_tunnel = text.contains("geneve") || text.contains("pppoes");
    let atm = ["lane", "vpi", "vci", "oam", "metac", "connectmsg"];
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let lanes = text.matches("lane").count();
    let is_wlan = link_type.starts_with("IEEE802_11") || matches!(link_type, "PPI" | "PRISM_HEADER");
    // The scratch word of an offset is also that of a number which was computed before the offset was first needed: the
    // offset is overwritten, or, in a tunnel that is not there, the number is taken for it.
    has_arithmetic && (is_wlan || text.contains("geneve"))
        // The length of the 802.11 header goes where the offset of what is in the tunnel should be (1.10).
        || is_tunnel && is_wlan
        // The link type in the tunnel is taken for that of the packet, and the kernel is asked for the rest.
        || is_tunnel && (text.contains("bound") || text.contains("ifindex"))
        // The fields of ATM are looked for in what is carried (1.10).
        || link_type == "SUNATM" && (is_tunnel && has(&atm) || text.contains("lane") && (has(&atm[1..]) || lanes > 1))
        // Two bytes behind the field are loaded as well (1.10).
        || text.contains("dpc")
}

/// Compares verdicts on packets that have what the programs look for.
fn agree(ours: &Program, theirs: &Program, optimized: &Program, state: &mut u64) -> Result<(), String> {
    let verified = ours.verify(Dialect::Pcap).map_err(|error| error.to_string())?;
    let shorter = ours.optimize(Dialect::Pcap).map_err(|error| error.to_string())?;
    let shorter = shorter.verify(Dialect::Pcap).map_err(|error| error.to_string())?;
    // Interpreted here: `bpf_filter` has anything in scratch words that were not stored.
    let judges = [theirs, optimized].map(|program| program.verify(Dialect::Pcap));
    let [Ok(unoptimized), Ok(optimized)] = judges else { return Err("libpcap's program is refused".to_owned()) };
    let rejects_all = verified.rejects_all();
    let mut packet = Vec::new();
    for round in 0..PACKETS {
        if round % 20 == 0 {
            packet = (0..LONG).map(|_| (xorshift(state) >> 20) as u8 & if round == 0 { 0 } else { 0xff }).collect();
        }
        plant(theirs, &mut packet, state);
        // A radiotap header states its length, and the packet shall be longer.
        packet[3] = 0;
        let cut = if round % 3 == 0 { (xorshift(state) >> 16) as usize % 100 } else { LONG };
        let data = &packet[..cut];
        let verdict = verified.interpret(data);
        let judged = [&unoptimized, &optimized].map(|program| program.interpret(data));
        if verdict != 0 && rejects_all {
            return Err(format!("it says that it rejects all packets, and not {data:02x?}"));
        }
        let is_right = judged[0] == verdict || cut < LONG && judged[1] == verdict;
        if !is_right || shorter.interpret(data) != verdict {
            let hex: String = data.iter().take(80).map(|byte| format!("{byte:02x}")).collect();
            return Err(format!(
                "verdict {verdict}, optimized {}, libpcap's {judged:?}, on {cut} bytes {hex}\n{ours}\nlibpcap:\n{theirs}",
                shorter.interpret(data)
            ));
        }
    }
    Ok(())
}

/// Writes constants that a program tests for to where it loads from.
pub fn plant(program: &Program, packet: &mut [u8], state: &mut u64) {
    let mut below = |limit: usize| (xorshift(state) >> 16) as usize % limit;
    let instructions = program.instructions();
    let mut loaded: Option<(usize, usize)> = None;
    for raw in instructions {
        match raw.code & 0xe7 {
            0x20 | 0x40 => {
                let width = [4, 2, 1][usize::from(raw.code >> 3 & 3)];
                let ahead = if raw.code & 0x40 != 0 { [0, 20, 24, 40][below(4)] } else { 0 };
                loaded = Some((raw.k as usize + ahead, width));
            }
            0x05 if below(3) > 0 => {
                if let Some((at, width)) = loaded
                    && let Some(place) = packet.get_mut(at..at.saturating_add(width))
                {
                    place.copy_from_slice(&raw.k.to_be_bytes()[4 - width..]);
                }
            }
            _ => {}
        }
    }
    // IPv4 headers are mostly short, and some have options.
    for at in [0, 4, 14, 16, 18, 20, 22] {
        if below(4) == 0 {
            packet[at] = [0x45, 0x46, 0x60, 0x4f][below(4)];
        }
    }
}

/// A random expression of primitives, groups, negations and inherited qualifiers.
pub fn expression(own: &[&str], state: &mut u64) -> String {
    let mut below = |limit: usize| (xorshift(state) >> 16) as usize % limit;
    let mut text = String::new();
    let mut open = 0;
    for term in 0..1 + below(5) {
        if term > 0 {
            text += [" and ", " or ", " && ", " || "][below(4)];
        }
        while below(4) == 0 {
            let negated = below(2) == 0;
            text += if negated { "not " } else { "(" };
            open += usize::from(!negated);
        }
        match below(10) {
            0 => text += MOVING[below(MOVING.len())],
            1 | 2 if !own.is_empty() => text += own[below(own.len())],
            3 | 4 => {
                let (first, others) = INHERITING[below(INHERITING.len())];
                text += first;
                for _ in 0..below(4) {
                    text += [" or ", " and ", " or not "][below(3)];
                    text += others[below(others.len())];
                }
            }
            _ => text += PRIMITIVES[below(PRIMITIVES.len())],
        }
        while open > 0 && below(2) == 0 {
            text += ")";
            open -= 1;
        }
    }
    text + &")".repeat(open)
}
