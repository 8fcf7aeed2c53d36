//! The compiler of the pcap-filter language, from `tcp port 443 and not host 10.0.0.1` to a program.
//!
//! `token.rs` splits a text into tokens, `parse/` builds a tree of them (`tree.rs`; `print.rs` prints it,
//! `positions.rs` relates it to the text), and `generate/` compiles the tree for a link type. `cure/` finds what was
//! meant by an expression that is invalid. Constants and names are rows of tables: `keywords.rs` (spellings),
//! `link_type_table.rs` (link types), `names.rs` (services and values of fields) and `packet/protocols.rs` (protocol
//! numbers).
//!
//! The language is that of pcap-filter(7) in libpcap 1.11, which corrects and rejects some expressions of 1.10.
//! Intended differences:
//! - Services and protocols come from tables, so a filter means the same on every machine; names of hosts and networks,
//!   and other services and protocols, need a [`Resolver`].
//! - `protochain` follows a limited number of headers (`Target::chain_depth`), where libpcap's programs loop. After an
//!   authentication header it continues with the next header; libpcap loses its position there.
//! - Only memory limits the depth of arithmetic and groups, and the length of lists.
//!
//! Bugs of libpcap that are avoided:
//! - The scratch word of a header offset may be reused for arithmetic: with 802.11 and tunnels, `len > 100 and tcp`
//!   looks for TCP at a wrong offset, and so do tests after a tunnel that is absent.
//! - Within a tunnel on 802.11, the outer offsets are never stored.
//! - With link types whose network header it cannot locate (some of Juniper's), it reads at meaningless offsets; here
//!   that is an error.
//! - After `vxlan` and `geneve` it looks for OSI at the offset of the outer link layer.
//! - Its optimiser drops necessary tests: `fisu and msu or not fisu` accepts every packet on MTP2.
//! - It does not test for the headers that the right operand of an operator needs: in
//!   `ip[2:2] - ((ip[0]&0xf)<<2) - ((tcp[12]&0xf0)>>2) != 0` it may read UDP as TCP. Here a relation holds only in
//!   packets with all headers that it reads.
//! - Only its optimised programs handle a constant negative index, as in `ip[-4]`.

mod cure;
mod error;
mod generate;
mod keywords;
mod link_layout;
mod link_type;
mod link_type_table;
mod lint;
pub(crate) mod meanings;
mod names;
mod outline;
mod parse;
mod positions;
mod print;
mod target;
#[cfg(test)]
mod tests;
mod token;
mod tree;
mod words;

use alloc::string::ToString;

use crate::bpf::dialect::Dialect;
use crate::bpf::ebpf_conversion;
use crate::bpf::instruction::{Instruction, Operand};
use crate::bpf::program::Program;
use crate::bpf::verify::{Rule, Verified, VerifyError};
use crate::lang::cure::cured;
use crate::lang::generate::{Diagnostic, GenerateError, Generated, generate};
use crate::lang::positions::Positions;
use crate::lang::target::CHAIN_DEPTHS;
use crate::text::ParseError;

pub use error::ExprError;
pub use keywords::spellings as keywords;
pub use link_type::LinkType;
pub use lint::{Cause, Effect, Warning, lint};
pub use outline::{Part, PartKind, outline};
pub use target::{Resolver, Target};
pub use tree::Expr;

/// Compiles an expression to a program.
///
/// The program is not optimised (`Program::optimize`), unless it would be too long for the dialect.
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
/// [`ExprError::Invalid`], with the position in the text, if the expression has a syntax error or no meaning for the
/// link type. [`ExprError::RejectsAll`] if it provably matches no packet, as `tcp and udp`, unless the target
/// [allows that](Target::allow_reject_all). [`ExprError::TooLong`] or [`ExprError::Verify`] if the program does not fit
/// into the dialect.
pub fn compile_expression(text: &str, target: &Target) -> Result<Program, ExprError> {
    let program = || {
        let parsed = parse::parse(text)?;
        let compiled = compile(&parsed.expr, target, |diagnostic| located(diagnostic, text, &parsed.positions))?;
        accepting(compiled.program, target)
    };
    program().map_err(|error| cured(error, text, Some(target)))
}

/// Compiles an expression as [`compile_expression`] does, and verifies the program, which is done once.
pub(crate) fn compile_verified(text: &str, target: &Target) -> Result<Result<Verified, VerifyError>, ExprError> {
    let verified = || {
        let parsed = parse::parse(text)?;
        let compiled = compile(&parsed.expr, target, |diagnostic| located(diagnostic, text, &parsed.positions))?;
        let verified = compiled.program.verify(target.dialect);
        verified.as_ref().map_or(Ok(()), |verified| accepted(verified, target))?;
        Ok(verified)
    };
    verified().map_err(|error| cured(error, text, Some(target)))
}

impl Expr {
    /// Compiles the expression to a program, as [`compile_expression`] does.
    ///
    /// # Errors
    /// As [`compile_expression`]. Positions are in the text that the expression prints as.
    pub fn compile(&self, target: &Target) -> Result<Program, ExprError> {
        let compiled = compile(self, target, |diagnostic| self.error(diagnostic))?;
        accepting(compiled.program, target)
    }

    /// Returns the number of headers that `protochain` follows in the program of this expression; packets with more
    /// headers do not match. `None` if there is no `protochain` that can match with this link type, or no program.
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
        compile(self, target, |diagnostic| self.error(diagnostic)).ok().and_then(|compiled| compiled.chain_depth)
    }

    /// Adds to an error its position in the text that the expression prints as.
    fn error(&self, diagnostic: Diagnostic) -> ParseError {
        let text = self.to_string();
        // A printed expression parses to the same tree.
        let positions = parse::parse(&text).map(|parsed| parsed.positions).unwrap_or_default();
        located(diagnostic, &text, &positions)
    }
}

/// Adds to an error its position in the text of the expression.
fn located(Diagnostic { part, site, message }: Diagnostic, text: &str, positions: &Positions) -> ParseError {
    ParseError::at(text, positions.of(part, site), message)
}

struct Compiled {
    program: Program,
    /// The number of headers that `protochain` follows, if the program has one.
    chain_depth: Option<u32>,
}

/// Compiles an expression to a program that the dialect accepts; `locate` adds the position to an error.
fn compile(expr: &Expr, target: &Target, locate: impl Fn(Diagnostic) -> ParseError) -> Result<Compiled, ExprError> {
    let [depth, less] = target.chain_depth.map_or(CHAIN_DEPTHS, |depth| [depth, depth]);
    let attempt = |chain_depth| {
        let generated = generate(expr, target, chain_depth).map_err(|error| match error {
            GenerateError::Invalid(diagnostic) => ExprError::Invalid(locate(diagnostic)),
            GenerateError::Internal => ExprError::Internal,
        });
        let Generated { program, has_chain } = generated?;
        Ok(Compiled { program: bounded(program, target.dialect)?, chain_depth: has_chain.then_some(chain_depth) })
    };
    match attempt(depth) {
        Err(ExprError::TooLong { .. } | ExprError::Verify(_)) if less < depth && expr.has_chain() => attempt(less),
        outcome => outcome,
    }
}

/// Returns the program, optimised if it is too long for the dialect otherwise.
fn bounded(program: Program, dialect: Dialect) -> Result<Program, ExprError> {
    // A generated program can only break rules by its length.
    if program.len() <= ebpf_conversion::ALWAYS_FITS {
        return Ok(program);
    }
    let Err(refused) = program.verify(dialect) else { return Ok(program) };
    let shorter = shortened(program, dialect);
    let rule = match shorter.verify(dialect) {
        Ok(_) => return Ok(shorter),
        Err(VerifyError { rule: rule @ Rule::TooLong { .. }, .. }) => rule,
        // The optimiser works by the rules of another dialect, so its program may break this one's.
        Err(_) => refused.rule,
    };
    match rule {
        Rule::TooLong { len, max } => Err(ExprError::TooLong { instructions: len, max }),
        _ => Err(ExprError::Verify(refused)),
    }
}

/// Returns the program, or an error if it rejects all packets and the target does not allow that.
fn accepting(program: Program, target: &Target) -> Result<Program, ExprError> {
    if !target.allow_reject_all {
        program.verify(target.dialect).map_or(Ok(()), |verified| accepted(&verified, target))?;
    }
    Ok(program)
}

/// Returns an error if the program rejects all packets and the target does not allow that.
fn accepted(verified: &Verified, target: &Target) -> Result<(), ExprError> {
    if !target.allow_reject_all && verified.rejects_all() { Err(ExprError::RejectsAll) } else { Ok(()) }
}

/// Returns the program, optimised for the dialect that does not limit its length, unless it means something else there.
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
