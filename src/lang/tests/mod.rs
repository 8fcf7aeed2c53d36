//! Tests of the language as a whole.

mod contradictions;
mod cures;
mod errors;
mod grammar;
mod headers;
mod limits;
mod lint;

use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::lang::{Expr, LinkType, Target, compile_expression};

fn compiled(text: &str) -> Program {
    compile_expression(text, &Target::new(LinkType::ETHERNET)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn printed(text: &str) -> String {
    text.parse::<Expr>().unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
}

/// Returns whether a packet matches.
fn matches(text: &str, link_type: LinkType, packet: &[u8]) -> bool {
    let program = compile_expression(text, &Target::new(link_type).allow_reject_all(true));
    let program = program.unwrap_or_else(|error| panic!("{text}: {error}"));
    program.verify(Dialect::Pcap).unwrap().interpret(packet) > 0
}

fn link_type(name: &str) -> LinkType {
    name.parse().unwrap()
}

fn message(text: &str, link_type: LinkType) -> String {
    let error = compile_expression(text, &Target::new(link_type)).expect_err(text);
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("the expression is invalid: ").to_owned()
}
