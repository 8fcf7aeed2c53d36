//! Preservation: two forms of one program, graphs or the program itself, have the same verdicts on all packets.
//!
//! Nothing is assumed of packets: the length on the wire may be less than what was captured, as callers can have it.

use crate::bpf::dialect::Dialect;
use crate::bpf::verify::Verified;
use crate::ir::Graph;
use crate::prove::circuit::Bit;
use crate::prove::packets::{Lengths, Packets};
use crate::prove::satisfiability::Answer;
use crate::prove::witness::{Candidate, Witness};
use crate::prove::word::Word;
use crate::prove::{Options, Proof, Unknown, packet_search};

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
        match packet_search::find(options, packets, goal) {
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
