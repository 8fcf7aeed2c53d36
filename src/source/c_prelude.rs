//! What C functions call, each part in a guard of its own, so that several sources can be in one file.

/// The attributes of helpers: the verifier of Linux follows packets within a function only.
const HEAD: &str = "\
#ifndef CBPF_INLINE
#define CBPF_INLINE static inline __attribute__((always_inline, unused))
#endif
";

const LOADS: &str = "\
#ifndef CBPF_LOADS
#define CBPF_LOADS
/* Numbers of the packet, which may stand at any address. */
#ifdef __bpf__
typedef unsigned short __attribute__((may_alias)) cbpf_u16;
typedef unsigned int __attribute__((may_alias)) cbpf_u32;
#else
typedef unsigned short __attribute__((may_alias, aligned(1))) cbpf_u16;
typedef unsigned int __attribute__((may_alias, aligned(1))) cbpf_u32;
#endif
CBPF_INLINE unsigned int cbpf_load8(const unsigned char *at) { return *at; }
CBPF_INLINE unsigned int cbpf_native16(const unsigned char *at) { return *(const cbpf_u16 *)at; }
CBPF_INLINE unsigned int cbpf_native32(const unsigned char *at) { return *(const cbpf_u32 *)at; }
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
CBPF_INLINE unsigned int cbpf_load16(const unsigned char *at) { return cbpf_native16(at); }
CBPF_INLINE unsigned int cbpf_load32(const unsigned char *at) { return cbpf_native32(at); }
#else
CBPF_INLINE unsigned int cbpf_load16(const unsigned char *at) { return __builtin_bswap16(*(const cbpf_u16 *)at); }
CBPF_INLINE unsigned int cbpf_load32(const unsigned char *at) { return __builtin_bswap32(*(const cbpf_u32 *)at); }
#endif
#endif
";

const BOUNDS: &str = "\
#ifndef CBPF_BOUNDS
#define CBPF_BOUNDS
/* Returns whether the packet has bytes up to `end`. */
CBPF_INLINE int cbpf_has(const unsigned char *packet, const unsigned char *packet_end, unsigned int end)
{
#ifdef __bpf__
    /* The verifier wants pointers compared, and packets are shorter than 64 KiB. */
    return end <= 0xffff && packet + end <= packet_end;
#else
    return end <= (unsigned long long)(packet_end - packet);
#endif
}

/* Returns whether the packet has bytes up to `end`, counted from `base`, and sets `from` to the base. */
CBPF_INLINE int cbpf_has_from(const unsigned char *packet, const unsigned char *packet_end, unsigned int base,
                              unsigned int end, const unsigned char **from)
{
#ifdef __bpf__
    const unsigned char *start;
    /* The verifier knows the bounds of one copy of a number, and the check of one copy of a pointer. */
    __asm__ volatile(\"\" : \"+r\"(base));
    if (end > 0xffff || base > 0xffff - end)
        return 0;
    start = packet + base;
    __asm__ volatile(\"\" : \"+r\"(start));
    if (start + end > packet_end)
        return 0;
    *from = start;
#else
    unsigned long long sum = (unsigned long long)base + end;
    if (sum > 0x7fffffff || sum > (unsigned long long)(packet_end - packet))
        return 0;
    *from = packet + base;
#endif
    return 1;
}
#endif
";

const POSITION: &str = "\
#ifndef CBPF_POSITION
#define CBPF_POSITION
/* Returns the position in the packet of an offset that may be relative to a header, as Linux defines it. */
CBPF_INLINE unsigned int cbpf_position(unsigned int offset, int network_header, int has_link_header, int link_header)
{
    if (offset >= 0xfff00000)
        return offset - 0xfff00000 + (unsigned int)network_header;
    if (offset >= 0xffe00000)
        return offset - 0xffe00000 + (has_link_header ? (unsigned int)link_header : 0x80000000);
    return offset;
}
#endif
";

const RANDOM: &str = "\
#ifndef CBPF_RANDOM
#define CBPF_RANDOM
/* Returns a random number of a seed (SplitMix64). */
CBPF_INLINE unsigned int cbpf_random(unsigned long long seed, unsigned int index)
{
    unsigned long long z = seed + 0x9e3779b97f4a7c15 * ((unsigned long long)index + 1);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (unsigned int)((z ^ (z >> 31)) >> 32);
}
#endif
";

const ATTRIBUTES: &str = "\
#ifndef CBPF_ATTRIBUTES
#define CBPF_ATTRIBUTES
/* Returns the offset of the first netlink attribute of a type between two offsets, or 0. */
CBPF_INLINE unsigned int cbpf_attribute(const unsigned char *packet, unsigned long long start, unsigned long long end,
                                        unsigned int type)
{
    while (start < end && end - start >= 4) {
        unsigned int len = cbpf_native16(packet + start);
        if (len < 4 || len > end - start)
            break;
        if ((cbpf_native16(packet + start + 2) & 0x3fff) == type)
            return (unsigned int)start;
        start += (len + 3) & 0x1fffc;
    }
    return 0;
}

CBPF_INLINE unsigned long long cbpf_visible(const unsigned char *packet, const unsigned char *packet_end)
{
    unsigned long long len = (unsigned long long)(packet_end - packet);
    return len > 0x7fffffff ? 0x7fffffff : len;
}

/* Returns the offset of the first attribute of a type from `start` on, or 0. */
CBPF_INLINE unsigned int cbpf_find(const unsigned char *packet, const unsigned char *packet_end, unsigned int start,
                                   unsigned int type)
{
    return cbpf_attribute(packet, start, cbpf_visible(packet, packet_end), type);
}

/* Returns the offset of the first attribute of a type inside the one at `start`, or 0. */
CBPF_INLINE unsigned int cbpf_find_nested(const unsigned char *packet, const unsigned char *packet_end,
                                          unsigned int start, unsigned int type)
{
    unsigned long long len = cbpf_visible(packet, packet_end);
    unsigned int inner = start < len && len - start >= 4 ? cbpf_native16(packet + start) : 0;
    if (inner < 4 || inner > len - start)
        return 0;
    return cbpf_attribute(packet, start + 4, (unsigned long long)start + inner, type);
}
#endif
";

/// The parts, each with what calls it, in the order in which they call each other.
const PARTS: [(&[&str], &str); 5] = [
    (&["cbpf_load", "cbpf_native", "cbpf_find"], LOADS),
    (&["cbpf_has"], BOUNDS),
    (&["cbpf_position"], POSITION),
    (&["cbpf_random"], RANDOM),
    (&["cbpf_find"], ATTRIBUTES),
];

/// Returns the parts that a function calls.
pub(super) fn parts(body: &str) -> impl Iterator<Item = &'static str> {
    let is_called = |names: &[&str]| names.iter().any(|name| body.contains(name));
    let called: [Option<&str>; 5] = PARTS.map(|(names, text)| is_called(names).then_some(text));
    let head = called.iter().any(Option::is_some).then_some(HEAD);
    head.into_iter().chain(called.into_iter().flatten())
}
