//! The settings of the other daemons: the same RAs as autora's at the same intervals, as far as each has options
//! for it.

use std::fmt::Write as _;

use crate::link::prefix;

/// Returns one stanza for each interface, as radvd has no wildcards.
pub(crate) fn radvd(numbers: &[u32]) -> String {
    each(numbers, |number, prefix| {
        format!(
            "interface vm{number} {{ IgnoreIfMissing on; AdvSendAdvert on; MinRtrAdvInterval 20; \
             MaxRtrAdvInterval 60; AdvDefaultLifetime 180; prefix {prefix}/64 {{ AdvOnLink off; AdvAutonomous on; \
             AdvValidLifetime 86400; AdvPreferredLifetime 14400; }}; }};\n"
        )
    })
}

pub(crate) fn bird() -> String {
    "router id 192.0.2.1;\n\
     log stderr { warning, error, fatal, bug };\n\
     protocol device { }\n\
     protocol radv { interface \"vm*\" { min ra interval 20; max ra interval 60; default lifetime 180; \
     prefix ::/0 { onlink no; autonomous yes; valid lifetime 86400; preferred lifetime 14400; }; }; }\n"
        .to_owned()
}

pub(crate) fn frr(numbers: &[u32]) -> String {
    each(numbers, |number, prefix| {
        format!(
            "interface vm{number}\n no ipv6 nd suppress-ra\n ipv6 nd ra-interval 60\n ipv6 nd ra-lifetime 180\n \
             ipv6 nd prefix {prefix}/64 86400 14400 off-link\n!\n"
        )
    })
}

/// Returns the file of one interface. networkd has no option for the intervals. LLDP reception, its default, costs
/// 10 ms for each interface.
pub(crate) fn networkd(number: u32) -> String {
    format!(
        "[Match]\nName=vm{number}\n[Link]\nActivationPolicy=manual\n\
         [Network]\nIPv6SendRA=yes\nLinkLocalAddressing=ipv6\nIPv6AcceptRA=no\nKeepConfiguration=yes\nLLDP=no\nEmitLLDP=no\n\
         [IPv6SendRA]\nRouterLifetimeSec=180\nEmitDNS=no\nEmitDomains=no\n\
         [IPv6Prefix]\nPrefix={}/64\nOnLink=no\nAddressAutoconfiguration=yes\n\
         PreferredLifetimeSec=14400\nValidLifetimeSec=86400\n",
        prefix(number)
    )
}

pub(crate) const DNSMASQ: [&str; 12] = [
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--port=0",
    "--no-resolv",
    "--no-hosts",
    "--user=root",
    "--group=root",
    "--pid-file=/run/dnsmasq.pid",
    "--dhcp-leasefile=/run/dnsmasq.leases",
    "--enable-ra",
    "--dhcp-range=::,constructor:vm*,ra-only,64,86400",
    "--ra-param=vm*,60,180",
];

fn each(numbers: &[u32], stanza: impl Fn(u32, &str) -> String) -> String {
    numbers.iter().fold(String::new(), |mut text, number| {
        write!(text, "{}", stanza(*number, &prefix(*number))).expect("a string takes everything");
        text
    })
}
