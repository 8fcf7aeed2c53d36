//! The colours of the picture, and their dependence on the share of packets.
//!
//! A paint is a colour for pictures that stand alone, and a class and a share, from which the style sheet of the page
//! makes a colour for its scheme.

use cbpf::debug::EdgeKind;
use svg::Node;

/// Red, green and blue.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Color([u8; 3]);

/// A colour with its class in the page.
#[derive(Clone, Copy)]
pub(super) struct Paint {
    color: Color,
    class: &'static str,
    /// The share of packets between the palest and the strongest colour of the class, from 0 to 1.
    strength: Option<f64>,
}

const fn paint(class: &'static str, color: [u8; 3]) -> Paint {
    Paint { color: Color(color), class, strength: None }
}

/// An edge without packets, and a box without packets.
pub(super) const NEVER: Paint = paint("never", [200, 200, 205]);
pub(super) const NEVER_SURFACE: Paint = paint("never-surface", [246, 246, 247]);

/// Text of executed and of unexecuted blocks, and meanings.
pub(super) const INK: Paint = paint("ink", [28, 30, 34]);
pub(super) const FAINT_INK: Paint = paint("faint", [140, 142, 148]);
pub(super) const MEANING_INK: Paint = paint("meaning", [24, 90, 110]);

/// The label of packets on which the program halted without a return.
pub(super) const STOPPED: Paint = paint("stopped", [248, 200, 205]);

/// The background of a picture.
pub(super) const GROUND: Paint = paint("ground", [255, 255, 255]);

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

    /// Returns the paint of a line with this share of the packets, from 0 to 1.
    pub(super) fn line(self, share: f64) -> Paint {
        let (class, few, all) = match self {
            Tint::True => ("line-true", Color([146, 188, 224]), Color([8, 81, 156])),
            Tint::False => ("line-false", Color([250, 184, 120]), Color([194, 74, 2])),
            Tint::Plain => ("line-plain", Color([176, 176, 188]), Color([64, 64, 76])),
        };
        if share > 0.0 { mixed(class, few, all, share) } else { NEVER }
    }

    /// Returns the background of a label.
    pub(super) fn surface(self) -> Paint {
        match self {
            Tint::True => paint("label-true", [214, 230, 245]),
            Tint::False => paint("label-false", [253, 224, 196]),
            Tint::Plain => paint("label-plain", [228, 228, 234]),
        }
    }
}

/// Returns the background of a box with this share of the packets.
pub(super) fn surface(share: f64) -> Paint {
    if share > 0.0 { mixed("surface", Color([240, 248, 238]), Color([140, 205, 145]), share) } else { NEVER_SURFACE }
}

fn mixed(class: &'static str, few: Color, all: Color, share: f64) -> Paint {
    let strength = share.sqrt();
    Paint { color: few.mixed(all, strength), class, strength: Some(strength) }
}

impl Paint {
    /// Paints an element: its `fill` or its `stroke`.
    pub(super) fn on<N: Node>(self, mut node: N, attribute: &str) -> N {
        node.assign(attribute, self.hex());
        node.assign("class", self.class);
        if let Some(strength) = self.strength {
            node.assign("style", format!("--s:{:.0}%", 100.0 * strength));
        }
        node
    }

    /// Formats the colour for SVG and DOT: `#0851a0`.
    pub(super) fn hex(self) -> String {
        let Color([red, green, blue]) = self.color;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Color {
    fn mixed(self, other: Color, part: f64) -> Color {
        let mix = |one: u8, other: u8| (f64::from(one) + (f64::from(other) - f64::from(one)) * part).round() as u8;
        Color([mix(self.0[0], other.0[0]), mix(self.0[1], other.0[1]), mix(self.0[2], other.0[2])])
    }
}
