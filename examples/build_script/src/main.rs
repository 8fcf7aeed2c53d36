//! Runs filters that the build script has written as Rust: no library, no allocation, no compilation at run time.

#![forbid(unsafe_code)]

include!(concat!(env!("OUT_DIR"), "/filters.rs"));

/// Returns an Ethernet frame with a segment of TCP from 192.0.2.1 to a port of this host.
fn frame(host: [u8; 4], port: u16) -> [u8; 54] {
    let mut frame = [0; 54];
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    frame[14] = 0x45;
    frame[23] = 6;
    frame[26..30].copy_from_slice(&[192, 0, 2, 1]);
    frame[30..34].copy_from_slice(&host);
    frame[36..38].copy_from_slice(&port.to_be_bytes());
    frame
}

fn main() {
    for (host, port) in [([192, 0, 2, 2], 443), ([10, 0, 0, 2], 443), ([192, 0, 2, 2], 53)] {
        let frame = frame(host, port);
        let wire_len = frame.len() as u32;
        let verdicts = (is_https(&frame, wire_len), is_dns(&frame, wire_len));
        println!("to {host:?}, port {port}: is_https {}, is_dns {}", verdicts.0, verdicts.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_have_the_verdicts_of_the_expressions() {
        for (host, port, https, dns) in [
            ([192, 0, 2, 2], 443, true, false),
            ([10, 0, 0, 2], 443, false, false),
            ([192, 0, 2, 2], 53, false, true),
            ([192, 0, 2, 2], 80, false, false),
        ] {
            let frame = frame(host, port);
            let verdicts = [is_https(&frame, 54), is_dns(&frame, 54)];
            assert_eq!(verdicts.map(|verdict| verdict != 0), [https, dns], "to {host:?}, port {port}");
        }
    }

    #[test]
    fn short_packets_are_dropped() {
        let frame = frame([192, 0, 2, 2], 443);
        (0..38).for_each(|len| assert_eq!(is_https(&frame[..len], 54), 0));
    }
}
