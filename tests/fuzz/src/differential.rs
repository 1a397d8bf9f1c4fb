//! Compares the verdict of the eBPF program with the validator's on the same packet. The program runs in the
//! kernel with `BPF_PROG_TEST_RUN`, which needs root.

use std::cell::RefCell;

use autora::sys::filter::Counters;
use autora_common::Reason;

use crate::{
    rows::{MESSAGE, PACKET},
    seeds,
    test_run::{LONGEST, Program, only_difference, validator_reason},
};

/// The loaded program and its counters so far.
struct Bench {
    program: Program,
    counted: Counters,
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

/// Loads the program, and panics if the kernel does not; writes the filter's table as seeds.
pub fn prepare() {
    let program = Program::load();
    let counted = program.counters();
    BENCH.set(Some(Bench { program, counted }));
    seeds::write(seeds::packets());
}

/// Compares the verdicts on `packet`, which begins at its IPv6 header. The kernel takes no test run with less
/// than such a header or more than a page.
pub fn check(packet: &[u8]) {
    let mut frame = vec![0x33, 0x33, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd];
    debug_assert_eq!(frame.len(), PACKET, "an Ethernet header");
    frame.extend(packet);
    frame.resize(frame.len().clamp(MESSAGE, LONGEST), 0);
    BENCH.with_borrow_mut(|bench| bench.as_mut().expect("it is prepared").judge(&frame));
}

impl Bench {
    fn judge(&mut self, frame: &[u8]) {
        let expected = validator_reason(frame);
        let passes = self.program.passes(frame);
        let counted = self.program.counters();
        let reason = only_difference(self.counted, counted);
        self.counted = counted;
        assert_eq!(reason, expected, "left: the program, right: the validator");
        assert_eq!(passes, reason == Reason::Passed, "it passes a packet that it counts as passed, and no other");
        assert_eq!(self.program.mark() != 0, passes, "only a valid solicitation sets the mark");
        if passes {
            self.program.set_mark(0);
        }
    }
}
