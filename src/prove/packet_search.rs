//! The search for a packet with which a bit of a circuit is 1, and with which bytes at equal offsets are equal.
//!
//! Bytes from different bases are different inputs. Most answers do not have one byte twice with different values. For
//! others, all bytes are compared in pairs; if that is too much, only those that were different in an answer are, and
//! the search begins again.

use alloc::vec::Vec;

use crate::ir::hash_map::HashMap;
use crate::prove::circuit::Bit;
use crate::prove::inputs::Input;
use crate::prove::packets::Packets;
use crate::prove::satisfiability::Answer;
use crate::prove::word::Word;
use crate::prove::{Options, solution};

/// The most searches for one bit.
const MAX_ROUNDS: usize = 100;

/// Returns values of inputs with which a bit is 1.
pub(crate) fn find(options: &Options, packets: &mut Packets, goal: Bit) -> Answer {
    let answer = solution::find(&packets.circuit, goal, options);
    let Answer::Satisfiable(values) = &answer else { return answer };
    let conflicts = conflicts(packets, values);
    if conflicts.is_empty() {
        return answer;
    }
    if let Some(are_consistent) = packets.are_bytes_consistent() {
        let narrowed = packets.circuit.and(goal, are_consistent);
        if packets.circuit.is_full() {
            return Answer::Unknown;
        }
        let answer = solution::find(&packets.circuit, narrowed, options);
        if answer != Answer::Unknown {
            return answer;
        }
    }
    by_conflicts(options, packets, goal, conflicts)
}

/// Searches again and again, with the pairs of bytes equal that were different in an answer.
fn by_conflicts(options: &Options, packets: &mut Packets, mut goal: Bit, mut pairs: Vec<[Input; 2]>) -> Answer {
    for _ in 0..MAX_ROUNDS {
        for [byte, other] in pairs {
            let is_consistent = packets.is_pair_consistent(byte, other);
            goal = packets.circuit.and(goal, is_consistent);
        }
        if packets.circuit.is_full() {
            break;
        }
        let answer = solution::find(&packets.circuit, goal, options);
        let Answer::Satisfiable(values) = &answer else { return answer };
        pairs = conflicts(packets, values);
        if pairs.is_empty() {
            return answer;
        }
    }
    Answer::Unknown
}

/// Returns pairs of bytes at one offset that differ in an answer.
fn conflicts(packets: &mut Packets, values: &[(u32, bool)]) -> Vec<[Input; 2]> {
    let inputs: Vec<Input> = packets.inputs.iter().collect();
    if !inputs.iter().any(|input| matches!(input, Input::ByteFrom(..))) {
        return Vec::new();
    }
    let bytes: Vec<Input> =
        inputs.into_iter().filter(|input| matches!(input, Input::Byte(_) | Input::ByteFrom(..))).collect();
    let places: Vec<Word> = bytes.iter().map(|&input| packets.place(input)).collect();
    let mut given: HashMap<Input, (u32, u32)> = HashMap::default();
    let mut is_set = vec![false; values.iter().map(|&(number, _)| number as usize + 1).max().unwrap_or(0)];
    for &(number, value) in values {
        is_set[number as usize] = value;
        let (input, bit) = packets.inputs.origin(number);
        let (mask, byte) = given.get_or_insert(input, (0, 0));
        (*mask, *byte) = (*mask | 1 << bit, *byte | u32::from(value) << bit);
    }
    let gates = packets.circuit.evaluate(|input| is_set.get(input as usize).copied().unwrap_or(false));
    let number = |word: &Word| {
        let bits = word.0.iter().rev();
        bits.fold(0_u32, |number, bit| number << 1 | u32::from(gates[bit.gate()] != bit.is_inverted()))
    };
    let mut at: Vec<(u32, Input)> = places.iter().map(number).zip(bytes).collect();
    at.sort_by_key(|&(place, _)| place);
    let mut conflicts = Vec::new();
    for (index, &(place, input)) in at.iter().enumerate() {
        for &(_, other) in at[index + 1..].iter().take_while(|&&(other, _)| other == place) {
            let of = |input: Input| given.get(&input).copied().unwrap_or_default();
            let ((mask, byte), (other_mask, other_byte)) = (of(input), of(other));
            if mask & other_mask & (byte ^ other_byte) != 0 {
                conflicts.push([input, other]);
            }
        }
    }
    conflicts
}
