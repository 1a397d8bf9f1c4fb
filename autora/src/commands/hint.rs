//! Words of hints about what to run next.

use std::path::Path;

use super::instance::InstanceName;

/// The control socket of the daemon of the service `autora`.
pub(super) const DEFAULT_SOCKET: &str = "/run/autora/control.sock";

/// Returns how the daemon that has its control socket at `path` is started.
pub(super) fn start(path: &Path) -> String {
    match InstanceName::of_socket(path) {
        Some(name) => format!("start the daemon (systemctl start {})", quoted(&format!("autora@{name}"))),
        None if path == Path::new(DEFAULT_SOCKET) => "start the daemon (systemctl start autora)".to_owned(),
        None => "start the daemon that has this --control-socket".to_owned(),
    }
}

/// Returns `word` so that a shell reads it as one.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./@".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_is_started_by_its_own_unit() {
        for (path, expected) in [
            (DEFAULT_SOCKET, "start the daemon (systemctl start autora)"),
            ("/run/autora-blue/control.sock", "start the daemon (systemctl start autora@blue)"),
            (r"/run/autora-a\x2d1/control.sock", r"start the daemon (systemctl start 'autora@a\x2d1')"),
            ("/srv/control.sock", "start the daemon that has this --control-socket"),
        ] {
            assert_eq!(start(Path::new(path)), expected);
        }
    }
}
