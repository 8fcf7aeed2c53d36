//! Offsets relative to a header: in Linux, the negative ones.
//!
//! Source: `SKF_NET_OFF` and `SKF_LL_OFF` in `include/uapi/linux/filter.h`, `bpf_skb_load_helper_convert_offset` in
//! `net/core/filter.c`.

/// A header that offsets may be relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Header {
    /// IP, ARP, ...: offsets of `SKF_NET_OFF` and above.
    Network,
    /// Ethernet, ...: offsets from `SKF_LL_OFF` up to `SKF_NET_OFF`.
    Link,
}

impl Header {
    /// The first offset that is relative to a header. Negative offsets below it are out of bounds.
    pub(crate) const FIRST_OFFSET: u32 = Header::Link.base();

    /// Returns the offset of the first byte of the header.
    #[inline]
    pub(crate) const fn base(self) -> u32 {
        match self {
            Header::Network => 0x10_0000_u32.wrapping_neg(),
            Header::Link => 0x20_0000_u32.wrapping_neg(),
        }
    }

    /// Returns the header that an offset is relative to.
    pub(crate) fn of(offset: u32) -> Option<Header> {
        [Header::Network, Header::Link].into_iter().find(|header| offset >= header.base())
    }
}
