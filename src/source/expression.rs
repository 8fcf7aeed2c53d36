//! Values and tests as expressions: what C and Rust have in common.

use alloc::string::String;
use alloc::vec::Vec;

use crate::bpf::isa::{AluOp, Condition, Width};
use crate::ir::{Address, ByteOrder, Graph, MemberSet, MemberSetId, TableHash, Test, Value, ValueId};
use crate::packet::ancillary::Extension;
use crate::source::plan::Plan;

/// The longest expression that is written where it is used, in characters. The limit also bounds the depth of
/// parentheses.
const LONGEST_INLINE: usize = 60;

/// An expression.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub(super) text: String,
    form: Form,
}

/// The forms of expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Number,
    /// A name or a call, which needs no parentheses as an operand.
    Atom,
    Compound,
}

impl Expression {
    pub(super) fn atom(text: impl Into<String>) -> Expression {
        Expression { text: text.into(), form: Form::Atom }
    }

    pub(super) fn compound(text: String) -> Expression {
        Expression { text, form: Form::Compound }
    }

    fn number(text: String) -> Expression {
        Expression { text, form: Form::Number }
    }

    pub(super) fn is_number(&self) -> bool {
        self.form == Form::Number
    }

    /// Returns the expression as an operand.
    pub(super) fn operand(&self) -> String {
        if self.form == Form::Compound { format!("({})", self.text) } else { self.text.clone() }
    }
}

/// The syntax that differs between languages.
pub(super) trait Syntax {
    fn number(&self, k: u32) -> String;

    /// Returns a number of 64 bits.
    fn wide_number(&self, number: u64) -> String;

    /// Returns a load at an offset from the packet, or from what a base makes available.
    fn load(&self, base: Option<ValueId>, offset: u32, width: Width, order: ByteOrder) -> Expression;

    /// Returns whether a load in bounds ends at this distance from the packet or from a base, with its name.
    fn in_bounds(&self, base: Option<(ValueId, String)>, end: u64) -> String;

    fn alu(&self, op: AluOp, left: &Expression, right: &Expression, overshift: Overshift) -> Expression;

    fn negate(&self, operand: &Expression) -> Expression;

    fn select(&self, test: &str, yes: &Expression, no: &Expression) -> Expression;

    /// Returns an ancillary load from the context.
    fn ancillary(&self, extension: Extension) -> Expression;

    /// Returns whether the context has no value for an ancillary load.
    fn is_absent(&self, extension: Extension) -> String;

    /// Returns the position in the packet of an offset that may be relative to a header.
    fn position(&self, offset: &Expression) -> Expression;

    /// Returns the random number with an index.
    fn random(&self, index: &Expression) -> Expression;

    /// Returns the offset of a netlink attribute.
    fn find(&self, extension: Extension, start: &Expression, wanted: &Expression) -> Expression;

    /// Returns whether a value is in a range.
    fn in_range(&self, value: &str, first: u32, last: u32) -> String;

    /// Returns an element of a table.
    fn element(&self, set: MemberSetId, index: &str) -> String;
}

/// Set if a shift may be by 32 or more, which gives 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overshift {
    Possible,
    Impossible,
}

/// The elements of a table in source code.
pub(super) struct Table {
    /// The width of an element, in bits.
    pub(super) bits: u32,
    pub(super) elements: Vec<u64>,
}

/// Returns the table of a set, if it has one.
pub(super) fn table(set: &MemberSet) -> Option<Table> {
    let (bits, elements) = match set {
        MemberSet::Range(..) | MemberSet::Few(_) | MemberSet::Register(..) => return None,
        MemberSet::Bytes(bytes) => (8, bytes.iter().copied().map(u64::from).collect()),
        MemberSet::Bitmap(_, bytes) => (64, bytes.chunks(8).map(word).collect()),
        MemberSet::Table(table) => (32, table.slots.iter().copied().map(u64::from).collect()),
    };
    Some(Table { bits, elements })
}

/// Returns the number of up to eight bytes, the first of which is the lowest.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// The values of a function as expressions.
pub(super) struct Expressions<'g, S> {
    pub(super) graph: &'g Graph,
    pub(super) syntax: S,
    /// The expressions that are written where they are used.
    inlined: Vec<Option<Expression>>,
    /// The values whose variables are elements of an array, in order.
    in_array: Vec<ValueId>,
}

impl<'g, S: Syntax> Expressions<'g, S> {
    pub(super) fn new(graph: &'g Graph, syntax: S) -> Expressions<'g, S> {
        Expressions { graph, syntax, inlined: vec![None; graph.values.len()], in_array: Vec::new() }
    }

    /// Makes the variables of these values, which are sorted, elements of the array `v`.
    pub(super) fn put_in_array(&mut self, values: Vec<ValueId>) {
        self.in_array = values;
    }

    /// Returns the variable of a value.
    pub(super) fn variable(&self, id: ValueId) -> String {
        match self.in_array.binary_search(&id) {
            Ok(place) => format!("v[{place}]"),
            Err(_) => variable(id),
        }
    }

    /// Returns the expression of a value that has to become a variable; `None` if it will be written where it is used.
    pub(super) fn define(&mut self, plan: &Plan, id: ValueId) -> Option<String> {
        if self.graph.value(id) == Value::WireLen {
            return None;
        }
        let expression = self.definition(self.graph.value(id), id);
        if plan.is_inline(id) && expression.text.len() <= LONGEST_INLINE {
            self.inlined[id.index()] = Some(expression);
            return None;
        }
        self.inlined[id.index()] = None;
        Some(expression.text)
    }

    /// Returns a value: a number, a variable, or an expression.
    pub(super) fn value(&self, id: ValueId) -> Expression {
        match (self.graph.value(id), &self.inlined[id.index()]) {
            (Value::Constant(k), _) => Expression::number(self.syntax.number(k)),
            (Value::WireLen, _) => Expression::atom("wire_len"),
            (_, Some(expression)) => expression.clone(),
            (_, None) => Expression::atom(self.variable(id)),
        }
    }

    fn definition(&self, value: Value, id: ValueId) -> Expression {
        match value {
            Value::Constant(_) | Value::Open(_) | Value::Parameter(_) | Value::WireLen => self.value(id),
            Value::Load(Address { base, offset }, width, order) => self.syntax.load(base, offset, width, order),
            Value::Ancillary(extension) => self.syntax.ancillary(extension),
            Value::FindAttribute(extension, start, wanted) => {
                self.syntax.find(extension, &self.value(start), &self.value(wanted))
            }
            Value::ResolvedOffset(offset) => self.syntax.position(&self.value(offset)),
            Value::Random(index) => self.syntax.random(&self.value(index)),
            Value::Alu(op, left, right) => {
                let may_overshift = op.is_shift() && self.graph.values.known(right).max >= 32;
                let overshift = if may_overshift { Overshift::Possible } else { Overshift::Impossible };
                self.syntax.alu(op, &self.value(left), &self.value(right), overshift)
            }
            Value::Negate(operand) => self.syntax.negate(&self.value(operand)),
            Value::Select(test, yes, no) => {
                self.syntax.select(&self.test(test, true), &self.value(yes), &self.value(no))
            }
        }
    }

    /// Returns whether a test has this outcome.
    pub(super) fn test(&self, test: Test, outcome: bool) -> String {
        match test {
            Test::Compare(condition, left, right) => {
                let condition = if outcome { condition } else { condition.inverse() };
                let (left, right) = (self.value(left).operand(), self.value(right).operand());
                match condition {
                    Condition::BitsSet => format!("({left} & {right}) != 0"),
                    Condition::BitsNotSet => format!("({left} & {right}) == 0"),
                    _ => format!("{left} {} {right}", condition.symbol()),
                }
            }
            Test::Member(value, set) => negated_unless(outcome, self.member(value, set)),
            Test::InBounds(Address { base, offset }, width) => {
                let end = Address { base, offset }.end(width);
                negated_unless(outcome, self.in_bounds(base, end))
            }
        }
    }

    /// Returns whether the packet has bytes up to a distance from its start or from a base.
    pub(super) fn in_bounds(&self, base: Option<ValueId>, end: u64) -> String {
        self.syntax.in_bounds(base.map(|base| (base, self.value(base).text)), end)
    }

    fn member(&self, id: ValueId, set: MemberSetId) -> String {
        let value = self.value(id).operand();
        let number = |k| self.syntax.number(k);
        match self.graph.sets.get(set) {
            &MemberSet::Range(first, last) => self.syntax.in_range(&value, first, last),
            MemberSet::Few(members) => {
                let tests: Vec<String> =
                    members.iter().map(|&member| format!("{value} == {}", number(member))).collect();
                tests.join(" || ")
            }
            &MemberSet::Register(first, bits) => {
                let distance = self.distance(id, first);
                let bits = self.syntax.wide_number(bits);
                format!("{distance} < {} && (({bits} >> {distance}) & 1) != 0", number(64))
            }
            MemberSet::Bytes(bytes) => {
                let byte = self.syntax.element(set, &value);
                let len = bytes.len() as u32;
                match self.graph.values.known(id).max < len {
                    true => format!("{byte} != 0"),
                    false => format!("{value} < {} && {byte} != 0", number(len)),
                }
            }
            MemberSet::Bitmap(first, bytes) => {
                let distance = self.distance(id, *first);
                let word = self.syntax.element(set, &format!("{distance} >> 6"));
                let bits = number(8 * bytes.len() as u32);
                format!("{distance} < {bits} && (({word} >> ({distance} & 63)) & 1) != 0")
            }
            MemberSet::Table(table) => {
                let slots: [String; 2] = match table.hash {
                    TableHash::Cuckoo(factors) => factors.map(|factor| self.hash(&value, factor, table.shift())),
                    TableHash::AdjacentSlots(factor) => {
                        let hash = self.hash(&value, factor, table.shift());
                        [format!("({hash}) << 1"), format!("(({hash}) << 1) | 1")]
                    }
                };
                let tests = slots.map(|slot| format!("{} == {value}", self.syntax.element(set, &slot)));
                tests.join(" || ")
            }
        }
    }

    /// Returns the distance of a value from the first member of a set, which is large for values below it.
    fn distance(&self, value: ValueId, first: u32) -> String {
        let value = self.value(value);
        if first == 0 {
            return value.operand();
        }
        let first = Expression::number(self.syntax.number(first));
        self.syntax.alu(AluOp::Sub, &value, &first, Overshift::Impossible).operand()
    }

    /// Returns a multiplicative hash: the upper bits of a product.
    fn hash(&self, value: &str, factor: u32, shift: u32) -> String {
        let (value, factor) = (Expression::atom(value), Expression::number(self.syntax.number(factor)));
        let product = self.syntax.alu(AluOp::Mul, &value, &factor, Overshift::Impossible).operand();
        format!("{product} >> {shift}")
    }
}

/// Returns the name of the variable of a value.
pub(super) fn variable(id: ValueId) -> String {
    format!("v{}", id.0)
}

/// Returns the name of what is available from a base on.
pub(super) fn bytes_from(base: ValueId) -> String {
    format!("p{}", base.0)
}

fn negated_unless(outcome: bool, test: String) -> String {
    if outcome { test } else { format!("!({test})") }
}
