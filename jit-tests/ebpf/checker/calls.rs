//! Calls of helpers: what they take, and which hook has them.

use cbpf::ebpf::Hook;

use super::state::State;
use super::value::{Range, Value};
use super::{Checker, Slot};

/// What a helper takes in a register.
#[derive(Clone, Copy)]
enum Parameter {
    Number,
    Context,
    Map,
    /// The address of a key on the stack, of the map in r1.
    Key,
    /// An address on the stack to write to; the register after it, or for the second variant before it, has the length.
    Buffer {
        len: u8,
    },
}

/// A helper: its number, its parameters, and the hooks that have it.
type Row = (i32, &'static [Parameter], &'static [Hook]);

const ANY: &[Hook] = &[Hook::Xdp, Hook::Tc, Hook::CgroupSkb, Hook::Socket, Hook::Function];
const SKB: &[Hook] = &[Hook::Tc, Hook::CgroupSkb, Hook::Socket];

#[rustfmt::skip]
const HELPERS: [Row; 8] = {
    use Parameter::{Buffer, Context, Key, Map, Number};
    [
        // bpf_map_lookup_elem, bpf_get_prandom_u32, bpf_get_smp_processor_id
        (1,   &[Map, Key],                                      ANY),
        (7,   &[],                                              ANY),
        (8,   &[],                                              ANY),
        // bpf_redirect, bpf_skb_load_bytes, bpf_redirect_map
        (23,  &[Number, Number],                                &[Hook::Xdp, Hook::Tc]),
        (26,  &[Context, Number, Buffer { len: 4 }, Number],    SKB),
        (51,  &[Map, Number, Number],                           &[Hook::Xdp]),
        // bpf_skb_load_bytes_relative, bpf_probe_read_kernel
        (68,  &[Context, Number, Buffer { len: 4 }, Number, Number], SKB),
        (113, &[Buffer { len: 2 }, Number, Number],             &[Hook::Function]),
    ]
};

/// The number of `bpf_map_lookup_elem`.
const LOOKUP: i32 = 1;

impl Checker<'_> {
    pub(super) fn call(&self, pc: usize, slot: Slot, state: &mut State) -> Result<(), String> {
        let row = HELPERS.iter().find(|row| row.0 == slot.imm).ok_or_else(|| format!("helper {}", slot.imm))?;
        let (number, parameters, hooks) = *row;
        if !hooks.contains(&self.hook) {
            return Err(format!("the hook `{}` has no helper {number}", self.hook));
        }
        for (register, parameter) in (1..).zip(parameters) {
            self.parameter(register, *parameter, state).map_err(|error| format!("r{register}: {error}"))?;
        }
        let result = match (number, state.get(1)) {
            (LOOKUP, Ok(Value::Map(map))) => Value::MaybeInMap { map, origin: pc },
            _ => Value::Number(Range::ALL),
        };
        state.clobber();
        if number == LOOKUP {
            state.forget(pc);
        }
        state.set(0, result)
    }

    fn parameter(&self, register: u8, parameter: Parameter, state: &mut State) -> Result<(), String> {
        match (parameter, state.get(register)?) {
            (Parameter::Number, Value::Number(_))
            | (Parameter::Context, Value::Context)
            | (Parameter::Map, Value::Map(_)) => Ok(()),
            (Parameter::Key, Value::Stack(at)) => match state.get(1)? {
                Value::Map(map) => state.is_filled(at, self.maps[map].key_size.into()),
                _ => Err("there is no map in r1".to_owned()),
            },
            (Parameter::Buffer { len }, Value::Stack(at)) => match state.number(len)?.value() {
                Some(len @ 1..=512) => state.fill(at, len as i64),
                _ => Err("the length is not a constant from 1 to 512".to_owned()),
            },
            (_, other) => Err(format!("{other:?} is passed")),
        }
    }
}
