//! Parsing of primitives that begin with a keyword, and of ids.

use alloc::boxed::Box;

use crate::lang::keywords;
use crate::lang::names::{self, Names};
use crate::lang::parse::{Operand, Parser, did_you_mean};
use crate::lang::token::Token;
use crate::lang::tree::{Direction, Id, Kind, Llc, Mask, Node, Pf, Primitive, Qualifiers, Relation, Wlan};
use crate::lang::words::{Protocol, Word};
use crate::text::ParseError;

impl Parser<'_> {
    /// Reads a primitive and the ids that follow its qualifiers; returns `false` if none begins here.
    pub(super) fn primitive(&mut self) -> Result<bool, ParseError> {
        let Token::Word(word) = self.token else { return Ok(false) };
        if let Word::Protocol(protocol) = word {
            self.current.protocol = self.span.start;
            self.advance()?;
            self.after_protocol(Some(protocol))?;
            return Ok(true);
        }
        if is_qualifier(word) {
            self.after_protocol(None)?;
            return Ok(true);
        }
        match word {
            Word::AtmField(field) => {
                self.field_values(|relation, value| Primitive::AtmField(field, relation, value))?;
                return Ok(true);
            }
            Word::Mtp3Field(field) => {
                self.field_values(|relation, value| Primitive::Mtp3Field(field, relation, value))?;
                return Ok(true);
            }
            _ => {}
        }
        let Some(primitive) = self.unqualified_primitive(word)? else { return Ok(false) };
        self.complete(primitive);
        Ok(true)
    }

    /// Adds a primitive that passes on no qualifiers.
    fn complete(&mut self, primitive: Primitive) {
        self.push(primitive);
        self.last = Operand::Test;
        self.qualify(None);
    }

    /// Reads the rest of a primitive after its protocol, if it has one.
    fn after_protocol(&mut self, protocol: Option<Protocol>) -> Result<(), ParseError> {
        let primitive = match (self.token, protocol) {
            (Token::Word(Word::Broadcast), _) => {
                self.advance()?;
                Primitive::Broadcast(protocol)
            }
            (Token::Word(Word::Multicast), _) => {
                self.advance()?;
                Primitive::Multicast(protocol)
            }
            (Token::Word(word @ (Word::WlanType | Word::WlanSubtype | Word::WlanDirection)), _) => {
                self.advance()?;
                Primitive::Wlan(self.wlan(word)?)
            }
            (Token::Word(word), _) if is_qualifier(word) => return self.address(protocol),
            (_, Some(protocol)) => Primitive::Protocol(protocol),
            (_, None) => return self.expected("a qualifier"),
        };
        self.complete(primitive);
        Ok(())
    }

    /// Reads the direction, the kind and the id.
    fn address(&mut self, protocol: Option<Protocol>) -> Result<(), ParseError> {
        let direction = self.direction()?;
        let kind = match self.token {
            // These have no direction.
            Token::Word(Word::Kind(Kind::Protocol | Kind::ProtocolChain | Kind::Gateway)) if direction.is_some() => {
                None
            }
            Token::Word(Word::Kind(kind)) => Some(kind),
            _ => None,
        };
        if kind.is_some() {
            self.advance()?;
        }
        self.qualified(Qualifiers { protocol, direction, kind })
    }

    fn direction(&mut self) -> Result<Option<Direction>, ParseError> {
        let Token::Word(Word::Direction(direction)) = self.token else { return Ok(None) };
        self.current.direction = self.span.start;
        self.advance()?;
        let opposite = match direction {
            Direction::Source => Direction::Destination,
            Direction::Destination => Direction::Source,
            _ => return Ok(Some(direction)),
        };
        let both = match self.token {
            Token::Word(Word::Or) => Direction::Either,
            Token::Word(Word::And) => Direction::Both,
            _ => return Ok(Some(direction)),
        };
        self.advance()?;
        if self.token != Token::Word(Word::Direction(opposite)) {
            return self.expected(if opposite == Direction::Source { "`src`" } else { "`dst`" });
        }
        self.advance()?;
        Ok(Some(both))
    }

    /// Reads an id; returns `None` if the current token is none.
    pub(super) fn id(&mut self) -> Result<Option<Id>, ParseError> {
        let id = match self.token {
            Token::Number(number) => Id::Number(number),
            Token::Name(name) => Id::Name(name.into()),
            Token::Mac(mac) => Id::Mac(mac),
            Token::Byte(byte) => Id::Byte(byte),
            Token::Dotted(dotted) => {
                self.advance_operand()?;
                return Ok(Some(Id::Dotted(dotted, self.mask()?)));
            }
            Token::Ipv6(address) => {
                self.advance_operand()?;
                return Ok(Some(Id::Ipv6(address, self.prefix()?)));
            }
            _ => return Ok(None),
        };
        self.advance_operand()?;
        Ok(Some(id))
    }

    fn mask(&mut self) -> Result<Mask, ParseError> {
        if self.token == Token::Word(Word::Mask) {
            self.advance()?;
            let Token::Dotted(mask) = self.token else { return self.expected("a mask such as 255.255.255.0") };
            self.advance_operand()?;
            return Ok(Mask::Dotted(mask));
        }
        Ok(self.prefix()?.map_or(Mask::None, Mask::Length))
    }

    /// Reads the length of a prefix, such as `/24`.
    fn prefix(&mut self) -> Result<Option<u32>, ParseError> {
        if self.token != Token::Symbol("/") {
            return Ok(None);
        }
        self.advance()?;
        self.number("the length of a prefix").map(Some)
    }

    fn number(&mut self, what: &str) -> Result<u32, ParseError> {
        let Token::Number(number) = self.token else { return self.expected(what) };
        self.advance_operand()?;
        Ok(number)
    }

    fn name(&mut self, what: &str) -> Result<Box<str>, ParseError> {
        let Token::Name(name) = self.token else { return self.expected(what) };
        self.advance_operand()?;
        Ok(name.into())
    }

    /// Reads an optional number, in parentheses or not.
    fn optional_number(&mut self) -> Result<Option<u32>, ParseError> {
        let mut parentheses = 0;
        while self.token == Token::Symbol("(") {
            parentheses += 1;
            self.advance()?;
        }
        let Token::Number(number) = self.token else {
            return if parentheses == 0 { Ok(None) } else { self.expected("a number") };
        };
        self.advance_operand()?;
        for _ in 0..parentheses {
            if self.token != Token::Symbol(")") {
                return self.expected("`)`");
            }
            self.advance()?;
        }
        Ok(Some(number))
    }

    fn unqualified_primitive(&mut self, word: Word) -> Result<Option<Primitive>, ParseError> {
        self.advance_if(word)?;
        Ok(Some(match word {
            Word::Less => Primitive::Less(self.number("a length")?),
            Word::Greater => Primitive::Greater(self.number("a length")?),
            Word::Byte => self.byte()?,
            Word::Inbound => Primitive::Inbound,
            Word::Outbound => Primitive::Outbound,
            Word::InterfaceIndex => Primitive::InterfaceIndex(self.number("the number of an interface")?),
            Word::Vlan => Primitive::Vlan(self.optional_number()?),
            Word::Mpls => Primitive::Mpls(self.optional_number()?),
            Word::PppoeDiscovery => Primitive::PppoeDiscovery,
            Word::PppoeSession => Primitive::PppoeSession(self.optional_number()?),
            Word::Geneve => Primitive::Geneve(self.optional_number()?),
            Word::Vxlan => Primitive::Vxlan(self.optional_number()?),
            Word::Batadv => self.batadv()?,
            Word::PfInterfaceName => Primitive::Pf(Pf::InterfaceName(self.name("the name of an interface")?)),
            Word::PfRuleSet => Primitive::Pf(Pf::RuleSet(self.name("the name of a rule set")?)),
            Word::PfRuleNumber => Primitive::Pf(Pf::RuleNumber(self.number("the number of a rule")?)),
            Word::PfSubruleNumber => Primitive::Pf(Pf::SubruleNumber(self.number("the number of a rule")?)),
            Word::PfReason => Primitive::Pf(Pf::Reason(self.reason()?)),
            Word::PfAction => Primitive::Pf(Pf::Action(self.one_of("an action of pf", &names::PF_ACTIONS)?)),
            Word::Llc => Primitive::Llc(self.llc()?),
            Word::Atm(name) => Primitive::Atm(name),
            Word::Mtp2(kind) => Primitive::Mtp2(kind),
            _ => return Ok(None),
        }))
    }

    /// Goes on after a word that begins a primitive.
    fn advance_if(&mut self, word: Word) -> Result<(), ParseError> {
        let is_other = matches!(word, Word::Length | Word::Mask | Word::And | Word::Or | Word::Not | Word::Number(_));
        if is_other { Ok(()) } else { self.advance() }
    }

    fn byte(&mut self) -> Result<Primitive, ParseError> {
        let at = self.number("the number of a byte")?;
        let test = match self.token {
            Token::Symbol(symbol) => names::find(&names::BYTE_TESTS, symbol),
            _ => None,
        };
        let Some(test) = test else { return self.expected("`=`, `<`, `>`, `&` or `|`") };
        self.advance()?;
        Ok(Primitive::Byte { at, test, value: self.number("a number")? })
    }

    fn batadv(&mut self) -> Result<Primitive, ParseError> {
        let version = self.optional_number()?;
        let packet = match (version, self.token) {
            (Some(version), Token::Name(_)) => {
                Some(self.one_of("a type of packet of that version", names::batadv_packets(version))?)
            }
            (Some(_), _) => self.optional_number()?,
            (None, _) => None,
        };
        Ok(Primitive::Batadv { version, packet })
    }

    fn reason(&mut self) -> Result<u32, ParseError> {
        match self.token {
            Token::Number(_) => self.number("a reason"),
            _ => self.one_of("a reason of pf", &names::PF_REASONS),
        }
    }

    /// Reads a name of a table, in upper or lower case, and returns its number.
    fn one_of(&mut self, what: &str, table: &'static Names<u32>) -> Result<u32, ParseError> {
        let name = match self.token {
            Token::Name(name) => name,
            Token::Word(_) | Token::Number(_) => self.spelling(),
            _ => return self.expected(what),
        };
        let Some(value) = names::find(table, name) else {
            let near = keywords::nearest(name, table.iter().map(|(name, _)| *name));
            return Err(self.error(format!("expected {what}, found `{name}`{}", did_you_mean(near))));
        };
        self.advance_operand()?;
        Ok(value)
    }

    fn wlan(&mut self, word: Word) -> Result<Wlan, ParseError> {
        match word {
            Word::WlanType => {
                let kind = self.bits(0x0c, "an 802.11 type", &names::WLAN_TYPES)?;
                if self.token != Token::Word(Word::WlanSubtype) {
                    return Ok(Wlan::Type(kind));
                }
                self.advance()?;
                let subtype = self.bits(0xf0, "an 802.11 subtype of that type", names::wlan_subtypes(kind))?;
                Ok(Wlan::Subtype { kind, subtype })
            }
            Word::WlanSubtype => {
                let Token::Name(name) = self.token else { return self.expected("an 802.11 subtype") };
                let kinds = names::WLAN_TYPES.iter().map(|&(_, kind)| kind);
                let found =
                    kinds.filter_map(|kind| Some((kind, names::find(names::wlan_subtypes(kind), name)?))).next();
                let Some((kind, subtype)) = found else { return self.expected("an 802.11 subtype") };
                self.advance()?;
                Ok(Wlan::Subtype { kind, subtype })
            }
            _ => self.bits(0x03, "an 802.11 direction", &names::WLAN_DIRECTIONS).map(Wlan::Direction),
        }
    }

    /// Reads a number whose bits are within a mask, or a name of a table.
    fn bits(&mut self, mask: u32, what: &str, names: &'static Names<u32>) -> Result<u32, ParseError> {
        match self.token {
            Token::Number(bits) if bits & !mask == 0 => self.number(what),
            Token::Number(_) => self.expected(&format!("{what}, a number within the bits {mask:#x}")),
            _ => self.one_of(what, names),
        }
    }

    fn llc(&mut self) -> Result<Llc, ParseError> {
        let name = match self.token {
            Token::Name(name) => name,
            // This is also a keyword of pf.
            Token::Word(Word::PfRuleNumber) => "rnr",
            _ => return Ok(Llc::Any),
        };
        let is = |kind: &str| name.eq_ignore_ascii_case(kind);
        let llc = if is("i") {
            Llc::Information
        } else if is("s") {
            Llc::Supervisory
        } else if is("u") {
            Llc::Unnumbered
        } else if let Some(kind) = names::find(&names::LLC_SUPERVISORY, name) {
            Llc::SupervisoryKind(kind)
        } else if let Some(kind) = names::find(&names::LLC_UNNUMBERED, name) {
            Llc::UnnumberedKind(kind)
        } else {
            return self.expected("a kind of LLC frame");
        };
        self.advance()?;
        Ok(llc)
    }

    /// Reads `1`, `> 1` or `(1 or 2 or 3)`, and adds a primitive for each number.
    fn field_values(&mut self, primitive: impl Fn(Relation, u32) -> Primitive) -> Result<(), ParseError> {
        self.advance()?;
        if let Token::Symbol(symbol) = self.token {
            if let Some(relation) = names::find(&names::RELATIONS, symbol) {
                self.advance()?;
                let value = self.number("a number")?;
                self.complete(primitive(relation, value));
                return Ok(());
            }
        }
        if self.token != Token::Symbol("(") {
            let value = self.number("a number, a relation or `(`")?;
            self.complete(primitive(Relation::Equal, value));
            return Ok(());
        }
        let mut is_first = true;
        while is_first || self.token == Token::Word(Word::Or) {
            self.advance()?;
            let value = self.number("a number")?;
            self.complete(primitive(Relation::Equal, value));
            if !is_first {
                self.push_node(Node::Or, self.current.start);
            }
            is_first = false;
        }
        if self.token != Token::Symbol(")") {
            return self.expected("`or` or `)`");
        }
        self.advance()
    }
}

/// Returns whether a word is a qualifier other than a protocol, or follows a protocol like one.
fn is_qualifier(word: Word) -> bool {
    matches!(
        word,
        Word::Direction(_)
            | Word::Kind(_)
            | Word::Broadcast
            | Word::Multicast
            | Word::WlanType
            | Word::WlanSubtype
            | Word::WlanDirection
    )
}
