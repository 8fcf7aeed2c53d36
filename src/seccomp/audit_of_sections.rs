//! The checks of an audit that look at calls.

use alloc::string::String;
use alloc::vec::Vec;

use crate::bpf::verify::{Step, Verified};
use crate::seccomp::analysis::{Analysis, action_of, compare};
use crate::seccomp::analysis_error::AnalysisError;
use crate::seccomp::audit::{Finding, FindingKind, executed};
use crate::seccomp::decision::{Field, decide};
use crate::seccomp::diagram::{Node, TooLarge};
use crate::seccomp::section::{NO_CALL, Section};
use crate::seccomp::symbols::first_variable;
use crate::syscall::{Action, Arch, SeccompData, X32_BIT};

/// The state of an audit.
pub(super) struct Audit<'a> {
    pub(super) analysis: &'a mut Analysis,
    pub(super) filters: &'a [&'a Verified],
    pub(super) sections: &'a [Section],
    pub(super) findings: Vec<Finding>,
}

/// The bit of 64-bit architectures in `AUDIT_ARCH_*`: `__AUDIT_ARCH_64BIT`.
const WIDE: u32 = 0x8000_0000;

/// The architectures whose calls the kernels of others accept, too.
const COMPATIBLE: [(&str, &str); 7] = [
    ("x86_64", "i386"),
    ("aarch64", "arm"),
    ("s390x", "s390"),
    ("ppc64", "ppc"),
    ("sparc64", "sparc"),
    ("mips64", "mips"),
    ("mipsel64", "mipsel"),
];

/// The largest number of names in a message.
const MAX_NAMES: usize = 5;

/// The numbers of the x32 ABI that are compared with those of x86-64, without the bit.
const X32_NUMBERS: core::ops::Range<u32> = 0..548;

impl Audit<'_> {
    /// Adds a finding, with the instruction that returns the action for the example.
    fn add(&mut self, kind: FindingKind, example: SeccompData, message: String) {
        let action = action_of(self.filters, &example);
        let verdict = |filter: &Verified| Action::from(filter.interpret(&example.to_bytes()));
        let deciding = self.filters.iter().rposition(|filter| verdict(filter) == action).unwrap_or(0);
        let returns = |step: &Step| matches!(step, Step::Return(_));
        let instructions = self.filters.get(deciding).map(|filter| executed(filter, &example, returns));
        self.findings.push(Finding {
            kind,
            filter: deciding,
            instructions: instructions.unwrap_or_default(),
            example: Some(example),
            action: Some(action),
            message,
        });
    }

    /// Returns the one outcome of all calls of a section, if there is one.
    fn only_outcome(&self, section: &Section) -> Option<Action> {
        let [(_, node)] = section.calls[..] else { return None };
        self.outcome(node)
    }

    fn outcome(&self, node: Node) -> Option<Action> {
        self.analysis.symbols.diagram.as_outcome(node).map(|outcome| Action::from(outcome as u32))
    }

    /// Returns all outcomes of a function.
    fn outcomes(&self, node: Node) -> Vec<u64> {
        let (_, below) = self.analysis.symbols.diagram.nodes_before(node, u32::MAX);
        below.into_iter().filter_map(|node| self.analysis.symbols.diagram.as_outcome(node)).collect()
    }

    /// Finds architectures that are not checked, and architectures that may make all calls.
    pub(super) fn architectures(&mut self) {
        let sections = self.sections;
        let strict = sections.iter().find(|section| !self.only_outcome(section).is_some_and(is_lenient));
        let mut is_unchecked = false;
        for section in sections {
            let only = self.only_outcome(section);
            let of_one = section.architectures.single();
            if only.is_none() && of_one.is_none() && self.depends_on_number(section) && !is_unchecked {
                is_unchecked = section.architectures.are_all();
                let example = self.unchecked_example(section);
                let message = match section.architectures.are_all() {
                    true => "calls are told apart by number, and the architecture is not checked".into(),
                    false => {
                        format!("{}: calls are told apart by number on unchecked architectures", section.architectures)
                    }
                };
                self.add(FindingKind::UncheckedArchitecture, example, message);
            }
            let Some(strict) = strict.filter(|_| only.is_some_and(is_lenient)) else { continue };
            // The x32 ABI has a check of its own.
            if section.architectures.is_x32() || strict.architectures.is_x32() {
                continue;
            }
            let example = self.open_example(section, strict);
            let message =
                format!("{}: every call is allowed, but not on {}", section.architectures, strict.architectures);
            self.add(FindingKind::OpenArchitecture, example, message);
        }
    }

    fn depends_on_number(&self, section: &Section) -> bool {
        let is_of_number = |node: Node| self.analysis.symbols.diagram.variable(node) < first_variable(2);
        section.calls.len() > 1 || section.calls.iter().any(|(_, node)| is_of_number(*node))
    }

    /// Returns a listed call of a section, of i386 if it is in the section.
    fn unchecked_example(&self, section: &Section) -> SeccompData {
        let rest = section.node_of(NO_CALL);
        let listed = section.calls.iter().find(|(_, node)| Some(*node) != rest);
        let nr = listed.map_or(0, |(range, _)| *range.start() as i32);
        let i386 = SeccompData { nr, arch: arch("i386"), ..SeccompData::default() };
        let arch = if section.architectures.contains(&i386) { i386.arch } else { section.architectures.example() };
        SeccompData { arch, ..i386 }
    }

    /// Returns a call of an open section that another section denies, by name if the names are known.
    fn open_example(&self, open: &Section, strict: &Section) -> SeccompData {
        let strict_arch = strict.architectures.single().unwrap_or_default();
        let denied = strict.calls.iter().filter(|(_, node)| !self.outcome(*node).is_some_and(is_lenient));
        let denied = denied.flat_map(|(range, _)| range.clone().take(600)).take(1000);
        let compatible = COMPATIBLE.iter().find(|(wide, _)| arch(wide) == strict_arch).map(|(_, narrow)| arch(narrow));
        let is_open = |arch: &Arch| open.architectures.contains(&SeccompData { arch: *arch, ..SeccompData::default() });
        let arch = compatible.filter(is_open).unwrap_or_else(|| open.architectures.example());
        let number = |nr: u32| arch.syscall_number(&strict_arch.syscall_name(nr as i32)?);
        let dangerous = ["execve", "ptrace", "mount", "write"];
        let mut numbers: Vec<i32> = denied.filter_map(number).collect();
        let rank = |nr: &i32| {
            let name = arch.syscall_name(*nr);
            dangerous.iter().position(|dangerous| Some(*dangerous) == name.as_deref()).unwrap_or(dangerous.len())
        };
        numbers.sort_by_key(rank);
        SeccompData { nr: numbers.first().copied().unwrap_or(0), arch, ..SeccompData::default() }
    }

    /// Finds architectures with equal rules for numbers that mean other calls.
    pub(super) fn shared_numbers(&mut self) {
        let sections = self.sections;
        let one = |section: &Section| section.architectures.single().filter(|_| !section.architectures.is_x32());
        for (place, section) in sections.iter().enumerate() {
            let Some(first) = one(section).filter(|_| self.depends_on_number(section)) else { continue };
            for other in &sections[place + 1..] {
                let Some(second) = one(other).filter(|_| same_listed_calls(section, other)) else { continue };
                let rest = section.node_of(NO_CALL);
                let listed = section.calls.iter().filter(|(_, node)| Some(*node) != rest);
                let mut numbers = listed.flat_map(|(range, _)| range.clone().take(1000)).take(5000);
                let differs = |nr: &u32| first.syscall_name(*nr as i32) != second.syscall_name(*nr as i32);
                let Some(nr) = numbers.find(differs) else { continue };
                let name = |arch: Arch| arch.syscall_name(nr as i32).unwrap_or_else(|| "unknown".into());
                let message = format!(
                    "{first} and {second} share their rules, but not their numbers: {nr} is {} on {first}, and {} on \
                     {second}",
                    name(first),
                    name(second)
                );
                let example = SeccompData { nr: nr as i32, arch: second, ..SeccompData::default() };
                self.add(FindingKind::SharedNumbers, example, message);
            }
        }
    }

    /// Finds calls of the x32 ABI that are executed, where the same calls of x86-64 are not.
    pub(super) fn x32(&mut self) -> Result<(), AnalysisError> {
        let sections = self.sections;
        let of_x86_64 = |section: &&Section| section.architectures.single() == Some(Arch::X86_64);
        let x32 = sections.iter().find(|section| section.architectures.is_x32());
        let native = sections.iter().find(|section| of_x86_64(section) && !section.architectures.is_x32());
        let (Some(x32), Some(native)) = (x32, native) else { return Ok(()) };
        let has_names = cfg!(feature = "syscall-names");
        let (mut open, mut example) = (Vec::new(), None);
        for low in X32_NUMBERS {
            let nr = low | X32_BIT as u32;
            let name = Arch::X86_64.syscall_name(nr as i32);
            let native_name = name.as_deref().and_then(|name| name.strip_prefix("x32_"));
            let native_nr = match native_name {
                Some(name) => Arch::X86_64.syscall_number(name).unwrap_or(low as i32) as u32,
                None if has_names => continue,
                None => low,
            };
            let (Some(of_native), Some(of_x32)) = (native.node_of(native_nr), x32.node_of(nr)) else { continue };
            let is_executed = |outcome: u64| is_lenient(Action::from(outcome as u32));
            let escapes = |native: u64, x32: u64| u64::from(is_executed(x32) && !is_executed(native));
            let leak = self.analysis.symbols.diagram.combine(of_native, of_x32, escapes);
            let leak = leak.map_err(|TooLarge| AnalysisError::TooComplexTogether)?;
            let Some(mut call) = x32.example(self.analysis, nr, leak, 1) else { continue };
            call.nr = nr as i32;
            // Opaque values may give the call another action.
            if !is_lenient(action_of(self.filters, &call)) {
                continue;
            }
            open.push(native_name.map_or_else(|| format!("{low}"), |name| name.into()));
            example.get_or_insert(call);
        }
        if let Some(example) = example {
            let names = open.iter().take(MAX_NAMES).cloned().collect::<Vec<String>>().join(", ");
            let more = if open.len() > MAX_NAMES { ", ..." } else { "" };
            let plural = if open.len() == 1 { "" } else { "s" };
            let count = open.len();
            let message = format!("x86_64: the x32 ABI escapes the rules for {count} call{plural}: {names}{more}");
            self.add(FindingKind::OpenX32, example, message);
        }
        Ok(())
    }

    /// Finds arguments of 64 bits of which one half is compared as a number, and the other half does not matter.
    pub(super) fn halves(&mut self) {
        let sections = self.sections;
        for section in sections {
            let arch = section.architectures.example();
            if !section.architectures.has_byte_order() || arch.0 & WIDE == 0 {
                continue;
            }
            let mut seen: Vec<Node> = Vec::new();
            for (range, node) in &section.calls {
                if seen.contains(node) {
                    continue;
                }
                seen.push(*node);
                let nr = *range.start();
                let name = arch.syscall_name(nr as i32).unwrap_or_else(|| format!("call {nr:#x}"));
                for argument in 0..6_u32 {
                    let (half, other) = match self.compared_halves(*node, argument) {
                        [true, false] => ("upper", "lower"),
                        [false, true] => ("lower", "upper"),
                        _ => continue,
                    };
                    let Some(example) = self.half_example(section, nr, *node, argument, half) else { continue };
                    let message = format!(
                        "{}: {name}: argument {argument} is compared by its {half} half only, so the {other} half may \
                         have any value",
                        section.architectures
                    );
                    self.add(FindingKind::HalfArgument, example, message);
                    self.with_loads(&example, argument, half);
                }
            }
        }
    }

    /// Returns whether the upper and the lower half of an argument are compared as numbers, by all bits from the highest
    /// on, while the other half does not matter. A limit, such as 2^40, may need the upper half only.
    fn compared_halves(&mut self, node: Node, argument: u32) -> [bool; 2] {
        let bits = [2 + 2 * argument, 3 + 2 * argument].map(|rank| self.analysis.support(node, rank));
        let is_number = |bits: u32| bits.leading_ones() >= 8 && bits.leading_ones() + bits.trailing_zeros() >= 32;
        match bits {
            [u32::MAX, 0] => {
                let field = Field { first: first_variable(2 + 2 * argument), width: 32 };
                let (inside, _) = self.analysis.symbols.diagram.nodes_before(node, field.first + 1);
                let first =
                    inside.into_iter().find(|&node| self.analysis.symbols.diagram.variable(node) == field.first);
                let decision = first.map(|node| decide(&mut self.analysis.symbols.diagram, node, field));
                [decision.is_some_and(|decision| decision.cases.len() > 2), false]
            }
            [0, lower] if is_number(lower) => [false, true],
            _ => [false, false],
        }
    }

    /// Returns a call with the most lenient action of a function, and 1 in the half that does not matter.
    fn half_example(&self, section: &Section, nr: u32, node: Node, argument: u32, half: &str) -> Option<SeccompData> {
        let lenient = self.outcomes(node).into_iter().max_by(|a, b| compare(*a, *b))?;
        let mut example = section.example(self.analysis, nr, node, lenient)?;
        let other = if half == "lower" { 1 << 32 } else { 1 };
        *example.args.get_mut(argument as usize)? |= other;
        Some(example)
    }

    /// Sets the instructions of the last finding to the loads of half an argument.
    fn with_loads(&mut self, example: &SeccompData, argument: u32, half: &str) {
        let is_second = (half == "upper") != example.arch.is_big_endian();
        let offset = SeccompData::ARGS + 8 * argument + if is_second { 4 } else { 0 };
        let is_load = |step: &Step| matches!(step, Step::LoadAbsolute(_, other) if *other == offset);
        let loads = self.filters.iter().map(|filter| executed(filter, example, is_load)).enumerate();
        let Some((filter, loads)) = loads.into_iter().find(|(_, loads)| !loads.is_empty()) else { return };
        if let Some(finding) = self.findings.last_mut() {
            (finding.filter, finding.instructions) = (filter, loads);
        }
    }

    /// Finds verdicts without a known action.
    pub(super) fn unknown_actions(&mut self) {
        let sections = self.sections;
        let mut seen: Vec<Action> = Vec::new();
        for section in sections {
            for (range, node) in &section.calls {
                for outcome in self.outcomes(*node) {
                    let action = Action::from(outcome as u32);
                    if !matches!(action, Action::Unknown(_)) || seen.contains(&action) {
                        continue;
                    }
                    let Some(example) = section.example(self.analysis, *range.start(), *node, outcome) else {
                        continue;
                    };
                    seen.push(action);
                    self.add(FindingKind::UnknownAction, example, format!("the verdict {action} has no known action"));
                }
            }
        }
    }

    /// Finds sections that allow calls that they do not list, but not all calls.
    pub(super) fn defaults(&mut self) {
        let sections = self.sections;
        let is_everything_open = sections.iter().all(|section| self.only_outcome(section).is_some_and(is_lenient));
        for section in sections {
            let base = if section.architectures.is_x32() { X32_BIT as u32 } else { 0 };
            let rest = section.node_of(base | NO_CALL).and_then(|node| self.outcome(node));
            let is_listing = section.calls.len() > 1 || is_everything_open;
            if !rest.is_some_and(is_lenient) || !is_listing {
                continue;
            }
            let unlisted = section.calls.iter().rev().find(|(range, _)| range.contains(&(base | NO_CALL)));
            let nr = unlisted.map_or(NO_CALL, |(range, _)| (*range.start()).max(base | 600));
            let example =
                SeccompData { nr: nr as i32, arch: section.architectures.example(), ..SeccompData::default() };
            let message = format!("{}: calls that no rule names are allowed", section.architectures);
            self.add(FindingKind::AllowByDefault, example, message);
        }
    }
}

/// Returns whether an action executes the call.
fn is_lenient(action: Action) -> bool {
    matches!(action, Action::Allow | Action::Log)
}

/// Returns the architecture with a name of this file.
fn arch(name: &str) -> Arch {
    name.parse().unwrap_or(Arch(0))
}

/// Returns whether two sections have the same rules.
fn same_listed_calls(a: &Section, b: &Section) -> bool {
    let below_x32 = |section: &Section| {
        let calls = section.calls.iter().filter(|(range, _)| *range.start() < X32_BIT as u32);
        calls.map(|(range, node)| (*range.start(), *node)).collect::<Vec<(u32, Node)>>()
    };
    below_x32(a) == below_x32(b)
}
