//! `cargo xtask documents`: README, handbook and the other documents as the Debian package has them, in
//! target/documents.
//!
//! The package has other folders than the checkout, and no sources. So in its documents links lead to what it has, a
//! link to anything else is text, and commands name the package's examples.

use std::{
    fs,
    path::{Component, Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{process, ui, workspace::Workspace};

/// The package's folder of documents.
const FOLDER: &str = "usr/share/doc/autora";

/// The documents: path in the checkout, name in the package's folder.
const DOCUMENTS: [(&str, &str); 5] = [
    ("README.md", "README.md"),
    ("SECURITY.md", "SECURITY.md"),
    ("ARCHITECTURE.md", "ARCHITECTURE.md"),
    ("CONFORMANCE.md", "CONFORMANCE.md"),
    ("contrib/docs/src", "handbook"),
];

/// Writes the documents.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let layout = Layout::read(workspace.root())?;
    let target = workspace.documents();
    remove(&target)?;
    for file in documents(workspace.root())? {
        let place = target.join(layout.place(&file).context("a document has its place")?);
        fs::create_dir_all(place.parent().context("a file is in a folder")?)?;
        fs::write(place, layout.adapted(workspace.root(), &file)?)?;
    }
    ui::note(&format!("written to {}", workspace.display(&target)));
    Ok(())
}

/// Fails with every link between the documents of a package that leads to nothing in it.
pub(crate) fn check(workspace: &Workspace, package: &Path) -> Result<()> {
    let content = workspace.target().join("package-content");
    remove(&content)?;
    process::run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&content))?;
    let dead = dead_links(&content.join(FOLDER))?;
    remove(&content)?;
    ensure!(dead.is_empty(), "links in the package's documents lead to nothing in it:\n  {}", dead.join("\n  "));
    Ok(())
}

fn dead_links(folder: &Path) -> Result<Vec<String>> {
    let mut dead = Vec::new();
    for page in files(folder)?.into_iter().filter(|file| is_page(file)) {
        let text = fs::read_to_string(&page)?;
        let lost = targets(&text).filter(|target| followed(&page, target).is_some_and(|file| !file.exists()));
        dead.extend(lost.map(|target| format!("{}: {target}", page.display())));
    }
    Ok(dead)
}

/// Where the package has what the checkout has.
#[derive(Debug)]
struct Layout {
    /// Paths in the checkout, and below the package's folder.
    places: Vec<(PathBuf, PathBuf)>,
    /// The folders of examples: their paths in the checkout, and on a host that has the package.
    examples: Vec<(String, String)>,
}

impl Layout {
    fn read(root: &Path) -> Result<Self> {
        let list = fs::read_to_string(root.join("debian/autora.examples")).context("debian/autora.examples")?;
        let examples: Vec<_> = list.lines().filter_map(|from| Some((from, from.strip_prefix("contrib/")?))).collect();
        ensure!(!examples.is_empty(), "debian/autora.examples has no folder of contrib");
        let documents = DOCUMENTS.map(|(from, to)| (from.into(), to.into()));
        let folders = examples.iter().map(|(from, name)| (from.into(), Path::new("examples").join(name)));
        let named = |(from, name): &(&str, &str)| ((*from).to_owned(), format!("/{FOLDER}/examples/{name}"));
        Ok(Self {
            places: documents.into_iter().chain(folders).collect(),
            examples: examples.iter().map(named).collect(),
        })
    }

    /// Returns where the package has a file or folder of the checkout.
    fn place(&self, path: &Path) -> Option<PathBuf> {
        self.places.iter().find_map(|(from, to)| match path.strip_prefix(from).ok()? {
            rest if rest.as_os_str().is_empty() => Some(to.clone()),
            rest => Some(to.join(rest)),
        })
    }

    /// Returns the content that a document of the checkout has in the package.
    fn adapted(&self, root: &Path, file: &Path) -> Result<Vec<u8>> {
        let content = fs::read(root.join(file)).with_context(|| format!("cannot read {}", file.display()))?;
        if !is_page(file) {
            return Ok(content);
        }
        let text = String::from_utf8(content).context("a page is text")?;
        let linked = relinked(&text, |target| self.target(file, target));
        let named = self.examples.iter().fold(linked, |text, (from, to)| text.replace(from, to));
        Ok(named.into_bytes())
    }

    /// Returns the target that a link of a page has in the package, `None` if the package does not have it.
    fn target(&self, page: &Path, target: &str) -> Option<String> {
        let Some(file) = followed(page, target) else { return Some(target.to_owned()) };
        let (page, file) = (self.place(page)?, self.place(&file)?);
        let anchor = target.find('#').map_or("", |start| &target[start..]);
        Some(format!("{}{anchor}", relative(page.parent()?, &file).display()))
    }
}

/// Returns a page with other targets of its links; a link without one becomes its text.
fn relinked(text: &str, target: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = text.split("](");
    let mut page = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (old, rest) = part.split_once(')').unwrap_or((part, ""));
        if let Some(new) = target(old) {
            page.extend(["](", &new, ")"]);
        } else if let Some(bracket) = page.rfind('[') {
            page.remove(bracket);
        }
        page += rest;
    }
    page
}

/// Returns the targets of a page's links.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|part| part.split_once(')')).map(|(target, _)| target)
}

/// Returns the file to which a link of a page leads; `None` if that is the page itself, or not a file.
fn followed(page: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split('#').next().filter(|path| !path.is_empty() && !path.contains("://"))?;
    Some(plain(&page.parent()?.join(path)))
}

/// Returns a path without `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
        plain
    })
}

/// Returns the path of a file as seen from a folder.
fn relative(folder: &Path, file: &Path) -> PathBuf {
    let common = folder.components().zip(file.components()).take_while(|(one, other)| one == other).count();
    let up = folder.components().skip(common).map(|_| Component::ParentDir);
    up.chain(file.components().skip(common)).collect()
}

/// Returns the documents of the checkout, as paths in it.
fn documents(root: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for (document, _) in DOCUMENTS {
        for file in files(&root.join(document))? {
            all.push(file.strip_prefix(root)?.to_owned());
        }
    }
    Ok(all)
}

/// Returns the files of a folder and of those in it, or the file that `path` is.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let inside = entries.map(|entry| files(&entry?.path())).collect::<Result<Vec<_>>>()?;
    Ok(inside.concat())
}

fn is_page(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "md")
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn layout() -> (PathBuf, Layout) {
        let root = Workspace::locate().root().to_owned();
        let layout = Layout::read(&root).expect("the lists are readable");
        (root, layout)
    }

    #[test]
    fn links_lead_to_what_the_package_has() {
        let (_, layout) = layout();
        for (page, link, expected) in [
            ("README.md", "[x](contrib/docs/src/guard.md)", "[x](handbook/guard.md)"),
            ("README.md", "![x](contrib/docs/src/bench.svg)", "![x](handbook/bench.svg)"),
            ("README.md", "[x](#install), [y](https://a.example/b)", "[x](#install), [y](https://a.example/b)"),
            ("contrib/docs/src/recipes/lxc.md", "[x](../guard.md#check)", "[x](../guard.md#check)"),
            ("contrib/docs/src/recipes/lxc.md", "[x](../../../../README.md#a)", "[x](../../README.md#a)"),
            ("contrib/docs/src/guard.md", "[x](../../api/v1.schema.json)", "[x](../examples/api/v1.schema.json)"),
            ("CONFORMANCE.md", "[`x`](tests/a.rs)<br>[y](SECURITY.md)", "`x`<br>[y](SECURITY.md)"),
            ("README.md", "[x](LICENSE) [y](SECURITY.md)", "x [y](SECURITY.md)"),
        ] {
            assert_eq!(relinked(link, |target| layout.target(Path::new(page), target)), expected, "{page}");
        }
    }

    /// The documents as they are: a link that is kept leads to another document, or to an example that is there.
    #[test]
    fn every_link_of_the_packages_documents_leads_to_a_file_of_the_package() {
        let (root, layout) = layout();
        let documents = documents(&root).expect("they are readable");
        let mut packaged: BTreeSet<_> = documents.iter().map(|file| layout.place(file).expect("a place")).collect();
        for (from, to) in layout.places.iter().filter(|(_, to)| to.starts_with("examples")) {
            let files = files(&root.join(from)).expect("there are examples");
            packaged
                .extend(files.iter().map(|file| to.join(file.strip_prefix(root.join(from)).expect("it is inside"))));
        }
        let mut followed_links = 0;
        for file in documents.iter().filter(|file| is_page(file)) {
            let page = layout.place(file).expect("a place");
            let text = String::from_utf8(layout.adapted(&root, file).expect("it is readable")).expect("it is text");
            for target in targets(&text).filter_map(|target| followed(&page, target)) {
                assert!(packaged.contains(&target), "{}: {}", page.display(), target.display());
                followed_links += 1;
            }
            assert!(!text.contains("contrib/hooks") && !text.contains("contrib/nftables"), "{}", page.display());
        }
        assert!(followed_links > 100, "{followed_links} links were followed");
    }
}
