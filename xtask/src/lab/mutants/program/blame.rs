//! Which mutants the compiler refuses, by the places that its errors name.

use std::collections::{BTreeMap, BTreeSet};

use super::switch::{CLOSING, OPENING};

/// Returns the mutants that explain errors in the output of the compiler. `sources` are by the paths that it prints.
///
/// Of an error the first place counts at which there are mutants: a constant that the compiler computes comes before
/// the function that it calls for it.
pub(super) fn refused(output: &str, sources: &BTreeMap<String, String>) -> BTreeSet<usize> {
    let blamed = |place: &Place<'_>| sources.get(place.file).map(|source| around(source, place)).unwrap_or_default();
    let explained =
        errors(output).into_iter().filter_map(|places| places.iter().map(blamed).find(|numbers| !numbers.is_empty()));
    explained.flatten().collect()
}

/// A place in the sources. Lines and columns count from 1.
#[derive(Debug, PartialEq, Eq)]
struct Place<'a> {
    file: &'a str,
    line: usize,
    column: usize,
}

/// Returns the places of each error.
fn errors(output: &str) -> Vec<Vec<Place<'_>>> {
    let (mut errors, mut is_error) = (Vec::new(), false);
    for line in output.lines() {
        if line.starts_with("error") || line.starts_with("warning") {
            is_error = line.starts_with("error");
            errors.push(Vec::new());
        } else if let (true, Some(places), Some(place)) = (is_error, errors.last_mut(), place(line)) {
            places.push(place);
        }
    }
    errors
}

/// Reads a line like `  --> autora/src/wire/hex.rs:15:38`.
fn place(line: &str) -> Option<Place<'_>> {
    let (_, place) = line.split_once("--> ").or_else(|| line.split_once("::: "))?;
    let (rest, column) = place.rsplit_once(':')?;
    let (file, line) = rest.rsplit_once(':')?;
    Some(Place { file, line: line.parse().ok()?, column: column.parse().ok()? })
}

/// Returns the mutants of the innermost text around a place that belongs to any.
fn around(source: &str, place: &Place<'_>) -> Vec<usize> {
    let before = source.split_inclusive('\n').take(place.line - 1).map(str::len).sum::<usize>();
    let line = source[before..].lines().next().unwrap_or_default();
    let column = line.char_indices().nth(place.column - 1).map_or(line.len(), |(at, _)| at);
    let mut open: Vec<Vec<usize>> = Vec::new();
    for (at, _) in source[..before + column].match_indices("/*") {
        let text = &source[at..];
        if text.starts_with(CLOSING) {
            open.pop();
        } else if let Some(numbers) = text.strip_prefix(OPENING).and_then(|text| text.split("*/").next()) {
            open.push(numbers.split(' ').filter_map(|number| number.parse().ok()).collect());
        }
    }
    open.pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "fn é() {\n    /*<1 2*/(if is(1) /*<1*/{ 1 }/*>*/ else { 2 })/*>*/ + é\n}\n";

    fn at(line: usize, column: usize) -> Vec<usize> {
        around(SOURCE, &Place { file: "a.rs", line, column })
    }

    #[test]
    fn an_error_blames_the_innermost_mutants_around_it() {
        assert_eq!(at(1, 4), []);
        assert_eq!(at(2, 13), [1, 2], "the choice");
        assert_eq!(at(2, 31), [1], "an alternative");
        assert_eq!(at(2, 46), [1, 2], "the code");
        assert_eq!(at(2, 58), []);
        assert_eq!(at(3, 1), []);
    }

    #[test]
    fn warnings_blame_none_and_notes_count() {
        let output = "warning: unused\n --> a.rs:2:31\nerror[E0080]: evaluation failed\n  --> b.rs:7:1\n   |\n\
                      note: inside `é`\n --> a.rs:2:13\nerror: could not compile\n";
        let sources = BTreeMap::from([("a.rs".to_owned(), SOURCE.to_owned())]);
        assert_eq!(refused(output, &sources), BTreeSet::from([1, 2]));
        assert_eq!(refused("error: a\n --> /rustc/core.rs:1:1\n", &sources), BTreeSet::new());
    }
}
