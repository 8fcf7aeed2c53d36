//! Warnings, and the option that makes errors of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use cbpf::LinkType;
use clap::Args;

use crate::cli::capture::Interface;
use crate::cli::failure::{Failure, say};

/// As many interfaces of an input are named in warnings; a small file can have 65,536 in each of many sections.
const MOST_INTERFACES: usize = 32;

/// What becomes of warnings.
#[derive(Args)]
pub struct WarningArguments {
    /// End with exit code 1 at the first warning that something matches no packet
    #[arg(long)]
    deny_warnings: bool,
}

impl WarningArguments {
    /// Says a warning on standard error.
    ///
    /// # Errors
    /// The warning itself, if warnings are denied.
    pub fn warn(&self, message: impl Display) -> Result<(), Failure> {
        if self.deny_warnings {
            return Err(Failure::Failed(message.to_string()));
        }
        say(format_args!("cbpf: warning: {message}"));
        Ok(())
    }
}

/// The interfaces that warnings have named, so that each is named once; they are few for each input.
#[derive(Default)]
pub struct NamedInterfaces(BTreeMap<usize, BTreeSet<(LinkType, usize)>>);

impl NamedInterfaces {
    /// Says a complaint about these interfaces of an input with this number and name.
    ///
    /// # Errors
    /// The first warning, if warnings are denied.
    pub fn complain<'r>(
        &mut self,
        arguments: &WarningArguments,
        (input, name): (usize, impl Display),
        interfaces: impl Iterator<Item = &'r Interface>,
        complaint: &str,
    ) -> Result<(), Failure> {
        let named = self.0.entry(input).or_default();
        for interface in interfaces {
            // The last one stands for all that are not named.
            if named.len() > MOST_INTERFACES {
                break;
            }
            let (link_type, index) = (LinkType::new(interface.link_type.into()), interface.index);
            if !named.insert((link_type, index)) {
                continue;
            }
            match named.len() > MOST_INTERFACES {
                true => arguments.warn(format_args!("{name}: and so on for more interfaces, which are not named"))?,
                false => arguments.warn(format_args!("{name}: interface {index} ({link_type}): {complaint}"))?,
            }
        }
        Ok(())
    }
}
