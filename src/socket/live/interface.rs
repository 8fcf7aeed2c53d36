//! The network interfaces of the system.

use std::io;

use crate::socket::error::{self, Error};
use crate::socket::live::calls;

/// `ARPHRD_*`: the types of interfaces that have a link type of their own, with its LINKTYPE number. The packets of all
/// others are captured without their link header, with that of a cooked capture in its place.
///
/// Source: `map_arphrd_to_dlt` in libpcap's `pcap-linux.c`, and <https://www.tcpdump.org/linktypes.html>.
#[rustfmt::skip]
const LINK_TYPES: &[(u16, u16)] = &[
    (libc::ARPHRD_ETHER,              ETHERNET),
    (libc::ARPHRD_LOOPBACK,           ETHERNET),
    (libc::ARPHRD_NONE,               RAW_IP), // tun, WireGuard
    (RAWIP,                        RAW_IP),
    (libc::ARPHRD_TUNNEL,             RAW_IP),
    (libc::ARPHRD_TUNNEL6,            RAW_IP),
    (libc::ARPHRD_SIT,                RAW_IP),
    (libc::ARPHRD_IEEE80211,          105),
    (libc::ARPHRD_IEEE80211_PRISM,    119),
    (libc::ARPHRD_IEEE80211_RADIOTAP, 127),
];

/// `ARPHRD_RAWIP`, of cellular modems.
const RAWIP: u16 = 519;

/// LINKTYPE numbers.
pub(super) const ETHERNET: u16 = 1;
const RAW_IP: u16 = 101;
pub(super) const COOKED: u16 = 276;

/// A network interface, or all of them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    pub(super) name: String,
    pub(super) index: u32,
    pub(super) hardware_type: Option<u16>,
    pub(super) is_up: bool,
}

impl Interface {
    /// Returns the interface that stands for all interfaces, also for those that appear later. Its name is `any`, its
    /// index 0.
    pub fn any() -> Interface {
        Interface { name: "any".to_owned(), index: 0, hardware_type: None, is_up: true }
    }

    /// Returns all interfaces of the network namespace of this thread, in the order of their indices.
    ///
    /// # Errors
    /// Returns the error of the kernel; none is expected.
    ///
    /// ```
    /// use cbpf::socket::live::Interface;
    /// for interface in Interface::all()? {
    ///     println!("{} {}", interface.index(), interface.name());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn all() -> Result<Vec<Interface>, Error> {
        let mut all = calls::interfaces().map_err(Error::of(error::INTERFACES))?;
        all.sort_by_key(|interface| interface.index);
        Ok(all)
    }

    /// Returns the interface with this name or index; `any` is [`Interface::any`], unless an interface has this name.
    ///
    /// # Errors
    /// [`Error::NoInterface`] if there is none.
    pub fn find(name_or_index: &str) -> Result<Interface, Error> {
        let all = Interface::all()?;
        let by_name = all.iter().find(|interface| interface.name == name_or_index);
        let by_index = || all.iter().find(|interface| name_or_index.parse() == Ok(interface.index));
        match by_name.or_else(by_index) {
            Some(interface) => Ok(interface.clone()),
            None if name_or_index == "any" => Ok(Interface::any()),
            None => Err(Error::NoInterface { name: name_or_index.to_owned() }),
        }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the index; 0 stands for all interfaces.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Returns the type of the interface (`ARPHRD_*`), which all together do not have.
    pub fn hardware_type(&self) -> Option<u16> {
        self.hardware_type
    }

    /// Returns whether the interface was up when it was listed.
    pub fn is_up(&self) -> bool {
        self.is_up
    }

    /// Returns the LINKTYPE number of captured packets: Ethernet (1), raw IP (101), 802.11 with or without a radio
    /// header (105, 119, 127), or LINUX_SLL2 (276) for all interfaces together and for other types.
    pub fn link_type(&self) -> u16 {
        let known = LINK_TYPES.iter().find(|(hardware_type, _)| Some(*hardware_type) == self.hardware_type);
        known.map_or(COOKED, |(_, link_type)| *link_type)
    }

    /// Returns whether packets are captured without their link header.
    pub(super) fn is_cooked(&self) -> bool {
        self.link_type() == COOKED
    }
}

impl Error {
    /// Returns the error of opening a packet socket.
    pub(super) fn of_opening(error: io::Error) -> Error {
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Error::NoPrivilege(error),
            _ => Error::of(error::SOCKET)(error),
        }
    }
}
