//! The kernel as a judge of ancillary loads and header-relative offsets.
//!
//! Real frames go over a cable between two devices in a network namespace, and packet sockets on both ends give the
//! verdict, all 32 bits of it. That needs root and `ip`; without them the trials are skipped by name.

mod attributes;
mod frames;
mod loads;
pub mod namespace;
mod ours;
mod sockets;
mod tap;

use libtest_mimic::{Failed, Trial};

use namespace::Namespace;

/// A check in a namespace of its own.
type Check = fn(&Namespace) -> Result<(), Failed>;

#[rustfmt::skip]
const CHECKS: &[(&str, Check)] = &[
    ("netns::ancillary",         loads::ancillary),
    ("netns::header_relative",   loads::header_relative),
    ("netns::payload_offset",    loads::payload_offset),
    ("netns::damaged_frames",    loads::damaged_frames),
    ("netns::random_numbers",    loads::random_numbers),
    ("netns::random_programs",   loads::random_programs),
    ("netns::attributes",        attributes::in_frames),
    ("netns::netlink",           attributes::of_netlink),
    ("netns::read_back",         sockets::read_back),
    ("netns::drained",           sockets::drained),
    ("netns::fanout",            sockets::fanout),
    ("netns::needs_auxdata",     sockets::needs_auxdata),
];

pub fn trials() -> impl Iterator<Item = Trial> {
    CHECKS.iter().map(|&(name, check)| {
        Trial::test(name, move || namespace::within(check)).with_ignored_flag(!namespace::is_available())
    })
}
