//! Preservation: two forms of one program, graphs or the program itself, have the same verdicts on all packets.
//!
//! Nothing is assumed of packets: the length on the wire may be less than what was captured, as callers can have it.

use alloc::vec::Vec;

use crate::bpf::dialect::Dialect;
use crate::bpf::verify::Verified;
use crate::ir::Graph;
use crate::ir::hash_map::HashMap;
use crate::prove::circuit::Bit;
use crate::prove::inputs::Input;
use crate::prove::packets::{Lengths, Packets};
use crate::prove::satisfiability::Answer;
use crate::prove::witness::{Candidate, Witness};
use crate::prove::word::Word;
use crate::prove::{Options, Proof, Unknown, solution};

/// The most searches for one bit.
const MAX_ROUNDS: usize = 100;

/// Returns whether two graphs have the same verdicts, and the second one computes nothing that is impossible.
pub(super) fn preserved(options: &Options, before: &Graph, after: &Graph) -> Proof {
    let mut packets = Packets::new(Lengths::Any, false, options.max_gates);
    let expected = packets.execute(before);
    let (verdict, faults) = packets.execute_with_faults(after);
    decide(options, &mut packets, [expected, verdict], &faults)
}

/// Returns whether a graph has the verdicts of a program, and computes nothing that is impossible.
pub(super) fn represents(options: &Options, graph: &Graph, program: &Verified) -> Proof {
    let mut packets = Packets::new(Lengths::Any, false, options.max_gates);
    let expected = packets.execute_program(program);
    let (verdict, faults) = packets.execute_with_faults(graph);
    decide(options, &mut packets, [expected, verdict], &faults)
}

/// Returns whether two verdicts are the same and there are no faults.
pub(crate) fn decide(
    options: &Options,
    packets: &mut Packets,
    [expected, verdict]: [Word; 2],
    faults: &[Bit],
) -> Proof {
    let differs = packets.circuit.equal(expected, verdict).not();
    if packets.circuit.is_full() {
        return Proof::Unknown(Unknown::TooLarge);
    }
    let mut proof = Proof::Holds;
    for goal in faults.iter().copied().chain([differs]) {
        let goal = packets.circuit.and(goal, packets.facts);
        match find_packet(options, packets, goal) {
            Answer::Unsatisfiable => {}
            Answer::Unknown => proof = Proof::Unknown(Unknown::Bounds),
            Answer::Satisfiable(values) => {
                return match Candidate::new(packets, &values, Dialect::Linux) {
                    Some(candidate) => Proof::Fails(Witness::unconfirmed(candidate)),
                    None => Proof::Unknown(Unknown::TooLarge),
                };
            }
        }
    }
    proof
}

/// Returns values of inputs with which a bit is 1, and with which bytes at equal offsets are equal.
///
/// Bytes from different bases are different inputs. Where an answer has one byte twice with different values, they are
/// made equal, and the search begins again.
pub(crate) fn find_packet(options: &Options, packets: &mut Packets, mut goal: Bit) -> Answer {
    for _ in 0..MAX_ROUNDS {
        let answer = solution::find(&packets.circuit, goal, options);
        let Answer::Satisfiable(values) = &answer else { return answer };
        let conflicts = conflicts(packets, values);
        if conflicts.is_empty() {
            return answer;
        }
        for pair in conflicts {
            let [place, other] = pair.map(|input| packets.place(input));
            let is_elsewhere = packets.circuit.equal(place, other).not();
            let [byte, other] = pair.map(|input| packets.inputs.word(&mut packets.circuit, input));
            let are_equal = packets.circuit.equal(byte, other);
            let is_possible = packets.circuit.or(is_elsewhere, are_equal);
            goal = packets.circuit.and(goal, is_possible);
        }
        if packets.circuit.is_full() {
            break;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::program::Program;
    use crate::ir::{Address, graph_of};
    use crate::prove::ProveError;

    #[test]
    fn finds_loads_out_of_bounds_where_verdicts_are_the_same() {
        let before = graph_of("ldb [1]\n jeq #1, a, b\n a: ret #0\n b: ret #0");
        let mut after = before.clone();
        assert!(Options::new().preserved(&before, &after).holds());
        after.blocks[0].checks.clear();
        assert!(Options::new().preserved(&before, &after).witness().is_some());
    }

    #[test]
    fn finds_divisions_by_zero() {
        let before = graph_of("ldb [1]\n tax\n ld #9\n div x\n jeq #1, a, b\n a: ret #0\n b: ret #0");
        let mut after = before.clone();
        after.blocks[0].checks.pop();
        let witness = Options::new().preserved(&before, &after);
        assert_eq!(witness.witness().map(|witness| witness.data()[1]), Some(0));
    }

    #[test]
    fn compares_graphs_with_what_the_interpreter_does() -> Result<(), ProveError> {
        let program: Program =
            "ldxb 4*([14]&0xf)\n ldh [x + 16]\n jeq #443, keep\n ret #0\n keep: ret #1".parse().expect("one");
        for dialect in [Dialect::Linux, Dialect::Pcap] {
            let verified = program.verify(dialect).expect("valid");
            let mut graph = Graph::new(&verified);
            assert!(Options::new().represents(&graph, &verified).holds());
            graph.blocks[1].terminator = graph.blocks[2].terminator.clone();
            assert!(Options::new().represents(&graph, &verified).witness().is_some());
        }
        Ok(())
    }

    /// Bytes of bases that cannot be enumerated may be one byte.
    #[test]
    fn makes_bytes_at_one_offset_equal() {
        let text =
            |second: &str| format!("ldh [0]\n tax\n ldb [x + 4]\n st M[0]\n {second}\n tax\n ld M[0]\n sub x\n ret a");
        let [one, other] =
            ["ldb [x + 4]", "txa\n add #5\n tax\n ldb [x + 0xffffffff]"].map(|second| graph_of(&text(second)));
        assert!(Options::new().preserved(&one, &other).holds());
        assert!(
            one.values.iter().any(|value| matches!(value, crate::ir::Value::Load(Address { base: Some(_), .. }, ..)))
        );
    }
}
