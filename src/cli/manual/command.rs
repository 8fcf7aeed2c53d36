//! The manual pages of the subcommands, generated from the definitions of their arguments.
//!
//! `clap_mangen` prints what clap knows as text. The rest is printed here: a synopsis with the values of options, and
//! the lists that the help has after the options.

use std::io;

use clap::{Arg, ArgAction, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::{DATE, VERSION, inlines};

/// The beginnings of the lists after the options, and the headings of their sections.
const EXIT_CODES: (&str, &str) = ("Exit codes:", "EXIT STATUS");
const EXAMPLES: (&str, &str) = ("Example:", "EXAMPLES");

/// Returns the file name and the content of the page of a built command.
pub(super) fn page(command: Command) -> io::Result<(String, Vec<u8>)> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut title = Roff::new();
    title.control("TH", [&name, "1", DATE, VERSION, "cbpf"]);
    let mut page = title.render();

    let man = Man::new(command.clone().subcommand_help_heading("COMMANDS"));
    section(&mut page, |text| man.render_name_section(text))?;
    section(&mut page, |text| synopsis(&command).to_writer(text))?;
    section(&mut page, |text| man.render_description_section(text))?;
    section(&mut page, |text| man.render_options_section(text))?;
    if command.has_subcommands() {
        section(&mut page, |text| man.render_subcommands_section(text))?;
    }
    let lists = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    section(&mut page, |text| lists_after(&lists).to_writer(text))?;
    section(&mut page, |text| see_also(&name).to_writer(text))?;
    Ok((man.get_filename(), page.into_bytes()))
}

/// Appends a section without what comes before each document, and without two breaks before the values of an option.
fn section(page: &mut String, render: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> io::Result<()> {
    let mut text = Vec::new();
    render(&mut text)?;
    let preamble = Roff::new().render();
    let text = String::from_utf8_lossy(&text);
    let text = text.strip_prefix(&preamble).unwrap_or(&text);
    page.push_str(&text.replace("\n.br\n\n.br\n", "\n.sp\n"));
    Ok(())
}

/// Returns the synopsis: options with their values, the arguments, and that there is a command.
fn synopsis(command: &Command) -> Roff {
    let mut line = vec![bold(command.get_bin_name().unwrap_or_else(|| command.get_name()))];
    let shown = || command.get_arguments().filter(|argument| !argument.is_hide_set());
    let (options, operands): (Vec<&Arg>, Vec<&Arg>) = shown().partition(|argument| !argument.is_positional());
    for argument in options.into_iter().chain(operands) {
        let (open, close) = if argument.is_required_set() { (" ", "") } else { (" [", "]") };
        let more = if is_repeated(argument) { "..." } else { "" };
        line.push(roman(open));
        line.extend(usage(argument));
        line.push(roman(format!("{close}{more}")));
    }
    if command.has_subcommands() {
        line.extend([roman(" "), italic("COMMAND"), roman(" ...")]);
    }
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]).text(line);
    roff
}

/// Returns an argument as it is typed: `-r|--read CAPTURE`.
fn usage(argument: &Arg) -> Vec<Inline> {
    let mut words = Vec::new();
    let names =
        [argument.get_short().map(|short| format!("-{short}")), argument.get_long().map(|long| format!("--{long}"))];
    for name in names.into_iter().flatten() {
        if !words.is_empty() {
            words.push(roman("|"));
        }
        words.push(bold(name));
    }
    if argument.is_positional() || argument.get_action().takes_values() {
        let value = argument.get_value_names().map_or_else(
            || argument.get_id().to_string(),
            |names| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        );
        let is_optional = argument.get_num_args().is_some_and(|range| range.min_values() == 0) && !words.is_empty();
        let blank = if words.is_empty() { "" } else { " " };
        match is_optional {
            true => words.extend([roman("[="), italic(value), roman("]")]),
            false => words.extend([roman(blank), italic(value)]),
        }
    }
    words
}

/// Returns whether an argument may be given more than once, or takes several values.
fn is_repeated(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Append | ArgAction::Count)
        || argument.get_num_args().is_some_and(|range| range.max_values() > 1)
}

/// Returns the sections for the lists after the options.
fn lists_after(lists: &str) -> Roff {
    let mut roff = Roff::new();
    for list in lists.split("\n\n") {
        let (title, lines) = list.split_once('\n').unwrap_or((list, ""));
        match title {
            title if title == EXIT_CODES.0 => {
                roff.control("SH", [EXIT_CODES.1]);
                exit_codes(&mut roff, lines);
            }
            title if title == EXAMPLES.0 => {
                roff.control("SH", [EXAMPLES.1]).control("nf", []);
                lines.lines().for_each(|line| _ = roff.text([roman(line)]));
                roff.control("fi", []);
            }
            _ => list.lines().for_each(|line| _ = roff.text([roman(line)])),
        }
    }
    roff
}

/// Adds the exit codes: `  1  wrong usage`, with its further lines, and a paragraph after the list.
fn exit_codes(roff: &mut Roff, lines: &str) {
    let mut is_list = true;
    for line in lines.lines() {
        let code = line.strip_prefix("  ").and_then(|line| line.split_once("  "));
        match code {
            Some((code, words)) if !code.is_empty() => {
                roff.control("TP", []).text([bold(code)]).text(inlines(words.trim()));
                continue;
            }
            _ if is_list && !line.starts_with(' ') => {
                roff.control("PP", []);
                is_list = false;
            }
            _ => {}
        }
        roff.text(inlines(line.trim()));
    }
}

/// Returns the section about other pages.
fn see_also(name: &str) -> Roff {
    let others = [("cbpf", 1), ("cbpf-rules", 5), ("cbpf-filter", 7)];
    let mut words = Vec::new();
    for (other, section) in others.into_iter().filter(|&(other, section)| (other, section) != (name, 1)) {
        if !words.is_empty() {
            words.push(roman(", "));
        }
        words.extend([bold(other), roman(format!("({section})"))]);
    }
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).text(words);
    roff
}

#[cfg(test)]
mod tests {
    use super::super::pages;

    fn of(name: &str) -> String {
        let (_, page) = pages().unwrap().into_iter().find(|(other, _)| other == name).unwrap();
        String::from_utf8(page).unwrap()
    }

    #[test]
    fn main_page_has_its_sections() {
        let page = of("cbpf.1");
        let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
        let names =
            ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "\"EXIT STATUS\"", "EXAMPLES", "\"SEE ALSO\""];
        assert_eq!(sections, names);
        assert!(page.contains(".TP\n\\fB4\\fR\ntoo complex to be decided\n.PP\nWith \\fBcbpf filter"), "{page}");
        assert!(page.contains("\\fBcbpf\\-filter\\fR(7)"), "{page}");
        assert!(!page.contains("cbpf\\-help"), "{page}");
    }

    #[test]
    fn all_pages_have_a_title_and_values() {
        for (name, page) in pages().unwrap() {
            let page = String::from_utf8(page).unwrap();
            let title = page.lines().find(|line| line.starts_with(".TH ")).unwrap();
            assert!(title.contains(" 20") && title.contains("\"cbpf 0."), "{name}: {title}");
            assert!(page.contains("\n.SH \"SEE ALSO\"\n") && !page.contains("EXTRA"), "{name}");
            assert_eq!(page.matches("\n.ie ").count(), 0, "{name}");
            assert!(!page.contains(".br\n\n"), "{name}");
        }
        let filter = of("cbpf-filter.1");
        for words in ["[\\fB\\-r\\fR|\\fB\\-\\-read\\fR \\fICAPTURE\\fR]...", "\\-w\\fR|"] {
            assert!(filter.contains(words), "{words} in {filter}");
        }
    }
}
