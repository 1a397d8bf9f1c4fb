//! Commands, quoted for a shell.

use std::fmt;

/// A command as a list of words; it is displayed so that a shell reads the same words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shell(Vec<String>);

impl Shell {
    /// Splits `command` at its blanks; the word `IFACE` becomes the interface's name, which may contain
    /// blanks.
    pub(super) fn on(interface: &str, command: &str) -> Self {
        let word = |word| if word == "IFACE" { interface } else { word };
        Self(command.split(' ').map(|given| word(given).to_owned()).collect())
    }

    /// Returns `sysctl -w` of an IPv6 setting of an interface.
    pub(super) fn sysctl(interface: &str, key: &str, value: &str) -> Self {
        // sysctl(8) takes dots or slashes as separators; with slashes a dot in a name stays a dot.
        let separator = if interface.contains('.') { "/" } else { "." };
        let name = ["net", "ipv6", "conf", interface, key].join(separator);
        Self(["sysctl", "-w", &format!("{name}={value}")].map(str::to_owned).to_vec())
    }
}

impl fmt::Display for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, word) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(&quoted(word))?;
        }
        Ok(())
    }
}

/// Returns `word` quoted. The kernel allows almost any interface name, `$(reboot)` included.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if word.chars().any(char::is_control) {
        // This form shows control characters, which a terminal would obey.
        let escaped = word.chars().map(|c| match c {
            '\'' | '\\' => format!("\\{c}"),
            c if c.is_ascii_control() => format!("\\x{:02x}", u32::from(c)),
            c => c.to_string(),
        });
        format!("$'{}'", escaped.collect::<String>())
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_same_words() {
        for (word, expected) in [
            ("vm-1", "vm-1"),
            ("tap1.100@x", "tap1.100@x"),
            ("$(reboot)", "'$(reboot)'"),
            ("a;b", "'a;b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("a\u{1b}[2J'", r"$'a\x1b[2J\''"),
        ] {
            assert_eq!(Shell::on(word, "echo IFACE").to_string(), format!("echo {expected}"), "{word:?}");
        }
    }

    #[test]
    fn a_dot_in_a_name_is_not_a_separator_of_sysctl() {
        for (interface, expected) in [
            ("vm1", "sysctl -w net.ipv6.conf.vm1.forwarding=1"),
            ("eth0.100", "sysctl -w net/ipv6/conf/eth0.100/forwarding=1"),
            ("a b", "sysctl -w 'net.ipv6.conf.a b.forwarding=1'"),
        ] {
            assert_eq!(Shell::sysctl(interface, "forwarding", "1").to_string(), expected);
        }
    }
}
