//! The table of keywords, one row a spelling.

use crate::lang::tree::{Direction, Kind};
use crate::lang::words::{AtmField, AtmName, Mtp2, Mtp3Field, Mtp3Name, Protocol, Word};

/// Returns the keyword with this spelling.
pub(super) fn keyword(text: &str) -> Option<Word> {
    TABLE.binary_search_by(|(spelling, _)| (*spelling).cmp(text)).ok().map(|index| TABLE[index].1)
}

/// Returns all keywords of the language in alphabetical order, for completion and documentation. Many have several
/// spellings; names of numbers such as `tcp-syn` are keywords, too.
///
/// ```
/// assert!(cbpf::lang::keywords().any(|keyword| keyword == "portrange"));
/// ```
pub fn spellings() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(spelling, _)| *spelling)
}

/// Returns the spelling that a keyword is printed with: the preferred one, or the first in the table.
pub(super) fn spelling(word: Word) -> &'static str {
    let preferred = PREFERRED.iter().find(|(_, other)| *other == word);
    preferred.or_else(|| TABLE.iter().find(|(_, other)| *other == word)).map_or("", |(spelling, _)| spelling)
}

/// Returns the names of numbers that begin with a prefix, without the prefix.
pub(super) fn numbers(prefix: &str) -> impl Iterator<Item = (&'static str, u32)> {
    TABLE.iter().filter_map(move |&(spelling, word)| match word {
        Word::Number(number) => Some((spelling.strip_prefix(prefix)?, number)),
        _ => None,
    })
}

/// Returns the keyword that is one typing error away from `text`.
pub(super) fn near(text: &str) -> Option<&'static str> {
    let spellings = || TABLE.iter().filter(|(_, word)| !matches!(word, Word::Number(_))).map(|(spelling, _)| *spelling);
    let lower = text.to_ascii_lowercase();
    spellings().find(|spelling| *spelling == lower).or_else(|| nearest(text, spellings()))
}

/// Returns the name that is one typing error away from `text`; short texts are too ambiguous to guess.
pub(super) fn nearest(text: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let near = names.filter_map(|name| Some((distance(text, name)?, name)));
    // The first letter is rarely wrong.
    near.min_by_key(|(distance, name)| (name.as_bytes()[0] != text.as_bytes()[0], *distance)).map(|(_, name)| name)
}

/// Returns the weight of the typing error between a text and a name: 0 if two letters were swapped, a letter was typed
/// once instead of twice or the other way round, or the last one was omitted; 1 if another was added or omitted, and 2
/// if one was replaced. `None` if it takes more than one error, or the text is too short to guess.
pub(super) fn distance(text: &str, name: &str) -> Option<u8> {
    let (text, name) = (text.as_bytes(), name.as_bytes());
    let same = text.iter().zip(name).take_while(|(a, b)| a == b).count();
    let last = same.checked_sub(1).map(|last| text[last]);
    let doubled = |letter: u8| if last == Some(letter) { 0 } else { 1 };
    if text.len() < 3 {
        return None;
    }
    match (&text[same..], &name[same..]) {
        ([], []) => None,
        ([], [_]) => Some(0),
        ([a, b, text @ ..], [c, d, name @ ..]) if a == d && b == c && text == name => Some(0),
        ([added, text @ ..], name) if text == name => Some(doubled(*added)),
        (text, [omitted, name @ ..]) if text == name => Some(doubled(*omitted)),
        ([_, text @ ..], [_, name @ ..]) if text == name => Some(2),
        _ => None,
    }
}

const fn mtp3(name: Mtp3Name, is_high_speed: bool) -> Word {
    Word::Mtp3Field(Mtp3Field { name, is_high_speed })
}

/// The preferred spellings of keywords that have several.
static PREFERRED: [(&str, Word); 4] = [
    ("ether", Word::Protocol(Protocol::Link)),
    ("esis", Word::Protocol(Protocol::Esis)),
    ("isis", Word::Protocol(Protocol::Isis)),
    ("lssu", Word::Mtp2(Mtp2::Lssu)),
];

/// All keywords, sorted by spelling.
#[rustfmt::skip]
static TABLE: &[(&str, Word)] = &[
    ("aarp",                            Word::Protocol(Protocol::Aarp)),
    ("action",                          Word::PfAction),
    ("addr1",                           Word::Direction(Direction::Address1)),
    ("addr2",                           Word::Direction(Direction::Address2)),
    ("addr3",                           Word::Direction(Direction::Address3)),
    ("addr4",                           Word::Direction(Direction::Address4)),
    ("address1",                        Word::Direction(Direction::Address1)),
    ("address2",                        Word::Direction(Direction::Address2)),
    ("address3",                        Word::Direction(Direction::Address3)),
    ("address4",                        Word::Direction(Direction::Address4)),
    ("ah",                              Word::Protocol(Protocol::Ah)),
    ("and",                             Word::And),
    ("arp",                             Word::Protocol(Protocol::Arp)),
    ("atalk",                           Word::Protocol(Protocol::Atalk)),
    ("batadv",                          Word::Batadv),
    ("bcc",                             Word::Atm(AtmName::Broadcast)),
    ("broadcast",                       Word::Broadcast),
    ("byte",                            Word::Byte),
    ("carp",                            Word::Protocol(Protocol::Carp)),
    ("clnp",                            Word::Protocol(Protocol::Clnp)),
    ("connectmsg",                      Word::Atm(AtmName::Connect)),
    ("csnp",                            Word::Protocol(Protocol::IsisCsnp)),
    ("decnet",                          Word::Protocol(Protocol::Decnet)),
    ("dir",                             Word::WlanDirection),
    ("direction",                       Word::WlanDirection),
    ("dpc",                             mtp3(Mtp3Name::Dpc, false)),
    ("dst",                             Word::Direction(Direction::Destination)),
    ("es-is",                           Word::Protocol(Protocol::Esis)),
    ("esis",                            Word::Protocol(Protocol::Esis)),
    ("esp",                             Word::Protocol(Protocol::Esp)),
    ("ether",                           Word::Protocol(Protocol::Link)),
    ("fddi",                            Word::Protocol(Protocol::Link)),
    ("fisu",                            Word::Mtp2(Mtp2::Fisu)),
    ("gateway",                         Word::Kind(Kind::Gateway)),
    ("geneve",                          Word::Geneve),
    ("greater",                         Word::Greater),
    ("hdpc",                            mtp3(Mtp3Name::Dpc, true)),
    ("hfisu",                           Word::Mtp2(Mtp2::HighSpeedFisu)),
    ("hlssu",                           Word::Mtp2(Mtp2::HighSpeedLssu)),
    ("hmsu",                            Word::Mtp2(Mtp2::HighSpeedMsu)),
    ("hopc",                            mtp3(Mtp3Name::Opc, true)),
    ("host",                            Word::Kind(Kind::Host)),
    ("hsio",                            mtp3(Mtp3Name::Sio, true)),
    ("hsls",                            mtp3(Mtp3Name::Sls, true)),
    ("icmp",                            Word::Protocol(Protocol::Icmp)),
    ("icmp-echo",                       Word::Number(8)),
    ("icmp-echoreply",                  Word::Number(0)),
    ("icmp-ireq",                       Word::Number(15)),
    ("icmp-ireqreply",                  Word::Number(16)),
    ("icmp-maskreply",                  Word::Number(18)),
    ("icmp-maskreq",                    Word::Number(17)),
    ("icmp-paramprob",                  Word::Number(12)),
    ("icmp-redirect",                   Word::Number(5)),
    ("icmp-routeradvert",               Word::Number(9)),
    ("icmp-routersolicit",              Word::Number(10)),
    ("icmp-sourcequench",               Word::Number(4)),
    ("icmp-timxceed",                   Word::Number(11)),
    ("icmp-tstamp",                     Word::Number(13)),
    ("icmp-tstampreply",                Word::Number(14)),
    ("icmp-unreach",                    Word::Number(3)),
    ("icmp6",                           Word::Protocol(Protocol::Icmp6)),
    ("icmp6-certpathadvert",            Word::Number(149)),
    ("icmp6-certpathsolicit",           Word::Number(148)),
    ("icmp6-destinationunreach",        Word::Number(1)),
    ("icmp6-echo",                      Word::Number(128)),
    ("icmp6-echoreply",                 Word::Number(129)),
    ("icmp6-homeagentdiscoveryreply",   Word::Number(145)),
    ("icmp6-homeagentdiscoveryrequest", Word::Number(144)),
    ("icmp6-ineighbordiscoveryadvert",  Word::Number(142)),
    ("icmp6-ineighbordiscoverysolicit", Word::Number(141)),
    ("icmp6-mobileprefixadvert",        Word::Number(147)),
    ("icmp6-mobileprefixsolicit",       Word::Number(146)),
    ("icmp6-multicastlistenerdone",     Word::Number(132)),
    ("icmp6-multicastlistenerquery",    Word::Number(130)),
    ("icmp6-multicastlistenerreportv1", Word::Number(131)),
    ("icmp6-multicastlistenerreportv2", Word::Number(143)),
    ("icmp6-multicastrouteradvert",     Word::Number(151)),
    ("icmp6-multicastroutersolicit",    Word::Number(152)),
    ("icmp6-multicastrouterterm",       Word::Number(153)),
    ("icmp6-neighboradvert",            Word::Number(136)),
    ("icmp6-neighborsolicit",           Word::Number(135)),
    ("icmp6-nodeinformationquery",      Word::Number(139)),
    ("icmp6-nodeinformationresponse",   Word::Number(140)),
    ("icmp6-packettoobig",              Word::Number(2)),
    ("icmp6-parameterproblem",          Word::Number(4)),
    ("icmp6-redirect",                  Word::Number(137)),
    ("icmp6-routeradvert",              Word::Number(134)),
    ("icmp6-routerrenum",               Word::Number(138)),
    ("icmp6-routersolicit",             Word::Number(133)),
    ("icmp6-timeexceeded",              Word::Number(3)),
    ("icmp6code",                       Word::Number(1)),
    ("icmp6type",                       Word::Number(0)),
    ("icmpcode",                        Word::Number(1)),
    ("icmptype",                        Word::Number(0)),
    ("ifindex",                         Word::InterfaceIndex),
    ("ifname",                          Word::PfInterfaceName),
    ("igmp",                            Word::Protocol(Protocol::Igmp)),
    ("igrp",                            Word::Protocol(Protocol::Igrp)),
    ("iih",                             Word::Protocol(Protocol::IsisIih)),
    ("ilmic",                           Word::Atm(AtmName::Ilmi)),
    ("inbound",                         Word::Inbound),
    ("ip",                              Word::Protocol(Protocol::Ip)),
    ("ip6",                             Word::Protocol(Protocol::Ip6)),
    ("ipx",                             Word::Protocol(Protocol::Ipx)),
    ("is-is",                           Word::Protocol(Protocol::Isis)),
    ("isis",                            Word::Protocol(Protocol::Isis)),
    ("iso",                             Word::Protocol(Protocol::Iso)),
    ("l1",                              Word::Protocol(Protocol::IsisL1)),
    ("l2",                              Word::Protocol(Protocol::IsisL2)),
    ("lane",                            Word::Atm(AtmName::Lane)),
    ("lat",                             Word::Protocol(Protocol::Lat)),
    ("len",                             Word::Length),
    ("length",                          Word::Length),
    ("less",                            Word::Less),
    ("link",                            Word::Protocol(Protocol::Link)),
    ("llc",                             Word::Llc),
    ("lsp",                             Word::Protocol(Protocol::IsisLsp)),
    ("lssu",                            Word::Mtp2(Mtp2::Lssu)),
    ("lsu",                             Word::Mtp2(Mtp2::Lssu)),
    ("mask",                            Word::Mask),
    ("metac",                           Word::Atm(AtmName::MetaSignalling)),
    ("metaconnect",                     Word::Atm(AtmName::MetaConnect)),
    ("mopdl",                           Word::Protocol(Protocol::Mopdl)),
    ("moprc",                           Word::Protocol(Protocol::Moprc)),
    ("mpls",                            Word::Mpls),
    ("msu",                             Word::Mtp2(Mtp2::Msu)),
    ("multicast",                       Word::Multicast),
    ("net",                             Word::Kind(Kind::Net)),
    ("netbeui",                         Word::Protocol(Protocol::Netbeui)),
    ("not",                             Word::Not),
    ("oam",                             Word::Atm(AtmName::Oam)),
    ("oamf4",                           Word::Atm(AtmName::OamF4)),
    ("oamf4ec",                         Word::Atm(AtmName::OamF4EndToEnd)),
    ("oamf4sc",                         Word::Atm(AtmName::OamF4Segment)),
    ("on",                              Word::PfInterfaceName),
    ("opc",                             mtp3(Mtp3Name::Opc, false)),
    ("or",                              Word::Or),
    ("outbound",                        Word::Outbound),
    ("pim",                             Word::Protocol(Protocol::Pim)),
    ("port",                            Word::Kind(Kind::Port)),
    ("portrange",                       Word::Kind(Kind::PortRange)),
    ("ppp",                             Word::Protocol(Protocol::Link)),
    ("pppoed",                          Word::PppoeDiscovery),
    ("pppoes",                          Word::PppoeSession),
    ("proto",                           Word::Kind(Kind::Protocol)),
    ("protochain",                      Word::Kind(Kind::ProtocolChain)),
    ("psnp",                            Word::Protocol(Protocol::IsisPsnp)),
    ("ra",                              Word::Direction(Direction::Receiver)),
    ("radio",                           Word::Protocol(Protocol::Radio)),
    ("rarp",                            Word::Protocol(Protocol::Rarp)),
    ("reason",                          Word::PfReason),
    ("rnr",                             Word::PfRuleNumber),
    ("rset",                            Word::PfRuleSet),
    ("rulenum",                         Word::PfRuleNumber),
    ("ruleset",                         Word::PfRuleSet),
    ("sc",                              Word::Atm(AtmName::Signalling)),
    ("sca",                             Word::Protocol(Protocol::Sca)),
    ("sctp",                            Word::Protocol(Protocol::Sctp)),
    ("sio",                             mtp3(Mtp3Name::Sio, false)),
    ("slip",                            Word::Protocol(Protocol::Link)),
    ("sls",                             mtp3(Mtp3Name::Sls, false)),
    ("snp",                             Word::Protocol(Protocol::IsisSnp)),
    ("src",                             Word::Direction(Direction::Source)),
    ("srnr",                            Word::PfSubruleNumber),
    ("stp",                             Word::Protocol(Protocol::Stp)),
    ("subrulenum",                      Word::PfSubruleNumber),
    ("subtype",                         Word::WlanSubtype),
    ("ta",                              Word::Direction(Direction::Transmitter)),
    ("tcp",                             Word::Protocol(Protocol::Tcp)),
    ("tcp-ack",                         Word::Number(16)),
    ("tcp-cwr",                         Word::Number(128)),
    ("tcp-ece",                         Word::Number(64)),
    ("tcp-fin",                         Word::Number(1)),
    ("tcp-push",                        Word::Number(8)),
    ("tcp-rst",                         Word::Number(4)),
    ("tcp-syn",                         Word::Number(2)),
    ("tcp-urg",                         Word::Number(32)),
    ("tcpflags",                        Word::Number(13)),
    ("tr",                              Word::Protocol(Protocol::Link)),
    ("type",                            Word::WlanType),
    ("udp",                             Word::Protocol(Protocol::Udp)),
    ("vci",                             Word::AtmField(AtmField::Vci)),
    ("vlan",                            Word::Vlan),
    ("vpi",                             Word::AtmField(AtmField::Vpi)),
    ("vrrp",                            Word::Protocol(Protocol::Vrrp)),
    ("vxlan",                           Word::Vxlan),
    ("wlan",                            Word::Protocol(Protocol::Link)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (spelled, word) in TABLE {
            assert_eq!(keyword(spelled), Some(*word));
            assert_eq!(keyword(spelling(*word)), Some(*word));
        }
    }

    #[test]
    fn suggests_a_keyword_one_typing_error_away() {
        assert_eq!(near("tpc"), Some("tcp"));
        assert_eq!(near("TCP"), Some("tcp"));
        assert_eq!(near("hots"), Some("host"));
        assert_eq!(near("prot"), Some("port"));
        assert_eq!(near("multicas"), Some("multicast"));
        assert_eq!(near("portt"), Some("port"));
        assert_eq!(near("somewhere"), None);
        assert_eq!(near("ix"), None);
    }
}
