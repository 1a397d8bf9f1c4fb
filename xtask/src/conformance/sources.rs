//! The tests that there are, found in the sources: that needs no compiler and takes no time.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The folders that a test's path may begin in.
const ROOTS: [&str; 4] = ["tests/tests", "autora/src", "autora-common/src", "xtask/src"];

/// Where tests are looked for.
#[derive(Debug)]
pub(super) struct Sources {
    root: PathBuf,
}

/// Why a name is not that of a test that is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is not of the form `path/of/file::name`.
    Form,
    /// No such file under any of the roots.
    File,
    /// The file is there, but no module declares it.
    Undeclared,
    /// The file has no test of that name.
    Test,
    /// It is not compiled everywhere.
    Conditional,
}

/// A test that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its file, from the workspace's root on.
    pub(super) file: String,
    pub(super) name: String,
    /// Whether it only runs when it is asked for.
    pub(super) ignored: bool,
}

impl Sources {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Looks for `scenarios/ceasing::sigterm_withdraws_everywhere`, a file without its `.rs` and a test in it.
    pub(super) fn find(&self, test: &str) -> Result<Found, Missing> {
        let (module, name) = test.rsplit_once("::").ok_or(Missing::Form)?;
        let file = ROOTS.iter().map(|root| format!("{root}/{module}.rs"));
        let file = file.into_iter().find(|file| self.root.join(file).is_file()).ok_or(Missing::File)?;
        if !self.is_declared(&file) {
            return Err(Missing::Undeclared);
        }
        let source = fs::read_to_string(self.root.join(&file)).map_err(|_| Missing::File)?;
        match tests_in(&source).get(name) {
            None => Err(Missing::Test),
            Some(Kind { conditional: true, .. }) => Err(Missing::Conditional),
            Some(&Kind { ignored, .. }) => Ok(Found { file, name: name.to_owned(), ignored }),
        }
    }

    /// Whether it is the root of a crate, or some file beside it declares it as a module.
    fn is_declared(&self, file: &str) -> bool {
        let path = self.root.join(file);
        let (Some(folder), Some(stem)) = (path.parent(), path.file_stem().and_then(|stem| stem.to_str()))
        else {
            return false;
        };
        let is_root = ["main", "lib"].contains(&stem) || folder == self.root.join("tests/tests");
        let beside =
            fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
        let declarations = [format!("mod {stem};"), format!("#[path = \"{stem}.rs\"]")];
        is_root
            || beside.chain([folder.with_extension("rs")]).any(|sibling| {
                let source = fs::read_to_string(sibling).unwrap_or_default();
                let mut lines = source.lines().map(str::trim).filter(|line| !line.starts_with("//"));
                lines.any(|line| declarations.iter().any(|declaration| line.ends_with(declaration)))
            })
    }
}

/// What the attributes of a test say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Kind {
    ignored: bool,
    conditional: bool,
}

/// The functions marked as tests, inside of macros like `proptest!` as well, by name.
fn tests_in(source: &str) -> BTreeMap<&str, Kind> {
    let mut tests = BTreeMap::new();
    let (mut is_test, mut kind) = (false, Kind::default());
    let (mut in_attribute, mut in_comment) = (false, false);
    for line in source.lines().map(str::trim) {
        if in_comment || line.starts_with("/*") {
            in_comment = !line.ends_with("*/");
        } else if line.starts_with("//") {
            // Comments may stand between attributes.
        } else if in_attribute || line.starts_with("#[") {
            is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
            kind.ignored |= line.starts_with("#[ignore");
            kind.conditional |= line.starts_with("#[cfg");
            in_attribute = !line.ends_with(']');
        } else {
            if let Some(name) = function_name(line).filter(|_| is_test) {
                tests.insert(name, kind);
            }
            (is_test, kind) = (false, Kind::default());
        }
    }
    tests
}

fn function_name(line: &str) -> Option<&str> {
    let rest = ["pub(crate) ", "pub ", "async "]
        .iter()
        .fold(line, |line, word| line.strip_prefix(word).unwrap_or(line));
    let (name, _) = rest.strip_prefix("fn ")?.split_once(['(', '<'])?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_from_other_functions() {
        let source = r#"
fn helper() {}

#[test]
fn plain() {}

/// Why.
#[test]
// A comment.
#[expect(
    clippy::unwrap_used,
    reason = "it is a test"
)]
fn with_more() {}

#[test]
#[ignore = "takes an hour"]
fn slow() {}

#[cfg(target_arch = "s390x")]
#[test]
fn elsewhere() {}

// #[test]
fn commented_out() {}

/*
#[test]
fn in_a_comment() {}
*/

proptest! {
    #[test]
    fn property(
        seed: u64,
    ) {}
}

#[test]
const NOT_A_FUNCTION: u8 = 0;
fn after_it() {}
"#;
        let ignored = Kind { ignored: true, ..Kind::default() };
        let conditional = Kind { conditional: true, ..Kind::default() };
        let expected = [
            ("elsewhere", conditional),
            ("plain", Kind::default()),
            ("property", Kind::default()),
            ("slow", ignored),
            ("with_more", Kind::default()),
        ];
        assert_eq!(tests_in(source), BTreeMap::from(expected));
    }

    #[test]
    fn names_lead_to_files_that_are_compiled() {
        let root = std::env::temp_dir().join(format!("xtask-sources-{}", std::process::id()));
        let file = |path: &str, content: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
        };
        let test = "#[test]\nfn one() {}\n";
        file("tests/tests/scenarios/main.rs", "mod known;\n// mod unknown;\n");
        file("tests/tests/scenarios/known.rs", test);
        file("tests/tests/scenarios/unknown.rs", test);
        file("tests/tests/harness.rs", test);
        file("autora/src/config.rs", "#[cfg(test)]\n#[path = \"config_tests.rs\"]\nmod tests;\n");
        file("autora/src/config_tests.rs", test);
        file("autora/src/sys/decode.rs", "#[cfg(test)]\nmod tests;\n");
        file("autora/src/sys/decode/tests.rs", test);
        let sources = Sources::new(&root);
        for (test, expected) in [
            ("scenarios/known::one", Ok("tests/tests/scenarios/known.rs")),
            ("harness::one", Ok("tests/tests/harness.rs")),
            ("config_tests::one", Ok("autora/src/config_tests.rs")),
            ("sys/decode/tests::one", Ok("autora/src/sys/decode/tests.rs")),
            ("scenarios/known::two", Err(Missing::Test)),
            ("scenarios/unknown::one", Err(Missing::Undeclared)),
            ("scenarios/none::one", Err(Missing::File)),
            ("one", Err(Missing::Form)),
        ] {
            let found = sources.find(test);
            assert_eq!(
                found.as_ref().map(|found| found.file.as_str()).map_err(|&why| why),
                expected,
                "{test}"
            );
        }
        fs::remove_dir_all(root).expect("removed");
    }
}
