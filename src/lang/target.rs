//! The target of a compilation: everything besides the expression that a program depends on.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr};

use crate::bpf::dialect::Dialect;
use crate::lang::link_type::LinkType;

/// The target of a compilation: a link type, and everything else that a program depends on.
///
/// ```
/// use cbpf::{Dialect, LinkType, Target, compile_expression};
/// let target = Target::new(LinkType::RAW).dialect(Dialect::Linux).snaplen(96);
/// let program = compile_expression("ip6", &target)?;
/// assert_eq!(program, "ldb [0]\n and #0xf0\n jne #0x60, drop\n ret #96\n drop: ret #0".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Target {
    pub(super) link_type: LinkType,
    pub(super) dialect: Dialect,
    pub(super) snaplen: u32,
    pub(super) netmask: Option<u32>,
    pub(super) is_live: bool,
    pub(super) families: Families,
    /// `None` for [`CHAIN_DEPTHS`].
    pub(super) chain_depth: Option<u32>,
    pub(super) allow_reject_all: bool,
    pub(super) resolver: Option<Arc<dyn Resolver + Send + Sync>>,
}

/// The default number of headers that `protochain` follows, and the number to fall back to if the program would be too
/// long for the dialect.
pub(super) const CHAIN_DEPTHS: [u32; 2] = [16, 8];

/// The address families that stand for IPv4 and IPv6 in loopback and pflog headers; systems number IPv6 differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Families {
    /// The families of all systems, in both byte orders: a capture file may come from anywhere.
    Any,
    /// The families of one system.
    Of { inet: u32, inet6: u32, is_big_endian: bool },
}

impl Target {
    /// Returns the target for packets of a link type from a capture file, run by this crate ([`Dialect::Pcap`]).
    pub fn new(link_type: LinkType) -> Target {
        Target {
            link_type,
            dialect: Dialect::Pcap,
            snaplen: 262_144,
            netmask: None,
            is_live: false,
            families: Families::Any,
            chain_depth: None,
            allow_reject_all: false,
            resolver: None,
        }
    }

    /// Sets the dialect, which limits the length of the program; [`Dialect::Pcap`] by default.
    pub fn dialect(mut self, dialect: Dialect) -> Target {
        self.dialect = dialect;
        self
    }

    /// Sets the verdict on packets that match, the number of bytes to keep; 262,144 by default.
    pub fn snaplen(mut self, bytes: u32) -> Target {
        self.snaplen = bytes;
        self
    }

    /// Sets the netmask of the interface, which `ip broadcast` needs: 0xffffff00 for 255.255.255.0.
    pub fn netmask(mut self, netmask: u32) -> Target {
        self.netmask = Some(netmask);
        self
    }

    /// Compiles for packets that a Linux socket delivers, and sets the dialect to [`Dialect::Linux`].
    ///
    /// `inbound`, `outbound` and `ifindex` then use ancillary loads, and `vlan` also finds a tag that the kernel or the
    /// network card has removed from the frame. The other dialects do not accept such programs.
    pub fn linux_socket(mut self) -> Target {
        self.is_live = true;
        self.families = Families::Of { inet: 2, inet6: 10, is_big_endian: cfg!(target_endian = "big") };
        self.dialect(Dialect::Linux)
    }

    /// Sets the address families of IPv4 and IPv6 and the byte order of the system that captures.
    ///
    /// Loopback (`NULL`, `LOOP`, `ENC`) and pflog headers contain them. By default a program accepts the families of
    /// all systems, as they may occur in a capture file.
    pub fn address_families(mut self, inet: u32, inet6: u32, is_big_endian: bool) -> Target {
        self.families = Families::Of { inet, inet6, is_big_endian };
        self
    }

    /// Sets the number of headers that `protochain` follows: 16 by default, or 8 if the program would otherwise be too
    /// long for the dialect.
    ///
    /// A program cannot loop, so each header takes up to 24 instructions. A packet with more headers does not match;
    /// [`Expr::chain_depth`](crate::Expr::chain_depth) returns the number in use, for a warning.
    pub fn chain_depth(mut self, headers: u32) -> Target {
        self.chain_depth = Some(headers);
        self
    }

    /// Sets whether an expression may reject all packets; by default that is the error
    /// [`ExprError::RejectsAll`](crate::ExprError::RejectsAll).
    ///
    /// [`Verified::rejects_all`](crate::Verified::rejects_all) recognizes the programs of such expressions.
    ///
    /// ```
    /// use cbpf::{ExprError, LinkType, Target, compile_expression};
    /// let target = Target::new(LinkType::ETHERNET);
    /// assert_eq!(compile_expression("tcp and udp", &target), Err(ExprError::RejectsAll));
    ///
    /// let target = target.allow_reject_all(true);
    /// let verified = compile_expression("tcp and udp", &target)?.verify(target.get_dialect())?;
    /// assert!(verified.rejects_all());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn allow_reject_all(mut self, yes: bool) -> Target {
        self.allow_reject_all = yes;
        self
    }

    /// Sets the resolver of names that are in no table; by default, names of hosts and networks are errors, and services
    /// and protocols are those of the tables.
    pub fn resolver(mut self, resolver: impl Resolver + Send + Sync + 'static) -> Target {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Returns the link type.
    pub fn get_link_type(&self) -> LinkType {
        self.link_type
    }

    /// Returns the dialect.
    pub fn get_dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the verdict on packets that match.
    pub fn get_snaplen(&self) -> u32 {
        self.snaplen
    }

    /// Returns the netmask, if one was set.
    pub fn get_netmask(&self) -> Option<u32> {
        self.netmask
    }

    /// Returns whether the packets come from a Linux socket.
    pub fn get_linux_socket(&self) -> bool {
        self.is_live
    }

    /// Returns the number of headers that `protochain` follows, if it was set.
    pub fn get_chain_depth(&self) -> Option<u32> {
        self.chain_depth
    }

    /// Returns whether an expression may reject all packets.
    pub fn get_allow_reject_all(&self) -> bool {
        self.allow_reject_all
    }
}

/// The default target for a link type.
impl From<LinkType> for Target {
    fn from(link_type: LinkType) -> Target {
        Target::new(link_type)
    }
}

impl From<&Target> for Target {
    fn from(target: &Target) -> Target {
        target.clone()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("link_type", &self.link_type)
            .field("dialect", &self.dialect)
            .field("snaplen", &self.snaplen)
            .field("netmask", &self.netmask)
            .field("is_live", &self.is_live)
            .field("families", &self.families)
            .field("chain_depth", &self.chain_depth)
            .field("allow_reject_all", &self.allow_reject_all)
            .finish_non_exhaustive()
    }
}

/// Looks up names in expressions: hosts, networks, and the services and protocols that the tables of this crate lack.
///
/// By default, every name is unknown. A host with several addresses stands for each of them, as if they were joined by
/// `or`.
///
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
/// use cbpf::lang::Resolver;
/// use cbpf::{LinkType, Target, compile_expression};
///
/// struct Inventory;
///
/// impl Resolver for Inventory {
///     fn host(&self, name: &str) -> Vec<IpAddr> {
///         if name == "gw" { vec![Ipv4Addr::new(10, 0, 0, 1).into()] } else { Vec::new() }
///     }
///
///     fn service(&self, name: &str) -> (Option<u16>, Option<u16>) {
///         if name == "billing" { (Some(7100), None) } else { (None, None) }
///     }
/// }
///
/// let target = Target::new(LinkType::ETHERNET).resolver(Inventory);
/// let program = compile_expression("host gw and port billing", &target)?;
/// assert_eq!(program, compile_expression("host 10.0.0.1 and tcp port 7100", &target)?);
/// # Ok::<(), cbpf::ExprError>(())
/// ```
pub trait Resolver {
    /// Returns the addresses of a host.
    fn host(&self, name: &str) -> Vec<IpAddr> {
        let _ = name;
        Vec::new()
    }

    /// Returns the MAC address of a host.
    fn ether(&self, name: &str) -> Option<[u8; 6]> {
        let _ = name;
        None
    }

    /// Returns the ports of a service with TCP and with UDP.
    fn service(&self, name: &str) -> (Option<u16>, Option<u16>) {
        let _ = name;
        (None, None)
    }

    /// Returns the number of an IP protocol.
    fn protocol(&self, name: &str) -> Option<u8> {
        let _ = name;
        None
    }

    /// Returns the address and the mask of an IPv4 network.
    fn network(&self, name: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
        let _ = name;
        None
    }
}
