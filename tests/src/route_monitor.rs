//! Every moment in which a guest has no default route, by `ip monitor route` in the guest.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{
    guest::Guest,
    log::Log,
    wait::{SHORTLY, eventually},
};

/// A route of no use, by which one sees that the monitor runs.
const PROBE: &str = "2001:db8:ffff:ffff::ffff";

/// Records a guest's default routes as they come and go; the program is killed when this is dropped.
#[derive(Debug)]
pub struct RouteMonitor {
    child: Child,
    log: Log,
    guest: Guest,
    /// The default routes when the recording began, as in the lines of the monitor.
    before: Vec<String>,
}

impl RouteMonitor {
    /// Begins to record.
    #[must_use]
    pub fn start(guest: &Guest) -> Self {
        let mut command = Command::new("ip");
        command.args(["-n", guest.namespace().name(), "-6", "-o", "monitor", "route"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("ip can be started");
        let log = Log::default();
        log.collect(child.stdout.take().expect("stdout is piped"));
        let before = guest.default_routes().iter().map(|route| format!("via {}", route.gateway)).collect();
        let monitor = Self { child, log, guest: guest.clone(), before };
        monitor.wait_running();
        monitor
    }

    /// Returns the deletions so far that left the guest without a default route.
    #[must_use]
    pub fn absences(&self) -> Vec<String> {
        let mut present = self.before.clone();
        let mut absences = Vec::new();
        for line in self.log.lines() {
            let Some((deleted, gateway)) = default_route(&line) else { continue };
            present.retain(|route| *route != gateway);
            if !deleted {
                present.push(gateway);
            } else if present.is_empty() {
                absences.push(line);
            }
        }
        absences
    }

    /// The positive control: deletes the guest's default routes and waits until the monitor has seen it.
    pub fn expect_deletion_seen(&self) {
        let before = self.absences().len();
        for route in self.guest.default_routes() {
            self.guest.namespace().ip(&format!("-6 route delete default via {} dev {}", route.gateway, route.device));
        }
        eventually(SHORTLY, "the monitor to see a deletion", || (self.absences().len() > before).then_some(()));
    }

    /// Changes a route until the monitor, which needs a moment to open its socket, shows it.
    fn wait_running(&self) {
        let change = |what: &str| self.guest.namespace().ip(&format!("-6 route {what} blackhole {PROBE}"));
        eventually(Duration::from_secs(10), "the monitor to run", || {
            change("replace");
            self.log.lines().iter().any(|line| line.contains(PROBE)).then_some(())
        });
        change("delete");
    }
}

impl Drop for RouteMonitor {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Returns whether a line of the monitor is a deletion, and the gateway, if it is about a default route.
fn default_route(line: &str) -> Option<(bool, String)> {
    let (deleted, rest) = line.strip_prefix("Deleted ").map_or((false, line), |rest| (true, rest));
    let mut words = rest.strip_prefix("default ")?.split_whitespace();
    Some((deleted, format!("{} {}", words.next()?, words.next()?)))
}

#[cfg(test)]
mod tests {
    use super::default_route;

    #[test]
    fn a_line_is_about_a_default_route_or_not() {
        let of = |deleted, gateway: &str| Some((deleted, gateway.to_owned()));
        for (line, expected) in [
            ("default via fe80::1 dev eth0 proto ra metric 1024 expires 180sec pref medium", of(false, "via fe80::1")),
            ("Deleted default via fe80::1 dev eth0 proto ra metric 1024 pref medium", of(true, "via fe80::1")),
            ("Deleted fe80::/64 dev eth0 proto kernel metric 256 pref medium", None),
            ("blackhole 2001:db8::1 dev lo metric 1024 pref medium", None),
        ] {
            assert_eq!(default_route(line), expected, "{line}");
        }
    }
}
