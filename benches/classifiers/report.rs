//! The report: ratios first, then nanoseconds per packet, building and changes; the same figures as JSON.

use std::error::Error;
use std::fmt::{self, Write};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::engine::Mode;
use crate::measure::{Building, Change};
use crate::processor;

/// The figures of one set of rules.
pub struct Row {
    pub family: String,
    pub rules: usize,
    /// The average number of rules that match a packet.
    pub matches: f64,
    pub ways: Vec<Figure>,
    pub buildings: Vec<Building>,
    pub changes: [Change; 2],
}

/// The time of a way.
pub struct Figure {
    pub name: &'static str,
    pub mode: Mode,
    pub is_ours: bool,
    /// Nanoseconds per packet: of few packets in the cache, and of many.
    pub times: [f64; 2],
}

/// Prints the tables, and writes them to `target/bench`, or to `target/bench/test` in a test.
pub fn write(rows: &[Row], is_test: bool) -> Result<(), Box<dyn Error>> {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let mut folder = target.parent().ok_or("a folder in cargo's")?.join("bench");
    if is_test {
        folder.push("test");
    }
    fs::create_dir_all(&folder)?;
    let mut text = format!("# Classifiers\n\n{}\n", processor::model());
    text += "\n## Time of cbpf / time of the best other classifier, hot / cold\n\n";
    text += &ratios(rows);
    text += "\n## Nanoseconds per packet, hot / cold\n\n";
    text += &times(rows);
    text += "\n## Building: seconds from text (cbpf) or rules (others) to the first answer, and bytes per rule\n\n";
    text += &buildings(rows);
    text += "\n## Microseconds until a reader of a `SharedSet` sees a change: median, 99th percentile, maximum\n\n";
    text += &changes(rows);
    print!("\n{text}");
    fs::write(folder.join("classifiers.md"), text)?;
    fs::write(folder.join("classifiers.json"), serde_json::to_vec_pretty(&json(rows))?)?;
    println!("\n{}: classifiers.md, classifiers.json", folder.display());
    Ok(())
}

fn ratios(rows: &[Row]) -> String {
    let mut text = line(["rules", "", "batch", "batch / librte_acl", "single", "matches", "all / first", "in batches"]);
    text += &line(["---"; 8]);
    for row in rows {
        text += &line([
            row.family.clone(),
            row.rules.to_string(),
            row.ratio(Mode::Batch, |peer| matches!(peer.mode, Mode::Batch | Mode::Single)),
            row.ratio(Mode::Batch, |peer| peer.mode == Mode::Batch && peer.name.starts_with("acl")),
            row.ratio(Mode::Single, |peer| peer.mode == Mode::Single),
            number(row.matches),
            row.ratio_of_ours(Mode::All, Mode::Single),
            row.ratio_of_ours(Mode::AllBatch, Mode::Batch),
        ]);
    }
    text
}

/// The times in one line, for those who wait for the tables.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let ways = self.ways.iter().map(|figure| format!("{} {}", figure.name, figure.times.map(number).join(" / ")));
        write!(f, "{}, {} rules: {}", self.family, self.rules, ways.collect::<Vec<_>>().join("; "))
    }
}

impl Row {
    fn ours(&self, mode: Mode) -> Option<&Figure> {
        self.ways.iter().find(|figure| figure.is_ours && figure.mode == mode)
    }

    /// Returns our times divided by those of the fastest of some others, and its name in the first of them.
    fn ratio(&self, mode: Mode, is_peer: impl Fn(&Figure) -> bool) -> String {
        let Some(ours) = self.ours(mode) else { return "-".to_owned() };
        let peers = || self.ways.iter().filter(|figure| !figure.is_ours && is_peer(figure));
        let best = |traffic: usize| peers().min_by(|one, other| one.times[traffic].total_cmp(&other.times[traffic]));
        let (Some(hot), Some(cold)) = (best(0), best(1)) else { return "-".to_owned() };
        format!("{} / {} ({})", number(ours.times[0] / hot.times[0]), number(ours.times[1] / cold.times[1]), hot.name)
    }

    fn ratio_of_ours(&self, mode: Mode, other: Mode) -> String {
        let (Some(one), Some(other)) = (self.ours(mode), self.ours(other)) else { return "-".to_owned() };
        let [hot, cold] = [0, 1].map(|traffic| number(one.times[traffic] / other.times[traffic]));
        format!("{hot} / {cold}")
    }
}

fn times(rows: &[Row]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for figure in rows.iter().flat_map(|row| &row.ways) {
        if !names.contains(&figure.name) {
            names.push(figure.name);
        }
    }
    let mut text = line(["rules", ""].into_iter().chain(names.iter().copied()));
    text += &line(vec!["---"; names.len() + 2]);
    for row in rows {
        let cells = names.iter().map(|&name| {
            let figure = row.ways.iter().find(|figure| figure.name == name);
            figure.map_or("-".to_owned(), |figure| figure.times.map(number).join(" / "))
        });
        text += &line([row.family.clone(), row.rules.to_string()].into_iter().chain(cells));
    }
    text
}

fn buildings(rows: &[Row]) -> String {
    let mut text = line(["rules", "", "seconds, bytes per rule"]);
    text += &line(["---"; 3]);
    for row in rows {
        let cells = row.buildings.iter().map(|building| {
            let bytes = building.bytes.map_or("-".to_owned(), |bytes| (bytes / row.rules as u64).to_string());
            format!("{} {:.3}, {bytes}", building.name, building.time.as_secs_f64())
        });
        text += &line([row.family.clone(), row.rules.to_string(), cells.collect::<Vec<_>>().join("; ")]);
    }
    text
}

fn changes(rows: &[Row]) -> String {
    let mut text = line(["rules", "", "added", "removed"]);
    text += &line(["---"; 4]);
    for row in rows {
        let [added, removed] = row.changes.map(|change| change.times().map(|time| format!("{time:.0}")).join(", "));
        text += &line([row.family.clone(), row.rules.to_string(), added, removed]);
    }
    text
}

impl Change {
    fn times(self) -> [f64; 3] {
        [self.median, self.most_of_them, self.longest].map(microseconds)
    }
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn json(rows: &[Row]) -> serde_json::Value {
    let row = |row: &Row| {
        let ways = row.ways.iter().map(|figure| {
            let [hot, cold] = figure.times;
            json!({ "way": figure.name, "hot": hot, "cold": cold })
        });
        let buildings = row.buildings.iter().map(|building| {
            json!({
                "classifier": building.name,
                "seconds": building.time.as_secs_f64(),
                "bytes": building.bytes,
            })
        });
        let [added, removed] = row.changes.map(Change::times);
        json!({
            "family": row.family,
            "rules": row.rules,
            "matches": row.matches,
            "nanoseconds": ways.collect::<Vec<_>>(),
            "building": buildings.collect::<Vec<_>>(),
            "microseconds until a change is seen": { "added": added, "removed": removed },
        })
    };
    rows.iter().map(row).collect()
}

fn line(cells: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let mut text = String::from("|");
    for cell in cells {
        write!(text, " {cell} |").expect("a string has room");
    }
    text + "\n"
}

fn number(value: f64) -> String {
    match value {
        1_000.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
