//! Names of hosts, networks, services and protocols as this system knows them, for `--resolve`.

use std::collections::HashMap;
use std::fs;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use cbpf::lang::Resolver;

/// The length of the longest file of names that is read, in bytes.
const LONGEST_FILE: usize = 16 << 20;

/// Asks the system for the addresses of hosts, and reads its files of names for all else. Each name is looked up once.
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn host(&self, name: &str) -> Vec<IpAddr> {
        static FOUND: Cache<String, Vec<IpAddr>> = Cache::new();
        FOUND.get(name.to_owned(), || {
            let mut addresses = Vec::new();
            for address in (name, 0).to_socket_addrs().into_iter().flatten().map(|address| address.ip()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            addresses
        })
    }

    fn ether(&self, name: &str) -> Option<[u8; 6]> {
        ether(&file("ethers"), name)
    }

    fn network(&self, name: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
        network(&file("networks"), name)
    }

    fn service(&self, name: &str) -> (Option<u16>, Option<u16>) {
        service(&file("services"), name)
    }

    fn protocol(&self, name: &str) -> Option<u8> {
        protocol(&file("protocols"), name)
    }
}

/// What was found once.
struct Cache<K, V>(OnceLock<Mutex<HashMap<K, V>>>);

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    const fn new() -> Cache<K, V> {
        Cache(OnceLock::new())
    }

    fn get(&self, key: K, look_up: impl FnOnce() -> V) -> V {
        let mut found = self.0.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        found.entry(key).or_insert_with(look_up).clone()
    }
}

/// Returns the text of one of the system's files of names; an empty one if there is none.
fn file(name: &'static str) -> String {
    static READ: Cache<&str, String> = Cache::new();
    READ.get(name, || {
        let bytes = fs::read(folder().join(name)).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(..LONGEST_FILE).unwrap_or(&bytes)).into_owned()
    })
}

fn folder() -> PathBuf {
    match std::env::var_os("SystemRoot").filter(|_| cfg!(windows)) {
        Some(root) => PathBuf::from(root).join("System32").join("drivers").join("etc"),
        None => PathBuf::from("/etc"),
    }
}

/// Returns the words of each line, without comments.
fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split('#').next().unwrap_or_default().split_whitespace().collect())
}

/// Returns the value of the first line `NAME VALUE ALIAS..` with this name.
fn value<'t>(text: &'t str, name: &str, accept: impl Fn(&str) -> bool) -> Option<&'t str> {
    lines(text).find_map(|words| match words[..] {
        [first, value, ref aliases @ ..] if (first == name || aliases.contains(&name)) && accept(value) => Some(value),
        _ => None,
    })
}

/// Returns the ports of a service with TCP and with UDP, from the text of `/etc/services`.
fn service(text: &str, name: &str) -> (Option<u16>, Option<u16>) {
    let port = |transport: &str| {
        let found = value(text, name, |value| value.split_once('/').is_some_and(|(_, of)| of == transport))?;
        found.split_once('/')?.0.parse().ok()
    };
    (port("tcp"), port("udp"))
}

/// Returns the number of an IP protocol, from the text of `/etc/protocols`.
fn protocol(text: &str, name: &str) -> Option<u8> {
    value(text, name, |_| true)?.parse().ok()
}

/// Returns a network and its mask, from the text of `/etc/networks`: trailing zeros are no part of the network.
fn network(text: &str, name: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let parts: Vec<u8> =
        value(text, name, |_| true)?.split('.').map(|part| part.parse::<u8>().ok()).collect::<Option<_>>()?;
    let mut address = [0; 4];
    address.get_mut(..parts.len())?.copy_from_slice(&parts);
    let length = address.iter().rposition(|&part| part != 0).map_or(0, |last| last + 1);
    let mask: [u8; 4] = std::array::from_fn(|place| if place < length { 255 } else { 0 });
    Some((address.into(), mask.into()))
}

/// Returns the MAC address of a host, from the text of `/etc/ethers`: `ADDRESS NAME` a line.
fn ether(text: &str, name: &str) -> Option<[u8; 6]> {
    lines(text).find_map(|words| match words[..] {
        [address, host, ..] if host == name => {
            let parts =
                address.split(':').map(|part| u8::from_str_radix(part, 16).ok()).collect::<Option<Vec<u8>>>()?;
            parts.try_into().ok()
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_names_and_aliases() {
        let services =
            "# comment\ndomain 53/tcp\ndomain\t53/udp # DNS\nweb-app 8888/tcp  app webby\nbad\nworse x/tcp\n";
        assert_eq!(service(services, "domain"), (Some(53), Some(53)));
        assert_eq!(service(services, "webby"), (Some(8888), None));
        assert_eq!(service(services, "bad"), (None, None));
        assert_eq!(service(services, "worse"), (None, None));
        assert_eq!(protocol("icmp 1 ICMP\nodd 300\n", "ICMP"), Some(1));
        assert_eq!(protocol("icmp 1 ICMP\nodd 300\n", "odd"), None);
    }

    #[test]
    fn networks_end_before_their_zeros() {
        let networks = "loopback 127.0.0.0\nlan 192.168.1.0 home\nten 10\nnone 0.0.0.0\nlong 1.2.3.4.5\n";
        let found = |name| network(networks, name).map(|(address, mask)| (address.to_string(), mask.to_string()));
        assert_eq!(found("loopback"), Some(("127.0.0.0".to_owned(), "255.0.0.0".to_owned())));
        assert_eq!(found("home"), Some(("192.168.1.0".to_owned(), "255.255.255.0".to_owned())));
        assert_eq!(found("ten"), Some(("10.0.0.0".to_owned(), "255.0.0.0".to_owned())));
        assert_eq!(found("none"), Some(("0.0.0.0".to_owned(), "0.0.0.0".to_owned())));
        assert_eq!((found("long"), found("wan")), (None, None));
    }

    #[test]
    fn ethers_begin_with_the_address() {
        let ethers = "0:c0:4f:1:2:3 printer\n00:11:22:33:44 short\n00:11:22:33:44:55 host # x\n";
        assert_eq!(ether(ethers, "printer"), Some([0, 0xc0, 0x4f, 1, 2, 3]));
        assert_eq!(ether(ethers, "host"), Some([0, 0x11, 0x22, 0x33, 0x44, 0x55]));
        assert_eq!((ether(ethers, "short"), ether(ethers, "x")), (None, None));
    }
}
