//! The programs of an expression, one for each link type of the inputs.
//!
//! - If an expression is invalid for a link type, or matches no packet of it, a warning names each file and interface
//!   once.
//! - It is an error only if the expression is invalid for all link types of the inputs. The error is reported before
//!   packets are read if all link types are known by then, or if no link type at all would do, and else at the end.
//! - A contradiction such as `tcp and udp` is reported once.
//! - All link types without a name share one program, since a small file may have 65,536 of them.
//! - A program from a file, and an expression with `--link-type`, is used for all packets.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use cbpf::lang::{Effect, Warning};
use cbpf::{ExprError, LinkType, Verified};

use crate::cli::capture::{Interface, Reader, input_name};
use crate::cli::expression::{Compiled, matches_some, reason};
use crate::cli::failure::Failure;
use crate::cli::input::CaptureArguments;
use crate::cli::program::{ProgramArguments, ProgramSource};
use crate::cli::warnings::NamedInterfaces;

/// A sample of link types. An expression that matches no packet of any of them is a contradiction.
const FAMILIES: [&str; 7] = ["EN10MB", "RAW", "LINUX_SLL2", "IEEE802_11_RADIOTAP", "SUNATM", "PFLOG", "MTP2_WITH_PHDR"];

/// The classes of link types that share programs: each named link type is a class, all unnamed ones are another. The
/// first unnamed link type of the inputs represents them.
#[derive(Clone, Copy, Default)]
pub struct LinkTypeClasses {
    unnamed: Option<LinkType>,
}

impl LinkTypeClasses {
    /// Returns the link type that represents the class of this one.
    #[inline]
    pub fn representative(&mut self, link_type: LinkType) -> LinkType {
        if link_type.name().is_some() { link_type } else { *self.unnamed.get_or_insert(link_type) }
    }

    /// Returns the link type that represents the class of this one, if the class has occurred.
    pub fn known_representative(self, link_type: LinkType) -> Option<LinkType> {
        if link_type.name().is_some() { Some(link_type) } else { self.unnamed }
    }
}

/// The link types that are known before packets are read, one of each class.
#[derive(Default)]
pub struct KnownLinkTypes {
    pub link_types: BTreeSet<LinkType>,
    /// Set if the inputs have no others.
    pub are_all: bool,
    pub classes: LinkTypeClasses,
}

impl KnownLinkTypes {
    /// Adds the link type of an interface.
    pub fn insert(&mut self, interface: &Interface) {
        self.link_types.insert(self.classes.representative(interface.link_type()));
    }

    /// Returns whether something that works for none of these link types works for no packet: either the inputs have no
    /// other link types, or it works for no link type at all.
    pub fn rule_out(&self, works: impl Fn(LinkType) -> bool) -> bool {
        self.are_all && !self.link_types.is_empty() || !LinkType::all().any(works)
    }
}

/// Returns whether something works for one of [`FAMILIES`].
pub fn works_for_a_family(works: impl Fn(LinkType) -> bool) -> bool {
    families().any(works)
}

/// Returns the link types of [`FAMILIES`].
pub fn families() -> impl Iterator<Item = LinkType> {
    FAMILIES.iter().filter_map(|name| name.parse().ok())
}

/// Loads a program for a subcommand.
type Load<'a, T> = Box<dyn Fn(&ProgramSource, LinkType, Verified) -> Result<T, Failure> + 'a>;

/// The loaded programs of a subcommand, by link type, and what is needed to load more.
pub struct ByLinkType<'a, T> {
    arguments: &'a ProgramArguments,
    source: ProgramSource,
    load: Load<'a, T>,
    /// The names of the inputs.
    inputs: Vec<String>,
    programs: Programs<T>,
    /// Set if a contradiction was reported.
    is_contradiction: bool,
    /// The interfaces for which warnings were printed.
    warned: NamedInterfaces,
}

/// Loaded programs, by link type.
#[derive(Clone)]
pub struct Programs<T> {
    /// Set if one program is used for all packets.
    is_one: bool,
    classes: LinkTypeClasses,
    /// The key is the link type that represents a class, or `None` if one program is used for all packets.
    loaded: BTreeMap<Option<LinkType>, Loaded<T>>,
}

/// The program for a link type.
#[derive(Clone)]
struct Loaded<T> {
    item: Option<T>,
    /// The warning that nothing matches, with the reason.
    warning: Option<String>,
}

impl<T> Programs<T> {
    /// Returns the loaded program for packets of a link type. Without one, no packet matches.
    pub fn get(&self, link_type: LinkType) -> Option<&T> {
        self.loaded(link_type)?.item.as_ref()
    }

    /// Returns whether it is known which program is used for packets of a link type.
    pub fn is_known(&self, link_type: LinkType) -> bool {
        self.loaded(link_type).is_some()
    }

    /// Returns whether the program is known, and needs no warning.
    pub fn is_silent(&self, link_type: LinkType) -> bool {
        self.loaded(link_type).is_some_and(|loaded| loaded.warning.is_none())
    }

    fn loaded(&self, link_type: LinkType) -> Option<&Loaded<T>> {
        let represented = || self.classes.known_representative(link_type);
        self.loaded.get(&if self.is_one { None } else { Some(represented()?) })
    }
}

impl<'a, T> ByLinkType<'a, T> {
    /// Loads the programs for the link types that are known before packets are read.
    ///
    /// # Errors
    /// If the program is invalid, or the expression for all link types that the inputs can have.
    pub fn new(
        arguments: &'a ProgramArguments,
        captures: &CaptureArguments,
        inputs: &[Reader],
        load: impl Fn(Verified) -> Result<T, Failure> + 'a,
    ) -> Result<ByLinkType<'a, T>, Failure> {
        ByLinkType::with_source(arguments, captures, inputs, move |_, _, verified| load(verified))
    }

    /// Loads the programs as [`ByLinkType::new`] does; `load` also gets their source and their link type.
    pub fn with_source(
        arguments: &'a ProgramArguments,
        captures: &CaptureArguments,
        inputs: &[Reader],
        load: impl Fn(&ProgramSource, LinkType, Verified) -> Result<T, Failure> + 'a,
    ) -> Result<ByLinkType<'a, T>, Failure> {
        let mut all = ByLinkType {
            arguments,
            source: arguments.source()?,
            load: Box::new(load),
            inputs: captures.all_paths(arguments).map(|path| input_name(path).to_string()).collect(),
            programs: Programs {
                is_one: arguments.only_link_type().is_some(),
                classes: LinkTypeClasses::default(),
                loaded: BTreeMap::new(),
            },
            is_contradiction: false,
            warned: NamedInterfaces::default(),
        };
        if let Some(link_type) = arguments.only_link_type() {
            let item = (all.load)(&all.source, link_type, arguments.verified(&all.source, link_type)?)?;
            all.programs.loaded.insert(None, Loaded { item: Some(item), warning: None });
            return Ok(all);
        }
        let known = captures.link_types(inputs);
        all.programs.classes = known.classes;
        let compiled: Vec<_> = known.link_types.iter().map(|&link_type| (link_type, all.compile(link_type))).collect();
        if compiled.iter().all(|(_, compiled)| compiled.is_err())
            && known.rule_out(|link_type| all.compile(link_type).is_ok())
        {
            let link_type = known.link_types.first().copied().unwrap_or(LinkType::ETHERNET);
            arguments
                .compile(&all.source, link_type)
                .map_err(|error| arguments.hinted(Failure::Failed(error.to_string())))?;
        }
        all.is_contradiction = !compiled.iter().any(|(_, compiled)| matches_some(compiled))
            && !works_for_a_family(|link_type| matches_some(&all.compile(link_type)));
        let link_types = known.link_types.iter().copied();
        match (all.is_contradiction, known.link_types.is_empty()) {
            (true, _) => arguments.warn_of_contradiction(&all.source, link_types.chain(families()))?,
            (false, true) => arguments.warn_of_parts(&all.source, families().take(1))?,
            (false, false) => arguments.warn_of_parts(&all.source, link_types)?,
        }
        compiled.into_iter().try_for_each(|(link_type, compiled)| all.add(link_type, compiled))?;
        Ok(all)
    }

    /// Returns the loaded program for packets of a link type, which were captured by these interfaces of an input.
    ///
    /// # Errors
    /// If the program cannot be loaded, or if warnings are denied.
    pub fn of<'r>(
        &mut self,
        input: usize,
        link_type: LinkType,
        interfaces: impl Iterator<Item = &'r Interface>,
    ) -> Result<Option<&mut T>, Failure> {
        let Programs { is_one, classes, loaded } = &mut self.programs;
        let key = if *is_one { None } else { Some(classes.representative(link_type)) };
        if let Some(link_type) = key.filter(|_| !loaded.contains_key(&key)) {
            self.add(link_type, self.compile(link_type))?;
        }
        let Some(loaded) = self.programs.loaded.get_mut(&key) else { return Ok(None) };
        if let Some(warning) = &loaded.warning {
            let input = (input, &self.inputs[input]);
            self.warned.warn_once(self.arguments.warnings(), input, interfaces, warning)?;
        }
        Ok(loaded.item.as_mut())
    }

    /// Returns the program for packets of a link type, if the expression is valid for them.
    pub fn verified(&self, link_type: LinkType) -> Option<Verified> {
        self.compile(link_type).ok().map(|compiled| compiled.verified)
    }

    /// Returns the programs that are loaded so far.
    pub fn programs(&self) -> &Programs<T> {
        &self.programs
    }

    /// Returns the loaded program for packets of one interface.
    pub fn of_interface(&mut self, input: usize, interface: &Interface) -> Result<Option<&mut T>, Failure> {
        self.of(input, interface.link_type(), iter::once(interface))
    }

    /// Checks the whole after the inputs have been read. Without packets, the link types of the interfaces count.
    ///
    /// # Errors
    /// If the expression is invalid for all link types of the inputs.
    pub fn finish(&mut self, inputs: &[Reader]) -> Result<(), Failure> {
        if self.programs.loaded.is_empty() {
            let mut occurring = KnownLinkTypes { classes: self.programs.classes, ..KnownLinkTypes::default() };
            inputs.iter().flat_map(Reader::interfaces).for_each(|interface| occurring.insert(interface));
            for link_type in occurring.link_types {
                self.add(link_type, self.compile(link_type))?;
            }
        }
        if self.programs.loaded.is_empty() || self.programs.loaded.values().any(|loaded| loaded.item.is_some()) {
            return Ok(());
        }
        let names: Vec<_> = self.programs.loaded.keys().flatten().map(LinkType::to_string).collect();
        let message = "has no meaning for any of the link types that occur";
        Err(Failure::Failed(format!("{} {message}: {}", self.arguments.name(&self.source), names.join(", "))))
    }

    /// Returns the source of the programs.
    pub fn source(&self) -> &ProgramSource {
        &self.source
    }

    /// Returns all loaded programs with their link types.
    pub fn into_items(self) -> impl Iterator<Item = (Option<LinkType>, T)> {
        self.programs.loaded.into_iter().filter_map(|(link_type, loaded)| Some((link_type, loaded.item?)))
    }

    fn compile(&self, link_type: LinkType) -> Result<Compiled, ExprError> {
        self.arguments.compile(&self.source, link_type)
    }

    /// Returns the reason why no packet of a link type matches, after a colon, if there is more to say.
    fn reason(&self, link_type: LinkType) -> String {
        let ProgramSource::Expression(expression) = &self.source else { return String::new() };
        let warnings = self.arguments.lint(&self.source, link_type);
        let is_part = |part: &str| part.trim() != expression.trim();
        let is_reason = |warning: &&Warning| {
            warning.effect() == Effect::RejectsAll && expression.get(warning.span()).is_some_and(is_part)
        };
        warnings.iter().find(is_reason).map_or(String::new(), |warning| format!(": {}", warning.message()))
    }

    fn add(&mut self, link_type: LinkType, compiled: Result<Compiled, ExprError>) -> Result<(), Failure> {
        let nothing = format!("{} matches no packet there", self.arguments.name(&self.source));
        let loaded = match compiled {
            Ok(Compiled { verified, rejects_all }) => {
                let is_new = rejects_all && !self.is_contradiction;
                let warning = is_new.then(|| nothing + &self.reason(link_type));
                Loaded { item: Some((self.load)(&self.source, link_type, verified)?), warning }
            }
            Err(error) => Loaded { item: None, warning: Some(format!("{nothing}: {}", reason(&error))) },
        };
        self.programs.loaded.insert(Some(link_type), loaded);
        Ok(())
    }
}
