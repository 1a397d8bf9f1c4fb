//! The bill of materials of the daemon: CycloneDX 1.5, as JSON.
//!
//! cargo-cyclonedx is not used: it names components by the path of the checkout, which is not reproducible,
//! and takes minutes to compile. `cargo tree` and Cargo.lock have all that is needed.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result};

use super::crates::{self, Crate, Crates, Id};
use crate::workspace::Workspace;

/// Returns the bill of materials of these sources; `timestamp` is in the form of RFC 3339.
pub(crate) fn make(workspace: &Workspace, timestamp: &str) -> Result<String> {
    let lock = fs::read_to_string(workspace.root().join("Cargo.lock")).context("no Cargo.lock")?;
    write(&crates::linked(workspace)?, &checksums(&lock), timestamp)
}

fn write(crates: &Crates, checksums: &BTreeMap<Id, String>, timestamp: &str) -> Result<String> {
    let (autora, about) =
        crates.iter().find(|(id, _)| id.name == "autora").context("autora is not among its crates")?;
    let others = crates.iter().filter(|(id, _)| *id != autora);
    let components: Vec<_> = others.map(|(id, about)| component("library", id, about, checksums.get(id))).collect();
    let dependencies: Vec<_> = crates.iter().map(|(id, about)| dependency(id, about)).collect();
    Ok(format!(
        r#"{{
"bomFormat": "CycloneDX",
"specVersion": "1.5",
"version": 1,
"metadata": {{
"timestamp": {},
"component": {}
}},
"components": [
{}
],
"dependencies": [
{}
]
}}
"#,
        quoted(timestamp),
        component("application", autora, about, None),
        components.join(",\n"),
        dependencies.join(",\n")
    ))
}

fn component(kind: &str, id: &Id, about: &Crate, checksum: Option<&String>) -> String {
    let mut fields = vec![
        format!(r#""type": "{kind}""#),
        format!(r#""bom-ref": {}"#, reference(id)),
        format!(r#""name": {}"#, quoted(&id.name)),
        format!(r#""version": {}"#, quoted(&id.version)),
        format!(r#""purl": {}"#, reference(id)),
    ];
    if !about.licence.is_empty() {
        fields.push(format!(r#""licenses": [{{"expression": {}}}]"#, quoted(&about.licence)));
    }
    if let Some(checksum) = checksum {
        fields.push(format!(r#""hashes": [{{"alg": "SHA-256", "content": {}}}]"#, quoted(checksum)));
    }
    format!("{{{}}}", fields.join(", "))
}

fn dependency(id: &Id, about: &Crate) -> String {
    let uses: Vec<_> = about.uses.iter().map(reference).collect();
    format!(r#"{{"ref": {}, "dependsOn": [{}]}}"#, reference(id), uses.join(", "))
}

/// Returns the [package URL](https://github.com/package-url/purl-spec) as a JSON string: unique, and the same
/// on every machine.
fn reference(id: &Id) -> String {
    quoted(&format!("pkg:cargo/{}@{}", id.name, id.version.replace('+', "%2B")))
}

/// Returns `text` as a JSON string. Cargo's output is one line of printable characters, so two escapes are
/// enough.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Returns the checksum of each published crate in Cargo.lock.
pub(super) fn checksums(lock: &str) -> BTreeMap<Id, String> {
    let entries = lock.split("[[package]]").skip(1);
    entries
        .filter_map(|entry| {
            let field = |name: &str| {
                let line = entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""))?;
                line.strip_suffix('"').map(str::to_owned)
            };
            Some((Id { name: field("name")?, version: field("version")? }, field("checksum")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn id(name: &str) -> Id {
        Id { name: name.to_owned(), version: "1.0.0".to_owned() }
    }

    #[test]
    fn checksums_are_read() {
        let lock = "version = 4\n\n[[package]]\nname = \"aya\"\nversion = \"1.0.0\"\nsource = \"registry\"\nchecksum = \"abc\"\n\
                    dependencies = [\n \"log\",\n]\n\n[[package]]\nname = \"autora\"\nversion = \"0.1.0\"\n";
        assert_eq!(checksums(lock), BTreeMap::from([(id("aya"), "abc".to_owned())]));
    }

    #[test]
    fn components_have_licences_checksums_and_dependencies() {
        let crates = Crates::from([
            (id("autora"), Crate { uses: BTreeSet::from([id("aya")]), is_ours: true, ..Crate::default() }),
            (id("aya"), Crate { licence: "MIT".to_owned(), ..Crate::default() }),
        ]);
        let sums = BTreeMap::from([(id("aya"), "abc".to_owned())]);
        let text = write(&crates, &sums, "2026-01-01T00:00:00Z").expect("written");
        assert!(text.contains(r#""component": {"type": "application", "bom-ref": "pkg:cargo/autora@1.0.0""#), "{text}");
        assert!(text.contains(
            r#"{"type": "library", "bom-ref": "pkg:cargo/aya@1.0.0", "name": "aya", "version": "1.0.0", "purl": "pkg:cargo/aya@1.0.0", "licenses": [{"expression": "MIT"}], "hashes": [{"alg": "SHA-256", "content": "abc"}]}"#
        ), "{text}");
        assert!(text.contains(r#"{"ref": "pkg:cargo/autora@1.0.0", "dependsOn": ["pkg:cargo/aya@1.0.0"]}"#), "{text}");
        assert!(write(&Crates::new(), &sums, "").is_err());
        assert_eq!(quoted("a\"b\\c"), r#""a\"b\\c""#);
    }
}
