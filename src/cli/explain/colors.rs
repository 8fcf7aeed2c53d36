//! The colours of the picture, and their dependence on the share of packets.

use cbpf::debug::EdgeKind;

/// Red, green and blue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Color([u8; 3]);

/// An edge without packets, and a box without packets.
pub(super) const NEVER: Color = Color([200, 200, 205]);
pub(super) const NEVER_SURFACE: Color = Color([246, 246, 247]);

/// Text of executed and of unexecuted blocks.
pub(super) const INK: Color = Color([28, 30, 34]);
pub(super) const FAINT_INK: Color = Color([140, 142, 148]);

/// The label of packets on which the program halted without a return.
pub(super) const STOPPED: Color = Color([248, 200, 205]);

/// The hue of an edge: blue, orange or grey, which colour-blind readers can distinguish.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tint {
    True,
    False,
    /// An unconditional edge, or merged edges of several kinds.
    Plain,
}

impl From<EdgeKind> for Tint {
    fn from(kind: EdgeKind) -> Tint {
        match kind {
            EdgeKind::True => Tint::True,
            EdgeKind::False => Tint::False,
            EdgeKind::Always => Tint::Plain,
        }
    }
}

impl Tint {
    /// Returns the tint of merged edges.
    pub(super) fn and(self, other: Tint) -> Tint {
        if self == other { self } else { Tint::Plain }
    }

    /// Returns the colour of a line with this share of the packets, from 0 to 1.
    pub(super) fn line(self, share: f64) -> Color {
        let (few, all) = match self {
            Tint::True => (Color([146, 188, 224]), Color([8, 81, 156])),
            Tint::False => (Color([250, 184, 120]), Color([194, 74, 2])),
            Tint::Plain => (Color([176, 176, 188]), Color([64, 64, 76])),
        };
        if share > 0.0 { few.mixed(all, share.sqrt()) } else { NEVER }
    }

    /// Returns the background of a label.
    pub(super) fn surface(self) -> Color {
        match self {
            Tint::True => Color([214, 230, 245]),
            Tint::False => Color([253, 224, 196]),
            Tint::Plain => Color([228, 228, 234]),
        }
    }
}

/// Returns the background of a box with this share of the packets.
pub(super) fn surface(share: f64) -> Color {
    if share > 0.0 { Color([240, 248, 238]).mixed(Color([140, 205, 145]), share.sqrt()) } else { NEVER_SURFACE }
}

impl Color {
    fn mixed(self, other: Color, part: f64) -> Color {
        let mix = |one: u8, other: u8| (f64::from(one) + (f64::from(other) - f64::from(one)) * part).round() as u8;
        Color([mix(self.0[0], other.0[0]), mix(self.0[1], other.0[1]), mix(self.0[2], other.0[2])])
    }

    /// Formats the colour for SVG and DOT: `#0851a0`.
    pub(super) fn hex(self) -> String {
        let [red, green, blue] = self.0;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }
}
