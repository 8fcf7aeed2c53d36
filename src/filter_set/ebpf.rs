//! Sets as programs of eBPF.

use crate::bpf::verify::Verified;
use crate::ebpf::Options;
use crate::ebpf_set::{SetProgram, SetProgramError};
use crate::filter_set::FilterSet;
use crate::filter_set::merge::Merge;

impl FilterSet {
    /// Compiles the set to a program of eBPF for a hook of the Linux kernel, which finds the first rule that matches.
    ///
    /// The time of the program depends on the packet rather than on the number of rules, as that of
    /// [`FilterSet::first_match`]. Rules are added to and removed from the loaded program by updates of its maps:
    /// [`SetProgram`] returns these.
    ///
    /// ```
    /// use cbpf::ebpf::{Action, Hook, Options};
    /// use cbpf::{FilterSet, LinkType, Target, compile_expression};
    /// let rules = [(1, "src host 10.0.0.1"), (2, "src net 10.0.0.0/8")];
    /// let set = FilterSet::from_expressions(rules, LinkType::ETHERNET)?;
    /// let options = Options::new(Hook::Xdp).on_match(Action::Return(1)).on_mismatch(Action::Return(2));
    /// let mut program = set.to_ebpf(&options)?;
    /// let bytes = program.program().to_bytes();
    /// # assert!(!bytes.is_empty());
    ///
    /// let target = Target::new(LinkType::ETHERNET);
    /// let other = compile_expression("src host 192.168.0.1", &target)?.verify(target.get_dialect())?;
    /// for update in program.add(3, &other)? {
    ///     // bpf_map_update_elem(fds[update.map], update.key, update.value, BPF_ANY)
    ///     # let _ = update;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SetProgramError::NoTable`] if a rule cannot be looked up, and [`SetProgramError::Compile`].
    pub fn to_ebpf(&self, options: &Options) -> Result<SetProgram, SetProgramError> {
        self.to_ebpf_expecting(options, &[])
    }

    /// Compiles the set as [`FilterSet::to_ebpf`]. Rules that test what the `expected` programs test can be added
    /// later; without them, only rules that test what rules of the set test.
    ///
    /// # Errors
    /// As [`FilterSet::to_ebpf`], and [`SetProgramError::Dialect`] if a program has another dialect than the set.
    pub fn to_ebpf_expecting(&self, options: &Options, expected: &[Verified]) -> Result<SetProgram, SetProgramError> {
        let (rules, programs) = Merge::of_all(self).rules();
        SetProgram::new(options, programs, rules.iter().map(|rule| rule.id).collect(), self.dialect, expected)
    }
}
