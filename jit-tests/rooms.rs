//! The rooms of `src/`: each top-level module uses only the rooms that the table allows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};

/// The rooms, and for each the rooms that it may use. These stand earlier in the table, so there is no circle.
///
/// `lib.rs` and `main.rs` belong to no room. `cli` belongs to the program, and uses the library's public API only.
#[rustfmt::skip]
const ROOMS: &[(&str, &[&str])] = &[
    ("packet",     &[]),
    ("parallel",   &[]),
    ("bpf",        &["packet"]),
    ("syscall",    &["bpf", "packet"]),
    ("text",       &["bpf", "packet", "syscall"]),
    ("interpret",  &["bpf", "packet", "syscall", "text"]),
    ("ir",         &["bpf", "packet"]),
    ("opt",        &["ir", "bpf", "packet"]),
    ("emit",       &["opt", "ir", "bpf", "packet"]),
    ("prove",      &["ir", "bpf", "packet", "interpret", "syscall"]),
    ("seccomp",    &["emit", "ir", "bpf", "packet", "interpret", "syscall"]),
    ("lang",       &["bpf", "packet", "text", "emit", "opt", "ir", "prove"]),
    ("classifier", &["ir", "opt", "bpf", "packet", "parallel"]),
    ("ebpf",       &["classifier", "opt", "ir", "bpf", "packet", "lang", "parallel"]),
    ("source",     &["opt", "ir", "bpf", "packet"]),
    ("ebpf_set",   &["ebpf", "classifier", "ir", "bpf"]),
    ("codegen",    &["classifier", "ir", "opt", "bpf", "packet", "prove"]),
    ("filter",     &["packet", "bpf", "syscall", "ir", "opt", "lang", "codegen"]),
    ("filter_set", &["packet", "bpf", "ir", "prove", "lang", "classifier", "ebpf", "ebpf_set", "codegen", "filter", "parallel"]),
    ("socket",     &["bpf", "packet", "ebpf"]),
    ("serde_text", &["bpf", "text", "syscall", "ir", "opt", "lang"]),
    ("cli",        &[]),
];

/// The rooms that may name Cranelift's crates.
const CRANELIFT: &[&str] = &["codegen"];

/// The rooms that may contain `unsafe` code.
const UNSAFE: &[&str] = &["codegen", "socket"];

/// The rooms that need the standard library; the others may name it only under the feature `std`.
const STD: &[&str] = &["parallel", "classifier", "ebpf_set", "codegen", "filter", "filter_set", "socket", "cli"];

pub fn trials() -> Vec<Trial> {
    vec![
        Trial::test("rooms::arrows_point_down", arrows_point_down),
        Trial::test("rooms::finds_violations", finds_violations),
        Trial::test("rooms::conditions_of_native_code_agree", conditions_of_native_code_agree),
        Trial::test("rooms::dependencies_of_the_fuzzed_program_agree", dependencies_of_the_fuzzed_program_agree),
    ]
}

/// Source files by their paths below `src/`.
type Tree = BTreeMap<String, String>;

fn arrows_point_down() -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut tree, mut folders) = (Tree::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root)?.to_string_lossy().replace('\\', "/");
                tree.insert(name, fs::read_to_string(&path)?);
            }
        }
    }
    let mut violations = violations(ROOMS, &tree);
    let is_empty = |room: &str| !tree.keys().any(|path| room_of(path) == room);
    violations.extend(ROOMS.iter().filter(|(room, _)| is_empty(room)).map(|(room, _)| format!("no room `{room}`")));
    if violations.is_empty() { Ok(()) } else { Err(violations.join("\n").into()) }
}

/// The condition for native code stands in `Cargo.toml`, for Cranelift, and twice in `lib.rs`, for a lint and for the
/// switch between native code and its absence.
fn conditions_of_native_code_agree() -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let without_spaces = |text: &str| text.split_whitespace().collect::<String>();
    let manifest = without_spaces(&fs::read_to_string(root.join("Cargo.toml"))?);
    let library = without_spaces(&fs::read_to_string(root.join("src/lib.rs"))?);
    let conditions = manifest.split("[target.'cfg(all(").filter_map(|rest| rest.split_once("))'.dependencies]"));
    let [condition] = conditions.map(|(condition, _)| condition).collect::<Vec<_>>()[..] else {
        return Err("Cargo.toml does not have one table of dependencies for `cfg(all(..))`".into());
    };
    match library.matches(&format!("not(all(feature=\"jit\",{condition}))")).count() {
        2 => Ok(()),
        count => Err(format!("lib.rs has this condition {count} times: {condition}").into()),
    }
}

/// The fuzz target `capture` includes the sources of the program, so its package repeats their dependencies.
fn dependencies_of_the_fuzzed_program_agree() -> Result<(), Failed> {
    let read = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
    let (package, fuzz) = (read("Cargo.toml")?, read("fuzz/Cargo.toml")?);
    let required = |line: &str| line.replace(" optional = true,", "").replace(", optional = true", "");
    let short = |line: String| match line.split_once(" = { version = ") {
        Some((name, rest)) if !rest.contains(',') => format!("{name} = {}", rest.trim_end_matches([' ', '}'])),
        _ => line,
    };
    let program = package.lines().skip_while(|line| *line != "cli = [").take_while(|line| *line != "]");
    let names: Vec<&str> = program.filter_map(|line| line.trim().strip_prefix("\"dep:")?.strip_suffix("\",")).collect();
    let is_of_program = |line: &&str| line.split_once(" = {").is_some_and(|(name, _)| names.contains(&name));
    let missing: Vec<String> = package
        .lines()
        .filter(is_of_program)
        .map(|line| short(required(line)))
        .filter(|line| !fuzz.lines().any(|other| other == line))
        .collect();
    if names.is_empty() || !missing.is_empty() {
        return Err(format!("fuzz/Cargo.toml must contain:\n{}", missing.join("\n")).into());
    }
    Ok(())
}

/// Returns the room of a path below `src/`: its first folder, or the stem of a file without a folder.
fn room_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// Returns a sentence for each rule that the table or a source file breaks. Test code may use anything.
fn violations(rooms: &[(&str, &[&str])], tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    for (place, (room, may_use)) in rooms.iter().enumerate() {
        let is_earlier = |other: &str| rooms[..place].iter().any(|(earlier, _)| *earlier == other);
        let late = may_use.iter().filter(|other| !is_earlier(other));
        violations.extend(late.map(|other| format!("`{other}` does not stand before `{room}` in the table")));
    }
    for (path, text) in tree.iter().filter(|(path, _)| !is_excluded(path)) {
        let room = room_of(path);
        let Some((_, may_use)) = rooms.iter().find(|(name, _)| *name == room) else {
            violations.push(format!("{path}: `{room}` is not in the table of rooms"));
            continue;
        };
        let tokens = without(tokens(text), |attribute| attribute.contains(&"test"));
        let mut used = modules_of_the_root(path, &tokens);
        used.sort_unstable();
        used.dedup();
        let forbidden = used.into_iter().filter(|other| *other != room && !may_use.contains(other));
        violations.extend(forbidden.map(|other| format!("{path}: `{room}` may not use `crate::{other}`")));
        if !CRANELIFT.contains(&room) && tokens.iter().any(|token| token.starts_with("cranelift_")) {
            violations.push(format!("{path}: `{room}` may not name Cranelift"));
        }
        if !UNSAFE.contains(&room) && tokens.contains(&"unsafe") {
            violations.push(format!("{path}: `{room}` may not contain unsafe code"));
        }
        let always = without(tokens, |attribute| attribute.contains(&"\"std\""));
        if !STD.contains(&room) && always.windows(2).any(|pair| pair == ["std", "::"]) {
            violations.push(format!("{path}: `{room}` may not use `std::`"));
        }
    }
    violations
}

/// Returns `true` for the roots of the crates, and for files of tests.
fn is_excluded(path: &str) -> bool {
    matches!(path, "lib.rs" | "main.rs") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Splits Rust source into identifiers, `::`, strings and single characters, without comments and other literals.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => block_comment(rest),
            '"' => {
                let len = string(rest);
                tokens.push(&rest[..len]);
                len
            }
            '\'' => character(rest),
            _ if raw_string(rest).is_some() => raw_string(rest).unwrap_or(1),
            _ if is_word(first) => {
                let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                tokens.push(&rest[..len]);
                len
            }
            _ if rest.starts_with("::") => {
                tokens.push("::");
                2
            }
            _ => {
                let len = first.len_utf8();
                if !first.is_whitespace() {
                    tokens.push(&rest[..len]);
                }
                len
            }
        };
        rest = &rest[len..];
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the length of the block comment at the start of a text; such comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let step = &text.as_bytes()[at..];
        match step {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Returns the length of the string literal at the start of a text.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// Returns the length of the raw string literal at the start of a text, if there is one.
fn raw_string(text: &str) -> Option<usize> {
    let start = ["r", "br", "cr"].iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let quoted = start.trim_start_matches('#');
    let end = format!("\"{}", &start[..start.len() - quoted.len()]);
    let content = quoted.strip_prefix('"')?;
    Some(text.len() - content.len() + content.find(&end).map_or(content.len(), |at| at + end.len()))
}

/// Returns the length of the character literal at the start of a text, or 1 for the quote of a lifetime.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let behind = at + escaped.len_utf8();
            text[behind..].find('\'').map_or(text.len(), |end| behind + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// Removes the items under a `cfg` for which `is_removed` holds, and which has no `not`.
fn without(tokens: Vec<&str>, is_removed: impl Fn(&[&str]) -> bool) -> Vec<&str> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at] == "#" && tokens.get(at + 1) == Some(&"[") {
            let end = closing(&tokens, at + 1);
            let attribute = &tokens[at..end];
            if attribute.contains(&"cfg") && !attribute.contains(&"not") && is_removed(attribute) {
                at = end_of_item(&tokens, end);
                continue;
            }
        }
        kept.push(tokens[at]);
        at += 1;
    }
    kept
}

/// Returns the place after the bracket that closes the one at `open`.
fn closing(tokens: &[&str], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match *token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Returns the place after the item that starts at `at`: after its `;`, or after its last brace.
fn end_of_item(tokens: &[&str], mut at: usize) -> usize {
    while let Some(&token) = tokens.get(at) {
        match token {
            ";" => return at + 1,
            "{" => {
                at = closing(tokens, at);
                // The braces of a `use` end with a semicolon.
                return if tokens.get(at) == Some(&";") { at + 1 } else { at };
            }
            "(" | "[" => at = closing(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// Returns the modules at the crate's root that a file names, by `crate::` or by enough `super::`.
fn modules_of_the_root<'t>(path: &str, tokens: &[&'t str]) -> Vec<&'t str> {
    // `a.rs` and `a/mod.rs` are one module below the root, `a/b.rs` is two.
    let mut depth = path.split('/').count() - usize::from(path.ends_with("/mod.rs"));
    let (mut used, mut at) = (Vec::new(), 0);
    // The brackets that are open, and whether each is that of a module in the file.
    let mut open = Vec::new();
    while at < tokens.len() {
        match tokens[at] {
            "{" => {
                let is_module = at >= 2 && tokens[at - 2] == "mod";
                depth += usize::from(is_module);
                open.push(is_module);
            }
            "}" => depth -= usize::from(open.pop() == Some(true)),
            "crate" if tokens.get(at + 1) == Some(&"::") => used.extend(first_names(&tokens[at + 2..])),
            "super" if at == 0 || tokens[at - 1] != "::" || tokens[at - 2] == "self" => {
                let supers = tokens[at..].chunks(2).take_while(|pair| *pair == ["super", "::"]).count();
                if supers >= depth {
                    used.extend(first_names(&tokens[at + 2 * supers..]));
                }
            }
            _ => {}
        }
        at += 1;
    }
    used
}

/// Returns the first name of each path in the rest of a `use` tree: `a` of `a::b`, `a` and `c` of `{a::b, c}`.
fn first_names<'t>(tokens: &[&'t str]) -> Vec<&'t str> {
    if tokens.first() != Some(&"{") {
        return tokens.iter().take(1).copied().collect();
    }
    let list = &tokens[1..closing(tokens, 0).max(2) - 1];
    let (mut names, mut at) = (Vec::new(), 0);
    while at < list.len() {
        names.push(list[at]);
        while at < list.len() && list[at] != "," {
            at = if list[at] == "{" { closing(list, at) } else { at + 1 };
        }
        at += 1;
    }
    names
}

/// Checks the rules on trees that break one each, and on one that breaks none.
fn finds_violations() -> Result<(), Failed> {
    const TABLE: &[(&str, &[&str])] = &[("low", &[]), ("codegen", &["low"]), ("high", &["low", "codegen"])];
    let found = |path: &str, text: &str| violations(TABLE, &Tree::from([(path.to_owned(), text.to_owned())]));
    let fine = [
        ("high/mod.rs", "use crate::low::Thing;\nuse crate::{codegen::{a, b}, high::c, low};"),
        ("high/a.rs", "use super::low; mod inner { use super::super::low; fn f() { super::super::super::low::g() } }"),
        ("low/mod.rs", "// crate::high\n/* crate::high /* nested */ unsafe */ const A: &str = \"\\\" crate::high\";"),
        (
            "low/b.rs",
            "fn f<'a>(c: &'a str) -> char { '\"' } const B: &str = r#\"crate::high \" unsafe\"#; fn g() { '\\'' }",
        ),
        (
            "low/c.rs",
            "fn f() {}\n#[cfg(test)]\nmod tests { use crate::high; unsafe {} }\n#[cfg(test)]\nuse crate::{high};",
        ),
        (
            "low/d.rs",
            "#[cfg(all(test, unix))]\n#[path = \"x\"]\nfn f(a: [u8; 2]) -> u8 { crate::high::g() }\nfn h() {}",
        ),
        ("low/tests.rs", "use crate::high;"),
        ("low/tests/mod.rs", "use crate::high; unsafe {}"),
        ("codegen/mod.rs", "use cranelift_codegen::ir;\nuse crate::low::a;\nunsafe fn f() {}"),
        ("low/e.rs", "#[cfg(feature = \"std\")]\nuse std::io;\n#[cfg(test)]\nmod tests { use std::io; }"),
        ("codegen/a.rs", "use std::io;"),
        ("lib.rs", "pub use crate::high::Thing;"),
        ("low.rs", "pub(crate) mod a; pub(super) fn f() {} #![deny(unsafe_code)]"),
    ];
    for (path, text) in fine {
        if let Some(violation) = found(path, text).first() {
            return Err(format!("not a violation: {violation}\n{text}").into());
        }
    }
    let broken = [
        ("low/mod.rs", "use crate::high::Thing;", "`low` may not use `crate::high`"),
        ("low.rs", "fn f() { crate::high::g() }", "`low` may not use `crate::high`"),
        ("low/a.rs", "use crate::{low::b, codegen::{c, d}};", "`low` may not use `crate::codegen`"),
        ("low/a.rs", "use super::super::high::x;", "`low` may not use `crate::high`"),
        ("low/a.rs", "mod inner { use super::super::super::{low, high}; }", "`low` may not use `crate::high`"),
        ("low/mod.rs", "pub(in crate::high) fn f() {}", "`low` may not use `crate::high`"),
        ("low/mod.rs", "#[cfg(not(test))]\nuse crate::high;", "`low` may not use `crate::high`"),
        ("low/mod.rs", "#[cfg(test)]\nmod tests;\nuse crate::high;", "`low` may not use `crate::high`"),
        ("high/mod.rs", "use crate::Program;", "`high` may not use `crate::Program`"),
        ("high/mod.rs", "use cranelift_codegen::ir;", "`high` may not name Cranelift"),
        ("high/mod.rs", "fn f() { unsafe { g() } }", "`high` may not contain unsafe code"),
        ("low/mod.rs", "#[cfg(not(feature = \"std\"))]\nuse std::io;", "`low` may not use `std::`"),
        ("low/mod.rs", "fn f() { ::std::mem::drop(1) }", "`low` may not use `std::`"),
        ("other.rs", "", "`other` is not in the table of rooms"),
    ];
    for (path, text, sentence) in broken {
        if found(path, text) != [format!("{path}: {sentence}")] {
            return Err(format!("expected {sentence}, found {:?} in\n{text}", found(path, text)).into());
        }
    }
    match &violations(&[("a", &["b"]), ("b", &["a"])], &Tree::new())[..] {
        [violation] if violation == "`b` does not stand before `a` in the table" => Ok(()),
        violations => Err(format!("the table has a circle: {violations:?}").into()),
    }
}
