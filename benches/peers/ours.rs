//! The engines of this crate.

use cbpf::{Filter, Packet, Shape};

use crate::engine::{Loaded, Subject};

pub fn interpreter(subject: &Subject) -> Loaded {
    let verified = subject.verified.clone();
    Ok(Box::new(move |packet: Packet| verified.interpret(packet)))
}

pub fn branches(subject: &Subject) -> Loaded {
    shaped(subject, Shape::Branches)
}

pub fn data_flow(subject: &Subject) -> Loaded {
    shaped(subject, Shape::DataFlow)
}

fn shaped(subject: &Subject, shape: Shape) -> Loaded {
    let filter = Filter::compile_as(&subject.verified, shape).map_err(|error| error.to_string())?;
    Ok(Box::new(move |packet: Packet| filter.run(packet)))
}
