//! The search for netlink attributes by `nla` and `nlan`.
//!
//! Each attribute of a stream has its length (header included) and its type, 16 bits each in the machine's byte order,
//! then its value, and padding to a multiple of 4 bytes.
//!
//! Source: `bpf_skb_get_nlattr` and `bpf_skb_get_nlattr_nest` in `net/core/filter.c`, `nla_find` in `lib/nlattr.c`,
//! `nla_ok` and `nla_next` in `include/net/netlink.h`.

/// The length of an attribute's header, in bytes.
const HEADER: usize = 4;

/// The bits of the type that are not flags: `NLA_TYPE_MASK`.
const TYPE: u16 = 0x3fff;

/// `nla`: returns the offset of the first attribute of type `wanted` in the stream that begins at `start`, or 0.
pub(crate) fn find(data: &[u8], start: u32, wanted: u32) -> u32 {
    let position = data.get(start as usize..).and_then(|stream| search(stream, wanted));
    position.map_or(0, |position| start + position)
}

/// `nlan`: returns the offset of the first attribute of type `wanted` inside the attribute at `start`, or 0.
pub(crate) fn find_nested(data: &[u8], start: u32, wanted: u32) -> u32 {
    let position = data.get(start as usize..).and_then(|stream| {
        let inner = stream.get(HEADER..Attribute::first(stream)?.len)?;
        search(inner, wanted)
    });
    position.map_or(0, |position| start + HEADER as u32 + position)
}

struct Attribute {
    /// From the length of a header to the length of the stream.
    len: usize,
    kind: u16,
}

impl Attribute {
    /// Returns the first attribute of a stream, unless it is cut off.
    fn first(stream: &[u8]) -> Option<Attribute> {
        let &[len0, len1, kind0, kind1] = stream.first_chunk()?;
        let len = usize::from(u16::from_ne_bytes([len0, len1]));
        let kind = u16::from_ne_bytes([kind0, kind1]) & TYPE;
        (HEADER..=stream.len()).contains(&len).then_some(Attribute { len, kind })
    }
}

/// Returns the position of the first attribute of a type in the stream.
fn search(stream: &[u8], wanted: u32) -> Option<u32> {
    let mut rest = stream;
    while let Some(attribute) = Attribute::first(rest) {
        if u32::from(attribute.kind) == wanted {
            return Some((stream.len() - rest.len()) as u32);
        }
        rest = rest.get(attribute.len.next_multiple_of(HEADER)..)?;
    }
    None
}
