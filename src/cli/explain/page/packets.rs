//! The packets of a page: a menu, the bytes and registers that the script shows, and the data for it.

use std::collections::BTreeSet;
use std::fmt::Write;

use indicatif::HumanCount;
use serde_json::Value;

use super::html::escaped;
use crate::cli::explain::sample::SampledPacket;

/// The packets of a program, as many as there is room for.
pub(super) struct Packets {
    packets: Vec<SampledPacket>,
    data: Vec<Value>,
}

impl Packets {
    /// Takes packets whose data has at most `bytes` bytes.
    pub(super) fn new(sample: Vec<SampledPacket>, bytes: usize) -> Packets {
        let mut left = bytes;
        let mut fits = |data: &Value| {
            let size = data.to_string().len();
            let is_room = size <= left;
            left -= if is_room { size } else { 0 };
            is_room
        };
        let pairs = sample.into_iter().map(|packet| (packet.json(), packet)).filter(|(data, _)| fits(data));
        let (data, packets) = pairs.unzip();
        Packets { packets, data }
    }

    pub(super) fn json(&self) -> Value {
        Value::Array(self.data.clone())
    }

    /// Returns the instructions that the packets execute, in the order of the program.
    pub(super) fn executed(&self) -> BTreeSet<usize> {
        self.packets.iter().flat_map(SampledPacket::executed).collect()
    }

    /// Prints the menu, the buttons, and the places for the bytes and registers.
    pub(super) fn html(&self, number: usize) -> String {
        if self.packets.is_empty() {
            return "<div class=player><h3>Packets</h3><p class=note>There are no packets.</p></div>".to_owned();
        }
        let mut menu = "<option value=\"\">all, as traffic".to_owned();
        let (firsts, others): (Vec<_>, Vec<_>) =
            self.packets.iter().enumerate().partition(|(_, packet)| packet.on_path > 0);
        for (title, packets) in [("The first packet on each path", firsts), ("Other packets", others)] {
            if packets.is_empty() {
                continue;
            }
            let _ = write!(menu, "<optgroup label=\"{title}\">");
            for (place, packet) in packets {
                let _ = write!(menu, "<option value={place}>{}", name(packet));
            }
            menu.push_str("</optgroup>");
        }
        format!(
            "<div class=player><h3>Packets</h3>\n\
             <noscript><p class=note>Packets can be followed step by step where scripts are allowed.</p></noscript>\n\
             <p class=choose><label for=p{number}>Follow packet</label> <select id=p{number} class=packet>{menu}</select></p>\n\
             <div class=buttons role=group aria-label=\"Steps and packets\">\
             <button type=button data-do=previous title=\"Previous packet (p)\" aria-label=\"Previous packet\">&#9664;&#9664;</button>\
             <button type=button data-do=first title=\"First step (Home)\" aria-label=\"First step\">|&#9664;</button>\
             <button type=button data-do=back title=\"Previous step (Left)\" aria-label=\"Previous step\">&#9664;</button>\
             <output class=place></output>\
             <button type=button data-do=on title=\"Next step (Right)\" aria-label=\"Next step\">&#9654;</button>\
             <button type=button data-do=last title=\"Last step (End)\" aria-label=\"Last step\">&#9654;|</button>\
             <button type=button data-do=next title=\"Next packet (n)\" aria-label=\"Next packet\">&#9654;&#9654;</button></div>\n\
             <div class=step aria-live=polite></div>\n<div class=bytes tabindex=0 role=region aria-label=Bytes></div></div>"
        )
    }
}

/// Describes a packet in a line of the menu: what becomes of it, and its line without the number.
fn name(packet: &SampledPacket) -> String {
    let number = packet.number.to_string();
    let outcome = if packet.verdict == 0 { "dropped" } else { "kept" };
    let path = match packet.on_path {
        0 | 1 => String::new(),
        others => format!(" as {} more", HumanCount(others - 1)),
    };
    let line = packet.line.strip_prefix(&number).unwrap_or(&packet.line).trim_start();
    escaped(&format!("{number} {outcome}{path}: {line}"))
}
