//! What subcommands run, for each link type that occurs.
//!
//! - An expression has a program for each link type. Where it has none, or one that matches no packet, it matches nothing;
//!   that is said once for each file and interface.
//! - It is an error only if there is no link type for which it has a program: at once where all link types are known before
//!   packets are read, or where no link type at all would do, and else at the end.
//! - An expression that contradicts itself, as `tcp and udp`, is said to match no packet, once.
//! - Link types without a name have the same program, whatever their numbers are: a small file may have 65,536 of them.
//! - A program from a file, and an expression with `--link-type`, is the same for all packets.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use cbpf::{ExprError, LinkType, Verified};

use crate::cli::capture::{Interface, Reader, input_name};
use crate::cli::expression::{Compiled, matches_some, reason};
use crate::cli::failure::Failure;
use crate::cli::input::CaptureArguments;
use crate::cli::program::{ProgramArguments, ProgramSource};
use crate::cli::warnings::NamedInterfaces;

/// Link types that have a meaning for all expressions between them: what matches nothing on any of these contradicts itself.
const FAMILIES: [&str; 7] = ["EN10MB", "RAW", "LINUX_SLL2", "IEEE802_11_RADIOTAP", "SUNATM", "PFLOG", "MTP2_WITH_PHDR"];

/// Link types by what expressions mean for them: of those without a name, nothing is known, and the first one that occurs
/// stands for all.
#[derive(Clone, Copy, Default)]
pub struct Alike {
    unnamed: Option<LinkType>,
}

impl Alike {
    /// The link type that stands for this one.
    #[inline]
    pub fn of(&mut self, link_type: LinkType) -> LinkType {
        if link_type.name().is_some() { link_type } else { *self.unnamed.get_or_insert(link_type) }
    }
}

/// The link types that are known before packets are read, each of them [`Alike`] to no other one.
#[derive(Default)]
pub struct KnownLinkTypes {
    pub link_types: BTreeSet<LinkType>,
    /// Whether there are no others.
    pub are_all: bool,
    pub alike: Alike,
}

impl KnownLinkTypes {
    /// Adds the link type of an interface.
    pub fn insert(&mut self, interface: &Interface) {
        self.link_types.insert(self.alike.of(LinkType::new(interface.link_type.into())));
    }

    /// Whether what works for none of them works for no packet: there are no others, or it works for no link type at all.
    pub fn rule_out(&self, works: impl Fn(LinkType) -> bool) -> bool {
        self.are_all && !self.link_types.is_empty() || !LinkType::all().any(works)
    }
}

/// Whether something works for a link type of any family.
pub fn works_somewhere(works: impl Fn(LinkType) -> bool) -> bool {
    FAMILIES.iter().filter_map(|name| name.parse().ok()).any(works)
}

/// Makes of a program what a subcommand runs.
type Load<'a, T> = Box<dyn Fn(Verified) -> Result<T, Failure> + 'a>;

/// What a subcommand runs, by link type.
pub struct ByLinkType<'a, T> {
    arguments: &'a ProgramArguments,
    source: ProgramSource,
    load: Load<'a, T>,
    /// The names of the inputs.
    inputs: Vec<String>,
    alike: Alike,
    /// By link type that is not alike to another one; what is the same for all packets has none.
    loaded: BTreeMap<Option<LinkType>, Loaded<T>>,
    /// Whether it has been said that no packet at all matches.
    is_contradiction: bool,
    /// The interfaces of which it has been said that nothing matches there.
    named: NamedInterfaces,
}

/// What there is for a link type.
struct Loaded<T> {
    item: Option<T>,
    /// Why nothing matches.
    complaint: Option<String>,
}

impl<'a, T> ByLinkType<'a, T> {
    /// Loads what is needed for the link types that are known before packets are read.
    ///
    /// # Errors
    /// If there is no valid program or expression, or none of the inputs can have a link type for which it has a meaning.
    pub fn new(
        arguments: &'a ProgramArguments,
        captures: &CaptureArguments,
        inputs: &[Reader],
        load: impl Fn(Verified) -> Result<T, Failure> + 'a,
    ) -> Result<ByLinkType<'a, T>, Failure> {
        let mut all = ByLinkType {
            arguments,
            source: arguments.source()?,
            load: Box::new(load),
            inputs: captures.all_paths(arguments).map(|path| input_name(path).to_string()).collect(),
            alike: Alike::default(),
            loaded: BTreeMap::new(),
            is_contradiction: false,
            named: NamedInterfaces::default(),
        };
        if let Some(link_type) = arguments.only_link_type() {
            let item = (all.load)(arguments.verified(&all.source, link_type)?)?;
            all.loaded.insert(None, Loaded { item: Some(item), complaint: None });
            return Ok(all);
        }
        let known = captures.link_types(inputs);
        all.alike = known.alike;
        let compiled: Vec<_> = known.link_types.iter().map(|&link_type| (link_type, all.compile(link_type))).collect();
        if compiled.iter().all(|(_, compiled)| compiled.is_err())
            && known.rule_out(|link_type| all.compile(link_type).is_ok())
        {
            let link_type = known.link_types.first().copied().unwrap_or(LinkType::ETHERNET);
            arguments.compile(&all.source, link_type).map_err(|error| Failure::Failed(error.to_string()))?;
        }
        all.is_contradiction = !compiled.iter().any(|(_, compiled)| matches_some(compiled))
            && !works_somewhere(|link_type| matches_some(&all.compile(link_type)));
        if all.is_contradiction {
            arguments.warn_of_contradiction(&all.source, None)?;
        }
        compiled.into_iter().try_for_each(|(link_type, compiled)| all.add(link_type, compiled))?;
        Ok(all)
    }

    /// What there is for packets of that link type, which come from these interfaces of an input.
    ///
    /// # Errors
    /// If the program cannot be loaded, or if warnings are denied.
    pub fn of<'r>(
        &mut self,
        input: usize,
        link_type: LinkType,
        interfaces: impl Iterator<Item = &'r Interface>,
    ) -> Result<Option<&mut T>, Failure> {
        let key = if self.arguments.only_link_type().is_some() { None } else { Some(self.alike.of(link_type)) };
        if let Some(link_type) = key.filter(|_| !self.loaded.contains_key(&key)) {
            self.add(link_type, self.compile(link_type))?;
        }
        let Some(loaded) = self.loaded.get_mut(&key) else { return Ok(None) };
        if let Some(complaint) = &loaded.complaint {
            let input = (input, &self.inputs[input]);
            self.named.complain(self.arguments.warnings(), input, interfaces, complaint)?;
        }
        Ok(loaded.item.as_mut())
    }

    /// As [`ByLinkType::of`], for one packet.
    ///
    /// # Errors
    /// As [`ByLinkType::of`].
    pub fn of_interface(&mut self, input: usize, interface: &Interface) -> Result<Option<&mut T>, Failure> {
        self.of(input, LinkType::new(interface.link_type.into()), iter::once(interface))
    }

    /// Judges the whole when the inputs have been read; what holds no packets has the link types of its interfaces.
    ///
    /// # Errors
    /// If there is no link type for which there is a program.
    pub fn finish(&mut self, inputs: &[Reader]) -> Result<(), Failure> {
        if self.loaded.is_empty() {
            let mut occurring = KnownLinkTypes { alike: self.alike, ..KnownLinkTypes::default() };
            inputs.iter().flat_map(Reader::interfaces).for_each(|interface| occurring.insert(interface));
            for link_type in occurring.link_types {
                self.add(link_type, self.compile(link_type))?;
            }
        }
        if self.loaded.is_empty() || self.loaded.values().any(|loaded| loaded.item.is_some()) {
            return Ok(());
        }
        let names: Vec<_> = self.loaded.keys().flatten().map(LinkType::to_string).collect();
        let message = "has no meaning for any of the link types that occur";
        Err(Failure::Failed(format!("{} {message}: {}", self.arguments.name(&self.source), names.join(", "))))
    }

    /// All that was loaded, and for which link type.
    pub fn into_items(self) -> impl Iterator<Item = (Option<LinkType>, T)> {
        self.loaded.into_iter().filter_map(|(link_type, loaded)| Some((link_type, loaded.item?)))
    }

    fn compile(&self, link_type: LinkType) -> Result<Compiled, ExprError> {
        self.arguments.compile(&self.source, link_type)
    }

    fn add(&mut self, link_type: LinkType, compiled: Result<Compiled, ExprError>) -> Result<(), Failure> {
        let nothing = format!("{} matches no packet there", self.arguments.name(&self.source));
        let loaded = match compiled {
            Ok(Compiled { verified, rejects_all }) => {
                let complaint = (rejects_all && !self.is_contradiction).then_some(nothing);
                Loaded { item: Some((self.load)(verified)?), complaint }
            }
            Err(error) => Loaded { item: None, complaint: Some(format!("{nothing}: {}", reason(&error))) },
        };
        self.loaded.insert(Some(link_type), loaded);
        Ok(())
    }
}
