//! Netlink attributes: what `nla` and `nlan` look for.
//!
//! A stream of attributes is a row of them, each with its length (header included) and its type, 16 bits each in the
//! order of the machine's bytes, then its value, and as many bytes as make the length a multiple of 4.
//!
//! Source: `bpf_skb_get_nlattr` and `bpf_skb_get_nlattr_nest` in `net/core/filter.c`, `nla_find` in `lib/nlattr.c`,
//! `nla_ok` and `nla_next` in `include/net/netlink.h`.

/// The length of an attribute's header: length and type.
const HEADER: usize = 4;

/// The bits of the type that are the type, and no flags: `NLA_TYPE_MASK`.
const TYPE: u16 = 0x3fff;

/// `nla`: the offset of the first attribute of type `wanted` in the stream that begins at `start`; 0 if there is none.
pub(crate) fn find(data: &[u8], start: u32, wanted: u32) -> u32 {
    let place = data.get(start as usize..).and_then(|stream| search(stream, wanted));
    place.map_or(0, |place| start + place)
}

/// `nlan`: the offset of the first attribute of type `wanted` inside the attribute at `start`; 0 if there is none.
pub(crate) fn find_nested(data: &[u8], start: u32, wanted: u32) -> u32 {
    let place = data.get(start as usize..).and_then(|stream| {
        let inner = &stream[HEADER..Attribute::first(stream)?.len];
        search(inner, wanted)
    });
    place.map_or(0, |place| start + HEADER as u32 + place)
}

struct Attribute {
    /// At least that of its header, at most that of the stream.
    len: usize,
    kind: u16,
}

impl Attribute {
    /// The attribute that a stream begins with, if it is whole.
    fn first(stream: &[u8]) -> Option<Attribute> {
        let &[len0, len1, kind0, kind1] = stream.first_chunk()?;
        let len = usize::from(u16::from_ne_bytes([len0, len1]));
        let kind = u16::from_ne_bytes([kind0, kind1]) & TYPE;
        (HEADER..=stream.len()).contains(&len).then_some(Attribute { len, kind })
    }
}

/// Where the first attribute of a type begins, counted from the start of the stream.
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
