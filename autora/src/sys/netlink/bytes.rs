//! Messages as the kernel writes them, for tests.

use nix::libc::{
    AF_INET6, AF_UNSPEC, IFA_ADDRESS, IFA_CACHEINFO, IFA_FLAGS, IFF_LOWER_UP, IFF_MULTICAST, IFF_UP, IFLA_AF_SPEC,
    IFLA_IFNAME, IFLA_INFO_SLAVE_KIND, IFLA_LINKINFO, IFLA_MASTER, IFLA_MTU, IFLA_PROTINFO, RTM_DELADDR, RTM_DELLINK,
    RTM_DELNETCONF, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNETCONF,
};

pub(super) const UP: i32 = IFF_UP | IFF_MULTICAST | IFF_LOWER_UP;
pub(super) const DOWN: i32 = IFF_MULTICAST;
pub(super) const CREATED: u32 = u32::MAX;
pub(super) const TENTATIVE: u32 = 0x40;

/// The content of an `RTM_NEWLINK`. [`link`] returns that of a change of a veth that is up and forwards.
#[derive(Clone)]
pub(super) struct NewLink {
    pub(super) index: u32,
    pub(super) name: &'static str,
    pub(super) flags: i32,
    pub(super) change: u32,
    pub(super) mtu: u32,
    pub(super) master: Option<(u32, &'static str)>,
    /// forwarding, disable_ipv6, force_forwarding.
    pub(super) settings: Option<[u32; 3]>,
}

pub(super) fn link(index: u32, name: &'static str) -> NewLink {
    NewLink { index, name, flags: UP, change: 0, mtu: 1500, master: None, settings: Some([1, 0, 0]) }
}

pub(super) fn created(index: u32, name: &'static str) -> Vec<u8> {
    NewLink { change: CREATED, ..link(index, name) }.whole()
}

impl NewLink {
    pub(super) fn whole(&self) -> Vec<u8> {
        let mut body = self.begin(AF_UNSPEC);
        if let Some((master, kind)) = self.master {
            body.extend(attribute(IFLA_MASTER, &master.to_ne_bytes()));
            let kind = attribute(IFLA_INFO_SLAVE_KIND, kind.as_bytes());
            body.extend(attribute(IFLA_LINKINFO, &kind));
        }
        let inet6 = self.settings.map(|settings| attribute(10, &conf(settings)));
        body.extend(attribute(IFLA_AF_SPEC, &inet6.unwrap_or_default()));
        message(RTM_NEWLINK, &body)
    }

    pub(super) fn inet6(&self) -> Vec<u8> {
        let mut body = self.begin(AF_INET6);
        body.extend(attribute(IFLA_PROTINFO, &conf(self.settings.expect("an IPv6 part"))));
        message(RTM_NEWLINK, &body)
    }

    fn begin(&self, family: i32) -> Vec<u8> {
        let mut body = vec![u8::try_from(family).unwrap(), 0, 0, 0];
        body.extend(self.index.to_ne_bytes());
        body.extend(self.flags.to_ne_bytes());
        body.extend(self.change.to_ne_bytes());
        body.extend(attribute(IFLA_IFNAME, self.name.as_bytes()));
        body.extend(attribute(IFLA_MTU, &self.mtu.to_ne_bytes()));
        body
    }
}

pub(super) fn link_deleted(index: u32) -> Vec<u8> {
    message(RTM_DELLINK, &[[0; 4], index.to_ne_bytes(), [0; 4], [0; 4]].concat())
}

pub(super) fn address(index: u32, address: &str, flags: u32) -> Vec<u8> {
    message(RTM_NEWADDR, &address_body(index, address, flags))
}

/// Returns an address with these seconds left of its preferred and its valid lifetime.
pub(super) fn address_for(index: u32, address: &str, flags: u32, [preferred, valid]: [u32; 2]) -> Vec<u8> {
    let info: Vec<_> = [preferred, valid, 0, 0].into_iter().flat_map(u32::to_ne_bytes).collect();
    message(RTM_NEWADDR, &[address_body(index, address, flags), attribute(IFA_CACHEINFO, &info)].concat())
}

pub(super) fn address_deleted(index: u32, address: &str) -> Vec<u8> {
    message(RTM_DELADDR, &address_body(index, address, 0))
}

pub(super) fn forwarding(index: u32, on: u32) -> Vec<u8> {
    message(RTM_NEWNETCONF, &netconf_body(index, &attribute(2, &on.to_ne_bytes())))
}

pub(super) fn settings_unspecified(index: u32) -> Vec<u8> {
    message(RTM_NEWNETCONF, &netconf_body(index, &[]))
}

pub(super) fn settings_deleted(index: u32) -> Vec<u8> {
    message(RTM_DELNETCONF, &netconf_body(index, &[]))
}

fn address_body(index: u32, address: &str, flags: u32) -> Vec<u8> {
    let address: std::net::Ipv6Addr = address.parse().unwrap();
    let scope = if address.is_unicast_link_local() { 253 } else { 0 };
    let mut body = vec![10, 64, 0, scope];
    body.extend(index.to_ne_bytes());
    body.extend(attribute(IFA_ADDRESS, &address.octets()));
    body.extend(attribute(IFA_FLAGS, &flags.to_ne_bytes()));
    body
}

fn netconf_body(index: u32, more: &[u8]) -> Vec<u8> {
    [&[10, 0, 0, 0], attribute(1, &index.to_ne_bytes()).as_slice(), more].concat()
}

fn conf([forwarding, disabled, forced]: [u32; 3]) -> Vec<u8> {
    let mut settings = [0; 60];
    (settings[0], settings[26], settings[59]) = (forwarding, disabled, forced);
    attribute(2, &settings.into_iter().flat_map(u32::to_ne_bytes).collect::<Vec<_>>())
}

pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap();
    padded([length.to_ne_bytes().as_slice(), &kind.to_ne_bytes(), value].concat())
}

/// Returns a notification: no request has the sequence number 0.
pub(super) fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
    reply(kind, 0, 0, payload)
}

pub(super) fn reply(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + payload.len()).unwrap().to_ne_bytes();
    let (kind, flags, sequence) = (kind.to_ne_bytes(), flags.to_ne_bytes(), sequence.to_ne_bytes());
    padded([length.as_slice(), &kind, &flags, &sequence, &[0; 4], payload].concat())
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
