//! What subcommands run, for each link type that occurs.
//!
//! - An expression has a program for each link type. Where it has none, or one that matches no packet, it matches nothing;
//!   that is said once for each file and interface.
//! - It is an error only if there is no link type for which it has a program: at once where all link types are known before
//!   packets are read, or where no link type at all would do, and else at the end.
//! - An expression that contradicts itself, as `tcp and udp`, is said to match no packet, once.
//! - A program from a file, and an expression with `--link-type`, is the same for all packets.

use std::collections::{BTreeMap, BTreeSet};

use cbpf::{LinkType, Verified};

use crate::cli::capture::{Interface, Reader, input_name};
use crate::cli::failure::Failure;
use crate::cli::input::CaptureArguments;
use crate::cli::program::{ProgramArguments, Refused, What};

/// Link types that have a meaning for all expressions between them: what matches nothing on any of these contradicts itself.
const FAMILIES: [&str; 7] = ["EN10MB", "RAW", "LINUX_SLL2", "IEEE802_11_RADIOTAP", "SUNATM", "PFLOG", "MTP2_WITH_PHDR"];

/// The link types that are known before packets are read.
#[derive(Default)]
pub struct KnownLinkTypes {
    pub link_types: BTreeSet<LinkType>,
    /// Whether there are no others.
    pub are_all: bool,
}

impl KnownLinkTypes {
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
    what: What,
    load: Load<'a, T>,
    /// The names of the inputs.
    inputs: Vec<String>,
    /// By link type; what is the same for all packets has none.
    loaded: BTreeMap<Option<LinkType>, Loaded<T>>,
    /// Whether it has been said that no packet at all matches.
    is_contradiction: bool,
    /// The inputs and interfaces of which it has been said that nothing matches there.
    told: BTreeSet<(usize, LinkType, usize)>,
}

/// What an expression is for a link type.
enum Judged {
    Accepts(Verified),
    RejectsAll(Verified),
    Refused(Refused),
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
            what: arguments.what()?,
            load: Box::new(load),
            inputs: captures.all_paths(arguments).map(|path| input_name(path).to_string()).collect(),
            loaded: BTreeMap::new(),
            is_contradiction: false,
            told: BTreeSet::new(),
        };
        if let Some(link_type) = arguments.only_link_type() {
            let item = (all.load)(arguments.verified(&all.what, link_type)?)?;
            all.loaded.insert(None, Loaded { item: Some(item), complaint: None });
            return Ok(all);
        }
        let known = captures.link_types(inputs);
        let judged: Vec<_> = known.link_types.iter().map(|&link_type| (link_type, all.judge(link_type))).collect();
        let works = |judged: &Judged| !matches!(judged, Judged::Refused(_));
        if !judged.iter().any(|(_, judged)| works(judged)) && known.rule_out(|link_type| works(&all.judge(link_type))) {
            let link_type = known.link_types.first().copied().unwrap_or(LinkType::ETHERNET);
            arguments.compile(&all.what, link_type).map_err(|error| Failure::Failed(error.to_string()))?;
        }
        let accepts = |judged: &Judged| matches!(judged, Judged::Accepts(_));
        all.is_contradiction = !judged.iter().any(|(_, judged)| accepts(judged))
            && !works_somewhere(|link_type| accepts(&all.judge(link_type)));
        if all.is_contradiction {
            arguments.warn_of_contradiction(&all.what, None)?;
        }
        judged.into_iter().try_for_each(|(link_type, judged)| all.add(link_type, judged))?;
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
        let key = if self.arguments.only_link_type().is_some() { None } else { Some(link_type) };
        if !self.loaded.contains_key(&key) {
            self.add(link_type, self.judge(link_type))?;
        }
        let Some(loaded) = self.loaded.get_mut(&key) else { return Ok(None) };
        if let Some(complaint) = &loaded.complaint {
            for interface in interfaces.filter(|interface| self.told.insert((input, link_type, interface.index))) {
                let (name, index) = (&self.inputs[input], interface.index);
                self.arguments.warn(format_args!("{name}: interface {index} ({link_type}): {complaint}"))?;
            }
        }
        Ok(loaded.item.as_mut())
    }

    /// As [`ByLinkType::of`], for one packet.
    ///
    /// # Errors
    /// As [`ByLinkType::of`].
    pub fn of_interface(&mut self, input: usize, interface: &Interface) -> Result<Option<&mut T>, Failure> {
        self.of(input, LinkType::new(interface.link_type.into()), std::iter::once(interface))
    }

    /// Judges the whole when the inputs have been read; what holds no packets has the link types of its interfaces.
    ///
    /// # Errors
    /// If there is no link type for which there is a program.
    pub fn finish(&mut self, inputs: &[Reader]) -> Result<(), Failure> {
        if self.loaded.is_empty() {
            for interface in inputs.iter().flat_map(Reader::interfaces) {
                let link_type = LinkType::new(interface.link_type.into());
                self.add(link_type, self.judge(link_type))?;
            }
        }
        if self.loaded.is_empty() || self.loaded.values().any(|loaded| loaded.item.is_some()) {
            return Ok(());
        }
        let names: Vec<_> = self.loaded.keys().flatten().map(LinkType::to_string).collect();
        let message = "has no meaning for any of the link types that occur";
        Err(Failure::Failed(format!("{} {message}: {}", self.arguments.name(&self.what), names.join(", "))))
    }

    /// All that was loaded, and for which link type.
    pub fn into_items(self) -> impl Iterator<Item = (Option<LinkType>, T)> {
        self.loaded.into_iter().filter_map(|(link_type, loaded)| Some((link_type, loaded.item?)))
    }

    fn judge(&self, link_type: LinkType) -> Judged {
        match self.arguments.compile(&self.what, link_type) {
            Ok(verified) if verified.rejects_all() => Judged::RejectsAll(verified),
            Ok(verified) => Judged::Accepts(verified),
            Err(error) => Judged::Refused(error),
        }
    }

    fn add(&mut self, link_type: LinkType, judged: Judged) -> Result<(), Failure> {
        let nothing = format!("{} matches no packet there", self.arguments.name(&self.what));
        let loaded = match judged {
            Judged::Accepts(verified) => Loaded { item: Some((self.load)(verified)?), complaint: None },
            Judged::RejectsAll(verified) => {
                let complaint = (!self.is_contradiction).then_some(nothing);
                Loaded { item: Some((self.load)(verified)?), complaint }
            }
            Judged::Refused(error) => Loaded { item: None, complaint: Some(format!("{nothing}: {}", error.reason())) },
        };
        self.loaded.insert(Some(link_type), loaded);
        Ok(())
    }
}
