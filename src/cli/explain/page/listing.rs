//! A program as a table: its instructions with links to their targets, meanings, and numbers of packets.

use std::fmt::Write;

use indicatif::HumanCount;

use super::html::escaped;
use crate::cli::explain::flow_graph::Listing;

/// The table of a program, perhaps of its beginning only.
#[derive(Default)]
pub(super) struct Table {
    pub(super) html: String,
    /// The number of instructions in it.
    pub(super) rows: usize,
}

impl Table {
    /// Prints a table of at most `bytes` bytes. `executed` holds the number of packets at each instruction, or is
    /// empty; the identifiers of the rows begin with `prefix`. The `options` of `cbpf explain` print a listing that is
    /// cut.
    pub(super) fn new(listing: &Listing, executed: &[u64], prefix: &str, options: &str, bytes: usize) -> Table {
        let (html, rows) = table(listing, executed, prefix, options, bytes);
        Table { html, rows }
    }
}

fn table(listing: &Listing, executed: &[u64], prefix: &str, options: &str, bytes: usize) -> (String, usize) {
    let packets = if executed.is_empty() { "" } else { "<th scope=col class=n>packets" };
    let mut html = format!(
        "<div class=scroll tabindex=0 role=region aria-label=Listing><table><thead><tr><th scope=col>#\
         <th scope=col>instruction<th scope=col>jumps to<th scope=col>meaning{packets}<tbody>\n"
    );
    for (pc, line) in listing.lines.iter().enumerate() {
        if html.len() > bytes {
            let rest = HumanCount((listing.lines.len() - pc) as u64);
            let _ = write!(
                html,
                "</table></div><p class=note>The listing is long: {rest} more instructions are not shown; \
                 <code>cbpf explain {options}</code> prints them.</p>"
            );
            return (html, pc);
        }
        let (instruction, targets) = targets(line);
        let class = if executed.get(pc) == Some(&0) { " class=never" } else { "" };
        let _ =
            write!(html, "<tr id={prefix}{pc}{class}><th scope=row>{pc}<td><code>{}</code><td>", escaped(instruction));
        for (name, class, target) in targets {
            let _ = write!(html, "<a class={class} title={name} href=#{prefix}{target}>{target}</a> ");
        }
        let _ = write!(html, "<td>{}", escaped(listing.meaning(pc).unwrap_or("")));
        if let Some(&packets) = executed.get(pc) {
            let _ = write!(html, "<td class=n>{}", HumanCount(packets));
        }
        html.push('\n');
    }
    (html + "</table></div>\n", listing.lines.len())
}

/// Splits a line into the instruction and its targets, each with its name and its class.
fn targets(line: &str) -> (&str, Vec<(&'static str, &'static str, &str)>) {
    if let Some((instruction, rest)) = line.split_once(" jt ")
        && let Some((held, failed)) = rest.split_once(" jf ")
    {
        return (instruction, vec![("true", "t", held), ("false", "f", failed)]);
    }
    match line.strip_prefix("ja ") {
        Some(target) if target.bytes().all(|byte| byte.is_ascii_digit()) => ("ja", vec![("always", "j", target)]),
        _ => (line, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cbpf::{Dialect, LinkType, Program};

    fn listing(text: &str) -> Listing {
        let program: Program = text.parse().unwrap();
        Listing::new(&program.verify(Dialect::Linux).unwrap(), LinkType::ETHERNET)
    }

    #[test]
    fn links_targets() {
        let listing = listing("ldh [12]\n jne #0x800, drop\n ja keep\n drop: ret #0\n keep: ret #1");
        let html = Table::new(&listing, &[5, 5, 2, 0, 2], "g0a", "", 10_000).html;
        for words in [
            "<tr id=g0a1><th scope=row>1<td><code>jeq #0x800</code><td><a class=t title=true href=#g0a2>2</a> \
             <a class=f title=false href=#g0a3>3</a> <td>ethertype = IPv4<td class=n>5",
            "<code>ja</code><td><a class=j title=always href=#g0a4>4</a>",
            "<tr id=g0a3 class=never>",
        ] {
            assert!(html.contains(words), "{words} in {html}");
        }
    }

    #[test]
    fn cuts_long_listings() {
        let listing = listing(&format!("{}ret a", "add #1\n".repeat(4000)));
        let Table { html, rows } = Table::new(&listing, &[], "x", "--format text -O", 10_000);
        assert!(html.len() < 11_000 && html.contains("more instructions are not shown"), "{}", html.len());
        assert!(html.contains("<code>cbpf explain --format text -O</code>"), "{html}");
        assert!(html.contains(&format!("id=x{}", rows - 1)) && !html.contains(&format!("id=x{rows}>")), "{rows}");
    }
}
