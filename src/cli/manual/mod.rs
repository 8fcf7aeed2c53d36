//! The manual pages: those of subcommands, and those of the language and of files of rules, which are texts here.
//!
//! A line of a text begins with what it is; other lines are paragraphs, with a blank line between.
//!
//! | beginning | line |
//! |---|---|
//! | `#` | a section |
//! | `:` | the term that the next paragraph describes |
//! | `>` | an expression for Ethernet and ` -- ` its description; `>NAME` for the link type of that name |
//! | `!` | an invalid expression; the page has the suggestion |
//! | `=` | a line of a file |
//! | `$` | a command and ` -- ` its description |
//! | `@` | a list of `keywords` or `link-types` |
//!
//! In texts, `` ` `` encloses what is typed, and `*` what it stands for. Tests compile all expressions.

mod command;

use std::io;

use cbpf::lang::keywords;
use cbpf::{ExprError, LinkType, Target, compile_expression};
use clap::{Command, CommandFactory};
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use crate::cli::Cli;

/// The date of all pages, that of the last change of what they say, and the version.
const DATE: &str = "2026-11-29";
const VERSION: &str = concat!("cbpf ", env!("CARGO_PKG_VERSION"));

/// The pages that are texts: the name, the section, and the text.
const PAGES: [(&str, &str, &str); 2] =
    [("cbpf-filter", "7", include_str!("cbpf-filter.7.txt")), ("cbpf-rules", "5", include_str!("cbpf-rules.5.txt"))];

/// Returns the file name and the content of each page.
pub fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    append_pages(command, &mut pages)?;
    pages.extend(texts());
    Ok(pages)
}

fn append_pages(command: Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for subcommand in command.get_subcommands().cloned() {
        append_pages(subcommand, pages)?;
    }
    pages.push(command::page(command)?);
    Ok(())
}

fn texts() -> impl Iterator<Item = (String, Vec<u8>)> {
    PAGES.iter().map(|(name, section, text)| (format!("{name}.{section}"), page(name, section, text).into_bytes()))
}

fn page(name: &str, section: &str, text: &str) -> String {
    let mut page = Roff::new();
    page.control("TH", [name, section, DATE, VERSION, "cbpf"]);
    let mut paragraph: Vec<&str> = Vec::new();
    // A term has its paragraph already, and so has the text under the heading of a section.
    let mut is_begun = false;
    for line in text.lines().chain([""]) {
        let (mark, rest) = line.split_at(line.len().min(1));
        let rest = rest.trim_start();
        if matches!(mark, "" | "#" | ":" | ">" | "!" | "=" | "$" | "@") {
            if !paragraph.is_empty() {
                if !is_begun {
                    page.control("PP", []);
                }
                page.text(inlines(&paragraph.join(" ")));
                is_begun = false;
            }
            paragraph.clear();
        }
        match mark {
            "" => {}
            "#" => {
                page.control("SH", [rest]);
                is_begun = true;
            }
            ":" => {
                page.control("TP", []).text(term(rest));
                is_begun = true;
            }
            ">" => example(&mut page, expression(line).1, description(line)),
            "!" => example(&mut page, rest, &suggestion(rest)),
            "=" => literal(&mut page, rest),
            "$" => example(&mut page, command(line), description(line)),
            "@" => list(&mut page, rest),
            _ => paragraph.push(line),
        }
    }
    page.render()
}

/// Adds an example and its description.
fn example(page: &mut Roff, example: &str, description: &str) {
    page.control("TP", []).text([bold(example)]);
    if !description.is_empty() {
        page.text(inlines(description));
    }
}

/// Adds a line of a file.
fn literal(page: &mut Roff, line: &str) {
    page.control("nf", []).text([bold(format!("    {line}"))]).control("fi", []);
}

/// Splits a term into what is typed and what it stands for.
fn term(text: &str) -> Vec<Inline> {
    let parts = text.split('*').enumerate().filter(|(_, part)| !part.is_empty());
    parts.map(|(place, part)| if place % 2 == 0 { bold(part) } else { italic(part) }).collect()
}

/// Splits a text into what is typed, what it stands for, and the rest.
fn inlines(text: &str) -> Vec<Inline> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(['`', '*']) {
        let mark = &rest[start..=start];
        let Some(length) = rest[start + 1..].find(mark) else { break };
        let inside = &rest[start + 1..start + 1 + length];
        found.push(roman(&rest[..start]));
        found.push(if mark == "`" { bold(inside) } else { italic(inside) });
        rest = &rest[start + length + 2..];
    }
    found.push(roman(rest));
    found
}

/// Returns the link type and the expression of an example.
fn expression(line: &str) -> (LinkType, &str) {
    let line = line.strip_prefix('>').unwrap_or(line);
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    (name.parse().unwrap_or(LinkType::ETHERNET), rest.split(" -- ").next().unwrap_or(rest).trim())
}

/// Returns the command of an example.
fn command(line: &str) -> &str {
    line.trim_start_matches(['$', ' ']).split(" -- ").next().unwrap_or(line)
}

/// Returns the description of an example.
fn description(line: &str) -> &str {
    line.rsplit_once(" -- ").map_or("", |(_, description)| description)
}

/// Returns what is suggested for an invalid expression.
fn suggestion(expression: &str) -> String {
    match compile_expression(expression, &Target::new(LinkType::ETHERNET)) {
        Err(ExprError::Invalid(error)) => format!("is meant as `{}`", error.suggestion().unwrap_or_default()),
        _ => String::new(),
    }
}

fn list(page: &mut Roff, name: &str) {
    match name {
        "keywords" => {
            page.control("PP", []).text([roman(keywords().collect::<Vec<_>>().join(", "))]);
        }
        _ => {
            for link_type in LinkType::all() {
                let name = link_type.name().unwrap_or_default();
                let description = format!("{} ({})", link_type.description().unwrap_or_default(), link_type.number());
                page.control("TP", []).text([bold(name)]).text([roman(description)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cbpf::Expr;

    use super::*;

    fn lines(mark: char) -> impl Iterator<Item = &'static str> {
        PAGES.iter().flat_map(|(.., text)| text.lines()).filter(move |line| line.starts_with(mark))
    }

    #[test]
    fn examples_compile() {
        let mut count = 0;
        for line in lines('>') {
            let (link_type, text) = expression(line);
            let target = Target::new(link_type).netmask(0);
            compile_expression(text, &target).unwrap_or_else(|error| panic!("{line}: {error}"));
            count += 1;
        }
        for line in lines('=') {
            let (name, text) = line[1..].split_once(':').unwrap();
            assert!(!name.trim().is_empty());
            text.split('#').next().unwrap().parse::<Expr>().unwrap_or_else(|error| panic!("{line}: {error}"));
            count += 1;
        }
        assert!(count > 60, "{count}");
    }

    #[test]
    fn mistakes_have_suggestions() {
        for line in lines('!') {
            assert!(suggestion(line[1..].trim()).len() > "is meant as ``".len(), "{line}");
        }
        assert!(lines('!').count() > 10);
    }

    #[test]
    fn pages_have_all_parts() {
        for (name, page) in texts() {
            let page = String::from_utf8(page).unwrap();
            assert!(page.contains("\n.SH DESCRIPTION\n") && !page.contains("\n@"), "{name}");
            assert!(page.lines().all(|line| line != "." && !line.ends_with(' ')), "{name}");
        }
        let (_, filter) = texts().next().unwrap();
        let filter = String::from_utf8(filter).unwrap();
        assert!(filter.contains("portrange 80\\-90") && filter.contains("LINUX_SLL2") && filter.contains("icmp6type"));
    }
}
