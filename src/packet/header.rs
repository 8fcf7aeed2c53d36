//! Offsets that are relative to a header: to Linux, those are the negative ones.
//!
//! Source: `SKF_NET_OFF` and `SKF_LL_OFF` in `include/uapi/linux/filter.h`, `bpf_skb_load_helper_convert_offset` in
//! `net/core/filter.c`.

/// A header that offsets can be relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Header {
    /// IP, ARP, ...: offsets from `SKF_NET_OFF` on.
    Network,
    /// Ethernet, ...: offsets from `SKF_LL_OFF` up to there.
    Link,
}

impl Header {
    /// Offsets below this one are not relative to any header. Those that are negative name nothing.
    pub(crate) const FIRST_OFFSET: u32 = Header::Link.base();

    /// The offset that names the first byte of the header.
    #[inline]
    pub(crate) const fn base(self) -> u32 {
        match self {
            Header::Network => 0x10_0000_u32.wrapping_neg(),
            Header::Link => 0x20_0000_u32.wrapping_neg(),
        }
    }

    /// The header that an offset is relative to.
    pub(crate) fn of(offset: u32) -> Option<Header> {
        [Header::Network, Header::Link].into_iter().find(|header| offset >= header.base())
    }
}
