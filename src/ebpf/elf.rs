//! Programs as ELF objects, which `bpftool`, libbpf and aya load.
//!
//! Source: what libbpf and clang agree on, in `bpf_object__elf_collect` and `bpf_program__record_reloc` of libbpf. An
//! object has the program in a section from whose name loaders take its type, its licence, its maps in `.maps` with
//! their definitions as types, and a section for each map whose value the program reads directly.

use alloc::string::String;
use alloc::vec::Vec;

use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope, elf,
};

use crate::ebpf::btf::{TypeId, Types};
use crate::ebpf::error::ObjectError;
use crate::ebpf::hook::Hook;
use crate::ebpf::instruction::Instruction;
use crate::ebpf::program::{Map, MapKind, Program, READ_ONLY};

/// Sections that mean something else to loaders than a program.
const RESERVED_SECTIONS: [&str; 3] = ["license", "version", "maps"];

/// The use that a program makes of a map.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// Through helpers.
    Helpers,
    /// It reads the value itself: the map is a section of data.
    Direct,
}

impl Program {
    /// Returns an object (ELF) with the program and its maps, for loaders such as libbpf, aya and `bpftool prog load`.
    ///
    /// The program is a function in the section [`Hook::section`]; a [`Hook::Function`] is for `bpftool gen object`,
    /// which links it to the programs that call it. Maps whose values the program reads directly
    /// ([`Instruction::LoadMapValue`]) are the sections `.rodata.NAME`, or `.data.NAME` if their flags lack
    /// `BPF_F_RDONLY_PROG`; loaders create a map of each, and insert its element. All other maps are in `.maps`, and
    /// empty.
    ///
    /// In C, a function is declared
    /// `extern unsigned NAME(unsigned long long data, unsigned long long data_end, unsigned wire_len)`, and with
    /// [`Options::direct_access`](crate::ebpf::Options::direct_access) with two `void *`.
    ///
    /// # Errors
    /// If a name is not one of C, or the object cannot carry the elements of a map.
    ///
    /// # Example
    /// ```
    /// # use cbpf::{Dialect, LinkType, Target, compile_expression, ebpf};
    /// let program = compile_expression("tcp port 443", &Target::new(LinkType::ETHERNET))?;
    /// let options = ebpf::Options::new(ebpf::Hook::Xdp).name("https");
    /// let object = options.compile(&program.verify(Dialect::Pcap)?)?.to_object()?;
    /// assert!(object.starts_with(b"\x7fELF"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_object(&self) -> Result<Vec<u8>, ObjectError> {
        self.to_object_in(self.hook.section())
    }

    /// Returns an object whose program is in another section, as `xdp.frags`, `tcx/ingress` or `cgroup_skb/egress`.
    ///
    /// # Errors
    /// As for [`Program::to_object`], and if the section has another meaning in objects.
    pub fn to_object_in(&self, section: &str) -> Result<Vec<u8>, ObjectError> {
        let accesses = check(self, section)?;
        let endianness = if self.is_big_endian { Endianness::Big } else { Endianness::Little };
        let mut writer = ObjectWriter {
            program: self,
            object: Object::new(BinaryFormat::Elf, Architecture::Bpf, endianness),
            types: Types::new(self.is_big_endian),
        };
        writer.license();
        let maps = writer.maps(&accesses);
        writer.code(section, &maps);
        writer.type_sections(section);
        writer.object.write().map_err(|error| ObjectError::Format { reason: format!("{error}") })
    }
}

/// Checks what the object consists of, and returns how the program uses each map.
fn check(program: &Program, section: &str) -> Result<Vec<Access>, ObjectError> {
    let names: Vec<&str> = program.maps.iter().map(|map| &*map.name).chain([&*program.name]).collect();
    for (index, name) in names.iter().enumerate() {
        if !is_identifier(name) {
            return Err(ObjectError::Name { name: String::from(*name) });
        }
        if names[..index].contains(name) {
            return Err(ObjectError::TakenName { name: String::from(*name) });
        }
    }
    let is_taken = section.starts_with('.') || RESERVED_SECTIONS.contains(&section);
    if section.is_empty() || section.contains('\0') || is_taken && (program.hook, section) != (Hook::Function, ".text")
    {
        return Err(ObjectError::Section { section: section.into() });
    }
    if program.license.contains('\0') {
        return Err(ObjectError::License { license: program.license.clone() });
    }
    (0..).zip(&program.maps).map(|(index, map)| access(program, index, map)).collect()
}

/// Returns how a program uses a map.
fn access(program: &Program, index: u32, map: &Map) -> Result<Access, ObjectError> {
    let uses = |is_use: fn(&Instruction, u32) -> bool| program.instructions.iter().any(|it| is_use(it, index));
    let is_direct = uses(|it, index| matches!(it, Instruction::LoadMapValue { map, .. } if *map == index));
    let has_helpers = uses(|it, index| matches!(it, Instruction::LoadMap { map, .. } if *map == index));
    if is_direct && (has_helpers || map.kind != MapKind::Array || map.max_entries != 1) {
        return Err(ObjectError::Access { map: map.name.clone() });
    }
    if !is_direct && !map.elements.is_empty() {
        return Err(ObjectError::Elements { map: map.name.clone(), elements: map.elements.len() });
    }
    Ok(if is_direct { Access::Direct } else { Access::Helpers })
}

/// Returns `true` for identifiers of C, which are all that the kernel takes.
fn is_identifier(name: &str) -> bool {
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_word && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

/// The section `.maps`.
struct Definitions {
    section: Option<SectionId>,
    /// The type of each variable, its offset and its size.
    variables: Vec<(TypeId, u32, u32)>,
}

struct ObjectWriter<'p> {
    program: &'p Program,
    object: Object<'p>,
    types: Types,
}

impl ObjectWriter<'_> {
    fn license(&mut self) {
        let text = [self.program.license.as_bytes(), b"\0"].concat();
        let section = self.object.add_section(Vec::new(), b"license".into(), SectionKind::Data);
        self.object.append_section_data(section, &text, 1);
    }

    /// Writes the maps, and returns the symbol of each.
    fn maps(&mut self, accesses: &[Access]) -> Vec<SymbolId> {
        let program = self.program;
        let mut definitions = Definitions { section: None, variables: Vec::new() };
        let mut symbols = Vec::with_capacity(program.maps.len());
        for ((index, map), access) in (0..).zip(&program.maps).zip(accesses) {
            symbols.push(match access {
                Access::Direct => self.data(index, map),
                Access::Helpers => self.definition(map, &mut definitions),
            });
        }
        if let Some(&(_, offset, size)) = definitions.variables.last() {
            self.types.section(".maps", offset + size, &definitions.variables);
        }
        symbols
    }

    /// Writes the section of a map whose value is read directly.
    fn data(&mut self, index: u32, map: &Map) -> SymbolId {
        let name = self.program.name_in_object(index).unwrap_or_default();
        let is_read_only = map.flags & READ_ONLY != 0;
        let kind = if is_read_only { SectionKind::ReadOnlyData } else { SectionKind::Data };
        let mut value = map.elements.first().map_or_else(Vec::new, |(_, value)| value.clone());
        value.resize(map.value_size as usize, 0);
        let section = self.object.add_section(Vec::new(), name.clone().into_bytes(), kind);
        self.object.append_section_data(section, &value, 8);
        let integers = self.types.integers(map.value_size);
        let variable = self.types.variable(&map.name, integers);
        self.types.section(&name, map.value_size, &[(variable, 0, map.value_size)]);
        self.symbol(&map.name, SymbolKind::Data, SymbolSection::Section(section), 0, map.value_size.into())
    }

    /// Writes the definition of a map: a variable in `.maps`, whose type says all. Numbers are lengths of arrays, and
    /// types those that pointers point to.
    fn definition(&mut self, map: &Map, definitions: &mut Definitions) -> SymbolId {
        let types = &mut self.types;
        let mut number = |number: u32| {
            let array = types.array(Types::INT, number);
            types.pointer(array)
        };
        let mut members = vec![("type", number(map.kind as u32)), ("max_entries", number(map.max_entries))];
        if map.flags != 0 {
            members.push(("map_flags", number(map.flags)));
        }
        let key = match map.kind {
            MapKind::LpmTrie => {
                let bytes = types.array(Types::U8, map.key_size.saturating_sub(4));
                types.structure("lpm_key", map.key_size, &[("prefixlen", Types::U32, 0), ("data", bytes, 4)])
            }
            _ => types.integers(map.key_size),
        };
        let value = types.integers(map.value_size);
        members.extend([("key", types.pointer(key)), ("value", types.pointer(value))]);
        let members: Vec<_> = (0..).zip(members).map(|(index, (name, typed))| (name, typed, 8 * index)).collect();
        let size = 8 * members.len() as u32;
        let structure = types.structure("", size, &members);
        let variable = types.variable(&map.name, structure);
        let object = &mut self.object;
        let add_section = || object.add_section(Vec::new(), b".maps".into(), SectionKind::Data);
        let section = *definitions.section.get_or_insert_with(add_section);
        let offset = self.object.append_section_data(section, &vec![0; size as usize], 8);
        definitions.variables.push((variable, offset as u32, size));
        self.symbol(&map.name, SymbolKind::Data, SymbolSection::Section(section), offset, size.into())
    }

    /// Writes the code. The instructions that load maps have relocations for the symbols of these.
    fn code(&mut self, section: &str, maps: &[SymbolId]) {
        let program = self.program;
        let mut bytes = Vec::with_capacity(8 * program.instructions.len());
        let mut relocations = Vec::new();
        for instruction in &program.instructions {
            let (instruction, map) = match *instruction {
                Instruction::LoadMap { dst, map } => (Instruction::LoadImmediate { dst, value: 0 }, Some(map)),
                Instruction::LoadMapValue { dst, map, offset } => {
                    (Instruction::LoadImmediate { dst, value: offset.into() }, Some(map))
                }
                other => (other, None),
            };
            relocations.extend(map.map(|map| (bytes.len() as u64, maps[map as usize])));
            instruction.encode(program.is_big_endian, &mut bytes);
        }
        let size = bytes.len() as u64;
        let section = self.object.add_section(Vec::new(), section.into(), SectionKind::Text);
        self.object.set_section_data(section, bytes, 8);
        let function = self.symbol(&program.name, SymbolKind::Text, SymbolSection::Section(section), 0, size);
        if program.hook == Hook::Function && program.has_direct_access {
            // Loaders make a hidden function static: the kernel verifies it with the arguments of each call, and takes
            // pointers to packets, which global functions cannot have.
            self.object.symbol_mut(function).scope = SymbolScope::Linkage;
        }
        for (offset, symbol) in relocations {
            let flags = RelocationFlags::Elf { r_type: elf::R_BPF_64_64 };
            // Adding fails for addends alone, and this has none.
            let _ = self.object.add_relocation(section, Relocation { offset, symbol, addend: 0, flags });
        }
    }

    /// Writes the types, with that of the program.
    fn type_sections(&mut self, section: &str) {
        let (name, types) = (&self.program.name, &mut self.types);
        let function = match self.program.hook {
            Hook::Function => {
                let address = if self.program.has_direct_access { types.pointer(Types::VOID) } else { Types::U64 };
                let parameters = [("data", address), ("data_end", address), ("wire_len", Types::U32)];
                types.function(name, Types::U32, &parameters)
            }
            hook => {
                // The members are of no interest here, and the size is that of Linux 6.
                let (context, size) = if hook == Hook::Xdp { ("xdp_md", 24) } else { ("__sk_buff", 192) };
                let context = types.structure(context, size, &[]);
                let context = types.pointer(context);
                types.function(name, Types::INT, &[("ctx", context)])
            }
        };
        let extension = types.extension(section, function);
        for (name, bytes) in [(".BTF", types.to_bytes()), (".BTF.ext", extension)] {
            let section = self.object.add_section(Vec::new(), name.into(), SectionKind::Metadata);
            self.object.append_section_data(section, &bytes, 4);
        }
    }

    fn symbol(&mut self, name: &str, kind: SymbolKind, section: SymbolSection, value: u64, size: u64) -> SymbolId {
        let name = name.as_bytes().to_vec();
        let (scope, flags) = (SymbolScope::Dynamic, SymbolFlags::None);
        self.object.add_symbol(Symbol { name, value, size, kind, scope, weak: false, section, flags })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ebpf::instruction::Register;

    fn map(name: &str, kind: MapKind) -> Map {
        Map { name: name.into(), kind, key_size: 4, value_size: 8, max_entries: 1, flags: 0, elements: Vec::new() }
    }

    /// Returns a program that reads the first map directly, and passes the others to helpers.
    fn program(maps: &[Map]) -> Program {
        let load = |map| match map {
            0 => Instruction::LoadMapValue { dst: Register::R1, map, offset: 0 },
            _ => Instruction::LoadMap { dst: Register::R1, map },
        };
        Program {
            hook: Hook::Xdp,
            name: "filter".into(),
            license: "GPL".into(),
            is_big_endian: false,
            has_direct_access: false,
            instructions: (0..maps.len() as u32).map(load).chain([Instruction::Exit]).collect(),
            maps: maps.into(),
        }
    }

    #[test]
    fn wrong_objects_are_errors() {
        let (array, hash) = (map("a", MapKind::Array), map("h", MapKind::Hash));
        let element = (vec![0; 4], vec![0; 8]);
        let name = |name: &str| Program { name: name.into(), ..program(&[]) };
        let cases = [
            (name("1x"), "the name `1x` is not an identifier"),
            (name(""), "the name `` is not an identifier"),
            (name("a.b"), "the name `a.b` is not an identifier"),
            (program(&[map("a b", MapKind::Array)]), "the name `a b` is not an identifier"),
            (program(&[map("filter", MapKind::Array)]), "the name `filter` is taken"),
            (program(&[array.clone(), map("a", MapKind::Hash)]), "the name `a` is taken"),
            (program(&[map("h", MapKind::Hash)]), "reads the value of the map `h` directly"),
            (program(&[Map { max_entries: 2, ..array.clone() }]), "reads the value of the map `a` directly"),
            (program(&[array, Map { elements: vec![element], ..hash }]), "cannot carry the elements of the map `h`"),
            (Program { license: "G\0".into(), ..program(&[]) }, "the licence \"G\\0\" contains a NUL byte"),
        ];
        for (program, message) in cases {
            let error = program.to_object().expect_err(message).to_string();
            assert!(error.contains(message), "{error}");
        }
        for section in ["", "license", "maps", ".text", ".maps", ".BTF", ".relxdp", "x\0"] {
            assert!(program(&[]).to_object_in(section).is_err(), "{section}");
        }
    }

    #[test]
    fn objects_have_sections_for_maps() {
        let read_only =
            Map { flags: READ_ONLY, elements: vec![(vec![0; 4], vec![0xa5; 8])], ..map("t", MapKind::Array) };
        for is_big_endian in [false, true] {
            for (map, section) in [(read_only.clone(), ".rodata.t"), (map("w", MapKind::Array), ".data.w")] {
                let value = map.elements.first().map_or(vec![0; 8], |(_, value)| value.clone());
                let program = Program { is_big_endian, ..program(&[map, super::tests::map("h", MapKind::Hash)]) };
                let object = program.to_object().unwrap();
                let contains = |part: &[u8]| object.windows(part.len()).any(|window| window == part);
                assert!(contains(section.as_bytes()) && contains(b"\0.maps\0") && contains(&value));
                // The byte order, and the machine EM_BPF in it.
                assert_eq!(object[5], if is_big_endian { 2 } else { 1 });
                assert_eq!(object[18..20], if is_big_endian { [0, 247] } else { [247, 0] });
            }
        }
    }
}
