//! Open constants: constants that a graph does not know, so that all programs of one [`Shape`](crate::ir::Shape) have
//! the same graph. Passes treat them as values of which only some bits are known.

use crate::bpf::isa::Width;
use crate::ir::KnownBits;

/// A number of which some bits come from the constants of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OpenConstant {
    /// The bits that may be set.
    mask: u32,
    /// The bits that are set in all programs.
    fixed: u32,
    parts: [Option<Part>; 2],
    /// The width of which the bytes of the parts are swapped.
    swapped: Option<Width>,
}

/// A constant of the program, and the number of bits by which it is shifted: to the left, or if negative to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Part {
    index: u8,
    shift: i8,
}

fn shift(number: u32, left: i8) -> u32 {
    let count = u32::from(left.unsigned_abs());
    let shifted = if left < 0 { number.checked_shr(count) } else { number.checked_shl(count) };
    shifted.unwrap_or(0)
}

impl OpenConstant {
    /// The constant of a program with this index, which has no bits beside those of the mask.
    pub(crate) fn new(index: u8, mask: u32) -> OpenConstant {
        OpenConstant { mask, fixed: 0, parts: [Some(Part { index, shift: 0 }), None], swapped: None }
    }

    /// Returns a number that is the same in all programs.
    pub(crate) fn fixed(number: u32) -> OpenConstant {
        OpenConstant { mask: number, fixed: number, parts: [None; 2], swapped: None }
    }

    /// Returns the number if it is the same in all programs.
    pub(crate) fn as_fixed(self) -> Option<u32> {
        (self.parts == [None; 2]).then_some(self.fixed)
    }

    /// Returns the bits that may be set.
    pub(crate) fn mask(self) -> u32 {
        self.mask
    }

    /// Returns the number for a program with these constants.
    pub(crate) fn value(self, constants: &[u32]) -> u32 {
        let part = |part: &Part| shift(constants.get(usize::from(part.index)).copied().unwrap_or(0), part.shift);
        let open = self.parts.iter().flatten().map(part).fold(0, |number, bits| number | bits);
        self.fixed | self.swapped.map_or(open, |width| width.reorder(open))
    }

    /// Returns the number shifted by a number of bits below 32: to the left, or if negative to the right.
    pub(crate) fn shifted(self, left: i8) -> Option<OpenConstant> {
        let parts = self.parts.map(|part| part.map(|part| Part { shift: part.shift + left, ..part }));
        // A shift to the right after one to the left would bring back bits that were lost.
        let is_exact = self.swapped.is_none() && shift(shift(self.mask, left), -left) == self.mask;
        is_exact.then(|| OpenConstant { mask: shift(self.mask, left), fixed: shift(self.fixed, left), parts, ..self })
    }

    /// Returns the bits of both numbers, if there are not too many parts.
    pub(crate) fn or(self, other: OpenConstant) -> Option<OpenConstant> {
        let mut all = self.parts.into_iter().chain(other.parts).flatten();
        let parts = [all.next(), all.next()];
        let is_short = all.next().is_none() && self.swapped.or(other.swapped).is_none();
        let (mask, fixed) = (self.mask | other.mask, self.fixed | other.fixed);
        is_short.then_some(OpenConstant { mask, fixed, parts, swapped: None })
    }

    /// Returns the number that a load in the machine's byte order gives if one in network order gives this one; `None`
    /// if it may have more bits than the load.
    pub(crate) fn reordered(self, width: Width) -> Option<OpenConstant> {
        let has_width = self.mask <= KnownBits::of_width(width).max && self.swapped.is_none();
        let [mask, fixed] = [self.mask, self.fixed].map(|bits| width.reorder(bits));
        has_width.then_some(OpenConstant { mask, fixed, swapped: Some(width), ..self })
    }

    pub(crate) fn known(self) -> KnownBits {
        KnownBits::bits(self.fixed, !self.mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_of_the_constants_of_a_program() {
        let [port, other] = [0, 1].map(|index| OpenConstant::new(index, 0xffff));
        let both = port.shifted(16).and_then(|port| port.or(other)).expect("two parts");
        assert_eq!(both.value(&[0x1234, 0x5678]), 0x1234_5678);
        let swapped = both.reordered(Width::Word).expect("32 bits");
        assert_eq!(swapped.value(&[0x1234, 0x5678]), Width::Word.reorder(0x1234_5678));
        let fixed = OpenConstant::fixed(6);
        let more = port.shifted(8).and_then(|port| port.or(fixed)).expect("one part");
        let swapped = more.reordered(Width::Word).map(|more| more.value(&[0xab]));
        assert_eq!((more.value(&[0xab]), swapped), (0xab06, Some(Width::Word.reorder(0xab06))));
        assert_eq!((more.known().ones, more.known().zeros), (6, !0x00ff_ff06));
        let swapped = fixed.reordered(Width::Half).and_then(OpenConstant::as_fixed);
        assert_eq!((fixed.as_fixed(), swapped), (Some(6), Some(Width::Half.reorder(6))));
        let half = port.reordered(Width::Half).expect("16 bits");
        assert_eq!(half.value(&[0x1234]), Width::Half.reorder(0x1234));
        assert_eq!(both.or(port), None, "three parts");
        assert_eq!((both.reordered(Width::Half), port.shifted(17), port.shifted(-1)), (None, None, None));
        let net = OpenConstant::new(0, 0xff00_0000).shifted(-24).expect("8 bits");
        assert_eq!((net.value(&[0x0a00_0000]), net.known().max), (10, 0xff));
    }
}
