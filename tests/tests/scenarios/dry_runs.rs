//! The dry run and its reader.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use autora_tests::{Namespace, Veth, binary, eventually};

use crate::bench::SOON;

#[test]
fn a_dry_run_ends_with_its_reader() {
    let (host, guest) = (Namespace::host(), Namespace::quiet());
    let link = Veth::new((&host, "vm1"), (&guest, "g1"));
    link.host.add_address("2001:db8:0:1::1/64");
    let run = |stdout: Stdio| {
        let mut command = Command::new("timeout");
        command.arg("30").arg(binary()).args(["--dry-run", "--interface-regex=^vm1$", "--heartbeat-interval=1s"]);
        command.stdout(stdout).stderr(Stdio::piped());
        host.enter(|| command.spawn()).expect("it starts")
    };

    let mut dry = run(Stdio::piped());
    let mut lines = BufReader::new(dry.stdout.take().expect("a pipe")).lines();
    let first = lines.next().expect("a line").expect("text");
    assert!(first.starts_with("Dry run: nothing is sent; ends with Ctrl-C. "), "{first}");
    assert!(dry.try_wait().expect("a child").is_none(), "the control: it goes on while it is read");
    // Longer than the interval of the heartbeat.
    thread::sleep(Duration::from_millis(1_500));
    drop(lines);
    let status = eventually(SOON, "the end", || dry.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(0), "as every command whose reader has what it wants");
    let log = std::io::read_to_string(dry.stderr.take().expect("a pipe")).expect("text");
    for words in ["dry run started: nothing is sent", "would_be_served=1", "standard output takes no more", "has ended"]
    {
        assert!(log.contains(words), "{words}: {log}");
    }
    for words in [" served=", "asked to", "final_ras", " INFO heartbeat"] {
        assert!(!log.contains(words), "{words}: {log}");
    }

    let full = File::options().write(true).open("/dev/full").expect("every Linux has it");
    let mut dry = run(full.into());
    let status = eventually(SOON, "the end", || dry.try_wait().expect("a child"));
    assert_eq!(status.code(), Some(1));
    let said = std::io::read_to_string(dry.stderr.take().expect("a pipe")).expect("text");
    assert!(said.contains("error: cannot write to standard output: No space left on device"), "{said}");
}
