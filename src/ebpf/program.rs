//! A program of eBPF: instructions for a hook, with the maps that they refer to.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::ebpf::hook::Hook;
use crate::ebpf::instruction::Instruction;

/// A program of eBPF for a hook.
///
/// It prints as `bpftool prog dump xlated` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub(crate) hook: Hook,
    pub(crate) name: String,
    pub(crate) license: String,
    pub(crate) is_big_endian: bool,
    /// Set for functions whose arguments are pointers to packets.
    pub(crate) has_direct_access: bool,
    pub(crate) instructions: Vec<Instruction>,
    pub(crate) maps: Vec<Map>,
}

/// A map that a program refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Map {
    /// The name: up to 15 letters, digits and `_`.
    pub name: String,
    /// The type.
    pub kind: MapKind,
    /// The length of keys, in bytes.
    pub key_size: u32,
    /// The length of values, in bytes.
    pub value_size: u32,
    /// The largest number of elements.
    pub max_entries: u32,
    /// `BPF_F_*`, as for `BPF_MAP_CREATE`.
    pub flags: u32,
    /// The elements to add before the program runs: keys and values, in the byte order of the machine that runs it.
    pub elements: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The type of a map (`BPF_MAP_TYPE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MapKind {
    /// `BPF_MAP_TYPE_HASH`
    Hash = 1,
    /// `BPF_MAP_TYPE_ARRAY`
    Array = 2,
    /// `BPF_MAP_TYPE_PERCPU_ARRAY`
    PerCpuArray = 6,
    /// `BPF_MAP_TYPE_LPM_TRIE`
    LpmTrie = 11,
    /// `BPF_MAP_TYPE_DEVMAP`
    DevMap = 14,
    /// `BPF_MAP_TYPE_CPUMAP`
    CpuMap = 16,
    /// `BPF_MAP_TYPE_XSKMAP`
    XskMap = 17,
}

/// `BPF_F_RDONLY_PROG`: programs do not write the map.
#[cfg(feature = "elf")]
pub(crate) const READ_ONLY: u32 = 1 << 7;

impl Program {
    /// Returns the hook.
    pub fn hook(&self) -> Hook {
        self.hook
    }

    /// Returns the name of the program, which is that of its function in an object.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the licence, which decides what helpers the kernel lets the program call.
    pub fn license(&self) -> &str {
        &self.license
    }

    /// Returns the instructions.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// Returns the maps that [`Instruction::LoadMap`] and [`Instruction::LoadMapValue`] refer to.
    pub fn maps(&self) -> &[Map] {
        &self.maps
    }

    /// Returns the number of slots of 8 bytes (`insn_cnt` of `BPF_PROG_LOAD`).
    pub fn slots(&self) -> usize {
        self.instructions.iter().map(Instruction::slots).sum()
    }

    /// Returns the instructions as the kernel takes them.
    ///
    /// The immediates of maps are 0; [`Program::map_references`] lists where a loader writes file descriptors.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 * self.instructions.len());
        self.instructions.iter().for_each(|instruction| instruction.encode(self.is_big_endian, &mut bytes));
        bytes
    }

    /// Returns the name by which loaders of objects know a map ([`Program::to_object`]): that of its
    /// section if the program reads the value directly, as `.data.state`, and else its own.
    #[cfg(feature = "elf")]
    pub fn name_in_object(&self, map: u32) -> Option<String> {
        let Map { name, flags, .. } = self.maps.get(map as usize)?;
        match self.instructions.iter().any(|it| matches!(it, Instruction::LoadMapValue { map: of, .. } if *of == map)) {
            true if flags & READ_ONLY != 0 => Some(format!(".rodata.{name}")),
            true => Some(format!(".data.{name}")),
            false => Some(name.clone()),
        }
    }

    /// Returns the slots whose immediate is the file descriptor of a map, each with the index of the map.
    pub fn map_references(&self) -> Vec<(usize, u32)> {
        let mut slot = 0;
        let mut references = Vec::new();
        for instruction in &self.instructions {
            if let Instruction::LoadMap { map, .. } | Instruction::LoadMapValue { map, .. } = *instruction {
                references.push((slot, map));
            }
            slot += instruction.slots();
        }
        references
    }
}

/// Prints a line for each instruction: the number of its slot, its opcode, and its text.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut slot = 0;
        for instruction in &self.instructions {
            writeln!(f, "{slot:4}: {instruction}")?;
            slot += instruction.slots();
        }
        Ok(())
    }
}
