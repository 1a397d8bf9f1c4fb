//! Commands, quoted for a shell.

use std::fmt;

use crate::addr::{is_shown, name_bytes, shown_name};

/// A command as a list of words; it is displayed so that a shell reads the same words. A name that is not printable
/// text takes one that knows `$'\xNN'` (bash, zsh, busybox).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shell(Vec<Vec<u8>>);

impl Shell {
    /// Splits `command` at its blanks; the word `IFACE` becomes the name of the interface that is shown as `interface`,
    /// which may contain blanks.
    pub(super) fn on(interface: &str, command: &str) -> Self {
        let word = |word: &str| if word == "IFACE" { name_bytes(interface) } else { word.into() };
        Self(command.split(' ').map(word).collect())
    }

    /// Returns a command of these words.
    pub fn of<W: Into<Vec<u8>>>(words: impl IntoIterator<Item = W>) -> Self {
        Self(words.into_iter().map(Into::into).collect())
    }

    /// Returns the command that asks the daemon in a runtime directory, which is shown as `directory`, what it does on
    /// an interface.
    pub(super) fn status(directory: &str, interface: &str) -> Self {
        let socket = [&name_bytes(directory), b"/control.sock".as_slice()].concat();
        Self::of([b"autora", b"status".as_slice(), b"--socket", &socket]).about(interface)
    }

    /// Appends an interface. A name that begins with a dash is no option.
    #[must_use]
    pub fn about(mut self, interface: &str) -> Self {
        let end_of_options = interface.starts_with('-').then(|| b"--".to_vec());
        self.0.extend(end_of_options.into_iter().chain([name_bytes(interface)]));
        self
    }

    /// Returns `sysctl -w` of an IPv6 setting of an interface.
    pub(super) fn sysctl(interface: &str, key: &str, value: &str) -> Self {
        let interface = name_bytes(interface);
        // sysctl(8) takes dots or slashes as separators; with slashes a dot in a name stays a dot.
        let separator: &[u8] = if interface.contains(&b'.') { b"/" } else { b"." };
        let name = [b"net", b"ipv6".as_slice(), b"conf", &interface, key.as_bytes()].join(separator);
        Self(vec!["sysctl".into(), "-w".into(), [&name, b"=".as_slice(), value.as_bytes()].concat()])
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
fn quoted(word: &[u8]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match str::from_utf8(word) {
        Ok(text) if !text.is_empty() && text.chars().all(plain) => text.to_owned(),
        Ok(text) if text.chars().all(|c| c == '\\' || is_shown(c)) => format!("'{}'", text.replace('\'', r"'\''")),
        // This form shows what is not printable, which a terminal would obey. No other backslash is in the shown name.
        Ok(_) | Err(_) => format!("$'{}'", shown_name(word).replace('\'', r"\'")),
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
            ("a\u{9b}2J", r"$'a\xc2\x9b2J'"),
            ("a\u{202e}", r"$'a\xe2\x80\xae'"),
            (r"a\b", r"'a\b'"),
            ("größe", "'größe'"),
        ] {
            let word = shown_name(word.as_bytes());
            assert_eq!(Shell::on(&word, "echo IFACE").to_string(), format!("echo {expected}"), "{word:?}");
        }
    }

    #[test]
    fn bash_reads_the_bytes_of_a_name() {
        for (name, expected) in [(&b"vm\xff"[..], r"$'vm\xff'"), (b"vm\xff\\'1", r"$'vm\xff\x5c\'1'")] {
            assert_eq!(Shell::on(&shown_name(name), "IFACE").to_string(), expected);
        }
        let sysctl = Shell::sysctl(r"vm\xff", "forwarding", "1").to_string();
        assert_eq!(sysctl, r"sysctl -w $'net.ipv6.conf.vm\xff.forwarding=1'");
    }

    #[test]
    fn the_question_to_another_daemon_is_quoted() {
        for (directory, interface, expected) in [
            ("/run/autora-b", "vm1", "autora status --socket /run/autora-b/control.sock vm1"),
            ("/run/a b", "-x", "autora status --socket '/run/a b/control.sock' -- -x"),
            (r"/run/\xff", "$(x)", r"autora status --socket $'/run/\xff/control.sock' '$(x)'"),
        ] {
            assert_eq!(Shell::status(directory, interface).to_string(), expected);
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
