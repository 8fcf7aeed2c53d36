//! Random expressions in both compilers: ours and libpcap's reject the same ones, and the programs of the others agree.
//!
//! On a packet that is long enough for all loads, our program agrees with libpcap's unoptimised one; on a shorter one
//! with that or with the optimised one, whose loads are in another order.

use cbpf::{Dialect, LinkType, Program, Target, compile_expression};
use libtest_mimic::{Failed, Trial};

use crate::libpcap::Compiler;
use crate::oracle;
use crate::splitmix64::Random;

/// The number of expressions for each link type, and of packets for each expression.
const EXPRESSIONS: usize = 400;
const PACKETS: usize = 60;

/// The length of packets, in bytes: more than any load reaches, except by lengths inside a packet.
const LONG: usize = 1600;

/// Link types, and the primitives that only they have.
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

/// Primitives that move the following headers, which few link types support.
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

/// The number of texts of any words. What was meant by an invalid one takes most of the time.
const WORDS: usize = 5_000;

/// Words and symbols in any order are mostly invalid; the valid expressions are sound.
fn any_words() -> Result<(), Failed> {
    let own = LINK_TYPES.iter().flat_map(|(_, own)| own.iter());
    let inheriting = INHERITING.iter().flat_map(|(first, others)| others.iter().chain([first]));
    let texts = own.chain(PRIMITIVES).chain(MOVING).chain(inheriting).copied();
    let symbols =
        ["and", "or", "not", "(", ")", "-", "+", "%", "[", "]", ":", "=", "0", "4294967295", "vxlan", "\\x", "mask"];
    let words: Vec<&str> = texts.flat_map(|text| text.split(' ')).chain(symbols).collect();
    let link_types: Vec<LinkType> = LinkType::all().collect();
    let mut random = Random::new(0x776f_7264);
    for _ in 0..WORDS {
        let text: Vec<&str> = (0..1 + random.below(9)).map(|_| random.choose(&words)).collect();
        oracle::expression_is_sound(&text.join(" "), random.choose(&link_types))?;
    }
    Ok(())
}

fn check(name: &str, own: &[&str]) -> Result<(), Failed> {
    let compiler = Compiler::get().ok_or("no libpcap")?;
    let link_type: LinkType = name.parse()?;
    let mut random = Random::new(link_type.number().into());
    let mut accepted = 0;
    for _ in 0..EXPRESSIONS {
        let text = expression(own, &mut random);
        if is_known_defect(name, &text) {
            continue;
        }
        let compiled = compile(compiler, &text, link_type);
        let agreed = compiled.and_then(|programs| {
            let Some(programs) = programs else { return Ok(()) };
            accepted += 1;
            let sound = oracle::expression_is_sound(&text, link_type);
            sound.and_then(|()| agree(&programs, link_type, PACKETS, &mut random)).map_err(Difference::verdict)
        });
        agreed.map_err(|(difference, message)| format!("`{text}`: {difference:?}: {message}"))?;
    }
    if accepted < EXPRESSIONS / 20 { Err(format!("only {accepted} expressions were accepted").into()) } else { Ok(()) }
}

/// The programs of one expression: ours, libpcap's, and libpcap's optimised one.
pub type Programs = [Program; 3];

/// A difference between the compilers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Difference {
    OursRejects,
    LibpcapRejects,
    Verdict,
}

impl Difference {
    pub fn verdict(message: String) -> (Difference, String) {
        (Difference::Verdict, message)
    }
}

/// Compiles an expression with both compilers; `None` if both reject it.
pub fn compile(compiler: &Compiler, text: &str, link_type: LinkType) -> Result<Option<Programs>, (Difference, String)> {
    let theirs = compiler.compile(text, link_type.dlt(), false);
    let (ours, theirs) = match (compile_expression(text, &target(link_type)), theirs) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(_), Err(_)) => return Ok(None),
        (Err(error), Ok(_)) => return Err((Difference::OursRejects, error.to_string())),
        (Ok(_), Err(error)) => return Err((Difference::LibpcapRejects, error)),
    };
    // libpcap's optimiser rejects an expression that matches no packet.
    let optimized = compiler.compile(text, link_type.dlt(), true);
    let optimized = optimized.unwrap_or_else(|_| "ret #0".parse().expect("a program"));
    Ok(Some([ours, theirs, optimized]))
}

/// The target that libpcap has after `pcap_open_dead`: a device of this machine.
fn target(link_type: LinkType) -> Target {
    Target::new(link_type).address_families(2, 10, cfg!(target_endian = "big")).allow_reject_all(true)
}

/// Returns `true` for expressions that libpcap miscompiles, so that there is nothing to compare with.
pub fn is_known_defect(link_type: &str, text: &str) -> bool {
    let has_arithmetic = text.contains(['[', '=', '<', '>']);
    let is_tunnel = text.contains("geneve") || text.contains("pppoes");
    let atm = ["lane", "vpi", "vci", "oam", "metac", "connectmsg"];
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let lanes = text.matches("lane").count();
    let is_wlan = link_type.starts_with("IEEE802_11") || matches!(link_type, "PPI" | "PRISM_HEADER");
    // An offset and an earlier intermediate result share a scratch word: the offset is overwritten or, without the
    // tunnel, replaced by the result.
    has_arithmetic && (is_wlan || text.contains("geneve"))
        // The length of the 802.11 header replaces the offset of the tunnel's content (1.10).
        || is_tunnel && is_wlan
        // The link type in the tunnel replaces that of the packet, and an ancillary load is generated.
        || is_tunnel && (text.contains("bound") || text.contains("ifindex"))
        // Fields of ATM are loaded from the payload (1.10).
        || link_type == "SUNATM" && (is_tunnel && has(&atm) || text.contains("lane") && (has(&atm[1..]) || lanes > 1))
        // The load includes the two bytes after the field (1.10).
        || text.contains("dpc")
}

/// Compares verdicts on `packets` packets that contain constants of the programs.
pub fn agree(
    [ours, theirs, optimized]: &Programs,
    link_type: LinkType,
    packets: usize,
    random: &mut Random,
) -> Result<(), String> {
    let verify = |program: &Program| program.verify(Dialect::Pcap).map_err(|error| format!("{error}\n{program}"));
    let verified = verify(ours)?;
    let shorter = verify(&ours.optimize(Dialect::Pcap).map_err(|error| error.to_string())?)?;
    // The interpreter runs libpcap's programs: `bpf_filter` leaves scratch words uninitialised.
    let judges = [verify(theirs)?, verify(optimized)?];
    let rejects_all = verified.rejects_all();
    let mut packet = vec![0; LONG];
    for round in 0..packets {
        if round % 8 == 1 {
            packet = random.bytes(LONG);
        }
        plant(if round % 2 == 0 { theirs } else { ours }, &mut packet, random);
        if matches!(link_type.name(), Some("IEEE802_11_RADIO" | "PPI")) {
            // The third and fourth byte are the length of the first header, which must not exceed the packet.
            packet[3] = 0;
        }
        let cut = if round % 4 == 3 { random.below(100) } else { LONG };
        let data = &packet[..cut];
        let verdict = verified.interpret(data);
        if verdict != 0 && rejects_all {
            return Err(format!("`rejects_all` is true, and the verdict is {verdict} on {data:02x?}"));
        }
        let judged = judges.each_ref().map(|judge| judge.interpret(data));
        let is_right = judged[0] == verdict || cut < LONG && judged[1] == verdict;
        if !is_right || shorter.interpret(data) != verdict {
            let shorter = shorter.interpret(data);
            let message = format!("verdict {verdict}, optimised {shorter}, libpcap's {judged:?}, on {cut} bytes ");
            let hex: String = data.iter().take(80).map(|byte| format!("{byte:02x}")).collect();
            return Err(format!("{message}{hex}\n{ours}\nlibpcap:\n{theirs}"));
        }
    }
    Ok(())
}

/// Writes constants that a program tests for to the places that it loads from.
pub fn plant(program: &Program, packet: &mut [u8], random: &mut Random) {
    let mut loaded: Option<(usize, usize)> = None;
    for raw in program.instructions() {
        match raw.code & 0xe7 {
            0x20 | 0x40 => {
                let width = [4, 2, 1][usize::from(raw.code >> 3 & 3)];
                let x = if raw.code & 0x40 != 0 { random.choose(&[0, 20, 24, 40]) } else { 0 };
                loaded = Some((raw.k as usize + x, width));
            }
            0x05 if random.below(3) > 0 => {
                if let Some((at, width)) = loaded
                    && let Some(place) = packet.get_mut(at..at.saturating_add(width))
                {
                    place.copy_from_slice(&raw.k.to_be_bytes()[4 - width..]);
                }
            }
            _ => {}
        }
    }
    // Most IPv4 headers are short, and some have options.
    for at in [0, 4, 14, 16, 18, 20, 22] {
        if random.chance(25) {
            packet[at] = random.choose(&[0x45, 0x46, 0x60, 0x4f]);
        }
    }
}

/// Returns all primitives, with the given ones.
pub fn primitives(own: &[&'static str]) -> Vec<&'static str> {
    let inheriting = INHERITING.iter().map(|(first, _)| first);
    own.iter().chain(PRIMITIVES).chain(MOVING).chain(inheriting).copied().collect()
}

/// Returns a random expression of primitives, groups, negations and inherited qualifiers.
pub fn expression(own: &[&str], random: &mut Random) -> String {
    let mut text = String::new();
    let mut open = 0;
    for term in 0..1 + random.below(5) {
        if term > 0 {
            text += random.choose(&[" and ", " or ", " && ", " || "]);
        }
        while random.chance(25) {
            let is_negated = random.chance(50);
            text += if is_negated { "not " } else { "(" };
            open += usize::from(!is_negated);
        }
        match random.below(10) {
            0 => text += random.choose(MOVING),
            1 | 2 if !own.is_empty() => text += random.choose(own),
            3 | 4 => {
                let (first, others) = random.choose(INHERITING);
                text += first;
                for _ in 0..random.below(4) {
                    text += random.choose(&[" or ", " and ", " or not "]);
                    text += random.choose(others);
                }
            }
            _ => text += random.choose(PRIMITIVES),
        }
        while open > 0 && random.chance(50) {
            text += ")";
            open -= 1;
        }
    }
    text + &")".repeat(open)
}
