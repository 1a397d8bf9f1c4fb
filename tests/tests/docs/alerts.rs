//! The alert rules.

use std::process::Command;

use autora_tests::{prometheus, workspace};

use crate::command::{run, says};

#[test]
fn promtool_accepts_the_alert_rules_and_their_tests_pass() {
    let folder = workspace().join("contrib/prometheus");
    for words in [["check", "rules", "autora.rules.yml"], ["test", "rules", "autora.rules.test.yml"]] {
        let output = run(Command::new(prometheus("promtool")).args(words).current_dir(&folder));
        assert!(output.status.success(), "{words:?}: {}", says(&output));
    }
}
