//! Writes into code how far it is to what it refers to.

use cranelift_codegen::binemit::Reloc;

/// Changes the instruction at `at`, in code that is going to stand at `address`, to refer to `target`, relative to the
/// start of the code. `None` if there is no such instruction, or the distance is too large for it.
pub(super) fn relocate(code: &mut [u8], kind: Reloc, at: usize, target: i64, address: usize) -> Option<()> {
    let field: &mut [u8; 4] = code.get_mut(at..)?.first_chunk_mut()?;
    let (at, target) = (at as i64, target);
    match kind {
        Reloc::X86PCRel4 | Reloc::X86CallPCRel4 => *field = i32::try_from(target - at).ok()?.to_le_bytes(),
        Reloc::Aarch64AdrPrelPgHi21 => {
            // Pages of 4 KiB, whatever the system's are.
            let page = |offset: i64| (address as i64 + offset) >> 12;
            let pages =
                i32::try_from(page(target) - page(at)).ok().filter(|pages| (-(1 << 20)..1 << 20).contains(pages))?;
            let (low, high) = (pages as u32 & 3, pages as u32 >> 2 & 0x7_ffff);
            *field = (u32::from_le_bytes(*field) | low << 29 | high << 5).to_le_bytes();
        }
        Reloc::Aarch64AddAbsLo12Nc => {
            let in_page = (address as i64 + target) as u32 & 0xfff;
            *field = (u32::from_le_bytes(*field) | in_page << 10).to_le_bytes();
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `code` with what [`relocate`] makes of it.
    fn relocated(code: u32, kind: Reloc, target: i64, address: usize) -> Option<u32> {
        let mut code = [[0x90; 4], code.to_le_bytes()].concat();
        relocate(&mut code, kind, 4, target, address)?;
        Some(u32::from_le_bytes(*code[4..].first_chunk()?))
    }

    #[test]
    fn distances_are_from_where_the_field_is() {
        assert_eq!(relocated(0, Reloc::X86PCRel4, 60, 0x1000), Some(56));
        assert_eq!(relocated(0, Reloc::X86PCRel4, 0, 0x1000), Some(-4_i32 as u32));
    }

    /// As `as` and `ld` have them.
    #[test]
    fn pages_and_places_in_them() {
        let (adrp, add) = (0x9000_0000, 0x9100_0000);
        // The instruction at 0xffc, the table at 0x3040: three pages on.
        assert_eq!(relocated(adrp, Reloc::Aarch64AdrPrelPgHi21, 0x2048, 0xff8), Some(0xf000_0000));
        assert_eq!(relocated(add, Reloc::Aarch64AddAbsLo12Nc, 0x2048, 0xff8), Some(0x9101_0000));
        // One page back.
        assert_eq!(relocated(adrp, Reloc::Aarch64AdrPrelPgHi21, -8, 0x1000), Some(0xf0ff_ffe0));
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        assert_eq!(relocated(0, Reloc::X86PCRel4, 1 << 32, 0), None);
        assert_eq!(relocated(0, Reloc::Aarch64AdrPrelPgHi21, 1 << 33, 0), None);
        assert_eq!(relocated(0, Reloc::Abs8, 0, 0), None);
        assert_eq!(relocate(&mut [0; 3], Reloc::X86PCRel4, 0, 0, 0), None);
    }
}
