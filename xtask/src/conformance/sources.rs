//! The tests that there are, found in the sources: that needs no compiler and takes no time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The folders that a test's path may begin in.
const ROOTS: [&str; 5] = ["tests/tests", "autora/tests", "autora/src", "autora-common/src", "xtask/src"];

/// Where tests are looked for.
#[derive(Debug)]
pub(super) struct Sources {
    /// Every file, by its path from the workspace's root on, and what is in it.
    files: BTreeMap<PathBuf, String>,
    /// Macros of this workspace that make a test of each function that they are given.
    macros: BTreeSet<String>,
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
        let paths = ROOTS.iter().flat_map(|folder| files_below(&root.join(folder)));
        let files: BTreeMap<_, _> = paths
            .filter_map(|path| {
                let content = fs::read_to_string(&path).ok()?;
                Some((path.strip_prefix(root).ok()?.to_owned(), content))
            })
            .collect();
        let macros = files.values().flat_map(|source| macros_in(source)).collect();
        Self { files, macros }
    }

    /// Looks for `scenarios/ceasing::sigterm_withdraws_everywhere`, a file without its `.rs` and a test in it.
    pub(super) fn find(&self, test: &str) -> Result<Found, Missing> {
        let (module, name) = test.rsplit_once("::").ok_or(Missing::Form)?;
        let mut candidates = ROOTS.iter().map(|root| format!("{root}/{module}.rs"));
        let file = candidates.find(|file| self.files.contains_key(Path::new(file))).ok_or(Missing::File)?;
        if !self.is_declared(Path::new(&file)) {
            return Err(Missing::Undeclared);
        }
        match tests_in(&self.files[Path::new(&file)], &self.macros).get(name) {
            None => Err(Missing::Test),
            Some(Kind { conditional: true, .. }) => Err(Missing::Conditional),
            Some(&Kind { ignored, .. }) => Ok(Found { file, name: name.to_owned(), ignored }),
        }
    }

    /// Whether it is the root of a crate, or some file beside it declares it as a module.
    fn is_declared(&self, file: &Path) -> bool {
        let (Some(folder), Some(stem)) = (file.parent(), file.file_stem().and_then(|stem| stem.to_str()))
        else {
            return false;
        };
        if ["main", "lib"].contains(&stem) || folder == Path::new("tests/tests") {
            return true;
        }
        let declarations = [format!("mod {stem};"), format!("#[path = \"{stem}.rs\"]")];
        let declares = |source: &String| {
            let mut lines = source.lines().map(str::trim).filter(|line| !line.starts_with("//"));
            lines.any(|line| declarations.iter().any(|declaration| line.ends_with(declaration)))
        };
        let above = self.files.get(&folder.with_extension("rs"));
        let beside = self.files.iter().filter(|(path, _)| path.parent() == Some(folder));
        beside.map(|(_, source)| source).chain(above).any(declares)
    }
}

/// What the attributes of a test say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Kind {
    test: bool,
    ignored: bool,
    conditional: bool,
}

impl Kind {
    /// The same with one more line of attributes.
    fn with(self, line: &str) -> Self {
        Self {
            test: self.test || line == "#[test]" || line.starts_with("#[tokio::test"),
            ignored: self.ignored || line.starts_with("#[ignore"),
            conditional: self.conditional || line.starts_with("#[cfg"),
        }
    }
}

/// The functions marked as tests, inside of macros like `proptest!` as well, and those given to one of `macros`.
fn tests_in<'a>(source: &'a str, macros: &BTreeSet<String>) -> BTreeMap<&'a str, Kind> {
    let (mut tests, mut kind) = (BTreeMap::new(), None::<Kind>);
    let (mut in_attribute, mut in_comment, mut in_macro, mut in_call) = (false, false, false, false);
    for line in source.lines() {
        // The formatter has seen to it that a definition ends at the margin.
        in_macro = line.starts_with("macro_rules!") || in_macro && !line.starts_with('}');
        let line = line.trim();
        if in_macro {
            // What it is made of is no test yet.
        } else if in_comment || line.starts_with("/*") {
            in_comment = !line.ends_with("*/");
        } else if line.starts_with("//") {
            // Comments may stand between attributes.
        } else if in_attribute || line.starts_with("#[") {
            kind = Some(kind.unwrap_or_default().with(line));
            in_attribute = !line.ends_with(']');
        } else if let Some(names) = if in_call { Some(line) } else { arguments(line, macros) } {
            let names = names.split([',', ')', ';', ' ']).filter(|name| !name.is_empty());
            tests.extend(names.map(|name| (name, Kind { test: true, ..Kind::default() })));
            in_call = !line.ends_with(");");
        } else {
            let name = function_name(line);
            tests.extend(name.zip(kind.take()).filter(|(_, kind)| kind.test));
        }
    }
    tests
}

/// What the call of one of `macros` that begins on this line is given there.
fn arguments<'a>(line: &'a str, macros: &BTreeSet<String>) -> Option<&'a str> {
    let (name, arguments) = line.split_once("!(")?;
    macros.contains(name).then_some(arguments)
}

/// The macros that are defined here and make tests.
fn macros_in(source: &str) -> BTreeSet<String> {
    let definitions = source.split("\nmacro_rules! ").skip(1);
    definitions
        .filter_map(|definition| {
            let (name, rest) = definition.split_once(' ')?;
            let (body, _) = rest.split_once("\n}")?;
            body.lines().any(|line| line.trim() == "#[test]").then(|| name.to_owned())
        })
        .collect()
}

/// All files of a folder and of the folders in it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let below = |path: PathBuf| if path.is_dir() { files_below(&path) } else { vec![path] };
    entries.flat_map(|entry| below(entry.path())).collect()
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

twice!(given);

twice!(
    first,
    second,
);

other!(no_test);

macro_rules! twice {
    ($($name:ident),+) => {
        #[test]
        fn made_of_it() {}
    };
}
"#;
        let plain = Kind { test: true, ..Kind::default() };
        let expected = [
            ("elsewhere", Kind { conditional: true, ..plain }),
            ("first", plain),
            ("given", plain),
            ("plain", plain),
            ("property", plain),
            ("second", plain),
            ("slow", Kind { ignored: true, ..plain }),
            ("with_more", plain),
        ];
        let macros = macros_in(source);
        assert_eq!(macros, BTreeSet::from(["twice".to_owned()]));
        assert_eq!(tests_in(source, &macros), BTreeMap::from(expected));
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
