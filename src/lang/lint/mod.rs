//! Warnings about expressions that no packet matches, or every packet does, and about such parts of others.
//!
//! `numbers.rs` warns about numbers that are addresses, where a port may be meant.
//!
//! `questions.rs` compiles parts of an expression and decides whether they ever match; `search.rs` finds the smallest
//! part to blame, and `wording.rs` describes it.
//!
//! Invariants
//! - A warning about packets is proven: some packet would have to match otherwise, or not to match. Packets are as long
//!   as the programs need, as for [`Verified::rejects_all`](crate::Verified::rejects_all).
//! - The work is bounded: beyond [`questions::MAX_WORK`] nothing is blamed but the whole.

mod numbers;
mod questions;
mod search;
mod wording;

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::lang::error::ExprError;
use crate::lang::lint::questions::Questions;
use crate::lang::lint::search::Search;
use crate::lang::parse;
use crate::lang::target::Target;
use crate::lang::tree::Expr;
use crate::text::ParseError;

/// The most nodes of an expression of which parts are checked, if it matches some packets and not others.
const MAX_PARTS: usize = 64;

/// The most nodes of an expression that matches nothing or everything and is explained; of a longer one, the whole is
/// to blame.
const MAX_EXPLAINED: usize = 1 << 12;

/// Returns warnings about an expression that matches no packet of the link type or all of them, with the part that is
/// to blame.
///
/// In expressions of up to 64 primitives and operators, that also finds branches of `or` that no packet matches, and
/// operands of `and` that every packet matches. A part that depends on the link type alone is not reported then: `ip or
/// ip6` is meant for more than raw IPv4. Numbers that are addresses, as in `dst 443`, are reported, too. The empty
/// expression matches all packets on purpose.
///
/// ```
/// use cbpf::lang::{Cause, Effect, lint};
/// use cbpf::{LinkType, Target};
/// let warnings = lint("port 80 and vlan", &Target::new(LinkType::ETHERNET))?;
/// assert_eq!((warnings[0].effect(), warnings[0].cause()), (Effect::RejectsAll, Cause::Order));
/// assert_eq!(warnings[0].to_string(), "\
/// line 1, column 13: no packet matches both `port 80` and `vlan`: `vlan` moves the headers of what follows; write it first
///   |
/// 1 | port 80 and vlan
///   |             ^^^^");
/// # Ok::<(), cbpf::ExprError>(())
/// ```
///
/// # Performance
///
/// Of an expression that some packets match and others do not, a few times as long as compiling it takes. The work is
/// bounded; beyond the bound the whole expression is to blame.
///
/// # Errors
/// As [`compile_expression`](crate::compile_expression), but not [`ExprError::RejectsAll`].
pub fn lint(text: &str, target: &Target) -> Result<Vec<Warning>, ExprError> {
    let parsed = parse::parse(text)?;
    let expr = &parsed.expr;
    // The verdict on packets that match may be 0.
    let target = target.clone().snaplen(1);
    let program = super::compile(expr, &target, |diagnostic| super::located(diagnostic, text, &parsed.positions))?;
    if expr.is_empty() {
        return Ok(Vec::new());
    }
    let mut search = Search::new(Questions::new(expr, &target));
    let (root, program) = (expr.nodes.len() - 1, program.program);
    let effect = match search.questions.outcome(&program) {
        Some(true) => Some(Effect::AcceptsAll),
        Some(false) => Some(Effect::RejectsAll),
        None => None,
    };
    match effect {
        Some(effect) if expr.nodes.len() <= MAX_EXPLAINED => search.explain_whole(root, effect),
        Some(effect) => search.blame_whole(root, effect),
        None if expr.nodes.len() <= MAX_PARTS => search.explain_parts(root),
        None => {}
    }
    let Search { questions, findings } = search;
    let found = findings.iter().map(|finding| wording::warning(finding, &questions, text, &parsed.positions));
    Ok(found.chain(numbers::warnings(expr, text, &parsed.positions)).collect())
}

impl Expr {
    /// Returns warnings about the expression, as [`lint`] does. Positions are in the text that the expression prints
    /// as.
    ///
    /// # Errors
    /// As [`lint`].
    pub fn lint(&self, target: &Target) -> Result<Vec<Warning>, ExprError> {
        lint(&self.to_string(), target)
    }
}

/// What a [`Warning`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// No packet of the link type matches the expression.
    RejectsAll,
    /// Every packet of the link type that is long enough matches the expression.
    AcceptsAll,
    /// No packet matches a branch of `or`.
    DeadPart,
    /// Every packet matches an operand of `and`.
    RedundantPart,
    /// A number is an address, and may be meant as a port.
    Address,
}

/// Why a [`Warning`] is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Parts contradict each other, as in `tcp and udp`, or leave no packet, as in `ip or not ip`.
    Parts,
    /// A comparison has one outcome, as `ip[0] > 255` and `len >= 0`.
    Comparison,
    /// A test has one outcome with the link type, as `ip6` on raw IPv4, or after a test that moves the headers, as
    /// `arp` in `pppoes and arp`.
    LinkType,
    /// A test that moves the headers of what follows (`vlan`, `mpls`, `pppoes`, `geneve`, ...) stands too late: `port
    /// 80 and vlan` looks for the port where `vlan` looks for its tag.
    Order,
    /// A number without `port` is an address: `dst 443` is `dst host 0.0.1.187`.
    Number,
}

/// A warning of [`lint`], with the part of the expression that is to blame.
///
/// It prints as a sentence, the line, and carets below the part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    effect: Effect,
    cause: Cause,
    span: Range<usize>,
    place: ParseError,
}

impl Warning {
    /// Returns what the warning says.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Returns the reason.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// Returns the bytes of the text that are to blame.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Returns the line of the part, from 1.
    pub fn line(&self) -> usize {
        self.place.line()
    }

    /// Returns the column of the part in characters, from 1.
    pub fn column(&self) -> usize {
        self.place.column()
    }

    /// Returns the sentence without the place.
    pub fn message(&self) -> &str {
        self.place.message()
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}
