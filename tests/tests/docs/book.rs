//! Reads the handbook's pages and splits them at their headings.

use std::{fs, path::PathBuf};

use autora_tests::workspace;

/// A page of the handbook or another Markdown file.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A heading and the text below it, up to the next heading of its rank or above.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) heading: &'a str,
    pub(crate) text: String,
}

/// Returns the folder of the pages.
pub(crate) fn source() -> PathBuf {
    workspace().join("contrib/docs/src")
}

/// Reads a page by its path below the book's source.
pub(crate) fn page(path: &str) -> Page {
    Page::read(source().join(path))
}

/// Reads all pages, the table of contents included.
pub(crate) fn pages() -> Vec<Page> {
    let mut folders = vec![source()];
    let mut pages = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the book").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(Page::read(path));
            }
        }
    }
    assert!(pages.len() > 10, "the book has pages");
    pages
}

impl Page {
    pub(crate) fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// Returns the lines outside of code blocks, in which a `#` begins a comment.
    pub(crate) fn prose(&self) -> impl Iterator<Item = &str> {
        let mut is_code = false;
        self.text.lines().filter(move |line| {
            let fence = line.trim_start().starts_with("```");
            is_code ^= fence;
            !is_code && !fence
        })
    }

    /// Returns its parts with headings of this rank.
    pub(crate) fn parts(&self, rank: usize) -> Vec<Part<'_>> {
        let mut parts: Vec<Part<'_>> = Vec::new();
        let mut open = false;
        let mut is_code = false;
        for line in self.text.lines() {
            is_code ^= line.trim_start().starts_with("```");
            let level = if is_code { 0 } else { line.bytes().take_while(|&byte| byte == b'#').count() };
            if (1..=rank).contains(&level) {
                open = level == rank;
                if open {
                    parts.push(Part { heading: line[level..].trim(), text: String::new() });
                    continue;
                }
            }
            if let Some(part) = parts.last_mut().filter(|_| open) {
                part.text += line;
                part.text.push('\n');
            }
        }
        parts
    }

    /// Returns the text below a heading of this rank. Panics if there is no such heading.
    pub(crate) fn part(&self, rank: usize, heading: &str) -> String {
        let mut parts = self.parts(rank).into_iter();
        let found = parts.find(|part| part.heading == heading);
        found.unwrap_or_else(|| panic!("{} has no heading '{heading}'", self.path.display())).text
    }
}
