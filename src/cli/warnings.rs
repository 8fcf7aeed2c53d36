//! Warnings, and the option that turns them into errors.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use cbpf::LinkType;
use cbpf::lang::{Effect, Warning};
use clap::Args;

use crate::cli::capture::Interface;
use crate::cli::failure::{Failure, say};

/// The maximum number of interfaces named in warnings about an input. A small file can have 65,536 in each of many
/// sections.
const MAX_INTERFACES: usize = 32;

/// The handling of warnings.
#[derive(Args)]
pub struct WarningArguments {
    /// End with exit code 1 at the first warning that something matches no packet, or every packet
    #[arg(long)]
    deny_warnings: bool,
}

impl WarningArguments {
    /// Prints a warning on standard error.
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

    /// Prints a warning about an expression with this name, for packets of a link type or of any.
    ///
    /// # Errors
    /// The warning itself, if warnings are denied.
    pub fn warn_of_expression(
        &self,
        name: &str,
        link_type: Option<LinkType>,
        warning: &Warning,
    ) -> Result<(), Failure> {
        let (subject, matches) = match warning.effect() {
            Effect::RejectsAll => ("", "matches no packet"),
            Effect::AcceptsAll => ("", "matches every packet"),
            Effect::DeadPart => ("a part of ", "matches no packet"),
            Effect::RedundantPart => ("a part of ", "matches every packet"),
            Effect::Address => ("a part of ", "may be meant otherwise"),
            _ => ("", "has a problem"),
        };
        let link_type = link_type.filter(|_| warning.effect() != Effect::Address);
        let link_type = link_type.map_or(String::new(), |link_type| format!(" of link type {link_type}"));
        self.warn(format_args!("{subject}{name} {matches}{link_type}: {warning}"))
    }
}

/// The interfaces named in warnings, by input, so that each is named once.
#[derive(Default)]
pub struct NamedInterfaces(BTreeMap<usize, BTreeSet<(LinkType, usize)>>);

impl NamedInterfaces {
    /// Warns once about each of these interfaces of an input with this number and name.
    ///
    /// # Errors
    /// The first warning, if warnings are denied.
    pub fn warn_once<'r>(
        &mut self,
        arguments: &WarningArguments,
        (input, name): (usize, impl Display),
        interfaces: impl Iterator<Item = &'r Interface>,
        message: &str,
    ) -> Result<(), Failure> {
        let named = self.0.entry(input).or_default();
        for interface in interfaces {
            // The last one stands for all that are not named.
            if named.len() > MAX_INTERFACES {
                break;
            }
            let (link_type, index) = (interface.link_type(), interface.index);
            if !named.insert((link_type, index)) {
                continue;
            }
            match named.len() > MAX_INTERFACES {
                true => arguments.warn(format_args!("{name}: and so on for more interfaces, which are not named"))?,
                false => arguments.warn(format_args!("{name}: interface {index} ({link_type}): {message}"))?,
            }
        }
        Ok(())
    }
}
