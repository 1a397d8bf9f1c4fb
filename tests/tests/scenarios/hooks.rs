//! The hook scripts of `contrib/hooks`, called as each hypervisor calls them, on interfaces like those it
//! creates.

use std::{
    fs::{self, File, Permissions},
    net::Ipv6Addr,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use autora_tests::{Capture, Daemon, Interface, Namespace, Tap, Veth};
use tempfile::TempDir;

use crate::bench::{AT_ONCE, FLOOR, SOON, live, prefix, retired};

/// The guest web1 has two routed interfaces. The target of a disk, a bridged interface and what a program
/// stored as metadata are to be left alone.
const DOMAIN: &str = "\
<domain type='kvm' id='3'>
  <name>web1</name>
  <metadata><tool:a xmlns:tool='http://example.org/tool'/></metadata>
  <metadata>
    <tool:copy xmlns:tool='http://example.org/tool'>
      <interface type='ethernet'>
        <target dev='vnet2'/>
      </interface>
    </tool:copy>
  </metadata>
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
        // AppArmor lets libvirtd's hooks read this file, and not execute it.
        hook.env("AUTORA_LINK", scene.readable_link());
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

/// LXC's two ways to call its script, for a link without a bridge: the bridge's name is empty, and a shell
/// drops it.
#[test]
fn lxc() {
    let scene = Scene::new("ve-web1 2001:db8:0:1::/64\n");
    let guest = Namespace::quiet();
    let [link, other] = [("ve-web1", "g1"), ("ve-web2", "g2")]
        .map(|(host_end, guest_end)| Veth::new((&scene.host, host_end), (&guest, guest_end)));
    let call = |arguments: &str| scene.host.run(scene.hook("lxc").args(arguments.split(' ')));
    let daemon = scene.daemon("^ve-");
    assert_eq!(daemon.wait_not_served("ve-web1", SOON), ["forwarding-off", "no-prefix"]);
    let mut capture = Capture::on(&link.guest);
    // LXC keeps standard output.
    assert!(call("web2 net up veth ve-web2").contains("ve-web2: "));
    capture.expect_silence(AT_ONCE);
    assert_eq!(daemon.served(other.host.name()), 0, "an interface without a line is left alone");

    assert_eq!(call("web1 net up veth ve-web1"), "");
    assert_eq!(live(&capture.expect_advert(AT_ONCE)), [prefix(1)]);
    scene.again_and_then_another(&mut capture, "ve-web1", &|| drop(call("veth ve-web1")));
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
    let [first, second, third] = ["tap-vm-1", "tap-vm-2", "tap-vm-3"].map(|name| Tap::new(&scene.host, name));
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
    second.interface.set("mtu 1000");
    let (code, says) = call("tap-vm-2");
    assert_eq!((code, says.contains("tap-vm-2 has no IPv6: its MTU is below 1280")), (Some(1), true), "{says}");
    // The last line has no newline, and an address instead of a prefix.
    assert_eq!(call("tap-vm-3"), (Some(0), String::new()));
    assert!(addresses(&third).contains("2001:db8:0:3::5/64"));
}

/// A third field of the table is a link-local address that the interface gets before its /64.
#[test]
fn a_link_local_address_in_the_table_is_the_source_of_the_first_ra() {
    let scene = Scene::new("tap-vm-1 2001:db8:0:1::/64 fe80::1 # migrates\ntap-vm-2 2001:db8:0:2::/64 # stays\n");
    let mut taps = ["tap-vm-1", "tap-vm-2"].map(|name| Tap::new(&scene.host, name));
    for tap in &mut taps {
        tap.open();
        tap.interface.wait_link_local();
    }
    let _daemon = scene.daemon("^tap-vm-[0-9]+$");
    let sources = [Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), taps[1].interface.link_local()];
    for (number, (tap, source)) in (1..).zip(taps.iter().zip(sources)) {
        let mut capture = tap.capture();
        let call = || scene.output(scene.hook("qemu-ifup").arg(tap.interface.name()));
        assert_eq!(call(), (Some(0), String::new(), String::new()));
        let advert = capture.expect_advert(AT_ONCE);
        assert_eq!((advert.source, live(&advert)), (source, vec![prefix(number)]));
        call();
        capture.expect_silence(FLOOR);
    }
}

#[test]
fn an_address_in_the_table_that_is_not_link_local_is_reported_and_nothing_is_changed() {
    for (field, expected) in [
        ("2001:db8::1", "2001:db8::1 is not a link-local address"),
        ("fe80::1/64", "fe80::1/64 is to have no length"),
        ("yes", "yes is not a link-local address"),
    ] {
        let scene = Scene::new(&format!("tap-vm-1 2001:db8:0:1::/64 {field}\n"));
        let tap = Tap::new(&scene.host, "tap-vm-1");
        let (code, _, errors) = scene.output(scene.hook("qemu-ifup").arg("tap-vm-1"));
        assert_eq!((code, errors.contains(expected)), (Some(1), true), "{field}: {errors}");
        let addresses = scene.host.ip(&format!("-br address show dev {}", tap.interface.name()));
        assert!(!addresses.contains("2001:db8"), "{addresses}");
    }
}

/// A name is never an option, a pattern or a command.
#[test]
fn hostile_names_are_names() {
    const NAMES: [&str; 6] = ["-r", "vm@1", "*", "$(id)", "a';id;'", "\\n"];
    let lines = NAMES.iter().zip(1..).map(|(name, number)| format!("{name} 2001:db8:0:{number}::/64"));
    let table: Vec<_> = lines.chain(["web1 2001:db8:0:9::/64".to_owned()]).collect();
    let scene = Scene::new(&table.join("\n"));
    let bridge = Interface::add(&scene.host, "br0", "bridge");
    let web1 = Tap::new(&scene.host, "web1");
    web1.interface.set("master br0");
    for (name, number) in NAMES.into_iter().zip(1..) {
        let tap = Tap::new(&scene.host, name);
        for (hook, arguments) in [("qemu-ifup", &[name][..]), ("lxc", &["web1", "net", "up", "veth", name])] {
            tap.interface.set("down");
            let done = scene.output(scene.hook(hook).args(arguments));
            assert_eq!(done, (Some(0), String::new(), String::new()), "{hook} {name}");
            let addresses = scene.host.ip(&format!("-br -6 address show dev {name}"));
            assert!(addresses.contains(&format!("2001:db8:0:{number}::1/64")), "{hook} {name}: {addresses}");
        }
    }
    // The guest that a tap named -r belongs to has the name of another one's interface.
    let domain = "<interface type='ethernet'>\n<target dev='-r'/>\n</interface>\n";
    let file = scene.file("domain.xml", domain);
    let mut hook = scene.hook("libvirt");
    hook.args(["web1", "started", "begin", "-"]).stdin(File::open(file).expect("just written"));
    assert_eq!(scene.output(&mut hook), (Some(0), String::new(), String::new()));
    let line = scene.host.ip("-o link show dev web1");
    assert!(line.contains(&format!("master {}", bridge.name())), "{line}");
}

/// Without `ip` nothing can be done, which each hook says where its hypervisor keeps it, with the exit code
/// that its hypervisor wants.
#[test]
fn a_missing_program_is_named() {
    let scene = Scene::new("vnet3 2001:db8:0:1::/64\nweb1 2001:db8:0:1::/64\ntap100i0 2001:db8:0:1::/64\n");
    let _tap = Tap::new(&scene.host, "vnet3");
    let mut cases = 0;
    for (hook, arguments, code) in [
        ("qemu-ifup", &["vnet3"][..], 1),
        ("autora-link", &["vnet3"], 1),
        ("lxc", &["web1", "net", "up", "veth", "vnet3"], 0),
        ("libvirt", &["web1", "started", "begin", "-"], 0),
        ("proxmox", &["100", "post-start"], 1),
    ] {
        for logger in [true, false] {
            let programs = scene.programs(if logger { &["sh", "sed", "logger"] } else { &["sh", "sed"] });
            let mut command = scene.hook(hook);
            command.args(arguments).env("PATH", programs.path());
            command.stdin(File::open(scene.file("domain.xml", DOMAIN)).expect("just written"));
            let (exit, output, errors) = scene.output(&mut command);
            assert_eq!(exit, Some(code), "{hook}: {output}{errors}");
            let kept = if hook == "lxc" { &output } else { &errors };
            assert!(kept.contains("the command ip is missing"), "{hook}: {output}{errors}");
            assert!(!kept.contains("logger"), "{hook}: {output}{errors}");
            // Proxmox has a log of its own for each task.
            let expected = logger && hook != "proxmox";
            assert_eq!(scene.logged().contains("the command ip is missing"), expected, "{hook}");
            cases += 1;
        }
    }
    assert_eq!(cases, 10);
}

/// libvirt and LXC would not start the guest if the hook failed.
#[test]
fn a_missing_autora_link_is_named_and_guests_start() {
    let scene = Scene::new("");
    for (hook, arguments) in
        [("libvirt", ["web1", "started", "begin", "-", ""]), ("lxc", ["web1", "net", "up", "veth", "ve-web1"])]
    {
        let mut command = scene.hook(hook);
        command.args(arguments).env("AUTORA_LINK", "/nowhere/autora-link").stdin(Stdio::null());
        let (exit, output, errors) = scene.output(&mut command);
        let kept = if hook == "lxc" { &output } else { &errors };
        assert_eq!((exit, kept.contains("cannot read /nowhere/autora-link")), (Some(0), true), "{output}{errors}");
        assert!(scene.logged().contains("cannot read /nowhere/autora-link"), "{hook}");
    }
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

    /// Returns a hook whose logger(1) is a stand-in.
    fn hook(&self, name: &str) -> Command {
        let mut command = Command::new(hooks().join(name));
        let path = std::env::var("PATH").expect("tests have programs");
        self.stand_in(self.folder.path());
        command
            .env("PATH", format!("{}:{path}", self.folder.path().display()))
            .env("AUTORA_PREFIXES", self.folder.path().join("prefixes"))
            .env("AUTORA_LINK", hooks().join("autora-link"));
        command
    }

    /// Makes a logger(1) that appends to a file.
    fn stand_in(&self, folder: &Path) {
        let text = format!("#!/bin/sh\nwhile read -r line; do echo \"$* $line\"; done >>{}\n", self.log().display());
        let file = folder.join("logger");
        fs::write(&file, text).expect("room for a short file");
        fs::set_permissions(&file, Permissions::from_mode(0o755)).expect("it is the test's own");
    }

    /// Returns a folder with nothing but these programs.
    fn programs(&self, names: &[&str]) -> TempDir {
        let folder = TempDir::with_prefix("autora-test-").expect("a temporary directory can be made");
        for name in names {
            match *name {
                "logger" => self.stand_in(folder.path()),
                _ => symlink(Path::new("/bin").join(name), folder.path().join(name)).expect("the folder is empty"),
            }
        }
        folder
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Returns what was logged since the last call, under autora's tag.
    fn logged(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        drop(fs::remove_file(self.log()));
        assert!(text.lines().all(|line| line.starts_with("-t autora ")), "{text}");
        text
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        fs::write(&file, text).expect("room for a short file");
        file
    }

    /// Returns a copy of autora-link that no one can execute.
    fn readable_link(&self) -> PathBuf {
        let text = fs::read_to_string(hooks().join("autora-link")).expect("a hook can be read");
        self.file("readable-link", &text)
    }

    /// Returns exit code, output and errors.
    fn output(&self, command: &mut Command) -> (Option<i32>, String, String) {
        let done = self.host.enter(|| command.output()).expect("it can be started");
        let [output, errors] = [done.stdout, done.stderr].map(|text| String::from_utf8(text).expect("it writes text"));
        (done.status.code(), output, errors)
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
