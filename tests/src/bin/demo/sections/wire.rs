//! One RA, byte by byte.

use std::ops::Range;

use autora_tests::{Advert, terminal::Screen};

use crate::topology::Topology;

/// Ethernet, IPv6, the fixed part of the message, one Prefix Information option.
const EXPECTED_LEN: usize = 14 + 40 + 16 + 32;

/// Shows the first RA that arrived at the first guest.
pub(crate) fn advertisement(screen: &mut Screen, topology: &mut Topology) {
    let member = &mut topology.guests[0];
    let router = member.link.host.link_local();
    screen.section(&format!("On the wire: all bytes of the first RA that arrived behind {}", member.name));
    let Some(advert) = member.watch.adverts().first() else {
        return screen.check(false, "an RA was captured");
    };
    let rows = fields(advert).into_iter().map(|(range, meaning)| {
        [format!("{:>3}", range.start), hex(advert.frame.get(range).unwrap_or_default()), meaning]
    });
    screen.table([" at", "bytes", "meaning"], rows);
    screen.check(advert.source == router, "its source is the host's link-local address, its hop limit 255");
    screen.check(
        advert.frame.len() == EXPECTED_LEN && is_default(advert, member.prefix),
        "it says: a router for 180 s, one /64 (L=0, A=1) for 86400 s, preferred for 4 h; nothing else",
    );
}

fn is_default(advert: &Advert, prefix: std::net::Ipv6Addr) -> bool {
    let message = &advert.advert;
    let [option] = &advert.prefixes()[..] else { return false };
    message.router_lifetime.as_secs() == 180
        && (message.cur_hop_limit, message.flags) == (0, 0)
        && (message.reachable_time.is_zero(), message.retrans_timer.is_zero()) == (true, true)
        && message.options.len() == 1
        && option.prefix.network() == prefix
        && (option.on_link, option.autonomous) == (false, true)
        && (option.valid.as_secs(), option.preferred.as_secs()) == (86_400, 14_400)
}

/// Returns the position of each field in the frame, and its decoded value.
fn fields(advert: &Advert) -> Vec<(Range<usize>, String)> {
    let message = &advert.advert;
    let mut fields = vec![
        (0..14, "Ethernet, to all IPv6 nodes of the link".to_owned()),
        (14..22, format!("IPv6: ICMPv6 of {} bytes, hop limit 255", advert.packet().len() - 40)),
        (22..38, format!("source {}", advert.source)),
        (38..54, "destination ff02::1, all nodes".to_owned()),
        (54..58, "Router Advertisement (134), code 0, correct checksum".to_owned()),
        (
            58..62,
            format!(
                "Cur Hop Limit {}, M={} O={}, Router Lifetime {} s",
                message.cur_hop_limit,
                message.flags >> 7,
                message.flags >> 6 & 1,
                message.router_lifetime.as_secs()
            ),
        ),
        (
            62..70,
            format!(
                "Reachable Time {}, Retrans Timer {}",
                message.reachable_time.as_millis(),
                message.retrans_timer.as_millis()
            ),
        ),
    ];
    for (index, option) in advert.prefixes().iter().enumerate() {
        let at = 70 + 32 * index;
        let flag = |name: &str, set: bool| format!("{name}={}", u8::from(set));
        let flags = [flag("L", option.on_link), flag("A", option.autonomous)].join(" ");
        fields.extend([
            (at..at + 4, format!("Prefix Information, 4 x 8 bytes: 64 bits, {flags}")),
            (at + 4..at + 8, format!("Valid Lifetime {} s", option.valid.as_secs())),
            (at + 8..at + 12, format!("Preferred Lifetime {} s", option.preferred.as_secs())),
            (at + 12..at + 16, "reserved".to_owned()),
            (at + 16..at + 32, option.prefix.to_string()),
        ]);
    }
    fields
}

/// Formats bytes in hex, in groups of two.
fn hex(bytes: &[u8]) -> String {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.chunks(2).map(<[String]>::concat).collect::<Vec<_>>().join(" ")
}
