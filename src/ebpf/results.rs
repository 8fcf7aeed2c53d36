//! The results of a program: what it returns for packets that match, and for those that do not.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::ebpf::code::{Argument, Code, Comparing, End, Label, Operand, Virtual};
use crate::ebpf::error::EbpfError;
use crate::ebpf::hook::{Hook, XDP};
use crate::ebpf::instruction::{Comparison, Helper, OperandSize, Size};
use crate::ebpf::options::Action;
use crate::ebpf::program::{Map, MapKind};

/// `XDP_PASS`, the result of `bpf_redirect_map` for an entry that is empty.
pub(crate) const XDP_PASS: i32 = 2;

/// The actions of a program, and the blocks that carry them out.
#[derive(Debug)]
pub(crate) struct Results {
    on_match: Action,
    on_mismatch: Action,
    context: Virtual,
    /// The index of the map to redirect to.
    targets: u32,
    /// The blocks by whether packets match, the constant verdict, and whether few packets reach them.
    blocks: BTreeMap<(bool, i32, bool), Label>,
}

impl Results {
    /// Checks that the hook can carry out both actions. `verdicts` are all that the filter returns, with `None` for one
    /// that is not known.
    pub(crate) fn new(
        hook: Hook,
        (on_match, on_mismatch): (Action, Action),
        context: Virtual,
        verdicts: &[Option<u32>],
    ) -> Result<Results, EbpfError> {
        check_actions(hook, [on_match, on_mismatch])?;
        if [on_match, on_mismatch].contains(&Action::Verdict) {
            for verdict in verdicts {
                check_result(hook, i64::from(verdict.unwrap_or(u32::MAX)))?;
            }
        }
        if [on_match, on_mismatch].contains(&Action::Rule) {
            return Err(EbpfError::NoRules);
        }
        Ok(Results { on_match, on_mismatch, context, targets: 0, blocks: BTreeMap::new() })
    }

    /// Returns the maps that the actions need.
    pub(crate) fn maps(&self) -> Vec<Map> {
        targets([self.on_match, self.on_mismatch]).into_iter().collect()
    }

    /// Returns the block for packets that do not match.
    pub(crate) fn mismatch(&mut self, code: &mut Code, is_cold: bool) -> Label {
        self.block(code, 0, is_cold)
    }

    /// Ends the current block by the action for a verdict.
    pub(crate) fn return_verdict(&mut self, code: &mut Code, verdict: Operand) {
        let is_cold = code.is_cold();
        match verdict {
            Operand::Immediate(verdict) => {
                let block = self.block(code, verdict, is_cold);
                code.jump(block);
            }
            Operand::Virtual(verdict) => {
                let is_plain = matches!(self.on_mismatch, Action::Verdict | Action::Return(0));
                if self.on_match == Action::Verdict && is_plain {
                    return code.end(End::Exit(verdict.into()));
                }
                let mismatch = self.mismatch(code, is_cold);
                let test = Comparing {
                    size: OperandSize::Half,
                    comparison: Comparison::Equal,
                    left: verdict,
                    right: 0.into(),
                };
                let matched = code.block_like(is_cold);
                code.end(End::Branch { test, then: mismatch, otherwise: matched });
                code.begin(matched);
                self.act(code, self.on_match, verdict.into());
            }
        }
    }

    /// Returns the block that carries out the action for a constant verdict.
    fn block(&mut self, code: &mut Code, verdict: i32, is_cold: bool) -> Label {
        let action = if verdict == 0 { self.on_mismatch } else { self.on_match };
        let result = if action == Action::Verdict { verdict } else { 0 };
        if let Some(&label) = self.blocks.get(&(verdict != 0, result, is_cold)) {
            return label;
        }
        let (here, label) = (code.current(), code.block_like(is_cold));
        self.blocks.insert((verdict != 0, result, is_cold), label);
        code.begin(label);
        self.act(code, action, Operand::Immediate(verdict));
        code.begin(here);
        label
    }

    /// Ends the current block by an action.
    fn act(&self, code: &mut Code, action: Action, verdict: Operand) {
        let result = match action {
            Action::Return(result) => Operand::Immediate(result),
            // Only sets have rules.
            Action::Verdict | Action::Rule => verdict,
            Action::Redirect(interface) => {
                code.call(Helper::Redirect, vec![(interface as i32).into(), 0.into()]).into()
            }
            Action::RedirectMap { key, .. } => {
                let key: Argument = match key {
                    Some(key) => (key as i32).into(),
                    None => code.load(Size::U32, self.context, XDP.rx_queue_index).into(),
                };
                let arguments = vec![Argument::Map(self.targets), key, XDP_PASS.into()];
                code.call(Helper::RedirectMap, arguments).into()
            }
        };
        code.end(End::Exit(result));
    }
}

/// Checks that a hook can carry out the actions for packets that match, and for others.
pub(crate) fn check_actions(hook: Hook, actions: [Action; 2]) -> Result<(), EbpfError> {
    for action in actions {
        match action {
            Action::Return(result) => check_result(hook, i64::from(result))?,
            Action::RedirectMap { kind, .. } => {
                let is_target = matches!(kind, MapKind::DevMap | MapKind::CpuMap | MapKind::XskMap);
                if hook != Hook::Xdp || !is_target || targets(actions).map(|map| map.kind) != Some(kind) {
                    return Err(EbpfError::Redirect { hook });
                }
            }
            Action::Redirect(_) if !matches!(hook, Hook::Xdp | Hook::Tc) => return Err(EbpfError::Redirect { hook }),
            Action::Redirect(_) | Action::Verdict | Action::Rule => {}
        }
    }
    Ok(())
}

/// Returns the map that a redirection takes its target from. There is one, for both actions.
pub(crate) fn targets(actions: [Action; 2]) -> Option<Map> {
    let kind = actions.into_iter().find_map(|action| match action {
        Action::RedirectMap { kind, .. } => Some(kind),
        Action::Return(_) | Action::Verdict | Action::Rule | Action::Redirect(_) => None,
    })?;
    Some(Map {
        name: "targets".into(),
        kind,
        key_size: 4,
        value_size: 4,
        max_entries: 64,
        flags: 0,
        elements: Vec::new(),
    })
}

/// Checks that the kernel takes a result of a hook: programs of control groups return 0 or 1.
fn check_result(hook: Hook, result: i64) -> Result<(), EbpfError> {
    match hook {
        Hook::CgroupSkb if !(0..=1).contains(&result) => Err(EbpfError::Action { result, hook }),
        _ => Ok(()),
    }
}
