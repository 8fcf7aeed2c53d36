//! The report: tables, ratios first; the same figures as JSON; a plot.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::{fs, iter};

use serde_json::json;

use crate::engine::{ENGINES, Kind};
use crate::measure::Figures;
use crate::{clang, filters, libpcap, loading, plot, processor};

/// The filters of the geometric mean.
const MEAN_OF: [&str; 6] = ["S1", "S2", "S3", "S4", "S5", "S6"];

const CACHED: &[&str] = &["predicted", "random"];
const COLD: &[&str] = &["cold"];

pub struct Report {
    pub figures: Figures,
    pub loading: Vec<loading::Figure>,
    pub is_test: bool,
}

impl Report {
    /// Prints the tables, and writes all files to `target/bench`, or to `target/bench/test` in a test.
    pub fn write(&self) -> Result<(), Box<dyn Error>> {
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let mut folder = target.parent().ok_or("a folder in cargo's")?.join("bench");
        if self.is_test {
            folder.push("test");
        }
        fs::create_dir_all(&folder)?;
        let markdown = self.markdown()?;
        print!("\n{markdown}");
        fs::write(folder.join("peers.md"), markdown)?;
        fs::write(folder.join("peers.json"), serde_json::to_vec_pretty(&self.json())?)?;
        let drawn: Vec<&str> =
            filters::FILTERS.iter().map(|(name, _)| *name).filter(|name| self.has(name, CACHED)).collect();
        if !drawn.is_empty() {
            plot::write(&folder.join("peers.svg"), &self.figures, &drawn)?;
        }
        println!("\n{}: peers.md, peers.json, peers.svg", folder.display());
        Ok(())
    }

    fn markdown(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::from("# This crate's engines and others\n\n");
        for (name, value) in about() {
            writeln!(text, "- {name}: {value}")?;
        }
        let peers = || ENGINES.iter().filter(|kind| !kind.is_ours);
        for ours in ENGINES.iter().filter(|kind| kind.is_ours) {
            writeln!(text, "\n## Time of {} / time of the peer, predicted / random order\n", ours.name)?;
            text += &self.table(peers(), |filter, peer, traffic| {
                Some(ratio(self.time(filter, ours, traffic)? / self.time(filter, peer, traffic)?))
            });
        }
        let sources = || ENGINES.iter().filter(|kind| kind.name.starts_with("--to"));
        text += "\n## Time of source code / time of the better strategy, predicted / random order\n\n";
        text += &self.table(sources(), |filter, source, traffic| {
            let mean_of = if filter == MEAN { &MEAN_OF[..] } else { &[filter] };
            let ratios: Option<Vec<f64>> =
                mean_of.iter().map(|filter| self.beside_tuned(filter, source, traffic)).collect();
            let ratios = ratios?;
            Some(ratio((ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp()))
        });
        text += "\n## Nanoseconds per packet, predicted / random order\n\n";
        text +=
            &self.table(ENGINES.iter(), |filter, kind, traffic| Some(nanoseconds(self.time(filter, kind, traffic)?)));
        if !self.loading.is_empty() {
            text += "\n## Microseconds until a program can run\n\n";
            text += &self.loading();
        }
        Ok(text)
    }

    /// Returns a table with a row for each measured filter and for the mean, and a column for each engine.
    fn table<'e>(
        &self,
        kinds: impl Iterator<Item = &'e Kind> + Clone,
        cell: impl Fn(&str, &Kind, &str) -> Option<String>,
    ) -> String {
        let mut rows: Vec<(String, &str, &[&str])> = Vec::new();
        rows.push(("**S1 to S6**, geometric mean".to_owned(), MEAN, CACHED));
        rows.extend(filters::FILTERS.map(|(filter, _)| (filter.to_owned(), filter, CACHED)));
        rows.extend(["S3", "L1", "all"].map(|filter| (format!("{filter}, cold"), filter, COLD)));
        let mut text = row("filter", kinds.clone().map(|kind| kind.name.to_owned()));
        text += &row("---", kinds.clone().map(|_| "---".to_owned()));
        for (label, filter, traffics) in rows.into_iter().filter(|(_, filter, traffics)| self.has(filter, traffics)) {
            let cells = kinds.clone().map(|kind| {
                let cells: Option<Vec<String>> = traffics.iter().map(|traffic| cell(filter, kind, traffic)).collect();
                cells.map_or("-".to_owned(), |cells| cells.join(" / "))
            });
            text += &row(&label, cells);
        }
        text
    }

    fn has(&self, filter: &str, traffics: &[&str]) -> bool {
        ENGINES.iter().any(|kind| self.time(filter, kind, traffics[0]).is_some())
    }

    /// Returns the time of a filter, or the geometric mean.
    fn time(&self, filter: &str, kind: &Kind, traffic: &str) -> Option<f64> {
        if filter != MEAN {
            return self.figures.time(filter, kind.name, traffic);
        }
        let logarithms: Option<Vec<f64>> =
            MEAN_OF.iter().map(|filter| Some(self.figures.time(filter, kind.name, traffic)?.ln())).collect();
        Some((logarithms?.iter().sum::<f64>() / MEAN_OF.len() as f64).exp())
    }

    /// Returns the time of an engine, divided by that of the better strategy, which `FilterConfig::sample` selects.
    fn beside_tuned(&self, filter: &str, kind: &Kind, traffic: &str) -> Option<f64> {
        let strategies = ["branches", "data flow"].map(|name| self.figures.time(filter, name, traffic));
        let [Some(branches), Some(data_flow)] = strategies else { return None };
        Some(self.figures.time(filter, kind.name, traffic)? / branches.min(data_flow))
    }

    fn loading(&self) -> String {
        let mut steps: Vec<&str> = self.loading.iter().map(|figure| figure.step).collect();
        steps.sort_by_key(|&step| self.loading.iter().position(|figure| figure.step == step));
        steps.dedup();
        let mut text = row("filter", steps.iter().map(|&step| step.to_owned()));
        text += &row("---", steps.iter().map(|_| "---".to_owned()));
        for filter in loading::FILTERS {
            let cells = steps.iter().map(|&step| {
                let figure = self.loading.iter().find(|figure| (figure.filter, figure.step) == (filter, step));
                figure.map_or("-".to_owned(), |figure| format!("{:.0}", figure.time.as_secs_f64() * 1e6))
            });
            text += &row(filter, cells);
        }
        text
    }

    fn json(&self) -> serde_json::Value {
        let about: serde_json::Map<_, _> =
            about().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        let figures = self.figures.0.iter().map(|figure| {
            json!({
                "filter": figure.filter,
                "engine": figure.engine,
                "order": figure.traffic,
                "nanoseconds": figure.time,
            })
        });
        let loading = self.loading.iter().map(|figure| {
            json!({
                "filter": figure.filter,
                "step": figure.step,
                "microseconds": figure.time.as_secs_f64() * 1e6,
            })
        });
        json!({ "about": about, "run": figures.collect::<Vec<_>>(), "load": loading.collect::<Vec<_>>() })
    }
}

/// The name of the mean in place of a filter's.
const MEAN: &str = "mean";

/// Returns the circumstances of the measurement.
fn about() -> Vec<(&'static str, String)> {
    let date = Command::new("date")
        .arg("-I")
        .output()
        .ok()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let arguments =
        std::env::args().skip(1).filter(|argument| argument != "--bench").map(|argument| format!(" {argument}"));
    let command: String =
        iter::once("cargo bench --features peers --bench peers --".to_owned()).chain(arguments).collect();
    let absent = || "absent".to_owned();
    vec![
        ("processor", processor::model()),
        ("date", date.unwrap_or_else(absent)),
        ("command", format!("`{}`", command.trim_end_matches(" --"))),
        ("clang", clang::version().unwrap_or_else(absent)),
        ("libpcap", libpcap::version().unwrap_or_else(absent)),
    ]
}

fn row(first: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = iter::once(first.to_owned()).chain(cells).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn ratio(value: f64) -> String {
    if value < 1.0 { format!("{value:.2}") } else { format!("{value:.1}") }
}

fn nanoseconds(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}
