//! The pcap-filter language: `tcp port 443 and not host 10.0.0.1` becomes a program.
//!
//! `token.rs` makes tokens of a text, `parse/` a tree of the tokens (`tree.rs`, printed by `print.rs`), and `generate/` a
//! program of the tree for a link type. Facts are rows of tables: `keywords.rs`, `names.rs`, `link_type.rs`, and
//! `generate/layers.rs` for what the headers of each link type look like.
//!
//! The language is that of pcap-filter(7) in libpcap 1.11, which mends and refuses some of what 1.10 has.
//! What is different on purpose:
//! - Services and protocols come from tables, so that a filter means the same on every machine; hosts and networks have names
//!   only if the caller brings a [`Resolver`].
//! - `protochain` goes through a stated number of headers (`Target::chain_depth`), where libpcap's programs loop.
//!   Behind an authentication header it goes on at the next one; libpcap loses its place there.
//! - A number, a group or a list of terms may be as deep or as long as memory allows.
//!
//! What libpcap gets wrong, and is right here:
//! - The scratch word of a header's offset may be that of a number which was computed before: with 802.11 and tunnels,
//!   `len > 100 and tcp` looks for TCP at a wrong place, and so does what follows a tunnel that is not there.
//! - Within a tunnel on 802.11 the outer offsets are never stored.
//! - Where it does not know how a link type reaches the network header (some of Juniper's), it looks at nonsense
//!   offsets; here that is an error.
//! - Behind `vxlan` and `geneve` it looks for OSI where the outer link layer has it.
//! - Its optimiser drops tests that count: `fisu and msu or not fisu` accepts all that comes on MTP2.
//! - Of the right operand of an operator it forgets which headers it needs: in
//!   `ip[2:2] - ((ip[0]&0xf)<<2) - ((tcp[12]&0xf0)>>2) != 0` it takes bytes of UDP for those of TCP. A number has a
//!   value only in packets with all headers that it looks into.
//! - Only its optimised programs find what a constant negative index means, as in `ip[-4]`.

mod error;
mod generate;
mod keywords;
mod link_type;
mod names;
mod parse;
mod print;
mod target;
#[cfg(test)]
mod tests;
mod token;
mod tree;
mod words;

use crate::bpf::dialect::Dialect;
use crate::bpf::ebpf_conversion;
use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::program::Program;
use crate::bpf::verify::{Rule, VerifyError};
use crate::lang::generate::{Generated, Wrong, generate};
use crate::lang::target::CHAIN_DEPTHS;
use crate::text::ParseError;

pub use error::ExprError;
pub use link_type::{LinkType, UnknownLinkType};
pub use target::{Resolver, Target};
pub use tree::Expr;

/// The program of an expression, as it is generated: sound, but not the shortest (`Program::optimize`), unless it would be
/// too long for the dialect.
///
/// ```
/// use cbpf::{Dialect, LinkType, Target, compile_expression};
/// let program = compile_expression("tcp dst port 443", &Target::new(LinkType::ETHERNET))?;
/// let filter = program.verify(Dialect::Pcap)?;
///
/// let mut frame = [0; 60];
/// frame[12..14].copy_from_slice(&[0x08, 0x00]); // IPv4
/// frame[14] = 0x45;
/// frame[23] = 6; // TCP
/// frame[36..38].copy_from_slice(&443_u16.to_be_bytes());
/// assert_eq!(filter.interpret(&frame), 262_144);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If it is no expression, has no meaning for the link type, or needs more instructions than the dialect allows. The place in
/// the text is told. [`ExprError::RejectsAll`] if it is sound and matches no packet, as `tcp and udp`, unless the target
/// [accepts nothing](Target::accept_nothing): on every link type, whatever shows that no packet matches.
pub fn compile_expression(text: &str, target: &Target) -> Result<Program, ExprError> {
    let parsed = parse::parse(text)?;
    let compiled = compile(&parsed.expr, target, |Wrong { part, message }| {
        let at = parsed.places.get(part).map_or(0, |place| place.start);
        ParseError::at(text, place_of_cause(text, at, &message), message)
    })?;
    accepting(compiled.program, target)
}

impl Expr {
    /// The program of the expression; see [`compile_expression`].
    ///
    /// # Errors
    /// As [`compile_expression`]. Places are in the text that the expression prints as.
    pub fn compile(&self, target: &Target) -> Result<Program, ExprError> {
        let compiled = compile(self, target, |wrong| self.error(wrong))?;
        accepting(compiled.program, target)
    }

    /// Returns how many headers `protochain` goes through in the program of this expression; packets with more of
    /// them do not match. `None` if the expression has no `protochain` that can match with this link type, or no program.
    ///
    /// ```
    /// use cbpf::{Expr, LinkType, Target};
    /// let expr: Expr = "ip6 protochain 6".parse()?;
    /// let target = Target::new(LinkType::ETHERNET);
    /// assert_eq!(expr.chain_depth(&target), Some(16));
    /// assert_eq!(expr.chain_depth(&target.chain_depth(40)), Some(40));
    /// # Ok::<(), cbpf::ExprError>(())
    /// ```
    pub fn chain_depth(&self, target: &Target) -> Option<u32> {
        if !self.has_chain() {
            return None;
        }
        compile(self, target, |wrong| self.error(wrong)).ok().and_then(|compiled| compiled.chain_depth)
    }

    /// Returns what is wrong, at its place in the text that the expression prints as.
    fn error(&self, Wrong { part, message }: Wrong) -> ParseError {
        let (text, at) = self.text_with(part);
        ParseError::at(&text, place_of_cause(&text, at, &message), message)
    }
}

struct Compiled {
    program: Program,
    /// How many headers `protochain` goes through, if the program has any.
    chain_depth: Option<u32>,
}

/// Compiles an expression to a program that is not longer than the dialect allows; `locate` finds what is wrong in its text.
fn compile(expr: &Expr, target: &Target, locate: impl Fn(Wrong) -> ParseError) -> Result<Compiled, ExprError> {
    let [depth, less] = target.chain_depth.map_or(CHAIN_DEPTHS, |depth| [depth, depth]);
    let attempt = |chain_depth| {
        let Generated { program, has_chain } = generate(expr, target, chain_depth).map_err(&locate)?;
        Ok(Compiled { program: bounded(program, target.dialect)?, chain_depth: has_chain.then_some(chain_depth) })
    };
    match attempt(depth) {
        Err(ExprError::TooLong { .. } | ExprError::Refused(_)) if less < depth && expr.has_chain() => attempt(less),
        outcome => outcome,
    }
}

/// Where what a message quotes first stands in the part of `text` that begins at `at`; if it does not, that beginning.
fn place_of_cause(text: &str, at: usize, message: &str) -> usize {
    let part = &text[at..];
    let is_whole = |start: usize, word: &str| {
        let is_of_word = |c: char| c.is_alphanumeric() || "_-.:".contains(c);
        !part[..start].ends_with(is_of_word) && !part[start + word.len()..].starts_with(is_of_word)
    };
    let quoted = message.split('`').nth(1).filter(|word| !word.is_empty());
    let place = quoted.and_then(|word| part.match_indices(word).find(|&(start, word)| is_whole(start, word)));
    place.map_or(at, |(start, _)| at + start)
}

/// The program, unless it is longer than the dialect allows, also when it is optimised.
fn bounded(program: Program, dialect: Dialect) -> Result<Program, ExprError> {
    // Only the length of a generated program can break a rule.
    if program.len() <= ebpf_conversion::ALWAYS_FITS {
        return Ok(program);
    }
    let Err(refused) = program.verify(dialect) else { return Ok(program) };
    let shorter = shortened(program, dialect);
    let rule = match shorter.verify(dialect) {
        Ok(_) => return Ok(shorter),
        Err(VerifyError { rule: rule @ Rule::TooLong { .. }, .. }) => rule,
        // The optimiser may break rules that its own do not have, so this is no way out.
        Err(_) => refused.rule,
    };
    match rule {
        Rule::TooLong { len, max } => Err(ExprError::TooLong { instructions: len, max }),
        _ => Err(ExprError::Refused(refused)),
    }
}

/// The program, unless it rejects all packets and the target does not allow that.
fn accepting(program: Program, target: &Target) -> Result<Program, ExprError> {
    let rejects_all = || program.verify(target.dialect).is_ok_and(|verified| verified.rejects_all());
    if !target.accepts_nothing && rejects_all() { Err(ExprError::RejectsAll) } else { Ok(program) }
}

/// The program, optimised by the rules that have no limit of length. One to which they give another meaning stays as it
/// is.
fn shortened(program: Program, dialect: Dialect) -> Program {
    let depends_on_rules = |instruction| match instruction {
        Instruction::LoadExtension(_) => true,
        Instruction::LoadAbsolute { offset, .. } => i32::try_from(offset).is_err(),
        Instruction::Alu { op, operand: Operand::X } => op.is_shift() && dialect != Dialect::Pcap,
        _ => false,
    };
    if program.disassemble().any(depends_on_rules) {
        return program;
    }
    program.optimize(Dialect::Pcap).unwrap_or(program)
}
