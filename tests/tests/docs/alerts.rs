//! The alert rules.

use std::process::Command;

use autora_tests::{prometheus, workspace};

use crate::command::{run, says};

#[test]
fn promtool_has_no_complaints_and_every_alert_fires_when_it_should() {
    let folder = workspace().join("contrib/prometheus");
    for words in [["check", "rules", "autora.rules.yml"], ["test", "rules", "autora.rules.test.yml"]] {
        let output = run(Command::new(prometheus("promtool")).args(words).current_dir(&folder));
        assert!(output.status.success(), "{words:?}: {}", says(&output));
    }
}
