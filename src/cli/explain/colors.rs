//! The colours of the picture: what they are, and how they follow from the share of packets.

use cbpf::Way;

/// Red, green and blue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Color([u8; 3]);

/// What no packet took: the line, and the surface of a box.
pub(super) const NEVER: Color = Color([200, 200, 205]);
pub(super) const NEVER_SURFACE: Color = Color([246, 246, 247]);

/// Text, of what was and of what was not executed.
pub(super) const INK: Color = Color([28, 30, 34]);
pub(super) const FAINT_INK: Color = Color([140, 142, 148]);

/// Where a program ends without a return.
pub(super) const STOPPED: Color = Color([248, 200, 205]);

/// What an edge stands for. Blue and orange are told apart by all eyes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tint {
    True,
    False,
    /// Another edge, or a trunk of several kinds.
    Plain,
}

impl From<Way> for Tint {
    fn from(way: Way) -> Tint {
        match way {
            Way::True => Tint::True,
            Way::False => Tint::False,
            Way::Always => Tint::Plain,
        }
    }
}

impl Tint {
    /// The tint of edges that run together.
    pub(super) fn and(self, other: Tint) -> Tint {
        if self == other { self } else { Tint::Plain }
    }

    /// The colour of a line that this share of the packets takes, from 0 to 1; `None` if none does.
    pub(super) fn line(self, share: f64) -> Color {
        let (few, all) = match self {
            Tint::True => (Color([146, 188, 224]), Color([8, 81, 156])),
            Tint::False => (Color([250, 184, 120]), Color([194, 74, 2])),
            Tint::Plain => (Color([176, 176, 188]), Color([64, 64, 76])),
        };
        if share > 0.0 { few.mixed(all, share.sqrt()) } else { NEVER }
    }

    /// The surface of a label.
    pub(super) fn surface(self) -> Color {
        match self {
            Tint::True => Color([214, 230, 245]),
            Tint::False => Color([253, 224, 196]),
            Tint::Plain => Color([228, 228, 234]),
        }
    }
}

/// The surface of a box that this share of the packets comes to.
pub(super) fn surface(share: f64) -> Color {
    if share > 0.0 { Color([240, 248, 238]).mixed(Color([140, 205, 145]), share.sqrt()) } else { NEVER_SURFACE }
}

impl Color {
    fn mixed(self, other: Color, part: f64) -> Color {
        let mix = |one: u8, other: u8| (f64::from(one) + (f64::from(other) - f64::from(one)) * part).round() as u8;
        Color([mix(self.0[0], other.0[0]), mix(self.0[1], other.0[1]), mix(self.0[2], other.0[2])])
    }

    /// As SVG and DOT write it: `#0851a0`.
    pub(super) fn hex(self) -> String {
        let [red, green, blue] = self.0;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }
}
