//! The time of a packet in each engine.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cbpf::Packet;

use crate::engine::{Engine, Subject, Traffic};
use crate::turns::{self, Rounds};

/// The engines of a filter, by name.
pub type Engines = Vec<(&'static str, Box<dyn Engine>)>;

/// One median.
pub struct Figure {
    pub filter: &'static str,
    pub engine: &'static str,
    pub traffic: &'static str,
    /// Nanoseconds per packet.
    pub time: f64,
}

/// All medians.
#[derive(Default)]
pub struct Figures(pub Vec<Figure>);

impl Figures {
    /// Returns nanoseconds per packet, if measured.
    pub fn time(&self, filter: &str, engine: &str, traffic: &str) -> Option<f64> {
        let wanted = (filter, engine, traffic);
        let figure = self.0.iter().find(|figure| (figure.filter, figure.engine, figure.traffic) == wanted)?;
        Some(figure.time)
    }
}

/// Panics if an engine and the reference interpreter have different verdicts on one of the packets, or on one of the
/// first packets cut in its headers.
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

/// Returns the median times of all engines in all traffics.
pub fn measure(filter: &'static str, engines: &Engines, traffics: &[Traffic], rounds: &Rounds) -> Vec<Figure> {
    let warm_ups: Vec<Traffic> = traffics.iter().map(Traffic::warm_up).collect();
    let times = turns::medians(traffics.len() * engines.len(), rounds, |way| {
        let (traffic, engine) = (way / engines.len(), &*engines[way % engines.len()].1);
        black_box(engine.run(&warm_ups[traffic]));
        let start = Instant::now();
        black_box(engine.run(&traffics[traffic]));
        Some(start.elapsed())
    });
    let ways = traffics.iter().flat_map(|traffic| engines.iter().map(move |(engine, _)| (traffic, *engine)));
    let figure = |((traffic, engine), time): ((&Traffic, &'static str), Option<Duration>)| {
        let time = time?.as_secs_f64() * 1e9 / traffic.order.len() as f64;
        Some(Figure { filter, engine, traffic: traffic.name, time })
    };
    ways.zip(times).filter_map(figure).collect()
}
