//! Prints the size of the code in a linked kernel (a 32-bit little-endian ELF file) and the names of functions in it
//! that panic or allocate. Fails if the code is too large, or if there are such functions.

use std::process::ExitCode;
use std::{env, fs};

/// The largest size of verifier and interpreter, in bytes.
const LIMIT: usize = 32 << 10;

/// Parts of the names of functions that must not be linked.
const FORBIDDEN: [&str; 4] = ["panic", "_fail", "__rust_alloc", "alloc_error"];

fn main() -> ExitCode {
    let Some(path) = env::args().nth(1) else {
        eprintln!("usage: size FILE");
        return ExitCode::FAILURE;
    };
    let elf = fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let sections = sections(&elf);
    let sum = |flags: usize| sections.iter().filter(|section| section.flags & 7 == flags).map(|s| s.bytes.len()).sum();
    // Allocated (2) and executable (4); allocated, and neither executable nor written (1).
    let (code, tables): (usize, usize) = (sum(6), sum(2));
    println!("verifier and interpreter: {code} bytes of code and {tables} bytes of constants (limit {LIMIT} of both)");
    let forbidden: Vec<&str> =
        functions(&sections).into_iter().filter(|name| FORBIDDEN.iter().any(|part| name.contains(part))).collect();
    forbidden.iter().for_each(|name| println!("linked, and must not be: {name}"));
    if code == 0 || code + tables > LIMIT || !forbidden.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

struct Section<'e> {
    kind: usize,
    flags: usize,
    bytes: &'e [u8],
    link: usize,
}

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..][..4].try_into().expect("four bytes")) as usize
}

fn half(bytes: &[u8], at: usize) -> usize {
    u16::from_le_bytes(bytes[at..][..2].try_into().expect("two bytes")) as usize
}

fn sections(elf: &[u8]) -> Vec<Section<'_>> {
    assert_eq!(elf[..6], *b"\x7fELF\x01\x01", "a 32-bit little-endian ELF file");
    let (start, size, count) = (word(elf, 32), half(elf, 46), half(elf, 48));
    let section = |header: &[u8]| {
        let (kind, at, len) = (word(header, 4), word(header, 16), word(header, 20));
        let bytes = elf.get(at..at + len).unwrap_or_default();
        Section { kind, flags: word(header, 8), bytes, link: word(header, 24) }
    };
    elf[start..][..size * count].chunks(size).map(section).collect()
}

/// Returns the names of the functions in the symbol table.
fn functions<'e>(sections: &[Section<'e>]) -> Vec<&'e str> {
    let table = sections.iter().find(|section| section.kind == 2).expect("a symbol table");
    let names = sections[table.link].bytes;
    let is_function = |symbol: &&[u8]| symbol[12] & 0xf == 2;
    let name = |symbol: &'e [u8]| {
        let rest = &names[word(symbol, 0)..];
        let len = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
        str::from_utf8(&rest[..len]).unwrap_or_default()
    };
    table.bytes.chunks(16).filter(is_function).map(name).collect()
}
