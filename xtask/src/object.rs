//! A look into the filter's object: an ELF file for BPF, 64 bits, little-endian.
//!
//! Just enough of the format (`man 5 elf`) to say how large the program is and to refuse an object that lost what the
//! kernel or the loader needs.

use anyhow::{Context, Result, ensure};

const EM_BPF: u16 = 247;
const SHT_PROGBITS: u32 = 1;
const SHF_EXECINSTR: u64 = 4;
const INSTRUCTION: u64 = 8;

/// What the object holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Of all programs together.
    pub(crate) instructions: u64,
    pub(crate) sections: Vec<String>,
}

struct Section {
    name: usize,
    kind: u32,
    flags: u64,
    offset: usize,
    size: u64,
}

/// Reads an object; an error if it is not one that can be loaded.
pub(crate) fn inspect(elf: &[u8]) -> Result<Summary> {
    ensure!(elf.starts_with(b"\x7fELF\x02\x01"), "not a 64-bit little-endian ELF file");
    ensure!(u16_at(elf, 18)? == EM_BPF, "not made for BPF");
    let summary = summarise(elf)?;
    ensure!(summary.instructions > 0, "holds no program");
    for needed in ["license", "maps", ".symtab"] {
        ensure!(
            summary
                .sections
                .iter()
                .any(|name| name.trim_start_matches('.') == needed.trim_start_matches('.')),
            "has no section `{needed}`: was it stripped?"
        );
    }
    Ok(summary)
}

fn summarise(elf: &[u8]) -> Result<Summary> {
    let table = usize::try_from(u64_at(elf, 40)?)?;
    let entry = usize::from(u16_at(elf, 58)?);
    let count = usize::from(u16_at(elf, 60)?);
    let names_index = usize::from(u16_at(elf, 62)?);
    let sections = (0..count).map(|index| section(elf, table + index * entry)).collect::<Result<Vec<_>>>()?;
    let names = sections.get(names_index).context("no section names")?.offset;
    let code = sections.iter().filter(|s| s.kind == SHT_PROGBITS && s.flags & SHF_EXECINSTR != 0);
    Ok(Summary {
        instructions: code.map(|section| section.size).sum::<u64>() / INSTRUCTION,
        sections: sections
            .iter()
            .map(|section| string_at(elf, names + section.name))
            .collect::<Result<_>>()?,
    })
}

fn section(elf: &[u8], at: usize) -> Result<Section> {
    Ok(Section {
        name: usize::try_from(u32_at(elf, at)?)?,
        kind: u32_at(elf, at + 4)?,
        flags: u64_at(elf, at + 8)?,
        offset: usize::try_from(u64_at(elf, at + 24)?)?,
        size: u64_at(elf, at + 32)?,
    })
}

fn string_at(elf: &[u8], at: usize) -> Result<String> {
    let rest = elf.get(at..).context("a name lies past the end")?;
    let end = rest.iter().position(|&byte| byte == 0).context("a name has no end")?;
    Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
}

fn bytes_at<const N: usize>(elf: &[u8], at: usize) -> Result<[u8; N]> {
    elf.get(at..).and_then(|rest| rest.first_chunk()).copied().context("cut short")
}

fn u16_at(elf: &[u8], at: usize) -> Result<u16> {
    bytes_at(elf, at).map(u16::from_le_bytes)
}

fn u32_at(elf: &[u8], at: usize) -> Result<u32> {
    bytes_at(elf, at).map(u32::from_le_bytes)
}

fn u64_at(elf: &[u8], at: usize) -> Result<u64> {
    bytes_at(elf, at).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with the given sections: name, type, flags, size. Their content is not looked at.
    fn elf(machine: u16, sections: &[(&str, u32, u64, u64)]) -> Vec<u8> {
        let mut names = vec![0u8];
        let mut table = Vec::new();
        let header = |name: usize, kind: u32, flags: u64, offset: u64, size: u64| {
            let mut bytes = Vec::new();
            bytes.extend(u32::try_from(name).expect("small").to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            for field in [flags, 0, offset, size, 0, 0, 0] {
                bytes.extend(field.to_le_bytes());
            }
            bytes
        };
        for &(name, kind, flags, size) in sections {
            table.extend(header(names.len(), kind, flags, 0, size));
            names.extend(name.bytes().chain([0]));
        }
        table.extend(header(0, 3, 0, 64, 0));
        let mut file = vec![0; 64];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[18..20].copy_from_slice(&machine.to_le_bytes());
        file[40..48].copy_from_slice(&(64 + names.len() as u64).to_le_bytes());
        file[58..60].copy_from_slice(&64u16.to_le_bytes());
        let count = u16::try_from(sections.len()).expect("few");
        file[60..62].copy_from_slice(&(count + 1).to_le_bytes());
        file[62..64].copy_from_slice(&count.to_le_bytes());
        file.extend(names);
        file.extend(table);
        file
    }

    const WHOLE: [(&str, u32, u64, u64); 5] = [
        ("socket", 1, 6, 240),
        ("maps", 1, 3, 56),
        ("license", 1, 3, 13),
        (".symtab", 2, 0, 48),
        (".text", 1, 6, 16),
    ];

    #[test]
    fn instructions_are_those_of_all_code() {
        let summary = inspect(&elf(EM_BPF, &WHOLE)).expect("whole");
        assert_eq!(summary.instructions, 32);
        assert_eq!(summary.sections[..3], ["socket", "maps", "license"]);
    }

    #[test]
    fn what_cannot_be_loaded_is_refused() {
        assert!(inspect(&elf(62, &WHOLE)).is_err(), "for another machine");
        for missing in ["maps", "license", ".symtab"] {
            let rest: Vec<_> = WHOLE.into_iter().filter(|section| section.0 != missing).collect();
            assert!(inspect(&elf(EM_BPF, &rest)).is_err(), "without {missing}");
        }
        let empty: Vec<_> = WHOLE.into_iter().filter(|section| section.2 != 6).collect();
        assert!(inspect(&elf(EM_BPF, &empty)).is_err(), "without code");
        let whole = elf(EM_BPF, &WHOLE);
        // The last section header's last fields are none that matter here.
        for length in 0..whole.len() - 64 {
            assert!(inspect(&whole[..length]).is_err(), "cut at {length}");
        }
    }
}
