//! The measurement: the engines of a filter take turns in many short rounds, and the median round counts.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cbpf::Packet;

use crate::engine::{Engine, Subject, Traffic};

/// The filter's engines by name.
pub type Engines = Vec<(&'static str, Box<dyn Engine>)>;

/// One median.
pub struct Figure {
    pub filter: &'static str,
    pub engine: &'static str,
    pub traffic: &'static str,
    /// Nanoseconds a packet.
    pub time: f64,
}

/// All medians.
#[derive(Default)]
pub struct Figures(pub Vec<Figure>);

impl Figures {
    /// Nanoseconds a packet, if that was measured.
    pub fn time(&self, filter: &str, engine: &str, traffic: &str) -> Option<f64> {
        let wanted = (filter, engine, traffic);
        let figure = self.0.iter().find(|figure| (figure.filter, figure.engine, figure.traffic) == wanted)?;
        Some(figure.time)
    }
}

/// How long a measurement takes.
pub struct Effort {
    /// No new round begins after this.
    pub time: Duration,
    pub fewest_rounds: usize,
    pub most_rounds: usize,
}

impl Effort {
    pub const FULL: Effort = Effort { time: Duration::from_secs(4), fewest_rounds: 5, most_rounds: 51 };
    /// Rounds of a million packets are long.
    pub const COLD: Effort = Effort { time: Duration::from_secs(4), fewest_rounds: 3, most_rounds: 9 };
    pub const TEST: Effort = Effort { time: Duration::ZERO, fewest_rounds: 1, most_rounds: 1 };
}

/// Panics with the packet if an engine gives another verdict than the reference interpreter on one of the packets, or
/// on one of the first that was cut anywhere in its headers.
pub fn compare(subject: &Subject, engines: &Engines, packets: &[Packet]) {
    const CUT: usize = 128;
    const HEADERS: usize = 80;
    let cut = packets.iter().take(CUT).flat_map(|packet| {
        let data = packet.data();
        (0..data.len().min(HEADERS)).map(|len| Packet::new(&data[..len]))
    });
    for packet in packets.iter().copied().chain(cut) {
        let expected = subject.verified.interpret(packet);
        for (name, engine) in engines {
            let verdict = engine.verdict(packet);
            let (filter, data) = (subject.name, packet.data());
            assert_eq!(verdict, expected, "{filter}: {name} and the interpreter differ: {data:02x?}");
        }
    }
}

/// The median times of all engines in all traffics.
pub fn measure(filter: &'static str, engines: &Engines, traffics: &[Traffic], effort: &Effort) -> Vec<Figure> {
    let mut times = vec![vec![Vec::new(); engines.len()]; traffics.len()];
    let start = Instant::now();
    for round in 0..effort.most_rounds {
        if round >= effort.fewest_rounds && start.elapsed() > effort.time {
            break;
        }
        for (traffic, times) in traffics.iter().zip(&mut times) {
            let warm_up = traffic.warm_up();
            // Each round begins with another engine, so that none always follows the same one.
            for turn in 0..engines.len() {
                let number = (round + turn) % engines.len();
                let engine = &*engines[number].1;
                black_box(engine.run(&warm_up));
                let start = Instant::now();
                black_box(engine.run(traffic));
                times[number].push(start.elapsed().as_secs_f64() * 1e9 / traffic.order.len() as f64);
            }
        }
    }
    let mut figures = Vec::new();
    for (traffic, times) in traffics.iter().zip(times) {
        for ((engine, _), times) in engines.iter().zip(times) {
            figures.push(Figure { filter, engine, traffic: traffic.name, time: median(times) });
        }
    }
    figures
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
