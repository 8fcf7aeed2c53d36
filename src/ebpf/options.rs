//! The options of a compilation to eBPF.

use alloc::string::String;

use crate::bpf::verify::Verified;
use crate::ebpf::compile;
use crate::ebpf::error::EbpfError;
use crate::ebpf::hook::Hook;
use crate::ebpf::program::Program;
use crate::lang::{Target, compile_expression};

/// The result of a program for a packet that matches, or for one that does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// A constant: `XDP_PASS`, `TC_ACT_SHOT`, ...
    Return(i32),
    /// The verdict of the filter, or of the first rule of a set that matches.
    Verdict,
    /// The id of the first rule of a set that matches.
    Rule,
    /// XDP: `bpf_redirect_map` to an entry of a map, and `XDP_PASS` if it is empty.
    RedirectMap {
        /// The type of the map: a device, processor or `AF_XDP` map, which gets the name `targets`.
        kind: crate::ebpf::program::MapKind,
        /// The key; `None` for the receive queue.
        key: Option<u32>,
    },
    /// XDP and tc: `bpf_redirect` to the interface with this number.
    Redirect(u32),
}

/// The options of a compilation to eBPF, and the compiler.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) hook: Hook,
    pub(crate) name: String,
    pub(crate) license: String,
    pub(crate) is_big_endian: bool,
    pub(crate) on_match: Action,
    pub(crate) on_mismatch: Action,
    pub(crate) has_direct_access: bool,
    pub(crate) has_xdp_frags: bool,
    pub(crate) has_counters: bool,
}

impl Options {
    /// Creates the options for a hook.
    ///
    /// Packets that match get `XDP_PASS`, `TC_ACT_OK`, 1 in control groups, and the verdict otherwise. Packets that do
    /// not match get `XDP_DROP`, `TC_ACT_SHOT`, and 0 otherwise.
    pub fn new(hook: Hook) -> Options {
        let (on_match, on_mismatch) = match hook {
            Hook::Xdp => (Action::Return(2), Action::Return(1)),
            Hook::Tc => (Action::Return(0), Action::Return(2)),
            Hook::CgroupSkb => (Action::Return(1), Action::Return(0)),
            Hook::Socket | Hook::Function => (Action::Verdict, Action::Return(0)),
        };
        Options {
            hook,
            name: "cbpf_filter".into(),
            license: "GPL".into(),
            is_big_endian: cfg!(target_endian = "big"),
            on_match,
            on_mismatch,
            has_direct_access: false,
            has_xdp_frags: false,
            has_counters: false,
        }
    }

    /// Sets the name of the program, which is also that of the function in an object; `cbpf_filter` by default.
    pub fn name(self, name: impl Into<String>) -> Options {
        Options { name: name.into(), ..self }
    }

    /// Sets the licence; `GPL` by default. The kernel refuses some helpers to programs with other licences.
    pub fn license(self, license: impl Into<String>) -> Options {
        Options { license: license.into(), ..self }
    }

    /// Sets the byte order of the machine that runs the program; that of this machine by default.
    pub fn big_endian(self, is_big_endian: bool) -> Options {
        Options { is_big_endian, ..self }
    }

    /// Sets what the program returns for packets that match.
    pub fn on_match(self, action: Action) -> Options {
        Options { on_match: action, ..self }
    }

    /// Sets what the program returns for packets that do not match, with verdict 0.
    pub fn on_mismatch(self, action: Action) -> Options {
        Options { on_mismatch: action, ..self }
    }

    /// Lets a [`Hook::Function`] read the packet directly, for calls that pass packet pointers. By default it reads
    /// through `bpf_probe_read_kernel`, which takes any address of the kernel.
    pub fn direct_access(self, yes: bool) -> Options {
        Options { has_direct_access: yes, ..self }
    }

    /// Lets [`Hook::Xdp`] read packets of several buffers, which drivers deliver for frames longer than a page: bytes
    /// beyond the first buffer through `bpf_xdp_load_bytes`, and the length of all buffers as that on the wire.
    ///
    /// Such programs are loaded with `BPF_F_XDP_HAS_FRAGS`, which loaders set for the section `xdp.frags`.
    pub fn xdp_frags(self, yes: bool) -> Options {
        Options { has_xdp_frags: yes, ..self }
    }

    /// Counts the packets of which each rule of a set is the first match, in the per-CPU array `counters`. By default
    /// it does not. A filter has no counters.
    pub fn counters(self, yes: bool) -> Options {
        Options { has_counters: yes, ..self }
    }

    /// Compiles an expression of the filter language for a link type or a [`Target`].
    ///
    /// Packets begin with the link-layer header but in control groups, where they are of [`LinkType::RAW`].
    /// [`Target::linux_socket`] makes `inbound`, `ifindex` and stripped VLAN tags come from the context of the hook.
    ///
    /// ```
    /// use cbpf::LinkType;
    /// use cbpf::ebpf::{Hook, Options};
    /// let program = Options::new(Hook::Tc).from_expression("tcp port 443", LinkType::ETHERNET)?;
    /// assert_eq!(program.hook(), Hook::Tc);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EbpfError::Expression`] if the expression is invalid, [`EbpfError::Verify`] if its program is, and as
    /// [`Options::compile`].
    ///
    /// [`LinkType::RAW`]: crate::LinkType::RAW
    pub fn from_expression(&self, expression: &str, target: impl Into<Target>) -> Result<Program, EbpfError> {
        let target = target.into();
        let program = compile_expression(expression, &target).map_err(EbpfError::Expression)?;
        self.compile(&program.verify(target.get_dialect()).map_err(EbpfError::Verify)?)
    }

    /// Compiles a program. Its dialect decides shifts, divisions and wraps, as in every engine.
    ///
    /// # Errors
    /// If the program reads what the hook does not have, if the hook does not take a result, or if the program is too
    /// long or needs more values at once than there is room for.
    pub fn compile(&self, verified: &Verified) -> Result<Program, EbpfError> {
        compile::compile(self, verified)
    }
}
