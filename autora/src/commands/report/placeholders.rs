//! Placeholders for addresses, so that a report can be shown to others.

use std::{
    collections::HashMap,
    fmt::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The placeholders given so far. The same address has the same one throughout a report, and what belongs together
/// stays visible: two addresses of one /64 have the same `net`, and a link-local one remains one.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    networks: HashMap<u64, usize>,
    hosts: HashMap<u64, usize>,
    link_layer: HashMap<[u8; 6], usize>,
    v4: HashMap<Ipv4Addr, usize>,
}

const fn is_of_address(letter: char) -> bool {
    letter.is_ascii_hexdigit() || matches!(letter, ':' | '.')
}

impl Placeholders {
    /// Returns `text` with a placeholder for each address in it. Addresses that name no host stay: `::`, loopback and
    /// multicast ones. So do placeholders.
    pub(super) fn hide_addresses(&mut self, text: &str) -> String {
        let mut hidden = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_of_address) {
            let (before, from) = rest.split_at(start);
            let (word, after) = from.split_at(from.find(|letter| !is_of_address(letter)).unwrap_or(from.len()));
            hidden += before;
            // No address begins in the middle of a word, as a placeholder's end `1::` does.
            let begins = !before.ends_with(char::is_alphanumeric);
            hidden += &if begins { self.hide(word) } else { word.to_owned() };
            rest = after;
        }
        hidden + rest
    }

    /// Returns `word`, which consists of hexadecimal digits, colons and dots, with a placeholder if it is an address. A
    /// colon or a dot at its end may be the sentence's, a colon and a number that of a port.
    fn hide(&mut self, word: &str) -> String {
        let shorter = word.trim_end_matches(['.', ':']);
        let candidates = [word, shorter].into_iter().chain(word.rsplit_once(':').map(|(address, _)| address));
        let mut hidden = candidates.filter_map(|address| Some((self.of(address)?, &word[address.len()..])));
        hidden.next().map_or_else(|| word.to_owned(), |(placeholder, rest)| placeholder + rest)
    }

    fn of(&mut self, word: &str) -> Option<String> {
        if let Some(address) = link_layer(word) {
            return Some(format!("mac{}", number(&mut self.link_layer, address)));
        }
        match word.parse().ok()? {
            IpAddr::V4(address) if address.is_loopback() || address.is_unspecified() => Some(word.to_owned()),
            IpAddr::V4(address) => Some(format!("v4-{}", number(&mut self.v4, address))),
            IpAddr::V6(address) => Some(self.of_v6(address)),
        }
    }

    fn of_v6(&mut self, address: Ipv6Addr) -> String {
        if address.is_unspecified() || address.is_loopback() || address.is_multicast() {
            return address.to_string();
        }
        let bits = address.to_bits();
        let [network, host] =
            [bits >> 64, bits & u128::from(u64::MAX)].map(|half| u64::try_from(half).unwrap_or_default());
        let mut hidden = if address.is_unicast_link_local() {
            "fe80::".to_owned()
        } else {
            format!("net{}::", number(&mut self.networks, network))
        };
        if host != 0 {
            write!(hidden, "host{}", number(&mut self.hosts, host)).expect("writing to a String cannot fail");
        }
        hidden
    }
}

/// Returns the number of `key`: 1 for the first that was asked for.
fn number<K: Eq + std::hash::Hash>(numbers: &mut HashMap<K, usize>, key: K) -> usize {
    let next = numbers.len() + 1;
    *numbers.entry(key).or_insert(next)
}

/// Returns an address of six bytes, written as `02:a0:00:00:00:01`.
fn link_layer(word: &str) -> Option<[u8; 6]> {
    let parts: Vec<_> = word.split(':').filter(|part| part.len() == 2).collect();
    let bytes: Vec<_> = parts.iter().filter_map(|part| u8::from_str_radix(part, 16).ok()).collect();
    if word.len() == 17 { bytes.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hide_addresses(text: &str) -> String {
        Placeholders::default().hide_addresses(text)
    }

    #[test]
    fn each_address_has_its_placeholder_and_keeps_it() {
        for (text, expected) in [
            ("from fe80::1 with 2001:db8:0:10::/64", "from fe80::host1 with net1::/64"),
            ("2001:db8::1, 2001:DB8:0::2, 2001:db8:1::1", "net1::host1, net1::host2, net2::host1"),
            ("source=fe80::1: gone. fe80:0:0::1.", "source=fe80::host1: gone. fe80::host1."),
            ("\"fe80::a\",\"fd00::a\"", "\"fe80::host1\",\"net1::host1\""),
            ("52:54:00:12:34:56 and 52:54:00:12:34:56", "mac1 and mac1"),
            ("52:54:00:AB:CD:EF and 52:54:00:ab:cd:ee", "mac1 and mac2"),
            ("--metrics-address=192.0.2.1:9100", "--metrics-address=v4-1:9100"),
            ("[2001:db8::1]:9100", "[net1::host1]:9100"),
            ("to 2001:db8::1%vm1", "to net1::host1%vm1"),
            ("::ffff:192.0.2.1", "net1::host1"),
            ("2001:db8::", "net1::"),
        ] {
            assert_eq!(hide_addresses(text), expected, "{text}");
            assert_eq!(hide_addresses(expected), expected, "placeholders stay");
        }
    }

    #[test]
    fn what_names_no_host_stays() {
        for text in [
            "ff02::1 ff02::2 :: ::1 127.0.0.1:9100 0.0.0.0",
            "autora 0.1.0, Linux 6.12.41+deb13-amd64, 10.5 s, 12:34:56, 2026-11-30T09:20:00Z",
            "CapEff 00000000a80425fb: no; face. added: dead beef",
            "^tap-vm-[0-9]+$",
            "",
            ": . ..",
        ] {
            assert_eq!(hide_addresses(text), text);
        }
    }
}
