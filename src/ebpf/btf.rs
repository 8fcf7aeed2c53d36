//! Types in BTF, the format in which objects and the kernel describe C types.
//!
//! Source: `Documentation/bpf/btf.rst` and `include/uapi/linux/btf.h`. But for the start of the header, all of it are
//! 32-bit words in the byte order of the machine that runs the program.

use alloc::vec::Vec;

/// The index of a type; 0 is `void`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TypeId(pub(super) u32);

const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;

mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const PTR: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const FUNC: u32 = 12;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
}

/// `BTF_FUNC_GLOBAL` and `BTF_VAR_GLOBAL_ALLOCATED`.
const GLOBAL: u32 = 1;

/// A table of types, which begins with those of C.
#[derive(Debug)]
pub(super) struct Types {
    is_big_endian: bool,
    words: Vec<u32>,
    strings: Vec<u8>,
    count: u32,
}

impl Types {
    /// `void`
    pub(super) const VOID: TypeId = TypeId(0);
    /// `int`
    pub(super) const INT: TypeId = TypeId(1);
    /// `unsigned char`
    pub(super) const U8: TypeId = TypeId(2);
    /// `unsigned int`
    pub(super) const U32: TypeId = TypeId(3);
    /// `unsigned long long`
    pub(super) const U64: TypeId = TypeId(4);

    pub(super) fn new(is_big_endian: bool) -> Types {
        let mut types = Types { is_big_endian, words: Vec::new(), strings: vec![0], count: 0 };
        let signed = 1 << 24;
        for (name, bytes, encoding) in
            [("int", 4, signed), ("unsigned char", 1, 0), ("unsigned int", 4, 0), ("unsigned long long", 8, 0)]
        {
            types.add(name, kind::INT, 0, bytes, &[encoding | (8 * bytes)]);
        }
        types
    }

    /// Appends a string, and returns its offset.
    pub(super) fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let offset = self.strings.len() as u32;
        self.strings.extend(text.bytes().chain([0]));
        offset
    }

    /// `*pointee`
    pub(super) fn pointer(&mut self, pointee: TypeId) -> TypeId {
        self.add("", kind::PTR, 0, pointee.0, &[])
    }

    /// `element[length]`
    pub(super) fn array(&mut self, element: TypeId, length: u32) -> TypeId {
        self.add("", kind::ARRAY, 0, 0, &[element.0, Types::INT.0, length])
    }

    /// Unsigned integers of this size together: the largest that fit.
    pub(super) fn integers(&mut self, bytes: u32) -> TypeId {
        match bytes {
            1 => Types::U8,
            4 => Types::U32,
            8 => Types::U64,
            _ if bytes % 8 == 0 => self.array(Types::U64, bytes / 8),
            _ if bytes % 4 == 0 => self.array(Types::U32, bytes / 4),
            _ => self.array(Types::U8, bytes),
        }
    }

    /// `struct name`, whose members have these names, types and offsets.
    pub(super) fn structure(&mut self, name: &str, bytes: u32, members: &[(&str, TypeId, u32)]) -> TypeId {
        let words: Vec<u32> =
            members.iter().flat_map(|&(name, member, offset)| [self.string(name), member.0, 8 * offset]).collect();
        self.add(name, kind::STRUCT, members.len() as u32, bytes, &words)
    }

    /// `result name(parameters)`, which other objects can call.
    pub(super) fn function(&mut self, name: &str, result: TypeId, parameters: &[(&str, TypeId)]) -> TypeId {
        let words: Vec<u32> = parameters.iter().flat_map(|&(name, typed)| [self.string(name), typed.0]).collect();
        let prototype = self.add("", kind::FUNC_PROTO, parameters.len() as u32, result.0, &words);
        self.add(name, kind::FUNC, GLOBAL, prototype.0, &[])
    }

    /// A variable that other objects can name.
    pub(super) fn variable(&mut self, name: &str, typed: TypeId) -> TypeId {
        self.add(name, kind::VAR, 0, typed.0, &[GLOBAL])
    }

    /// A section of an object, with its size and its variables: their types, offsets and sizes.
    pub(super) fn section(&mut self, name: &str, bytes: u32, variables: &[(TypeId, u32, u32)]) {
        let words: Vec<u32> = variables.iter().flat_map(|&(typed, offset, bytes)| [typed.0, offset, bytes]).collect();
        self.add(name, kind::DATASEC, variables.len() as u32, bytes, &words);
    }

    /// Appends a type. `low` is the number of its members or its linkage; `size` is its size, or the type it refers to.
    fn add(&mut self, name: &str, kind: u32, low: u32, size: u32, rest: &[u32]) -> TypeId {
        let name = self.string(name);
        self.words.extend([name, (kind << 24) | low, size]);
        self.words.extend(rest);
        self.count += 1;
        TypeId(self.count)
    }

    /// Returns the contents of the section `.BTF`.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let types_size = 4 * self.words.len() as u32;
        let mut bytes = self.header(&[0, types_size, types_size, self.strings.len() as u32]);
        self.append(&mut bytes, &self.words);
        bytes.extend(&self.strings);
        bytes
    }

    /// Returns the contents of the section `.BTF.ext`, which says that a function begins a section of code, and that
    /// its instructions come from this program: loaders take the one only with the other.
    pub(super) fn extension(&mut self, section: &str, function: TypeId) -> Vec<u8> {
        let (section, file, line) = (self.string(section), self.string("cbpf"), self.string("compiled by cbpf"));
        // The size of records; the section, and the number of its records; the first instruction, and its function or
        // its place in a file: name, text and number of the line.
        let functions = [8, section, 1, 0, function.0];
        let lines = [16, section, 1, 0, file, line, 0];
        let [functions_size, lines_size] = [functions.len(), lines.len()].map(|words| 4 * words as u32);
        // The last part, fields to relocate, is empty.
        let parts = [0, functions_size, functions_size, lines_size, functions_size + lines_size, 0];
        let mut bytes = self.header(&parts);
        self.append(&mut bytes, &functions);
        self.append(&mut bytes, &lines);
        bytes
    }

    /// Returns a header with these fields behind its length.
    fn header(&self, fields: &[u32]) -> Vec<u8> {
        let magic = if self.is_big_endian { MAGIC.to_be_bytes() } else { MAGIC.to_le_bytes() };
        let mut bytes = [&magic[..], &[VERSION, 0]].concat();
        self.append(&mut bytes, &[8 + 4 * fields.len() as u32]);
        self.append(&mut bytes, fields);
        bytes
    }

    fn append(&self, bytes: &mut Vec<u8>, words: &[u32]) {
        let to_bytes = if self.is_big_endian { u32::to_be_bytes } else { u32::to_le_bytes };
        bytes.extend(words.iter().copied().flat_map(to_bytes));
    }
}
