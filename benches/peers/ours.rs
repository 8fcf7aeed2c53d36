//! The engines of this crate.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use cbpf::debug::Graph;
use cbpf::filter::Strategy;
use cbpf::{Filter, FilterConfig, LinkType, Packet, Target, compile_expression};

use crate::engine::{Engine, Loaded, Subject, Traffic};

pub fn interpreter(subject: &Subject) -> Loaded {
    let verified = subject.verified.clone();
    Ok(Box::new(move |packet: Packet| verified.interpret(packet)))
}

pub fn branches(subject: &Subject) -> Loaded {
    with_strategy(subject, Strategy::Branches)
}

pub fn auto(subject: &Subject) -> Loaded {
    with_strategy(subject, Strategy::Auto)
}

pub fn data_flow(subject: &Subject) -> Loaded {
    with_strategy(subject, Strategy::Branchless)
}

fn with_strategy(subject: &Subject, strategy: Strategy) -> Loaded {
    let filter = FilterConfig::new()
        .strategy(strategy)
        .require_native(true)
        .compile(&subject.verified)
        .map_err(|error| error.to_string())?;
    Ok(Box::new(move |packet: Packet| filter.run(packet)))
}

pub fn batch_of_branches(subject: &Subject) -> Loaded {
    batch(subject, Strategy::Branches)
}

pub fn batch_of_data_flow(subject: &Subject) -> Loaded {
    batch(subject, Strategy::Branchless)
}

fn batch(subject: &Subject, strategy: Strategy) -> Loaded {
    let filter = FilterConfig::new()
        .strategy(strategy)
        .require_native(true)
        .compile(&subject.verified)
        .map_err(|error| error.to_string())?;
    filter.prepare_batch().map_err(|error| error.to_string())?;
    Ok(Box::new(Batch { filter, verdicts: RefCell::new([0; BATCH]) }))
}

/// The number of packets in a batch.
const BATCH: usize = 1_024;

struct Batch {
    filter: Filter,
    verdicts: RefCell<[u32; BATCH]>,
}

impl Engine for Batch {
    fn verdict(&self, packet: Packet) -> u32 {
        let mut verdicts = [0];
        self.filter.run_batch(&[packet], &mut verdicts);
        verdicts[0]
    }

    fn run(&self, traffic: &Traffic) -> u64 {
        let mut verdicts = self.verdicts.borrow_mut();
        let mut sum = 0;
        let batches = traffic.order.len().div_ceil(BATCH);
        for packets in traffic.laid_out.chunks(BATCH).cycle().take(batches) {
            let verdicts = &mut verdicts[..packets.len()];
            self.filter.run_batch(packets, verdicts);
            sum += verdicts.iter().copied().map(u64::from).sum::<u64>();
        }
        sum
    }
}

/// Returns the time from instructions to a callable filter that is the first of its shape.
pub fn first_loading_time(subject: &Subject) -> Result<Duration, String> {
    let start = Instant::now();
    let verified = subject.program.verify(subject.verified.dialect()).map_err(|error| error.to_string())?;
    // A graph is compiled each time.
    let filter = Graph::optimized(&verified).compile().map_err(|error| error.to_string())?;
    let time = start.elapsed();
    drop(filter);
    Ok(time)
}

/// Returns the time from instructions to a callable filter, if its shape was compiled before.
pub fn loading_time(subject: &Subject) -> Result<Duration, String> {
    let start = Instant::now();
    let verified = subject.program.verify(subject.verified.dialect()).map_err(|error| error.to_string())?;
    let filter = Filter::compile(&verified).map_err(|error| error.to_string())?;
    let time = start.elapsed();
    drop(filter);
    Ok(time)
}

/// Returns the time from the filter's expression to a program.
pub fn expression_time(subject: &Subject) -> Result<Duration, String> {
    let expression = subject.expression()?;
    let start = Instant::now();
    let program = compile_expression(&expression, &Target::new(LinkType::ETHERNET));
    let time = start.elapsed();
    program.map(|_| time).map_err(|error| error.to_string())
}
