//! `cargo xtask notices`: the licences of the crates that are linked into the daemon, which must be
//! distributed with it.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result, ensure};

use super::crates::{self, Crate, Crates, Id};
use crate::{ui, workspace::Workspace};

const INTRODUCTION: &str = "\
The program autora is linked statically. Beside its own code it holds that of the crates below, of the Rust standard
library (MIT OR Apache-2.0, https://github.com/rust-lang/rust), and of the GNU C Library (LGPL-2.1-or-later,
https://sourceware.org/glibc/; the package names its Debian source, in Built-Using or as bundled(glibc)). autora's sources
have all that is needed to link it again with another C library.

If a crate offers several licences with MIT among them, MIT is used here.
";

/// Writes the licences to target/notices.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let crates = crates::linked(workspace)?;
    let text = text(&crates, |id| texts(&id.sources(workspace)?))?;
    let file = workspace.notices();
    fs::create_dir_all(file.parent().context("no folder")?)?;
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    ui::note(&format!("written to {}", workspace.display(&file)));
    Ok(())
}

/// Returns the table of crates, then each text once, below the names of the crates that have it.
fn text(crates: &Crates, texts: impl Fn(&Id) -> Result<BTreeMap<String, String>>) -> Result<String> {
    let mut page = INTRODUCTION.to_owned();
    let mut shared: BTreeMap<String, Vec<String>> = BTreeMap::new();
    page.push_str("\nCrates\n======\n\n");
    for (id, about) in crates.iter().filter(|(_, about)| !about.is_ours) {
        let found = chosen(about, texts(id).with_context(|| format!("cannot read a licence of {}", id.name))?);
        let remark = if found.is_empty() { " (its sources contain no text of it)" } else { "" };
        writeln!(page, "{} {}\n    {}{remark}\n    {}", id.name, id.version, about.licence, about.repository)?;
        for text in found {
            shared.entry(text).or_default().push(format!("{} {}", id.name, id.version));
        }
    }
    ensure!(!shared.is_empty(), "no crate has the text of a licence");
    page.push_str("\nTexts\n=====\n");
    let mut texts: Vec<_> = shared.into_iter().collect();
    texts.sort_by(|(_, one), (_, other)| one.cmp(other));
    for (text, names) in texts {
        write!(page, "\n----- {} -----\n\n{text}\n", names.join(", "))?;
    }
    Ok(page)
}

/// Returns the texts that apply: of several licences, MIT.
fn chosen(about: &Crate, texts: BTreeMap<String, String>) -> Vec<String> {
    let is_mit = |name: &String| name.to_uppercase().contains("MIT");
    let by_choice = about.licence.contains("MIT") && texts.keys().any(is_mit);
    texts.into_iter().filter(|(name, _)| !by_choice || is_mit(name)).map(|(_, text)| text).collect()
}

/// Returns the licences in a crate's folder, by the names of their files, without trailing whitespace and
/// blank lines around them, so that equal texts compare equal.
fn texts(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_licence(&name) && entry.file_type()?.is_file() {
            let text = String::from_utf8_lossy(&fs::read(entry.path())?).into_owned();
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            texts.insert(name, lines.join("\n").trim_matches('\n').to_owned());
        }
    }
    Ok(texts)
}

fn is_licence(name: &str) -> bool {
    let name = name.to_uppercase();
    ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"].iter().any(|word| name.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), format!("text of {name}"))).collect()
    }

    #[test]
    fn of_several_licences_mit_is_chosen() {
        let about = |licence: &str| Crate { licence: licence.to_owned(), ..Crate::default() };
        let both = ["LICENSE-APACHE", "LICENSE-MIT"];
        assert_eq!(chosen(&about("MIT OR Apache-2.0"), found(&both)), ["text of LICENSE-MIT"]);
        assert_eq!(chosen(&about("Apache-2.0"), found(&["LICENSE"])), ["text of LICENSE"]);
        assert_eq!(chosen(&about("MIT"), found(&["COPYING", "LICENSE"])).len(), 2);
        assert_eq!(chosen(&about("Zlib"), found(&[])), [""; 0]);
    }

    #[test]
    fn a_text_that_two_crates_share_is_printed_once() {
        let id = |name: &str| Id { name: name.to_owned(), version: "1.0.0".to_owned() };
        let theirs = Crate { licence: "MIT".to_owned(), ..Crate::default() };
        let ours = Crate { is_ours: true, ..theirs.clone() };
        let crates = Crates::from([(id("a"), theirs.clone()), (id("b"), theirs), (id("ours"), ours)]);
        let page = text(&crates, |_| Ok(found(&["LICENSE"]))).expect("a page");
        assert!(page.ends_with("\n----- a 1.0.0, b 1.0.0 -----\n\ntext of LICENSE\n"), "{page}");
        assert!(!page.contains("ours 1.0.0"), "{page}");
        assert!(text(&crates, |_| Ok(BTreeMap::new())).is_err());
    }

    #[test]
    fn licence_files_are_recognised_by_name() {
        for name in ["LICENSE", "license-mit", "LICENCE.md", "COPYING", "UNLICENSE", "NOTICE"] {
            assert!(is_licence(name), "{name}");
        }
        assert!(!is_licence("README.md"));
    }
}
