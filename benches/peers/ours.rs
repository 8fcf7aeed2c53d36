//! The engines of this crate.

use cbpf::{Filter, Packet};

use crate::engine::{Loaded, Subject};

pub fn interpreter(subject: &Subject) -> Loaded {
    let verified = subject.verified.clone();
    Ok(Box::new(move |packet: Packet| verified.interpret(packet)))
}

pub fn jit(subject: &Subject) -> Loaded {
    let filter = Filter::compile(&subject.verified).map_err(|error| error.to_string())?;
    Ok(Box::new(move |packet: Packet| filter.run(packet)))
}
