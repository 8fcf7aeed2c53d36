//! Questions: claims about all packets, as one bit of a circuit that is 1 where the claim fails.

use alloc::vec::Vec;

use crate::bpf::dialect::Dialect;
use crate::bpf::isa::AluOp;
use crate::bpf::verify::{Step, Verified};
use crate::ir::{Graph, Value};
use crate::packet::ancillary::Extension;
use crate::prove::circuit::{Bit, Circuit};
use crate::prove::packets::{Lengths, Packets};
use crate::prove::satisfiability::Answer;
use crate::prove::witness::Candidate;
use crate::prove::word::Word;
use crate::prove::{Options, Proof, ProveError, Unknown, UnknownCause, packet_search};
use crate::syscall::Action;

/// A claim about all packets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question<'v> {
    Equivalent(&'v Verified, &'v Verified),
    /// The second program keeps what the first keeps.
    Implies(&'v Verified, &'v Verified),
    /// Each packet that the first program keeps is kept by one of the others.
    Covered(&'v Verified, &'v [Verified]),
    Disjoint(&'v Verified, &'v Verified),
    /// The program keeps nothing.
    Empty(&'v Verified),
    /// The program keeps everything.
    Full(&'v Verified),
}

impl Options {
    pub(super) fn ask(&self, question: Question) -> Result<Proof, ProveError> {
        let (programs, dialect) = (question.programs(), question.programs()[0].dialect());
        let all: Vec<&Verified> = programs.iter().copied().chain(&self.assumed).collect();
        if let Some(other) = all.iter().map(|program| program.dialect()).find(|&other| other != dialect) {
            return Err(ProveError::DialectMismatch { first: dialect, other });
        }
        let graphs: Vec<Graph> = all.iter().map(|program| Graph::new(program)).collect();
        // The data of a system call is never truncated.
        let lengths = if dialect == Dialect::Seccomp { Lengths::Enough } else { self.lengths };
        let mut packets = Packets::new(lengths, self.is_wire_longest && reads_wire_len(&graphs), self.max_gates);
        let verdicts: Vec<Word> = graphs.iter().map(|graph| packets.execute(graph)).collect();
        let circuit = &mut packets.circuit;
        let mut goal = question.failure(circuit, &verdicts, dialect, self.compares_verdicts);
        goal = circuit.and(goal, packets.assumption);
        if self.assumed.is_some() {
            let is_kept = keeps(circuit, verdicts[programs.len()], dialect);
            goal = circuit.and(goal, is_kept);
        }
        if circuit.is_full() {
            return Ok(Proof::Unknown(Unknown::TooLarge));
        }
        let fails = |verdicts: &[u32]| {
            let is_assumed = verdicts.get(programs.len()).is_none_or(|&verdict| is_kept(verdict, dialect));
            is_assumed && question.fails(verdicts, dialect, self.compares_verdicts)
        };
        // A packet may be too long to be built, where a short one shows the failure, too.
        let searches = if lengths == Lengths::Any { &[false, true][..] } else { &[false] };
        for &is_short in searches {
            let are_short = if is_short { packets.are_short() } else { Bit::ONE };
            let goal = packets.circuit.and(goal, are_short);
            match packet_search::find(self, &mut packets, goal) {
                Answer::Unsatisfiable if is_short => {}
                Answer::Unsatisfiable => return Ok(Proof::Holds),
                Answer::Unknown if packets.circuit.is_full() => return Ok(Proof::Unknown(Unknown::TooLarge)),
                Answer::Unknown => return Ok(Proof::Unknown(Unknown::Bounds)),
                Answer::Satisfiable(values) => {
                    let candidate = Candidate::new(&packets, &values, dialect);
                    if let Some(witness) = candidate.and_then(|it| it.confirmed(&all, lengths, &fails)) {
                        return Ok(Proof::Fails(witness));
                    }
                }
            }
        }
        Ok(Proof::Unknown(unconfirmed(&programs)))
    }
}

fn reads_wire_len(graphs: &[Graph]) -> bool {
    graphs.iter().any(|graph| graph.values.iter().any(|value| value == Value::WireLen))
}

impl<'v> Question<'v> {
    fn programs(&self) -> Vec<&'v Verified> {
        match *self {
            Question::Equivalent(a, b) | Question::Implies(a, b) | Question::Disjoint(a, b) => vec![a, b],
            Question::Covered(a, others) => core::iter::once(a).chain(others).collect(),
            Question::Empty(a) | Question::Full(a) => vec![a],
        }
    }

    /// Returns the bit that is 1 where the claim fails.
    fn failure(&self, circuit: &mut Circuit, verdicts: &[Word], dialect: Dialect, compares_verdicts: bool) -> Bit {
        if let Question::Equivalent(..) = self {
            if dialect == Dialect::Seccomp {
                return actions_differ(circuit, verdicts[0], verdicts[1]);
            }
            if compares_verdicts {
                return circuit.equal(verdicts[0], verdicts[1]).not();
            }
        }
        let kept: Vec<Bit> = verdicts.iter().map(|&verdict| keeps(circuit, verdict, dialect)).collect();
        match self {
            Question::Equivalent(..) => circuit.xor(kept[0], kept[1]),
            Question::Implies(..) => circuit.and(kept[0], kept[1].not()),
            Question::Covered(_, others) => {
                let by_others = circuit.any(&kept[1..=others.len()]);
                circuit.and(kept[0], by_others.not())
            }
            Question::Disjoint(..) => circuit.and(kept[0], kept[1]),
            Question::Empty(_) => kept[0],
            Question::Full(_) => kept[0].not(),
        }
    }

    /// Returns whether the claim fails on a packet with these verdicts: what [`Question::failure`] computes.
    fn fails(&self, verdicts: &[u32], dialect: Dialect, compares_verdicts: bool) -> bool {
        if let Question::Equivalent(..) = self {
            if dialect == Dialect::Seccomp {
                return Action::from(verdicts[0]) != Action::from(verdicts[1]);
            }
            if compares_verdicts {
                return verdicts[0] != verdicts[1];
            }
        }
        let kept = |program: usize| is_kept(verdicts[program], dialect);
        match self {
            Question::Equivalent(..) => kept(0) != kept(1),
            Question::Implies(..) => kept(0) && !kept(1),
            Question::Covered(_, others) => kept(0) && !(1..=others.len()).any(kept),
            Question::Disjoint(..) => kept(0) && kept(1),
            Question::Empty(_) => kept(0),
            Question::Full(_) => !kept(0),
        }
    }
}

/// Returns whether a packet with this verdict is kept, or a system call allowed.
fn is_kept(verdict: u32, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Seccomp => matches!(Action::from(verdict), Action::Allow | Action::Log),
        Dialect::Linux | Dialect::Pcap => verdict != 0,
    }
}

/// Returns the bit that [`is_kept`] computes.
fn keeps(circuit: &mut Circuit, verdict: Word, dialect: Dialect) -> Bit {
    match dialect {
        Dialect::Seccomp => {
            let [allow, log] = [Action::Allow, Action::Log].map(|action| has_code(circuit, verdict, action));
            circuit.or(allow, log)
        }
        Dialect::Linux | Dialect::Pcap => circuit.any(&verdict.0),
    }
}

/// Returns whether the upper half of a verdict is that of an action.
fn has_code(circuit: &mut Circuit, verdict: Word, action: Action) -> Bit {
    let code = circuit.alu(AluOp::And, verdict, Word::constant(0xffff_0000));
    circuit.equal(code, Word::constant(u32::from(action)))
}

/// Returns whether two verdicts are different actions: the lower half counts for actions with data only.
fn actions_differ(circuit: &mut Circuit, a: Word, b: Word) -> Bit {
    let without_data = [Action::KillProcess, Action::KillThread, Action::UserNotify, Action::Log, Action::Allow];
    let has_no_data = without_data.map(|action| has_code(circuit, a, action));
    let has_no_data = circuit.any(&has_no_data);
    let differ = circuit.alu(AluOp::Xor, a, b);
    let (data, code) = (circuit.any(&differ.0[..16]), circuit.any(&differ.0[16..]));
    let data = circuit.and(data, has_no_data.not());
    circuit.or(code, data)
}

/// Returns the first instruction that reads something whose connection with the packet is not followed.
fn unconfirmed(programs: &[&Verified]) -> Unknown {
    for (program, verified) in programs.iter().enumerate() {
        for (pc, step) in verified.steps().iter().enumerate() {
            let cause = match *step {
                Step::Ancillary(Extension::Random) => UnknownCause::Random,
                Step::Ancillary(extension) if extension.reads_packet() => UnknownCause::Search,
                _ if verified.dialect() == Dialect::Linux && step.may_be_header_relative() => {
                    UnknownCause::HeaderRelative
                }
                Step::LoadIndirect(..) => UnknownCause::ComputedOffset,
                _ => continue,
            };
            return Unknown::Unconfirmed { cause, program, pc };
        }
    }
    Unknown::TooLarge
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::program::Program;
    use crate::prove::Witness;

    fn verified(text: &str, dialect: Dialect) -> Verified {
        let program: Program = text.parse().expect("a program");
        program.verify(dialect).expect("a valid program")
    }

    #[test]
    fn data_of_system_calls_is_never_truncated() {
        let allow = verified("ret #0x7fff0000", Dialect::Seccomp);
        let loads = verified("ld [60]\n ret #0x7fff0000", Dialect::Seccomp);
        for truncated in [false, true] {
            let proof = Options::new().truncated(truncated).equivalent(&allow, &loads);
            assert_eq!(proof, Ok(Proof::Holds));
        }
    }

    #[test]
    fn loads_that_no_packet_has_reject_all_packets() {
        for (load, dialect) in [
            ("ld [0xfffff014]", Dialect::Pcap),
            ("ld [0x7ffffffc]", Dialect::Pcap),
            ("ldxb 4*([0xee6b2800]&0xf)", Dialect::Pcap),
            ("ldb [0x90000000]", Dialect::Linux),
        ] {
            let program = verified(&format!("{load}\n ret #1"), dialect);
            let keep = verified("ret #1", dialect);
            for truncated in [false, true] {
                let options = Options::new().truncated(truncated);
                assert_eq!(options.example(&program), Ok(Proof::Holds), "{load}");
                let proof = options.equivalent(&program, &keep).expect("one dialect");
                assert_eq!(proof.witness().map(Witness::verdicts), Some(&[0, 1][..]), "{load}");
            }
        }
    }

    #[test]
    fn dialects_must_be_the_same() {
        let [first, other] = [Dialect::Pcap, Dialect::Linux].map(|dialect| verified("ret #1", dialect));
        let mismatch = ProveError::DialectMismatch { first: Dialect::Pcap, other: Dialect::Linux };
        assert_eq!(Options::new().equivalent(&first, &other), Err(mismatch));
        assert_eq!(Options::new().assuming(other).example(&first), Err(mismatch));
    }
}
