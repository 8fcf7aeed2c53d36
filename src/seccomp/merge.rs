//! Merging: a stack of filters becomes one program.

use crate::bpf::dialect::Dialect;
use crate::bpf::program::Program;
use crate::bpf::verify::Verified;
use crate::seccomp::analysis::{Analysis, collect};
use crate::seccomp::analysis_error::AnalysisError;
use crate::seccomp::diagram::Node;
use crate::seccomp::emission;
use crate::seccomp::options::Options;

/// Returns one filter with the kernel's action for a stack of filters: the strictest, and among equally strict ones that
/// of the newest.
///
/// The filters are in the order in which they are installed, the oldest first. The result decides each word of the call
/// once, the number of the call by a binary search. The diagram of the result is computed again from its instructions
/// and compared with that of the filters, so a result is proven equal to the stack. Lower halves of verdicts that the
/// kernel ignores may differ. Without filters every call is allowed.
///
/// A merged filter takes the place of filters that one process installs one after the other. Filters that other
/// processes installed before still run.
///
/// The call takes up to 512 KiB of stack.
///
/// # Errors
/// - [`AnalysisError::Dialect`] if a filter was verified for another dialect.
/// - [`AnalysisError::TooComplex`] and [`AnalysisError::TooComplexTogether`] if the diagrams exceed their limit.
/// - [`AnalysisError::TooLong`] if the result has more instructions than the kernel accepts.
///
/// ```
/// use cbpf::seccomp::{self, Action, Arch, SeccompData};
/// use cbpf::{Dialect, Program};
/// let no_fork: Program = "ld [0]\n jeq #57, deny\n ret #0x7fff0000\n deny: ret #0x00050001".parse()?;
/// let no_exec: Program = "ld [0]\n jeq #59, deny\n ret #0x7fff0000\n deny: ret #0x80000000".parse()?;
/// let stack = [no_fork.verify(Dialect::Seccomp)?, no_exec.verify(Dialect::Seccomp)?];
/// let merged = seccomp::merge(&stack)?;
/// let call = |nr| SeccompData { nr, arch: Arch::X86_64, ..SeccompData::default() };
/// assert_eq!(merged.interpret_seccomp(&call(57)), Some(Action::Errno(1)));
/// assert_eq!(merged.interpret_seccomp(&call(59)), Some(Action::KillProcess));
/// assert_eq!(merged.interpret_seccomp(&call(0)), Some(Action::Allow));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn merge<'f>(filters: impl IntoIterator<Item = &'f Verified>) -> Result<Verified, AnalysisError> {
    Options::new().merge(filters)
}

impl Options {
    /// Does what [`merge`] does, within these bounds.
    ///
    /// # Errors
    /// The same.
    pub fn merge<'f>(&self, filters: impl IntoIterator<Item = &'f Verified>) -> Result<Verified, AnalysisError> {
        let filters = collect(filters);
        let mut analysis = Analysis::new(self);
        let root = analysis.stack(&filters)?;
        let program = emission::emit(&mut analysis, root)?;
        // The proofs may take as many steps again.
        analysis.symbols.diagram.set_steps_left(self.steps());
        let emitted = proven(&mut analysis, &program, root);
        let shorter = program.optimize(Dialect::Seccomp).ok().filter(|shorter| shorter.len() < program.len());
        let shorter = shorter.and_then(|shorter| proven(&mut analysis, &shorter, root).ok());
        match shorter {
            Some(shorter) => Ok(shorter),
            None => emitted,
        }
    }
}

/// Verifies a program, and proves that its diagram is this one.
fn proven(analysis: &mut Analysis, program: &Program, root: Node) -> Result<Verified, AnalysisError> {
    if program.len() > Dialect::Seccomp.max_len() {
        return Err(AnalysisError::TooLong { len: program.len() });
    }
    let verified = program.verify(Dialect::Seccomp).map_err(|_| AnalysisError::NotProven)?;
    match analysis.filter(&verified) {
        Ok(node) if node == root => Ok(verified),
        Ok(_) => Err(AnalysisError::NotProven),
        Err(_) => Err(AnalysisError::TooComplexTogether),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::instruction::RawInstruction;

    /// Programs with one field changed are not proven. All actions have data, which the kernel does not ignore.
    #[test]
    fn proof_finds_planted_faults() {
        let text = "ld [4]\n jne #0xc000003e, kill\n ld [0]\n jge #0x40000000, kill\n jeq #1, write\n jeq #3, allow
                    ret #0x00050001\n write: ld [20]\n jgt #0, kill\n ld [16]\n and #0xff\n jle #2, allow
                    kill: ret #0x00030001\n allow: ret #0x7ff00001";
        let filter = text.parse::<Program>().unwrap().verify(Dialect::Seccomp).unwrap();
        let mut analysis = Analysis::new(&Options::new());
        let root = analysis.stack(&[&filter]).unwrap();
        let program = emission::emit(&mut analysis, root).unwrap();
        assert!(proven(&mut analysis, &program, root).is_ok());
        let (mut faults, mut missed) = (0, 0);
        for place in 0..program.len() {
            let with = |change: &dyn Fn(&mut RawInstruction)| {
                let mut instructions = program.instructions().to_vec();
                change(&mut instructions[place]);
                Program::new(instructions)
            };
            let changes: [&dyn Fn(&mut RawInstruction); 6] = [
                &|raw| raw.k = raw.k.wrapping_add(1),
                &|raw| raw.k ^= 1 << 31,
                &|raw| raw.k = raw.k.wrapping_add(4),
                &|raw| core::mem::swap(&mut raw.jt, &mut raw.jf),
                &|raw| raw.jt = raw.jt.wrapping_add(1),
                &|raw| raw.code ^= 0x10,
            ];
            for changed in changes.map(|change| with(change)).iter().filter(|changed| **changed != program) {
                faults += 1;
                // Only jumps have targets, and so on.
                let mut pairs = changed.instructions().iter().zip(program.instructions());
                let is_same = pairs.all(|(a, b)| a.normalized() == b.normalized());
                missed += usize::from(proven(&mut analysis, changed, root).is_ok() && !is_same);
            }
        }
        assert!(faults > 60 && missed == 0, "{missed} of {faults}");
    }
}
