//! Counts the packets and bytes of each matching rule, as an accounting daemon does.
//!
//! `cargo run --release --example accounting` uses synthetic frames. A daemon would receive them from a socket or a
//! ring, and print the table every few seconds.

use std::error::Error;

use cbpf::filter_set::Matches;
use cbpf::{FilterSet, LinkType, Packet};

const RULES: [(&str, &str); 5] =
    [("ipv4", "ip"), ("ipv6", "ip6"), ("arp", "arp"), ("dns", "udp port 53"), ("large", "udp and greater 1400")];

/// The totals of a rule.
#[derive(Clone, Copy, Default)]
struct Account {
    packets: u64,
    bytes: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let set = FilterSet::from_expressions((0..).zip(RULES.map(|(_, expression)| expression)), LinkType::ETHERNET)?;
    let mut accounts = [Account::default(); RULES.len()];
    let mut matches = Matches::new();
    for number in 0..100_000 {
        let frame = frame(number);
        // The captured bytes may be fewer than those on the wire.
        let packet = Packet::new(&frame).with_wire_len(1_000 + number % 500);
        set.matches(packet, &mut matches);
        for &id in matches.ids() {
            let account = &mut accounts[id as usize];
            account.packets += 1;
            account.bytes += u64::from(packet.wire_len());
        }
    }
    println!("{:8} {:>10} {:>12}", "rule", "packets", "bytes");
    for ((name, _), Account { packets, bytes }) in RULES.iter().zip(accounts) {
        println!("{name:8} {packets:>10} {bytes:>12}");
    }
    Ok(())
}

/// Returns a frame.
fn frame(number: u32) -> Vec<u8> {
    let ether_type = [0x0800_u16, 0x0800, 0x86dd, 0x0806][number as usize % 4].to_be_bytes();
    let mut frame = [&[0; 12][..], &ether_type, &[0x45], &[0; 8], &[17], &[0; 36]].concat();
    frame[37] = if number % 3 == 0 { 53 } else { 80 };
    frame
}
