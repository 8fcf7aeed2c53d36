//! Properties of all programs and packets: shared by the random trials and the fuzz targets.
//!
//! A disagreement about a verdict is reported as a case file.

use std::slice;

#[cfg(feature = "std")]
use cbpf::Filter;
use cbpf::bpf::VerifiedRef;
use cbpf::debug::{Graph, HaltReason, Pass, Profile, meanings};
use cbpf::lang::{Effect, Part, PartKind, lint, outline};
use cbpf::packet::Extension;
use cbpf::prove::{Options, Proof};
use cbpf::seccomp::{Action, Arch, SeccompData};
use cbpf::text::{Form, ParseError};
use cbpf::{Dialect, Expr, Instruction, LinkType, Packet, Program, Target, Verified, compile_expression};

use crate::case::{self, Sample};
#[cfg(feature = "std")]
use crate::layouts;

/// Returns `true` if a program may load from an extension: at any width, or by a constant of the same value.
pub fn may_load(program: &Program, extension: Extension) -> bool {
    program.instructions().iter().any(|instruction| instruction.k == extension.offset())
}

/// Compares a verdict with the interpreter's, and returns it; `engine` names the engine that gave the verdict.
fn check(verified: &Verified, packet: &Packet, verdict: u32, engine: impl FnOnce() -> String) -> Result<u32, String> {
    let expected = verified.interpret(packet);
    if verdict == expected {
        return Ok(verdict);
    }
    let case = case::write(verified.program(), verified.dialect(), packet, expected);
    Err(format!("{} gives {verdict}, and the interpreter:\n{case}", engine()))
}

/// The interpreter, native code, batches and observers agree.
pub fn engines_agree(program: &Program, dialect: Dialect, samples: &[Sample]) -> Result<(), String> {
    let (verified, borrowed) = match (program.verify(dialect), VerifiedRef::new(program.instructions(), dialect)) {
        (Ok(verified), Ok(borrowed)) => (verified, borrowed),
        (Err(error), Err(other)) if error == other => return Ok(()),
        (verified, borrowed) => return Err(format!("{verified:?}, but borrowed {borrowed:?}\n{program}")),
    };
    for packet in samples.iter().map(Sample::packet) {
        let expected = check(&verified, &packet, borrowed.interpret(packet), || "the borrowed program".to_owned())?;
        observers_agree(&verified, packet, expected)?;
    }
    #[cfg(feature = "std")]
    filter_agrees(&verified, samples)?;
    Ok(())
}

/// A filter agrees with the interpreter.
#[cfg(feature = "std")]
fn filter_agrees(verified: &Verified, samples: &[Sample]) -> Result<(), String> {
    let filter = Filter::compile(verified).map_err(|error| format!("{error}\n{}", verified.program()))?;
    for packet in samples.iter().map(Sample::packet) {
        check(verified, &packet, filter.run(packet), || "the JIT".to_owned())?;
    }
    batches_agree(verified, &filter, samples)
}

/// A trace and a profile have the verdict of the interpreter, and are consistent.
fn observers_agree(verified: &Verified, packet: Packet, expected: u32) -> Result<(), String> {
    let trace = verified.trace(packet);
    let mut profile = Profile::new(verified);
    // The second and third run find the path of the first one.
    let verdicts = [trace.verdict(), profile.run(packet), profile.run(packet), profile.run(packet)];
    let places: Vec<usize> = trace.iter().map(|executed| executed.pc).collect();
    let followed: Vec<usize> = [0].into_iter().chain(trace.iter().filter_map(|executed| executed.next)).collect();
    let mut expected_counts = vec![0; verified.program().len()];
    places.iter().for_each(|&pc| expected_counts[pc] = 3);
    let is_counted = profile.executions() == expected_counts;
    let halted: u64 = profile.blocks().iter().map(|block| block.halted).sum();
    let is_stop = halted == if trace.end().is_err() { 3 } else { 0 };
    if verdicts == [expected; 4] && places == followed && is_counted && is_stop {
        return Ok(());
    }
    let case = case::write(verified.program(), verified.dialect(), &packet, expected);
    Err(format!("{verdicts:?} with an observer, {halted} halted, and the interpreter:\n{case}{trace}"))
}

/// Batches have the verdicts of the interpreter, with contexts and without.
#[cfg(feature = "std")]
fn batches_agree(verified: &Verified, filter: &Filter, samples: &[Sample]) -> Result<(), String> {
    let program = verified.program();
    filter.prepare_batch().map_err(|error| format!("no batches: {error}\n{program}"))?;
    let with_contexts: Vec<Packet> = samples.iter().map(Sample::packet).collect();
    let bare: Vec<Packet> =
        samples.iter().map(|sample| Packet::new(&sample.data).with_wire_len(sample.wire_len)).collect();
    let whole: Vec<Packet> =
        samples.iter().flat_map(|Sample { data, .. }| [&data[..data.len() / 2], data].map(Packet::new)).collect();
    // Without a seed, random numbers differ from run to run.
    let is_random = may_load(program, Extension::Random);
    for packets in [with_contexts, bare, whole].iter().take(if is_random { 1 } else { 3 }) {
        for (layout, verdicts) in layouts::verdicts(filter, packets) {
            for (place, (packet, verdict)) in packets.iter().zip(verdicts).enumerate() {
                check(verified, packet, verdict, || format!("a batch of {layout}, at {place},"))?;
            }
        }
    }
    Ok(())
}

/// The interpreter and the code of the graph after these passes agree; without filters, the passes just run.
#[cfg_attr(not(feature = "std"), expect(unused_variables, reason = "there is no code to run on samples"))]
pub fn passes_agree(program: &Program, dialect: Dialect, samples: &[Sample], passes: &[Pass]) -> Result<(), String> {
    let Ok(verified) = program.verify(dialect) else { return Ok(()) };
    let mut graph = Graph::new(&verified);
    passes.iter().for_each(|&pass| graph.run(pass));
    #[cfg(feature = "std")]
    {
        let filter = graph.compile().map_err(|error| format!("{passes:?}: {error}\n{program}"))?;
        for packet in samples.iter().map(Sample::packet) {
            check(&verified, &packet, filter.run(packet), || format!("after {passes:?},\n{graph}"))?;
        }
    }
    Ok(())
}

/// The optimised program is valid, not longer, and has the same verdicts.
pub fn optimized_agrees(program: &Program, dialect: Dialect, samples: &[Sample]) -> Result<(), String> {
    let Ok(verified) = program.verify(dialect) else { return Ok(()) };
    let optimized = program.optimize(dialect).map_err(|error| error.to_string())?;
    let again = optimized.verify(dialect).map_err(|error| format!("{error}:\n{program}becomes\n{optimized}"))?;
    if optimized.len() > program.len() {
        return Err(format!("{dialect}: the optimised program is longer:\n{optimized}than\n{program}"));
    }
    let rejects_all = verified.rejects_all();
    for packet in samples.iter().map(Sample::packet) {
        let verdict = check(&verified, &packet, again.interpret(packet), || format!("optimised to\n{optimized}"))?;
        if rejects_all && verdict != 0 {
            let case = case::write(program, dialect, &packet, verdict);
            return Err(format!("`rejects_all` is true, and not all packets are rejected:\n{case}"));
        }
    }
    Ok(())
}

/// Proofs agree with the interpreter about a program, its optimised form and another program: what is proven equal is
/// equal on all of these packets, and the verdicts on a witness differ.
pub fn proofs_agree(program: &Program, other: &Program, dialect: Dialect, samples: &[Sample]) -> Result<(), String> {
    let Ok(verified) = program.verify(dialect) else { return Ok(()) };
    let optimized = program.optimize(dialect).map_err(|error| error.to_string())?;
    // Proofs are about packets that are not shorter on the wire.
    let wire_len = |sample: &Sample| sample.wire_len.max(sample.data.len() as u32);
    let samples: Vec<Sample> =
        samples.iter().map(|sample| Sample { wire_len: wire_len(sample), ..sample.clone() }).collect();
    for (truncated, verdicts) in [(false, false), (true, true), (true, false)] {
        // The data of system calls is never truncated.
        if truncated && dialect == Dialect::Seccomp {
            continue;
        }
        let options = Options::new().max_nodes(NODES).max_conflicts(CONFLICTS).truncated(truncated).verdicts(verdicts);
        for (other, must_hold) in [(&optimized, true), (other, false)] {
            let Ok(other) = other.verify(dialect) else { continue };
            let proof = options.equivalent(&verified, &other).map_err(|error| error.to_string())?;
            if must_hold && proof.witness().is_some() {
                return Err(format!("{proof:?} of\n{program}and its optimised form\n{}", other.program()));
            }
            is_confirmed(&proof, [&verified, &other], &samples, truncated, verdicts)
                .map_err(|error| format!("{error}:\n{program}and\n{}", other.program()))?;
        }
    }
    Ok(())
}

/// Bounds that keep a question below some milliseconds.
const NODES: usize = 1 << 14;
const CONFLICTS: u64 = 200;

/// Checks the answer to whether programs are equivalent.
fn is_confirmed(
    proof: &Proof,
    programs: [&Verified; 2],
    samples: &[Sample],
    truncated: bool,
    verdicts: bool,
) -> Result<(), String> {
    let differ = |[first, second]: [u32; 2]| match programs[0].dialect() {
        Dialect::Seccomp => Action::from(first) != Action::from(second),
        _ if verdicts => first != second,
        _ => (first != 0) != (second != 0),
    };
    match proof {
        Proof::Fails(witness) => {
            let found = programs.map(|program| program.interpret(witness.packet()));
            let is_right = differ(found) && found == *witness.verdicts();
            if is_right { Ok(()) } else { Err(format!("the verdicts are {found:?} on {witness:?}")) }
        }
        Proof::Holds => samples.iter().try_for_each(|sample| {
            let ends = programs.map(|program| program.trace(sample.packet()).end());
            let is_short = ends.iter().any(|end| matches!(end, Err(HaltReason::OutOfBounds { .. })));
            let found = ends.map(|end| end.unwrap_or_else(HaltReason::verdict));
            if (truncated || !is_short) && differ(found) {
                return Err(format!("proven to be equal, but the verdicts are {found:?} on {sample:?}"));
            }
            Ok(())
        }),
        Proof::Unknown(_) => Ok(()),
    }
}

/// All of the properties hold for a program, valid or not.
pub fn everything_agrees(program: &Program, sample: &Sample) -> Result<(), String> {
    instructions_survive(program)?;
    forms_agree(program)?;
    meanings_are_found(program, LinkType::ETHERNET);
    let samples = slice::from_ref(sample);
    Dialect::ALL.iter().try_for_each(|&dialect| {
        engines_agree(program, dialect, samples)?;
        optimized_agrees(program, dialect, samples)
    })
}

/// Instructions are the same after a conversion to typed instructions and back.
pub fn instructions_survive(program: &Program) -> Result<(), String> {
    let again: Program = program.disassemble().collect();
    if again == *program { Ok(()) } else { Err(format!("converted and back, it is\n{again}not\n{program}")) }
}

/// Printing a program in any form and reading it back gives the same program, and the form is detected.
pub fn forms_agree(program: &Program) -> Result<(), String> {
    for &form in Form::ALL {
        let printed = program.print(form);
        match Program::parse_as(form, &printed) {
            Ok(read) if read == *program => {}
            Ok(_) => return Err(format!("{form:?} is read as another program than\n{program}")),
            Err(error) => return Err(format!("{form:?} is printed with an error: {error}")),
        }
        let is_raw = matches!(form, Form::Raw | Form::RawBigEndian);
        let is_ambiguous = is_raw || program.is_empty();
        if !is_ambiguous && Form::detect(&printed) != form {
            return Err(format!("{form:?} is detected as {:?}:\n{program}", Form::detect(&printed)));
        }
    }
    Ok(())
}

/// Bytes in any form are a program whose forms agree, or an error with a position inside the bytes.
pub fn text_is_read_or_refused(input: &[u8]) -> Result<(), String> {
    for &form in Form::ALL {
        match Program::parse_as(form, input) {
            Ok(program) => forms_agree(&program)?,
            Err(error) if lies_inside(&error, form, input) => {}
            Err(error) => return Err(format!("{form:?}: the position of the error is outside the text: {error}")),
        }
    }
    let detected = Program::parse_as(Form::detect(input), input);
    if Program::parse(input) == detected {
        Ok(())
    } else {
        Err("`parse` and `parse_as` of the detected form differ".to_owned())
    }
}

/// A text is an invalid expression, or one that verifies, and so is its printed form.
pub fn expression_is_sound(text: &str, link_type: LinkType) -> Result<(), String> {
    let target = Target::new(link_type).netmask(0xffff_ff00).chain_depth(2).allow_reject_all(true);
    let (Ok(expr), compiled) = (text.parse::<Expr>(), compile_expression(text, &target)) else { return Ok(()) };
    let printed = expr.to_string();
    match printed.parse::<Expr>() {
        Ok(again) if again == expr => {}
        Ok(again) => return Err(format!("`{text}` is printed as `{printed}`, which is printed as `{again}`")),
        Err(error) => return Err(format!("`{text}` is printed as an invalid expression: {error}")),
    }
    let Ok(program) = compiled else { return Ok(()) };
    if compile_expression(&printed, &target) != Ok(program.clone()) {
        return Err(format!("`{text}` and `{printed}` are different programs"));
    }
    let verified = program.verify(Dialect::Pcap).map_err(|error| format!("`{text}`: {error}"))?;
    let is_short = program.len() <= Dialect::Linux.max_len();
    if is_short && let Err(error) = program.verify(Dialect::Linux) {
        return Err(format!("`{text}`: {error}"));
    }
    parts_lie_in_each_other(text)?;
    meanings_are_found(&program, link_type);
    // Any packet has one of two verdicts.
    let packet: Vec<u8> = (0..200).map(|place| (place * 37 % 251) as u8).collect();
    match verified.interpret(&packet) {
        0 | 262_144 => warnings_are_sound(text, &target, &verified, &packet),
        verdict => Err(format!("`{text}` has verdict {verdict}")),
    }
}

/// The parts of an expression lie in their operators, and parse on their own if they are tests with all qualifiers.
fn parts_lie_in_each_other(text: &str) -> Result<(), String> {
    let parts = outline(text, 200).map_err(|error| format!("`{text}` has no outline: {error}"))?;
    let mut open: Vec<&Part> = Vec::new();
    for part in &parts {
        open.truncate(part.depth);
        let is_inside =
            open.last().is_none_or(|outer| outer.span.start <= part.span.start && part.span.end <= outer.span.end);
        if !is_inside || text.get(part.span.clone()).is_none() {
            return Err(format!("`{text}`: {part:?} is not in {:?}", open.last()));
        }
        if part.kind == PartKind::Test && part.text.parse::<Expr>().is_err() {
            return Err(format!("`{text}`: {part:?} is no expression"));
        }
        open.push(part);
    }
    Ok(())
}

/// Each instruction may have a meaning, whatever the program is.
pub fn meanings_are_found(program: &Program, link_type: LinkType) {
    for &dialect in Dialect::ALL {
        if let Ok(verified) = program.verify(dialect) {
            assert_eq!(meanings(&verified, link_type).len(), program.len());
        }
    }
}

/// Warnings about an expression mark a part of it, and a packet does not contradict them.
fn warnings_are_sound(text: &str, target: &Target, verified: &Verified, packet: &[u8]) -> Result<(), String> {
    // A quarter of the texts is enough: this takes longer than all of the above.
    if text.len() % 4 != 0 {
        return Ok(());
    }
    let warnings = lint(text, target).map_err(|error| format!("`{text}` compiles, but not for warnings: {error}"))?;
    let (matches, has_halted) = (verified.interpret(packet) != 0, verified.trace(packet).end().is_err());
    for warning in warnings {
        let is_contradicted = match warning.effect() {
            Effect::RejectsAll => matches,
            Effect::AcceptsAll => !matches && !has_halted,
            _ => false,
        };
        if is_contradicted || text.get(warning.span()).is_none_or(str::is_empty) {
            return Err(format!("`{text}` has a wrong warning: {warning}"));
        }
    }
    Ok(())
}

/// The statements of a seccomp filter are the same program, and its action is its verdict.
pub fn filters_agree(program: &Program, samples: &[Sample]) -> Result<(), String> {
    notation_agrees(program)?;
    let Ok(verified) = program.verify(Dialect::Seccomp) else { return Ok(()) };
    let shows_all = program.disassemble().all(|instruction| !matches!(instruction, Instruction::Raw(_)));
    for &arch in ARCHES.iter().filter(|_| shows_all) {
        // ` 0000: 0x20 0x00 0x00 0x00000004  A = arch` without the four fields.
        let lines = program.seccomp_lines(arch);
        let statements: String = lines.iter().map(|line| format!("{} {}\n", &line[..6], &line[34..])).collect();
        if Program::parse_seccomp(&statements, arch).as_ref() != Ok(program) {
            return Err(format!("{statements} is not\n{program}"));
        }
    }
    for sample in samples {
        let Some(data) = sample.data.first_chunk().map(SeccompData::from_bytes) else { continue };
        let (action, verdict) = (verified.interpret_seccomp(&data), verified.interpret(&data.to_bytes()));
        let trace = verified.trace(&sample.data);
        if action != Some(Action::from(verdict)) || trace.verdict() != verdict {
            return Err(format!("{verdict}, {action:?} and the trace differ:\n{program}"));
        }
    }
    Ok(())
}

/// Architectures of both byte orders whose system calls have names; the last two are s390x and big-endian mips.
const ARCHES: [Arch; 5] = [Arch::X86_64, Arch::AARCH64, Arch::RISCV64, Arch(0x8000_0016), Arch(0x0000_0008)];

/// The notation of seccomp-tools is read as the printed program, with the names of any architecture.
fn notation_agrees(program: &Program) -> Result<(), String> {
    ARCHES.iter().try_for_each(|&arch| {
        let printed = program.print_seccomp(arch);
        match Program::parse_seccomp(&printed, Arch::X86_64) {
            Ok(read) if read == *program => Ok(()),
            Ok(_) => Err(format!("{printed} is read as another program than\n{program}")),
            Err(error) => Err(format!("a program is printed with an error: {error}")),
        }
    })
}

/// A text in the notation of any architecture is a filter, or an error with a position inside the text.
pub fn filter_text_is_read_or_refused(input: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(input) else { return Ok(()) };
    ARCHES.iter().try_for_each(|&arch| match Program::parse_seccomp(text, arch) {
        Ok(program) => notation_agrees(&program),
        Err(error) if lies_inside(&error, Form::Seccomp, input) => Ok(()),
        Err(error) => Err(format!("the position of the error is outside the text: {error}")),
    })
}

/// Returns `true` if the position of an error is in the input, or at its end.
fn lies_inside(error: &ParseError, form: Form, input: &[u8]) -> bool {
    match std::str::from_utf8(input) {
        Ok(text) if !matches!(form, Form::Raw | Form::RawBigEndian) => {
            let line = text.split('\n').nth(error.line() - 1);
            line.is_some_and(|line| (1..=line.chars().count() + 1).contains(&error.column()))
        }
        _ => error.line() == 1 && (1..=input.len() + 1).contains(&error.column()),
    }
}
