//! The reasons why a filter cannot become a program of a hook.

#[cfg(feature = "elf")]
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::bpf::verify::VerifyError;
use crate::ebpf::hook::Hook;
use crate::lang::ExprError;
use crate::packet::ancillary::Extension;

/// The error of compiling a filter to eBPF.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EbpfError {
    /// The hook has no value for an ancillary load.
    Ancillary {
        /// The index of the instruction.
        pc: usize,
        /// The ancillary load.
        extension: Extension,
        /// The hook.
        hook: Hook,
    },
    /// The hook does not pass the start of headers, which an offset is relative to.
    HeaderRelative {
        /// The index of the instruction.
        pc: usize,
        /// The hook.
        hook: Hook,
    },
    /// The hook does not take a result.
    Action {
        /// The result.
        result: i64,
        /// The hook.
        hook: Hook,
    },
    /// The hook cannot redirect packets, or not to a map of this type.
    Redirect {
        /// The hook.
        hook: Hook,
    },
    /// The expression is invalid.
    Expression(ExprError),
    /// Verification of the program of an expression failed.
    Verify(VerifyError),
    /// The result is the id of a rule, and a filter has no rules.
    NoRules,
    /// The program needs more values at once than there are places in the stack frame of 512 bytes.
    TooManyValues {
        /// The number of places that it would take.
        places: usize,
    },
    /// The program is longer than the kernel allows.
    TooLong {
        /// The number of slots of 8 bytes.
        slots: usize,
    },
}

impl fmt::Display for EbpfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EbpfError::Ancillary { pc, extension, hook } => {
                let name = extension.name();
                write!(f, "instruction {pc}: the hook `{hook}` has no value for `{name}`; ")?;
                let has_value = |other: &&Hook| other.context_field(*extension).is_some();
                let hooks: Vec<&str> = Hook::ALL.iter().filter(has_value).map(|other| other.name()).collect();
                match hooks.is_empty() {
                    true => f.write_str("no hook has one"),
                    false => write!(f, "it is there for {}", hooks.join(", ")),
                }
            }
            EbpfError::HeaderRelative { pc, hook } => {
                write!(
                    f,
                    "instruction {pc}: the hook `{hook}` has no offsets that are relative to a header; count from the \
                     start of the packet, or take the hook `socket`"
                )
            }
            EbpfError::Action { result, hook: hook @ Hook::CgroupSkb } => {
                write!(f, "the hook `{hook}` does not take the result {result}: the kernel wants 0 or 1")
            }
            EbpfError::Action { result, hook } => write!(f, "the hook `{hook}` does not take the result {result}"),
            EbpfError::Redirect { hook } => {
                write!(
                    f,
                    "the hook `{hook}` cannot redirect packets in this way: `xdp` can, to interfaces and to device, \
                     processor and AF_XDP maps, and `tc`, to interfaces"
                )
            }
            EbpfError::Expression(error) => error.fmt(f),
            EbpfError::Verify(error) => error.fmt(f),
            EbpfError::NoRules => f.write_str("a filter has no rules whose id could be the result: take its verdict"),
            EbpfError::TooManyValues { places } => {
                write!(f, "the program needs {places} values at once, and a stack frame has 62 places; split it")
            }
            EbpfError::TooLong { slots } => {
                write!(f, "the program has {slots} instructions, and the kernel takes 1,000,000; split it")
            }
        }
    }
}

impl core::error::Error for EbpfError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            EbpfError::Expression(error) => Some(error),
            EbpfError::Verify(error) => Some(error),
            _ => None,
        }
    }
}

/// The error of writing a program as an object.
#[cfg(feature = "elf")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectError {
    /// The name of the program or of a map is not an identifier of C.
    Name {
        /// The name.
        name: String,
    },
    /// Two of the maps and the program have the same name.
    TakenName {
        /// The name.
        name: String,
    },
    /// A section of this name cannot hold a program.
    Section {
        /// The name of the section.
        section: String,
    },
    /// The licence contains a NUL byte.
    License {
        /// The licence.
        license: String,
    },
    /// The program uses a map in a way that objects do not have: it reads the value directly, and the map has other
    /// elements or is passed to helpers, too.
    Access {
        /// The name of the map.
        map: String,
    },
    /// A map has elements that an object cannot carry, since the program does not read its value directly.
    Elements {
        /// The name of the map.
        map: String,
        /// The number of elements.
        elements: usize,
    },
    /// The object cannot be written as ELF.
    Format {
        /// The reason.
        reason: String,
    },
}

#[cfg(feature = "elf")]
impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectError::Name { name } => {
                write!(f, "the name `{name}` is not an identifier of C: letters, digits and `_`, no digit first")
            }
            ObjectError::TakenName { name } => {
                write!(f, "the name `{name}` is taken by a map; give the program another one")
            }
            ObjectError::Section { section } => {
                write!(
                    f,
                    "the section `{section}` cannot hold a program; loaders know `xdp`, `classifier`, `tcx/ingress`, ..."
                )
            }
            ObjectError::License { license } => write!(f, "the licence {license:?} contains a NUL byte"),
            ObjectError::Access { map } => {
                write!(
                    f,
                    "the program reads the value of the map `{map}` directly, and an object has such maps only if \
                    they are arrays of one element that no helper gets"
                )
            }
            ObjectError::Elements { map, elements } => {
                write!(
                    f,
                    "an object cannot carry the elements of the map `{map}`, of which there are {elements}; load the \
                     program from its instructions, and insert them"
                )
            }
            ObjectError::Format { reason } => write!(f, "the object cannot be written: {reason}"),
        }
    }
}

#[cfg(feature = "elf")]
impl core::error::Error for ObjectError {}
