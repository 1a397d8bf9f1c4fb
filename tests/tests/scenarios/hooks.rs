//! The hook scripts of `contrib/hooks`, called as each hypervisor calls them, on interfaces like those it
//! creates.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use autora_tests::{Capture, Daemon, Interface, Namespace, Tap, Veth};
use tempfile::TempDir;

use crate::bench::{AT_ONCE, FLOOR, SOON, live, prefix, retired};

/// The guest web1 has two routed interfaces. The target of a disk and a bridged interface are to be left
/// alone.
const DOMAIN: &str = "\
<domain type='kvm' id='3'>
  <name>web1</name>
  <devices>
    <disk type='file' device='disk'>
      <target dev='vda' bus='virtio'/>
    </disk>
    <interface type='bridge'>
      <source bridge='br0'/>
      <target dev='vnet2'/>
    </interface>
    <interface type='ethernet'>
      <mac address='52:54:00:12:34:56'/>
      <target dev='vnet3'/>
      <model type='virtio'/>
    </interface>
    <interface type='ethernet'>
      <mac address='52:54:00:12:34:57'/>
      <target dev='vnet4'/>
      <model type='virtio'/>
    </interface>
  </devices>
</domain>
";

#[test]
fn libvirt() {
    let scene = Scene::new("web1 2001:db8:0:1::/64\nweb1/1 2001:db8:0:2::/64\n");
    let [mut first, mut second, bridged] = ["vnet3", "vnet4", "vnet2"].map(|name| Tap::new(&scene.host, name));
    first.open();
    second.open();
    let domain = scene.folder.path().join("web1.xml");
    fs::write(&domain, DOMAIN).expect("room for a short file");
    let call = |operation: &str| {
        let mut hook = scene.hook("libvirt");
        hook.args(["web1", operation, "begin", "-"]).stdin(File::open(&domain).expect("just written"));
        // libvirt parses the output of a hook as XML.
        assert_eq!(scene.host.run(&mut hook), "");
    };
    let daemon = scene.daemon("^vnet[0-9]+$");
    let mut captures = [&first, &second].map(Tap::capture);
    assert_eq!(daemon.wait_not_served("vnet3", SOON), ["forwarding-off", "no-prefix"]);
    call("start");
    for capture in &mut captures {
        capture.expect_silence(AT_ONCE);
    }

    call("started");
    for (capture, number) in captures.iter_mut().zip(1..) {
        assert_eq!(live(&capture.expect_advert(AT_ONCE)), [prefix(number)]);
    }
    assert_eq!(daemon.served(bridged.interface.name()), 0);
    scene.again_and_then_another(&mut captures[0], "web1", &|| call("reconnect"));
}

#[test]
fn proxmox() {
    let scene = Scene::new("tap100i0 2001:db8:0:1::/64\n");
    let bridge = Interface::add(&scene.host, "vmbr0", "bridge");
    bridge.set("up");
    // As Proxmox creates them: in a bridge, without IPv6. The last two are not in the table; one is of guest
    // 1000.
    let taps = ["tap100i0", "tap100i1", "tap1000i0"].map(|name| {
        let mut tap = Tap::new(&scene.host, name);
        tap.interface.sysctl("disable_ipv6", 1);
        tap.interface.set("master vmbr0");
        tap.open();
        tap
    });
    let call = |phase: &str| drop(scene.host.run(scene.hook("proxmox").args(["100", phase])));
    let daemon = scene.daemon("^tap[0-9]+i[0-9]+$");
    let before = ["enslaved", "forwarding-off", "ipv6-disabled", "no-link-local", "no-prefix"];
    assert_eq!(daemon.wait_not_served("tap100i0", SOON), before);
    let mut capture = taps[0].capture();
    call("pre-start");
    capture.expect_silence(AT_ONCE);

    call("post-start");
    assert_eq!(live(&capture.expect_advert(AT_ONCE)), [prefix(1)]);
    for tap in &taps[1..] {
        assert_eq!(daemon.last_reasons(tap.interface.name()).expect("it is not served"), before);
    }
    scene.again_and_then_another(&mut capture, "tap100i0", &|| call("post-start"));
}

#[test]
fn qemu_alone() {
    let scene = Scene::new("tap-vm-1 2001:db8:0:1::/64\n");
    let mut tap = Tap::new(&scene.host, "tap-vm-1");
    // As QEMU creates it.
    tap.interface.set("down");
    tap.open();
    let call = || drop(scene.host.run(scene.hook("qemu-ifup").arg("tap-vm-1")));
    let daemon = scene.daemon("^tap-vm-[0-9]+$");
    let before = ["down", "forwarding-off", "no-link-local", "no-prefix"];
    assert_eq!(daemon.wait_not_served("tap-vm-1", SOON), before);
    let mut capture = tap.capture();

    call();
    assert_eq!(live(&capture.expect_advert(SOON)), [prefix(1)]);
    scene.again_and_then_another(&mut capture, "tap-vm-1", &call);
}

/// The command that the udev rule runs when an interface appears.
#[test]
fn lxd_and_incus() {
    let scene = Scene::new("ve-web1 2001:db8:0:1::/64\n");
    let guest = Namespace::quiet();
    let [link, other] = [("ve-web1", "g1"), ("ve-web2", "g2")]
        .map(|(host_end, guest_end)| Veth::new((&scene.host, host_end), (&guest, guest_end)));
    let rule = line_of("80-autora.rules", "RUN+=\"");
    let call = |name: &str| {
        let words = rule.trim_end_matches('"').replace("$name", name);
        drop(scene.host.run(&mut scene.command(&words)));
    };
    let daemon = scene.daemon("^ve-");
    assert_eq!(daemon.wait_not_served("ve-web1", SOON), ["forwarding-off", "no-prefix"]);
    let mut capture = Capture::on(&link.guest);
    call(other.host.name());
    capture.expect_silence(AT_ONCE);
    assert_eq!(daemon.served("ve-web2"), 0, "an interface without a line is left alone");

    call("ve-web1");
    assert_eq!(live(&capture.expect_advert(AT_ONCE)), [prefix(1)]);
    scene.again_and_then_another(&mut capture, "ve-web1", &|| call("ve-web1"));
}

/// A container's name that is too long for an interface becomes the interface's alternative name.
#[test]
fn systemd_nspawn() {
    let scene = Scene::new("a-container-of-that-name 2001:db8:0:1::/64\n");
    let guest = Namespace::quiet();
    let link = Veth::new((&scene.host, "ve-a-contaXa1b"), (&guest, "host0"));
    scene.host.ip("link property add dev ve-a-contaXa1b altname ve-a-container-of-that-name");
    let drop_in = line_of("systemd-nspawn.conf", "ExecStartPost=-");
    let call = || {
        let words = drop_in.replace("%i", "a-container-of-that-name");
        drop(scene.host.run(&mut scene.command(&words)));
    };
    let daemon = scene.daemon("^ve-");
    assert_eq!(daemon.wait_not_served(link.host.name(), SOON), ["forwarding-off", "no-prefix"]);
    let mut capture = Capture::on(&link.guest);

    call();
    assert_eq!(live(&capture.expect_advert(AT_ONCE)), [prefix(1)]);
    scene.again_and_then_another(&mut capture, "a-container-of-that-name", &call);
}

/// An error is reported with an exit code that is not 0, and before any change.
#[test]
fn an_invalid_table_is_reported_and_nothing_is_changed() {
    let scene = Scene::new("tap-vm-1 2001:db8:0:1::/56\ntap-vm-2 2001:db8:0:1::/64\ntap-vm-3 2001:db8:0:3::5/64");
    let [first, _, third] = ["tap-vm-1", "tap-vm-2", "tap-vm-3"].map(|name| Tap::new(&scene.host, name));
    let call = |name: &str| {
        let mut hook = scene.hook("qemu-ifup");
        let done = scene.host.enter(|| hook.arg(name).output()).expect("it can be started");
        (done.status.code(), String::from_utf8(done.stderr).expect("it writes text"))
    };
    let addresses = |tap: &Tap| scene.host.ip(&format!("-br address show dev {}", tap.interface.name()));
    let (code, says) = call("tap-vm-1");
    assert_eq!((code, says.contains("2001:db8:0:1::/56 is not a /64")), (Some(1), true), "{says}");
    assert!(!addresses(&first).contains("2001:db8"));
    let (code, says) = call("tap-vm-9");
    assert_eq!((code, says.contains("no line for it")), (Some(0), true), "{says}");
    first.interface.delete();
    let (code, says) = call("tap-vm-1");
    assert_eq!(code, Some(1), "{says}");
    // The last line has no newline, and an address instead of a prefix.
    assert_eq!(call("tap-vm-3"), (Some(0), String::new()));
    assert!(addresses(&third).contains("2001:db8:0:3::5/64"));
}

/// A host without any setting of the hypervisor, and a table of prefixes.
struct Scene {
    host: Namespace,
    folder: TempDir,
}

impl Scene {
    fn new(table: &str) -> Self {
        let host = Namespace::new("host");
        host.default_sysctls(&[("accept_dad", 0)]);
        let folder = TempDir::with_prefix("autora-test-").expect("a temporary directory can be made");
        fs::write(folder.path().join("prefixes"), table).expect("room for a short file");
        Self { host, folder }
    }

    /// Starts a daemon without unsolicited RAs but the initial burst, so that RAs have a cause in the
    /// scenario.
    fn daemon(&self, regex: &str) -> Daemon {
        let regex = format!("--interface-regex={regex}");
        Daemon::start(&self.host, &[&regex, "--min-ra-interval=1000s", "--max-ra-interval=1400s"])
    }

    fn hook(&self, name: &str) -> Command {
        let mut command = Command::new(hooks().join(name));
        command
            .env("AUTORA_PREFIXES", self.folder.path().join("prefixes"))
            .env("AUTORA_LINK", hooks().join("autora-link"));
        command
    }

    /// Returns a command as a service manager or udev runs it, with the hook's path replaced by the
    /// repository's.
    fn command(&self, words: &str) -> Command {
        let arguments = words.strip_prefix("/usr/local/lib/autora/autora-link ").expect("they call the hook");
        let mut command = self.hook("autora-link");
        command.args(arguments.split(' '));
        command
    }

    /// Checks that a second call of the hook changes nothing, and that another /64 in the table replaces the
    /// old one.
    fn again_and_then_another(&self, capture: &mut Capture, name: &str, call: &dyn Fn()) {
        call();
        capture.expect_silence(FLOOR);
        fs::write(self.folder.path().join("prefixes"), format!("{name} 2001:DB8:0:0009::/64 # moved\n"))
            .expect("room for a short file");
        call();
        let mut adverts = capture.adverts_within(FLOOR + AT_ONCE);
        let last = adverts.pop().expect("an advertisement after the change");
        assert_eq!((live(&last), retired(&last)), (vec![prefix(9)], vec![prefix(1)]), "{adverts:#?}");
        call();
        capture.expect_silence(FLOOR + Duration::from_secs(1));
    }
}

/// Returns the text after `key` in a file of the hooks.
fn line_of(file: &str, key: &str) -> String {
    let text = fs::read_to_string(hooks().join(file)).expect("a hook can be read");
    let found = text.lines().filter(|line| !line.starts_with('#')).find_map(|line| line.split_once(key));
    found.unwrap_or_else(|| panic!("{key} in {file}")).1.to_owned()
}

fn hooks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../contrib/hooks")
}
