//! Interfaces and the links between namespaces.

use std::{
    fmt::{self, Display},
    fs,
    io::{self, Write},
    net::Ipv6Addr,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crate::{namespace::Namespace, wait::eventually};

/// Long enough for the kernel to detect the carrier and, where a test enables it, duplicate addresses.
const LINK_LOCAL_TIMEOUT: Duration = Duration::from_secs(15);

/// `IFA_F_TENTATIVE` and `IFA_F_DADFAILED`.
const UNUSABLE: u8 = 0x40 | 0x08;

/// A link-layer address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Ethernet destination of `ff02::1` ([RFC 2464 7](https://www.rfc-editor.org/rfc/rfc2464#section-7)).
    pub const ALL_NODES: Self = Self([0x33, 0x33, 0, 0, 0, 1]);

    /// Ethernet destination of `ff02::2`.
    pub const ALL_ROUTERS: Self = Self([0x33, 0x33, 0, 0, 0, 2]);

    /// Returns a locally administered address that no other call of this process returns.
    #[must_use]
    pub fn unique() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let [a, b, c, d] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Self([0x02, 0xa0, a, b, c, d])
    }

    /// Returns the address in `prefix` with this one's modified EUI-64 as its lower half
    /// ([RFC 4291 appendix A](https://www.rfc-editor.org/rfc/rfc4291#appendix-A)).
    #[must_use]
    pub fn address_in(self, prefix: Ipv6Addr) -> Ipv6Addr {
        let [first, rest @ ..] = self.0;
        let mut suffix = [first ^ 2, 0, 0, 0xff, 0xfe, 0, 0, 0];
        suffix[1..3].copy_from_slice(&rest[..2]);
        suffix[5..].copy_from_slice(&rest[2..]);
        let suffix = u64::from_be_bytes(suffix);
        Ipv6Addr::from_bits((prefix.to_bits() >> 64 << 64) | u128::from(suffix))
    }

    /// Returns the link-local address that the kernel forms from it.
    #[must_use]
    pub fn link_local(self) -> Ipv6Addr {
        self.address_in(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0))
    }
}

impl Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.map(|byte| format!("{byte:02x}")).join(":"))
    }
}

/// An interface of a namespace.
#[derive(Clone, Debug)]
pub struct Interface {
    namespace: Namespace,
    name: String,
    mac: Mac,
    index: u32,
}

impl Interface {
    /// Adds a link: `kind` follows `type` of `ip link add`, for example `bridge` or `vrf table 100`.
    #[must_use]
    pub fn add(namespace: &Namespace, name: &str, kind: &str) -> Self {
        let mac = Mac::unique();
        namespace.ip(&format!("link add {name} address {mac} type {kind}"));
        Self::existing(namespace, name)
    }

    /// Returns whether the kernel supports links of this kind. Reports on standard error if it does not.
    #[must_use]
    pub fn is_supported(namespace: &Namespace, kind: &str) -> bool {
        let known = namespace.enter(|| {
            let add = ["link", "add", "probe", "type"].into_iter().chain(kind.split(' '));
            Command::new("ip").args(add).output().is_ok_and(|output| output.status.success())
        });
        if known {
            namespace.ip("link delete probe");
        } else {
            // Not by a macro: the test harness hides the output of macros when a test passes.
            let written = writeln!(io::stderr(), "NOT RUN: this kernel supports no link of type {kind}");
            written.expect("standard error is open");
        }
        known
    }

    /// Returns the existing interface of this name.
    #[must_use]
    pub fn existing(namespace: &Namespace, name: &str) -> Self {
        let links: serde_json::Value =
            serde_json::from_str(&namespace.ip(&format!("-j link show dev {name}"))).expect("ip prints JSON");
        let index = links[0]["ifindex"].as_u64().and_then(|index| u32::try_from(index).ok());
        let mac = links[0]["address"].as_str().and_then(parse_mac);
        Self {
            namespace: namespace.clone(),
            name: name.to_owned(),
            mac: mac.expect("a link of these tests has an Ethernet address"),
            index: index.expect("a link has an index"),
        }
    }

    /// Returns its namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Returns its current name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its link-layer address.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Returns its index.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Returns the link-local address that the kernel gives it.
    #[must_use]
    pub fn link_local(&self) -> Ipv6Addr {
        self.mac.link_local()
    }

    /// Runs `ip link set <name> <what>`, for example `up`, `mtu 1400`, `master br0`.
    pub fn set(&self, what: &str) {
        self.namespace.ip(&format!("link set {} {what}", self.name));
    }

    /// Renames it; it must be down on kernels before 6.2.
    pub fn rename(&mut self, name: &str) {
        self.set(&format!("name {name}"));
        name.clone_into(&mut self.name);
    }

    /// Deletes the link, and with it the other end of a veth.
    pub fn delete(&self) {
        self.namespace.ip(&format!("link delete {}", self.name));
    }

    /// Adds an address such as `2001:db8::1/64`, usable at once. Further words of `ip address add` may follow
    /// it.
    pub fn add_address(&self, address: &str) {
        self.namespace.ip(&format!("address add {address} dev {} nodad", self.name));
    }

    /// Removes an address such as `2001:db8::1/64`.
    pub fn remove_address(&self, address: &str) {
        self.namespace.ip(&format!("address delete {address} dev {}", self.name));
    }

    /// Sets `net.ipv6.conf.<name>.<key>`.
    pub fn sysctl(&self, key: &str, value: impl Display) {
        self.namespace.sysctl(&format!("ipv6/conf/{}/{key}", self.name), value);
    }

    /// Waits until the interface has a link-local address that packets can use as their source.
    pub fn wait_link_local(&self) {
        self.namespace.enter(|| {
            eventually(LINK_LOCAL_TIMEOUT, &format!("a usable link-local address on {}", self.name), || {
                usable_link_local(self.index).then_some(())
            });
        });
    }
}

/// A veth pair.
#[derive(Clone, Debug)]
pub struct Veth {
    /// The daemon's end.
    pub host: Interface,
    /// The guest's end.
    pub guest: Interface,
}

impl Veth {
    /// Makes a pair with both ends up; the host's end has a usable link-local address.
    #[must_use]
    pub fn new((host, host_name): (&Namespace, &str), (guest, guest_name): (&Namespace, &str)) -> Self {
        Self::with_mac((host, host_name, Mac::unique()), (guest, guest_name, Mac::unique()))
    }

    /// Makes the same with link-layer addresses that the test chooses.
    #[must_use]
    pub fn with_mac(
        (host, host_name, host_mac): (&Namespace, &str, Mac),
        (guest, guest_name, guest_mac): (&Namespace, &str, Mac),
    ) -> Self {
        host.ip(&format!(
            "link add {host_name} address {host_mac} type veth \
             peer name {guest_name} address {guest_mac} netns {}",
            guest.name()
        ));
        let veth = Self { host: Interface::existing(host, host_name), guest: Interface::existing(guest, guest_name) };
        veth.guest.set("up");
        veth.host.set("up");
        // If both ends have the same index (in two namespaces), the kernel takes them for one device and
        // handles its carrier once a second (`linkwatch_urgent_event()`). A query for the link handles it at
        // once.
        host.ip(&format!("link show dev {}", veth.host.name));
        veth.host.wait_link_local();
        veth
    }
}

fn parse_mac(text: &str) -> Option<Mac> {
    let bytes: Vec<u8> = text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect::<Option<_>>()?;
    bytes.try_into().ok().map(Mac)
}

/// Reads the thread's own namespace: lines of `address ifindex prefix-length scope flags name`, numbers in
/// hex.
fn usable_link_local(index: u32) -> bool {
    let table = fs::read_to_string("/proc/thread-self/net/if_inet6").expect("the kernel has IPv6");
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|field| u32::from_str_radix(field, 16).ok());
        fields[0].starts_with("fe8")
            && number(1) == Some(index)
            && number(4).is_some_and(|flags| flags & u32::from(UNUSABLE) == 0)
    })
}
