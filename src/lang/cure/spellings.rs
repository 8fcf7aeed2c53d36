//! Keywords in upper case, words of other languages for them, and misspelt ones.

use alloc::string::ToString;

use crate::lang::cure::words::{is_number, keyword, kind};
use crate::lang::cure::{Edit, Habit, Site};
use crate::lang::names;

pub(super) static HABITS: [Habit; 4] = [everything, upper_case, synonym, service];

/// `any`, which is no test.
fn everything(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    if words.len() != 1 || !matches!(words.get(index), "any" | "all" | "*" | "everything" | "true") {
        return None;
    }
    let mut edit = Edit::of(words, 0..1, "", format!("expected a test, found `{}`", words.get(index)));
    edit.lead = Some("leave the expression out: without one, every packet matches".into());
    Some(edit)
}

/// Words of other languages, and how they are written.
#[rustfmt::skip]
static SYNONYMS: [(&str, &str); 47] = [
    ("ipv4", "ip"), ("ip4", "ip"), ("inet", "ip"), ("ipv6", "ip6"), ("inet6", "ip6"), ("icmpv6", "icmp6"),
    ("icmp4", "icmp"), ("ethernet", "ether"), ("eth", "ether"), ("mac", "ether host"),
    ("source", "src"), ("from", "src"), ("sourceip", "src host"), ("srcip", "src host"), ("saddr", "src host"),
    ("src-ip", "src host"), ("src_ip", "src host"), ("srchost", "src host"), ("sip", "src host"),
    ("destination", "dst"), ("dest", "dst"), ("to", "dst"), ("destip", "dst host"), ("dstip", "dst host"),
    ("daddr", "dst host"), ("dst-ip", "dst host"), ("dst_ip", "dst host"), ("dsthost", "dst host"),
    ("dip", "dst host"),
    ("srcport", "src port"), ("sport", "src port"), ("src-port", "src port"), ("src_port", "src port"),
    ("dstport", "dst port"), ("dport", "dst port"), ("dst-port", "dst port"), ("dst_port", "dst port"),
    ("destport", "dst port"),
    ("ports", "port"), ("hosts", "host"), ("addr", "host"), ("address", "host"), ("network", "net"),
    ("subnet", "net"), ("range", "portrange"), ("protocol", "proto"), ("vlanid", "vlan"),
];

/// `TCP PORT 80`: all keywords of the text become lower case.
fn upper_case(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let is_upper = |index: usize| {
        let word = words.get(index);
        keyword(word).is_none() && keyword(&word.to_ascii_lowercase()).is_some()
    };
    if !is_upper(index) {
        return None;
    }
    let mut replacement = words.text[words.span(index..words.len())].to_string();
    let start = words.span(index..index + 1).start;
    for at in (index..words.len()).filter(|&at| is_upper(at)) {
        let span = words.span(at..at + 1);
        replacement.replace_range(span.start - start..span.end - start, &words.get(at).to_ascii_lowercase());
    }
    let message = format!("expected keywords in lower case, found `{}`", words.get(index));
    Some(Edit::of(words, index..words.len(), replacement, message))
}

/// Returns whether a word is one of another language for a keyword.
pub(super) fn is_synonym(word: &str) -> bool {
    SYNONYMS.iter().any(|(other, _)| *other == word)
}

/// Returns words of other languages and what they are called.
pub(super) fn synonyms() -> impl Iterator<Item = (&'static str, &'static str)> {
    SYNONYMS.iter().copied()
}

fn synonym(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    // `--dport` is one of iptables.
    let lower = word.trim_start_matches('-').to_ascii_lowercase();
    let (_, right) = SYNONYMS.iter().find(|(other, _)| *other == lower)?;
    // The kind may follow: `source host`.
    let next = kind(words.get(index + 1)).is_some() || kind(words.before(index)).is_some();
    let right = if next { right.split(' ').next().unwrap_or(right) } else { right };
    let message = format!("expected a keyword; `{word}` is called `{right}` here");
    Some(Edit::of(words, index..index + 1, right, message))
}

/// `https`, a service without `port`.
fn service(site: &Site, index: usize) -> Option<Edit> {
    let words = &site.words;
    let word = words.get(index);
    let is_start = matches!(words.before(index), "" | "(" | "and" | "or" | "not" | "&&" | "||" | "!");
    let is_service = names::service(word) != (None, None) && !is_number(word);
    let message = format!("expected a qualifier such as `port` before the service `{word}`");
    (is_start && is_service).then(|| Edit::of(words, index..index + 1, format!("port {word}"), message))
}
