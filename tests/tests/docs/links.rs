//! Checks links between pages, and to other files of the repository.

use std::{collections::BTreeSet, fs, path::Path};

use autora_tests::workspace;

use crate::book::{self, Page};

#[test]
fn every_link_has_a_target() {
    let mut checked = 0;
    let others = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"]
        .map(|name| Page::read(workspace().join(name)));
    for page in book::pages().iter().chain(&others) {
        for target in page.prose().flat_map(targets) {
            if !target.contains("://") {
                check(page, target);
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "{checked} links were found");
}

#[test]
fn the_table_of_contents_has_every_page() {
    let summary = book::page("SUMMARY.md");
    let listed: BTreeSet<_> = summary.prose().flat_map(targets).map(|path| book::source().join(path)).collect();
    let mut pages: BTreeSet<_> = book::pages().into_iter().map(|page| page.path).collect();
    pages.remove(&summary.path);
    assert_eq!(listed, pages);
}

/// Returns the targets of the links in a line.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

fn check(page: &Page, target: &str) {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = page.path.parent().expect("a page is in a folder");
    let file = if path.is_empty() { page.path.clone() } else { folder.join(path) };
    let about = format!("{}: {target}", page.path.display());
    assert!(file.exists(), "{about}: {} does not exist", file.display());
    if !anchor.is_empty() {
        let anchors = anchors(&file);
        assert!(anchors.contains(anchor), "{about}: not among {anchors:?}");
    }
}

/// Returns the anchors that mdBook and forges derive from headings.
fn anchors(file: &Path) -> BTreeSet<String> {
    let page = Page { path: file.to_owned(), text: fs::read_to_string(file).expect("a page is text") };
    let headings = page.prose().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = |&c: &char| c.is_alphanumeric() || c == ' ' || c == '-' || c == '_';
            heading.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
        })
        .collect()
}
