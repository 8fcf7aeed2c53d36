//! The colors of lines on a terminal.

use std::io::{IsTerminal, stdout};

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use etherparse::IpNumber;

use crate::cli::print_packets::headers::{Headers, Network};

/// Returns whether standard output gets colors: by default, if it is a terminal that can show them, and the variable
/// `NO_COLOR` is unset or empty.
pub fn is_colored(choice: ColorChoice) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => stdout().is_terminal() && !is_dumb && !is_set("NO_COLOR"),
    }
}

/// The control sequences that begin and end the parts of a line; all are empty if there are no colors.
#[derive(Default)]
pub struct Colors {
    pub number: String,
    pub address: String,
    pub damage: String,
    pub end: String,
    tcp: String,
    udp: String,
    icmp: String,
    arp: String,
    other: String,
}

impl Colors {
    pub fn new(is_colored: bool) -> Colors {
        if !is_colored {
            return Colors::default();
        }
        let color = |color: AnsiColor| color.on_default().render().to_string();
        Colors {
            number: Style::new().dimmed().render().to_string(),
            address: color(AnsiColor::Cyan),
            damage: AnsiColor::Red.on_default().bold().render().to_string(),
            end: anstyle::Reset.render().to_string(),
            tcp: color(AnsiColor::Green),
            udp: color(AnsiColor::Blue),
            icmp: color(AnsiColor::Magenta),
            arp: color(AnsiColor::Yellow),
            other: Style::new().bold().render().to_string(),
        }
    }

    /// Returns the sequence before the name of the protocol.
    pub fn protocol(&self, headers: &Headers) -> &str {
        match &headers.network {
            Network::Ip(ip) => match ip.protocol {
                IpNumber::TCP => &self.tcp,
                IpNumber::UDP => &self.udp,
                IpNumber::ICMP | IpNumber::IPV6_ICMP => &self.icmp,
                _ => &self.other,
            },
            Network::Arp(_) => &self.arp,
            _ => &self.other,
        }
    }
}
