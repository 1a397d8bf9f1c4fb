//! Hexadecimal dumps.

use std::fmt;

/// Bytes to display as hexadecimal digits, sixteen to a line, each line indented by two spaces and with its
/// offset.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, bytes) in self.0.chunks(16).enumerate() {
            write!(f, "  {:04x} ", line * 16)?;
            for pair in bytes.chunks(2) {
                f.write_str(" ")?;
                pair.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_displayed_sixteen_a_line_in_pairs() {
        let bytes: Vec<u8> = (0..19).collect();
        let expected = "  0000  0001 0203 0405 0607 0809 0a0b 0c0d 0e0f\n  0010  1011 12\n";
        assert_eq!(Hex(&bytes).to_string(), expected);
    }
}
