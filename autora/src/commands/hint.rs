//! Words of hints about what to run next.

use std::path::Path;

use super::instance::InstanceName;
use crate::{config::DEFAULT_SOCKET, diagnosis::Shell};

/// Returns how the daemon that has its control socket at `path` is started.
pub(super) fn start(path: &Path) -> String {
    match InstanceName::of_socket(path) {
        Some(name) => format!("start the daemon ({})", start_of(&format!("autora@{name}"))),
        None if path == Path::new(DEFAULT_SOCKET) => format!("start the daemon ({})", start_of("autora")),
        None => "start the daemon that has this --control-socket".to_owned(),
    }
}

fn start_of(unit: &str) -> Shell {
    Shell::of(["systemctl", "start", unit])
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
