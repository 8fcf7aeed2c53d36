//! Serialisation of the types that have a text: an expression, and choices with a name.
//!
//! A [`LinkType`] and an [`Arch`] are their name if they have one, and else their number; formats that people do not
//! read contain the number. Types with public fields derive their implementations.

use core::fmt;
use core::marker::PhantomData;
use core::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::bpf::dialect::Dialect;
use crate::ir::Strategy;
use crate::lang::{Expr, LinkType};
use crate::opt::Pass;
use crate::syscall::Arch;
use crate::text::Form;

/// Reads a `T` from its text, and from its number if it has one.
struct TextVisitor<T> {
    expected: &'static str,
    from_number: Option<fn(u32) -> T>,
    of: PhantomData<T>,
}

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        let value = self.from_number.zip(u32::try_from(number).ok()).map(|(from_number, number)| from_number(number));
        value.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
    }
}

macro_rules! as_text {
    ($($of:ty: $expected:literal;)*) => {$(
        impl Serialize for $of {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $of {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$of, D::Error> {
                deserializer.deserialize_str(TextVisitor { expected: $expected, from_number: None, of: PhantomData })
            }
        }
    )*};
}

as_text! {
    Expr: "an expression of the filter language";
    Dialect: "the name of a dialect";
    Form: "the name of a form";
    Strategy: "the name of a strategy";
    Pass: "the name of a pass";
}

macro_rules! as_name_or_number {
    ($($of:ty, $number:expr, $from_number:expr, $expected:literal;)*) => {$(
        impl Serialize for $of {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self.name().filter(|_| serializer.is_human_readable()) {
                    Some(name) => serializer.serialize_str(name),
                    None => serializer.serialize_u32($number(*self)),
                }
            }
        }

        impl<'de> Deserialize<'de> for $of {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$of, D::Error> {
                if !deserializer.is_human_readable() {
                    return u32::deserialize(deserializer).map($from_number);
                }
                let from_number: Option<fn(u32) -> $of> = Some($from_number);
                deserializer.deserialize_any(TextVisitor { expected: $expected, from_number, of: PhantomData })
            }
        }
    )*};
}

as_name_or_number! {
    LinkType, LinkType::number, LinkType::new, "the name or the number of a link type";
    Arch, |arch: Arch| arch.0, Arch, "the name or the number of an architecture";
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, from_value, json, to_value};

    use super::*;
    use crate::bpf::instruction::RawInstruction;
    use crate::bpf::isa::Width;
    use crate::bpf::program::Program;
    use crate::interpret::halt_reason::HaltReason;
    use crate::packet::batch::Span;
    use crate::syscall::{Action, SeccompData};

    #[track_caller]
    fn check<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(value: T, json: Value) {
        assert_eq!(to_value(&value).unwrap(), json);
        assert_eq!(from_value::<T>(json).unwrap(), value);
    }

    fn error<T: DeserializeOwned + fmt::Debug>(json: Value) -> String {
        from_value::<T>(json).unwrap_err().to_string()
    }

    #[test]
    fn programs_are_lists_of_instructions() {
        let program: Program = "ldh [12]\n jne #0x806, drop\n ret #96\n drop: ret #0".parse().unwrap();
        let [load, ..] = program.instructions() else { panic!("no instruction") };
        check(*load, json!({"code": 0x28, "jt": 0, "jf": 0, "k": 12}));
        assert_eq!(from_value::<RawInstruction>(json!([0x28, 0, 0, 12])).unwrap(), *load);
        check(program.clone(), to_value(program.instructions()).unwrap());
        assert!(error::<Program>(json!([[0x28, 0, 256, 12]])).contains("256"));
    }

    #[test]
    fn expressions_are_texts() {
        let expr: Expr = "tcp port 80 or 443".parse().unwrap();
        check(expr, json!("tcp port 80 or tcp port 443"));
        check(Expr::all(), json!(""));
        assert!(error::<Expr>(json!("tcp prt 80")).contains("did you mean `port`?"));
    }

    #[test]
    fn link_types_and_architectures_are_names_or_numbers() {
        check(LinkType::ETHERNET, json!("EN10MB"));
        check(LinkType::new(65_000), json!(65_000));
        check(Arch::X86_64, json!("x86_64"));
        check(Arch(7), json!(7));
        assert_eq!(from_value::<LinkType>(json!(1)).unwrap(), LinkType::ETHERNET);
        assert!(error::<LinkType>(json!(1_u64 << 32)).contains("expected the name or the number of a link type"));
        assert!(error::<Arch>(json!("pdp11")).contains("unknown architecture `pdp11`"));
    }

    #[test]
    fn choices_are_names() {
        Dialect::ALL.iter().for_each(|&dialect| check(dialect, json!(dialect.name())));
        Form::ALL.iter().for_each(|&form| check(form, json!(form.name())));
        Pass::ALL.iter().for_each(|&pass| check(pass, json!(pass.name())));
        check(Strategy::Auto, json!("auto"));
        assert_eq!(error::<Strategy>(json!("x")), "unknown strategy `x`: expected auto, branches or branchless");
    }

    #[test]
    fn data_has_the_names_of_fields() {
        check(Action::Allow, json!("allow"));
        check(Action::Errno(1), json!({"errno": 1}));
        check(HaltReason::DivisionByZero, json!("division_by_zero"));
        let out_of_bounds = HaltReason::OutOfBounds { offset: 60, width: Width::Half, captured: 60 };
        check(out_of_bounds, json!({"out_of_bounds": {"offset": 60, "width": "half", "captured": 60}}));
        check(Span { start: 1, captured: 2, wire_len: 3 }, json!({"start": 1, "captured": 2, "wire_len": 3}));
        let call = SeccompData { nr: 1, arch: Arch::AARCH64, args: [1, 2, 3, 4, 5, 6], ..SeccompData::default() };
        let json = json!({"nr": 1, "arch": "aarch64", "instruction_pointer": 0, "args": [1, 2, 3, 4, 5, 6]});
        check(call, json);
    }
}
