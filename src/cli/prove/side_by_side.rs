//! The executed instructions of the programs on the packet of an answer, in columns.

use cbpf::Dialect;
use cbpf::debug::{Executed, Trace};
use cbpf::prove::Witness;
use cbpf::seccomp::{Action, Arch};

use crate::cli::print::{instruction_lines, terminal_width};
use crate::cli::prove::operands::{NamedProgram, Programs};

/// The most executed instructions that are printed, from the beginning and from the end; `cbpf trace` prints all.
const FIRST: usize = 40;
const LAST: usize = 20;

/// The narrowest column, in characters.
const NARROWEST: usize = 24;

/// Returns the traces, one beside the other, as wide as the terminal.
pub fn traces(programs: &Programs, witness: &Witness, arch: Arch) -> String {
    let columns: Vec<Vec<String>> =
        programs.list.iter().map(|program| column(program, witness, programs.dialect, arch)).collect();
    side_by_side(&columns, terminal_width())
}

/// Returns the lines of a program: its name, the executed instructions, and the end.
fn column(program: &NamedProgram, witness: &Witness, dialect: Dialect, arch: Arch) -> Vec<String> {
    let trace = program.verified.trace(witness.packet());
    let instructions = match dialect {
        Dialect::Seccomp => {
            program.verified.program().seccomp_lines(arch).iter().map(|line| without_code(line)).collect()
        }
        _ => instruction_lines(program.verified.program()),
    };
    let mut lines = vec![program.name.clone()];
    let executed = trace.executed();
    let left_out = executed.len().saturating_sub(FIRST + LAST);
    for (place, executed) in executed.iter().enumerate() {
        if left_out > 1 && place == FIRST {
            lines.push(format!("... {left_out} more ..."));
        }
        if left_out > 1 && (FIRST..FIRST + left_out).contains(&place) {
            continue;
        }
        let instruction = instructions.get(executed.pc).map_or("", String::as_str);
        let effect = effect(executed, instruction);
        let gap = if effect.is_empty() { "" } else { "  ; " };
        lines.push(format!("({:03}) {instruction}{gap}{effect}", executed.pc));
    }
    lines.push(end(&trace, dialect));
    lines
}

/// Removes the number and the code of an instruction in the notation of seccomp-tools.
fn without_code(line: &str) -> String {
    line.trim().split_once("  ").map_or(line, |(_, instruction)| instruction).trim().to_owned()
}

/// Returns what an instruction changed.
fn effect(executed: &Executed, instruction: &str) -> String {
    let Executed { before, after, .. } = executed;
    let mut effects = Vec::new();
    let loads_x = instruction.starts_with("ldx");
    if before.a != after.a || executed.read.is_some() && !loads_x {
        effects.push(format!("A = {:#x}", after.a));
    }
    if before.x != after.x || executed.read.is_some() && loads_x {
        effects.push(format!("X = {:#x}", after.x));
    }
    effects.extend(executed.stored.map(|(slot, value)| format!("M[{slot}] = {value:#x}")));
    effects.extend(executed.next.filter(|&next| next != executed.pc + 1).map(|next| format!("-> {next}")));
    effects.join(", ")
}

fn end(trace: &Trace, dialect: Dialect) -> String {
    let verdict = match dialect {
        Dialect::Seccomp => Action::from(trace.verdict()).to_string(),
        _ => format!("verdict {}", trace.verdict()),
    };
    match trace.end() {
        Ok(_) => verdict,
        Err(reason) => format!("{verdict}, {reason}"),
    }
}

/// Returns columns beside each other, in at most `width` characters.
fn side_by_side(columns: &[Vec<String>], width: usize) -> String {
    const GAP: &str = "  |  ";
    let (room, count) = (width.saturating_sub(GAP.len() * columns.len().saturating_sub(1)), columns.len().max(1));
    let most = (room / count).max(NARROWEST);
    let widest = |column: &Vec<String>| column.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let mut widths: Vec<usize> = columns.iter().map(widest).collect();
    // What some columns do not need, the others get.
    let spare: usize = widths.iter().map(|width| most.saturating_sub(*width)).sum::<usize>() + room % count;
    let wide = widths.iter().filter(|&&width| width > most).count().max(1);
    widths.iter_mut().for_each(|width| *width = (*width).min(if *width > most { most + spare / wide } else { most }));
    let count = columns.iter().map(Vec::len).max().unwrap_or(0);
    let mut text = String::new();
    for number in 0..count {
        let cells = columns.iter().zip(&widths).map(|(column, &width)| {
            // The ends stand in the last line.
            let line = match number + 1 == count {
                true => column.last(),
                false => column.get(number).filter(|_| number + 1 < column.len()),
            };
            format!("{:width$}", cut(line.map_or("", String::as_str), width))
        });
        text += cells.collect::<Vec<_>>().join(GAP).trim_end();
        text.push('\n');
    }
    text
}

/// Returns at most `width` characters of a line; one that is longer ends with `...`.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    line.chars().take(width.saturating_sub(3)).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_share_the_width() {
        let column = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
        let columns = [column(&["a", "short", "end"]), column(&["b", &"x".repeat(80), "more", "end"])];
        let text = side_by_side(&columns, 60);
        let expected = format!("a      |  b\nshort  |  {}...\n       |  more\nend    |  end\n", "x".repeat(47));
        assert_eq!(text, expected);
        assert!(side_by_side(&columns, 0).lines().all(|line| line.chars().count() <= 2 * NARROWEST + 24));
        assert_eq!(side_by_side(&[column(&["a", "b"])], 80), "a\nb\n");
    }

    #[test]
    fn removes_the_code() {
        assert_eq!(
            without_code(" 0004: 0x15 0x00 0x05 0x00000001  if (A != write) goto 0010"),
            "if (A != write) goto 0010"
        );
    }
}
