//! The order of names in tables.

use std::cmp::Ordering;

/// Compares bytes, but runs of digits by their value: vm2 comes before vm10.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (a_digits, b_digits) = (digits(a), digits(b));
        let order = if a_digits > 0 && b_digits > 0 {
            number(&a[..a_digits]).cmp(&number(&b[..b_digits])).then(a_digits.cmp(&b_digits))
        } else {
            a.first().cmp(&b.first())
        };
        if order != Ordering::Equal || a.is_empty() {
            return order;
        }
        (a, b) = (&a[a_digits.max(1)..], &b[b_digits.max(1)..]);
    }
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Returns a key that orders digits by their value: how many there are without leading zeros, and those
/// digits.
fn number(digits: &[u8]) -> (usize, &[u8]) {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    (digits.len() - zeros, &digits[zeros..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_ordered_by_value() {
        let sorted =
            ["eth0", "tap-vm-9x", "tap9", "tap9i0", "tap9i2", "tap9i10", "tap10i0", "vm", "vm1", "vm2", "vm02", "vm10"];
        let mut names = sorted;
        names.reverse();
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, sorted);
    }
}
