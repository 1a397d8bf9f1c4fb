//! How often what happened.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::agenda::Act;

/// Counts of events, and of the interfaces that they concerned.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<&'static str, (u64, u64)>);

impl Tally {
    pub(crate) fn count(&mut self, act: &Act) {
        let (times, interfaces) = self.0.entry(act.words()).or_default();
        *times += 1;
        *interfaces += u64::try_from(act.numbers().len()).unwrap_or(u64::MAX);
    }

    /// Returns a row for each kind: what, how often, and on how many interfaces in all.
    pub(crate) fn rows(&self) -> Vec<[String; 3]> {
        let row = |(words, (times, interfaces)): (&&str, &(u64, u64))| {
            let on = if *interfaces == 0 { String::new() } else { format!("on {interfaces}") };
            [(*words).to_owned(), times.to_string(), on]
        };
        self.0.iter().map(row).collect()
    }

    pub(crate) fn json(&self) -> Value {
        let row = |(words, (times, interfaces)): (&&str, &(u64, u64))| {
            ((*words).to_owned(), json!({ "times": times, "interfaces": interfaces }))
        };
        self.0.iter().map(row).collect::<serde_json::Map<_, _>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agenda::Ending;

    #[test]
    fn events_and_interfaces_are_counted() {
        let mut tally = Tally::default();
        for act in [Act::Down(vec![1, 2]), Act::Down(vec![3]), Act::Restart(Ending::Kill)] {
            tally.count(&act);
        }
        assert_eq!(tally.rows(), [["interfaces down", "2", "on 3"], ["kill -9", "1", ""]]);
        assert_eq!(tally.json()["interfaces down"]["interfaces"], 3);
    }
}
