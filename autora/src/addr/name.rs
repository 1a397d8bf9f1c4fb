//! Interface names as text. The kernel takes almost any bytes (`dev_valid_name()`, `net/core/dev.c`, Linux 6.12): no
//! slash, colon or blank, but escape sequences of terminals, and what is no UTF-8.
//!
//! A name is converted once, where it enters. From then on it is text that can be shown anywhere, and another text
//! for every other name. On its way into a shell command it becomes bytes again.

use std::{borrow::Cow, ffi::OsStr, fmt::Write, os::unix::ffi::OsStrExt};

/// Returns `name` as it is shown: with `\xNN` for each byte of a character that is not printable (controls, marks of
/// direction and other formats, combining ones), of what is no UTF-8, and of a backslash.
#[must_use]
pub fn shown_name(name: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(name)
        && text.chars().all(is_shown)
    {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for chunk in name.utf8_chunks() {
        chunk.valid().chars().for_each(|c| show(c, &mut shown));
        chunk.invalid().iter().for_each(|byte| show_byte(*byte, &mut shown));
    }
    Cow::Owned(shown)
}

/// Returns the bytes of the name that is shown as `shown`.
#[must_use]
pub fn name_bytes(shown: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(shown.len());
    let mut rest = shown.as_bytes();
    while let [first, behind @ ..] = rest {
        let (byte, behind) = escaped(rest).unwrap_or((*first, behind));
        bytes.push(byte);
        rest = behind;
    }
    bytes
}

/// Returns how the interface is shown that a person means by `argument`: its name, or already the form that is shown.
#[must_use]
pub fn meant_name(argument: &OsStr) -> String {
    match argument.to_str() {
        Some(text) if shown_name(&name_bytes(text)) == text => text.to_owned(),
        Some(_) | None => shown_name(argument.as_bytes()).into_owned(),
    }
}

/// Returns whether a character is shown as it is.
#[must_use]
pub fn is_shown(c: char) -> bool {
    // `escape_debug` escapes what the standard library's tables of Unicode do not count as printable.
    matches!(c, '\'' | '"') || c.escape_debug().len() == 1
}

fn show(c: char, shown: &mut String) {
    if is_shown(c) {
        shown.push(c);
    } else {
        c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| show_byte(byte, shown));
    }
}

fn show_byte(byte: u8, shown: &mut String) {
    write!(shown, "\\x{byte:02x}").expect("writing to a String cannot fail");
}

/// Returns the byte that `\xNN` at the beginning of `text` stands for, and what follows it.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'\\', b'x', high, low, behind @ ..] = text else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(high)? << 4 | digit(low)?, behind))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const NAMES: &[(&[u8], &str)] = &[
        (b"vm1", "vm1"),
        (b"$(reboot);'\"", "$(reboot);'\""),
        ("größe".as_bytes(), "größe"),
        ("名前".as_bytes(), "名前"),
        (b"a\x1b[2J", r"a\x1b[2J"),
        (b"a\x07\x7f", r"a\x07\x7f"),
        ("a\u{9b}2J".as_bytes(), r"a\xc2\x9b2J"),
        ("a\u{202e}b\u{200b}".as_bytes(), r"a\xe2\x80\xaeb\xe2\x80\x8b"),
        ("e\u{301}".as_bytes(), r"e\xcc\x81"),
        ("a\u{a0}".as_bytes(), r"a\xc2\xa0"),
        (b"vm\xff", r"vm\xff"),
        (b"vm\xfe", r"vm\xfe"),
        (b"vm\xe2\x82", r"vm\xe2\x82"),
        (br"a\b", r"a\x5cb"),
        (br"vm\xff", r"vm\x5cxff"),
        (b"", ""),
    ];

    #[test]
    fn names_are_shown_and_named() {
        for (name, shown) in NAMES {
            assert_eq!(shown_name(name), *shown);
            assert_eq!(name_bytes(shown), *name, "{shown}");
            assert_eq!(meant_name(OsStr::new(shown)), *shown, "by what is shown");
        }
        for (name, shown) in NAMES.iter().filter(|(name, _)| *name != br"vm\xff") {
            assert_eq!(meant_name(OsStr::from_bytes(name)), *shown, "by its name");
        }
        for (argument, meant) in
            [(r"a\x41", r"a\x5cx41"), (r"a\xFF", r"a\x5cxFF"), (r"a\x1", r"a\x5cx1"), ("vm*", "vm*")]
        {
            assert_eq!(meant_name(OsStr::new(argument)), meant, "no form that is ever shown");
        }
    }

    proptest! {
        #[test]
        fn no_two_names_are_shown_alike(names in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..16), 1..20)) {
            let mut seen = HashMap::new();
            for name in names {
                let shown = shown_name(&name).into_owned();
                prop_assert_eq!(&name_bytes(&shown), &name);
                prop_assert!(shown.chars().all(|c| c == '\\' || is_shown(c)));
                prop_assert_eq!(seen.entry(shown).or_insert_with(|| name.clone()), &name);
            }
        }
    }
}
