//! The name of an instance of the service `autora@.service`.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// The most bytes of a name: the path of its control socket has to fit into the 107 of `sockaddr_un` (`unix(7)`).
const MAX_LEN: usize = 107 - "/run/autora-/control.sock".len();

/// What stands between `@` and `.service` in the unit's name, as `%i` hands it on: part of the names of a file and of a
/// directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceName(String);

/// Why a text names no instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstanceNameError {
    /// A character that no unit's name has, or that cannot stand in a directory of the service.
    #[error("an instance's name has only ASCII letters, digits, and - _ . @ \\")]
    Character,
    /// A dot or two, which name other directories.
    #[error("an instance cannot be named . or ..")]
    Dots,
    /// No name, or one that is too long for the path of a socket.
    #[error("an instance's name has 1 to {MAX_LEN} characters")]
    Length,
}

impl InstanceName {
    /// Returns the path of the daemon's control socket.
    pub(super) fn control_socket(&self) -> PathBuf {
        PathBuf::from(format!("/run/autora-{}/control.sock", self.0))
    }

    /// Returns the instance whose daemon has its control socket at `path`, if one has.
    pub(super) fn of_socket(path: &Path) -> Option<Self> {
        let name = path.to_str()?.strip_prefix("/run/autora-")?.strip_suffix("/control.sock")?;
        name.parse().ok()
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// systemd allows a colon as well (`systemd.unit(5)`), but it separates directories in `$RUNTIME_DIRECTORY`.
impl FromStr for InstanceName {
    type Err = InstanceNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@\\".contains(c);
        match name {
            _ if !name.chars().all(is_allowed) => Err(InstanceNameError::Character),
            "." | ".." => Err(InstanceNameError::Dots),
            _ if name.is_empty() || name.len() > MAX_LEN => Err(InstanceNameError::Length),
            _ => Ok(Self(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_unit_and_a_directory_can_be_named() {
        let (longest, longer) = ("x".repeat(MAX_LEN), "x".repeat(MAX_LEN + 1));
        for (name, expected) in [
            ("customers", Ok("/run/autora-customers/control.sock")),
            (r"vm\x2d1", Ok(r"/run/autora-vm\x2d1/control.sock")),
            ("a@b_c.d-e9", Ok("/run/autora-a@b_c.d-e9/control.sock")),
            ("...", Ok("/run/autora-.../control.sock")),
            (".", Err(InstanceNameError::Dots)),
            ("..", Err(InstanceNameError::Dots)),
            ("", Err(InstanceNameError::Length)),
            (&longer, Err(InstanceNameError::Length)),
            ("a/b", Err(InstanceNameError::Character)),
            ("../x", Err(InstanceNameError::Character)),
            ("a:b", Err(InstanceNameError::Character)),
            ("a b", Err(InstanceNameError::Character)),
            ("g\u{e4}ste", Err(InstanceNameError::Character)),
        ] {
            let socket = name.parse().map(|name: InstanceName| name.control_socket());
            assert_eq!(socket, expected.map(PathBuf::from), "{name}");
        }
        for (path, expected) in [
            ("/run/autora-blue/control.sock", Some("blue")),
            ("/run/autora/control.sock", None),
            ("/run/autora-/control.sock", None),
            ("/run/autora-a/b/control.sock", None),
            ("/srv/autora-blue/control.sock", None),
        ] {
            let name = InstanceName::of_socket(Path::new(path)).map(|name| name.to_string());
            assert_eq!(name.as_deref(), expected, "{path}");
        }
        let socket = longest.parse::<InstanceName>().map(|name| name.control_socket().as_os_str().len());
        assert_eq!(socket, Ok(107));
    }
}
