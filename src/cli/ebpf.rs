//! Programs of eBPF: their options, and the forms in which they are written.

use cbpf::Verified;
use cbpf::ebpf::{Action, Hook, MapKind, Options, Program};
use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::input::one_of;

/// A form of a program of eBPF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EbpfForm {
    Listing,
    Object,
    Raw,
}

/// Options of programs of eBPF.
#[derive(Args)]
#[command(next_help_heading = "Options of eBPF and source")]
pub struct EbpfArguments {
    /// Compile for this hook of the kernel; packets of cgroup_skb are of link type RAW, others of EN10MB [default: xdp]
    #[arg(long, value_name = "HOOK", value_parser = one_of(Hook::ALL, Hook::name))]
    hook: Option<Hook>,

    /// Return this for packets that match: aborted, drop, pass or tx (xdp); ok, shot, pipe, stolen or unspec (tc); drop
    /// or pass (cgroup_skb); verdict, the snapshot length; rule, the place of the first rule that matches, from 0;
    /// redirect:INTERFACE (xdp, tc); devmap, cpumap or xskmap, or one of them with an entry, as in xskmap:0 (xdp:
    /// redirect to the entry of the receive queue, or to this one); or a number [default: pass, ok, pass, and verdict
    /// for other hooks]
    #[arg(long, value_name = "ACTION", allow_negative_numbers = true)]
    on_match: Option<String>,

    /// Return this for packets that do not match [default: drop, shot, drop, and 0 for other hooks]
    #[arg(long, value_name = "ACTION", allow_negative_numbers = true)]
    on_mismatch: Option<String>,

    /// Put the program into this section of the object: tcx/ingress, cgroup_skb/egress, ..., or xdp.frags, for packets
    /// of several buffers
    #[arg(long, value_name = "SECTION")]
    section: Option<String>,

    /// Set the licence of the program [default: GPL]
    #[arg(long, value_name = "LICENSE")]
    license: Option<String>,

    /// Compile for machines with big-endian numbers
    #[arg(long)]
    big_endian: bool,

    /// Let a function read the packet by the pointers that it gets, which must be those of a packet in XDP or tc
    #[arg(long)]
    direct_access: bool,
}

impl EbpfArguments {
    /// Returns the name of an option that was given.
    pub fn given(&self) -> Option<&'static str> {
        let options = [
            (self.hook.is_some(), "--hook"),
            (self.on_match.is_some(), "--on-match"),
            (self.on_mismatch.is_some(), "--on-mismatch"),
            (self.section.is_some(), "--section"),
            (self.license.is_some(), "--license"),
            (self.big_endian, "--big-endian"),
            (self.direct_access, "--direct-access"),
        ];
        options.into_iter().find(|(is_given, _)| *is_given).map(|(_, name)| name)
    }

    /// Returns the hook.
    pub fn hook(&self) -> Hook {
        self.hook.unwrap_or(Hook::Xdp)
    }

    /// Returns the options of the compiler.
    ///
    /// # Errors
    /// If the hook has no such action.
    pub fn options(&self, name: Option<&str>) -> Result<Options, Failure> {
        let hook = self.hook();
        let has_frags = self.section.as_deref().is_some_and(|section| section.starts_with("xdp.frags"));
        let mut options = Options::new(hook).direct_access(self.direct_access).xdp_frags(has_frags);
        if let Some(name) = name {
            options = options.name(name);
        }
        if let Some(license) = &self.license {
            options = options.license(license);
        }
        if self.big_endian {
            options = options.big_endian(true);
        }
        if let Some(text) = &self.on_match {
            options = options.on_match(action(hook, "--on-match", text)?);
        }
        if let Some(text) = &self.on_mismatch {
            options = options.on_mismatch(action(hook, "--on-mismatch", text)?);
        }
        Ok(options)
    }

    /// Compiles a program and returns it in a form.
    pub fn compiled(&self, name: Option<&str>, verified: &Verified, form: EbpfForm) -> Result<Vec<u8>, Failure> {
        let program = self.options(name)?.compile(verified).map_err(failed)?;
        self.printed(&program, form)
    }

    /// Returns a program in a form.
    pub fn printed(&self, program: &Program, form: EbpfForm) -> Result<Vec<u8>, Failure> {
        match form {
            EbpfForm::Listing => Ok(program.to_string().into_bytes()),
            EbpfForm::Object => {
                let section = self.section.as_deref().unwrap_or(program.hook().section());
                program.to_object_in(section).map_err(failed)
            }
            EbpfForm::Raw if !program.map_references().is_empty() => Err(Failure::Failed(
                "the program refers to maps, for which raw instructions have no place; use --to ebpf-object".to_owned(),
            )),
            EbpfForm::Raw => Ok(program.to_bytes()),
        }
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

/// The results that have names: `XDP_*`, `TC_ACT_*`, and those of control groups.
#[rustfmt::skip]
const RESULTS: [(Hook, &str, i32); 14] = [
    (Hook::Xdp,       "aborted", 0),
    (Hook::Xdp,       "drop",    1),
    (Hook::Xdp,       "pass",    2),
    (Hook::Xdp,       "tx",      3),
    (Hook::Tc,        "ok",      0),
    (Hook::Tc,        "pass",    0),
    (Hook::Tc,        "shot",    2),
    (Hook::Tc,        "drop",    2),
    (Hook::Tc,        "pipe",    3),
    (Hook::Tc,        "stolen",  4),
    (Hook::Tc,        "unspec", -1),
    (Hook::CgroupSkb, "drop",    0),
    (Hook::CgroupSkb, "pass",    1),
    (Hook::Socket,    "drop",    0),
];

/// The maps to which packets are redirected.
const TARGETS: [(&str, MapKind); 3] =
    [("devmap", MapKind::DevMap), ("cpumap", MapKind::CpuMap), ("xskmap", MapKind::XskMap)];

/// Parses an action.
fn action(hook: Hook, option: &str, text: &str) -> Result<Action, Failure> {
    let (name, parameter) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
    let number = parameter.map(str::parse::<u32>);
    let result = RESULTS.iter().find(|(of, name, _)| (*of, *name) == (hook, text)).map(|&(_, _, result)| result);
    let target = TARGETS.iter().find(|(target, _)| *target == name).map(|&(_, kind)| kind);
    let action = match (result.or_else(|| text.parse().ok()), target, number) {
        (Some(result), ..) => Some(Action::Return(result)),
        (_, Some(kind), None) => Some(Action::RedirectMap { kind, key: None }),
        (_, Some(kind), Some(Ok(key))) => Some(Action::RedirectMap { kind, key: Some(key) }),
        (_, None, Some(Ok(interface))) if name == "redirect" => Some(Action::Redirect(interface)),
        _ if text == "verdict" => Some(Action::Verdict),
        _ if text == "rule" => Some(Action::Rule),
        _ => None,
    };
    action.ok_or_else(|| {
        let mut names: Vec<&str> = RESULTS.iter().filter(|(of, ..)| *of == hook).map(|&(_, name, _)| name).collect();
        names.extend(["verdict", "rule"]);
        match hook {
            Hook::Xdp => names.extend(["redirect:INTERFACE", "devmap[:ENTRY]", "cpumap[:ENTRY]", "xskmap[:ENTRY]"]),
            Hook::Tc => names.push("redirect:INTERFACE"),
            _ => {}
        }
        let names = names.join(", ");
        Failure::Failed(format!("{option} {text}: the actions of the hook `{hook}` are {names}, and numbers"))
    })
}
