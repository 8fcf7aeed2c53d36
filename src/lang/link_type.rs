//! Link types: their numbers and names.
//!
//! One protocol has two numbers: the one in capture files (`LINKTYPE_*`) and the one in libpcap's interface (`DLT_*`), which
//! differ for a few old types: raw IP is 101 in a file, and 12 in the interface on most systems. A [`LinkType`] is the number
//! of the file. What the headers look like stands in `layers.rs`.
//!
//! Source: <https://www.tcpdump.org/linktypes.html>.

use std::fmt;
use std::str::FromStr;

/// What the first header of a packet is: the `LINKTYPE_*` number of a capture.
///
/// ```
/// use cbpf::LinkType;
/// assert_eq!("RAW".parse(), Ok(LinkType::RAW));
/// assert_eq!((LinkType::RAW.number(), LinkType::RAW.dlt()), (101, 12));
/// assert_eq!(LinkType::from_dlt(12), LinkType::RAW);
/// assert_eq!(LinkType::ETHERNET.to_string(), "EN10MB");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(u32);

impl LinkType {
    /// Ethernet.
    pub const ETHERNET: LinkType = LinkType(1);
    /// An IPv4 or IPv6 packet without a link-layer header.
    pub const RAW: LinkType = LinkType(101);
    /// BSD loopback: the address family in the byte order of the machine, then the packet.
    pub const NULL: LinkType = LinkType(0);
    /// OpenBSD loopback: the address family in network byte order, then the packet.
    pub const LOOP: LinkType = LinkType(108);
    /// PPP.
    pub const PPP: LinkType = LinkType(9);
    /// IEEE 802.11 wireless LAN.
    pub const IEEE802_11: LinkType = LinkType(105);
    /// IEEE 802.11 behind a radiotap header.
    pub const IEEE802_11_RADIOTAP: LinkType = LinkType(127);
    /// Linux cooked capture, version 1: from the `any` device.
    pub const LINUX_SLL: LinkType = LinkType(113);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: LinkType = LinkType(276);
    /// OpenBSD's pflog.
    pub const PFLOG: LinkType = LinkType(117);
    /// An IPv4 packet without a link-layer header.
    pub const IPV4: LinkType = LinkType(228);
    /// An IPv6 packet without a link-layer header.
    pub const IPV6: LinkType = LinkType(229);

    /// The type with this number in a capture file.
    pub const fn new(number: u32) -> LinkType {
        LinkType(match number {
            // Files of systems on which the interface's number of raw IP is this one.
            12 | 14 => 101,
            number => number,
        })
    }

    /// The type with this number in libpcap's interface.
    pub fn from_dlt(dlt: u32) -> LinkType {
        LinkType(TABLE.iter().find(|row| row.dlt == dlt).map_or(dlt, |row| row.number))
    }

    /// The number in a capture file (`LINKTYPE_*`).
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The number in libpcap's interface (`DLT_*`).
    pub fn dlt(self) -> u32 {
        self.row().map_or(self.0, |row| row.dlt)
    }

    /// Its name, as `tcpdump -y` takes it: `EN10MB`, `LINUX_SLL`, ...
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// What it is: `Ethernet`, `Linux cooked v1`, ...
    pub fn description(self) -> Option<&'static str> {
        self.row().map(|row| row.description)
    }

    /// All types that have a name, by number.
    pub fn all() -> impl Iterator<Item = LinkType> + Clone {
        TABLE.iter().map(|row| LinkType(row.number))
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.binary_search_by_key(&self.0, |row| row.number).ok().map(|place| &TABLE[place])
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&self.0.to_string()),
        }
    }
}

/// The error of parsing a [`LinkType`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLinkType(String);

impl fmt::Display for UnknownLinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown link type `{}`: expected a name such as EN10MB or RAW, or a number of a capture file",
            self.0
        )
    }
}

impl std::error::Error for UnknownLinkType {}

/// A name in any case, with or without `DLT_` or `LINKTYPE_`, or a number of a capture file.
impl FromStr for LinkType {
    type Err = UnknownLinkType;

    fn from_str(text: &str) -> Result<LinkType, UnknownLinkType> {
        if let Ok(number) = text.parse() {
            return Ok(LinkType::new(number));
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("DLT_").or_else(|| upper.strip_prefix("LINKTYPE_")).unwrap_or(&upper);
        let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |&(_, name)| name);
        let row = TABLE.iter().find(|row| row.name == name).ok_or_else(|| UnknownLinkType(text.to_owned()))?;
        Ok(LinkType(row.number))
    }
}

/// One link type: its number in files, its number in libpcap's interface, its name and what it is.
struct Row {
    number: u32,
    dlt: u32,
    name: &'static str,
    description: &'static str,
}

const fn row(number: u32, dlt: u32, name: &'static str, description: &'static str) -> Row {
    Row { number, dlt, name, description }
}

/// Names of files (`LINKTYPE_*`) that are not those of the interface, and older names.
static ALIASES: [(&str, &str); 15] = [
    ("ETHERNET", "EN10MB"),
    ("EXP_ETHERNET", "EN3MB"),
    ("CHDLC", "C_HDLC"),
    ("NETBSD_HDLC", "HDLC"),
    ("PPP_WITH_DIRECTION", "PPP_PPPD"),
    ("LINUX_PPP_WITHDIRECTION", "PPP_PPPD"),
    ("IEEE802_15_4_WITHFCS", "IEEE802_15_4"),
    ("IPMB_LINUX", "I2C_LINUX"),
    ("IEEE802_5", "IEEE802"),
    ("ARCNET_BSD", "ARCNET"),
    ("PPP_HDLC", "PPP_SERIAL"),
    ("IEEE802_11_RADIOTAP", "IEEE802_11_RADIO"),
    ("IEEE802_11_PRISM", "PRISM_HEADER"),
    ("IEEE802_11_AVS", "IEEE802_11_RADIO_AVS"),
    ("USB_LINUX_PADDED", "USB_LINUX_MMAPPED"),
];

/// Every link type with a name, by number.
#[rustfmt::skip]
static TABLE: &[Row] = &[
    row(  0,   0, "NULL",                       "BSD loopback"),
    row(  1,   1, "EN10MB",                     "Ethernet"),
    row(  2,   2, "EN3MB",                      "Experimental Ethernet"),
    row(  3,   3, "AX25",                       "AX.25 layer 2"),
    row(  4,   4, "PRONET",                     "Proteon ProNET Token Ring"),
    row(  5,   5, "CHAOS",                      "MIT Chaosnet"),
    row(  6,   6, "IEEE802",                    "Token ring"),
    row(  7,   7, "ARCNET",                     "BSD ARCNET"),
    row(  8,   8, "SLIP",                       "SLIP"),
    row(  9,   9, "PPP",                        "PPP"),
    row( 10,  10, "FDDI",                       "FDDI"),
    row( 32,  32, "REDBACK_SMARTEDGE",          "Redback SmartEdge"),
    row( 50,  50, "PPP_SERIAL",                 "PPP over serial"),
    row( 51,  51, "PPP_ETHER",                  "PPPoE"),
    row( 99,  99, "SYMANTEC_FIREWALL",          "Symantec Firewall"),
    row(100,  11, "ATM_RFC1483",                "RFC 1483 LLC-encapsulated ATM"),
    row(101,  12, "RAW",                        "Raw IP"),
    row(102,  15, "SLIP_BSDOS",                 "BSD/OS SLIP"),
    row(103,  16, "PPP_BSDOS",                  "BSD/OS PPP"),
    row(104, 104, "C_HDLC",                     "Cisco HDLC"),
    row(105, 105, "IEEE802_11",                 "802.11"),
    row(106,  19, "ATM_CLIP",                   "Linux Classical IP over ATM"),
    row(107, 107, "FRELAY",                     "Frame Relay"),
    row(108, 108, "LOOP",                       "OpenBSD loopback"),
    row(109, 109, "ENC",                        "OpenBSD encapsulated IP"),
    row(112, 112, "HDLC",                       "NetBSD (Cisco) HDLC"),
    row(113, 113, "LINUX_SLL",                  "Linux cooked v1"),
    row(114, 114, "LTALK",                      "Localtalk"),
    row(117, 117, "PFLOG",                      "OpenBSD pflog file"),
    row(119, 119, "PRISM_HEADER",               "802.11 plus Prism header"),
    row(122, 122, "IP_OVER_FC",                 "RFC 2625 IP-over-Fibre Channel"),
    row(123, 123, "SUNATM",                     "Sun raw ATM"),
    row(127, 127, "IEEE802_11_RADIO",           "802.11 plus radiotap header"),
    row(129, 129, "ARCNET_LINUX",               "Linux ARCNET"),
    row(130, 130, "JUNIPER_MLPPP",              "Juniper Multi-Link PPP"),
    row(131, 131, "JUNIPER_MLFR",               "Juniper Multi-Link Frame Relay"),
    row(132, 132, "JUNIPER_ES",                 "Juniper Encryption Services PIC"),
    row(133, 133, "JUNIPER_GGSN",               "Juniper GGSN PIC"),
    row(134, 134, "JUNIPER_MFR",                "Juniper FRF.16 Frame Relay"),
    row(135, 135, "JUNIPER_ATM2",               "Juniper ATM2 PIC"),
    row(136, 136, "JUNIPER_SERVICES",           "Juniper Advanced Services PIC"),
    row(137, 137, "JUNIPER_ATM1",               "Juniper ATM1 PIC"),
    row(138, 138, "APPLE_IP_OVER_IEEE1394",     "Apple IP-over-IEEE 1394"),
    row(139, 139, "MTP2_WITH_PHDR",             "SS7 MTP2 with Pseudo-header"),
    row(140, 140, "MTP2",                       "SS7 MTP2"),
    row(141, 141, "MTP3",                       "SS7 MTP3"),
    row(142, 142, "SCCP",                       "SS7 SCCP"),
    row(143, 143, "DOCSIS",                     "DOCSIS"),
    row(144, 144, "LINUX_IRDA",                 "Linux IrDA"),
    row(145, 145, "IBM_SP",                     "IBM SP switch"),
    row(146, 146, "IBM_SN",                     "IBM Next Federation switch"),
    row(147, 147, "USER0",                      "Private use 0"),
    row(148, 148, "USER1",                      "Private use 1"),
    row(149, 149, "USER2",                      "Private use 2"),
    row(150, 150, "USER3",                      "Private use 3"),
    row(151, 151, "USER4",                      "Private use 4"),
    row(152, 152, "USER5",                      "Private use 5"),
    row(153, 153, "USER6",                      "Private use 6"),
    row(154, 154, "USER7",                      "Private use 7"),
    row(155, 155, "USER8",                      "Private use 8"),
    row(156, 156, "USER9",                      "Private use 9"),
    row(157, 157, "USER10",                     "Private use 10"),
    row(158, 158, "USER11",                     "Private use 11"),
    row(159, 159, "USER12",                     "Private use 12"),
    row(160, 160, "USER13",                     "Private use 13"),
    row(161, 161, "USER14",                     "Private use 14"),
    row(162, 162, "USER15",                     "Private use 15"),
    row(163, 163, "IEEE802_11_RADIO_AVS",       "802.11 plus AVS radio information header"),
    row(164, 164, "JUNIPER_MONITOR",            "Juniper Passive Monitor PIC"),
    row(165, 165, "BACNET_MS_TP",               "BACnet MS/TP"),
    row(166, 166, "PPP_PPPD",                   "PPP for pppd, with direction flag"),
    row(167, 167, "JUNIPER_PPPOE",              "Juniper PPPoE"),
    row(168, 168, "JUNIPER_PPPOE_ATM",          "Juniper PPPoE/ATM"),
    row(169, 169, "GPRS_LLC",                   "GPRS LLC"),
    row(170, 170, "GPF_T",                      "GPF-T"),
    row(171, 171, "GPF_F",                      "GPF-F"),
    row(172, 172, "GCOM_T1E1",                  "Gcom T1/E1 line monitoring"),
    row(173, 173, "GCOM_SERIAL",                "Gcom serial line monitoring"),
    row(174, 174, "JUNIPER_PIC_PEER",           "Juniper PIC Peer"),
    row(175, 175, "ERF_ETH",                    "Ethernet with Endace ERF header"),
    row(176, 176, "ERF_POS",                    "Packet-over-SONET with Endace ERF header"),
    row(177, 177, "LINUX_LAPD",                 "Linux vISDN LAPD"),
    row(178, 178, "JUNIPER_ETHER",              "Juniper Ethernet"),
    row(179, 179, "JUNIPER_PPP",                "Juniper PPP"),
    row(180, 180, "JUNIPER_FRELAY",             "Juniper Frame Relay"),
    row(181, 181, "JUNIPER_CHDLC",              "Juniper C-HDLC"),
    row(182, 182, "MFR",                        "FRF.16 Frame Relay"),
    row(183, 183, "JUNIPER_VP",                 "Juniper Voice PIC"),
    row(184, 184, "A429",                       "Arinc 429"),
    row(185, 185, "A653_ICM",                   "Arinc 653 Interpartition Communication"),
    row(186, 186, "USB_FREEBSD",                "USB with FreeBSD header"),
    row(187, 187, "BLUETOOTH_HCI_H4",           "Bluetooth HCI UART transport layer"),
    row(188, 188, "IEEE802_16_MAC_CPS",         "IEEE 802.16 MAC Common Part Sublayer"),
    row(189, 189, "USB_LINUX",                  "USB with Linux header"),
    row(190, 190, "CAN20B",                     "Controller Area Network (CAN) v. 2.0B"),
    row(191, 191, "IEEE802_15_4_LINUX",         "IEEE 802.15.4 with Linux padding"),
    row(192, 192, "PPI",                        "Per-Packet Information"),
    row(193, 193, "IEEE802_16_MAC_CPS_RADIO",   "IEEE 802.16 MAC Common Part Sublayer plus radiotap header"),
    row(194, 194, "JUNIPER_ISM",                "Juniper Integrated Service Module"),
    row(195, 195, "IEEE802_15_4",               "IEEE 802.15.4 with FCS"),
    row(196, 196, "SITA",                       "SITA pseudo-header"),
    row(197, 197, "ERF",                        "Endace ERF header"),
    row(198, 198, "RAIF1",                      "Ethernet with u10 Networks pseudo-header"),
    row(199, 199, "IPMB_KONTRON",               "IPMB with Kontron pseudo-header"),
    row(200, 200, "JUNIPER_ST",                 "Juniper Secure Tunnel"),
    row(201, 201, "BLUETOOTH_HCI_H4_WITH_PHDR", "Bluetooth HCI UART transport layer plus pseudo-header"),
    row(202, 202, "AX25_KISS",                  "AX.25 with KISS header"),
    row(203, 203, "LAPD",                       "Q.921 LAPD"),
    row(204, 204, "PPP_WITH_DIR",               "PPP with direction"),
    row(205, 205, "C_HDLC_WITH_DIR",            "Cisco HDLC with direction"),
    row(206, 206, "FRELAY_WITH_DIR",            "Frame Relay with direction"),
    row(207, 207, "LAPB_WITH_DIR",              "LAPB with direction"),
    row(209, 209, "I2C_LINUX",                  "I2C with Linux/Pigeon Point pseudo-header"),
    row(210, 210, "FLEXRAY",                    "FlexRay"),
    row(211, 211, "MOST",                       "Media Oriented Systems Transport"),
    row(212, 212, "LIN",                        "Local Interconnect Network"),
    row(213, 213, "X2E_SERIAL",                 "X2E serial line"),
    row(214, 214, "X2E_XORAYA",                 "X2E Xoraya"),
    row(215, 215, "IEEE802_15_4_NONASK_PHY",    "IEEE 802.15.4 with non-ASK PHY data"),
    row(216, 216, "LINUX_EVDEV",                "Linux evdev events"),
    row(217, 217, "GSMTAP_UM",                  "GSM Um interface"),
    row(218, 218, "GSMTAP_ABIS",                "GSM Abis interface"),
    row(219, 219, "MPLS",                       "MPLS with label as link-layer header"),
    row(220, 220, "USB_LINUX_MMAPPED",          "USB with padded Linux header"),
    row(221, 221, "DECT",                       "DECT"),
    row(222, 222, "AOS",                        "AOS Space Data Link protocol"),
    row(223, 223, "WIHART",                     "Wireless HART"),
    row(224, 224, "FC_2",                       "Fibre Channel FC-2"),
    row(225, 225, "FC_2_WITH_FRAME_DELIMS",     "Fibre Channel FC-2 with frame delimiters"),
    row(226, 226, "IPNET",                      "Solaris ipnet"),
    row(227, 227, "CAN_SOCKETCAN",              "CAN-bus with SocketCAN headers"),
    row(228, 228, "IPV4",                       "Raw IPv4"),
    row(229, 229, "IPV6",                       "Raw IPv6"),
    row(230, 230, "IEEE802_15_4_NOFCS",         "IEEE 802.15.4 without FCS"),
    row(231, 231, "DBUS",                       "D-Bus"),
    row(232, 232, "JUNIPER_VS",                 "Juniper Virtual Server"),
    row(233, 233, "JUNIPER_SRX_E2E",            "Juniper SRX E2E"),
    row(234, 234, "JUNIPER_FIBRECHANNEL",       "Juniper Fibre Channel"),
    row(235, 235, "DVB_CI",                     "DVB-CI"),
    row(236, 236, "MUX27010",                   "MUX27010"),
    row(237, 237, "STANAG_5066_D_PDU",          "STANAG 5066 D_PDUs"),
    row(238, 238, "JUNIPER_ATM_CEMIC",          "Juniper ATM CEMIC"),
    row(239, 239, "NFLOG",                      "Linux netfilter log messages"),
    row(240, 240, "NETANALYZER",                "Ethernet with Hilscher netANALYZER pseudo-header"),
    row(241, 241, "NETANALYZER_TRANSPARENT",    "Ethernet with Hilscher netANALYZER pseudo-header and with preamble and SFD"),
    row(242, 242, "IPOIB",                      "RFC 4391 IP-over-Infiniband"),
    row(243, 243, "MPEG_2_TS",                  "MPEG-2 transport stream"),
    row(244, 244, "NG40",                       "ng40 protocol tester Iub/Iur"),
    row(245, 245, "NFC_LLCP",                   "NFC LLCP PDUs with pseudo-header"),
    row(246, 246, "PFSYNC",                     "Packet filter state syncing"),
    row(247, 247, "INFINIBAND",                 "InfiniBand"),
    row(248, 248, "SCTP",                       "SCTP"),
    row(249, 249, "USBPCAP",                    "USB with USBPcap header"),
    row(250, 250, "RTAC_SERIAL",                "Schweitzer Engineering Laboratories RTAC packets"),
    row(251, 251, "BLUETOOTH_LE_LL",            "Bluetooth Low Energy air interface"),
    row(252, 252, "WIRESHARK_UPPER_PDU",        "Wireshark upper PDU"),
    row(253, 253, "NETLINK",                    "Linux netlink"),
    row(254, 254, "BLUETOOTH_LINUX_MONITOR",    "Bluetooth Linux Monitor"),
    row(255, 255, "BLUETOOTH_BREDR_BB",         "Bluetooth Basic Rate/Enhanced Data Rate baseband packets"),
    row(256, 256, "BLUETOOTH_LE_LL_WITH_PHDR",  "Bluetooth Low Energy air interface with pseudo-header"),
    row(257, 257, "PROFIBUS_DL",                "PROFIBUS data link layer"),
    row(258, 258, "PKTAP",                      "Apple DLT_PKTAP"),
    row(259, 259, "EPON",                       "Ethernet with 802.3 Clause 65 EPON preamble"),
    row(260, 260, "IPMI_HPM_2",                 "IPMI trace packets"),
    row(261, 261, "ZWAVE_R1_R2",                "Z-Wave RF profile R1 and R2 packets"),
    row(262, 262, "ZWAVE_R3",                   "Z-Wave RF profile R3 packets"),
    row(263, 263, "WATTSTOPPER_DLM",            "WattStopper Digital Lighting Management (DLM) and Legrand Nitoo Open protocol"),
    row(264, 264, "ISO_14443",                  "ISO 14443 messages"),
    row(265, 265, "RDS",                        "IEC 62106 Radio Data System groups"),
    row(266, 266, "USB_DARWIN",                 "USB with Darwin header"),
    row(267, 267, "OPENFLOW",                   "OpenBSD DLT_OPENFLOW"),
    row(268, 268, "SDLC",                       "IBM SDLC frames"),
    row(269, 269, "TI_LLN_SNIFFER",             "TI LLN sniffer frames"),
    row(270, 270, "LORATAP",                    "LoRaTap"),
    row(271, 271, "VSOCK",                      "Linux vsock"),
    row(272, 272, "NORDIC_BLE",                 "Nordic Semiconductor Bluetooth LE sniffer frames"),
    row(273, 273, "DOCSIS31_XRA31",             "Excentis XRA-31 DOCSIS 3.1 RF sniffer frames"),
    row(274, 274, "ETHERNET_MPACKET",           "802.3br mPackets"),
    row(275, 275, "DISPLAYPORT_AUX",            "DisplayPort AUX channel monitoring data"),
    row(276, 276, "LINUX_SLL2",                 "Linux cooked v2"),
    row(277, 277, "SERCOS_MONITOR",             "Sercos Monitor"),
    row(278, 278, "OPENVIZSLA",                 "OpenVizsla USB"),
    row(279, 279, "EBHSCR",                     "Elektrobit High Speed Capture and Replay (EBHSCR)"),
    row(280, 280, "VPP_DISPATCH",               "VPP graph dispatch tracer"),
    row(281, 281, "DSA_TAG_BRCM",               "Broadcom tag"),
    row(282, 282, "DSA_TAG_BRCM_PREPEND",       "Broadcom tag (prepended)"),
    row(283, 283, "IEEE802_15_4_TAP",           "IEEE 802.15.4 with pseudo-header"),
    row(284, 284, "DSA_TAG_DSA",                "Marvell DSA"),
    row(285, 285, "DSA_TAG_EDSA",               "Marvell EDSA"),
    row(286, 286, "ELEE",                       "ELEE lawful intercept packets"),
    row(287, 287, "Z_WAVE_SERIAL",              "Z-Wave serial frames between host and chip"),
    row(288, 288, "USB_2_0",                    "USB 2.0/1.1/1.0 as transmitted over the cable"),
    row(289, 289, "ATSC_ALP",                   "ATSC Link-Layer Protocol packets"),
    row(290, 290, "ETW",                        "Event Tracing for Windows"),
    row(291, 291, "NETANALYZER_NG",             "Hilscher netANALYZER NG pseudo-footer"),
    row(292, 292, "ZBOSS_NCP",                  "ZBOSS NCP Serial Protocol"),
    row(293, 293, "USB_2_0_LOW_SPEED",          "Low-Speed USB 2.0/1.1/1.0"),
    row(294, 294, "USB_2_0_FULL_SPEED",         "Full-Speed USB 2.0/1.1/1.0"),
    row(295, 295, "USB_2_0_HIGH_SPEED",         "High-Speed USB 2.0"),
    row(296, 296, "AUERSWALD_LOG",              "Auerswald log"),
    row(297, 297, "ZWAVE_TAP",                  "Z-Wave with TAP meta-data"),
    row(298, 298, "SILABS_DEBUG_CHANNEL",       "Silicon Labs debug channel"),
    row(299, 299, "FIRA_UCI",                   "Ultra-wideband controller interface"),
    row(300, 300, "MDB",                        "Multi-Drop Bus"),
    row(301, 301, "DECT_NR",                    "DECT New Radio"),
    row(302, 302, "EDK2_MM",                    "EDK II Management Mode requests"),
    row(303, 303, "DEBUG_ONLY",                 "For debugging only"),
    row(304, 304, "DECT_NR_TAP",                "DECT New Radio with TAP header"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_number_once_and_in_order() {
        assert!(TABLE.windows(2).all(|pair| pair[0].number < pair[1].number));
        for (alias, name) in ALIASES {
            assert_eq!(alias.parse::<LinkType>(), name.parse());
        }
        for link_type in LinkType::all() {
            assert_eq!(link_type.to_string().parse(), Ok(link_type));
            assert_eq!(LinkType::from_dlt(link_type.dlt()), link_type);
        }
        assert!("EN100MB".parse::<LinkType>().is_err());
    }
}
