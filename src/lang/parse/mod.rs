//! The parser, from tokens to a tree.
//!
//! Operators of tests and of arithmetic wait on one stack until their right operand is complete, since `(80` may begin
//! a test or a number. libpcap's grammar has some surprising rules:
//! - `and` and `or` have the same precedence, and associate to the left.
//! - A name or number without qualifiers inherits those of the primitive before it: `port 80 or 443`. A protocol alone
//!   and a relation pass on none. A group passes on the qualifiers that it inherited, not those inside it.
//! - `%` and `^` have no precedence: all that follows belongs to their right operand, so `6 % 4 + 1` is `6 % 5`.
//!
//! The parser does not recurse, so nesting may be arbitrarily deep.

mod operators;
mod primitives;

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use core::str::FromStr;

use crate::bpf::isa::AluOp;
use crate::lang::cure::cured;
use crate::lang::error::ExprError;
use crate::lang::keywords;
use crate::lang::positions::{NodePosition, Positions};
use crate::lang::token::{Lexer, Token};
use crate::lang::tree::{Expr, Kind, Node, Primitive, Qualifiers, Relation, Step};
use crate::lang::words::{Protocol, Word};
use crate::text::ParseError;

/// A tree, and the positions of its parts in the text.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) expr: Expr,
    pub(super) positions: Positions,
}

impl FromStr for Expr {
    type Err = ExprError;

    fn from_str(text: &str) -> Result<Expr, ExprError> {
        parse(text).map(|parsed| parsed.expr).map_err(|error| cured(error.into(), text, None))
    }
}

/// Parses an expression; a blank text is the expression that every packet matches.
pub(super) fn parse(text: &str) -> Result<Parsed, ParseError> {
    let mut parser = Parser::new(text)?;
    if parser.token == Token::End {
        return Ok(Parsed { expr: Expr::all(), positions: parser.positions });
    }
    loop {
        parser.operand()?;
        if parser.after_operand()? {
            return Ok(Parsed { expr: Expr { nodes: parser.nodes }, positions: parser.positions });
        }
    }
}

/// An operator whose right operand is not complete, or an opening parenthesis.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    Open(Open),
    /// `not`, as often as stated, and the position of the first one.
    Not(usize, usize),
    And,
    Or,
    /// A relation; its left side is the first `left` steps.
    Relation {
        relation: Relation,
        left: usize,
    },
    /// An operator of arithmetic, and its position.
    Binary(AluOp, usize),
    /// The position of a `-`.
    Negate(usize),
    /// `protocol[`, and its position.
    Index(Protocol, usize),
}

/// An opening parenthesis.
#[derive(Clone, Copy, Debug)]
struct Open {
    at: usize,
    /// The qualifiers that the first primitive inside and the one after the group inherit.
    inherited: Option<Qualifiers>,
    allowed: Allowed,
}

/// The operands that are allowed at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    /// Tests, and numbers that become a part of one.
    Tests,
    /// Names and numbers with qualifiers before them.
    Ids,
    /// Numbers only.
    Numbers,
}

/// The operand that was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    Test,
    Arithmetic,
    /// A single number, in parentheses or not: a test with inherited qualifiers, or arithmetic.
    Number(u32),
}

pub(super) struct Parser<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    /// The current token and its span.
    pub(super) token: Token<'t>,
    pub(super) span: Range<usize>,
    /// The end of the token before it.
    end: usize,
    nodes: Vec<Node>,
    positions: Positions,
    /// The position of the current operand and its qualifiers.
    current: NodePosition,
    /// The steps of the current relation.
    steps: Vec<Step>,
    waiting: Vec<Waiting>,
    inherited: Option<Qualifiers>,
    last: Operand,
    /// `true` after qualifiers, which an id must follow.
    is_qualified: bool,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Result<Parser<'t>, ParseError> {
        let mut lexer = Lexer::new(text);
        let (token, span) = lexer.next()?;
        Ok(Parser {
            text,
            lexer,
            token,
            span,
            end: 0,
            nodes: Vec::new(),
            positions: Positions::default(),
            current: NodePosition::default(),
            steps: Vec::new(),
            waiting: Vec::new(),
            inherited: None,
            last: Operand::Test,
            is_qualified: false,
        })
    }

    pub(super) fn advance(&mut self) -> Result<(), ParseError> {
        self.end = self.span.end;
        (self.token, self.span) = self.lexer.next()?;
        Ok(())
    }

    /// Goes on after a number, name or address of the current primitive.
    pub(super) fn advance_operand(&mut self) -> Result<(), ParseError> {
        self.positions.push_operand(self.span.start);
        self.advance()
    }

    /// Returns the token after the current one.
    pub(super) fn peek(&self) -> Result<Token<'t>, ParseError> {
        Ok(self.lexer.clone().next()?.0)
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, self.span.start, message)
    }

    /// Returns an error at the current token, which is quoted, with a guess at the keyword that was meant.
    pub(super) fn expected<T>(&self, what: &str) -> Result<T, ParseError> {
        Err(self.error(match self.token {
            Token::End => format!("expected {what}, found the end"),
            Token::Name(name) => format!("expected {what}, found `{name}`{}", did_you_mean(keywords::near(name))),
            _ => format!("expected {what}, found `{}`", self.spelling()),
        }))
    }

    /// Returns the text of the current token.
    pub(super) fn spelling(&self) -> &'t str {
        &self.text[self.span.clone()]
    }

    /// Reads an operand, and the parentheses and negations before it.
    fn operand(&mut self) -> Result<(), ParseError> {
        loop {
            let allowed = self.allowed();
            if allowed != Allowed::Numbers {
                self.current.start = self.span.start;
            }
            match self.token {
                Token::Symbol("(") => {
                    self.waiting.push(Waiting::Open(Open { at: self.span.start, inherited: self.inherited, allowed }));
                    self.is_qualified = false;
                    self.advance()?;
                }
                Token::Word(Word::Not) if allowed != Allowed::Numbers => {
                    match self.waiting.last_mut() {
                        Some(Waiting::Not(count, _)) => *count += 1,
                        _ => self.waiting.push(Waiting::Not(1, self.span.start)),
                    }
                    self.advance()?;
                }
                Token::Symbol("-") if allowed != Allowed::Ids => {
                    self.waiting.push(Waiting::Negate(self.span.start));
                    self.advance()?;
                }
                Token::Word(Word::Protocol(protocol))
                    if allowed != Allowed::Ids && self.peek()? == Token::Symbol("[") =>
                {
                    self.waiting.push(Waiting::Index(protocol, self.span.start));
                    self.advance()?;
                    self.advance()?;
                }
                _ => {
                    if allowed == Allowed::Tests && self.primitive()? {
                        return Ok(());
                    }
                    self.last = self.simple(allowed)?;
                    self.is_qualified = false;
                    return Ok(());
                }
            }
        }
    }

    /// Returns the operands that are allowed here.
    fn allowed(&self) -> Allowed {
        if self.is_qualified {
            return Allowed::Ids;
        }
        match self
            .waiting
            .iter()
            .rev()
            .find(|waiting| !matches!(waiting, Waiting::Not(..) | Waiting::And | Waiting::Or))
        {
            Some(Waiting::Open(open)) => open.allowed,
            None => Allowed::Tests,
            _ => Allowed::Numbers,
        }
    }

    /// Reads a number or an id.
    fn simple(&mut self, allowed: Allowed) -> Result<Operand, ParseError> {
        match self.token {
            Token::Number(number) if !self.is_qualified => {
                self.step(Step::Number(number), self.span.start);
                self.advance()?;
                Ok(Operand::Number(number))
            }
            Token::Word(Word::Length) if allowed != Allowed::Ids => {
                self.step(Step::Length, self.span.start);
                self.advance()?;
                Ok(Operand::Arithmetic)
            }
            _ if allowed == Allowed::Numbers => self.expected("a number"),
            _ => {
                let Some(qualifiers) = self.inherited else { return self.unqualified() };
                let Some(id) = self.id()? else {
                    return self.expected(if allowed == Allowed::Ids { "a name, number or address" } else { "a test" });
                };
                self.only_ids_follow();
                self.push(Primitive::Address(qualifiers, id));
                Ok(Operand::Test)
            }
        }
    }

    fn unqualified<T>(&self) -> Result<T, ParseError> {
        let missing = "expected a qualifier such as `host` or `port` before";
        match self.token {
            Token::Name(name) => Err(self.error(format!("{missing} `{name}`{}", did_you_mean(keywords::near(name))))),
            Token::Dotted(_) | Token::Ipv6(_) | Token::Mac(_) | Token::Byte(_) => {
                Err(self.error(format!("{missing} `{}`", self.spelling())))
            }
            _ => self.expected("a test"),
        }
    }

    /// Allows only ids in the current group, after its first operand was an id.
    fn only_ids_follow(&mut self) {
        let is_no_not = |waiting: &&mut Waiting| !matches!(waiting, Waiting::Not(..));
        if let Some(Waiting::Open(open)) = self.waiting.iter_mut().rev().find(is_no_not) {
            if open.allowed == Allowed::Tests {
                open.allowed = Allowed::Ids;
            }
        }
    }

    /// Sets the qualifiers that an id without qualifiers inherits.
    pub(super) fn qualify(&mut self, qualifiers: Option<Qualifiers>) {
        self.inherited = qualifiers;
    }

    pub(super) fn push(&mut self, primitive: Primitive) {
        self.push_node(Node::Primitive(primitive), self.current.start);
    }

    /// Adds a node, which ends before the current token.
    fn push_node(&mut self, node: Node, start: usize) {
        self.nodes.push(node);
        let mut position = self.current;
        (position.start, position.end) = (start, self.end);
        self.positions.push_node(position);
    }

    fn step(&mut self, step: Step, at: usize) {
        self.steps.push(step);
        self.positions.push_operand(at);
    }

    /// Reads the id after its qualifiers, which may be negated or in parentheses.
    pub(super) fn qualified(&mut self, qualifiers: Qualifiers) -> Result<(), ParseError> {
        self.qualify(Some(qualifiers));
        self.is_qualified = true;
        if let Some(id) = self.id()? {
            self.is_qualified = false;
            self.last = Operand::Test;
            self.push(Primitive::Address(qualifiers, id));
            return Ok(());
        }
        if !matches!(self.token, Token::Symbol("(") | Token::Word(Word::Not)) {
            return self.expected(wanted(qualifiers.kind));
        }
        self.operand()
    }
}

/// Describes the ids that may follow a kind, for an error.
fn wanted(kind: Option<Kind>) -> &'static str {
    match kind {
        None => "a host, or `host`, `net`, `port` or `portrange`",
        Some(Kind::Host | Kind::Gateway) => "a host",
        Some(Kind::Net) => "a network",
        Some(Kind::Port) => "a port",
        Some(Kind::PortRange) => "a range of ports",
        Some(Kind::Protocol | Kind::ProtocolChain) => "a protocol",
    }
}

/// Returns the end of an error message that suggests another spelling.
pub(super) fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}
