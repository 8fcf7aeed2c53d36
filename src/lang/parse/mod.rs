//! Tokens become a tree.
//!
//! Operators wait on one stack, those of tests and those of numbers, until what stands to their right is known: whether
//! `(80` begins a test or a number shows only later. What libpcap's grammar says, and surprises:
//! - `and` and `or` have the same precedence, and associate to the left.
//! - A name or number without qualifiers has those of what stands before it: `port 80 or 443`. Behind a protocol's name or
//!   a relation there are none to inherit. A group passes on what it inherited, not what stands in it.
//! - `%` and `^` have no precedence: what follows either belongs to its right operand, so that `6 % 4 + 1` is `6 % 5`.
//!
//! Nothing here recurses, so that no nesting is too deep.

mod operators;
mod primitives;

use std::ops::Range;

use crate::bpf::isa::AluOp;
use crate::lang::error::ExprError;
use crate::lang::keywords;
use crate::lang::token::{Lexer, Token};
use crate::lang::tree::{Expr, Kind, Node, Primitive, Qualifiers, Relation, Step};
use crate::lang::words::{Protocol, Word};
use crate::text::ParseError;

/// A tree, and where each node stood in the text.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) expr: Expr,
    pub(super) places: Vec<Range<usize>>,
}

impl std::str::FromStr for Expr {
    type Err = ExprError;

    fn from_str(text: &str) -> Result<Expr, ExprError> {
        Ok(parse(text)?.expr)
    }
}

pub(super) fn parse(text: &str) -> Result<Parsed, ParseError> {
    let mut parser = Parser::new(text)?;
    if parser.token == Token::End {
        return Ok(Parsed { expr: Expr::all(), places: Vec::new() });
    }
    loop {
        parser.operand()?;
        if parser.after_operand()? {
            return Ok(Parsed { expr: Expr { nodes: parser.nodes }, places: parser.places });
        }
    }
}

/// An operator whose right operand is not complete, or an opening parenthesis.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    Open(Open),
    /// So many `not`s.
    Not(usize),
    And,
    Or,
    /// The steps of its left side end at `left`.
    Relation {
        relation: Relation,
        left: usize,
    },
    Binary(AluOp),
    Negate,
    /// `protocol[`
    Index(Protocol),
}

/// An opening parenthesis.
#[derive(Clone, Copy, Debug)]
struct Open {
    at: usize,
    /// What those in it inherit, and what follows it.
    inherited: Option<Qualifiers>,
    holds: Holds,
}

/// What may stand at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// Tests, and numbers that become a part of one.
    Tests,
    /// Names and numbers that qualifiers qualify.
    Ids,
    /// Numbers only.
    Numbers,
}

/// What was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    Test,
    Arithmetic,
    /// A number alone, in parentheses or not: a test with inherited qualifiers, or arithmetic.
    Number(u32),
}

pub(super) struct Parser<'t> {
    text: &'t str,
    lexer: Lexer<'t>,
    /// The token that is looked at, and its place.
    pub(super) token: Token<'t>,
    pub(super) place: Range<usize>,
    nodes: Vec<Node>,
    places: Vec<Range<usize>>,
    /// The steps of the relation that is being read.
    steps: Vec<Step>,
    waiting: Vec<Waiting>,
    inherited: Option<Qualifiers>,
    last: Operand,
    /// Where the operand that is being read begins.
    start: usize,
    /// Whether an id must follow, since its qualifiers were read.
    is_qualified: bool,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Result<Parser<'t>, ParseError> {
        let mut lexer = Lexer::new(text);
        let (token, place) = lexer.next()?;
        Ok(Parser {
            text,
            lexer,
            token,
            place,
            nodes: Vec::new(),
            places: Vec::new(),
            steps: Vec::new(),
            waiting: Vec::new(),
            inherited: None,
            last: Operand::Test,
            start: 0,
            is_qualified: false,
        })
    }

    pub(super) fn advance(&mut self) -> Result<(), ParseError> {
        (self.token, self.place) = self.lexer.next()?;
        Ok(())
    }

    /// The token behind the one that is looked at.
    pub(super) fn peek(&self) -> Result<Token<'t>, ParseError> {
        Ok(self.lexer.clone().next()?.0)
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::at(self.text, self.place.start, message)
    }

    pub(super) fn expected<T>(&self, what: &str) -> Result<T, ParseError> {
        Err(self.error(format!("expected {what}{}", self.found())))
    }

    /// What is found instead, with a guess at what was meant.
    fn found(&self) -> String {
        match self.token {
            Token::End => ", found the end".to_owned(),
            Token::Name(name) => format!(", found `{name}`{}", did_you_mean(keywords::near(name))),
            _ => format!(", found `{}`", &self.text[self.place.clone()]),
        }
    }

    /// Reads an operand, with what opens or negates before it.
    fn operand(&mut self) -> Result<(), ParseError> {
        loop {
            let holds = self.holds();
            if holds != Holds::Numbers {
                self.start = self.place.start;
            }
            match self.token {
                Token::Symbol("(") => {
                    self.waiting.push(Waiting::Open(Open { at: self.place.start, inherited: self.inherited, holds }));
                    self.is_qualified = false;
                    self.advance()?;
                }
                Token::Word(Word::Not) if holds != Holds::Numbers => {
                    match self.waiting.last_mut() {
                        Some(Waiting::Not(count)) => *count += 1,
                        _ => self.waiting.push(Waiting::Not(1)),
                    }
                    self.advance()?;
                }
                Token::Symbol("-") if holds != Holds::Ids => {
                    self.waiting.push(Waiting::Negate);
                    self.advance()?;
                }
                Token::Word(Word::Protocol(protocol)) if holds != Holds::Ids && self.peek()? == Token::Symbol("[") => {
                    self.waiting.push(Waiting::Index(protocol));
                    self.advance()?;
                    self.advance()?;
                }
                _ => {
                    if holds == Holds::Tests && self.primitive()? {
                        return Ok(());
                    }
                    self.last = self.simple(holds)?;
                    self.is_qualified = false;
                    return Ok(());
                }
            }
        }
    }

    /// What may stand here.
    fn holds(&self) -> Holds {
        if self.is_qualified {
            return Holds::Ids;
        }
        match self.waiting.iter().rev().find(|waiting| !matches!(waiting, Waiting::Not(_) | Waiting::And | Waiting::Or))
        {
            Some(Waiting::Open(open)) => open.holds,
            None => Holds::Tests,
            _ => Holds::Numbers,
        }
    }

    /// A number or an id.
    fn simple(&mut self, holds: Holds) -> Result<Operand, ParseError> {
        match self.token {
            Token::Number(number) if !self.is_qualified => {
                self.advance()?;
                self.step(Step::Number(number));
                Ok(Operand::Number(number))
            }
            Token::Word(Word::Length) if holds != Holds::Ids => {
                self.advance()?;
                self.step(Step::Length);
                Ok(Operand::Arithmetic)
            }
            _ if holds == Holds::Numbers => self.expected("a number"),
            _ => {
                let Some(qualifiers) = self.inherited else { return self.unqualified() };
                let Some(id) = self.id()? else {
                    return self.expected(if holds == Holds::Ids { "a name, number or address" } else { "a test" });
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
                Err(self.error(format!("{missing} `{}`", &self.text[self.place.clone()])))
            }
            _ => self.expected("a test"),
        }
    }

    /// A group that begins with an id holds nothing else.
    fn only_ids_follow(&mut self) {
        let is_no_not = |waiting: &&mut Waiting| !matches!(waiting, Waiting::Not(_));
        if let Some(Waiting::Open(open)) = self.waiting.iter_mut().rev().find(is_no_not)
            && open.holds == Holds::Tests
        {
            open.holds = Holds::Ids;
        }
    }

    /// Sets what an id that follows has for qualifiers.
    pub(super) fn qualify(&mut self, qualifiers: Option<Qualifiers>) {
        self.inherited = qualifiers;
    }

    /// Pushes a primitive that ends before the token that is looked at.
    pub(super) fn push(&mut self, primitive: Primitive) {
        self.push_node(Node::Primitive(primitive), self.start..self.end());
    }

    /// The end of what was read, without the white space behind it.
    fn end(&self) -> usize {
        self.text[..self.place.start].trim_end().len().max(self.start + 1)
    }

    fn push_node(&mut self, node: Node, place: Range<usize>) {
        self.nodes.push(node);
        self.places.push(place);
    }

    fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// After qualifiers: the id that they qualify, which may be a number, negated or in parentheses.
    pub(super) fn qualified(&mut self, qualifiers: Qualifiers) -> Result<(), ParseError> {
        self.qualify(Some(qualifiers));
        self.is_qualified = true;
        let start = self.start;
        if let Some(id) = self.id()? {
            self.start = start;
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

/// What stands behind qualifiers of a kind.
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

pub(super) fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}
