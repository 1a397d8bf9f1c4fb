//! Tests that failed while the machine itself stalled: each runs once more, by itself.
//!
//! Scenarios measure times, and a shared machine may stand still for a second. That excuses no failure by itself: the
//! harness must have measured the stall (`tests/src/stalls.rs`), and the test must pass now. A test that fails without
//! a stall has failed.

use std::collections::BTreeMap;

/// The most tests that may run again: of more, the change is to blame.
const MOST: usize = 5;

/// The words by which the harness reports a stall.
const STALLED: &str = "THE MACHINE STALLED";

/// Returns the tests to run again, given what all of the `targets` test programs printed; `None` if the run is to fail:
/// one of them has no excuse, or a program did not come to its end.
pub(super) fn candidates(output: &str, targets: usize) -> Option<Vec<String>> {
    let reports = reports(output);
    let failed: Vec<_> = output.lines().filter_map(failed).map(str::to_owned).collect();
    let counts: Vec<_> = output.lines().filter_map(failures).collect();
    let is_whole = counts.len() == targets && counts.iter().sum::<usize>() == failed.len();
    let is_excused = |name: &String| reports.get(name.as_str()).is_some_and(|report| report.contains(STALLED));
    (is_whole && (1..=MOST).contains(&failed.len()) && failed.iter().all(is_excused)).then_some(failed)
}

/// Returns how many tests failed, from the last line of a test program.
fn failures(line: &str) -> Option<usize> {
    let (counts, _) = line.strip_prefix("test result: ")?.split_once(" failed;")?;
    counts.rsplit(' ').next()?.parse().ok()
}

/// Returns the name in the line of a test that failed.
fn failed(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// Returns what each failed test printed.
fn reports(output: &str) -> BTreeMap<&str, String> {
    let mut reports = BTreeMap::<_, String>::new();
    let mut current = None;
    for line in output.lines() {
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            current = Some(name);
        } else if line == "failures:" {
            current = None;
        } else if let Some(name) = current {
            *reports.entry(name).or_default() += line;
        }
    }
    reports
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(stalled: &str) -> String {
        format!(
            "test a::one ... ok\ntest b::two ... FAILED\n\nfailures:\n\n---- b::two stdout ----\nthread 'b::two' \
             panicked at b.rs:1:1:\n{stalled}\n\n\nfailures:\n    b::two\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored\n"
        )
    }

    #[test]
    fn a_stall_excuses_the_test_that_reports_it() {
        let stalled = output("--- THE MACHINE STALLED: no processor was free 3 times within a minute, for up to 1.2s");
        assert_eq!(candidates(&stalled, 1), Some(vec!["b::two".to_owned()]));
        let passed = "test result: ok. 7 passed; 0 failed; 0 ignored\n";
        assert_eq!(candidates(&(stalled.clone() + passed), 2), Some(vec!["b::two".to_owned()]));
        assert_eq!(candidates(&output("too late"), 1), None);
        assert_eq!(candidates("error: could not compile", 1), None);
        // One program stalled, and a test of another failed without.
        assert_eq!(candidates(&(stalled.clone() + &output("too late").replace("b::two", "c::three")), 2), None);
        let many: String = (0..=MOST).map(|number| stalled.replace("b::two", &format!("b::{number}"))).collect();
        assert_eq!(candidates(&many, MOST + 1), None);
    }

    #[test]
    fn nothing_excuses_a_program_that_died() {
        let stalled = output("--- THE MACHINE STALLED: no processor was free 3 times within a minute, for up to 1.2s");
        assert_eq!(candidates(&stalled, 2), None, "the other program was killed");
        let unseen = stalled.replace("1 failed;", "2 failed;");
        assert_eq!(candidates(&unseen, 1), None, "a line was lost");
    }
}
