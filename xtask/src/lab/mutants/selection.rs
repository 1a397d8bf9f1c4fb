//! A part of the mutants, for runs that are split.

use std::str::FromStr;

use anyhow::{Context, Error, Result, ensure};

/// One of several parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    part: usize,
    parts: usize,
}

impl Shard {
    /// Returns every n-th, beginning with the k-th: each part has something of every layer.
    pub(super) fn part_of<T>(self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip(self.part).step_by(self.parts).collect()
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split_once('/').and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
        let (part, parts) = numbers.context("a part is written like 0/3")?;
        ensure!(part < parts, "the parts of {parts} are counted from 0");
        Ok(Self { part, parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_all_of_it() {
        let part = |text: &str| text.parse::<Shard>().expect(text).part_of((0..7).collect());
        assert_eq!([part("0/3"), part("1/3"), part("2/3")], [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);
        assert_eq!(part("0/1").len(), 7);
        for text in ["", "1", "3/3", "0/0", "-1/3", "a/b"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
