//! What an expression is compiled for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::bpf::dialect::Dialect;
use crate::lang::link_type::LinkType;

/// What an expression is compiled for: a link type, and what else the program depends on.
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
    pub(super) accepts_nothing: bool,
    pub(super) resolver: Option<Arc<dyn Resolver + Send + Sync>>,
}

/// How many headers `protochain` goes through by default; the second if the first takes more instructions than the
/// dialect has.
pub(super) const CHAIN_DEPTHS: [u32; 2] = [16, 8];

/// The address families by which loopback and pflog headers tell protocols apart; the systems number IPv6 differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Families {
    /// Those of any system, in any byte order: a capture file may come from anywhere.
    Any,
    /// Those of one system.
    Of { inet: u32, inet6: u32, is_big_endian: bool },
}

impl Target {
    /// For packets of a link type from a capture file, for the engines of this crate ([`Dialect::Pcap`]).
    pub fn new(link_type: LinkType) -> Target {
        Target {
            link_type,
            dialect: Dialect::Pcap,
            snaplen: 262_144,
            netmask: None,
            is_live: false,
            families: Families::Any,
            chain_depth: None,
            accepts_nothing: false,
            resolver: None,
        }
    }

    /// The link type.
    pub fn link_type(&self) -> LinkType {
        self.link_type
    }

    /// Whose rules the program keeps to.
    pub fn machine(&self) -> Dialect {
        self.dialect
    }

    /// Whose rules the program keeps to: how long it may be.
    pub fn dialect(mut self, dialect: Dialect) -> Target {
        self.dialect = dialect;
        self
    }

    /// The verdict on packets that match: how many bytes to keep; 262,144 unless told.
    pub fn snaplen(mut self, bytes: u32) -> Target {
        self.snaplen = bytes;
        self
    }

    /// The netmask of the interface, which `ip broadcast` needs: 0xffffff00 for 255.255.255.0.
    pub fn netmask(mut self, netmask: u32) -> Target {
        self.netmask = Some(netmask);
        self
    }

    /// For packets that a Linux socket delivers, with facts that the kernel knows of them.
    ///
    /// `inbound`, `outbound` and `ifindex` ask the kernel, and `vlan` finds a tag that the kernel or the card took off the
    /// frame. Such a program runs in [`Dialect::Linux`] only, and that is the dialect from now on.
    pub fn linux_socket(mut self) -> Target {
        self.is_live = true;
        self.families = Families::Of { inet: 2, inet6: 10, is_big_endian: cfg!(target_endian = "big") };
        self.dialect(Dialect::Linux)
    }

    /// The numbers of the address families IPv4 and IPv6 on the system that captures, and whether it is big-endian.
    ///
    /// Loopback (`NULL`, `LOOP`, `ENC`) and pflog headers have them. Unless told, any system's are taken, as in a capture
    /// file.
    pub fn address_families(mut self, inet: u32, inet6: u32, is_big_endian: bool) -> Target {
        self.families = Families::Of { inet, inet6, is_big_endian };
        self
    }

    /// Sets how many headers `protochain` goes through at most: 16 by default, or 8 if the dialect has no room for
    /// more.
    ///
    /// A program cannot loop, so each header takes up to 24 instructions. A packet with more headers does not match,
    /// which [`Expr::chain_depth`](crate::Expr::chain_depth) is there to warn of.
    pub fn chain_depth(mut self, headers: u32) -> Target {
        self.chain_depth = Some(headers);
        self
    }

    /// Compiles expressions that no packet matches, too, rather than refusing them with
    /// [`ExprError::RejectsAll`](crate::ExprError::RejectsAll).
    ///
    /// Their programs reject all packets: [`Verified::rejects_all`](crate::Verified::rejects_all) tells.
    ///
    /// ```
    /// use cbpf::{ExprError, LinkType, Target, compile_expression};
    /// let target = Target::new(LinkType::ETHERNET);
    /// assert_eq!(compile_expression("tcp and udp", &target), Err(ExprError::RejectsAll));
    ///
    /// let target = target.accept_nothing();
    /// let verified = compile_expression("tcp and udp", &target)?.verify(target.machine())?;
    /// assert!(verified.rejects_all());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn accept_nothing(mut self) -> Target {
        self.accepts_nothing = true;
        self
    }

    /// Who knows the addresses of names; nobody unless told.
    pub fn resolver(mut self, resolver: impl Resolver + Send + Sync + 'static) -> Target {
        self.resolver = Some(Arc::new(resolver));
        self
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
            .field("chain_depth", &self.chain_depth)
            .finish_non_exhaustive()
    }
}

/// Knows what names in expressions stand for.
///
/// Each answer is "unknown" unless implemented.
pub trait Resolver {
    /// The addresses of a host.
    fn host(&self, name: &str) -> Vec<IpAddr> {
        let _ = name;
        Vec::new()
    }

    /// The Ethernet address of a host.
    fn ether(&self, name: &str) -> Option<[u8; 6]> {
        let _ = name;
        None
    }

    /// The address and the mask of an IPv4 network.
    fn network(&self, name: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
        let _ = name;
        None
    }
}
