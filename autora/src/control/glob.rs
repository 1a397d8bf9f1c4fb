//! Patterns of names, as in a shell.

/// A pattern for whole names: `*` matches any bytes, `?` one byte, everything else itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl From<String> for Glob {
    fn from(pattern: String) -> Self {
        Self(pattern)
    }
}

impl Glob {
    /// Returns whether `name` matches. Takes at most as many steps as the product of both lengths.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.as_bytes(), name.as_bytes());
        // Where to continue on a mismatch: behind the last `*`, which then matches one byte more.
        let mut retry: Option<(&[u8], &[u8])> = None;
        loop {
            match (pattern, rest) {
                ([], []) => return true,
                ([b'*', behind @ ..], _) => {
                    retry = Some((behind, rest));
                    pattern = behind;
                }
                ([wanted, behind @ ..], [found, left @ ..]) if *wanted == b'?' || wanted == found => {
                    (pattern, rest) = (behind, left);
                }
                (_, _) => match retry {
                    Some((behind, [_, left @ ..])) => {
                        retry = Some((behind, left));
                        (pattern, rest) = (behind, left);
                    }
                    Some((_, [])) | None => return false,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("vm1", "vm1", true),
            ("vm1", "vm10", false),
            ("vm1", "xvm1", false),
            ("vm*", "vm", true),
            ("vm*", "vm10", true),
            ("*1", "vm11", true),
            ("*1*1", "vm1", false),
            ("tap*i?", "tap100i0", true),
            ("tap*i?", "tap100i", false),
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
            ("**", "anything", true),
        ] {
            assert_eq!(Glob(pattern.to_owned()).matches(name), expected, "{pattern} {name}");
        }
    }
}
