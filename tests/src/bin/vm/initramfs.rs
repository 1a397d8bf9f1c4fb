//! Builds a root file system in memory: an archive in cpio's format "newc"
//! (Documentation/driver-api/early-userspace/buffer-format.rst).

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

const DIRECTORY: u32 = 0o040_755;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_777;

/// Name of the record that ends an archive.
const TRAILER: &str = "TRAILER!!!";

/// An archive that is being built.
#[derive(Debug, Default)]
pub(crate) struct Initramfs {
    bytes: Vec<u8>,
    /// The paths in it, folders and links included.
    there: BTreeSet<PathBuf>,
}

impl Initramfs {
    /// Adds a file under an absolute path, and its parent folders.
    pub(crate) fn file(&mut self, path: &Path, mode: u32, contents: &[u8]) {
        self.add(inside(path), REGULAR | mode, contents);
    }

    /// Adds a place of another root under the same path, with all that is below it; nothing if that root has no such
    /// place. What is there already stays.
    pub(crate) fn tree(&mut self, root: &Path, place: &Path) -> Result<()> {
        let from = root.join(place);
        let found = match from.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            found => found.with_context(|| format!("cannot read {}", from.display()))?,
        };
        if found.is_symlink() {
            self.add(place, LINK, fs::read_link(&from)?.as_os_str().as_bytes());
        } else if found.is_dir() {
            self.folder(place);
            for entry in fs::read_dir(&from)? {
                self.tree(root, &place.join(entry?.file_name()))?;
            }
        } else {
            self.copy(&from, &Path::new("/").join(place))?;
        }
        Ok(())
    }

    /// Adds one of this machine's files.
    pub(crate) fn copy(&mut self, from: &Path, to: &Path) -> Result<()> {
        let contents = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        let mode = fs::metadata(from)?.permissions().mode() & 0o777;
        self.file(to, mode, &contents);
        Ok(())
    }

    /// Adds one of this machine's programs with its libraries.
    pub(crate) fn program(&mut self, from: &Path, to: &Path) -> Result<()> {
        self.copy(from, to)?;
        let output = Command::new("ldd").arg(from).env("LC_ALL", "C").output().context("cannot run ldd")?;
        for library in libraries(&String::from_utf8_lossy(&output.stdout)) {
            self.copy(library, library)?;
        }
        Ok(())
    }

    fn add(&mut self, inside: &Path, mode: u32, contents: &[u8]) {
        self.folder(inside.parent().expect("it is not the root itself"));
        if self.there.insert(inside.to_owned()) {
            self.record(inside, mode, contents);
        }
    }

    /// Adds a folder and those above it. A link that is there counts as one.
    fn folder(&mut self, inside: &Path) {
        let folders: Vec<_> = inside.ancestors().filter(|folder| !folder.as_os_str().is_empty()).collect();
        for folder in folders.into_iter().rev() {
            if self.there.insert(folder.to_owned()) {
                self.record(folder, DIRECTORY, &[]);
            }
        }
    }

    /// Returns the whole archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.record(Path::new(TRAILER), 0, &[]);
        self.bytes
    }

    /// Appends a header of fields in hex with the name, and the contents; both are padded to four bytes.
    fn record(&mut self, name: &Path, mode: u32, contents: &[u8]) {
        let name = name.to_str().expect("names of files are plain here");
        let inode = self.there.len();
        let (size, name_size) = (contents.len(), name.len() + 1);
        let (user, group, links, modified, major, minor, check) = (0, 0, 1, 0, 0, 0, 0);
        let header = format!(
            "070701{inode:08x}{mode:08x}{user:08x}{group:08x}{links:08x}{modified:08x}{size:08x}\
             {major:08x}{minor:08x}{major:08x}{minor:08x}{name_size:08x}{check:08x}{name}\0"
        );
        for part in [header.as_bytes(), contents] {
            self.bytes.extend(part);
            self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        }
    }
}

/// Returns an absolute path as an archive has it.
fn inside(path: &Path) -> &Path {
    path.strip_prefix("/").expect("paths of a root are absolute")
}

/// Returns the files in ldd's output: `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)`, or without a
/// name.
fn libraries(output: &str) -> impl Iterator<Item = &Path> {
    output
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .filter(|word| !word.ends_with(':'))
        .map(Path::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_holds_folders_once_and_before_what_is_in_them() {
        let mut archive = Initramfs::default();
        archive.file(Path::new("/usr/bin/one"), 0o755, b"12345");
        archive.file(Path::new("/usr/bin/two"), 0o644, b"");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8(bytes).unwrap();
        let at = |name: &str| text.find(&format!("{name}\0")).unwrap();
        assert!(at("usr") < at("usr/bin") && at("usr/bin") < at("usr/bin/one") && at("usr/bin/two") < at(TRAILER));
        assert_eq!(text.matches("070701").count(), 5);
        assert!(text.contains("000081ed"), "mode of a program");
    }

    #[test]
    fn a_tree_keeps_links_and_what_was_there_before_it() {
        let root = tempfile::tempdir().expect("made");
        fs::create_dir_all(root.path().join("usr/bin/empty")).expect("made");
        fs::write(root.path().join("usr/bin/sh"), "a shell").expect("written");
        std::os::unix::fs::symlink("usr/bin", root.path().join("bin")).expect("made");
        let mut archive = Initramfs::default();
        archive.file(Path::new("/usr/bin/sh"), 0o755, b"another one");
        for place in ["bin", "usr/bin", "lib"] {
            archive.tree(root.path(), Path::new(place)).expect("readable");
        }
        // Through the link: no folder takes its place.
        archive.file(Path::new("/bin/busybox"), 0o755, b"");
        let names = archive.there.iter().map(|path| path.to_str().expect("text"));
        assert_eq!(names.collect::<Vec<_>>(), ["bin", "bin/busybox", "usr", "usr/bin", "usr/bin/empty", "usr/bin/sh"]);
        let text = String::from_utf8(archive.finish()).expect("text");
        assert_eq!(text.matches("070701").count(), 7, "six records and the last one");
        assert!(text.contains("0000a1ff") && text.contains("bin\0\0\0usr/bin"), "a link and where it leads");
        assert!(text.contains("another one") && !text.contains("a shell"));
    }

    #[test]
    fn libraries_are_found_in_the_output_of_ldd() {
        let output = "\tlinux-vdso.so.1 (0x00007ffc)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x7f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x7f)\n";
        let found: Vec<_> = libraries(output).collect();
        assert_eq!(found, [Path::new("/lib/x86_64-linux-gnu/libc.so.6"), Path::new("/lib64/ld-linux-x86-64.so.2")]);
        assert_eq!(libraries("\tstatically linked\n").count(), 0);
    }
}
