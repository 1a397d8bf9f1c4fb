//! Every path of the validator, in the loaded program.

use autora::sys::filter::Counters;
use autora_common::{HEADER_LEN, Reason, maps::InterfaceStats};
use nix::libc;

use crate::{
    paths::{LONG_SEQUENCES, Paths, UP_TO_TWELVE_UNITS},
    rows::PACKET,
    test_run::{Program, only_difference},
};

#[test]
fn the_program_agrees_on_every_path_up_to_twelve_units() {
    judge_all(&UP_TO_TWELVE_UNITS);
}

#[test]
fn the_program_agrees_on_every_deviation_of_long_sequences() {
    judge_all(&LONG_SEQUENCES);
}

fn judge_all(paths: &Paths) {
    let_others_go_first();
    let mut bench = Bench::new();
    paths.walk(|packet, reason| bench.judge(packet, reason));
    println!("{} of them are too short for a test run", bench.too_short);
}

/// Gives this thread the lowest priority: it takes a processor for most of a minute, and tests beside it measure times.
fn let_others_go_first() {
    // SAFETY: it takes numbers alone. On Linux it concerns the calling thread (setpriority(2)).
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) };
    assert_eq!(result, 0, "a thread may lower its priority");
}

/// The loaded program, and what it has counted.
struct Bench {
    program: Program,
    frame: Vec<u8>,
    counted: [u64; Reason::COUNT],
    /// `BPF_PROG_TEST_RUN` takes no packet without an IPv6 header.
    too_short: u64,
}

impl Bench {
    fn new() -> Self {
        let frame = vec![0x33, 0x33, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd];
        Self { program: Program::load(), frame, counted: [0; Reason::COUNT], too_short: 0 }
    }

    fn judge(&mut self, packet: &[u8], expected: Reason) {
        if packet.len() < HEADER_LEN {
            self.too_short += 1;
            return;
        }
        self.frame.truncate(PACKET);
        self.frame.extend_from_slice(packet);
        let passes = self.program.passes(&self.frame);
        self.check_counted(packet, expected);
        assert_eq!(passes, expected == Reason::Passed, "it passes what it counts as passed, and nothing else");
        if passes {
            self.program.set_mark(0);
        }
    }

    fn check_counted(&mut self, packet: &[u8], expected: Reason) {
        let stats = self.program.stats();
        let before = self.counted;
        self.counted[expected as usize] += 1;
        if stats.counters != self.counted {
            let reason = only_difference(Counters::new(before), Counters::new(stats.counters));
            panic!("the program: {reason:?}, the validator: {expected:?}, packet: {packet:02x?}");
        }
        if expected == Reason::OtherRouterAdvertisement {
            check_recorded(packet, &stats);
        }
    }
}

fn check_recorded(packet: &[u8], stats: &InterfaceStats) {
    let record = stats.other_router;
    assert_eq!([record.source_high, record.source_low].map(u64::to_be_bytes).concat(), packet[8..24]);
    assert_eq!(record.router_lifetime.to_be_bytes()[6..], packet[46..48]);
}
