//! The page of `cbpf explain`: one HTML file that needs nothing else, also no network.
//!
//! - Expressions, file names and data are escaped: by [`html::escaped`] in the text, by [`html::script_data`] in the
//!   data of the script.
//! - Each part of the page has a limit in bytes, and says what it leaves out, so a page is below 1 MB, and its time and
//!   memory are bounded.
//! - The same input gives the same page.

mod expression;
mod html;
mod listing;
mod packets;

use std::fmt::Write;

use cbpf::lang::{Effect, Warning};
use serde_json::{Value, json};

use super::block_groups::{BlockGroup, block_groups};
use super::flow_graph::{FlowGraph, Listing};
use super::svg_box::{MOST_ROWS, exit_of};
use super::{Explained, legend, svg_output};
use crate::cli::print::counted;
use html::escaped;
use listing::Table;

/// The most programs that are shown, those with the most packets.
const MOST_PROGRAMS: usize = 8;

/// The limits of all pictures, listings, packets, folded chains, and lines beyond listings together, in bytes.
const PICTURES: usize = 320_000;
const LISTINGS: usize = 280_000;
const PACKETS: usize = 200_000;
const FOLDS: usize = 40_000;
const LINES: usize = 80_000;

/// The most warnings about an expression that are shown.
const MOST_WARNINGS: usize = 8;

/// The most boxes of a picture, for which the layout takes about a second.
const MOST_BOXES: usize = 2000;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Allows the page its own styles and script, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'";

/// Prints the page of an expression, or of a program from the file `name`, with its traffic for each link type.
pub(super) fn print(name: &str, expression: Option<&str>, mut programs: Vec<Explained>) -> String {
    programs.sort_by_key(|program| std::cmp::Reverse(program.profile.packets()));
    let left_out = programs.len().saturating_sub(MOST_PROGRAMS);
    programs.truncate(MOST_PROGRAMS);
    let count = programs.len();
    let (mut body, mut data) = (String::new(), Vec::new());
    for (number, program) in programs.into_iter().enumerate() {
        let section = Section::new(name, number, count, program);
        body += &section.html();
        data.push(section.data());
    }
    if left_out > 0 {
        body +=
            &format!("<p class=note>{} with fewer packets are not shown.</p>", counted(left_out as u64, "link type"));
    }
    let title = escaped(&html::beginning(name, 120));
    let (kind, intro) = match expression {
        Some(text) => ("expression", expression::print(text)),
        None => ("program", format!("<p class=file>The program in <code>{title}</code></p>")),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n\
         <meta http-equiv=Content-Security-Policy content=\"{POLICY}\">\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
         <meta name=color-scheme content=\"light dark\">\n\
         <title>{title} - cbpf explain</title>\n<style>\n{STYLE}</style>\n\
         <noscript><style>.buttons, .choose, .step, .bytes {{ display: none }}</style></noscript>\n\
         <header><h1>How this {kind} filters</h1>{intro}</header>\n<main>\n{body}</main>\n\
         <script type=application/json id=data>{}</script>\n<script>\n{SCRIPT}</script>\n</html>\n",
        html::script_data(&Value::Array(data))
    )
}

/// Returns the options that print the whole of a listing.
fn hint(stage: usize) -> &'static str {
    if stage == 0 { "--format text -O" } else { "--format text" }
}

/// The part of the page about one program.
struct Section {
    number: usize,
    /// The number of sections, which share the limits.
    count: usize,
    graph: FlowGraph,
    groups: Vec<BlockGroup>,
    /// The listings before and after the optimiser; the picture and the steps are those of `shown`.
    listings: [Listing; 2],
    shown: usize,
    /// The tables of the listings, empty if the optimiser changes nothing and it is the other one.
    tables: [Table; 2],
    rejects_all: bool,
    packets: packets::Packets,
    warnings: Vec<Warning>,
    summary: String,
}

impl Section {
    fn new(name: &str, number: usize, count: usize, program: Explained) -> Section {
        let graph = FlowGraph::new(name, &program);
        let Explained { link_type, profile, stages, .. } = program;
        let groups = block_groups(&graph.blocks);
        let executed = if graph.has_traffic { profile.executions() } else { Vec::new() };
        let (listings, shown, sample, warnings) = match stages {
            Some(stages) => {
                let listings = stages.programs.each_ref().map(|program| Listing::new(program, link_type));
                (listings, stages.shown, stages.sample.into_packets(), stages.warnings)
            }
            None => ([(); 2].map(|()| Listing::new(profile.verified(), link_type)), 0, Vec::new(), Vec::new()),
        };
        let description = link_type.description().unwrap_or("unnamed link type");
        let traffic = graph.traffic().map_or(String::new(), |traffic| format!(": {traffic}"));
        let summary = format!("{description} ({link_type}){traffic}");
        let packets = packets::Packets::new(sample, PACKETS / count);
        let rejects_all = profile.verified().rejects_all();
        let is_same = listings[0].lines == listings[1].lines;
        let tables = [0, 1].map(|stage| {
            let prefix = format!("g{number}{}", if stage == 0 { 'b' } else { 'a' });
            let executed: &[u64] = if stage == shown { &executed } else { &[] };
            match is_same && stage != shown {
                true => Table::default(),
                false => Table::new(&listings[stage], executed, &prefix, hint(stage), LISTINGS / 2 / count),
            }
        });
        Section { rejects_all, number, count, graph, groups, listings, shown, tables, packets, warnings, summary }
    }

    fn html(&self) -> String {
        let number = self.number;
        let summary = escaped(&self.summary);
        let mut text = format!("<section class=program data-program={number} aria-labelledby=h{number}>\n");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "<h2 id=h{number}>{summary}</h2>");
        text += &self.warnings();
        let (class, player) = match self.graph.has_traffic {
            true => ("way", self.packets.html(number)),
            false => ("alone", String::new()),
        };
        let _ = writeln!(
            text,
            "<div class={class}>{player}<div class=frame>\n<div class=head>{}<span class=size>{} \
             <button type=button class=fit aria-pressed=false hidden>Fit</button></span></div>\n\
             <div class=picture tabindex=0 role=region aria-label=Picture>{}</div></div></div>",
            legend::html(&self.graph),
            self.graph.size(),
            self.picture()
        );
        text += "<div class=listings>\n";
        for stage in [0, 1] {
            text += &self.listing(stage);
        }
        text + "</div></section>\n"
    }

    /// Prints why the expression or a part of it matches nothing or everything.
    fn warnings(&self) -> String {
        let mut html = String::new();
        let rejects_all = |warning: &Warning| warning.effect() == Effect::RejectsAll;
        if self.rejects_all && !self.warnings.iter().any(rejects_all) {
            html += "<p class=warning>The program keeps no packet.</p>\n";
        }
        for warning in self.warnings.iter().take(MOST_WARNINGS) {
            let what = match warning.effect() {
                Effect::RejectsAll => "The expression matches no packet",
                Effect::AcceptsAll => "The expression matches every packet",
                Effect::DeadPart => "A part of the expression matches no packet",
                Effect::RedundantPart => "A part of the expression matches every packet",
                _ => "The expression has a problem",
            };
            let message = html::beginning(warning.message(), 400);
            let _ = writeln!(html, "<p class=warning>{what}: {}.</p>", escaped(&message));
        }
        let rest = self.warnings.len().saturating_sub(MOST_WARNINGS);
        if rest > 0 {
            let _ = writeln!(html, "<p class=note>{}.</p>", counted(rest as u64, "more warning"));
        }
        html
    }

    /// Draws the picture, if it is small enough.
    fn picture(&self) -> String {
        let is_small = |picture: &String| picture.len() <= PICTURES / self.count;
        let draw = || svg_output::print_for_page(&self.graph, &self.groups).filter(is_small);
        (self.groups.len() <= MOST_BOXES).then(draw).flatten().unwrap_or_else(|| {
            "<p class=note>The picture is too large for this page; <code>cbpf explain --format svg</code> draws it.</p>"
                .to_owned()
        })
    }

    fn listing(&self, stage: usize) -> String {
        let listing = &self.listings[stage];
        let is_same = self.listings[0].lines == self.listings[1].lines;
        let count = counted(listing.lines.len() as u64, "instruction");
        let title = if stage == 0 { "Before the optimiser" } else { "After the optimiser" };
        let shown = if stage == self.shown { "shown" } else { "other" };
        let text = format!("<section class=\"listing {shown}\"><h3>{title}: {count}</h3>\n");
        if is_same && stage != self.shown {
            return text + "<p class=note>The optimiser changes nothing.</p></section>\n";
        }
        text + &self.tables[stage].html + "</section>\n"
    }

    /// Returns what the script needs: the first instruction of each box, the tests of folded chains, and the packets.
    fn data(&self) -> Value {
        let starts: Vec<usize> = self.groups.iter().map(|group| self.graph.start(group.blocks.start)).collect();
        let mut left = FOLDS / self.count;
        let mut folds = serde_json::Map::new();
        for (number, group) in self.groups.iter().enumerate().filter(|(_, group)| group.blocks.len() > MOST_ROWS) {
            let tests = self.tests(group);
            // A test takes about this many bytes.
            let size = 24 * tests.len();
            if size > left {
                break;
            }
            left -= size;
            folds.insert(number.to_string(), tests.into());
        }
        let same = self.listings[0].lines == self.listings[1].lines;
        json!({
            "starts": starts,
            "folds": folds,
            "shown": if self.shown == 0 { "b" } else { "a" },
            "same": same,
            "traffic": self.graph.has_traffic,
            "lines": self.lines_beyond(),
            "packets": self.packets.json(),
        })
    }

    /// Returns the instructions that packets execute and the listing does not have, with their meanings.
    fn lines_beyond(&self) -> Value {
        let Listing { lines, .. } = &self.listings[self.shown];
        let rows = self.tables[self.shown].rows;
        let mut left = LINES / self.count;
        let mut beyond = serde_json::Map::new();
        for pc in self.packets.executed().into_iter().filter(|&pc| rows <= pc && pc < lines.len()) {
            let meaning = self.listings[self.shown].meaning(pc).unwrap_or("");
            let size = lines[pc].len() + meaning.len() + 16;
            if size > left {
                break;
            }
            left -= size;
            beyond.insert(pc.to_string(), json!([lines[pc], meaning]));
        }
        beyond.into()
    }

    /// Returns the tests of a chain: the instruction, the packets that reach it, and those that leave the chain there.
    fn tests(&self, group: &BlockGroup) -> Vec<Value> {
        let tests = self.graph.blocks[group.blocks.clone()].iter().filter(|block| block.edges.len() > 1);
        let leaving = |block| exit_of(block, group).map_or(0, |edge| edge.packets);
        tests.map(|block| json!([block.instructions.end - 1, block.packets, leaving(block)])).collect()
    }
}
