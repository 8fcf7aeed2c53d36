//! The engines of this crate.

use std::time::{Duration, Instant};

use cbpf::{Filter, Packet, Shape};

use crate::engine::{Loaded, Subject};

pub fn interpreter(subject: &Subject) -> Loaded {
    let verified = subject.verified.clone();
    Ok(Box::new(move |packet: Packet| verified.interpret(packet)))
}

pub fn branches(subject: &Subject) -> Loaded {
    shaped(subject, Shape::Branches)
}

pub fn auto(subject: &Subject) -> Loaded {
    shaped(subject, Shape::Auto)
}

pub fn data_flow(subject: &Subject) -> Loaded {
    shaped(subject, Shape::DataFlow)
}

fn shaped(subject: &Subject, shape: Shape) -> Loaded {
    let filter = Filter::compile_as(&subject.verified, shape).map_err(|error| error.to_string())?;
    Ok(Box::new(move |packet: Packet| filter.run(packet)))
}

/// How long a program takes from instructions to a callable filter.
pub fn loading_time(subject: &Subject) -> Result<Duration, String> {
    let start = Instant::now();
    let verified = subject.program.verify(subject.verified.dialect()).map_err(|error| error.to_string())?;
    let filter = Filter::compile(&verified).map_err(|error| error.to_string())?;
    let time = start.elapsed();
    drop(filter);
    Ok(time)
}
