//! The commands that let a host forward.

use autora_tests::workspace;

use crate::book::{self, Page};

/// A host whose default route comes by RA loses it if it forwards before its uplink takes RAs all the same.
#[test]
fn the_uplink_goes_on_taking_ras_before_the_host_forwards() {
    let file = "/etc/sysctl.d/60-forwarding.conf";
    for page in [Page::read(workspace().join("README.md")), book::page("quick-start.md")] {
        let at = |line: &str| page.text.find(line).unwrap_or_else(|| panic!("{}: {line}", page.path.display()));
        let steps = [
            at(&format!("echo 'net.ipv6.conf.eth0.accept_ra = 2' > {file}")),
            at(&format!("echo 'net.ipv6.conf.all.forwarding = 1' >> {file}")),
            at(&format!("sysctl -p {file}")),
        ];
        assert!(steps.is_sorted(), "{}", page.path.display());
        assert!(page.text.find("loses it").is_some_and(|warning| warning < steps[0]), "{}", page.path.display());
        assert!(!page.text.contains("-w net.ipv6.conf.all"), "{}: until the next boot", page.path.display());
    }
}
