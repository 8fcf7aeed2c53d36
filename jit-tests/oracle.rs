//! What must hold for every program and packet: shared by the random test and the fuzz targets.

use std::slice;

use cbpf::{
    Action, Arch, Dialect, Expr, Extension, Filter, Form, Graph, Instruction, LinkType, Packet, ParseError, Pass,
    Profile, Program, SeccompData, Target, Verified, compile_expression,
};

use crate::case;
use crate::generate::Sample;
use crate::layouts;

/// The interpreter and the JIT agree; if they do not, the error is a case file.
pub fn engines_agree(program: &Program, dialect: Dialect, samples: &[Sample]) -> Result<(), String> {
    let Ok(verified) = program.verify(dialect) else { return Ok(()) };
    let filter = Filter::compile(&verified).map_err(|error| format!("{error}\n{program}"))?;
    for sample in samples {
        let packet = Packet::new(&sample.data).with_wire_len(sample.wire_len).with_context(&sample.context);
        let (expected, verdict) = (verified.interpret(packet), filter.run(packet));
        if expected != verdict {
            let case = case::write(program, dialect, &packet, expected);
            return Err(format!("the JIT gives {verdict}, and the interpreter:\n{case}"));
        }
        watchers_agree(&verified, packet, expected)?;
    }
    batches_agree(&verified, &filter, samples)
}

/// A run has the same verdict when somebody looks on, and what they see holds together.
fn watchers_agree(verified: &Verified, packet: Packet, expected: u32) -> Result<(), String> {
    let trace = verified.trace(packet);
    let mut profile = Profile::new(verified);
    let verdicts = [trace.verdict(), profile.run(packet)];
    let places: Vec<usize> = trace.iter().map(|executed| executed.pc).collect();
    let followed: Vec<usize> = [0].into_iter().chain(trace.iter().filter_map(|executed| executed.next)).collect();
    let counts = (0..verified.program().len()).map(|pc| profile.executed(pc));
    let is_counted = counts.eq((0..verified.program().len()).map(|pc| u64::from(places.contains(&pc))));
    let stopped: u64 = profile.blocks().iter().map(|block| block.halted).sum();
    let is_stop = trace.end().is_err() == (stopped == 1);
    if verdicts == [expected; 2] && places == followed && is_counted && is_stop {
        return Ok(());
    }
    let case = case::write(verified.program(), verified.dialect(), &packet, expected);
    Err(format!("{verdicts:?} with somebody looking on, {stopped} stopped, and the interpreter:\n{case}{trace}"))
}

/// Batches get the verdicts of the interpreter: with contexts, and without.
fn batches_agree(verified: &Verified, filter: &Filter, samples: &[Sample]) -> Result<(), String> {
    let program = verified.program();
    filter.prepare_batch().map_err(|error| format!("no batches: {error}\n{program}"))?;
    let (mut bare, mut with_contexts) = (Vec::new(), Vec::new());
    for sample in samples {
        let packet = Packet::new(&sample.data).with_wire_len(sample.wire_len);
        bare.push(packet);
        with_contexts.push(packet.with_context(&sample.context));
    }
    let whole: Vec<Packet> = samples
        .iter()
        .flat_map(|sample| [&sample.data[..sample.data.len() / 2], &sample.data].map(Packet::new))
        .collect();
    // Without a seed, nobody knows what random numbers give.
    let draws = program.instructions().iter().any(|instruction| instruction.k == Extension::Random.offset());
    let batches = [Some(with_contexts), Some(bare).filter(|_| !draws), Some(whole).filter(|_| !draws)];
    for packets in batches.iter().flatten() {
        let expected: Vec<u32> = packets.iter().map(|&packet| verified.interpret(packet)).collect();
        for (layout, verdicts) in layouts::verdicts(filter, packets) {
            if let Some(place) = (0..packets.len()).find(|&place| verdicts[place] != expected[place]) {
                let case = case::write(program, verified.dialect(), &packets[place], expected[place]);
                let verdict = verdicts[place];
                return Err(format!("a batch of {layout} gives {verdict} at {place}, and the interpreter:\n{case}"));
            }
        }
    }
    Ok(())
}

/// The interpreter and the code of the graph behind these passes agree; if they do not, the error is a case file.
pub fn passes_agree(program: &Program, dialect: Dialect, samples: &[Sample], passes: &[Pass]) -> Result<(), String> {
    let Ok(verified) = program.verify(dialect) else { return Ok(()) };
    let mut graph = Graph::new(&verified);
    passes.iter().for_each(|&pass| graph.run(pass));
    let filter = graph.compile().map_err(|error| format!("{passes:?}: {error}\n{program}"))?;
    for sample in samples {
        let packet = Packet::new(&sample.data).with_wire_len(sample.wire_len).with_context(&sample.context);
        let (expected, verdict) = (verified.interpret(packet), filter.run(packet));
        if expected != verdict {
            let case = case::write(program, dialect, &packet, expected);
            return Err(format!("behind {passes:?} the verdict is {verdict}, not that of:\n{case}{graph}"));
        }
    }
    Ok(())
}

/// The optimised program is valid, not longer, and gives the same verdicts; if it does not, the error is a case file.
pub fn optimized_agrees(program: &Program, dialect: Dialect, samples: &[Sample]) -> Result<(), String> {
    let Ok(verified) = program.verify(dialect) else { return Ok(()) };
    let optimized = program.optimize(dialect).map_err(|error| error.to_string())?;
    let again = optimized.verify(dialect).map_err(|error| format!("{error}:\n{program}becomes\n{optimized}"))?;
    if optimized.len() > program.len() {
        return Err(format!("{dialect}: longer is\n{optimized}than\n{program}"));
    }
    let rejects_all = verified.rejects_all();
    for sample in samples {
        let packet = Packet::new(&sample.data).with_wire_len(sample.wire_len).with_context(&sample.context);
        let (expected, verdict) = (verified.interpret(packet), again.interpret(packet));
        if expected != verdict {
            let case = case::write(program, dialect, &packet, expected);
            return Err(format!("{verdict} is the verdict of\n{optimized}which came of:\n{case}"));
        }
        if rejects_all && expected != 0 {
            let case = case::write(program, dialect, &packet, expected);
            return Err(format!("it says that it rejects all packets:\n{case}"));
        }
    }
    Ok(())
}

/// All that is said here of a program, valid or not, holds.
pub fn everything_agrees(program: &Program, sample: &Sample) -> Result<(), String> {
    instructions_survive(program)?;
    forms_agree(program)?;
    let samples = slice::from_ref(sample);
    Dialect::ALL.iter().try_for_each(|&dialect| {
        engines_agree(program, dialect, samples)?;
        optimized_agrees(program, dialect, samples)
    })
}

/// An instruction is the same after it was typed.
pub fn instructions_survive(program: &Program) -> Result<(), String> {
    let again: Program = program.disassemble().collect();
    if again == *program { Ok(()) } else { Err(format!("typed, it becomes\n{again}not\n{program}")) }
}

/// Printing a program in any form and reading it back gives the same program, and the form is detected.
pub fn forms_agree(program: &Program) -> Result<(), String> {
    for &form in Form::ALL {
        let printed = program.print(form);
        match Program::parse_as(form, &printed) {
            Ok(read) if read == *program => {}
            Ok(_) => return Err(format!("{form:?} does not give back\n{program}")),
            Err(error) => return Err(format!("{form:?} does not read what it printed: {error}")),
        }
        let is_raw = matches!(form, Form::Raw | Form::RawBigEndian);
        let may_look_otherwise = is_raw || program.is_empty();
        if !may_look_otherwise && Form::detect(&printed) != form {
            return Err(format!("{form:?} looks like {:?}:\n{program}", Form::detect(&printed)));
        }
    }
    Ok(())
}

/// Bytes, read in any form, are a program whose forms agree, or an error that lies inside them.
pub fn text_is_read_or_refused(input: &[u8]) -> Result<(), String> {
    for &form in Form::ALL {
        match Program::parse_as(form, input) {
            Ok(program) => forms_agree(&program)?,
            Err(error) if lies_inside(&error, form, input) => {}
            Err(error) => return Err(format!("{form:?}: there is no such place: {error}")),
        }
    }
    let detected = Program::parse_as(Form::detect(input), input);
    if Program::parse(input) == detected { Ok(()) } else { Err("it is not read as it looks".to_owned()) }
}

/// A text is refused as an expression, or is a program that verifies; so is what it prints as.
pub fn expression_is_sound(text: &str, link_type: LinkType) -> Result<(), String> {
    let target = Target::new(link_type).netmask(0xffff_ff00).chain_depth(2).allow_reject_all(true);
    let (Ok(expr), compiled) = (text.parse::<Expr>(), compile_expression(text, &target)) else { return Ok(()) };
    let printed = expr.to_string();
    match printed.parse::<Expr>() {
        Ok(again) if again == expr => {}
        Ok(again) => return Err(format!("`{text}` is printed as `{printed}`, and that as `{again}`")),
        Err(error) => return Err(format!("`{text}` is printed as what cannot be read: {error}")),
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
    // It ends on any packet, with one of its two verdicts.
    let packet: Vec<u8> = (0..200).map(|place| (place * 37 % 251) as u8).collect();
    match verified.interpret(&packet) {
        0 | 262_144 => Ok(()),
        verdict => Err(format!("`{text}` has verdict {verdict}")),
    }
}

/// A filter of system calls says the same with its statements alone, and its action is its verdict.
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
            return Err(format!("{verdict} is not {action:?} or what this gives:\n{program}"));
        }
    }
    Ok(())
}

/// Architectures whose system calls have names, of both byte orders: the last two are s390x and big-endian mips.
const ARCHES: [Arch; 5] = [Arch::X86_64, Arch::AARCH64, Arch::RISCV64, Arch(0x8000_0016), Arch(0x0000_0008)];

/// The notation of filters gives back the program, with the names of any architecture.
fn notation_agrees(program: &Program) -> Result<(), String> {
    ARCHES.iter().try_for_each(|&arch| {
        let printed = program.print_seccomp(arch);
        match Program::parse_seccomp(&printed, Arch::X86_64) {
            Ok(read) if read == *program => Ok(()),
            Ok(_) => Err(format!("{printed} does not give back\n{program}")),
            Err(error) => Err(format!("{error}, which is what was printed")),
        }
    })
}

/// A text is a filter in the notation of any architecture that survives it, or an error that lies inside the text.
pub fn filter_text_is_read_or_refused(input: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(input) else { return Ok(()) };
    ARCHES.iter().try_for_each(|&arch| match Program::parse_seccomp(text, arch) {
        Ok(program) => notation_agrees(&program),
        Err(error) if lies_inside(&error, Form::Seccomp, input) => Ok(()),
        Err(error) => Err(format!("there is no such place: {error}")),
    })
}

/// Whether an error names a place of the input, or its end.
fn lies_inside(error: &ParseError, form: Form, input: &[u8]) -> bool {
    match std::str::from_utf8(input) {
        Ok(text) if !matches!(form, Form::Raw | Form::RawBigEndian) => {
            let line = text.split('\n').nth(error.line() - 1);
            line.is_some_and(|line| (1..=line.chars().count() + 1).contains(&error.column()))
        }
        _ => error.line() == 1 && (1..=input.len() + 1).contains(&error.column()),
    }
}
