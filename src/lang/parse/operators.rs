//! Parsing of the tokens that may follow an operand: operators and closing brackets.

use alloc::boxed::Box;

use crate::bpf::isa::{ALU_SYMBOLS, AluOp};
use crate::lang::keywords;
use crate::lang::names;
use crate::lang::parse::{Allowed, Operand, Parser, Waiting};
use crate::lang::token::Token;
use crate::lang::tree::{Arithmetic, Id, Node, Primitive, Step};
use crate::lang::words::Word;
use crate::text::ParseError;

impl Parser<'_> {
    /// Reads all tokens up to the next operand; returns `true` at the end of the text.
    pub(super) fn after_operand(&mut self) -> Result<bool, ParseError> {
        loop {
            match self.token {
                Token::Symbol(")") => self.close()?,
                Token::Symbol("]" | ":") => self.end_of_index()?,
                Token::Word(word @ (Word::And | Word::Or)) => {
                    self.finish_test()?;
                    self.join();
                    self.waiting.push(if word == Word::And { Waiting::And } else { Waiting::Or });
                    self.advance()?;
                    return Ok(false);
                }
                Token::End => {
                    self.finish_test()?;
                    self.join();
                    return match self.waiting.last() {
                        None => Ok(true),
                        Some(Waiting::Open(open)) => {
                            Err(ParseError::at(self.text, open.at, "expected a `)` to this `(`"))
                        }
                        Some(_) => self.expected("`]`"),
                    };
                }
                Token::Symbol(symbol) => {
                    self.arithmetic(symbol)?;
                    return Ok(false);
                }
                _ => return self.misread(),
            }
        }
    }

    /// Returns the error of a token in the place of an operator; the name before it may be a misspelt keyword.
    fn misread<T>(&self) -> Result<T, ParseError> {
        let what = "`and`, `or` or the end";
        if let Some(Node::Primitive(Primitive::Address(_, Id::Name(name)))) = self.nodes.last() {
            if let Some(near) = keywords::near(name) {
                let found = self.spelling();
                return Err(self.error(format!("expected {what}, found `{found}`; did you mean `{near}` by `{name}`?")));
            }
        }
        self.expected(what)
    }

    /// Reads an operator of arithmetic or a relation.
    fn arithmetic(&mut self, symbol: &'static str) -> Result<(), ParseError> {
        if self.last == Operand::Test || self.allowed() == Allowed::Ids {
            return self.expected("`and`, `or` or the end");
        }
        if let Some(relation) = names::find(&names::RELATIONS, symbol) {
            self.reduce_arithmetic(None);
            if matches!(self.waiting.last(), Some(Waiting::Relation { .. })) {
                return self.expected("`and`, `or` or the end, since a relation has two sides");
            }
            if matches!(self.waiting.last(), Some(Waiting::Index(..))) || self.allowed() == Allowed::Numbers {
                return self.expected("a number rather than a test");
            }
            self.waiting.push(Waiting::Relation { relation, left: self.steps.len() });
        } else if let Some(op) = names::find(&ALU_SYMBOLS, symbol) {
            self.reduce_arithmetic(Some(op));
            self.waiting.push(Waiting::Binary(op, self.span.start));
        } else {
            return self.expected("an operator");
        }
        self.advance()
    }

    /// Completes the operators of arithmetic that bind at least as tightly as `next`, or all of them.
    fn reduce_arithmetic(&mut self, next: Option<AluOp>) {
        let is_before = |waiting: AluOp| match next.map(precedence) {
            None => true,
            Some(next) => precedence(waiting).zip(next).is_some_and(|(waiting, next)| waiting >= next),
        };
        loop {
            match self.waiting.last() {
                Some(&Waiting::Binary(op, at)) if is_before(op) => self.step(Step::Binary(op), at),
                Some(&Waiting::Negate(at)) if next.is_none_or(|next| precedence(next).is_some()) => {
                    self.step(Step::Negate, at);
                }
                _ => return,
            }
            self.last = Operand::Arithmetic;
            self.waiting.pop();
        }
    }

    /// Completes the test that ends here: a relation, or a number that inherits qualifiers.
    fn finish_test(&mut self) -> Result<(), ParseError> {
        self.reduce_arithmetic(None);
        if let Some(&Waiting::Relation { relation, left }) = self.waiting.last() {
            self.waiting.pop();
            let right = Arithmetic { steps: self.steps.drain(left..).collect() };
            let left = Arithmetic { steps: self.steps.drain(..).collect() };
            self.push(Primitive::Relation(Box::new((left, relation, right))));
            self.qualify(None);
        } else if let Operand::Number(number) = self.last {
            let Some(qualifiers) = self.inherited else {
                let message =
                    format!("expected a qualifier such as `host` or `port` before `{number}`, or a relation after it");
                return Err(ParseError::at(self.text, self.current.start, message));
            };
            self.steps.clear();
            self.only_ids_follow();
            self.push(Primitive::Address(qualifiers, Id::Number(number)));
        } else if self.last == Operand::Arithmetic {
            return self.expected("a relation such as `=` or `>`");
        }
        self.last = Operand::Test;
        Ok(())
    }

    /// Completes the operators of tests since the last opening parenthesis: one `and` or `or` at most, and `not`s.
    fn join(&mut self) {
        loop {
            let start = self.current.start;
            let (node, count, start) = match self.waiting.last() {
                Some(&Waiting::Not(count, start)) => (Node::Not, count, start),
                Some(Waiting::And) => (Node::And, 1, start),
                Some(Waiting::Or) => (Node::Or, 1, start),
                _ => return,
            };
            self.waiting.pop();
            for _ in 0..count {
                self.push_node(node.clone(), start);
            }
        }
    }

    /// Reads `)`.
    fn close(&mut self) -> Result<(), ParseError> {
        self.reduce_arithmetic(None);
        let is_number = self.last != Operand::Test
            && matches!(self.waiting.last(), Some(Waiting::Open(open)) if open.allowed != Allowed::Ids);
        if !is_number {
            self.finish_test()?;
            self.join();
        }
        let Some(&Waiting::Open(open)) = self.waiting.last() else {
            return self.expected(if self.waiting.is_empty() { "no `)` without a `(`" } else { "`]`" });
        };
        if open.allowed == Allowed::Numbers && !is_number {
            return self.expected("a number in these parentheses");
        }
        self.waiting.pop();
        self.qualify(open.inherited);
        self.advance()
    }

    /// Reads `]` or `: size ]`.
    fn end_of_index(&mut self) -> Result<(), ParseError> {
        self.reduce_arithmetic(None);
        let Some(&Waiting::Index(protocol, at)) = self.waiting.last() else {
            return self.expected("`and`, `or` or the end");
        };
        let mut size = 1;
        if self.token == Token::Symbol(":") {
            self.advance()?;
            size = match self.token {
                Token::Number(size @ (1 | 2 | 4)) => size,
                _ => return self.expected("1, 2 or 4 bytes"),
            };
            self.advance()?;
        }
        if self.token != Token::Symbol("]") {
            return self.expected("`]`");
        }
        self.waiting.pop();
        self.step(Step::Load(protocol, size), at);
        self.last = Operand::Arithmetic;
        self.advance()
    }
}

/// Returns the precedence of an operator, the highest for the one that binds the tightest; `%` and `^` have none.
fn precedence(op: AluOp) -> Option<u8> {
    match op {
        AluOp::Or => Some(1),
        AluOp::And => Some(2),
        AluOp::Lsh | AluOp::Rsh => Some(3),
        AluOp::Add | AluOp::Sub => Some(4),
        AluOp::Mul | AluOp::Div => Some(5),
        AluOp::Mod | AluOp::Xor => None,
    }
}
