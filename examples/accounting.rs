//! Counts the packets and bytes of each rule, as an accounting daemon does: every rule that keeps a packet counts it.
//!
//! `cargo run --release --example accounting` accounts for some frames that it makes itself. A daemon would take them from
//! a socket or a ring, a batch at a time, and print the table every few seconds.

use std::collections::BTreeMap;
use std::error::Error;

use cbpf::{Dialect, FilterSet, Matches, Packet, Program, Verified, Width};

/// What a rule has seen.
#[derive(Default)]
struct Account {
    packets: u64,
    bytes: u64,
}

/// Rules, by name: frames of this EtherType, with a datagram to this port of UDP over IPv4 if one is given.
const RULES: [(&str, u16, Option<u16>); 4] =
    [("ipv4", 0x0800, None), ("ipv6", 0x86dd, None), ("arp", 0x0806, None), ("dns", 0x0800, Some(53))];

fn rule(ether_type: u16, port: Option<u16>) -> Result<Verified, Box<dyn Error>> {
    let program = Program::builder().load_half(12).jump_if_ne(u32::from(ether_type), "other");
    let program = match port {
        None => program,
        Some(port) => program
            .load_byte(23)
            .jump_if_ne(17, "other")
            .load_header_length(14)
            .load_indirect(Width::Half, 16)
            .jump_if_ne(u32::from(port), "other"),
    };
    Ok(program.ret(u32::MAX).label("other").ret(0).build()?.verify(Dialect::Pcap)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let rules: Result<Vec<_>, _> = (0..)
        .zip(RULES)
        .map(|(id, (_, ether_type, port))| rule(ether_type, port).map(|program| (id, program)))
        .collect();
    let set = FilterSet::new(rules?)?;
    let mut accounts: BTreeMap<u32, Account> = BTreeMap::new();
    let mut matches = Matches::new();
    for number in 0..100_000_u32 {
        let frame = frame(number);
        // The kernel may give less than was on the wire.
        let packet = Packet::new(&frame).with_wire_len(1_000 + number % 500);
        set.matches(packet, &mut matches);
        for &id in matches.ids() {
            let account = accounts.entry(id).or_default();
            account.packets += 1;
            account.bytes += u64::from(packet.wire_len());
        }
    }
    println!("{:8} {:>10} {:>12}", "rule", "packets", "bytes");
    for (id, Account { packets, bytes }) in accounts {
        println!("{:8} {packets:>10} {bytes:>12}", RULES[id as usize].0);
    }
    Ok(())
}

/// Some frame.
fn frame(number: u32) -> Vec<u8> {
    let ether_type = [0x0800_u16, 0x0800, 0x86dd, 0x0806][number as usize % 4].to_be_bytes();
    let mut frame = [&[0; 12][..], &ether_type, &[0x45], &[0; 8], &[17], &[0; 36]].concat();
    frame[37] = if number.is_multiple_of(3) { 53 } else { 80 };
    frame
}
